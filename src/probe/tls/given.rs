//! Trusts the certificates of a file: as roots, as TLS has it, and also as what a target itself shows.
//!
//! A self-signed certificate often says that it may sign others, as `openssl req -x509` makes it. As a root it is
//! refused on a target; somebody who hands it over as the one to trust means it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate;

/// Trusts what was given.
#[derive(Debug)]
struct Given {
    as_roots: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

/// A verifier that trusts `certificates`, which are the roots of `as_roots` too.
pub(super) fn verifier(
    as_roots: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Given { as_roots, certificates })
}

impl ServerCertVerifier for Given {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.as_roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if judged.is_ok() || !self.certificates.iter().any(|given| given == end_entity) {
            return judged;
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        let (from, until) = certificate::validity(end_entity).ok_or(CertificateError::BadEncoding)?;
        match now.as_secs() {
            now if now < from => Err(CertificateError::NotValidYet.into()),
            now if now > until => Err(CertificateError::Expired.into()),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.as_roots.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.as_roots.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.as_roots.supported_verify_schemes()
    }
}
