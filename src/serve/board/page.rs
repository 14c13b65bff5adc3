//! The board as a page: what a tile says, in words. The template escapes everything that it prints.

use askama::Template;

use super::chart::Chart;
use crate::standing::model::{AlertState, Data, GateAnswer, SloState};
use crate::standing::{Standing, words};
use crate::units::Duration;

/// The page, `board.html`.
#[derive(Template)]
#[template(path = "board.html")]
struct Page {
    /// How many SLOs there are and how many need attention.
    summary: String,
    /// When the numbers were true, for machines and for people.
    moment: String,
    date: String,
    /// How long the page waits before it asks again, in seconds.
    refresh: u64,
    tiles: Vec<Tile>,
}

/// One SLO.
struct Tile {
    service: String,
    slo: String,
    description: Option<String>,
    /// `good`, `low`, `spent` or `unknown`: the tile's colour.
    mood: &'static str,
    /// Minutes left.
    left: String,
    /// Minutes allowed.
    allowed: String,
    /// What is left in percent.
    percent: String,
    /// The same from 0 to 100, for the bar.
    bar: f64,
    /// The gate in words, and as a class.
    gate: (&'static str, &'static str),
    gate_note: String,
    facts: Vec<Fact>,
    alerts: Vec<Alert>,
    chart: Chart,
}

/// A number with its name.
struct Fact {
    name: &'static str,
    value: String,
    note: String,
}

/// A burn-rate alert.
struct Alert {
    severity: String,
    windows: String,
    factor: String,
    rate: String,
    firing: bool,
}

/// Renders the page of `now`, in seconds of Unix time; `slice` is how often its numbers can change.
pub(super) fn render(standings: &[Standing], now: i64, slice: Duration) -> Result<String, askama::Error> {
    let refresh = slice.clamp(Duration::from_secs(1), Duration::from_secs(30));
    let page = Page {
        summary: summary(standings),
        moment: words::moment(now),
        date: words::date(now),
        refresh: refresh.count_of(Duration::from_secs(1)),
        tiles: standings.iter().map(|standing| Tile::of(standing, now)).collect(),
    };
    page.render()
}

/// How many SLOs there are and what is wrong with them.
fn summary(standings: &[Standing]) -> String {
    let how_many = |wanted: fn(&SloState) -> bool, words: &str| {
        let count = standings.iter().filter(|standing| wanted(&standing.state)).count();
        (count > 0).then(|| format!("{count} {words}"))
    };
    let all = format!("{} SLO{}", standings.len(), if standings.len() == 1 { "" } else { "s" });
    let notable = [
        how_many(|state| state.gate.state == GateAnswer::Closed, "closed"),
        how_many(SloState::is_firing, "alerting"),
        how_many(|state| state.data != Data::Known, "unknown"),
    ];
    let notable: Vec<String> = notable.into_iter().flatten().collect();
    if notable.is_empty() { format!("{all}, all open") } else { format!("{all}: {}", notable.join(", ")) }
}

impl Tile {
    fn of(standing: &Standing, now: i64) -> Self {
        let state = &standing.state;
        let budget = &state.budget;
        Self {
            service: state.service.clone(),
            slo: state.slo.clone(),
            description: state.description.clone(),
            mood: mood(state),
            left: words::minutes(budget.remaining_seconds),
            allowed: words::amount(budget.total_seconds),
            percent: words::percent(budget.remaining_percent, 0),
            bar: budget.remaining_percent.clamp(0.0, 100.0),
            gate: gate(state.gate.state),
            gate_note: gate_note(state),
            facts: facts(state, now),
            alerts: state.alerts.iter().map(Alert::of).collect(),
            chart: Chart::of(standing, now),
        }
    }
}

/// The colour of a tile. Every colour goes with words: nobody has to tell red from green.
fn mood(state: &SloState) -> &'static str {
    let budget = &state.budget;
    match state.gate.state {
        GateAnswer::Unknown => "unknown",
        GateAnswer::Closed => "spent",
        GateAnswer::Open if state.is_firing() || budget.remaining_seconds <= state.gate.resume_at_seconds => "low",
        GateAnswer::Open => "good",
    }
}

fn gate(answer: GateAnswer) -> (&'static str, &'static str) {
    match answer {
        GateAnswer::Open => ("Gate open", "open"),
        GateAnswer::Closed => ("Gate closed", "closed"),
        GateAnswer::Unknown => ("Gate unknown", "unknown"),
    }
}

/// What would change the gate, or why it is unknown.
fn gate_note(state: &SloState) -> String {
    let gate = &state.gate;
    match gate.state {
        GateAnswer::Open => format!("closes at {} min", words::amount(gate.close_at_seconds)),
        GateAnswer::Closed => format!("opens again at {} min", words::amount(gate.resume_at_seconds)),
        GateAnswer::Unknown => state.data_note.clone().unwrap_or_default(),
    }
}

fn facts(state: &SloState, now: i64) -> Vec<Fact> {
    let nothing = || "\u{2013}".to_owned();
    let last = state.last_failure.as_ref();
    vec![
        Fact { name: "Objective", value: format!("{} %", state.objective), note: format!("over {}", state.window) },
        Fact {
            name: "SLI",
            value: state.sli.map_or_else(nothing, |sli| format!("{} %", words::percent(sli, 3))),
            note: format!("{} of {} bad", words::count(state.bad), words::count(state.total)),
        },
        Fact {
            name: "Burn rate",
            value: state.burn_rate.map_or_else(nothing, |rate| format!("{} \u{d7}", words::rate(rate))),
            note: format!("last {}", state.burn_rate_window),
        },
        Fact {
            name: "Last failure",
            value: last.map_or_else(nothing, |failure| words::ago(now - failure.at)),
            note: last
                .and_then(|failure| failure.reason.as_ref())
                .map_or_else(String::new, |reason| reason.replace('_', " ")),
        },
    ]
}

impl Alert {
    fn of(state: &AlertState) -> Self {
        let rate = |rate: Option<f64>| rate.map_or_else(|| "\u{2013}".to_owned(), words::rate);
        Self {
            severity: state.severity.clone(),
            windows: format!("{} / {}", state.long_window, state.short_window),
            factor: words::rate(state.factor),
            rate: format!("{} / {}", rate(state.long_burn_rate), rate(state.short_burn_rate)),
            firing: state.firing,
        }
    }
}
