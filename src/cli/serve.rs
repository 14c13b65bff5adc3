//! `burndown serve`.

mod files;
mod manager;
mod shown;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use url::Url;

use super::logging::LogArguments;
use super::prometheus::AccessArguments;
use super::signals::{Hangups, Signals};
use super::{Exit, output, storage};
use crate::history::{FileError, Storage};
use crate::probe::{Grace, Prober, ProberError, Shard};
use crate::prometheus;
use crate::serve::{Daemon, Options, ReloadRequest, StartError, WebConfig, WebConfigError};
use crate::spec::model::Fleet;
use crate::units::Name;
use files::{Content, Files};
use shown::Shown;

/// How long a stop waits for work that cannot be broken off, such as a name lookup.
const LAST_WAIT: Duration = Duration::from_millis(250);

/// How many descriptors are asked for, as far as the system allows: one for every run at a time of 10,000 probes
/// that all hang, and as many again.
const DESCRIPTORS: u64 = 20_000;

/// Runs the probes and serves what they count.
///
/// SIGHUP reads the files again; if they cannot be used, what ran before goes on.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// SLO files, directories with `*.yaml` or `*.yml` files, or `-` for standard input.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Where to listen; may be given more than once. Bound to loopback, only this machine's names are answered.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:9799", value_parser = listen_address)]
    listen: Vec<SocketAddr>,
    /// TLS, users with passwords and headers, in the format of the Prometheus exporters' web configuration.
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config: Option<PathBuf>,
    /// A Unix socket that only this user may use, over which `burndown override` and `burndown correct` need no password.
    #[arg(long = "web.admin-socket", value_name = "PATH")]
    admin_socket: Option<PathBuf>,
    /// The URL under which people reach this server; its name is answered to on loopback as well.
    #[arg(long = "web.external-url", value_name = "URL", value_parser = external_url)]
    external_url: Option<Url>,
    /// Read the files again at `POST /-/reload`, too.
    #[arg(long = "web.enable-lifecycle")]
    enable_lifecycle: bool,
    /// Show pieces of what failed bodies and commands said on `/probes` and in its API. They may hold secrets.
    #[arg(long = "web.body-excerpts")]
    excerpts: bool,
    /// Where this prober runs, as the label `location` of every series.
    #[arg(long, value_name = "NAME")]
    location: Option<Name>,
    /// Run one of several equal shares of the probes, by their names: `2/5` is the second of five.
    #[arg(long, value_name = "N/COUNT")]
    shard: Option<Shard>,
    /// Where to keep what is counted, so that counters and budgets survive a restart; `none` keeps nothing. Without it:
    /// `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/burndown`, else `~/.local/state/burndown`.
    #[arg(long = "storage.path", value_name = "DIR|none")]
    storage: Option<PathBuf>,
    /// Show SLOs of every kind as this Prometheus recorded them by the generated rules, not only what is probed here.
    #[arg(long, value_name = "URL")]
    prometheus: Option<Url>,
    #[command(flatten)]
    access: AccessArguments,
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
    #[error("--web.config.file: {0}")]
    WebConfig(#[from] WebConfigError),
    #[error(transparent)]
    Prober(#[from] ProberError),
    #[error(transparent)]
    Prometheus(#[from] prometheus::Error),
    #[error("there is no usual place for the history: say where with `--storage.path DIR`, or `--storage.path none`")]
    NoPlace,
    #[error(transparent)]
    Storage(#[from] FileError),
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Reads where to listen. Names and a port alone are refused: which interfaces they mean is not to be guessed.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let why = "write an IP address and a port, such as `127.0.0.1:9799`, or `0.0.0.0:9799` for every interface";
    text.parse().map_err(|_| why.to_owned())
}

/// Reads a URL of which only the name means something here.
fn external_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("this is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("write a URL such as `https://slo.example.com/`".to_owned());
    }
    if !matches!(url.path(), "/") || url.query().is_some() {
        return Err("paths other than `/` are not served; let the proxy strip its prefix".to_owned());
    }
    Ok(url)
}

/// Runs the command until it is told to stop.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let files = Files { paths: arguments.paths.clone(), shard: arguments.shard };
    let content = match files.read() {
        Ok(content) => content,
        Err(exit) => return exit,
    };
    if let Err(error) = arguments.log.start() {
        output::messages(&format!("burndown: the log cannot be started: {error}\n"));
        return Exit::Usage;
    }
    ask_for_descriptors();
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&ServeError::Runtime(error)),
    };
    let result = runtime.block_on(serve(files, content, arguments));
    // Whatever still runs is dropped here, and with it the process groups of commands are killed.
    Runtime::shutdown_timeout(runtime, LAST_WAIT);
    result.unwrap_or_else(|error| failed(&error))
}

fn failed(error: &ServeError) -> Exit {
    tracing::error!(%error, "cannot serve");
    Exit::Usage
}

/// Raises the soft limit of descriptors, which many systems set to 1,024 for the sake of old programs.
fn ask_for_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let possible = limit.maximum.unwrap_or(DESCRIPTORS).min(DESCRIPTORS);
    if limit.current.is_some_and(|current| current < possible) {
        let raised = Rlimit { current: Some(possible), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of open files cannot be raised");
        }
    }
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
async fn serve(files: Files, content: Content, arguments: &Arguments) -> Result<Exit, ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let mut hangups = Hangups::new().map_err(ServeError::Signals)?;
    let web = arguments.web_config.as_deref().map(WebConfig::read).transpose()?.unwrap_or_default();
    // One request may wait while another is served; the sender stays here so that the channel never closes.
    let (sender, mut requests) = mpsc::channel::<ReloadRequest>(1);
    let shown = Shown {
        prometheus: arguments.prometheus.as_ref().map(|url| arguments.access.client(url)).transpose()?,
        storage: open_storage(&content.fleet, arguments.storage.as_deref())?,
    };
    let options = Options {
        listen: arguments.listen.clone(),
        location: arguments.location.clone(),
        board: shown.board(&content),
        storage: shown.storage.clone(),
        excerpts: arguments.excerpts,
        config: content.text,
        admin_socket: arguments.admin_socket.clone(),
        web,
        external_url: arguments.external_url.clone(),
        reloads: arguments.enable_lifecycle.then(|| sender.clone()),
        ..Options::default()
    };
    let mut daemon = Daemon::start(&content.fleet, Prober::system()?, options).await?;
    // What runs has its own copy; that of a large fleet takes megabytes.
    drop(content.fleet);
    manager::ready("running probes");
    manager::reassure();
    let signal = loop {
        tokio::select! {
            signal = signals.next() => break signal,
            () = hangups.next() => {
                // What is wrong is in the log.
                let _ = reload(&mut daemon, &files, &shown).await;
            }
            Some(request) = requests.recv() => {
                let result = reload(&mut daemon, &files, &shown).await;
                // Whoever asked may have gone away.
                let _ = request.send(result);
            }
        }
    };
    tracing::info!(signal, "stopping; a second signal stops at once");
    manager::stopping();
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

/// Reads the files and runs what they say, or goes on as before and gives back why.
async fn reload(daemon: &mut Daemon, files: &Files, shown: &Shown) -> Result<(), String> {
    manager::reloading();
    let files = files.clone();
    // Files and their mathematics take long enough to hold up the timers.
    let read = tokio::task::spawn_blocking(move || files.read_again()).await;
    match read.unwrap_or_else(|_| Err("the files could not be read\n".to_owned())) {
        Ok(content) => {
            let changes = daemon.reload(&content.fleet, shown.board(&content), content.text);
            let (unchanged, changed) = (changes.unchanged, changes.changed);
            tracing::info!(unchanged, changed, added = changes.added, removed = changes.removed, "loaded the files");
            manager::ready("running probes");
            Ok(())
        }
        Err(wrong) => {
            daemon.reload_failed();
            tracing::error!("the files cannot be used, so what ran before goes on");
            manager::ready("the files cannot be used, so what ran before goes on: see the log");
            Err(wrong)
        }
    }
}
