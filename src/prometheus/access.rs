//! How to get in: credentials, headers for tenants, certificates. Values of secrets never leave this file in words.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::Error;

/// The largest file that is taken for a secret, in bytes.
const MAX_SECRET: u64 = 64 * 1024;

/// How to get in.
#[derive(Clone, Default)]
pub struct Access {
    headers: HeaderMap,
    roots: Vec<CertificateDer<'static>>,
}

/// A token or password. Its content is never shown.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A secret that another program handed over.
    #[must_use]
    pub const fn given(text: String) -> Self {
        Self(text)
    }

    /// The value of an environment variable.
    ///
    /// # Errors
    /// [`Error::Secret`] if it is not set, or no text.
    pub fn from_env(name: &str) -> Result<Self, Error> {
        let place = || format!("the environment variable `{name}`");
        std::env::var(name).map(Self).map_err(|error| Error::Secret { place: place(), why: error.to_string() })
    }

    /// The content of a small regular file without its last line break.
    ///
    /// # Errors
    /// [`Error::Secret`] if it cannot be read, is larger than 64 KiB, or no text.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let refused = |why: String| Error::Secret { place: format!("the file {}", path.display()), why };
        read_small(path).map_err(|error| refused(error.to_string())).and_then(|bytes| {
            let text = String::from_utf8(bytes).map_err(|_| refused("is not UTF-8 text".to_owned()))?;
            let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
            Ok(Self(text.to_owned()))
        })
    }
}

fn read_small(path: &Path) -> std::io::Result<Vec<u8>> {
    // Opening a pipe would wait for its writer, so what it is comes first.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_SECRET + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SECRET {
        return Err(std::io::Error::other("is larger than 64 KiB"));
    }
    Ok(bytes)
}

impl Access {
    /// With a bearer token.
    ///
    /// # Errors
    /// [`Error::Header`] if the token holds what no header may.
    pub fn bearer(self, token: &Secret) -> Result<Self, Error> {
        self.with(AUTHORIZATION, &format!("Bearer {}", token.0))
    }

    /// With a user and password.
    ///
    /// # Errors
    /// [`Error::Header`] never, since base64 is printable.
    pub fn basic(self, user: &str, password: &Secret) -> Result<Self, Error> {
        self.with(AUTHORIZATION, &format!("Basic {}", BASE64.encode(format!("{user}:{}", password.0))))
    }

    /// With a header of the form `NAME=VALUE`, as multi-tenant servers want it.
    ///
    /// # Errors
    /// [`Error::Header`] if it is none, by its name.
    pub fn header(self, text: &str) -> Result<Self, Error> {
        let (name, value) = text.split_once('=').ok_or_else(|| Error::Header(text.to_owned()))?;
        let name: HeaderName = name.trim().parse().map_err(|_| Error::Header(name.to_owned()))?;
        self.with(name, value)
    }

    /// Trusting the certificates of a PEM file instead of those of the system.
    ///
    /// # Errors
    /// [`Error::Certificates`] if it holds none.
    pub fn trusting(mut self, path: &Path) -> Result<Self, Error> {
        let refused = |why: String| Error::Certificates { place: format!("of {}", path.display()), why };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| refused(error.to_string()))?;
        self.roots = certificates.collect::<Result<_, _>>().map_err(|error| refused(error.to_string()))?;
        if self.roots.is_empty() { Err(refused("the file holds none".to_owned())) } else { Ok(self) }
    }

    /// The same of PEM text that another program handed over.
    ///
    /// # Errors
    /// [`Error::Certificates`] if it holds none.
    pub fn trusting_text(mut self, pem: &str) -> Result<Self, Error> {
        let refused = |why: String| Error::Certificates { place: "that were given as text".to_owned(), why };
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
        self.roots = certificates.collect::<Result<_, _>>().map_err(|error| refused(error.to_string()))?;
        if self.roots.is_empty() { Err(refused("the text holds none".to_owned())) } else { Ok(self) }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Result<Self, Error> {
        let mut value = HeaderValue::from_str(value).map_err(|_| Error::Header(name.to_string()))?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    /// The headers of every request.
    pub(super) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// What TLS connections trust.
    pub(super) fn tls(&self) -> Result<ClientConfig, Error> {
        let mut roots = RootCertStore::empty();
        let certificates =
            if self.roots.is_empty() { rustls_native_certs::load_native_certs().certs } else { self.roots.clone() };
        roots.add_parsable_certificates(certificates);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Setup(error.to_string()))?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("Access").field("headers", &names).field("certificates", &self.roots.len()).finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_password_are_sent_as_the_rfc_has_it() {
        // RFC 7617, section 2, and every length of padding.
        for (user, password, sent) in [
            ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("", "", "Basic Og=="),
            ("f", "", "Basic Zjo="),
            ("f", "o", "Basic Zjpv"),
            ("\u{ff}", "?", "Basic w786Pw=="),
        ] {
            let access = Access::default().basic(user, &Secret(password.into())).expect("credentials");
            assert_eq!(access.headers().get(AUTHORIZATION).expect("a header"), sent);
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let access = Access::default().bearer(&Secret("hunter2".into())).expect("a token");
        let access = access.header("X-Scope-OrgID=team secret").expect("a header");
        let secret = Secret("hunter2".into());
        let shown = format!("{access:?} {secret:?} {:?}", access.headers());
        assert!(!shown.contains("hunter2") && !shown.contains("team"), "{shown}");
        let error = Access::default().bearer(&Secret("bad\nhunter2".into())).expect_err("a line break");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(Access::default().header("no value").is_err());
    }
}
