//! What all runs share to reach their targets.

use rustls::RootCertStore;

use super::http::Tokens;
use super::tls::Handshaker;

/// What all runs share to reach their targets. It keeps nothing of a run but the tokens that servers gave out.
#[derive(Debug)]
pub(super) struct Reach {
    /// Makes the TLS handshakes.
    pub(super) tls: Handshaker,
    /// What OAuth 2.0 servers gave out.
    pub(super) tokens: Tokens,
}

impl Reach {
    /// Trusts `roots` where nothing else is said.
    ///
    /// # Errors
    ///
    /// The cryptography lacks a protocol version.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        Ok(Self { tls: Handshaker::new(roots)?, tokens: Tokens::default() })
    }
}
