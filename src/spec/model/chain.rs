//! A TLS handshake as the file says it, and what the presented chain must be.

use url::Host;

use super::{Endpoint, IpFamily, TlsSettings};
use crate::units::Duration;

/// One TLS handshake and what it must show.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsProbe {
    /// Where to.
    pub address: Endpoint,
    /// Which of its addresses.
    pub ip: IpFamily,
    /// How TLS is spoken; it also says whom the chain must lead to.
    pub tls: TlsSettings,
    /// How much longer every certificate of the chain must be valid.
    pub valid_for: Option<Duration>,
    /// Names and addresses that the certificate must be valid for, besides the one that is asked for.
    pub names: Vec<Host>,
    /// The longest duration of the whole run that still counts as good, at most the timeout.
    pub within: Option<Duration>,
}
