//! The sentences of a report, plain text without any markup.

use super::model::{AlertReport, AlertSource, ForecastReport, GateTurn, SloReport, Spike};
use crate::history::{Entry, EntryKind, audit};
use crate::standing::Local;
use crate::standing::model::GateAnswer;
use crate::standing::words::{amount, minutes, percent};

/// Nothing to say in a cell.
pub(super) const NOTHING: &str = "\u{2013}";

/// An SLO as people write it.
pub(super) fn name(slo: &SloReport) -> String {
    format!("{}/{}", slo.service, slo.slo)
}

/// The labels of a group behind the name of something; empty for an SLO that is not split.
pub(super) fn group(labels: &std::collections::BTreeMap<String, String>) -> String {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    if labels.is_empty() { String::new() } else { format!(" {{{}}}", labels.join(", ")) }
}

/// The gate in a word.
pub(super) fn gate(slo: &SloReport) -> String {
    let word = match slo.gate.state {
        GateAnswer::Open => "open",
        GateAnswer::Closed => "closed",
        GateAnswer::Unknown => "unknown",
    };
    let dry_run = if slo.gate.dry_run { " (dry run)" } else { "" };
    format!("{word}{dry_run}")
}

/// What is left, such as `5.80 of 43.2`, or `5.80 of 43.2 (15.8 net)` where something was corrected.
pub(super) fn left(slo: &SloReport) -> String {
    let of = amount(slo.budget.total_seconds);
    if !slo.has_numbers() {
        return format!("{NOTHING} of {of}");
    }
    let net =
        if is_corrected(slo) { format!(" ({} net)", minutes(slo.budget.net_remaining_seconds)) } else { String::new() };
    format!("{} of {of}{net}", minutes(slo.budget.remaining_seconds))
}

/// Whether something of the window does not count.
fn is_corrected(slo: &SloReport) -> bool {
    slo.budget.corrected_seconds > 0.0
}

/// A share in percent with one decimal.
pub(super) fn share(value: f64) -> String {
    format!("{} %", percent((value * 10.0).round() / 10.0, 1))
}

/// An SLI in percent.
pub(super) fn sli(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| format!("{} %", percent(value, 3)))
}

/// That a gate stops deployments, and until when; or would, where it is a dry run or somebody has it let them through.
pub(super) fn closed(slo: &SloReport, local: &Local, until: i64) -> String {
    let waived = match audit::in_force(&slo.decisions, until) {
        _ if slo.gate.dry_run => ", were it no dry run".to_owned(),
        Some(entry) => format!(", were it not overridden until {}", local.moment(entry.until, until)),
        None => String::new(),
    };
    let would = if waived.is_empty() { "" } else { "would " };
    let since = slo.gate.closed_since.map(|since| format!(" since {}", local.moment(since, until))).unwrap_or_default();
    let then = match slo.forecast.gate_opens_at {
        Some(at) => format!("they {would}go on from {}{}", local.moment(at, until), if_nothing_fails(&slo.forecast)),
        None => format!("nobody can say when they {would}go on"),
    };
    let (name, group, left) = (name(slo), group(&slo.group), left(slo));
    format!("Deployments {would}stop for {name}{group}{since}{waived}: {left} minutes are left; {then}.")
}

/// What a forecast rests on.
fn if_nothing_fails(forecast: &ForecastReport) -> &'static str {
    if forecast.is_exact {
        " if nothing more fails"
    } else {
        " if nothing more fails and the traffic of the last 7 days repeats"
    }
}

/// That an outage needs a postmortem.
pub(super) fn postmortem(slo: &SloReport, spike: &Spike, local: &Local, until: i64) -> String {
    let when = local.range(spike.start, spike.end, until);
    let (name, group) = (name(slo), group(&spike.group));
    format!(
        "Postmortem: {name}{group}, {when}, spent {} of the budget ({} minutes).",
        share(spike.spent_percent),
        minutes(spike.spent_seconds)
    )
}

/// That an outage is not over.
pub(super) fn ongoing(slo: &SloReport, spike: &Spike, local: &Local, until: i64) -> String {
    let (name, group) = (name(slo), group(&spike.group));
    let spent = minutes(spike.spent_seconds);
    format!("Not over: {name}{group} fails since {}, and has spent {spent} minutes.", local.moment(spike.start, until))
}

/// That somebody had a gate let through whatever the budget says, and for how long; nothing of what was withdrawn before it
/// held.
pub(super) fn overridden(slo: &SloReport, entry: &Entry, local: &Local, until: i64) -> Option<String> {
    let withdrawn = entry.withdrawn_at(&slo.decisions).filter(|at| *at < entry.until);
    let held_until = withdrawn.unwrap_or(entry.until);
    if held_until <= entry.from {
        return None;
    }
    let (name, by, reason) = (name(slo), &entry.by, &entry.reason);
    let range = local.range(entry.from, held_until, until);
    let then = if withdrawn.is_some() { ", when it was withdrawn" } else { "" };
    Some(format!("Override: {by} had the gate of {name} open, {range}{then}: {reason}"))
}

/// That nobody knows how an SLO stands.
pub(super) fn unknown(slo: &SloReport) -> String {
    let note = slo.data_note.as_deref().unwrap_or("its numbers cannot be relied on");
    let holds = if slo.gate.holds_when_unknown && !slo.gate.dry_run { ", and its gate holds" } else { "" };
    format!("Nobody knows how {} stands{holds}: {note}.", name(slo))
}

/// That little is left.
pub(super) fn low(slo: &SloReport) -> String {
    format!("Little is left of {}{}: {} minutes.", name(slo), group(&slo.group), left(slo))
}

/// What became of a budget in the period.
pub(super) fn budget(slo: &SloReport) -> String {
    let period = &slo.period;
    let split = if slo.groups > 1 {
        format!("Of its {} groups,{} decides. ", slo.groups, group(&slo.group))
    } else {
        String::new()
    };
    let net = if is_corrected(slo) { " The gate decides by the net, without what was corrected." } else { "" };
    format!(
        "{split}{} minutes are left. The period began with {}; {} were spent in it and {} returned.{net}",
        left(slo),
        minutes(period.at_start_seconds),
        minutes(period.spent_seconds),
        minutes(period.returned_seconds)
    )
}

/// The SLI against its objective.
pub(super) fn against(slo: &SloReport) -> String {
    let objective = percent(slo.objective, 6);
    format!(
        "{} of {} were good, where {objective} % are promised; {} in the period.",
        sli(slo.sli),
        slo.window,
        sli(slo.period_sli)
    )
}

/// What is to come.
pub(super) fn forecast(slo: &SloReport, local: &Local, until: i64) -> Option<String> {
    let forecast = &slo.forecast;
    let week = minutes(forecast.in_a_week_seconds?);
    let opens = forecast.gate_opens_at.map(|at| format!("the gate opens {}, ", local.moment(at, until)));
    let whole = match forecast.whole_at {
        Some(at) => format!("and all that was spent is back by {}", local.moment(at, until)),
        None if slo.budget.total_seconds - slo.budget.net_remaining_seconds > 0.5 => {
            "and not all that was spent comes back".to_owned()
        }
        None => "which is all of it".to_owned(),
    };
    let traffic = if forecast.is_exact { "" } else { " and the traffic of the last 7 days repeats" };
    let opens = opens.unwrap_or_default();
    let net = if is_corrected(slo) { " net" } else { "" };
    Some(format!("If nothing more fails{traffic}, {opens}{week} minutes are left{net} in a week, {whole}."))
}

/// Why an outage was one.
pub(super) fn why(spike: &Spike) -> String {
    let count = |(what, count): (&String, &u64)| (*count, format!("{} {count}", what.replace('_', " ")));
    let listed = |counts: &std::collections::BTreeMap<String, u64>| {
        let mut all: Vec<(u64, String)> = counts.iter().map(count).collect();
        all.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        all.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(", ")
    };
    let reasons = if spike.reasons.is_empty() { "not known".to_owned() } else { listed(&spike.reasons) };
    if spike.steps.is_empty() { reasons } else { format!("{reasons}; in step {}", listed(&spike.steps)) }
}

/// A turn of the gate, and why.
pub(super) fn turn(slo: &SloReport, turn: &GateTurn, local: &Local, until: i64) -> String {
    let left = minutes(turn.remaining_seconds);
    let why = match turn.to {
        GateAnswer::Closed => {
            format!("closed with {left} minutes left; it closes at {}", amount(slo.gate.close_at_seconds))
        }
        _ => format!("opened with {left} minutes left"),
    };
    format!("{}{}: {why}", local.moment(turn.at, until), group(&turn.group))
}

/// What somebody decided.
pub(super) fn decision(entry: &Entry, local: &Local, until: i64) -> String {
    let range = local.range(entry.from, entry.until, until);
    let what = match entry.kind {
        EntryKind::Override => format!("override of the gate, {range}"),
        EntryKind::Correction => format!("correction, {range} does not count against the net budget"),
        EntryKind::Maintenance => format!("planned maintenance, {range}"),
        EntryKind::Withdrawal => format!("withdrawal of entry {}, {range}", entry.withdraws.unwrap_or_default()),
    };
    let (at, by, known) = (local.moment(entry.at, until), &entry.by, &entry.authenticated);
    format!("{at}: {what}, by {by} (known as {known}): {} [entry {}]", entry.reason, entry.id)
}

/// When an alert fired.
pub(super) fn alert_range(alert: &AlertReport, local: &Local, until: i64) -> String {
    if alert.from == alert.until {
        return local.moment(alert.from, until);
    }
    local.range(alert.from, alert.until, until)
}

/// Which alert it was.
pub(super) fn alert_name(alert: &AlertReport) -> String {
    let windows = match (&alert.long_window, &alert.short_window) {
        (Some(long), Some(short)) => format!(" {long}/{short}"),
        _ => String::new(),
    };
    format!("{}{windows}{}", alert.alert, group(&alert.group))
}

/// What is to be known about where alerts are from.
pub(super) fn alerts_from(source: AlertSource) -> &'static str {
    match source {
        AlertSource::Prometheus => "As Prometheus recorded them.",
        AlertSource::Counts => {
            "As they would have fired: worked out of the counts at the end of every slice. Whether a Prometheus fired them \
             is not known here."
        }
        AlertSource::Nowhere => "They could not be read.",
    }
}
