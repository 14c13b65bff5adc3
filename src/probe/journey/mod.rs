//! Journeys: steps that run a command or send a request, one after another, and the cleanup behind them.
//!
//! The first step that fails ends the journey. Cleanup is outside the verdict and the duration. Steps share the
//! directory of the run, its cookies, and what they capture.

mod fill;
mod run_dir;

use std::collections::BTreeMap;
use std::path::Path;

use http::HeaderMap;
use tokio::time::Instant;

use super::command::{self, Output};
use super::conclude::Limits;
use super::cookies::Jar;
use super::harvest::{Harvest, Values};
use super::outcome::{CleanupFailure, CleanupPart, Outcome, Phase, StepOutcome, Verdict};
use super::progress::{self, Fault};
use super::reach::Reach;
use super::{ProbeKey, http as requests, secret};
use crate::spec::model::{EnvValue, Journey, Step, StepAction, StepRequest, Template};
use crate::units;
use fill::Filling;

pub(super) use run_dir::{RunDir, sweep};

/// The fault of a journey that was begun without a directory.
pub(super) fn no_run_dir() -> Fault {
    Fault::Prober("the run has no directory".to_owned())
}

/// The outcome of a journey that could not start at all.
pub(super) fn not_started(journey: &Journey, fault: Fault) -> Outcome {
    Outcome { steps: journey.steps.iter().map(not_reached).collect(), ..Outcome::of(fault.into()) }
}

/// What the steps of one run leave for later ones. All of it counts as secret.
#[derive(Debug, Default)]
pub(super) struct Session {
    values: Values,
    jar: Jar,
}

/// Everything that the steps of one run are given.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) reach: &'a Reach,
    pub(super) journey: &'a Journey,
    /// The directory of the run.
    pub(super) dir: &'a Path,
    /// The timeout of the journey, which bounds a step that has none of its own.
    pub(super) timeout: units::Duration,
    /// Whether the end of what a failed command printed is kept.
    pub(super) keeps_output: bool,
}

/// Runs the steps in order until one fails, all within `wall`.
pub(super) async fn run(context: Context<'_>, session: &mut Session, wall: Instant) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::of(Verdict::Success);
    for step in &context.journey.steps {
        if outcome.verdict != Verdict::Success {
            outcome.steps.push(not_reached(step));
            continue;
        }
        let found = context.step(step, session, wall, context.timeout).await;
        outcome.verdict = in_step(step, &found.verdict);
        for phase in Phase::ALL {
            outcome.phases.add(phase, found.phases.get(phase));
        }
        outcome.tls_not_after = [outcome.tls_not_after, found.tls_not_after].into_iter().flatten().min();
        outcome.excerpt = found.excerpt;
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
///
/// A step is left out if a capture that it names was never made: there is nothing to clean up under that name, and a
/// command with a hole in it might clean up something else.
pub(super) async fn clean_up(context: Context<'_>, session: &mut Session, probe: &ProbeKey) -> Vec<CleanupFailure> {
    let mut failures = Vec::new();
    for step in &context.journey.cleanup {
        let mut named = step.action.templates().flat_map(Template::captures);
        if let Some(missing) = named.find(|name| !session.values.holds(name)) {
            tracing::debug!(%probe, step = %step.name, %missing, "left out of the cleanup: its capture was not made");
            continue;
        }
        let own = step.timeout.unwrap_or(context.timeout);
        let found = context.step(step, session, Instant::now() + own.to_std(), own).await;
        let (reason, detail) = match found.verdict {
            Verdict::Success => continue,
            Verdict::Failed { reason, detail } => (reason.as_str(), detail),
            Verdict::Skipped { reason, detail } => (reason.as_str(), detail),
        };
        failures.push(CleanupFailure { part: CleanupPart::Step(step.name.clone(), reason), detail });
    }
    failures
}

impl Context<'_> {
    /// Runs one step until its own timeout or `wall`, which is `timeout` after a start, whichever is first.
    async fn step(&self, step: &Step, session: &mut Session, wall: Instant, timeout: units::Duration) -> Outcome {
        let started = Instant::now();
        let (wall, timeout) = match step.timeout {
            Some(own) if started + own.to_std() < wall => (started + own.to_std(), own),
            _ => (wall, timeout),
        };
        match &step.action {
            StepAction::Http(request) => self.request(step, request, session, wall, timeout).await,
            StepAction::Run { command, env } => {
                let mut output = Output::keeping(!step.captures.is_empty(), self.keeps_output);
                let run = self.command(command, env, session, &mut output);
                let result = match tokio::time::timeout_at(wall, run).await {
                    Ok(Ok(())) => {
                        let mut harvest = Harvest { wanted: &step.captures, values: &mut session.values };
                        harvest.take(&HeaderMap::new(), output.text())
                    }
                    Ok(failed) => failed,
                    Err(_) if output.is_started() => Err(command::timed_out(command, timeout)),
                    Err(_) => Err(progress::timed_out(None, timeout)),
                };
                let excerpt = if result.is_err() { output.excerpt() } else { None };
                let verdict = result.map_or_else(Verdict::from, |()| Verdict::Success);
                Outcome { duration: started.elapsed(), excerpt, ..Outcome::of(verdict) }
            }
        }
    }

    async fn request(
        &self,
        step: &Step,
        request: &StepRequest,
        session: &mut Session,
        wall: Instant,
        timeout: units::Duration,
    ) -> Outcome {
        let request = match self.filling(&session.values).request(request) {
            Ok(request) => request,
            Err(fault) => return Outcome::of(fault.into()),
        };
        let harvest = Harvest { wanted: &step.captures, values: &mut session.values };
        let visit = requests::Visit { jar: &mut session.jar, harvest };
        requests::visit(self.reach, &request, visit, Limits { wall, timeout }).await
    }

    async fn command(
        &self,
        command: &[Template],
        env: &BTreeMap<String, EnvValue>,
        session: &Session,
        output: &mut Output,
    ) -> Result<(), Fault> {
        let filling = self.filling(&session.values);
        let mut values = BTreeMap::new();
        for (name, value) in self.journey.env.iter().chain(env) {
            let value = match value {
                EnvValue::Plain(text) => filling.text(text)?,
                EnvValue::Secret(source) => secret::read(source).await?.into_os_string(),
            };
            values.insert(name.as_str(), value);
        }
        command::run(&filling.words(command)?, &values, output).await
    }

    fn filling<'v>(&'v self, values: &'v Values) -> Filling<'v> {
        Filling { run_dir: self.dir, values }
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
