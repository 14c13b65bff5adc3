//! A DNS query as the file says it, and what the answer must be.

use simple_dns::TYPE;

use super::{Endpoint, IpFamily, TlsSettings};
use crate::units::{Duration, Pattern};

/// One query and what its answer must be.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsProbe {
    /// The server that is asked.
    pub server: Endpoint,
    /// Which of its addresses.
    pub ip: IpFamily,
    /// How it is asked.
    pub transport: DnsTransport,
    /// The name that is asked for, in ASCII; it fits into a message.
    pub name: String,
    /// The type of the records that are asked for.
    pub record: TYPE,
    /// Whether the server is to ask others.
    pub recursion: bool,
    /// What the answer must be.
    pub expect: DnsExpect,
}

/// How a DNS server is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DnsTransport {
    /// A datagram, and a connection when the answer does not fit into one.
    #[default]
    Udp,
    /// A connection.
    Tcp,
    /// A connection that speaks TLS (RFC 7858).
    Tls(TlsSettings),
}

/// What a DNS answer must be.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsExpect {
    /// Accepted response codes, at least one.
    pub rcodes: Vec<Rcode>,
    /// The fewest records of the asked type, when the response code is NOERROR.
    pub at_least: usize,
    /// The most records of the asked type.
    pub at_most: Option<usize>,
    /// Patterns each of which some record must match.
    pub any: Vec<Pattern>,
    /// Patterns that every record must match.
    pub all: Vec<Pattern>,
    /// Patterns that no record may match.
    pub none: Vec<Pattern>,
    /// Whether the server must be an authority for the name, if that matters.
    pub authoritative: Option<bool>,
    /// The longest duration of the whole run that still counts as good, at most the timeout.
    pub within: Option<Duration>,
}

/// A response code of DNS (RFC 1035, section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rcode {
    /// No error.
    NoError,
    /// The server could not read the query.
    FormErr,
    /// The server failed.
    ServFail,
    /// There is no such name.
    NxDomain,
    /// The server does not know this kind of query.
    NotImp,
    /// The server does not want to answer.
    Refused,
    /// Any other.
    Other,
}

impl Rcode {
    /// Every code that a file can name, as it is written.
    pub const NAMED: [(&str, Self); 6] = [
        ("NOERROR", Self::NoError),
        ("FORMERR", Self::FormErr),
        ("SERVFAIL", Self::ServFail),
        ("NXDOMAIN", Self::NxDomain),
        ("NOTIMP", Self::NotImp),
        ("REFUSED", Self::Refused),
    ];

    /// The code as people write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMED.iter().find(|(_, code)| *code == self).map_or("another code", |(name, _)| name)
    }
}
