//! What a tile says of an SLO, in words.

use super::chart::Chart;
use super::mood::Mood;
use super::words::{NOTHING, plain};
use crate::standing::model::{GateAnswer, SloState};
use crate::standing::{Full, words};

/// One SLO. The templates escape everything that they print of it.
pub(super) struct Tile<'a> {
    /// Unique on the page; names hold no dot.
    pub(super) id: String,
    pub(super) href: String,
    pub(super) service: &'a str,
    pub(super) slo: &'a str,
    pub(super) description: Option<&'a str>,
    pub(super) mood: Mood,
    /// The gate in words.
    pub(super) gate: &'static str,
    /// How fast an alert says that the budget goes.
    pub(super) alarm: Option<String>,
    /// What would change the gate, or why it is unknown.
    pub(super) gate_note: String,
    /// Minutes left.
    pub(super) left: String,
    /// Minutes allowed.
    pub(super) allowed: String,
    /// What is left in percent.
    pub(super) percent: String,
    /// The same from 0 to 100, for the bar.
    pub(super) bar: f64,
    pub(super) sli: String,
    pub(super) objective: String,
    pub(super) window: String,
    /// A value and a note to it, as the next two.
    pub(super) trend: (String, String),
    pub(super) rate: (String, String),
    pub(super) last: (String, String),
    pub(super) chart: Chart,
}

/// One SLO among hundreds, on a line.
pub(super) struct Row<'a> {
    pub(super) id: String,
    pub(super) href: String,
    pub(super) slo: &'a str,
    pub(super) mood: Mood,
    pub(super) gate: &'static str,
    pub(super) left: String,
    pub(super) small: String,
}

impl<'a> Tile<'a> {
    /// The tile of an SLO at `now`, in seconds of Unix time.
    pub(super) fn of(full: &'a Full, now: i64) -> Self {
        let state = &full.detail.slo;
        let budget = &state.budget;
        // A history that cannot be read has spent nothing, which is not to be read as a whole budget.
        let read = |text: String| if state.data.is_read() { text } else { NOTHING.to_owned() };
        Self {
            id: id(state),
            href: address(state),
            service: &state.service,
            slo: &state.slo,
            description: state.description.as_deref().filter(|text| !text.trim().is_empty()),
            mood: Mood::of(state),
            gate: gate(state),
            alarm: alarm(state),
            gate_note: gate_note(state),
            left: read(words::minutes(budget.remaining_seconds)),
            allowed: words::amount(budget.total_seconds),
            percent: read(words::percent(budget.remaining_percent, 0)),
            bar: if state.data.is_read() { budget.remaining_percent.clamp(0.0, 100.0) } else { 0.0 },
            sli: sli(state.sli),
            objective: state.objective.to_string(),
            window: state.window.to_string(),
            trend: trend(state),
            rate: rate(state),
            last: last_failure(state, now),
            chart: Chart::on_tile(state, &full.burndown, now),
        }
    }
}

impl<'a> Row<'a> {
    /// The line of an SLO at `now`, in seconds of Unix time.
    pub(super) fn of(full: &'a Full, now: i64) -> Self {
        let state = &full.detail.slo;
        let (value, note) = last_failure(state, now);
        let failure = if value == NOTHING { "no failure".to_owned() } else { format!("failed {value} {note}") };
        let (moved, _) = trend(state);
        Self {
            id: id(state),
            href: address(state),
            slo: &state.slo,
            mood: Mood::of(state),
            gate: gate(state),
            left: words::minutes(state.budget.remaining_seconds),
            small: format!(
                "{} % of {} · {} of {} % · {moved} · {failure}",
                words::percent(state.budget.remaining_percent, 0),
                words::amount(state.budget.total_seconds),
                sli(state.sli),
                state.objective,
            ),
        }
    }
}

/// Names hold no dot, so no two of them are the same.
fn id(state: &SloState) -> String {
    format!("{}.{}", state.service, state.slo)
}

/// Where the page of an SLO is; names need no escape in an address.
pub(super) fn address(state: &SloState) -> String {
    format!("/slos/{}/{}", state.service, state.slo)
}

pub(super) fn sli(sli: Option<f64>) -> String {
    sli.map_or_else(|| NOTHING.to_owned(), |sli| format!("{} %", words::percent(sli, 3)))
}

pub(super) fn gate(state: &SloState) -> &'static str {
    match state.answer() {
        GateAnswer::Open if state.overridden.is_some() => "Gate open: overridden",
        GateAnswer::Open => "Gate open",
        GateAnswer::Closed => "Gate closed",
        GateAnswer::Unknown => "Gate unknown",
    }
}

/// Whether an alert's condition holds, of the pair that says so first.
fn alarm(state: &SloState) -> Option<String> {
    let alert = state.alerts.iter().find(|alert| alert.firing)?;
    let rate = alert.long_burn_rate.map(words::rate).unwrap_or_default();
    Some(format!("{rate} \u{d7}"))
}

/// What would change the gate, or why it is unknown.
pub(super) fn gate_note(state: &SloState) -> String {
    let gate = &state.gate;
    let note = match gate.state {
        GateAnswer::Open => format!("closes at {} min", words::amount(gate.close_at_seconds)),
        GateAnswer::Closed => format!("opens again at {} min", words::amount(gate.resume_at_seconds)),
        GateAnswer::Unknown => state.data_note.clone().unwrap_or_default(),
    };
    let net = net(state).map(|net| format!("; net {net} min after corrections")).unwrap_or_default();
    match &state.overridden {
        None => format!("{note}{net}"),
        Some(overridden) => {
            format!(
                "until {}; without the override {}: {note}{net}",
                words::date(overridden.until),
                without(gate.state)
            )
        }
    }
}

/// What is left when what does not count is given back, where that is anything.
pub(super) fn net(state: &SloState) -> Option<String> {
    (state.budget.corrected_seconds > 0.0).then(|| words::minutes(state.budget.net_remaining_seconds))
}

/// What a gate would say.
const fn without(gate: GateAnswer) -> &'static str {
    match gate {
        GateAnswer::Open => "open",
        GateAnswer::Closed => "closed",
        GateAnswer::Unknown => "unknown",
    }
}

fn trend(state: &SloState) -> (String, String) {
    let Some(trend) = &state.trend else { return (NOTHING.to_owned(), String::new()) };
    let over = format!("in {}", trend.over);
    let moved = words::minutes(trend.seconds);
    match trend.seconds {
        back if back >= 0.5 => (format!("+{moved} min"), over),
        spent if spent <= -0.5 => (format!("{moved} min"), over),
        _ => ("steady".to_owned(), over),
    }
}

fn rate(state: &SloState) -> (String, String) {
    let rate = state.burn_rate.map_or_else(|| NOTHING.to_owned(), |rate| format!("{} \u{d7}", words::rate(rate)));
    (rate, format!("in {}", state.burn_rate_window))
}

fn last_failure(state: &SloState, now: i64) -> (String, String) {
    let Some(failure) = &state.last_failure else {
        return (NOTHING.to_owned(), format!("none in {}", state.window));
    };
    (words::ago(now - failure.at), failure.reason.as_deref().map(plain).unwrap_or_default())
}
