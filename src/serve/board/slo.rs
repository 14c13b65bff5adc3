//! The page of one SLO: burndown, days, burn rates, groups, timings and outages.

use std::collections::BTreeMap;

use askama::Template;

use super::chart::Axes;
use super::mood::Mood;
use super::page::Frame;
use super::tile::{self, Tile};
use super::timing::Timing;
use super::words::{NOTHING, day_of, length, plain, short, span};
use crate::gate::overrides;
use crate::standing::model::{AlertState, Burndown, Data, Day, GateAnswer, GroupDetail, Outage, Outages, SloState};
use crate::standing::{Full, words};

/// About as many lines has the table that says the same as the chart.
const TABLE_LINES: usize = 30;

/// The page, `slo.html`.
#[derive(Template)]
#[template(path = "slo.html")]
struct Page<'a> {
    frame: Frame,
    tile: Tile<'a>,
    /// What else there is to know of the gate and of the group that decides.
    notes: Vec<String>,
    /// How many events were bad.
    counted: String,
    /// Observed time in percent.
    coverage: String,
    axes: Axes,
    /// The chart as a table: when, and minutes left.
    table: Vec<(String, String)>,
    days: Vec<DayCell>,
    alerts: Vec<Alert<'a>>,
    timing: Option<Timing>,
    groups: Vec<GroupLine>,
    outages_note: String,
    outages: Vec<OutageLine>,
}

/// A day of the strip.
pub(super) struct DayCell {
    pub(super) date: String,
    /// The date in short.
    pub(super) word: String,
    pub(super) mood: &'static str,
    pub(super) icon: &'static str,
    pub(super) sli: String,
    /// What colour and icon say, for those who see neither.
    pub(super) note: String,
}

/// A burn-rate alert.
struct Alert<'a> {
    severity: &'a str,
    windows: String,
    long: String,
    short: String,
    factor: String,
    firing: bool,
}

struct GroupLine {
    labels: String,
    mood: &'static str,
    sli: String,
    left: String,
    gate: &'static str,
}

struct OutageLine {
    when: String,
    length: String,
    spent: String,
    share: String,
    reasons: String,
    ongoing: bool,
}

/// Renders the page of an SLO as it stood at `at`, in seconds of Unix time.
pub(super) fn render(full: &Full, frame: Frame, timing: Option<Timing>, at: i64) -> Result<String, askama::Error> {
    let state = &full.detail.slo;
    let page = Page {
        frame,
        tile: Tile::of(full, at),
        notes: notes(state, at),
        counted: format!("{} of {} bad", words::count(state.bad), words::count(state.total)),
        coverage: words::percent(state.budget.coverage * 100.0, 1),
        axes: Axes::of(state, &full.burndown, &full.outages.outages, at),
        table: table(&full.burndown),
        days: full.days.days.iter().map(|day| DayCell::of(day, state.objective)).collect(),
        alerts: state.alerts.iter().map(Alert::of).collect(),
        timing,
        groups: full.detail.groups.iter().map(GroupLine::of).collect(),
        outages_note: outages_note(state, &full.outages),
        outages: full.outages.outages.iter().map(OutageLine::of).collect(),
    };
    page.render()
}

fn notes(state: &SloState, at: i64) -> Vec<String> {
    let gate = &state.gate;
    let closed = gate.closed_since.map(|since| {
        let missing = gate.resume_at_seconds - state.budget.net_remaining_seconds;
        let trough = gate.trough_seconds.map(|least| format!(", {} min at the lowest", words::minutes(least)));
        format!(
            "Closed since {} UTC ({}){}; {} min have to come back before it opens.",
            short(since, false),
            length((at - since) as f64),
            trough.unwrap_or_default(),
            words::minutes(missing.max(0.0)),
        )
    });
    let unknown = (gate.state == GateAnswer::Unknown).then(|| {
        let before = match gate.latch {
            GateAnswer::Closed => "It was closed when the SLO was last known.",
            GateAnswer::Open => "It was open when the SLO was last known.",
            GateAnswer::Unknown => "It was never known.",
        };
        let rule = if gate.holds_when_unknown { "Deployments wait." } else { "Deployments may go on." };
        format!("{before} {rule}")
    });
    let group =
        (state.groups > 1).then(|| format!("Split into {} groups; {} decides.", state.groups, labels(&state.group)));
    let partial = (state.data != Data::Known && gate.state != GateAnswer::Unknown)
        .then(|| state.data_note.clone().unwrap_or_default());
    let overridden = state.overridden.as_ref().map(|it| format!("The gate is {}.", overrides(it)));
    let net = tile::net(state).map(|net| {
        let corrected = words::minutes(state.budget.corrected_seconds);
        format!("{corrected} min were corrected: {net} min are left net, by which the gate decides.")
    });
    [overridden, closed, unknown, partial, net, group].into_iter().flatten().collect()
}

/// The points of the chart, thinned out to a table that can be read; the last line is the newest point.
fn table(burndown: &Burndown) -> Vec<(String, String)> {
    let points = &burndown.points;
    let is_short = points.first().zip(points.last()).is_some_and(|(first, last)| last.at - first.at < 7_200);
    let stride = points.len().div_ceil(TABLE_LINES).max(1);
    let mut lines: Vec<_> = points.iter().rev().step_by(stride).collect();
    lines.reverse();
    lines.iter().map(|point| (short(point.at, is_short), words::minutes(point.remaining_seconds))).collect()
}

impl DayCell {
    fn of(day: &Day, objective: f64) -> Self {
        let (mood, sli, note) = match day.sli {
            None => ("unknown", NOTHING.to_owned(), "nothing observed".to_owned()),
            Some(sli) if sli >= objective => ("good", words::percent(sli, 2), "percent, objective met".to_owned()),
            Some(sli) => {
                let down = length(day.down_seconds);
                ("closed", words::percent(sli, 2), format!("percent, objective missed, {down} spent"))
            }
        };
        let icon = if mood == "closed" { "low" } else { mood };
        Self { date: day.date.clone(), word: day_of(&day.date), mood, icon, sli, note }
    }
}

impl<'a> Alert<'a> {
    fn of(state: &'a AlertState) -> Self {
        let rate = |rate: Option<f64>| rate.map_or_else(|| NOTHING.to_owned(), words::rate);
        Self {
            severity: &state.severity,
            windows: format!("{} and {}", state.long_window, state.short_window),
            long: rate(state.long_burn_rate),
            short: rate(state.short_burn_rate),
            factor: words::rate(state.factor),
            firing: state.firing,
        }
    }
}

impl GroupLine {
    fn of(group: &GroupDetail) -> Self {
        let (mood, gate) = match group.gate.state {
            GateAnswer::Open => (Mood::Good, "open"),
            GateAnswer::Closed => (Mood::Closed, "closed"),
            GateAnswer::Unknown => (Mood::Unknown, "unknown"),
        };
        Self {
            labels: labels(&group.group),
            mood: mood.class(),
            sli: tile::sli(group.sli),
            left: words::minutes(group.budget.remaining_seconds),
            gate,
        }
    }
}

fn labels(group: &BTreeMap<String, String>) -> String {
    group.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

impl OutageLine {
    fn of(outage: &Outage) -> Self {
        let mut reasons: Vec<_> = outage.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut reasons: Vec<String> =
            reasons.into_iter().map(|(reason, count)| format!("{} \u{d7} {count}", plain(reason))).collect();
        if reasons.is_empty() {
            reasons.push(format!("{} of {} bad", words::count(outage.bad), words::count(outage.total)));
        }
        if !outage.group.is_empty() {
            reasons.push(labels(&outage.group));
        }
        Self {
            when: span(outage.start, outage.end),
            length: length((outage.end - outage.start) as f64),
            spent: words::minutes(outage.spent_seconds),
            share: format!("{} %", words::percent(outage.spent_percent, 1)),
            reasons: reasons.join(", "),
            ongoing: outage.ongoing,
        }
    }
}

fn outages_note(state: &SloState, outages: &Outages) -> String {
    let mut said = match outages.outages.len() {
        0 => format!("None in the last {}.", state.window),
        1 => format!("One in the last {}.", state.window),
        count => format!("{count} in the last {}, the newest first.", state.window),
    };
    if outages.omitted > 0 {
        said.push_str(&format!(" {} older ones are not listed.", outages.omitted));
    }
    if outages.background_seconds >= 0.5 {
        let spent = words::minutes(outages.background_seconds);
        said.push_str(&format!(" Failures too thin for an outage spent {spent} min."));
    }
    said
}
