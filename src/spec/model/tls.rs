//! How a probe speaks TLS.

use std::path::PathBuf;

use url::Host;

/// What a file says of TLS; the default is what a browser does.
///
/// Files are read by the prober, at the moment of use and again when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// A PEM file with what is trusted instead of the machine's roots: authorities, or the certificate of a target itself. Never with `insecure_skip_verify`.
    pub ca_file: Option<PathBuf>,
    /// What the prober shows of itself when a target asks.
    pub client: Option<ClientCertificate>,
    /// The name that is asked for (SNI) and must stand in the certificate, if not that of the target.
    pub server_name: Option<Host>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Whether any certificate is taken, whatever its name, dates and issuer.
    pub insecure_skip_verify: bool,
}

/// A client certificate with its key, each in a PEM file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientCertificate {
    /// The certificate, followed by those between it and its root.
    pub cert_file: PathBuf,
    /// The private key.
    pub key_file: PathBuf,
}

/// A version of TLS; older ones than these are not spoken at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}
