//! The probes and their last runs, as pages and as JSON.
//!
//! It shows what [`Runs`](super::runs::Runs) keeps and runs nothing. A request chooses among what is there; nothing
//! in it becomes a target.

mod api;
mod page;

use std::borrow::Cow;

use super::runs::{Row, Table};
use crate::probe::{ProbeKey, view};

pub(super) use api::{Probes, RunsOf, list, runs};
pub(super) use page::{probe, probes};

/// What the pages may load: their own styles, and a form that goes back to them.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The states of a probe, those that need attention first.
const STATES: [&str; 4] = ["failed", "skipped", "unknown", "success"];

/// What a request wants to see, from its query.
#[derive(Debug, Default)]
pub(super) struct Filter<'a> {
    /// A part of `SERVICE/NAME`, of the kind or of the reason, whatever the case of its letters.
    text: Cow<'a, str>,
    /// One of [`STATES`], or anything.
    state: Cow<'a, str>,
}

impl<'a> Filter<'a> {
    /// Reads the keys `q` and `state`; others mean nothing.
    pub(super) fn read(query: Option<&'a str>) -> Self {
        let mut filter = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match key.as_ref() {
                "q" => filter.text = value,
                "state" => filter.state = value,
                _ => {}
            }
        }
        filter
    }

    fn accepts(&self, key: &ProbeKey, row: &Row, state: &State) -> bool {
        let wanted = self.text.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let is_named = wanted.is_empty() || has(&key.to_string()) || has(row.kind) || state.reason.is_some_and(has);
        is_named && (self.state.is_empty() || self.state == state.word)
    }
}

/// How a probe stands, by its last run.
#[derive(Clone, Debug)]
struct State {
    /// One of [`STATES`]; `unknown` before the first run.
    word: &'static str,
    reason: Option<&'static str>,
    detail: Option<String>,
    /// When the last run was due or started, in milliseconds of Unix time.
    last_unix_ms: Option<i64>,
    /// Since when it stands like that, in milliseconds of Unix time.
    since_unix_ms: Option<i64>,
    /// How long the last run took.
    duration: Option<std::time::Duration>,
}

impl State {
    fn of(row: &Row) -> Self {
        let kept = row.lock();
        let Some(last) = kept.last() else {
            return Self {
                word: "unknown",
                reason: None,
                detail: None,
                last_unix_ms: None,
                since_unix_ms: None,
                duration: None,
            };
        };
        let (word, reason, detail) = view::words(&last.outcome.verdict);
        Self {
            word,
            reason,
            detail: detail.map(str::to_owned),
            last_unix_ms: Some(last.started_unix_ms),
            since_unix_ms: kept.since_unix_ms,
            duration: Some(last.outcome.duration),
        }
    }
}

/// The probes that a request wants to see, with their states; what needs attention comes first.
fn chosen<'t>(table: &'t Table, filter: &Filter<'_>) -> Vec<(&'t ProbeKey, &'t Row, State)> {
    let states = table.probes.iter().map(|(key, row)| (key, row, State::of(row)));
    let mut chosen: Vec<_> = states.filter(|(key, row, state)| filter.accepts(key, row, state)).collect();
    chosen.sort_by_key(|(.., state)| STATES.iter().position(|word| *word == state.word));
    chosen
}

/// What a path names.
#[derive(Debug)]
pub(super) enum Found<'t> {
    /// One probe.
    One(&'t ProbeKey, &'t Row),
    /// Nothing.
    Nothing,
    /// Probes of several services, which the service tells apart.
    Several(Vec<&'t ProbeKey>),
}

/// Looks for `NAME` or `SERVICE/NAME`.
pub(super) fn find<'t>(table: &'t Table, path: &str) -> Found<'t> {
    let is_named = |key: &ProbeKey| match path.split_once('/') {
        Some((service, name)) => key.service.as_str() == service && key.probe.as_str() == name,
        None => key.probe.as_str() == path,
    };
    let found: Vec<_> = table.probes.iter().filter(|(key, _)| is_named(key)).collect();
    match found.as_slice() {
        [] => Found::Nothing,
        [(key, row)] => Found::One(key, row),
        several => Found::Several(several.iter().map(|(key, _)| *key).collect()),
    }
}
