//! The probe service as one thing that starts and stops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::board::Board;
use super::metrics::Metrics;
use super::routes::App;
use super::server::Server;
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
    /// Who takes every finished run, besides metrics and log.
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
        let probes = fleet.services.values().map(|service| service.probes.len()).sum();
        let app = Arc::new(App::new(Arc::clone(&metrics), probes, options.board));
        let server = Server::start(&options.listen, &app)
            .await
            .map_err(|(address, error)| StartError::Listen { address, error })?;
        for address in server.addresses() {
            tracing::info!(%address, "listening on http://{address}/");
        }
        let mut recorders: Vec<Arc<dyn Recorder>> = vec![metrics, Arc::new(StateLog::default())];
        recorders.extend(options.recorders);
        let scheduler = Scheduler::start(fleet, Arc::new(prober), Arc::new(recorders));
        app.set_ready(true);
        tracing::info!(probes, "running probes");
        Ok(Self { server, scheduler, app })
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

    /// Stops the probes within `grace`, while `/metrics` goes on answering, and then the server.
    pub async fn stop(self, grace: Grace) {
        self.app.set_ready(false);
        self.scheduler.stop(grace).await;
        self.server.stop().await;
    }
}
