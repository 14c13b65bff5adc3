//! The page that tenants may see: when, and for how long, something was not there, and nothing else.
//!
//! No objective, budget, gate, reason or group, no name beyond those of the service and of the SLO where it has no
//! description, and no link. It must stay so: it is the one page that leaves the team.

use std::collections::BTreeMap;

use askama::Template;

use super::keep::Look;
use super::page::Frame;
use super::words::{NOTHING, day_of, length, short, span, window};
use crate::standing::Full;
use crate::standing::model::{Data, Day, Outage};

/// At most this many of the newest outages of an SLO are listed.
const MOST: usize = 50;

/// The page, `status.html`.
#[derive(Template)]
#[template(path = "status.html")]
struct Page<'a> {
    frame: Frame,
    summary: String,
    services: Vec<Service<'a>>,
}

struct Service<'a> {
    name: &'a str,
    promises: Vec<Promise<'a>>,
}

/// What a service promises, as tenants see it.
struct Promise<'a> {
    id: String,
    name: &'a str,
    mood: &'static str,
    state: String,
    /// How long it was unavailable in the time that is shown.
    total: String,
    days: Vec<DayCell>,
    outages: Vec<Line>,
    /// How many older ones are not listed.
    omitted: usize,
}

struct DayCell {
    date: String,
    word: String,
    mood: &'static str,
    down: String,
}

/// When it was unavailable, and for how long.
struct Line {
    when: String,
    down: String,
}

/// Renders the page as it was at a look.
pub(super) fn render(look: &Look, frame: Frame) -> Result<String, askama::Error> {
    let mut by_service: BTreeMap<&str, Vec<Promise<'_>>> = BTreeMap::new();
    for full in &look.slos {
        by_service.entry(&full.detail.slo.service).or_default().push(Promise::of(full));
    }
    let services = by_service.into_iter().map(|(name, mut promises)| {
        promises.sort_by(|one, other| one.id.cmp(&other.id));
        Service { name, promises }
    });
    let down = look.slos.iter().filter(|full| ongoing(full).is_some()).count();
    let unknown = look.slos.iter().filter(|full| is_unseen(full)).count();
    let summary = match (down, unknown) {
        (0, 0) => "Everything is available".to_owned(),
        (0, some) => format!("No outage is known; {some} of {} cannot be seen", look.slos.len()),
        (down, _) => format!("{down} of {} unavailable", look.slos.len()),
    };
    Page { frame, summary, services: services.collect() }.render()
}

/// The outage that is going on.
fn ongoing(full: &Full) -> Option<&Outage> {
    full.outages.outages.iter().find(|outage| outage.ongoing)
}

/// Whether nobody could say now whether it is there. Time that was not seen long ago does not matter for that.
fn is_unseen(full: &Full) -> bool {
    !matches!(full.detail.slo.data, Data::Known | Data::Partial)
}

impl<'a> Promise<'a> {
    fn of(full: &'a Full) -> Self {
        let state = &full.detail.slo;
        let (mood, said) = match ongoing(full) {
            Some(outage) => ("closed", format!("Unavailable since {} UTC", short(outage.start, false))),
            None if is_unseen(full) => ("unknown", "Unknown".to_owned()),
            None => ("good", "Available".to_owned()),
        };
        let outages = &full.outages.outages;
        let window = window(state.window);
        let total: f64 = outages.iter().map(|outage| outage.spent_seconds).sum();
        Self {
            id: format!("{}.{}", state.service, state.slo),
            name: state.description.as_deref().filter(|text| !text.trim().is_empty()).unwrap_or(&state.slo),
            mood,
            state: said,
            total: match (outages.is_empty(), state.budget.observed_seconds > 0.0) {
                (true, false) => "Nothing was observed yet.".to_owned(),
                (true, true) => format!("No outage in the last {window}."),
                (false, _) => format!("Unavailable for {} in the last {window}.", length(total)),
            },
            days: full.days.days.iter().map(DayCell::of).collect(),
            outages: outages.iter().take(MOST).map(Line::of).collect(),
            omitted: full.outages.omitted + outages.len().saturating_sub(MOST),
        }
    }
}

impl DayCell {
    fn of(day: &Day) -> Self {
        let (mood, down) = match day.sli {
            None => ("unknown", NOTHING.to_owned()),
            Some(_) if day.down_seconds >= 0.5 => ("closed", length(day.down_seconds)),
            Some(_) => ("good", "0".to_owned()),
        };
        Self { date: day.date.clone(), word: day_of(&day.date), mood, down }
    }
}

impl Line {
    fn of(outage: &Outage) -> Self {
        let when = span(outage.start, outage.end);
        let when = if outage.ongoing { format!("{when}, going on") } else { when };
        Self { when, down: length(outage.spent_seconds) }
    }
}
