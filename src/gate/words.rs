//! The answer in sentences for people.

use super::model::{ChangeAnswer, Forecast, Reason, SloAnswer};
use crate::slo::change;
use crate::standing::model::{GateAnswer, OverrideState};
use crate::standing::words::{amount, date, minutes};

/// Why an SLO says what it says. `note` is what the standing says of data that cannot be relied on, and `need` what is to
/// be spent, in seconds.
pub(super) fn of_slo(slo: &SloAnswer, note: Option<&str>, need: Option<f64>) -> String {
    let left = left(slo);
    let why = match slo.gate {
        GateAnswer::Closed => {
            let since = slo.closed_since.map(|since| format!("; closed since {}", date(since))).unwrap_or_default();
            let level = amount(slo.resume_at_seconds);
            format!("{left}{since}; opens at {level} minutes{}", moment(slo.reopens_at, slo.forecast))
        }
        GateAnswer::Unknown => {
            let note = note.unwrap_or("nobody knows how it stands");
            let then = if slo.holds_when_unknown { "holds" } else { "lets through" };
            format!("{note}; it {then} while it is unknown")
        }
        GateAnswer::Open => match need {
            Some(need) if slo.would != GateAnswer::Open || slo.would_reason == Reason::DryRun => {
                let available = change::available(slo.net_remaining_seconds, slo.close_at_seconds);
                let fits = moment(slo.reopens_at, slo.forecast);
                format!("{left}; {} may be spent and {} are needed{fits}", minutes(available), amount(need))
            }
            _ => left,
        },
    };
    let why = if slo.would_reason == Reason::DryRun { format!("dry run, which stops nothing: {why}") } else { why };
    match &slo.overridden {
        Some(overridden) => format!("{}; without it: {}, {why}", overrides(overridden), word(slo.would)),
        None => why,
    }
}

/// What is left, and what would be if all that was spent counted.
fn left(slo: &SloAnswer) -> String {
    let left = format!("{} of {} minutes remain", minutes(slo.net_remaining_seconds), amount(slo.total_seconds));
    if slo.corrected_seconds <= 0.0 {
        return left;
    }
    let (corrected, gross) = (minutes(slo.corrected_seconds), minutes(slo.remaining_seconds));
    format!("{left}, {corrected} of them by corrections: {gross} would without")
}

/// An override in words.
#[must_use]
pub fn overrides(overridden: &OverrideState) -> String {
    let until = date(overridden.until);
    if overridden.by.is_empty() {
        return format!("overridden until {until}; the service that keeps the audit says by whom");
    }
    let OverrideState { by, authenticated, reason, .. } = overridden;
    format!("overridden until {until} by {by} ({authenticated}): {reason}")
}

const fn word(answer: GateAnswer) -> &'static str {
    match answer {
        GateAnswer::Open => "open",
        GateAnswer::Closed => "closed",
        GateAnswer::Unknown => "unknown",
    }
}

/// When something is so if nothing more fails.
fn moment(at: Option<i64>, forecast: Option<Forecast>) -> String {
    let Some(at) = at else { return ", and nobody can say when".to_owned() };
    let traffic = match forecast {
        Some(Forecast::AssumesLast7DaysTraffic) => " and the traffic of the last 7 days repeats",
        Some(Forecast::Exact) | None => "",
    };
    format!(": {} if nothing more fails{traffic}", date(at))
}

/// Why the whole says what it says.
pub(super) fn overall(
    decision: GateAnswer,
    reason: Reason,
    slos: &[SloAnswer],
    change: Option<&ChangeAnswer>,
) -> String {
    if reason == Reason::Hours {
        return hours(change);
    }
    if reason == Reason::Open {
        let what = if change.is_some() { "the change fits now" } else { "deployments may go on" };
        return format!("{what}: every gate that is asked is open");
    }
    let others = slos.iter().filter(|slo| slo.decision == decision && slo.reason != Reason::Open).count();
    let others = match others.saturating_sub(1) {
        0 => String::new(),
        1 => " (and one more)".to_owned(),
        count => format!(" (and {count} more)"),
    };
    slos.first().map_or_else(String::new, |slo| format!("{}: {}{others}", name(slo), slo.message))
}

fn hours(change: Option<&ChangeAnswer>) -> String {
    let late = change.into_iter().flat_map(|change| &change.services).find(|service| !service.is_within_hours);
    let next = match late.and_then(|service| service.may_begin_at) {
        Some(next) => format!("it may begin at {}", date(next)),
        None => "no working day is long enough for it".to_owned(),
    };
    format!("the change would not begin and end within one working day: {next}")
}

/// An SLO and its group that decides, as people write them.
#[must_use]
pub fn name(slo: &SloAnswer) -> String {
    let labels: Vec<String> = slo.group.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let group = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    format!("{}/{}{group}", slo.service, slo.slo)
}
