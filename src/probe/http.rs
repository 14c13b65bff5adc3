//! HTTP: one request on a fresh connection, timed phase by phase, and judged by what the file expects.
//!
//! A redirect is an answer like any other and judged by its status. What a run met is data, never an error.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, HeaderValue, USER_AGENT};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use url::Url;

use super::net;
use super::outcome::{Outcome, Phase, Reason, Verdict};
use super::progress::{Fault, FirstByte, Progress, readable, timed_out};
use super::secret;
use super::tls::{self, Handshaker};
use crate::spec::model::{HeaderText, HttpExpect, HttpProbe};
use crate::units;

type Request = http::Request<Full<Bytes>>;

/// How the prober names itself to targets.
const AGENT: &str = concat!("burndown/", env!("CARGO_PKG_VERSION"));

/// Makes one run that ends at `wall` at the latest, however far it has come; `timeout` says so in its detail.
///
/// Dropping the future closes the connection and leaves nothing behind.
pub(super) async fn run(tls: &Handshaker, probe: &HttpProbe, wall: Instant, timeout: units::Duration) -> Outcome {
    let started = Instant::now();
    let mut progress = Progress::default();
    let result = tokio::time::timeout_at(wall, attempt(tls, probe, &mut progress)).await;
    let duration = started.elapsed();
    let (phases, last) = progress.finish();
    let verdict = match result {
        Ok(Ok(())) => match probe.expect.within {
            Some(within) if duration > within.to_std() => Verdict::Failed {
                reason: Reason::TooSlow,
                detail: format!("took {}, expected within {within}", readable(duration)),
            },
            _ => Verdict::Success,
        },
        Ok(Err(fault)) => fault.into(),
        Err(_) => timed_out(last, timeout).into(),
    };
    Outcome { verdict, duration, phases, tls_not_after: progress.tls_not_after, steps: Vec::new() }
}

async fn attempt(tls: &Handshaker, probe: &HttpProbe, progress: &mut Progress) -> Result<(), Fault> {
    let request = build(probe).await?;
    progress.enter(Phase::Resolve);
    let addresses = net::resolve(&probe.url).await?;
    progress.enter(Phase::Connect);
    let stream = net::connect(&addresses).await?;
    if probe.url.scheme() == "https" {
        progress.enter(Phase::Tls);
        let stream = tls.handshake(&probe.url, stream).await?;
        progress.tls_not_after = tls::earliest_not_after(&stream);
        exchange(stream, request, probe, progress).await
    } else {
        exchange(stream, request, probe, progress).await
    }
}

/// The request as the file writes it, with its secrets read now.
async fn build(probe: &HttpProbe) -> Result<Request, Fault> {
    let path = match probe.url.query() {
        Some(query) => format!("{}?{query}", probe.url.path()),
        None => probe.url.path().to_owned(),
    };
    let body = Full::new(Bytes::from(probe.body.clone().unwrap_or_default()));
    let mut request = http::Request::builder()
        .method(probe.method.clone())
        .uri(path)
        .body(body)
        .map_err(|error| Fault::Prober(format!("the request cannot be sent: {error}")))?;
    let headers = request.headers_mut();
    for (name, text) in &probe.headers {
        headers.append(name, header_value(text).await?);
    }
    let host = HeaderValue::try_from(host_header(&probe.url))
        .map_err(|_| Fault::Prober("the URL's host cannot stand in a header".to_owned()))?;
    headers.entry(HOST).or_insert(host);
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    // The connection serves one run; saying so lets the target close it, and keep the closed port on its side.
    headers.entry(CONNECTION).or_insert(HeaderValue::from_static("close"));
    Ok(request)
}

async fn header_value(text: &HeaderText) -> Result<HeaderValue, Fault> {
    match text {
        HeaderText::Plain(value) => Ok(value.clone()),
        HeaderText::Secret(source) => {
            let mut value = HeaderValue::try_from(secret::read(source).await?.into_bytes())
                .map_err(|_| Fault::Prober("a secret has characters that a header cannot carry".to_owned()))?;
            value.set_sensitive(true);
            Ok(value)
        }
    }
}

/// The host and, unless it is the scheme's own, the port.
fn host_header(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Sends the request over an open connection and judges the answer.
async fn exchange<S>(stream: S, request: Request, probe: &HttpProbe, progress: &mut Progress) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let io = TokioIo::new(Watched { stream, first_byte: progress.first_byte() });
    let (mut sender, connection) = http1::handshake(io).await.map_err(|error| broken(&error))?;
    progress.enter(Phase::Processing);
    let conversation = async {
        let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
        judge(answer, probe).await
    };
    drive(connection, conversation).await
}

/// Runs a conversation while its connection moves the bytes, both in this task, so that dropping it ends both.
async fn drive<T>(connection: impl Future, conversation: impl Future<Output = T>) -> T {
    let mut conversation = pin!(conversation);
    tokio::select! {
        biased;
        answer = &mut conversation => answer,
        // A connection that is over has told the conversation why.
        _ = connection => conversation.await,
    }
}

/// Holds an answer against what the file expects.
async fn judge(answer: http::Response<Incoming>, probe: &HttpProbe) -> Result<(), Fault> {
    let expect = &probe.expect;
    let status = answer.status().as_u16();
    if !expect.status.iter().any(|(low, high)| (*low..=*high).contains(&status)) {
        return Err(Fault::Target(Reason::Status, format!("status {status}, expected {}", expected_status(expect))));
    }
    let body = read(answer.into_body(), probe.max_body_bytes, !expect.body_contains.is_empty()).await?;
    let text = String::from_utf8_lossy(&body);
    match expect.body_contains.iter().find(|wanted| !text.contains(wanted.as_str())) {
        Some(missing) => Err(Fault::Target(Reason::Body, format!("the body does not contain `{missing}`"))),
        None => Ok(()),
    }
}

fn expected_status(expect: &HttpExpect) -> String {
    let range = |(low, high): &(u16, u16)| if low == high { low.to_string() } else { format!("{low}-{high}") };
    expect.status.iter().map(range).collect::<Vec<_>>().join(", ")
}

/// Reads a body of at most `limit` bytes to its end, and returns it if it is to be kept.
async fn read(mut body: Incoming, limit: u64, keep: bool) -> Result<Vec<u8>, Fault> {
    let mut kept = Vec::new();
    let mut length: u64 = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        length += data.len() as u64;
        if length > limit {
            return Err(Fault::Target(Reason::BodyTooLarge, format!("the body is larger than {limit} bytes")));
        }
        if keep {
            kept.extend_from_slice(data);
        }
    }
    Ok(kept)
}

/// The fault of a conversation that broke off.
fn broken(error: &hyper::Error) -> Fault {
    let source = std::error::Error::source(error);
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    let detail = if error.is_incomplete_message() || io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
        "the connection closed before the answer was complete".to_owned()
    } else if let Some(io) = io {
        net::without_code(io)
    } else if error.is_parse_too_large() {
        "the answer's header is too large".to_owned()
    } else if error.is_parse() {
        "the answer is not valid HTTP".to_owned()
    } else if error.is_canceled() || error.is_closed() {
        "the connection closed before an answer".to_owned()
    } else {
        error.to_string()
    };
    Fault::Target(Reason::Protocol, detail)
}

/// A stream that notes when its first byte was read.
struct Watched<S> {
    stream: S,
    first_byte: FirstByte,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.first_byte.get_or_init(Instant::now);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
