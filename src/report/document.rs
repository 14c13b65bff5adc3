//! What every form of a report for people holds, in its order: first what matters, then the numbers, then each SLO that
//! there is something to say about. Plain text; each form escapes it in its own way.

use super::model::{Report, SloReport, Spike, Stretch};
use super::words;
use crate::history::{Entry, EntryKind};
use crate::standing::Local;
use crate::standing::model::{Data, GateAnswer};
use crate::standing::words::minutes;

/// So many outages of one SLO stand at the top.
const MOST_AT_TOP: usize = 5;

/// So many rows of one table are printed.
const MOST_ROWS: usize = 40;

/// A report for people.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) title: String,
    /// Which period, and in which zone times are told.
    pub(super) period: String,
    /// What matters, the worst first.
    pub(super) points: Vec<Point>,
    pub(super) table: Table,
    pub(super) sections: Vec<Section>,
    /// Where nothing happened.
    pub(super) quiet: Option<String>,
}

/// What something means, in the words of the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    Low,
    Closed,
    Unknown,
}

#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) mood: Mood,
    pub(super) text: String,
}

/// One SLO.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) mood: Mood,
    pub(super) description: Option<String>,
    pub(super) lines: Vec<String>,
    pub(super) parts: Vec<Part>,
}

/// One thing about an SLO.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) heading: &'static str,
    pub(super) table: Option<Table>,
    pub(super) list: Vec<String>,
    pub(super) note: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<Row>,
}

/// The head of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) text: &'static str,
    pub(super) is_number: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    /// What its first cell is to be marked with.
    pub(super) mood: Mood,
}

const fn text(text: &'static str) -> Head {
    Head { text, is_number: false }
}

const fn number(text: &'static str) -> Head {
    Head { text, is_number: true }
}

impl Row {
    /// Its cells, each with the head of its column.
    pub(super) fn with<'a>(&'a self, heads: &'a [Head]) -> impl Iterator<Item = (&'a Head, &'a String)> {
        heads.iter().zip(&self.cells)
    }
}

impl Mood {
    /// The word that the board has for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Low => "low",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        }
    }

    fn of(slo: &SloReport) -> Self {
        match slo.gate.state {
            GateAnswer::Closed => Self::Closed,
            GateAnswer::Unknown => Self::Unknown,
            GateAnswer::Open if is_low(slo) => Self::Low,
            GateAnswer::Open => Self::Good,
        }
    }
}

/// Whether so little is left that a gate that was closed would stay so.
fn is_low(slo: &SloReport) -> bool {
    slo.budget.remaining_seconds <= slo.gate.resume_at_seconds
}

impl Document {
    /// The document that a report makes.
    pub(super) fn of(report: &Report) -> Self {
        let local = zone(report);
        let (since, until) = (report.since, report.until);
        let zones = match distinct_zone(report) {
            Some("UTC") => "All times are in UTC.".to_owned(),
            Some(zone) => format!("All times are those of {zone}."),
            None => format!("These times are in {local}; those of an SLO are on the clock of its service."),
        };
        let told = |slo: &&SloReport| !slo.is_quiet();
        let quiet: Vec<String> = report.slos.iter().filter(|slo| slo.is_quiet()).map(words::name).collect();
        Self {
            title: format!("Error budgets, {} to {}", local.day(since, until), local.long_day(until)),
            period: format!("{} to {}. {zones}", local.moment(since, until), local.moment(until, until)),
            points: points(report),
            table: summary(report),
            sections: report.slos.iter().filter(told).map(|slo| section(slo, report)).collect(),
            quiet: (!quiet.is_empty()).then(|| format!("Nothing failed in the window of {}.", quiet.join(", "))),
        }
    }
}

/// The one zone of all SLOs, if there is one.
fn distinct_zone(report: &Report) -> Option<&str> {
    let first = report.slos.first()?.timezone.as_str();
    report.slos.iter().all(|slo| slo.timezone == first).then_some(first)
}

fn zone(report: &Report) -> Local {
    distinct_zone(report).map_or(Local::UTC, Local::named)
}

/// What matters, the worst first.
fn points(report: &Report) -> Vec<Point> {
    let mut ranked: Vec<(u8, Point)> = report.slos.iter().flat_map(|slo| points_of(slo, report.until)).collect();
    // SLOs are in the order of their need already.
    ranked.sort_by_key(|(rank, _)| *rank);
    let points: Vec<Point> = ranked.into_iter().map(|(_, point)| point).collect();
    if !points.is_empty() {
        return points;
    }
    let share = words::share(report.postmortem_percent);
    vec![Point {
        mood: Mood::Good,
        text: format!("Every gate is open, and nothing spent more than {share} of its budget."),
    }]
}

/// What matters about an SLO, each with its rank: what goes on comes before what was.
fn points_of(slo: &SloReport, until: i64) -> Vec<(u8, Point)> {
    let local = Local::named(&slo.timezone);
    let mut points = Vec::new();
    let mut add = |rank, mood, text| points.push((rank, Point { mood, text }));
    for spike in slo.spikes_of_period().filter(|spike| spike.ongoing) {
        add(0, Mood::Closed, words::ongoing(slo, spike, &local, until));
    }
    if slo.gate.state == GateAnswer::Closed {
        add(1, Mood::Closed, words::closed(slo, &local, until));
    }
    for spike in slo.spikes_of_period().filter(|spike| spike.needs_postmortem).take(MOST_AT_TOP) {
        add(2, Mood::Low, words::postmortem(slo, spike, &local, until));
    }
    let overrides = slo.decisions.iter().filter(|entry| entry.kind == EntryKind::Override);
    for held in overrides.filter_map(|entry| words::overridden(slo, entry, &local, until)).take(MOST_AT_TOP) {
        add(3, Mood::Low, held);
    }
    if slo.data != Data::Known {
        add(4, Mood::Unknown, words::unknown(slo));
    } else if slo.gate.state == GateAnswer::Open && is_low(slo) {
        add(5, Mood::Low, words::low(slo));
    }
    points
}

/// The numbers of every SLO.
fn summary(report: &Report) -> Table {
    let heads = vec![
        text("SLO"),
        number("Objective"),
        number("SLI"),
        number("Minutes left"),
        number("Spent"),
        number("Returned"),
        text("Gate"),
    ];
    let row = |slo: &SloReport| {
        let of_period = |seconds: f64| if slo.has_numbers() { minutes(seconds) } else { words::NOTHING.to_owned() };
        Row {
            cells: vec![
                format!("{}{}", words::name(slo), words::group(&slo.group)),
                format!("{} % of {}", crate::standing::words::percent(slo.objective, 6), slo.window),
                words::sli(slo.sli),
                words::left(slo),
                of_period(slo.period.spent_seconds),
                of_period(slo.period.returned_seconds),
                words::gate(slo),
            ],
            mood: Mood::of(slo),
        }
    };
    Table { heads, rows: report.slos.iter().map(row).collect() }
}

fn section(slo: &SloReport, report: &Report) -> Section {
    let (local, until) = (Local::named(&slo.timezone), report.until);
    let mut lines = Vec::new();
    if slo.data != Data::Known {
        lines.push(words::unknown(slo));
    }
    if slo.has_numbers() {
        lines.extend([words::budget(slo), words::against(slo)]);
        lines.extend(words::forecast(slo, &local, until));
    }
    let parts = [
        spikes(slo, report, &local),
        earlier(slo, &local, until),
        gate(slo, &local, until),
        decisions(slo, &local, until),
        alerts(slo, &local, until),
        unseen(slo, &local, until),
        missing(slo),
    ];
    Section {
        name: words::name(slo),
        mood: Mood::of(slo),
        description: slo.description.clone(),
        lines,
        parts: parts.into_iter().flatten().collect(),
    }
}

fn spikes(slo: &SloReport, report: &Report, local: &Local) -> Option<Part> {
    let row = |spike: &Spike| {
        let when = format!("{}{}", local.range(spike.start, spike.end, report.until), words::group(&spike.group));
        let next = match (spike.needs_postmortem, spike.ongoing) {
            (true, true) => "postmortem; not over",
            (true, false) => "postmortem",
            (false, true) => "not over",
            (false, false) => "",
        };
        Row {
            cells: vec![
                when,
                minutes(spike.spent_in_period_seconds),
                words::share(spike.spent_percent),
                words::why(spike),
                next.to_owned(),
            ],
            mood: if spike.needs_postmortem { Mood::Closed } else { Mood::Good },
        }
    };
    let all: Vec<Row> = slo.spikes_of_period().map(row).collect();
    let more = all.len().saturating_sub(MOST_ROWS) + slo.spikes_omitted;
    let more = (more > 0).then(|| format!("{more} cheaper ones are left out here."));
    let background = slo.period.background_seconds;
    let drizzle = (background >= 0.5)
        .then(|| format!("{} more minutes went in failures too thin to be a spike.", minutes(background)));
    let note: Vec<String> = more.into_iter().chain(drizzle).collect();
    if all.is_empty() && note.is_empty() {
        return None;
    }
    let heads = vec![text("When"), number("Minutes"), number("Of the budget"), text("Why"), text("Next")];
    Some(Part {
        heading: "Spikes of the period",
        table: (!all.is_empty()).then(|| Table { heads, rows: all.into_iter().take(MOST_ROWS).collect() }),
        list: Vec::new(),
        note: (!note.is_empty()).then(|| note.join(" ")),
    })
}

fn earlier(slo: &SloReport, local: &Local, until: i64) -> Option<Part> {
    let row = |spike: &Spike| Row {
        cells: vec![
            format!("{}{}", local.range(spike.start, spike.end, until), words::group(&spike.group)),
            minutes(spike.spent_seconds),
            words::share(spike.spent_percent),
            words::why(spike),
            local.moment(spike.returned_at, until),
        ],
        mood: Mood::Good,
    };
    let rows: Vec<Row> = slo.earlier_spikes().map(row).collect();
    let more = rows.len().saturating_sub(MOST_ROWS);
    let heads = vec![text("When"), number("Minutes"), number("Of the budget"), text("Why"), text("Back by")];
    (!rows.is_empty()).then(|| Part {
        heading: "Earlier spikes that still weigh on the window",
        table: Some(Table { heads, rows: rows.into_iter().take(MOST_ROWS).collect() }),
        list: Vec::new(),
        note: (more > 0).then(|| format!("{more} older ones are left out here.")),
    })
}

fn gate(slo: &SloReport, local: &Local, until: i64) -> Option<Part> {
    let list: Vec<String> = slo.gate_turns.iter().map(|turn| words::turn(slo, turn, local, until)).collect();
    listed("Gate", list, None)
}

fn decisions(slo: &SloReport, local: &Local, until: i64) -> Option<Part> {
    let said = |entry: &Entry| words::decision(entry, local, until);
    listed("Overrides and corrections", slo.decisions.iter().map(said).collect(), None)
}

fn alerts(slo: &SloReport, local: &Local, until: i64) -> Option<Part> {
    let row = |alert: &super::model::AlertReport| Row {
        cells: vec![words::alert_range(alert, local, until), words::alert_name(alert), alert.severity.clone()],
        mood: Mood::Good,
    };
    let rows: Vec<Row> = slo.alerts.iter().take(MOST_ROWS).map(row).collect();
    let more = slo.alerts.len().saturating_sub(MOST_ROWS);
    let more = if more > 0 { format!(" {more} more are left out here.") } else { String::new() };
    (!rows.is_empty()).then(|| Part {
        heading: "Alerts",
        table: Some(Table { heads: vec![text("When"), text("Alert"), text("Severity")], rows }),
        list: Vec::new(),
        note: Some(format!("{}{more}", words::alerts_from(slo.alerts_from))),
    })
}

fn unseen(slo: &SloReport, local: &Local, until: i64) -> Option<Part> {
    // That nobody saw anything is said already.
    let all: &[Stretch] = if slo.has_numbers() { &slo.unseen } else { &[] };
    let list = all.iter().take(MOST_ROWS).map(|one| local.range(one.from, one.until, until)).collect();
    let more = all.len().saturating_sub(MOST_ROWS);
    listed("Nobody saw", list, (more > 0).then(|| format!("{more} more are left out here.")))
}

fn missing(slo: &SloReport) -> Option<Part> {
    listed("Could not be read", slo.missing.clone(), None)
}

fn listed(heading: &'static str, list: Vec<String>, note: Option<String>) -> Option<Part> {
    (!list.is_empty()).then_some(Part { heading, table: None, list, note })
}
