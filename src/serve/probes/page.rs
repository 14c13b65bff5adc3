//! The pages `/probes` and `/probes/SERVICE/NAME`. The templates escape everything that they print.

use std::time::Duration;

use askama::Template;

use super::{Filter, STATES, State, chosen};
use crate::probe::outcome::StepOutcome;
use crate::probe::{Excerpt, ProbeKey, view};
use crate::serve::runs::{Row, Run, Table};
use crate::standing::words;

/// How many probes one page shows; a filter finds the others.
const MOST: usize = 500;

/// The list of probes, `probes.html`.
#[derive(Template)]
#[template(path = "probes.html")]
struct ProbesPage<'a> {
    /// How many probes there are of each state.
    summary: String,
    filter: &'a Filter<'a>,
    states: [&'static str; STATES.len()],
    /// How many the filter chose.
    chosen: usize,
    uplinks_down: Vec<String>,
    rows: Vec<ProbeRow>,
}

/// One probe of the list.
struct ProbeRow {
    service: String,
    probe: String,
    kind: &'static str,
    interval: String,
    state: &'static str,
    reason: &'static str,
    detail: String,
    since: String,
    last: String,
    took: String,
}

/// One probe, `probe.html`.
#[derive(Template)]
#[template(path = "probe.html")]
struct ProbePage {
    service: String,
    probe: String,
    kind: &'static str,
    interval: String,
    timeout: String,
    state: &'static str,
    is_cut_off: bool,
    runs: Vec<RunRow>,
}

/// One run.
struct RunRow {
    moment: String,
    date: String,
    verdict: &'static str,
    reason: &'static str,
    detail: String,
    took: String,
    phases: Vec<(&'static str, String)>,
    redirects: Vec<String>,
    certificate: Option<String>,
    steps: Vec<StepRow>,
    excerpt: Option<String>,
}

/// One step of a run.
struct StepRow {
    name: String,
    verdict: &'static str,
    reason: &'static str,
    detail: String,
    took: String,
}

/// The page of the probes that `filter` chooses, at `now` in seconds of Unix time.
pub(in crate::serve) fn probes(table: &Table, filter: &Filter<'_>, now: i64) -> askama::Result<String> {
    let chosen = chosen(table, filter);
    let page = ProbesPage {
        summary: summary(table),
        filter,
        states: STATES,
        chosen: chosen.len(),
        uplinks_down: table.down().into_iter().map(|name| name.to_string()).collect(),
        rows: chosen.into_iter().take(MOST).map(|(key, row, state)| ProbeRow::of(key, row, state, now)).collect(),
    };
    page.render()
}

/// The page of one probe.
pub(in crate::serve) fn probe(table: &Table, key: &ProbeKey, row: &Row) -> askama::Result<String> {
    let kept = row.lock().clone();
    let page = ProbePage {
        service: key.service.to_string(),
        probe: key.probe.to_string(),
        kind: row.kind,
        interval: row.interval.to_string(),
        timeout: row.timeout.to_string(),
        state: State::of(row).word,
        is_cut_off: table.down().contains(&key.service),
        runs: kept.newest_first().map(RunRow::of).collect(),
    };
    page.render()
}

/// How many probes there are, and how many of them are in which state.
fn summary(table: &Table) -> String {
    let mut counts = STATES.map(|state| (state, 0_usize));
    for row in table.probes.values() {
        let word = State::of(row).word;
        counts.iter_mut().filter(|(state, _)| *state == word).for_each(|(_, count)| *count += 1);
    }
    let counted = counts.iter().filter(|(_, count)| *count > 0).map(|(state, count)| format!("{count} {state}"));
    let all = table.probes.len();
    let parts: Vec<String> = counted.collect();
    format!("{all} probe{}: {}", if all == 1 { "" } else { "s" }, parts.join(", "))
}

impl ProbeRow {
    fn of(key: &ProbeKey, row: &Row, state: State, now: i64) -> Self {
        let ago = |unix_ms: Option<i64>| unix_ms.map_or_else(String::new, |at| words::ago(now - at.div_euclid(1_000)));
        Self {
            service: key.service.to_string(),
            probe: key.probe.to_string(),
            kind: row.kind,
            interval: row.interval.to_string(),
            state: state.word,
            reason: state.reason.unwrap_or_default(),
            detail: state.detail.unwrap_or_default(),
            since: ago(state.since_unix_ms),
            last: ago(state.last_unix_ms),
            took: state.duration.map(took).unwrap_or_default(),
        }
    }
}

impl RunRow {
    fn of(run: &Run) -> Self {
        let (verdict, reason, detail) = view::words(&run.outcome.verdict);
        let at = run.started_unix_ms.div_euclid(1_000);
        Self {
            moment: words::moment(at),
            date: words::date(at),
            verdict,
            reason: reason.unwrap_or_default(),
            detail: detail.unwrap_or_default().to_owned(),
            took: took(run.outcome.duration),
            phases: view::reached(&run.outcome.phases).map(|(phase, spent)| (phase.as_str(), took(spent))).collect(),
            redirects: run.outcome.redirects.clone(),
            certificate: run.outcome.tls_not_after.map(words::date),
            steps: run.outcome.steps.iter().map(StepRow::of).collect(),
            excerpt: run.outcome.excerpt.as_ref().map(Excerpt::open),
        }
    }
}

impl StepRow {
    fn of(step: &StepOutcome) -> Self {
        let (verdict, reason, detail) = step.verdict.as_ref().map_or(("not reached", None, None), view::words);
        Self {
            name: step.name.to_string(),
            verdict,
            reason: reason.unwrap_or_default(),
            detail: detail.unwrap_or_default().to_owned(),
            took: if step.verdict.is_some() { took(step.duration) } else { String::new() },
        }
    }
}

/// A measured duration as people read it: milliseconds to the tenth, then seconds.
fn took(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1_000.0) } else { format!("{seconds:.2} s") }
}
