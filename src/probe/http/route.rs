//! The way to a target: straight or through a proxy, with TLS where the URL asks for it.

use http::HeaderValue;
use httparse::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::super::net;
use super::super::outcome::{Phase, Reason};
use super::super::progress::{Fault, Progress};
use super::super::reach::Reach;
use super::super::tls::{self, Alpn, Client, Handshaker};
use super::exchange::Spoken;
use super::request::{self, AGENT, Form};
use super::stream::Stream;
use crate::spec::model::{HttpVersion, IpFamily, Proxy, TlsSettings};

/// The longest answer to `CONNECT`, in bytes.
const MAX_CONNECT_ANSWER: usize = 16 * 1024;

/// The most header lines in an answer to `CONNECT`.
const MAX_CONNECT_HEADERS: usize = 64;

/// What the file says of a way.
pub(super) struct Wanted<'a> {
    pub(super) url: &'a Url,
    pub(super) version: HttpVersion,
    pub(super) family: IpFamily,
    pub(super) tls: &'a TlsSettings,
    pub(super) proxy: Option<&'a Proxy>,
}

/// A way that is prepared but not walked yet.
pub(super) struct Route<'a> {
    url: &'a Url,
    version: HttpVersion,
    family: IpFamily,
    proxy: Option<Via<'a>>,
    tls: Option<Client>,
}

/// The way through a proxy.
struct Via<'a> {
    url: &'a Url,
    tls: Option<Client>,
    authorization: Option<HeaderValue>,
}

/// An open connection, and how a request is to be put to it.
pub(super) struct Opened {
    pub(super) stream: Stream,
    pub(super) spoken: Spoken,
    pub(super) form: Form,
}

impl<'a> Route<'a> {
    /// Prepares the way to `url`: certificates and secrets are read, and nobody is met yet.
    ///
    /// # Errors
    ///
    /// A fault of the prober when a file or secret cannot be read.
    pub(super) async fn prepare(reach: &Reach, wanted: Wanted<'a>) -> Result<Self, Fault> {
        let Wanted { url, version, family, tls: settings, proxy } = wanted;
        let handshaker = &reach.tls;
        let alpn = match version {
            HttpVersion::Any => Alpn::HTTP,
            HttpVersion::Http1 => Alpn::HTTP_1,
            HttpVersion::Http2 => Alpn::HTTP_2,
        };
        let tls = if is_tls(url) { Some(handshaker.client(settings, alpn).await?) } else { None };
        let proxy = match proxy.filter(|proxy| !is_bypassed(proxy, url)) {
            Some(proxy) => Some(Via::prepare(handshaker, settings, proxy).await?),
            None => None,
        };
        Ok(Self { url, version, family, proxy, tls })
    }

    /// Opens the connection.
    ///
    /// # Errors
    ///
    /// [`Reason::Resolve`], [`Reason::Connect`] and [`Reason::Tls`] for whatever stood in the way, and
    /// [`Reason::Protocol`] when the target does not speak the version that is asked for.
    pub(super) async fn open(self, reach: &Reach, progress: &mut Progress) -> Result<Opened, Fault> {
        let mut form = Form::Direct;
        let stream = match self.proxy {
            None => Stream::Plain(connect(reach, self.url, self.family, progress).await?),
            Some(via) => {
                let mut stream = via.open(reach, self.family, progress).await.map_err(at_proxy)?;
                if self.tls.is_some() || self.version == HttpVersion::Http2 {
                    tunnel(&mut stream, self.url, via.authorization.as_ref()).await.map_err(at_proxy)?;
                } else {
                    form = Form::Forwarded(via.authorization);
                }
                stream
            }
        };
        let Some(tls) = self.tls else {
            let spoken = if self.version == HttpVersion::Http2 { Spoken::Http2 } else { Spoken::Http1 };
            return Ok(Opened { stream, spoken, form });
        };
        progress.enter(Phase::Tls);
        let stream = tls.handshake(host(self.url)?, stream).await?;
        let ends = [progress.tls_not_after, tls::earliest_not_after(&stream)];
        progress.tls_not_after = ends.into_iter().flatten().min();
        let spoken = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Spoken::Http2,
            _ if self.version == HttpVersion::Http2 => {
                return Err(Fault::Target(Reason::Protocol, "the target does not speak HTTP/2".to_owned()));
            }
            _ => Spoken::Http1,
        };
        Ok(Opened { stream: Stream::Tls(Box::new(stream)), spoken, form })
    }
}

impl<'a> Via<'a> {
    async fn prepare(handshaker: &Handshaker, settings: &TlsSettings, proxy: &'a Proxy) -> Result<Self, Fault> {
        // Who the prober is, and what the target is called, is for the target alone.
        let settings = TlsSettings { client: None, server_name: None, ..settings.clone() };
        let tls = if is_tls(&proxy.url) { Some(handshaker.client(&settings, Alpn::HTTP_1).await?) } else { None };
        let authorization = match &proxy.basic_auth {
            Some(user) => Some(request::basic(user).await?),
            None => None,
        };
        Ok(Self { url: &proxy.url, tls, authorization })
    }

    /// Opens the connection to the proxy; its handshake is a part of connecting.
    async fn open(&self, reach: &Reach, family: IpFamily, progress: &mut Progress) -> Result<Stream, Fault> {
        let stream = Stream::Plain(connect(reach, self.url, family, progress).await?);
        match &self.tls {
            Some(tls) => Ok(Stream::Tls(Box::new(tls.handshake(host(self.url)?, stream).await?))),
            None => Ok(stream),
        }
    }
}

async fn connect(reach: &Reach, url: &Url, family: IpFamily, progress: &mut Progress) -> Result<TcpStream, Fault> {
    progress.enter(Phase::Resolve);
    let addresses = reach.resolver.of_url(url, family).await?;
    progress.enter(Phase::Connect);
    net::connect(&addresses).await
}

/// Asks a proxy for a connection to the host of `url` (RFC 9110, section 9.3.6).
async fn tunnel(stream: &mut Stream, url: &Url, authorization: Option<&HeaderValue>) -> Result<(), Fault> {
    let broken = |error: std::io::Error| Fault::Target(Reason::Connect, net::without_code(&error));
    let port = url.port_or_known_default().unwrap_or_default();
    let target = format!("{}:{port}", url.host_str().unwrap_or_default());
    let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: {AGENT}\r\n").into_bytes();
    if let Some(authorization) = authorization {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(authorization.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    stream.write_all(&head).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut answer = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut answer).await.map_err(broken)? == 0 {
            return Err(refused("closed the connection instead of answering CONNECT"));
        }
        if let Some(status) = connected(&answer)? {
            return match status {
                200..=299 => Ok(()),
                status => Err(refused(&format!("answered CONNECT with status {status}"))),
            };
        }
    }
}

/// The status of an answer to `CONNECT`, or nothing if it is not complete yet.
fn connected(answer: &[u8]) -> Result<Option<u16>, Fault> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_CONNECT_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(answer) {
        // A target waits for the client's first word, so nothing can follow an agreement yet.
        Ok(Status::Complete(end)) if end < answer.len() && response.code.is_some_and(|code| code < 300) => {
            Err(refused("sent more than an answer to CONNECT"))
        }
        Ok(Status::Complete(_)) => Ok(response.code),
        Ok(Status::Partial) if answer.len() < MAX_CONNECT_ANSWER => Ok(None),
        Ok(Status::Partial) | Err(_) => Err(refused("did not answer CONNECT in HTTP")),
    }
}

fn refused(what: &str) -> Fault {
    Fault::Target(Reason::Connect, what.to_owned())
}

/// Says that a fault is one of the way, not of the target. Whatever the proxy did, no connection came about.
fn at_proxy(fault: Fault) -> Fault {
    match fault {
        Fault::Target(reason, detail) => {
            let reason = if reason == Reason::Resolve { reason } else { Reason::Connect };
            Fault::Target(reason, format!("the proxy: {detail}"))
        }
        Fault::Prober(detail) => Fault::Prober(detail),
    }
}

fn is_bypassed(proxy: &Proxy, url: &Url) -> bool {
    let port = url.port_or_known_default().unwrap_or_default();
    url.host().is_some_and(|host| proxy.no_proxy.iter().any(|bypass| bypass.holds(&host, port)))
}

fn is_tls(url: &Url) -> bool {
    url.scheme() == "https"
}

fn host(url: &Url) -> Result<Host<&str>, Fault> {
    url.host().ok_or_else(|| Fault::Prober("the URL has no host".to_owned()))
}
