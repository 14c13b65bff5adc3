//! A conversation over TCP as the file says it.

use super::{Endpoint, IpFamily, SecretSource, TlsSettings};
use crate::units::{Duration, Pattern};

/// A TCP connection and what is said over it.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpProbe {
    /// Where to.
    pub address: Endpoint,
    /// Which of its addresses.
    pub ip: IpFamily,
    /// How TLS is spoken from the first byte on; nothing if it is not.
    pub tls: Option<TlsSettings>,
    /// What is said, in order; nothing when a connection is all that is wanted.
    pub exchange: Vec<Turn>,
    /// How many bytes of the target are read in all; more fails the run.
    pub max_read_bytes: u64,
    /// The longest duration of the whole run that still counts as good, at most the timeout.
    pub within: Option<Duration>,
}

/// One step of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Waits for the target to say something.
    Expect(Expected),
    /// Says something, piece after piece.
    Send(Vec<SendPiece>),
    /// Speaks TLS from here on.
    StartTls(TlsSettings),
}

/// What the target has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// What a line, or everything that has come since the last match, has to match.
    pub pattern: Pattern,
    /// What ends the run as failed at once.
    pub not: Option<Pattern>,
    /// Whether whole lines are looked at, one after another, rather than all bytes that have come.
    pub lines: bool,
}

/// A piece of what is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendPiece {
    /// Written in the file.
    Text(String),
    /// What a group of an earlier pattern matched.
    Group(Group),
    /// Named in the file, kept elsewhere.
    Secret(SecretSource),
}

/// A group of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    /// By its number in the last pattern that matched; 0 is the whole match.
    Number(usize),
    /// By its name, in the last pattern that has it.
    Name(String),
}
