//! The web configuration file: TLS, users and headers of the server, in the format of the Prometheus exporters.
//!
//! The file and the certificates that it names are read again when they change, without a restart. A change that
//! cannot be used is said in the log, and what was read before stays.

mod auth;
mod file;
mod tls;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::ServerConfig;
use tokio::time::Instant;

pub(super) use auth::Answer;
use auth::Users;

/// How often it is looked whether a file has changed, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Why a web configuration cannot be used. No message holds a password, its hash or a key.
#[derive(Debug, thiserror::Error)]
pub enum WebConfigError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The file is not of the format.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// A key of the format that means nothing here.
    #[error("`{key}` is not supported: {instead}")]
    Unsupported {
        /// The key.
        key: String,
        /// What to do without it.
        instead: &'static str,
    },
    /// A value that cannot be used.
    #[error("`{key}`: {message}")]
    Invalid {
        /// The key.
        key: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The certificate or the key cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// A listener that speaks TLS cannot turn to speaking plain text, nor the other way round.
    #[error("TLS cannot be switched on or off while the server runs: restart it")]
    Switched,
}

/// What a server does by its web configuration.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The handshake, where there is one.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Who may ask; everybody, if there are no users.
    users: Users,
    /// Headers of every answer.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Every file that was read, and what each looked like before.
    files: Vec<PathBuf>,
    stamps: Vec<Stamp>,
}

impl Loaded {
    /// Whether a request with these headers may be answered.
    pub(super) async fn admits(&self, headers: &HeaderMap) -> Answer {
        self.users.admit(headers).await
    }

    /// Adds the headers that every answer has.
    pub(super) fn decorate(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// A web configuration that follows its files.
#[derive(Clone, Debug, Default)]
pub struct WebConfig(Option<Arc<Live>>);

#[derive(Debug)]
struct Live {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    loaded: Arc<Loaded>,
    /// What its files looked like before they were last read: what changes meanwhile is read again.
    stamps: Vec<Stamp>,
    looked_at: Instant,
}

/// What tells one content of a file from another: time of change in seconds and nanoseconds, size and inode.
type Stamp = Option<(i64, i64, u64, u64)>;

impl WebConfig {
    /// Reads the file and those that it names. Takes as long as the disk does.
    ///
    /// # Errors
    ///
    /// [`WebConfigError`] says which file and key, and what would be right.
    pub fn read(path: &Path) -> Result<Self, WebConfigError> {
        let loaded = Arc::new(load(path)?);
        let stamps = loaded.stamps.clone();
        let state = Mutex::new(State { loaded, stamps, looked_at: Instant::now() });
        Ok(Self(Some(Arc::new(Live { path: path.to_owned(), state }))))
    }

    /// What stands at the head of this server's URLs. It does not change while the server runs.
    pub(super) fn scheme(&self) -> &'static str {
        let has_tls = self.0.as_ref().is_some_and(|live| live.lock().loaded.tls.is_some());
        if has_tls { "https" } else { "http" }
    }

    /// The configuration as it is now, read again if a file has changed.
    pub(super) async fn current(&self) -> Arc<Loaded> {
        let Some(live) = &self.0 else { return Arc::default() };
        {
            let mut state = live.lock();
            if state.looked_at.elapsed() < LOOK {
                return Arc::clone(&state.loaded);
            }
            state.looked_at = Instant::now();
        }
        let looking = Arc::clone(live);
        // Disks may be slow; the timers' threads are not to wait for them.
        let _ = tokio::task::spawn_blocking(move || looking.look()).await;
        Arc::clone(&live.lock().loaded)
    }
}

impl Live {
    /// Reads everything again if a file has changed since.
    fn look(&self) {
        let (before, seen) = {
            let state = self.lock();
            let seen = stamps(&state.loaded.files);
            if seen == state.stamps {
                return;
            }
            (Arc::clone(&state.loaded), seen)
        };
        let read = load(&self.path).and_then(|loaded| match loaded.tls.is_some() == before.tls.is_some() {
            true => Ok(loaded),
            false => Err(WebConfigError::Switched),
        });
        let mut state = self.lock();
        match read {
            Ok(loaded) => {
                tracing::info!(path = %self.path.display(), "read the changed web configuration");
                state.stamps.clone_from(&loaded.stamps);
                state.loaded = Arc::new(loaded);
            }
            Err(error) => {
                tracing::error!(%error, "the changed web configuration cannot be used, so the last one stays");
                // Said once for each change of the files.
                state.stamps = seen;
            }
        }
    }

    /// The state, also after a panic in another thread: every change of it is complete in itself.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.mtime(), metadata.mtime_nsec(), metadata.size(), metadata.ino()))
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|path| stamp(path)).collect()
}

fn load(path: &Path) -> Result<Loaded, WebConfigError> {
    let mut files = vec![path.to_owned()];
    let mut seen = vec![stamp(path)];
    let settings = file::read(path)?;
    let tls = match &settings.tls {
        Some(tls) => {
            let read = tls.files();
            seen.extend(stamps(&read));
            files.extend(read);
            Some(Arc::new(tls.server_config(settings.http2)?))
        }
        None => None,
    };
    Ok(Loaded { tls, users: Users::new(settings.users)?, headers: settings.headers, files, stamps: seen })
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_changes_while_it_is_read_has_changed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        fs::write(path("web.yaml"), "tls_server_config: {cert_file: cert.pem, key_file: key.pem}").expect("written");
        fs::write(path("cert.pem"), made.cert.pem()).expect("written");
        // Whoever reads the key waits for it, and the certificate is renewed meanwhile.
        assert!(std::process::Command::new("mkfifo").arg(path("key.pem")).status().expect("it runs").success());
        let loaded = std::thread::scope(|scope| {
            let loading = scope.spawn(|| load(&path("web.yaml")).expect("it can be used"));
            let mut key = OpenOptions::new().write(true).open(path("key.pem")).expect("it is waited for");
            fs::write(path("cert.pem"), format!("{}\n", made.cert.pem())).expect("written");
            key.write_all(made.signing_key.serialize_pem().as_bytes()).expect("written");
            drop(key);
            loading.join().expect("no panic")
        });
        assert_eq!(loaded.files, ["web.yaml", "cert.pem", "key.pem"].map(path));
        let later = stamps(&loaded.files);
        assert_eq!(loaded.stamps[0], later[0]);
        assert_ne!(loaded.stamps[1], later[1]);
    }
}
