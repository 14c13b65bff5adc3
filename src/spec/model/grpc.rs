//! A gRPC health check as the file says it.

use super::{Endpoint, HeaderText, IpFamily, TlsSettings};
use crate::units::Duration;

/// One call of `grpc.health.v1.Health/Check`, whose answer must be SERVING.
#[derive(Clone, Debug, PartialEq)]
pub struct GrpcProbe {
    /// Where to.
    pub address: Endpoint,
    /// Which of its addresses.
    pub ip: IpFamily,
    /// How TLS is spoken; nothing for HTTP/2 without TLS.
    pub tls: Option<TlsSettings>,
    /// The service that is asked for; empty for the server as a whole.
    pub service: String,
    /// Headers of the call in the file's order; a header may repeat.
    pub metadata: Vec<(http::HeaderName, HeaderText)>,
    /// The longest duration of the whole run that still counts as good, at most the timeout.
    pub within: Option<Duration>,
}
