//! Says what each budget means, for people and for programs. The computing is in [`crate::slo::meaning`].

use std::fmt::Write;

use rust_decimal::Decimal;
use serde::Serialize;

use super::counted;
use crate::slo::budget::to_f64;
use crate::slo::meaning::{Alerted, Meaning, Reaction, Unit};
use crate::slo::{Plan, SloPlan};
use crate::spec::model::Severity;
use crate::units::Duration;

/// So wide is the column of windows at least, so that those of most SLOs stand below each other.
const LEAST_WINDOWS: usize = 10;

/// A block of lines for each SLO.
pub(super) fn human(plan: &Plan) -> String {
    plan.slos().map(|plan| block(plan, &Meaning::of(plan))).collect()
}

fn block(plan: &SloPlan, meaning: &Meaning) -> String {
    let slo = &plan.slo;
    let held = meaning.failures_held.map(|count| format!(", {}", counted_failures(meaning.unit, count)));
    let mut text = format!(
        "{}/{}: {} % over {} allows {} of failure{}\n",
        slo.service,
        slo.name,
        slo.objective,
        slo.window,
        minutes(plan.budget_seconds),
        held.unwrap_or_default(),
    );
    let width = meaning.pairs.iter().map(|pair| windows(pair).len()).fold(LEAST_WINDOWS, usize::max);
    for reaction in &meaning.pairs {
        text.push_str(&pair(meaning.unit, reaction, width));
    }
    if meaning.pairs.is_empty() {
        text.push_str("  no burn rate alerts anybody\n");
    }
    let _ = writeln!(text, "  {}\n", one_failure(plan, meaning));
    text
}

/// The windows of a pair.
fn windows(reaction: &Reaction) -> String {
    format!("{} / {}", reaction.pair.long, reaction.pair.short)
}

/// A pair on a line: whom it calls, its windows in a column of that `width`, its threshold, and when it sees a full
/// outage.
fn pair(unit: Unit, reaction: &Reaction, width: usize) -> String {
    let pair = &reaction.pair;
    let mut text = format!(
        "  {:<6}  {:<width$}  ×{:<5} above {:<8}",
        word(pair.severity),
        windows(reaction),
        pair.factor.round_dp(2).normalize(),
        percent(pair.threshold),
    );
    if let Some(detection) = reaction.detection {
        let _ = write!(text, "  full outage seen after {}", detection.round_to(Duration::from_secs(1)));
    }
    if let Some(failures) = reaction.failures {
        let in_a_row = if failures > 1 { " in a row" } else { "" };
        let _ = write!(text, ", {}{in_a_row}", counted_failures(unit, failures));
    }
    text.push('\n');
    text
}

/// What one failure costs, and whom it alerts.
fn one_failure(plan: &SloPlan, meaning: &Meaning) -> String {
    if meaning.unit == Unit::Time {
        return "failure counts by time: a minute at ratio 1 costs a minute".to_owned();
    }
    let cost = match (meaning.failure_seconds, meaning.failure_share(plan)) {
        (Some(seconds), Some(share)) => format!("{} ({} of the budget)", minutes(seconds), percent(share.round_dp(4))),
        _ if meaning.unit == Unit::Sample => "its share of the samples".to_owned(),
        _ => "its share of the traffic".to_owned(),
    };
    let alerts = match &meaning.failure_alerts {
        Alerted::Nobody => "alerts nobody".to_owned(),
        Alerted::By(pair) => format!("raises a {}", word(pair.severity)),
        Alerted::Depends if meaning.unit == Unit::Sample => "may alert while samples are few".to_owned(),
        Alerted::Depends => "may alert while traffic is low".to_owned(),
    };
    format!("one {} costs {cost} and {alerts}", noun(meaning.unit))
}

/// The document of one SLO.
#[derive(Debug, Serialize)]
pub(super) struct JsonSlo<'a> {
    service: &'a str,
    name: &'a str,
    objective_percent: f64,
    window_seconds: f64,
    error_budget_minutes: f64,
    counts: &'static str,
    failures_held: Option<u64>,
    pairs: Vec<JsonPair>,
    one_failure: JsonFailure,
}

#[derive(Debug, Serialize)]
struct JsonPair {
    severity: &'static str,
    long_window_seconds: f64,
    short_window_seconds: f64,
    factor: f64,
    threshold_percent: f64,
    full_outage_seen_after_seconds: Option<f64>,
    failures_in_a_row: Option<u64>,
}

#[derive(Debug, Serialize)]
struct JsonFailure {
    cost_minutes: Option<f64>,
    cost_percent: Option<f64>,
    alerts: &'static str,
}

/// The documents of all SLOs.
pub(super) fn json(plan: &Plan) -> Vec<JsonSlo<'_>> {
    plan.slos().map(json_slo).collect()
}

fn json_slo(plan: &SloPlan) -> JsonSlo<'_> {
    let meaning = Meaning::of(plan);
    let slo = &plan.slo;
    JsonSlo {
        service: slo.service.as_str(),
        name: slo.name.as_str(),
        objective_percent: hundredfold(slo.objective.ratio()),
        window_seconds: to_f64(slo.window.as_secs()),
        error_budget_minutes: rounded(plan.budget_seconds / Decimal::from(60)),
        counts: match meaning.unit {
            Unit::Run(_) => "runs",
            Unit::Slice(_) => "slices",
            Unit::Event => "events",
            Unit::Sample => "samples",
            Unit::Time => "time",
        },
        failures_held: meaning.failures_held,
        pairs: meaning.pairs.iter().map(json_pair).collect(),
        one_failure: JsonFailure {
            cost_minutes: meaning.failure_seconds.map(|seconds| rounded(seconds / Decimal::from(60))),
            cost_percent: meaning.failure_share(plan).map(hundredfold),
            alerts: match &meaning.failure_alerts {
                Alerted::Nobody => "nobody",
                Alerted::By(pair) => word(pair.severity),
                Alerted::Depends => "depends",
            },
        },
    }
}

fn json_pair(reaction: &Reaction) -> JsonPair {
    let pair = &reaction.pair;
    JsonPair {
        severity: word(pair.severity),
        long_window_seconds: to_f64(pair.long.as_secs()),
        short_window_seconds: to_f64(pair.short.as_secs()),
        factor: rounded(pair.factor),
        threshold_percent: hundredfold(pair.threshold),
        full_outage_seen_after_seconds: reaction.detection.map(|detection| to_f64(detection.as_secs())),
        failures_in_a_row: reaction.failures,
    }
}

/// A ratio in percent, as a number.
fn hundredfold(ratio: Decimal) -> f64 {
    rounded(ratio * Decimal::ONE_HUNDRED)
}

fn rounded(number: Decimal) -> f64 {
    to_f64(number.round_dp(6).normalize())
}

/// A ratio in percent, as people read it.
fn percent(ratio: Decimal) -> String {
    format!("{} %", (ratio * Decimal::ONE_HUNDRED).round_dp(4).normalize())
}

/// Seconds of budget as people say them.
fn minutes(seconds: Decimal) -> String {
    let minutes = (seconds / Decimal::from(60)).round_dp(2).normalize();
    if minutes == Decimal::ONE { "1 minute".to_owned() } else { format!("{minutes} minutes") }
}

fn counted_failures(unit: Unit, count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), noun(unit))
}

/// What one failure is.
const fn noun(unit: Unit) -> &'static str {
    match unit {
        Unit::Run(_) => "failed run",
        Unit::Slice(_) => "bad slice",
        Unit::Event => "bad event",
        Unit::Sample => "bad sample",
        Unit::Time => "minute",
    }
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Page => "page",
        Severity::Ticket => "ticket",
    }
}
