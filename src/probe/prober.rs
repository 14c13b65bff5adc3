//! What all probes share (trusted roots, where runs keep their directories), and one run of one probe.

use std::path::PathBuf;

use rustls::RootCertStore;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::conclude::Limits;
use super::journey::{self, Context, RunDir, Session};
use super::outcome::{CleanupFailure, CleanupPart, Outcome};
use super::progress::Fault;
use super::reach::Reach;
use super::resolver::Resolver;
use super::{ProbeKey, chain, dns, grpc, http, icmp, tcp};
use crate::spec::model::{Journey, Probe, ProbeKind};

/// Runs probes. Cheap to share; between runs it keeps tokens and settings of TLS, and nothing of the runs.
#[derive(Debug)]
pub struct Prober {
    reach: Reach,
    run_dirs: PathBuf,
    keeps_output: bool,
}

/// Why there is no prober.
#[derive(Debug, thiserror::Error)]
pub enum ProberError {
    /// The cryptography cannot do what TLS needs.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Prober {
    /// A prober that trusts `roots` and makes the directories of journeys under `run_dirs`, where it removes those that
    /// a killed process of the same user has left.
    ///
    /// # Errors
    ///
    /// [`ProberError::Tls`] when the cryptography cannot do what TLS needs.
    pub fn new(roots: RootCertStore, run_dirs: PathBuf) -> Result<Self, ProberError> {
        let left = journey::sweep(&run_dirs);
        if left > 0 {
            tracing::info!(count = left, parent = %run_dirs.display(), "removed the directories of runs that were killed");
        }
        Ok(Self { reach: Reach::new(roots)?, run_dirs, keeps_output: false })
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

    /// The same prober, which also keeps the end of what a failed command of a journey printed, as the excerpt of the
    /// run's outcome. It may hold secrets.
    #[must_use]
    pub fn keeping_output(self) -> Self {
        Self { keeps_output: true, ..self }
    }

    /// What looks names up.
    pub(super) fn resolver(&self) -> &Resolver {
        &self.reach.resolver
    }

    /// Prepares a run of `probe`.
    pub fn begin<'a>(&'a self, probe: &'a Probe) -> Run<'a> {
        let run_dir = match &probe.kind {
            ProbeKind::Journey(_) => Some(RunDir::make(&self.run_dirs)),
            _ => None,
        };
        Run { prober: self, probe, run_dir, session: Mutex::default() }
    }
}

/// One run of one probe. [`Run::execute`] has the verdict, [`Run::clean_up`] follows in any case.
#[derive(Debug)]
pub struct Run<'a> {
    prober: &'a Prober,
    probe: &'a Probe,
    run_dir: Option<Result<RunDir, Fault>>,
    /// What steps leave for each other and for the cleanup, even if the steps are broken off.
    session: Mutex<Session>,
}

impl Run<'_> {
    /// Does what the probe does, until `wall` at the latest, and says what it found.
    ///
    /// Dropping the future ends everything that it started: connections, commands and their children.
    pub async fn execute(&self, wall: Instant) -> Outcome {
        let reach = &self.prober.reach;
        let limits = Limits { wall, timeout: self.probe.timeout };
        match (&self.probe.kind, &self.run_dir) {
            (ProbeKind::Journey(journey), Some(Ok(dir))) => {
                let mut session = self.session.lock().await;
                journey::run(self.context(journey, dir), &mut session, wall).await
            }
            (ProbeKind::Journey(journey), Some(Err(fault))) => journey::not_started(journey, fault.clone()),
            (ProbeKind::Journey(journey), None) => journey::not_started(journey, journey::no_run_dir()),
            (ProbeKind::Http(request), _) => http::run(reach, request, limits).await,
            (ProbeKind::Tcp(conversation), _) => tcp::run(reach, conversation, limits).await,
            (ProbeKind::Tls(handshake), _) => chain::run(reach, handshake, limits).await,
            (ProbeKind::Dns(query), _) => dns::run(reach, query, limits).await,
            (ProbeKind::Icmp(echo), _) => icmp::run(reach, echo, limits).await,
            (ProbeKind::Grpc(call), _) => grpc::run(reach, call, limits).await,
        }
    }

    /// Runs a journey's cleanup steps, each within its own timeout, and removes the run's directory.
    ///
    /// What failed is given back; it changes no verdict. Other kinds have nothing to clean up.
    pub async fn clean_up(self) -> Vec<CleanupFailure> {
        let (ProbeKind::Journey(journey), Some(Ok(dir))) = (&self.probe.kind, &self.run_dir) else { return Vec::new() };
        let key = ProbeKey::of(self.probe);
        let mut failures = journey::clean_up(self.context(journey, dir), &mut *self.session.lock().await, &key).await;
        if let Some(Ok(dir)) = self.run_dir {
            failures.extend(remove(dir).await);
        }
        failures
    }

    fn context<'c>(&'c self, journey: &'c Journey, dir: &'c RunDir) -> Context<'c> {
        let (timeout, keeps_output) = (self.probe.timeout, self.prober.keeps_output);
        Context { reach: &self.prober.reach, journey, dir: dir.path(), timeout, keeps_output }
    }
}

/// Removes a run's directory; a command may have left a large one, so away from the timers' threads.
async fn remove(dir: RunDir) -> Option<CleanupFailure> {
    let removed = tokio::task::spawn_blocking(move || dir.remove()).await;
    let error = removed.ok()?.err()?;
    let detail = format!("the run's directory cannot be removed: {error}");
    Some(CleanupFailure { part: CleanupPart::Directory, detail })
}
