//! `burndown probe`: one run of one probe, now, phase by phase.

mod show;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::logging::LogArguments;
use super::signals::Signals;
use super::{Exit, load, output};
use crate::probe::outcome::{Outcome, Verdict};
use crate::probe::{ProbeKey, Prober, ProberError, Recorder as _, StateLog, Uplink};
use crate::spec::model::{self, Fleet, Probe};

/// Runs one probe once and says what it found, phase by phase.
///
/// Exits with 0 if the run succeeded, 1 if it failed, and 3 if the prober itself could not do its work.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// An SLO file, a directory with `*.yaml` or `*.yml` files, or `-` for standard input.
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// The probe; with its service, as in `SERVICE/NAME`, where several have one of that name.
    name: String,
    /// How results look.
    #[arg(long, value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    output: Format,
    /// Also show the end of what a failed command of a journey printed, which may hold secrets.
    #[arg(long)]
    show_output: bool,
    #[command(flatten)]
    log: LogArguments,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// Text for people.
    Human,
    /// One JSON object.
    Json,
}

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("the runtime or the signals cannot be set up: {0}")]
    Setup(#[from] io::Error),
    #[error(transparent)]
    Prober(#[from] ProberError),
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let fleet = match load::planned(std::slice::from_ref(&arguments.path)) {
        Ok(planned) => planned.loaded.fleet,
        Err(exit) => return exit,
    };
    let probe = match find(&fleet, &arguments.name) {
        Ok(probe) => probe,
        Err(why) => {
            output::messages(&format!("burndown: {why}\n"));
            return Exit::Usage;
        }
    };
    if let Err(error) = arguments.log.start() {
        output::messages(&format!("burndown: the log cannot be started: {error}\n"));
        return Exit::Usage;
    }
    let uplink = fleet.services.get(&probe.service).and_then(|service| service.uplink.as_ref());
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&ProbeError::Setup(error)),
    };
    let result = runtime.block_on(once(probe, uplink, arguments));
    // A name lookup that nobody waits for any more is not worth waiting for either.
    Runtime::shutdown_background(runtime);
    result.unwrap_or_else(|error| failed(&error))
}

fn failed(error: &ProbeError) -> Exit {
    output::messages(&format!("burndown: {error}\n"));
    Exit::Usage
}

/// The probe that `NAME` or `SERVICE/NAME` means, or why it means none.
fn find<'f>(fleet: &'f Fleet, name: &str) -> Result<&'f Probe, String> {
    let all = fleet.services.values().flat_map(|service| service.probes.values());
    let is_named = |probe: &&Probe| match name.split_once('/') {
        Some((service, name)) => probe.service.as_str() == service && probe.name.as_str() == name,
        None => probe.name.as_str() == name,
    };
    let found: Vec<&Probe> = all.clone().filter(is_named).collect();
    let listed = |probes: &[&Probe]| {
        let names: Vec<String> = probes.iter().take(20).map(|probe| ProbeKey::of(probe).to_string()).collect();
        format!("{}{}", names.join(", "), if probes.len() > 20 { ", …" } else { "" })
    };
    match found.as_slice() {
        [probe] => Ok(probe),
        [] => match all.collect::<Vec<_>>().as_slice() {
            [] => Err("the files have no probe".to_owned()),
            known => Err(format!("there is no probe `{name}`; there are {}", listed(known))),
        },
        several => Err(format!("several services have a probe `{name}`: write one of {}", listed(several))),
    }
}

/// Makes the run, shows it, and cleans up behind it, also when a signal breaks it off.
async fn once(probe: &Probe, uplink: Option<&model::Uplink>, arguments: &Arguments) -> Result<Exit, ProbeError> {
    let mut signals = Signals::new()?;
    let mut prober = Prober::system()?;
    if arguments.show_output {
        prober = prober.keeping_output();
    }
    let prober = Arc::new(prober);
    let started_unix_ms = jiff::Timestamp::now().as_millisecond();
    let started = Instant::now();
    let run = prober.begin(probe);
    let outcome = tokio::select! {
        outcome = run.execute(started + probe.timeout.to_std()) => Some(outcome),
        _ = signals.next() => None,
    };
    let exit = match outcome {
        Some(outcome) => {
            let outcome = match uplink {
                Some(uplink) => Uplink::new(uplink.clone(), Arc::clone(&prober)).judge(outcome, started).await,
                None => outcome,
            };
            let text = match arguments.output {
                Format::Human => show::human(probe, &outcome, started_unix_ms),
                Format::Json => show::json(probe, &outcome, started_unix_ms),
            };
            output::results(&text, exit_of(&outcome))
        }
        None => {
            output::messages("burndown: the run was broken off\n");
            Exit::Failure
        }
    };
    tokio::select! {
        failures = run.clean_up() => StateLog::default().cleaned_up(&ProbeKey::of(probe), &failures),
        _ = signals.next() => output::messages("burndown: the cleanup was broken off\n"),
    }
    Ok(exit)
}

fn exit_of(outcome: &Outcome) -> Exit {
    match outcome.verdict {
        Verdict::Success => Exit::Success,
        Verdict::Failed { .. } => Exit::Failure,
        Verdict::Skipped { .. } => Exit::Unknown,
    }
}
