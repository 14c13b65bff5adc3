//! A request as the file says it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::IpNet;
use url::{Host, Url};

use super::{HttpExpect, IpFamily, SecretSource, TlsSettings};

/// One HTTP request and what its answer must be.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpProbe {
    /// Where to, `http` or `https`, without user information.
    pub url: Url,
    /// The method.
    pub method: http::Method,
    /// Which version of HTTP is spoken.
    pub version: HttpVersion,
    /// Which addresses of a name are tried.
    pub family: IpFamily,
    /// Request headers in the file's order; a header may repeat.
    pub headers: Vec<(http::HeaderName, HeaderText)>,
    /// What the header `Authorization` is made of, if the headers do not hold it.
    pub credentials: Option<Credentials>,
    /// The request body.
    pub body: Option<RequestBody>,
    /// How answers may be compressed, the preferred first; not at all if none is named.
    pub compression: Vec<Compression>,
    /// How many redirects are followed; with 0, a redirect is judged like any other answer.
    pub redirects: u8,
    /// Through whom the request goes, if not straight to its target.
    pub proxy: Option<Proxy>,
    /// How TLS is spoken where the URL asks for it.
    pub tls: TlsSettings,
    /// How many body bytes of an answer are read, decompressed; more fails the run.
    pub max_body_bytes: u64,
    /// What the answer must be.
    pub expect: HttpExpect,
}

impl HttpProbe {
    /// Whether a run may make a TLS handshake.
    #[must_use]
    pub fn may_meet_tls(&self) -> bool {
        let is_tls = |url: &Url| url.scheme() == "https";
        is_tls(&self.url) || self.redirects > 0 || self.proxy.as_ref().is_some_and(|proxy| is_tls(&proxy.url))
    }
}

/// Which version of HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// What browsers do: over TLS the target chooses between 2 and 1.1, otherwise 1.1.
    #[default]
    Any,
    /// 1.1 alone.
    Http1,
    /// 2 alone; without TLS, with prior knowledge.
    Http2,
}

/// A header value: text of the file, or a secret from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderText {
    /// Written in the file.
    Plain(http::HeaderValue),
    /// Named in the file, kept elsewhere.
    Secret(SecretSource),
}

/// A text of the file, or a secret from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlainOrSecret {
    /// Written in the file.
    Plain(String),
    /// Named in the file, kept elsewhere.
    Secret(SecretSource),
}

/// Whom the prober says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `Authorization: Basic` (RFC 7617).
    Basic(BasicAuth),
    /// `Authorization: Bearer` with a token that is kept elsewhere (RFC 6750).
    Bearer(SecretSource),
    /// `Authorization: Bearer` with a token that a server gives out.
    OAuth2(Box<OAuth2>),
}

/// A user with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicAuth {
    /// The user; one of the file holds no colon.
    pub username: PlainOrSecret,
    /// The password.
    pub password: SecretSource,
}

/// How a token is asked for: client credentials of OAuth 2.0 (RFC 6749, section 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// Where tokens are given out.
    pub token_url: Url,
    /// Who asks.
    pub client_id: PlainOrSecret,
    /// What shows it.
    pub client_secret: SecretSource,
    /// Where client and secret stand in the request.
    pub auth_method: ClientAuth,
    /// What the token should be good for.
    pub scopes: Vec<String>,
    /// What else the server wants to know, such as an `audience`.
    pub params: BTreeMap<String, String>,
    /// How TLS is spoken to the token server.
    pub tls: TlsSettings,
}

/// Where a client and its secret stand in a request for a token (RFC 6749, section 2.3.1; names of RFC 7591).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// In the header `Authorization`.
    #[default]
    Basic,
    /// In the body.
    Post,
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// Written in the file.
    Text(String),
    /// Named in the file, kept elsewhere.
    Secret(SecretSource),
    /// Every byte of a file, which is read at each run.
    File(PathBuf),
}

/// How the body of an answer may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `gzip`.
    Gzip,
    /// `br`.
    Brotli,
    /// `deflate`.
    Deflate,
}

impl Compression {
    /// The name in `Accept-Encoding` and `Content-Encoding`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Deflate => "deflate",
        }
    }
}

/// Through whom a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The proxy, `http` or `https`, without path and user information.
    pub url: Url,
    /// Who is asking.
    pub basic_auth: Option<BasicAuth>,
    /// Targets that are met without it.
    pub no_proxy: Vec<Bypass>,
}

/// Targets that are met without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bypass {
    /// Which hosts.
    pub hosts: BypassHosts,
    /// On which port; on every one if there is none.
    pub port: Option<u16>,
}

/// Hosts that are met without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BypassHosts {
    /// `*`: all.
    All,
    /// An address or block of addresses. Names are not looked up for it.
    Network(IpNet),
    /// `example.com`: this name and all below it.
    Domain(String),
    /// `.example.com` or `*.example.com`: all names below it.
    Below(String),
}

impl Bypass {
    /// Whether a host and port are met without the proxy.
    #[must_use]
    pub fn holds(&self, host: &Host<&str>, port: u16) -> bool {
        self.port.is_none_or(|own| own == port) && self.hosts.hold(host)
    }
}

impl BypassHosts {
    fn hold(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Network(network), Host::Ipv4(address)) => network.contains(&std::net::IpAddr::from(*address)),
            (Self::Network(network), Host::Ipv6(address)) => network.contains(&address.to_canonical()),
            (Self::Domain(own), Host::Domain(name)) => name == own || is_below(name, own),
            (Self::Below(own), Host::Domain(name)) => is_below(name, own),
            (Self::Network(_), Host::Domain(_)) | (Self::Domain(_) | Self::Below(_), _) => false,
        }
    }
}

/// Whether `name` is a name below `domain`, such as `a.example.com` below `example.com`.
fn is_below(name: &str, domain: &str) -> bool {
    // The root's dot at the end changes nothing of what a name means.
    let name = name.strip_suffix('.').unwrap_or(name);
    name.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}
