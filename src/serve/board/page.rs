//! The board as a page: the tiles that a filter chooses, as large as their number allows.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;

use super::filter::Filter;
use super::keep::Look;
use super::mood::Mood;
use super::tile::{Row, Tile};
use crate::standing::{Full, words};
use crate::units::Duration;

/// Up to this many tiles are large.
const ROOMY: usize = 12;

/// Up to this many are of a middle size.
const COMPACT: usize = 24;

/// Up to this many fit a wall of 1920 by 1080 pixels.
const DENSE: usize = 40;

/// Of more than that, up to this many that need attention have a tile, the others a line.
const URGENT: usize = 24;

/// What every page says of itself.
pub(super) struct Frame {
    /// How long the page waits before it asks again, in seconds.
    pub(super) refresh: u64,
    /// The same where there are no scripts: then the whole page is loaded anew.
    pub(super) refresh_without_script: u64,
    /// How old the numbers are, in seconds.
    pub(super) age: i64,
    /// When the numbers were true, for machines and for people.
    pub(super) moment: String,
    pub(super) date: String,
}

impl Frame {
    /// The frame of a page that is sent at `now`, in seconds of Unix time, of numbers that change every `pace`.
    pub(super) fn of(look: &Look, pace: Duration, now: i64) -> Self {
        let refresh = pace.count_of(Duration::from_secs(1)).max(1);
        Self {
            refresh,
            refresh_without_script: refresh.max(15),
            age: now.saturating_sub(look.at).max(0),
            moment: words::moment(look.at),
            date: words::date(look.at),
        }
    }
}

/// The page, `board.html`.
#[derive(Template)]
#[template(path = "board.html")]
struct Page<'a> {
    frame: Frame,
    /// How many SLOs there are and how many need attention.
    summary: String,
    filter: Filter,
    choices: Vec<Choice>,
    services: BTreeSet<&'a str>,
    /// How large tiles are, as classes.
    density: &'static str,
    tiles: Vec<Tile<'a>>,
    groups: Vec<Group<'a>>,
    /// Why there is nothing to see.
    nothing: &'static str,
}

/// A link of the filter.
struct Choice {
    mood: Option<Mood>,
    value: &'static str,
    word: &'static str,
    count: usize,
    href: String,
    chosen: bool,
}

/// The lines of a service.
struct Group<'a> {
    service: &'a str,
    words: String,
    rows: Vec<Row<'a>>,
}

/// Renders the board as it was at a look.
pub(super) fn render(look: &Look, frame: Frame, filter: Filter) -> Result<String, askama::Error> {
    let fitting: Vec<&Full> = look.slos.iter().filter(|full| filter.fits(&full.detail.slo)).collect();
    let shown: Vec<&Full> =
        fitting.iter().copied().filter(|full| filter.mood.is_none_or(|mood| mood == mood_of(full))).collect();
    let tiles = tiles_of(&shown);
    let (tiles, lines) = shown.split_at(tiles.min(shown.len()));
    let density = match shown.len() {
        1 => "alone",
        count if count <= ROOMY => "roomy",
        count if count <= COMPACT => "compact fill",
        count if count <= DENSE => "compact dense fill",
        _ => "compact",
    };
    let page = Page {
        frame,
        summary: summary(&look.slos),
        choices: choices(&fitting, &filter),
        services: look.slos.iter().map(|full| full.detail.slo.service.as_str()).collect(),
        density,
        tiles: tiles.iter().map(|full| Tile::of(full, look.at)).collect(),
        groups: groups(lines, look.at),
        nothing: if filter.is_empty() { "There is no SLO yet." } else { "No SLO fits this filter." },
        filter,
    };
    page.render()
}

fn mood_of(full: &Full) -> Mood {
    Mood::of(&full.detail.slo)
}

/// How many of the first SLOs have a tile: all, or of hundreds those that need attention.
fn tiles_of(shown: &[&Full]) -> usize {
    if shown.len() <= DENSE {
        return shown.len();
    }
    shown.iter().take_while(|full| mood_of(full).needs_attention()).count().min(URGENT)
}

/// How many SLOs there are and what is wrong with them.
fn summary(slos: &[Full]) -> String {
    let count = |mood: Mood| slos.iter().filter(|full| mood_of(full) == mood).count();
    let all = format!("{} SLO{}", slos.len(), if slos.len() == 1 { "" } else { "s" });
    let notable = [Mood::Closed, Mood::Burning, Mood::Unknown, Mood::Low].map(|mood| (count(mood), mood));
    let notable: Vec<String> = notable
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, mood)| format!("{count} {}", mood.word().to_lowercase()))
        .collect();
    match (slos.is_empty(), notable.is_empty()) {
        (true, _) => "No SLOs".to_owned(),
        (false, true) => format!("{all}, all open"),
        (false, false) => format!("{all}: {}", notable.join(", ")),
    }
}

/// The links of the filter, each with how many SLOs it would show.
fn choices(fitting: &[&Full], filter: &Filter) -> Vec<Choice> {
    let count =
        |mood: Option<Mood>| fitting.iter().filter(|full| mood.is_none_or(|mood| mood == mood_of(full))).count();
    let choices = std::iter::once(None).chain(Mood::ALL.map(Some));
    let choices = choices.map(|mood| Choice {
        mood,
        value: mood.map_or("all", Mood::class),
        word: mood.map_or("All", Mood::word),
        count: count(mood),
        href: filter.address(mood),
        chosen: mood == filter.mood,
    });
    choices.filter(|choice| choice.count > 0 || choice.chosen || choice.mood.is_none()).collect()
}

/// Lines by service; a service comes where its worst SLO would.
fn groups<'a>(lines: &[&'a Full], now: i64) -> Vec<Group<'a>> {
    let mut order: Vec<&str> = Vec::new();
    let mut by_service: BTreeMap<&str, Vec<&'a Full>> = BTreeMap::new();
    for full in lines {
        let service = full.detail.slo.service.as_str();
        let slos = by_service.entry(service).or_default();
        if slos.is_empty() {
            order.push(service);
        }
        slos.push(full);
    }
    let group = |service| {
        let slos = by_service.remove(service).unwrap_or_default();
        let urgent = slos.iter().filter(|full| mood_of(full).needs_attention()).count();
        let plural = if slos.len() == 1 { "" } else { "s" };
        let verdict = if urgent == 0 { "all on track".to_owned() } else { format!("{urgent} to look at") };
        let service = slos.first().map_or("", |full| full.detail.slo.service.as_str());
        Group {
            service,
            words: format!("{} SLO{plural}, {verdict}", slos.len()),
            rows: slos.into_iter().map(|full| Row::of(full, now)).collect(),
        }
    };
    order.into_iter().map(group).collect()
}
