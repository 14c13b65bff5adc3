//! `burndown serve`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::logging::LogArguments;
use super::signals::Signals;
use super::{Exit, load, storage};
use crate::history::{FileError, Storage};
use crate::probe::{Grace, Prober, ProberError};
use crate::serve::{Daemon, Options, StartError};
use crate::spec::model::Fleet;
use crate::units::Name;

/// How long a stop waits for work that cannot be broken off, such as a name lookup.
const LAST_WAIT: Duration = Duration::from_millis(250);

/// Runs the probes and serves what they count.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// SLO files, directories with `*.yaml` or `*.yml` files, or `-` for standard input.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Where to listen; may be given more than once. Bound to loopback, only this machine's names are answered.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:9799")]
    listen: Vec<SocketAddr>,
    /// Where this prober runs, as the label `location` of every series.
    #[arg(long, value_name = "NAME")]
    location: Option<Name>,
    /// Where to keep what is counted, so that counters and budgets survive a restart; `none` keeps nothing. Without it:
    /// `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/burndown`, else `~/.local/state/burndown`.
    #[arg(long = "storage.path", value_name = "DIR|none")]
    storage: Option<PathBuf>,
    #[command(flatten)]
    log: LogArguments,
}

/// Why the service ended other than by being stopped.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("the runtime cannot be started: {0}")]
    Runtime(io::Error),
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Prober(#[from] ProberError),
    #[error("there is no usual place for the history: say where with `--storage.path DIR`, or `--storage.path none`")]
    NoPlace,
    #[error(transparent)]
    Storage(#[from] FileError),
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Runs the command until it is told to stop.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let fleet = match load::planned(&arguments.paths) {
        Ok(planned) => planned.loaded.fleet,
        Err(exit) => return exit,
    };
    if let Err(error) = arguments.log.start() {
        super::output::messages(&format!("burndown: the log cannot be started: {error}\n"));
        return Exit::Usage;
    }
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&ServeError::Runtime(error)),
    };
    let result = runtime.block_on(serve(&fleet, arguments));
    // Whatever still runs is dropped here, and with it the process groups of commands are killed.
    Runtime::shutdown_timeout(runtime, LAST_WAIT);
    result.unwrap_or_else(|error| failed(&error))
}

fn failed(error: &ServeError) -> Exit {
    tracing::error!(%error, "cannot serve");
    Exit::Usage
}

/// The history of a service, if there is to be one.
fn open_storage(fleet: &Fleet, path: Option<&Path>) -> Result<Option<Arc<Storage>>, ServeError> {
    let path = match path {
        Some(path) if path == Path::new("none") => return Ok(None),
        Some(path) => path.to_owned(),
        None => storage::usual_place().ok_or(ServeError::NoPlace)?,
    };
    let storage = Storage::open(&path, fleet)?;
    tracing::info!(path = %path.display(), "keeping the history");
    Ok(Some(Arc::new(storage)))
}

/// Serves until the first signal, then stops gracefully; a second signal ends it at once.
async fn serve(fleet: &Fleet, arguments: &Arguments) -> Result<Exit, ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let options = Options {
        listen: arguments.listen.clone(),
        location: arguments.location.clone(),
        storage: open_storage(fleet, arguments.storage.as_deref())?,
        recorders: Vec::new(),
        board: None,
    };
    let daemon = Daemon::start(fleet, Prober::system()?, options).await?;
    let signal = signals.next().await;
    tracing::info!(signal, "stopping; a second signal stops at once");
    tokio::select! {
        () = daemon.stop(Grace::default()) => {
            tracing::info!("stopped");
            Ok(Exit::Success)
        }
        signal = signals.next() => {
            tracing::warn!(signal, "stopped at once");
            Ok(Exit::Failure)
        }
    }
}
