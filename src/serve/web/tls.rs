//! `tls_server_config` → rustls. It speaks TLS 1.2 and 1.3 and knows no weak suite.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{NamedGroup, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::WebConfigError;
use super::file::{invalid, text, unsupported};

/// The largest certificate or key file, in bytes; a bundle of all public authorities takes a quarter of it.
const MAX_PEM: u64 = 1024 * 1024;

/// What the file says about TLS.
#[derive(Debug)]
pub(super) struct TlsSettings {
    pub(super) cert_file: PathBuf,
    pub(super) key_file: PathBuf,
    pub(super) client_auth: ClientAuth,
    pub(super) min_version: Version,
    pub(super) max_version: Version,
    /// TLS 1.2 suites; all of them, if none is named.
    pub(super) cipher_suites: Vec<String>,
    /// Groups of the key exchange in order; the usual ones, if none is named.
    pub(super) curves: Vec<String>,
    pub(super) prefers_own_order: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls12,
    Tls13,
}

impl Version {
    /// Reads the value of `key`, if it has one.
    pub(super) fn read(key: &str, text: Option<&str>) -> Result<Option<Self>, WebConfigError> {
        let key = format!("tls_server_config.{key}");
        match text {
            None => Ok(None),
            Some("TLS12") => Ok(Some(Self::Tls12)),
            Some("TLS13") => Ok(Some(Self::Tls13)),
            Some("TLS10" | "TLS11") => Err(unsupported(&key, "this server speaks `TLS12` and `TLS13`")),
            Some(_) => Err(invalid(&key, "write `TLS12` or `TLS13`")),
        }
    }
}

/// Whose certificates are asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClientAuth {
    Nobody,
    /// Whoever shows one shows one of this authority.
    IfGiven(PathBuf),
    /// Everybody shows one of this authority.
    Everybody(PathBuf),
}

impl ClientAuth {
    /// Reads `client_auth_type` and `client_ca_file`.
    pub(super) fn read(kind: Option<&str>, authority: Option<PathBuf>) -> Result<Self, WebConfigError> {
        const KEY: &str = "tls_server_config.client_auth_type";
        match (kind, authority) {
            (None | Some("" | "NoClientCert"), None) => Ok(Self::Nobody),
            (None | Some("" | "NoClientCert"), Some(_)) => {
                Err(invalid("tls_server_config.client_ca_file", "is of no use without `client_auth_type`"))
            }
            (Some("VerifyClientCertIfGiven"), Some(path)) => Ok(Self::IfGiven(path)),
            (Some("RequireAndVerifyClientCert"), Some(path)) => Ok(Self::Everybody(path)),
            (Some("VerifyClientCertIfGiven" | "RequireAndVerifyClientCert"), None) => {
                Err(invalid("tls_server_config.client_ca_file", "is missing: certificates are verified against it"))
            }
            (Some("RequestClientCert" | "RequireAnyClientCert"), _) => Err(unsupported(
                KEY,
                "a certificate that nobody verifies proves nothing; write `RequireAndVerifyClientCert`",
            )),
            (Some(_), _) => {
                Err(invalid(KEY, "write `NoClientCert`, `VerifyClientCertIfGiven` or `RequireAndVerifyClientCert`"))
            }
        }
    }

    /// The same with paths that start at `directory`.
    pub(super) fn below(self, directory: &Path) -> Self {
        match self {
            Self::Nobody => Self::Nobody,
            Self::IfGiven(path) => Self::IfGiven(directory.join(path)),
            Self::Everybody(path) => Self::Everybody(directory.join(path)),
        }
    }

    fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::Nobody => None,
            Self::IfGiven(path) | Self::Everybody(path) => Some(path),
        }
    }
}

impl TlsSettings {
    /// Every file that the settings name.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        [&self.cert_file, &self.key_file].into_iter().chain(self.client_auth.file()).cloned().collect()
    }

    /// Reads the files and puts the handshake together.
    pub(super) fn server_config(&self, http2: bool) -> Result<ServerConfig, WebConfigError> {
        let provider = Arc::new(self.provider()?);
        let versions: Vec<&'static SupportedProtocolVersion> =
            [(Version::Tls13, &rustls::version::TLS13), (Version::Tls12, &rustls::version::TLS12)]
                .into_iter()
                .filter(|(version, _)| (self.min_version..=self.max_version).contains(version))
                .map(|(_, supported)| supported)
                .collect();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions)?;
        let builder = match &self.client_auth {
            ClientAuth::Nobody => builder.with_no_client_auth(),
            ClientAuth::IfGiven(path) | ClientAuth::Everybody(path) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authority(path)?), provider);
                let verifier = match &self.client_auth {
                    ClientAuth::Everybody(_) => verifier,
                    _ => verifier.allow_unauthenticated(),
                };
                let key = "tls_server_config.client_ca_file";
                builder.with_client_cert_verifier(verifier.build().map_err(|error| invalid(key, &error.to_string()))?)
            }
        };
        let key = PrivateKeyDer::from_pem_slice(text(&self.key_file, MAX_PEM)?.as_bytes());
        let key = key.map_err(|_| invalid("tls_server_config.key_file", "holds no private key in PEM"))?;
        let mut config = builder.with_single_cert(certificates("cert_file", &self.cert_file)?, key)?;
        config.ignore_client_order = self.prefers_own_order;
        let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    /// The cryptography, with the suites and groups that the file names.
    fn provider(&self) -> Result<CryptoProvider, WebConfigError> {
        let mut provider = rustls::crypto::ring::default_provider();
        if !self.cipher_suites.is_empty() {
            let key = "tls_server_config.cipher_suites";
            // As in Go, which the format comes from, the suites of TLS 1.3 cannot be chosen.
            let all = std::mem::take(&mut provider.cipher_suites);
            let is_fixed = |suite: &rustls::SupportedCipherSuite| suite.tls13().is_some();
            provider.cipher_suites = all.iter().copied().filter(is_fixed).collect();
            for name in &self.cipher_suites {
                let suite = all.iter().find(|suite| !is_fixed(suite) && format!("{:?}", suite.suite()) == *name);
                provider.cipher_suites.push(*suite.ok_or_else(|| {
                    let known: Vec<String> = all
                        .iter()
                        .filter(|suite| !is_fixed(suite))
                        .map(|suite| format!("{:?}", suite.suite()))
                        .collect();
                    invalid(key, &format!("`{name}` is not supported; there are {}", known.join(", ")))
                })?);
            }
        }
        if !self.curves.is_empty() {
            let all = std::mem::take(&mut provider.kx_groups);
            provider.kx_groups = self.curves.iter().map(|name| curve(name, &all)).collect::<Result<_, _>>()?;
        }
        Ok(provider)
    }
}

/// The group of a key exchange under the name that the format gives it.
fn curve(name: &str, all: &[&'static dyn SupportedKxGroup]) -> Result<&'static dyn SupportedKxGroup, WebConfigError> {
    let group = match name {
        "X25519" => Some(NamedGroup::X25519),
        "CurveP256" => Some(NamedGroup::secp256r1),
        "CurveP384" => Some(NamedGroup::secp384r1),
        _ => None,
    };
    let found = all.iter().find(|known| group == Some(known.name())).copied();
    found.ok_or_else(|| {
        let message = format!("`{name}` is not supported; there are `X25519`, `CurveP256` and `CurveP384`");
        invalid("tls_server_config.curve_preferences", &message)
    })
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, WebConfigError> {
    let pem = text(path, MAX_PEM)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let key = format!("tls_server_config.{key}");
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(invalid(&key, "holds no certificate in PEM")),
    }
}

fn authority(path: &Path) -> Result<RootCertStore, WebConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client_ca_file", path)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}
