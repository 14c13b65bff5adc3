//! A request as the file says it.

use super::{HttpExpect, SecretSource, TlsSettings};

/// One HTTP request and what its answer must be.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpProbe {
    /// Where to, `http` or `https`, without user information.
    pub url: url::Url,
    /// The method.
    pub method: http::Method,
    /// Request headers in the file's order; a header may repeat.
    pub headers: Vec<(http::HeaderName, HeaderText)>,
    /// The request body.
    pub body: Option<String>,
    /// How many body bytes of an answer are read; more fails the run.
    pub max_body_bytes: u64,
    /// How TLS is spoken where the URL asks for it.
    pub tls: TlsSettings,
    /// What the answer must be.
    pub expect: HttpExpect,
}

/// A header value: text of the file, or a secret from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderText {
    /// Written in the file.
    Plain(http::HeaderValue),
    /// Named in the file, kept elsewhere.
    Secret(SecretSource),
}
