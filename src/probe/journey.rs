//! Journeys: steps that run a command or send a request, one after another, and the cleanup behind them.
//!
//! The first step that fails ends the journey. Cleanup is outside the verdict and the duration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;
use tokio::time::Instant;

use super::command;
use super::conclude::Limits;
use super::cookies::Jar;
use super::outcome::{Outcome, Phase, Phases, StepOutcome, Verdict};
use super::progress::Fault;
use super::reach::Reach;
use super::{ProbeKey, http, secret};
use crate::spec::model::{EnvValue, Journey, Step, StepAction};
use crate::units;

/// What stands for the run's directory in commands and their environment.
const RUN_DIR: &str = "${run_dir}";

/// The directory of one run, or why there is none.
pub(super) type RunDir = Result<TempDir, Fault>;

/// Makes a directory for one run that only the prober's user may enter; dropping it removes it.
pub(super) fn make_run_dir(parent: &Path) -> RunDir {
    tempfile::Builder::new()
        .prefix("burndown-run-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(|error| Fault::Prober(format!("no directory for the run under {}: {error}", parent.display())))
}

/// The fault of a journey that was begun without a directory.
pub(super) fn no_run_dir() -> Fault {
    Fault::Prober("the run has no directory".to_owned())
}

/// The outcome of a journey that could not start at all.
pub(super) fn not_started(journey: &Journey, fault: Fault) -> Outcome {
    Outcome {
        verdict: fault.into(),
        duration: std::time::Duration::ZERO,
        phases: Phases::default(),
        tls_not_after: None,
        steps: journey.steps.iter().map(not_reached).collect(),
    }
}

/// Everything that the steps of one run share.
struct Context<'a> {
    reach: &'a Reach,
    journey: &'a Journey,
    dir: &'a Path,
}

/// Runs the steps in order until one fails, all within `wall`, which is `timeout` after the start.
pub(super) async fn run(
    reach: &Reach,
    journey: &Journey,
    dir: &Path,
    wall: Instant,
    timeout: units::Duration,
) -> Outcome {
    let context = Context { reach, journey, dir };
    let started = Instant::now();
    let mut outcome = Outcome {
        verdict: Verdict::Success,
        duration: std::time::Duration::ZERO,
        phases: Phases::default(),
        tls_not_after: None,
        steps: Vec::with_capacity(journey.steps.len()),
    };
    for step in &journey.steps {
        if outcome.verdict != Verdict::Success {
            outcome.steps.push(not_reached(step));
            continue;
        }
        let found = context.step(step, wall, timeout).await;
        outcome.verdict = in_step(step, &found.verdict);
        for phase in Phase::ALL {
            outcome.phases.add(phase, found.phases.get(phase));
        }
        outcome.tls_not_after = [outcome.tls_not_after, found.tls_not_after].into_iter().flatten().min();
        outcome.steps.push(StepOutcome {
            name: step.name.clone(),
            verdict: Some(found.verdict),
            duration: found.duration,
        });
    }
    outcome.duration = started.elapsed();
    outcome
}

/// Runs every cleanup step, whatever becomes of the others.
pub(super) async fn clean_up(reach: &Reach, journey: &Journey, dir: &Path, timeout: units::Duration, probe: &ProbeKey) {
    let context = Context { reach, journey, dir };
    for step in &journey.cleanup {
        let own = step.timeout.unwrap_or(timeout);
        let found = context.step(step, Instant::now() + own.to_std(), own).await;
        if let Verdict::Failed { detail, .. } | Verdict::Skipped { detail, .. } = found.verdict {
            tracing::warn!(%probe, step = %step.name, %detail, "cleanup failed");
        }
    }
}

impl Context<'_> {
    /// Runs one step until its own timeout or the journey's `wall`, whichever is first.
    async fn step(&self, step: &Step, wall: Instant, timeout: units::Duration) -> Outcome {
        let started = Instant::now();
        let (wall, timeout) = match step.timeout {
            Some(own) if started + own.to_std() < wall => (started + own.to_std(), own),
            _ => (wall, timeout),
        };
        match &step.action {
            StepAction::Http(request) => {
                http::run(self.reach, request, &mut Jar::default(), Limits { wall, timeout }).await
            }
            StepAction::Run { command, env } => {
                let result = match tokio::time::timeout_at(wall, self.command(command, env)).await {
                    Ok(result) => result,
                    Err(_) => Err(command::timed_out(command, timeout)),
                };
                Outcome {
                    verdict: result.map_or_else(Verdict::from, |()| Verdict::Success),
                    duration: started.elapsed(),
                    phases: Phases::default(),
                    tls_not_after: None,
                    steps: Vec::new(),
                }
            }
        }
    }

    async fn command(&self, command: &[String], env: &BTreeMap<String, EnvValue>) -> Result<(), Fault> {
        let mut values = BTreeMap::new();
        for (name, value) in self.journey.env.iter().chain(env) {
            values.insert(name.as_str(), self.value(value).await?);
        }
        let words: Vec<OsString> = command.iter().map(|word| self.expand(word)).collect();
        command::run(&words, &values).await
    }

    async fn value(&self, value: &EnvValue) -> Result<OsString, Fault> {
        match value {
            EnvValue::Plain(text) => Ok(self.expand(text)),
            EnvValue::Secret(source) => Ok(secret::read(source).await?.into_os_string()),
        }
    }

    /// The text with the run's directory in its place.
    fn expand(&self, text: &str) -> OsString {
        let mut expanded = OsString::new();
        for (at, part) in text.split(RUN_DIR).enumerate() {
            if at > 0 {
                expanded.push(self.dir);
            }
            expanded.push(part);
        }
        expanded
    }
}

fn not_reached(step: &Step) -> StepOutcome {
    StepOutcome { name: step.name.clone(), verdict: None, duration: std::time::Duration::ZERO }
}

/// A step's verdict as the journey's, whose detail says which step it was.
fn in_step(step: &Step, verdict: &Verdict) -> Verdict {
    let named = |detail: &str| format!("step `{}`: {detail}", step.name);
    match verdict {
        Verdict::Success => Verdict::Success,
        Verdict::Failed { reason, detail } => Verdict::Failed { reason: *reason, detail: named(detail) },
        Verdict::Skipped { reason, detail } => Verdict::Skipped { reason: *reason, detail: named(detail) },
    }
}
