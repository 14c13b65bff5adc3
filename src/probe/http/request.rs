//! What the file says of a request as HTTP carries it, with its secrets read at the moment of use, and what is left of
//! it after a redirect.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, COOKIE, HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION,
    USER_AGENT,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, StatusCode, Uri};
use http_body_util::Full;
use url::{Host, Url};

use super::super::cookies::Jar;
use super::super::progress::Fault;
use super::super::secret;
use super::exchange::Spoken;
use super::redirect;
use crate::spec::model::{BasicAuth, Compression, Credentials, HeaderText, HttpProbe, PlainOrSecret, RequestBody};

/// A request that can be sent.
pub(super) type Request = http::Request<Full<Bytes>>;

/// How the prober names itself to targets.
pub(in crate::probe) const AGENT: &str = concat!("burndown/", env!("CARGO_PKG_VERSION"));

/// The largest body that is read from a file, in bytes.
const MAX_BODY_BYTES: u64 = 10 * 1024 * 1024;

/// How a request names its target.
pub(super) enum Form {
    /// As to the target itself.
    Direct,
    /// As to a proxy that passes it on, which may want to know who asks.
    Forwarded(Option<HeaderValue>),
}

/// What a run sends: what the file says, and after redirects what is left of it.
pub(super) struct Outgoing {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Outgoing {
    /// The request as the file writes it, with its secrets read now, but for a token that has to be asked for.
    ///
    /// # Errors
    ///
    /// A fault of the prober when a secret or file cannot be read.
    pub(super) async fn read(probe: &HttpProbe) -> Result<Self, Fault> {
        let mut headers = HeaderMap::with_capacity(probe.headers.len() + 6);
        for (name, text) in &probe.headers {
            headers.append(name, header_value(text).await?);
        }
        match &probe.credentials {
            Some(Credentials::Basic(user)) => {
                headers.insert(AUTHORIZATION, basic(user).await?);
            }
            Some(Credentials::Bearer(source)) => {
                headers.insert(AUTHORIZATION, bearer(secret::read(source).await?.into_bytes())?);
            }
            Some(Credentials::OAuth2(_)) | None => {}
        }
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        if !probe.compression.is_empty() {
            headers.insert(ACCEPT_ENCODING, accept_encoding(&probe.compression));
        }
        Ok(Self { method: probe.method.clone(), headers, body: body(probe.body.as_ref()).await? })
    }

    /// Shows `token` to the target.
    pub(super) fn authorize(&mut self, token: HeaderValue) {
        self.headers.insert(AUTHORIZATION, token);
    }

    /// The host that the file gives instead of the URL's, if it does.
    pub(super) fn host(&self) -> Option<Host> {
        let authority: Authority = self.headers.get(HOST)?.to_str().ok()?.parse().ok()?;
        Host::parse(authority.host()).ok()
    }

    /// The request for `url`.
    ///
    /// # Errors
    ///
    /// A fault of the prober when the URL cannot stand in a request.
    pub(super) fn to(&self, url: &Url, spoken: Spoken, form: Form, jar: &Jar) -> Result<Request, Fault> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(cookies) = jar.header(url) {
            let cookies = beside(self.headers.get(COOKIE), &cookies);
            request.headers_mut().insert(COOKIE, cookies);
        }
        address(&mut request, url, spoken, form)?;
        Ok(request)
    }

    /// Changes the request as the redirect `status` from one URL to another asks for. What is meant for one place
    /// is not shown at another.
    ///
    /// # Errors
    ///
    /// A refused redirect when a body would go to another place: it may hold what is secret.
    pub(super) fn redirect(&mut self, status: StatusCode, from: &Url, to: &Url) -> Result<(), Fault> {
        let method = redirect::method(status, &self.method);
        if method != self.method {
            self.body = Bytes::new();
            let of_body: Vec<_> =
                self.headers.keys().filter(|name| name.as_str().starts_with("content-")).cloned().collect();
            for name in of_body {
                self.headers.remove(name);
            }
            self.method = method;
        }
        if redirect::is_same_place(from, to) {
            return Ok(());
        }
        if !self.body.is_empty() {
            return Err(redirect::refused(&format!("would send the request's body to {}", redirect::host(to))));
        }
        self.forget_secrets();
        Ok(())
    }

    /// Drops credentials, everything else that came from a secret, and the host that the file gives.
    fn forget_secrets(&mut self) {
        let kept = self.headers.iter().filter(|(name, value)| {
            !value.is_sensitive() && ![AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HOST].contains(name)
        });
        self.headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    }
}

/// A header's value, with its secret read now, which is marked as sensitive.
///
/// # Errors
///
/// A fault of the prober when the secret cannot be read or sent.
pub(in crate::probe) async fn header_value(text: &HeaderText) -> Result<HeaderValue, Fault> {
    match text {
        HeaderText::Plain(value) => Ok(value.clone()),
        HeaderText::Secret(source) => sensitive(secret::read(source).await?.into_bytes()),
    }
}

fn sensitive(bytes: Vec<u8>) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::try_from(bytes)
        .map_err(|_| Fault::Prober("a secret has characters that a header cannot carry".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The header of a user with a password.
pub(super) async fn basic(user: &BasicAuth) -> Result<HeaderValue, Fault> {
    let mut pair = plain_or_secret(&user.username).await?;
    pair.push(b':');
    pair.extend(secret::read(&user.password).await?.into_bytes());
    sensitive(format!("Basic {}", STANDARD.encode(pair)).into_bytes())
}

/// The header of a token.
pub(super) fn bearer(token: Vec<u8>) -> Result<HeaderValue, Fault> {
    sensitive([b"Bearer ".to_vec(), token].concat())
}

/// The bytes of a text or secret.
pub(super) async fn plain_or_secret(text: &PlainOrSecret) -> Result<Vec<u8>, Fault> {
    match text {
        PlainOrSecret::Plain(text) => Ok(text.clone().into_bytes()),
        PlainOrSecret::Secret(source) => Ok(secret::read(source).await?.into_bytes()),
    }
}

async fn body(body: Option<&RequestBody>) -> Result<Bytes, Fault> {
    Ok(match body {
        None => Bytes::new(),
        Some(RequestBody::Text(text)) => Bytes::copy_from_slice(text.as_bytes()),
        Some(RequestBody::Secret(source)) => secret::read(source).await?.into_bytes().into(),
        Some(RequestBody::File(path)) => body_file(path).await?.into(),
    })
}

/// Every byte of a regular file of bounded size.
async fn body_file(path: &Path) -> Result<Vec<u8>, Fault> {
    let owned = path.to_owned();
    let read = tokio::task::spawn_blocking(move || secret::read_regular(&owned, MAX_BODY_BYTES)).await;
    let unreadable = |why: &str| Fault::Prober(format!("the body file {}: {why}", path.display()));
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(unreadable(&error.to_string())),
        Err(_) => Err(unreadable("could not be read")),
    }
}

fn accept_encoding(compression: &[Compression]) -> HeaderValue {
    let names: Vec<&str> = compression.iter().map(|compression| compression.as_str()).collect();
    HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static("identity"))
}

/// Cookies behind those that the file gives.
fn beside(given: Option<&HeaderValue>, cookies: &HeaderValue) -> HeaderValue {
    let Some(given) = given else { return cookies.clone() };
    let joined = [given.as_bytes(), b"; ", cookies.as_bytes()].concat();
    let mut value = HeaderValue::try_from(joined).unwrap_or_else(|_| cookies.clone());
    value.set_sensitive(true);
    value
}

/// Puts `url` into a request, as the other side of the connection wants to read it.
///
/// # Errors
///
/// A fault of the prober when the URL cannot stand in a request.
pub(super) fn address(request: &mut Request, url: &Url, spoken: Spoken, form: Form) -> Result<(), Fault> {
    let host = match request.headers_mut().remove(HOST) {
        Some(host) => host,
        None => HeaderValue::try_from(authority(url)).map_err(|_| unsendable())?,
    };
    *request.uri_mut() = match (spoken, &form) {
        // HTTP/2 has no header `Host`: what the file gives for it stands here.
        (Spoken::Http2, _) => absolute(url, Authority::try_from(host.as_bytes()).map_err(|_| unsendable())?)?,
        (Spoken::Http1, Form::Forwarded(_)) => {
            absolute(url, Authority::try_from(authority(url)).map_err(|_| unsendable())?)?
        }
        (Spoken::Http1, Form::Direct) => origin(url)?.into(),
    };
    let headers = request.headers_mut();
    if let Form::Forwarded(Some(authorization)) = form {
        headers.insert(PROXY_AUTHORIZATION, authorization);
    }
    if spoken == Spoken::Http1 {
        headers.insert(HOST, host);
        // The connection serves one run; saying so lets the target close it, and keep the closed port on its side.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(())
}

/// The host and, unless it is the scheme's own, the port.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Path and query.
fn origin(url: &Url) -> Result<PathAndQuery, Fault> {
    let text = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    PathAndQuery::try_from(text).map_err(|_| unsendable())
}

/// The whole URL, to `authority`.
fn absolute(url: &Url, authority: Authority) -> Result<Uri, Fault> {
    let scheme = if url.scheme() == "https" { Scheme::HTTPS } else { Scheme::HTTP };
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(origin(url)?);
    uri.build().map_err(|_| unsendable())
}

fn unsendable() -> Fault {
    Fault::Prober("the URL cannot stand in a request".to_owned())
}
