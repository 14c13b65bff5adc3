//! Where a probe goes: a host with its port, and which of the host's addresses count.

use std::fmt;
use std::str::FromStr;

use url::Host;

/// A host and a port, as in `mail.example.com:25` or `[2001:db8::1]:53`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name in ASCII, or an IP address.
    pub host: Host,
    /// The port, never 0.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Why a text is no host with its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a host with its port, as in `example.com:9090`; an IPv6 address stands in brackets")]
pub struct EndpointError;

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or(EndpointError)?;
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| is_number && *port > 0).ok_or(EndpointError)?;
        Ok(Self { host: parse_host(host).ok_or(EndpointError)?, port })
    }
}

/// Reads a name or an address without a port.
pub(in crate::spec) fn parse_host(text: &str) -> Option<Host> {
    // The parser of URLs decodes `%41`, which nobody means in a file.
    Host::parse(text).ok().filter(|_| !text.contains('%'))
}

/// Which addresses of a name are tried, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpFamily {
    /// All, IPv6 and IPv4 in turn, as browsers do (RFC 8305).
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
    /// All, those of IPv4 first.
    PreferV4,
    /// All, those of IPv6 first.
    PreferV6,
}
