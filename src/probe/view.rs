//! A run as programs read it: the one form of `/api/v1/probes/…/runs` and of `burndown probe --output json`.
//!
//! Fields are only ever added. Times are seconds of Unix time, durations are seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::excerpt::Excerpt;
use super::outcome::{Outcome, Phase, Phases, StepOutcome, Verdict};

/// One run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunView<'a> {
    /// When it was due or started.
    pub started_at: f64,
    /// `success`, `failed` or `skipped`.
    pub verdict: &'static str,
    /// Why, from the closed set of reasons; nothing for a success.
    pub reason: Option<&'static str>,
    /// What exactly was found.
    pub detail: Option<&'a str>,
    /// How long the whole run took.
    pub duration_seconds: f64,
    /// How long each phase took that the run came to.
    pub phases: BTreeMap<&'static str, f64>,
    /// When the earliest certificate of the presented chain expires.
    pub tls_not_after: Option<i64>,
    /// The hosts that redirects led to, in order.
    pub redirects: &'a [String],
    /// The steps of a journey, in order.
    pub steps: Vec<StepView<'a>>,
    /// A piece of what a failed body or command said, where somebody asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

/// One step of a journey.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StepView<'a> {
    /// Its name.
    pub name: &'a str,
    /// `success`, `failed`, `skipped` or `not_reached`.
    pub verdict: &'static str,
    /// Why, from the closed set of reasons.
    pub reason: Option<&'static str>,
    /// What exactly was found.
    pub detail: Option<&'a str>,
    /// How long it took.
    pub duration_seconds: f64,
}

impl<'a> RunView<'a> {
    /// The view of a run that was due or started at `started_unix_ms`.
    #[must_use]
    pub fn new(outcome: &'a Outcome, started_unix_ms: i64) -> Self {
        let (verdict, reason, detail) = words(&outcome.verdict);
        Self {
            started_at: started_unix_ms as f64 / 1_000.0,
            verdict,
            reason,
            detail,
            duration_seconds: seconds(outcome.duration),
            phases: reached(&outcome.phases).map(|(phase, spent)| (phase.as_str(), seconds(spent))).collect(),
            tls_not_after: outcome.tls_not_after,
            redirects: &outcome.redirects,
            steps: outcome.steps.iter().map(StepView::new).collect(),
            excerpt: outcome.excerpt.as_ref().map(Excerpt::open),
        }
    }
}

impl<'a> StepView<'a> {
    fn new(step: &'a StepOutcome) -> Self {
        let (verdict, reason, detail) = step.verdict.as_ref().map_or(("not_reached", None, None), words);
        let duration_seconds = seconds(step.duration);
        Self { name: step.name.as_str(), verdict, reason, detail, duration_seconds }
    }
}

/// A verdict as a word, its reason and its detail.
#[must_use]
pub fn words(verdict: &Verdict) -> (&'static str, Option<&'static str>, Option<&str>) {
    match verdict {
        Verdict::Success => ("success", None, None),
        Verdict::Failed { reason, detail } => ("failed", Some(reason.as_str()), Some(detail)),
        Verdict::Skipped { reason, detail } => ("skipped", Some(reason.as_str()), Some(detail)),
    }
}

/// The phases that a run came to, in order.
pub fn reached(phases: &Phases) -> impl Iterator<Item = (Phase, Duration)> + '_ {
    Phase::ALL.into_iter().map(|phase| (phase, phases.get(phase))).filter(|(_, spent)| !spent.is_zero())
}

/// Seconds to the microsecond, which is as exact as a clock of the operating system is read here.
fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}
