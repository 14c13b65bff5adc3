//! The text of a web configuration file → what it asks for. Keys that other exporters know and this server does not
//! are errors that say so; nothing is read and ignored.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::WebConfigError;
use super::tls::{ClientAuth, TlsSettings, Version};

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// What a file asks for.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) tls: Option<TlsSettings>,
    /// Bcrypt hashes by user.
    pub(super) users: BTreeMap<String, String>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) http2: bool,
}

/// The file, key by key.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    tls_server_config: Option<RawTls>,
    http_server_config: Option<RawHttp>,
    basic_auth_users: Option<BTreeMap<String, String>>,
    rate_limit: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawTls {
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_auth_type: Option<String>,
    client_ca_file: Option<PathBuf>,
    min_version: Option<String>,
    max_version: Option<String>,
    cipher_suites: Option<Vec<String>>,
    curve_preferences: Option<Vec<String>>,
    prefer_server_cipher_suites: Option<bool>,
    cert: Option<IgnoredAny>,
    key: Option<IgnoredAny>,
    client_ca: Option<IgnoredAny>,
    client_allowed_sans: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawHttp {
    http2: Option<bool>,
    headers: Option<BTreeMap<String, String>>,
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Settings, WebConfigError> {
    let text = text(path, MAX_BYTES)?;
    let raw: Raw = serde_yaml::from_str::<Option<Raw>>(&text)
        .map_err(|error| WebConfigError::Malformed { path: path.to_owned(), message: without_snippet(&error) })?
        .unwrap_or_default();
    if raw.rate_limit.is_some() {
        return Err(unsupported("rate_limit", "the server bounds connections, scrapes and passwords by itself"));
    }
    let http = raw.http_server_config.unwrap_or_default();
    let directory = path.parent().unwrap_or(Path::new(""));
    let tls = match raw.tls_server_config {
        Some(tls) => Some(tls.settings(directory)?),
        None => None,
    };
    if tls.is_none() && http.http2 == Some(true) {
        return Err(invalid("http_server_config.http2", "HTTP/2 needs `tls_server_config`"));
    }
    Ok(Settings {
        tls,
        users: raw.basic_auth_users.unwrap_or_default(),
        headers: http.headers.unwrap_or_default().iter().map(header).collect::<Result<_, _>>()?,
        http2: http.http2.unwrap_or(true),
    })
}

/// Reads a small text file.
pub(super) fn text(path: &Path, most: u64) -> Result<String, WebConfigError> {
    let unreadable = |error| WebConfigError::Unreadable { path: path.to_owned(), error };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(most + 1).read_to_string(&mut text)).map_err(unreadable)?;
    if text.len() as u64 > most {
        return Err(unreadable(std::io::Error::other(format!("larger than {} KiB", most / 1024))));
    }
    Ok(text)
}

/// The parser's words without the lines of the file around the place, which may hold a hash.
fn without_snippet(error: &serde_yaml::Error) -> String {
    error.without_snippet().to_string()
}

/// The headers that the format allows, and no other: they are those that a page's safety hangs on.
fn header((name, value): (&String, &String)) -> Result<(HeaderName, HeaderValue), WebConfigError> {
    const ALLOWED: [&str; 5] = [
        "content-security-policy",
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
        "x-xss-protection",
    ];
    let key = format!("http_server_config.headers.{name}");
    if !ALLOWED.iter().any(|allowed| name.eq_ignore_ascii_case(allowed)) {
        return Err(invalid(&key, &format!("only these headers can be set: {}", ALLOWED.join(", "))));
    }
    match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err(invalid(&key, "the value has characters that a header cannot carry")),
    }
}

impl RawTls {
    fn settings(self, directory: &Path) -> Result<TlsSettings, WebConfigError> {
        let refused = [
            ("cert", self.cert, "write the certificate to a file and name it as `cert_file`"),
            ("key", self.key, "write the key to a file and name it as `key_file`"),
            ("client_ca", self.client_ca, "write it to a file and name it as `client_ca_file`"),
            ("client_allowed_sans", self.client_allowed_sans, "give `client_ca_file` an authority of its own"),
        ];
        if let Some((key, _, instead)) = refused.into_iter().find(|(_, value, _)| value.is_some()) {
            return Err(unsupported(&format!("tls_server_config.{key}"), instead));
        }
        let needed = |key: &str, path: Option<PathBuf>| {
            path.ok_or_else(|| invalid(&format!("tls_server_config.{key}"), "is missing"))
        };
        let settings = TlsSettings {
            cert_file: directory.join(needed("cert_file", self.cert_file)?),
            key_file: directory.join(needed("key_file", self.key_file)?),
            client_auth: ClientAuth::read(self.client_auth_type.as_deref(), self.client_ca_file)?.below(directory),
            min_version: Version::read("min_version", self.min_version.as_deref())?.unwrap_or(Version::Tls12),
            max_version: Version::read("max_version", self.max_version.as_deref())?.unwrap_or(Version::Tls13),
            cipher_suites: self.cipher_suites.unwrap_or_default(),
            curves: self.curve_preferences.unwrap_or_default(),
            prefers_own_order: self.prefer_server_cipher_suites.unwrap_or(true),
        };
        if settings.min_version > settings.max_version {
            return Err(invalid("tls_server_config.min_version", "is newer than `max_version`"));
        }
        Ok(settings)
    }
}

/// An error about a value.
pub(super) fn invalid(key: &str, message: &str) -> WebConfigError {
    WebConfigError::Invalid { key: key.to_owned(), message: message.to_owned() }
}

/// An error about a key that means nothing here.
pub(super) fn unsupported(key: &str, instead: &'static str) -> WebConfigError {
    WebConfigError::Unsupported { key: key.to_owned(), instead }
}
