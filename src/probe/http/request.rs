//! What the file says of a request as HTTP carries it, with its secrets read at the moment of use.

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, HeaderValue, USER_AGENT};
use http_body_util::Full;
use url::Url;

use super::super::progress::Fault;
use super::super::secret;
use crate::spec::model::{HeaderText, HttpProbe};

/// A request that can be sent.
pub(super) type Request = http::Request<Full<Bytes>>;

/// How the prober names itself to targets.
pub(in crate::probe) const AGENT: &str = concat!("burndown/", env!("CARGO_PKG_VERSION"));

/// The request as the file writes it, with its secrets read now.
pub(super) async fn build(probe: &HttpProbe) -> Result<Request, Fault> {
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

/// A header's value, with its secret read now.
///
/// # Errors
///
/// A fault of the prober when the secret cannot be read or sent.
pub(in crate::probe) async fn header_value(text: &HeaderText) -> Result<HeaderValue, Fault> {
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
