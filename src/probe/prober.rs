//! What all probes share (trusted roots, where runs keep their directories), and one run of one probe.

use std::path::PathBuf;

use rustls::RootCertStore;
use tempfile::TempDir;
use tokio::time::Instant;

use super::conclude::Limits;
use super::cookies::Jar;
use super::http::Tokens;
use super::journey::{self, RunDir};
use super::outcome::Outcome;
use super::reach::Reach;
use super::resolver::Resolver;
use super::tls::Handshaker;
use super::{ProbeKey, chain, dns, grpc, http, icmp, tcp};
use crate::spec::model::{Probe, ProbeKind};

/// Runs probes. Cheap to share; between runs it keeps tokens and settings of TLS, and nothing of the runs.
#[derive(Debug)]
pub struct Prober {
    reach: Reach,
    run_dirs: PathBuf,
}

/// Why there is no prober.
#[derive(Debug, thiserror::Error)]
pub enum ProberError {
    /// The cryptography cannot do what TLS needs.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Prober {
    /// A prober that trusts `roots` and makes the directories of journeys under `run_dirs`.
    ///
    /// # Errors
    ///
    /// [`ProberError::Tls`] when the cryptography cannot do what TLS needs.
    pub fn new(roots: RootCertStore, run_dirs: PathBuf) -> Result<Self, ProberError> {
        let reach = Reach { tls: Handshaker::new(roots)?, resolver: Resolver::system(), tokens: Tokens::default() };
        Ok(Self { reach, run_dirs })
    }

    /// The same prober, with names looked up by `resolver` instead of as this machine does.
    #[must_use]
    pub fn resolving_by(mut self, resolver: Resolver) -> Self {
        self.reach.resolver = resolver;
        self
    }

    /// A prober with the roots that this machine trusts, and its directory for temporary files.
    ///
    /// A machine without roots is said in the log; only HTTPS runs suffer, as the prober's own fault.
    ///
    /// # Errors
    ///
    /// [`ProberError::Tls`] when the cryptography cannot do what TLS needs.
    pub fn system() -> Result<Self, ProberError> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        if let Some(first) = found.errors.first() {
            tracing::warn!(count = found.errors.len(), %first, "some trusted root certificates cannot be read");
        }
        let (added, ignored) = roots.add_parsable_certificates(found.certs);
        tracing::debug!(added, ignored, "trusted root certificates");
        if added == 0 {
            tracing::warn!("this machine has no trusted root certificates, so HTTPS probes cannot run");
        }
        Self::new(roots, std::env::temp_dir())
    }

    /// Prepares a run of `probe`.
    pub fn begin<'a>(&'a self, probe: &'a Probe) -> Run<'a> {
        let run_dir = match &probe.kind {
            ProbeKind::Journey(_) => Some(journey::make_run_dir(&self.run_dirs)),
            _ => None,
        };
        Run { prober: self, probe, run_dir }
    }
}

/// One run of one probe. [`Run::execute`] has the verdict, [`Run::clean_up`] follows in any case.
#[derive(Debug)]
pub struct Run<'a> {
    prober: &'a Prober,
    probe: &'a Probe,
    run_dir: Option<RunDir>,
}

impl Run<'_> {
    /// Does what the probe does, until `wall` at the latest, and says what it found.
    ///
    /// Dropping the future ends everything that it started: connections, commands and their children.
    pub async fn execute(&self, wall: Instant) -> Outcome {
        let timeout = self.probe.timeout;
        let reach = &self.prober.reach;
        let limits = Limits { wall, timeout };
        match (&self.probe.kind, &self.run_dir) {
            (ProbeKind::Journey(journey), Some(Ok(dir))) => {
                journey::run(reach, journey, dir.path(), wall, timeout).await
            }
            (ProbeKind::Journey(journey), Some(Err(fault))) => journey::not_started(journey, fault.clone()),
            (ProbeKind::Journey(journey), None) => journey::not_started(journey, journey::no_run_dir()),
            (ProbeKind::Http(request), _) => http::run(reach, request, &mut Jar::default(), limits).await,
            (ProbeKind::Tcp(conversation), _) => tcp::run(reach, conversation, limits).await,
            (ProbeKind::Tls(handshake), _) => chain::run(reach, handshake, limits).await,
            (ProbeKind::Dns(query), _) => dns::run(reach, query, limits).await,
            (ProbeKind::Icmp(echo), _) => icmp::run(reach, echo, limits).await,
            (ProbeKind::Grpc(call), _) => grpc::run(reach, call, limits).await,
        }
    }

    /// Runs a journey's cleanup steps, each within its own timeout, and removes the run's directory.
    ///
    /// A failure is logged and changes no verdict. Other kinds have nothing to clean up.
    pub async fn clean_up(self) {
        let (ProbeKind::Journey(journey), Some(Ok(dir))) = (&self.probe.kind, self.run_dir) else { return };
        let key = ProbeKey::of(self.probe);
        journey::clean_up(&self.prober.reach, journey, dir.path(), self.probe.timeout, &key).await;
        remove(dir, &key).await;
    }
}

/// Removes a run's directory; a command may have left a large one, so away from the timers' threads.
async fn remove(dir: TempDir, key: &ProbeKey) {
    let removed = tokio::task::spawn_blocking(move || dir.close()).await;
    if let Ok(Err(error)) = removed {
        tracing::warn!(probe = %key, %error, "the run's directory cannot be removed");
    }
}
