//! What is proposed for the coming days as tables for a terminal, one for each service.

use crate::cli::output;
use crate::gate::week::model::{ChangePlan, PlanDay, PlannedChange, ServicePlan, Verdict, WaitReason, Waiting};
use crate::gate::week::until;
use crate::standing::Local;
use crate::standing::words::{amount, minutes};

/// The heads of the columns. Minutes are those that may be spent.
const HEADS: [&str; 4] = ["DAY", "MINUTES", "PROPOSED", "WOULD FIT ALONE"];

/// Between two columns.
const GAP: &str = "  ";

/// The tables, with colours if there are to be some. Every colour goes with words.
pub(super) fn of(plan: &ChangePlan, colours: bool) -> String {
    let tables: Vec<String> = plan.services.iter().map(|service| table(plan, service, colours)).collect();
    tables.join("\n")
}

fn table(plan: &ChangePlan, service: &ServicePlan, colours: bool) -> String {
    let local = Local::named(&service.timezone);
    let head = output::clean(&format!("{}: {}", service.service, service.message));
    let paint =
        |code: &str, text: &str| if colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut lines = vec![match service.verdict {
        Verdict::Fits => head,
        Verdict::Waits => paint("31", &head),
        Verdict::Unknown => paint("33", &head),
    }];
    if !service.days.is_empty() {
        let cells = |day| row(day, &local, plan.at).map(|cell| output::clean(&cell));
        let rows: Vec<[String; 4]> = service.days.iter().map(cells).collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
            cells.chain(HEADS.get(column).copied()).map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            format!("{GAP}{}", padded.collect::<Vec<_>>().join(GAP).trim_end())
        };
        lines.push(paint("2", &line(&HEADS.map(str::to_owned))));
        lines.extend(rows.iter().map(|row| line(row)));
    }
    // What nobody knows is said above.
    let is_told = |waiting: &&Waiting| waiting.reason != WaitReason::Unknown;
    for waiting in service.waits.iter().filter(is_told) {
        let change =
            format!("{GAP}waits: {} ({} min): {}", waiting.change, amount(waiting.downtime_seconds), waiting.message);
        lines.push(paint("31", &output::clean(&change)));
    }
    if !service.has_working_hours {
        lines.push(paint("2", &format!("{GAP}the file says no working hours: any time of any day of UTC is one")));
    } else if !service.days.is_empty() {
        lines.push(paint("2", &format!("{GAP}times of {}, up to {}", local, until(plan, service))));
    }
    lines.join("\n") + "\n"
}

fn row(day: &PlanDay, local: &Local, now: i64) -> [String; 4] {
    let nothing = || "\u{2013}".to_owned();
    let spend = match (day.available_seconds, &day.slo) {
        (Some(seconds), Some(slo)) => format!("{} ({slo})", minutes(seconds)),
        (None, Some(slo)) => format!("gate closed ({slo})"),
        (_, None) => nothing(),
    };
    let range = |change: &PlannedChange| {
        let last = local.day(change.ends_at, now);
        let end = local.time(change.ends_at);
        let end = if last == local.day(change.begins_at, now) { end } else { format!("{last} {end}") };
        format!("{} {}\u{2013}{end}", change.change, local.time(change.begins_at))
    };
    let alone = |change: &PlannedChange| format!("{} from {}", change.change, local.time(change.begins_at));
    let join = |texts: Vec<String>| if texts.is_empty() { nothing() } else { texts.join(", ") };
    [
        local.day(day.begins_at, now),
        spend,
        join(day.proposed.iter().map(range).collect()),
        join(day.fits.iter().map(alone).collect()),
    ]
}
