//! The TLS handshakes of all probes: one shared configuration for all that ask for the same, no resumption.
//!
//! Resumption is off because every run has to show what a new visitor meets. What is spoken over a connection
//! afterwards is for each protocol.

mod anyone;
mod certificate;
mod files;
mod given;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use super::net;
use super::outcome::Reason;
use super::progress::Fault;
use crate::spec::model::{ClientCertificate, TlsSettings, TlsVersion};

pub(super) use certificate::earliest_not_after;
use files::Stamp;

/// How many configurations are kept. A file rarely holds more than a few different ones; beyond this, all are
/// forgotten and made again as they are needed.
const MAX_CONFIGS: usize = 1024;

/// What is offered to be spoken over the connection (ALPN), the preferred first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alpn(&'static [&'static str]);

impl Alpn {
    /// Nothing: the port says what is spoken.
    pub(super) const NONE: Self = Self(&[]);

    /// HTTP/2 or HTTP/1.1.
    pub(super) const HTTP: Self = Self(&["h2", "http/1.1"]);

    /// HTTP/1.1 alone.
    pub(super) const HTTP_1: Self = Self(&["http/1.1"]);

    /// HTTP/2 alone.
    pub(super) const HTTP_2: Self = Self(&["h2"]);

    /// DNS over TLS (RFC 7858).
    pub(super) const DNS: Self = Self(&["dot"]);

    fn protocols(self) -> Vec<Vec<u8>> {
        self.0.iter().map(|protocol| protocol.as_bytes().to_vec()).collect()
    }
}

/// Makes the handshakes of all probes.
pub(super) struct Handshaker {
    provider: Arc<CryptoProvider>,
    /// Trusts the roots of this machine; nothing if it has none.
    usual: Option<Arc<WebPkiServerVerifier>>,
    configs: Mutex<BTreeMap<Key, Entry>>,
}

/// What tells configurations apart. The server's name is not among it: it is said at each handshake.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    ca_file: Option<PathBuf>,
    client: Option<ClientCertificate>,
    min_version: TlsVersion,
    insecure_skip_verify: bool,
    alpn: Alpn,
}

/// A configuration, and its files as they were when it was made.
#[derive(Clone)]
struct Entry {
    config: Arc<ClientConfig>,
    stamps: Vec<Stamp>,
}

impl Handshaker {
    /// A handshaker that trusts `roots` where nothing else is said.
    ///
    /// # Errors
    ///
    /// The cryptography lacks a protocol version.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let usual = if roots.is_empty() { None } else { Some(verifier(roots, &provider)?) };
        Ok(Self { provider, usual, configs: Mutex::default() })
    }

    /// What speaks TLS by `settings` and offers `alpn`, with the files of the settings as they are now.
    ///
    /// It meets no target yet, so it comes before the first phase of a run.
    ///
    /// # Errors
    ///
    /// A fault of the prober when a file cannot be read, or no root certificate is known.
    pub(super) async fn client(&self, settings: &TlsSettings, alpn: Alpn) -> Result<Client, Fault> {
        let key = Key {
            ca_file: settings.ca_file.clone(),
            client: settings.client.clone(),
            min_version: settings.min_version,
            insecure_skip_verify: settings.insecure_skip_verify,
            alpn,
        };
        let known = self.configs.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let paths = key.paths();
        let entry = match known {
            Some(entry) if paths.is_empty() => entry,
            // Files are looked at away from the timers' threads: they may lie on a disk that hangs.
            known => {
                let parts = (Arc::clone(&self.provider), self.usual.clone());
                let wanted = key.clone();
                let made = tokio::task::spawn_blocking(move || current(known, &wanted, &paths, &parts.0, parts.1));
                let made = made.await.map_err(|_| Fault::Prober("TLS could not be set up".to_owned()))??;
                self.keep(key, made.clone());
                made
            }
        };
        let connector = TlsConnector::from(entry.config);
        Ok(Client { connector, server_name: settings.server_name.clone() })
    }

    fn keep(&self, key: Key, entry: Entry) {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if configs.len() >= MAX_CONFIGS && !configs.contains_key(&key) {
            configs.clear();
        }
        configs.insert(key, entry);
    }
}

impl std::fmt::Debug for Handshaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshaker").field("has_roots", &self.usual.is_some()).finish_non_exhaustive()
    }
}

impl Key {
    fn paths(&self) -> Vec<PathBuf> {
        let client = self.client.iter().flat_map(|client| [&client.cert_file, &client.key_file]);
        self.ca_file.iter().chain(client).cloned().collect()
    }
}

/// The known configuration if its files are as they were, or a new one. Blocks.
fn current(
    known: Option<Entry>,
    key: &Key,
    paths: &[PathBuf],
    provider: &Arc<CryptoProvider>,
    usual: Option<Arc<WebPkiServerVerifier>>,
) -> Result<Entry, Fault> {
    // Stamped before they are read, so that a change in between is seen the next time.
    let stamps = paths.iter().map(|path| Stamp::of(path)).collect::<Result<Vec<_>, _>>()?;
    match known {
        Some(entry) if entry.stamps == stamps => Ok(entry),
        _ => Ok(Entry { config: Arc::new(configure(key, provider, usual)?), stamps }),
    }
}

fn configure(
    key: &Key,
    provider: &Arc<CryptoProvider>,
    usual: Option<Arc<WebPkiServerVerifier>>,
) -> Result<ClientConfig, Fault> {
    let builder = builder(provider, key.min_version).map_err(|error| unusable(&error))?;
    let builder = match &key.ca_file {
        _ if key.insecure_skip_verify => {
            builder.dangerous().with_custom_certificate_verifier(anyone::verifier(provider))
        }
        Some(path) => {
            let (certificates, roots) = files::roots(path)?;
            let as_roots = verifier(roots, provider).map_err(|error| unusable(&error))?;
            builder.dangerous().with_custom_certificate_verifier(given::verifier(as_roots, certificates))
        }
        None => builder.with_webpki_verifier(usual.ok_or_else(no_roots)?),
    };
    let mut config = match &key.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let (chain, private) = files::identity(client)?;
            builder.with_client_auth_cert(chain, private).map_err(|error| {
                Fault::Prober(format!("the client certificate {}: {error}", client.cert_file.display()))
            })?
        }
    };
    config.resumption = Resumption::disabled();
    config.alpn_protocols = key.alpn.protocols();
    Ok(config)
}

fn builder(
    provider: &Arc<CryptoProvider>,
    min_version: TlsVersion,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider));
    match min_version {
        TlsVersion::Tls12 => builder.with_safe_default_protocol_versions(),
        TlsVersion::Tls13 => builder.with_protocol_versions(&[&rustls::version::TLS13]),
    }
}

fn verifier(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

fn unusable(error: &rustls::Error) -> Fault {
    Fault::Prober(format!("TLS cannot be set up: {error}"))
}

fn no_roots() -> Fault {
    Fault::Prober("no trusted root certificate was found on this machine".to_owned())
}

/// Speaks TLS by the settings of one probe.
pub(super) struct Client {
    connector: TlsConnector,
    server_name: Option<Host>,
}

impl Client {
    /// Makes the handshake over an open connection to `host`, unless the settings name another.
    ///
    /// # Errors
    ///
    /// [`Reason::Tls`] for whatever the peer did.
    pub(super) async fn handshake<S>(&self, host: Host<&str>, stream: S) -> Result<TlsStream<S>, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = match &self.server_name {
            Some(Host::Domain(name)) => Host::Domain(name.as_str()),
            Some(Host::Ipv4(address)) => Host::Ipv4(*address),
            Some(Host::Ipv6(address)) => Host::Ipv6(*address),
            None => host,
        };
        let name = server_name(name)?;
        self.connector.connect(name, stream).await.map_err(|error| Fault::Target(Reason::Tls, describe(&error)))
    }
}

fn server_name(host: Host<&str>) -> Result<ServerName<'static>, Fault> {
    match host {
        Host::Ipv4(address) => Ok(ServerName::from(std::net::IpAddr::from(address))),
        Host::Ipv6(address) => Ok(ServerName::from(std::net::IpAddr::from(address))),
        Host::Domain(name) => ServerName::try_from(name.to_owned())
            .map_err(|_| Fault::Target(Reason::Tls, format!("`{name}` cannot stand in a certificate"))),
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
