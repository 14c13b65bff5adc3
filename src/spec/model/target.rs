//! Where a probe goes: a host with its port, and which of the host's addresses count.

use std::fmt;

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
