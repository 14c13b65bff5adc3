//! Random numbers that nobody can guess, so that nobody can answer in a target's place.

use super::progress::Fault;

/// Random bytes from the source that TLS draws its keys from.
///
/// # Errors
///
/// A fault of the prober when the system has none to give.
pub(super) fn bytes<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut bytes).map_err(|_| Fault::Prober("the system gives no random numbers".to_owned()))?;
    Ok(bytes)
}
