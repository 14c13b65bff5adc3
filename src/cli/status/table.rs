//! How SLOs stand as a table for a terminal.

use crate::cli::output;
use crate::gate::overrides;
use crate::standing::model::{Data, GateAnswer, SloState, Slos};
use crate::standing::words;

/// The heads of the columns.
const HEADS: [&str; 7] = ["SLO", "MINUTES LEFT", "BUDGET", "SLI", "BURN RATE", "GATE", "LAST FAILURE"];

/// Between two columns.
const GAP: &str = "  ";

/// A line of the table.
struct Row {
    cells: [String; HEADS.len()],
    colour: Colour,
    /// What stands below it.
    note: Option<String>,
}

/// A colour of the terminal's own palette, so that it suits light and dark ones.
#[derive(Clone, Copy)]
enum Colour {
    Red,
    Yellow,
    Plain,
    Faint,
}

impl Colour {
    /// ECMA-48, select graphic rendition.
    const fn code(self) -> &'static str {
        match self {
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Plain => "0",
            Self::Faint => "2",
        }
    }

    fn paint(self, text: &str, colours: bool) -> String {
        match self {
            Self::Plain => text.to_owned(),
            _ if !colours => text.to_owned(),
            _ => format!("\u{1b}[{}m{text}\u{1b}[0m", self.code()),
        }
    }
}

/// The table, with colours if there are to be some. Every colour goes with words.
pub(super) fn of(slos: &Slos, colours: bool) -> String {
    let rows: Vec<Row> = slos.slos.iter().map(|state| row(state, slos.at)).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.cells.get(column)).map(String::as_str);
        cells.chain(HEADS.get(column).copied()).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    let mut text = Colour::Faint.paint(&line(&HEADS.map(str::to_owned)), colours) + "\n";
    for row in &rows {
        text.push_str(&row.colour.paint(&line(&row.cells), colours));
        text.push('\n');
        if let Some(note) = &row.note {
            text.push_str(&Colour::Faint.paint(&format!("{GAP}{note}"), colours));
            text.push('\n');
        }
    }
    text
}

fn row(state: &SloState, now: i64) -> Row {
    let nothing = || "\u{2013}".to_owned();
    let budget = &state.budget;
    let name = format!("{}/{}{}", state.service, state.slo, group(state));
    // A history that cannot be read has spent nothing, which is not to be read as a whole budget.
    let read = |text: String| if state.data.is_read() { text } else { nothing() };
    let left = read(words::minutes(budget.remaining_seconds));
    let failure = state.last_failure.as_ref().map_or_else(nothing, |failure| {
        let reason = failure.reason.as_ref().map(|reason| format!(" ({})", reason.replace('_', " ")));
        format!("{}{}", words::ago(now.saturating_sub(failure.at)), reason.unwrap_or_default())
    });
    Row {
        cells: [
            output::clean(&name),
            format!("{left} of {}", words::amount(budget.total_seconds)),
            read(format!("{} %", words::percent(budget.remaining_percent, 0))),
            state.sli.map_or_else(nothing, |sli| format!("{} %", words::percent(sli, 3))),
            state.burn_rate.map_or_else(nothing, |rate| format!("{} \u{d7}", words::rate(rate))),
            gate(state),
            output::clean(&failure),
        ],
        colour: colour(state),
        note: note(state),
    }
}

/// What the numbers alone do not say.
fn note(state: &SloState) -> Option<String> {
    let unknown = state.data_note.clone().filter(|_| state.data != Data::Known);
    let corrected = (state.budget.corrected_seconds > 0.0).then(|| {
        let left = words::minutes(state.budget.net_remaining_seconds);
        format!("net {left} minutes left after corrections, by which the gate decides")
    });
    let overridden = state.overridden.as_ref().map(overrides);
    let notes: Vec<String> = overridden.into_iter().chain(corrected).chain(unknown).collect();
    (!notes.is_empty()).then(|| output::clean(&notes.join("; ")))
}

/// The labels of the group that decides.
fn group(state: &SloState) -> String {
    let labels: Vec<String> = state.group.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) }
}

fn gate(state: &SloState) -> String {
    let answer = match state.answer() {
        GateAnswer::Closed => "closed",
        GateAnswer::Unknown => "unknown",
        GateAnswer::Open => "open",
    };
    let firing = state
        .alerts
        .iter()
        .find(|alert| alert.firing)
        .map(|alert| format!(", {} fires", output::clean(&alert.severity)));
    let dry_run = match &state.overridden {
        Some(_) => " (override)",
        None if state.gate.dry_run => " (dry run)",
        None => "",
    };
    format!("{answer}{dry_run}{}", firing.unwrap_or_default())
}

fn colour(state: &SloState) -> Colour {
    match state.answer() {
        GateAnswer::Open if state.overridden.is_some() => Colour::Yellow,
        GateAnswer::Closed => Colour::Red,
        GateAnswer::Unknown => Colour::Yellow,
        GateAnswer::Open if state.is_firing() => Colour::Red,
        GateAnswer::Open if state.budget.net_remaining_seconds <= state.gate.resume_at_seconds => Colour::Yellow,
        GateAnswer::Open => Colour::Plain,
    }
}
