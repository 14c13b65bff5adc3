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
    let end = Certificate::from_der(certificate).ok()?.tbs_certificate().validity().not_after.to_unix_duration();
    i64::try_from(end.as_secs()).ok()
}
