//! The TLS handshake of a probe: one shared configuration, no resumption, and what the chain says of its end.
//!
//! Resumption is off because every run has to show what a new visitor meets.

use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::net;
use super::outcome::Reason;
use super::progress::Fault;

/// Makes the handshakes of all probes.
#[derive(Clone)]
pub(super) struct Handshaker {
    connector: TlsConnector,
    has_roots: bool,
}

impl Handshaker {
    /// A handshaker that trusts `roots` and offers HTTP/1.1.
    ///
    /// # Errors
    ///
    /// Those of [`ClientConfig`]: the cryptography lacks a protocol version.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let has_roots = !roots.is_empty();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), has_roots })
    }

    /// Makes the handshake for a URL's host over an open connection.
    ///
    /// # Errors
    ///
    /// [`Reason::Tls`] for whatever the peer did; a fault of the prober when no root certificate is known.
    pub(super) async fn handshake(&self, url: &Url, stream: TcpStream) -> Result<TlsStream<TcpStream>, Fault> {
        if !self.has_roots {
            return Err(Fault::Prober("no trusted root certificate was found on this machine".to_owned()));
        }
        let name = server_name(url)?;
        self.connector.connect(name, stream).await.map_err(|error| Fault::Target(Reason::Tls, describe(&error)))
    }
}

fn server_name(url: &Url) -> Result<ServerName<'static>, Fault> {
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(ServerName::from(std::net::IpAddr::from(address))),
        Some(Host::Ipv6(address)) => Ok(ServerName::from(std::net::IpAddr::from(address))),
        Some(Host::Domain(name)) => ServerName::try_from(name.to_owned())
            .map_err(|_| Fault::Target(Reason::Tls, format!("`{name}` cannot stand in a certificate"))),
        None => Err(Fault::Prober("the URL has no host".to_owned())),
    }
}

/// What went wrong in a handshake.
fn describe(error: &io::Error) -> String {
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return inner.to_string();
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection closed during the handshake".to_owned(),
        _ => net::without_code(error),
    }
}

/// When the earliest certificate that the peer presented expires, in seconds of Unix time.
///
/// A certificate that cannot be read is left out: the handshake has judged the chain already.
pub(super) fn earliest_not_after(stream: &TlsStream<TcpStream>) -> Option<i64> {
    let (_, connection) = stream.get_ref();
    connection.peer_certificates()?.iter().filter_map(not_after).min()
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    let end = Certificate::from_der(certificate).ok()?.tbs_certificate().validity().not_after.to_unix_duration();
    i64::try_from(end.as_secs()).ok()
}

impl std::fmt::Debug for Handshaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshaker").field("has_roots", &self.has_roots).finish_non_exhaustive()
    }
}
