//! One run as `burndown probe` shows it: to people, and as JSON.

use std::time::Duration;

use serde::Serialize;

use crate::diag::render::harmless;
use crate::probe::outcome::{Outcome, Verdict};
use crate::probe::{ProbeKey, view};
use crate::spec::model::Probe;

/// The version of the JSON form. Fields may come; the version changes when one goes or changes.
const SCHEMA_VERSION: u32 = 1;

/// The JSON form.
#[derive(Serialize)]
struct Json<'a> {
    schema_version: u32,
    service: &'a str,
    probe: &'a str,
    kind: &'static str,
    #[serde(flatten)]
    run: view::RunView<'a>,
}

/// The run as one JSON object.
pub(super) fn json(probe: &Probe, outcome: &Outcome, started_unix_ms: i64) -> String {
    let form = Json {
        schema_version: SCHEMA_VERSION,
        service: probe.service.as_str(),
        probe: probe.name.as_str(),
        kind: probe.kind.as_str(),
        run: view::RunView::new(outcome, started_unix_ms),
    };
    // Serializing texts and numbers cannot fail.
    serde_json::to_string_pretty(&form).map(|text| text + "\n").unwrap_or_default()
}

/// The run as a few lines: what took how long, and the verdict last, where eyes end up.
pub(super) fn human(probe: &Probe, outcome: &Outcome, started_unix_ms: i64) -> String {
    let mut lines = vec![format!("{} ({})", ProbeKey::of(probe), probe.kind.as_str())];
    let phases = view::reached(&outcome.phases);
    lines.extend(phases.map(|(phase, spent)| format!("  {:<12}{:>12}", phase.as_str(), took(spent))));
    lines.push(format!("  {:<12}{:>12}   of at most {}", "total", took(outcome.duration), probe.timeout));
    lines.extend(outcome.redirects.iter().map(|host| format!("  redirected to {host}")));
    if let Some(end) = outcome.tls_not_after {
        lines.push(format!("  certificate valid until {}", certificate(end, started_unix_ms.div_euclid(1_000))));
    }
    if !outcome.steps.is_empty() {
        lines.push("  steps".to_owned());
    }
    for step in &outcome.steps {
        let name = step.name.as_str();
        lines.push(match &step.verdict {
            Some(verdict) => format!("    {name:<16}{:>12}   {}", took(step.duration), sentence(verdict)),
            None => format!("    {name:<16}{:>12}   not reached", ""),
        });
    }
    if let Some(excerpt) = &outcome.excerpt {
        lines.push("  what it said".to_owned());
        lines.extend(excerpt.open().lines().map(|line| format!("    {line}")));
    }
    lines.push(sentence(&outcome.verdict));
    lines.iter().map(|line| harmless(line) + "\n").collect()
}

/// A verdict in words.
fn sentence(verdict: &Verdict) -> String {
    match view::words(verdict) {
        (word, Some(reason), Some(detail)) => format!("{word}: {reason}: {detail}"),
        (word, ..) => word.to_owned(),
    }
}

/// When a certificate ends, and how far away that is.
fn certificate(end: i64, now: i64) -> String {
    let date = jiff::Timestamp::from_second(end).map(|moment| moment.to_string()).unwrap_or_default();
    match (end - now).div_euclid(86_400) {
        days if days < 0 => format!("{date}, which is over"),
        0 => format!("{date}, less than a day"),
        1 => format!("{date}, one more day"),
        days => format!("{date}, {days} more days"),
    }
}

/// A measured duration to the tenth of a millisecond.
fn took(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}
