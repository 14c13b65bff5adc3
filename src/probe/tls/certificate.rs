//! What a presented chain of certificates says of its end.

use rustls::pki_types::CertificateDer;
use tokio_rustls::client::TlsStream;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// When the earliest certificate that the peer presented expires, in seconds of Unix time.
///
/// A certificate that cannot be read is left out: the handshake has judged the chain already.
pub(in crate::probe) fn earliest_not_after<S>(stream: &TlsStream<S>) -> Option<i64> {
    let (_, connection) = stream.get_ref();
    connection.peer_certificates()?.iter().filter_map(not_after).min()
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    i64::try_from(validity(certificate)?.1).ok()
}

/// From when and until when a certificate is good, both in seconds of Unix time.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<(u64, u64)> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    Some((validity.not_before.to_unix_duration().as_secs(), validity.not_after.to_unix_duration().as_secs()))
}
