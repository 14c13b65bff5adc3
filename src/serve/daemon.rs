//! The probe service as one thing that starts and stops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::board::Board;
use super::metrics::Metrics;
use super::routes::App;
use super::server::Server;
use crate::history::Storage;
use crate::probe::{Grace, Prober, Recorder, Scheduler, StateLog};
use crate::spec::model::Fleet;
use crate::units::Name;

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
    /// Who takes every finished run, besides metrics, log and history.
    pub recorders: Vec<Arc<dyn Recorder>>,
    /// The board to show, where somebody keeps a history.
    pub board: Option<Board>,
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
}

/// A running service: probes on schedule, and the server that shows what they count.
#[derive(Debug)]
pub struct Daemon {
    server: Server,
    scheduler: Scheduler,
    storage: Option<Arc<Storage>>,
    app: Arc<App>,
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
        let probes = fleet.services.values().map(|service| service.probes.len()).sum();
        let app = Arc::new(App::new(Arc::clone(&metrics), probes, options.board));
        let server = Server::start(&options.listen, &app)
            .await
            .map_err(|(address, error)| StartError::Listen { address, error })?;
        for address in server.addresses() {
            tracing::info!(%address, "listening on http://{address}/");
        }
        let counting: Arc<dyn Recorder> = match &options.storage {
            Some(storage) => Arc::clone(storage) as _,
            None => metrics,
        };
        let mut recorders: Vec<Arc<dyn Recorder>> = vec![counting, Arc::new(StateLog::default())];
        recorders.extend(options.recorders);
        let scheduler = Scheduler::start(fleet, Arc::new(prober), Arc::new(recorders));
        app.set_ready(true);
        tracing::info!(probes, "running probes");
        Ok(Self { server, scheduler, storage: options.storage, app })
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
