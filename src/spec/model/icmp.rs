//! An ICMP echo as the file says it.

use url::Host;

use super::IpFamily;
use crate::units::Duration;

/// One echo request, whose reply must come back.
#[derive(Clone, Debug, PartialEq)]
pub struct IcmpProbe {
    /// Where to.
    pub host: Host,
    /// Which of its addresses.
    pub ip: IpFamily,
    /// How many bytes the request carries.
    pub payload_bytes: usize,
    /// How many routers may pass it on, if not as many as usual.
    pub ttl: Option<u8>,
    /// The longest duration of the whole run that still counts as good, at most the timeout.
    pub within: Option<Duration>,
}
