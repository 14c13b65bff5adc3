//! The probe service as one thing that starts and stops.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::access::Access;
use super::board::Board;
use super::gauges;
use super::local::LocalSocket;
use super::metrics::Metrics;
use super::routes::{App, Shown};
use super::runs::Runs;
use super::server::Server;
use super::web::WebConfig;
use crate::history::Storage;
use crate::probe::outcome::Outcome;
use crate::probe::{Changes, Grace, ProbeKey, Prober, Recorder, Scheduler, StateLog};
use crate::spec::model::Fleet;
use crate::units::Name;

/// Somebody who asked over HTTP for the files to be loaded again, and waits to hear what became of it: nothing more
/// to say, or what is wrong with the files.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// How a service is started.
#[derive(Default)]
pub struct Options {
    /// Where to listen; port 0 has one given out.
    pub listen: Vec<SocketAddr>,
    /// The label `location` of every series.
    pub location: Option<Name>,
    /// The history that counts every run, and whose counts the metrics go on from and show once they are kept. Without
    /// one, the metrics count from 0.
    pub storage: Option<Arc<Storage>>,
    /// Who takes every finished run, besides metrics, log, history and the last runs.
    pub recorders: Vec<Arc<dyn Recorder>>,
    /// The board to show, where somebody keeps a history.
    pub board: Option<Board>,
    /// Whether the last runs show pieces of what failed bodies and commands said, which may hold anything.
    pub excerpts: bool,
    /// The text of the files, as `/config` shows it.
    pub config: String,
    /// A socket that only this user may use, over which overrides and corrections may be made.
    pub admin_socket: Option<PathBuf>,
    /// TLS, users and headers.
    pub web: WebConfig,
    /// Under which URL people reach the service; its name is answered to on loopback as well.
    pub external_url: Option<Url>,
    /// Who hears of `POST /-/reload`; without, it is refused.
    pub reloads: Option<mpsc::Sender<ReloadRequest>>,
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address as it was given.
        address: SocketAddr,
        /// What the operating system said.
        error: io::Error,
    },
    /// The local socket cannot be made.
    #[error("cannot listen on the socket {}: {error}", path.display())]
    Socket {
        /// Where it was to be.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

/// A running service: probes on schedule, and the server that shows what they count.
pub struct Daemon {
    server: Server,
    scheduler: Scheduler,
    recorder: Arc<dyn Recorder>,
    storage: Option<Arc<Storage>>,
    app: Arc<App>,
    /// What keeps what the audit means for each SLO on `/metrics`.
    _gauges: AbortOnDropHandle<()>,
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon").field("addresses", &self.server.addresses()).finish_non_exhaustive()
    }
}

impl Daemon {
    /// Binds the addresses, then starts the probes. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// [`StartError::Listen`] when an address cannot be bound; then no probe has run.
    pub async fn start(fleet: &Fleet, prober: Prober, options: Options) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new(fleet, options.location.as_ref()));
        if let Some(storage) = &options.storage {
            storage.show_to(Arc::clone(&metrics) as _);
        }
        let runs = Arc::new(Runs::new(fleet, options.excerpts));
        let app = Arc::new(App::new(Shown {
            metrics: Arc::clone(&metrics),
            runs: Arc::clone(&runs),
            board: options.board,
            config: options.config,
            web: options.web,
            access: Access::new(options.external_url.as_ref()),
            reloads: options.reloads,
            storage: options.storage.clone(),
        }));
        let socket = options
            .admin_socket
            .as_deref()
            .map(|path| LocalSocket::bind(path).map_err(|error| StartError::Socket { path: path.to_owned(), error }));
        let socket = socket.transpose()?;
        gauges::refresh(&app).await;
        let mut server = Server::start(&options.listen, &app)
            .await
            .map_err(|(address, error)| StartError::Listen { address, error })?;
        if let (Some(socket), Some(path)) = (socket, &options.admin_socket) {
            server.listen_on(socket, &app);
            tracing::info!(path = %path.display(), "listening on a socket");
        }
        let scheme = app.web.scheme();
        for address in server.addresses() {
            tracing::info!(%address, "listening on {scheme}://{address}/");
        }
        let counting = Counting { metrics, storage: options.storage.clone() };
        let mut recorders: Vec<Arc<dyn Recorder>> = vec![Arc::new(counting), Arc::new(StateLog::default()), runs];
        recorders.extend(options.recorders);
        let recorder: Arc<dyn Recorder> = Arc::new(recorders);
        let prober = if options.excerpts { prober.keeping_output() } else { prober };
        let scheduler = Scheduler::start(fleet, Arc::new(prober), Arc::clone(&recorder));
        app.set_ready(true);
        let probes = app.runs.table().probes.len();
        tracing::info!(probes, "running probes");
        let gauges = AbortOnDropHandle::new(tokio::spawn(gauges::keep(Arc::downgrade(&app))));
        Ok(Self { server, scheduler, recorder, storage: options.storage, app, _gauges: gauges })
    }

    /// Runs the probes of another fleet from now on, shows its board, and its files as `config`.
    ///
    /// What did not change goes on as it was, with its schedule, its counters and the run it is in the middle of.
    pub fn reload(&mut self, fleet: &Fleet, board: Option<Board>, config: String) -> Changes {
        // First who counts, so that no run of a new probe is missed.
        self.recorder.reload(fleet);
        let changes = self.scheduler.reload(fleet);
        self.app.show(board, config);
        self.app.metrics.loaded(true);
        changes
    }

    /// Says on `/metrics` that files were refused and what ran before still runs.
    pub fn reload_failed(&self) {
        self.app.metrics.loaded(false);
    }

    /// The addresses that are listened on.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// The counters, for whoever wants them without HTTP.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.app.metrics
    }

    /// Stops the probes within `grace`, while `/metrics` goes on answering, then the history, which keeps the last runs,
    /// and then the server.
    pub async fn stop(self, grace: Grace) {
        self.app.set_ready(false);
        self.scheduler.stop(grace).await;
        if let Some(storage) = self.storage {
            // It ended, if by a panic, which was said already.
            let _ = tokio::task::spawn_blocking(move || storage.close()).await;
        }
        self.server.stop().await;
    }
}

/// Whoever counts: the history, which has counts shown once they are kept, or else the metrics themselves.
struct Counting {
    metrics: Arc<Metrics>,
    storage: Option<Arc<Storage>>,
}

impl Recorder for Counting {
    fn record(&self, probe: &ProbeKey, outcome: &Outcome, started_unix_ms: i64) {
        match &self.storage {
            Some(storage) => storage.record(probe, outcome, started_unix_ms),
            None => self.metrics.record(probe, outcome, started_unix_ms),
        }
    }

    fn uplink(&self, service: &Name, is_up: bool) {
        self.metrics.uplink(service, is_up);
    }

    /// A probe that comes back goes on where it stopped from its first scrape on: a jump would count as runs.
    fn reload(&self, fleet: &Fleet) {
        if let Some(storage) = &self.storage {
            storage.serve(fleet);
        }
        let kept = |probe: &ProbeKey| self.storage.as_ref().and_then(|storage| storage.counts(probe));
        self.metrics.reload(fleet, kept);
    }
}
