//! The audit: what people decided about an SLO beyond what was counted, and who they were.
//!
//! Entries are only ever added. What is no longer meant is withdrawn by another entry, so that every past decision can
//! be explained by what was known then. Nothing here judges what an entry does to a gate or a budget.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HistoryError, SloKey};
use crate::units::Duration;

/// At most this many entries are kept: five a day for twenty years.
pub const MOST_ENTRIES: usize = 36_500;

/// At most this many are made about one SLO in [`RECENT_S`] seconds: each is looked at with every budget.
pub const MOST_RECENT: usize = 500;

/// See [`MOST_RECENT`]: 30 days.
pub const RECENT_S: i64 = 30 * 86_400;

/// The longest override and the longest correction: what takes longer than a week is no exception any more.
pub const LONGEST: Duration = Duration::from_days(7);

/// A text of one line that is not empty and has at most so many characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line<const MOST: usize>(String);

/// Why somebody made an entry.
pub type Why = Line<500>;

/// Who made an entry.
pub type Who = Line<100>;

/// Why a text is no [`Line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Nothing was written.
    #[error("it is empty")]
    Empty,
    /// Too much was written.
    #[error("it has {found} characters, and at most {most} are kept")]
    TooLong {
        /// How many characters there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A line break, or something else that is no text.
    #[error("it holds a line break or another control character")]
    Control,
}

impl<const MOST: usize> Line<MOST> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> FromStr for Line<MOST> {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let text = text.trim();
        let found = text.chars().count();
        match () {
            () if found == 0 => Err(LineError::Empty),
            () if found > MOST => Err(LineError::TooLong { found, most: MOST }),
            () if text.chars().any(|c| c.is_control() || is_bidi(c)) => Err(LineError::Control),
            () => Ok(Self(text.to_owned())),
        }
    }
}

/// Whether a character turns the direction of the text around it, and so could make a page say something else.
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

impl<const MOST: usize> TryFrom<String> for Line<MOST> {
    type Error = LineError;

    fn try_from(text: String) -> Result<Self, LineError> {
        text.parse()
    }
}

impl<const MOST: usize> From<Line<MOST>> for String {
    fn from(line: Line<MOST>) -> Self {
        line.0
    }
}

impl<const MOST: usize> fmt::Display for Line<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The gate answers open from `from` until `until`, whatever the budget says.
    Override,
    /// What was spent from `from` until `until` does not count against the net budget.
    Correction,
    /// The same of a time that was still to come when it was said.
    Maintenance,
    /// An earlier entry no longer holds from `at` on; `from` and `until` are those of that entry.
    Withdrawal,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Override, Self::Correction, Self::Maintenance, Self::Withdrawal];

    /// The word for it, as the database, the API and the commands have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Correction => "correction",
            Self::Maintenance => "maintenance",
            Self::Withdrawal => "withdrawal",
        }
    }
}

/// An entry that is about to be made. The history adds when, and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it does.
    pub kind: EntryKind,
    /// Of which SLO.
    pub slo: SloKey,
    /// From when, in seconds of Unix time.
    pub from: i64,
    /// Until when, in seconds of Unix time; later than `from`.
    pub until: i64,
    /// Why.
    pub reason: Why,
    /// Who says so, in that person's own words.
    pub by: Who,
    /// Who that was, as the server knows it.
    pub authenticated: Who,
    /// The number of the entry that is withdrawn.
    pub withdraws: Option<i64>,
}

/// An entry of the audit. Every time is in seconds of Unix time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its number; later entries have larger ones.
    pub id: i64,
    /// When it was made.
    pub at: i64,
    /// What it does.
    pub kind: EntryKind,
    /// The service.
    pub service: String,
    /// The SLO.
    pub slo: String,
    /// From when.
    pub from: i64,
    /// Until when.
    pub until: i64,
    /// Why.
    pub reason: String,
    /// Who says so, in that person's own words.
    pub by: String,
    /// Who that was, as the server knows it: a user of its web configuration, or a user of the machine.
    pub authenticated: String,
    /// The number of the entry that is withdrawn.
    pub withdraws: Option<i64>,
}

impl Entry {
    /// An entry as it is kept.
    #[must_use]
    pub fn of(draft: &Draft, id: i64, at: i64) -> Self {
        Self {
            id,
            at,
            kind: draft.kind,
            service: draft.slo.service.to_string(),
            slo: draft.slo.slo.to_string(),
            from: draft.from,
            until: draft.until,
            reason: draft.reason.to_string(),
            by: draft.by.to_string(),
            authenticated: draft.authenticated.to_string(),
            withdraws: draft.withdraws,
        }
    }

    /// Whether it is about this SLO.
    #[must_use]
    pub fn is_of(&self, key: &SloKey) -> bool {
        self.service == key.service.as_str() && self.slo == key.slo.as_str()
    }

    /// Whether it was made in (`after`, `until`], or is about a part of that time.
    #[must_use]
    pub const fn touches(&self, after: i64, until: i64) -> bool {
        (self.at > after && self.at <= until) || (self.from < until && self.until > after)
    }

    /// When it was withdrawn, as far as these entries know.
    #[must_use]
    pub fn withdrawn_at(&self, entries: &[Self]) -> Option<i64> {
        let withdrawals = entries.iter().filter(|other| other.withdraws == Some(self.id));
        withdrawals.map(|other| other.at).min()
    }
}

/// The override of an SLO that is in force at `at` (seconds of Unix time): of several the one that holds longest.
///
/// `entries` are those of that SLO alone.
#[must_use]
pub fn in_force(entries: &[Entry], at: i64) -> Option<&Entry> {
    let holds = |entry: &&Entry| {
        entry.kind == EntryKind::Override
            && entry.at.max(entry.from) <= at
            && at < entry.until
            && entry.withdrawn_at(entries).is_none_or(|withdrawn| at < withdrawn)
    };
    entries.iter().filter(holds).max_by_key(|entry| (entry.until, entry.id))
}

/// Since when an SLO is overridden without a break, if it is at `at` (seconds of Unix time): who prolongs an override does
/// not begin a new one.
///
/// `entries` are those of that SLO alone.
#[must_use]
pub fn overridden_since(entries: &[Entry], at: i64) -> Option<i64> {
    let begins = |entry: &Entry| entry.at.max(entry.from);
    let mut since = begins(in_force(entries, at)?);
    // Whatever was in force a second before began before that.
    while let Some(before) = in_force(entries, since.saturating_sub(1)) {
        since = begins(before);
    }
    Some(since)
}

/// Why an entry was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// There are too many.
    #[error("the audit is full: {MOST_ENTRIES} entries are kept")]
    Full,
    /// There are too many about one SLO.
    #[error("{MOST_RECENT} entries were made about this SLO in 30 days, and no more are taken")]
    TooMany,
    /// What is to be withdrawn is not there.
    #[error("there is no entry {0} that could be withdrawn")]
    NoSuchEntry(i64),
    /// It was withdrawn before.
    #[error("entry {0} was withdrawn already")]
    Withdrawn(i64),
    /// It could not be written.
    #[error("the entry could not be kept, since the history cannot be written now; the log of the server says why")]
    NotKept,
}

/// The entries about one SLO, in order of their numbers, or why they cannot be read.
pub type Entries<'a> = Pin<Box<dyn Future<Output = Result<Vec<Entry>, HistoryError>> + Send + 'a>>;

/// Those of `all` about `key` that touch (`after`, `until`], and those that withdraw one of these.
#[must_use]
pub fn of_range(all: &[Entry], key: &SloKey, after: i64, until: i64) -> Vec<Entry> {
    let touching: Vec<i64> =
        all.iter().filter(|entry| entry.is_of(key) && entry.touches(after, until)).map(|entry| entry.id).collect();
    let is_meant =
        |entry: &&Entry| touching.contains(&entry.id) || entry.withdraws.is_some_and(|id| touching.contains(&id));
    all.iter().filter(is_meant).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: i64, kind: EntryKind, at: i64, (from, until): (i64, i64), withdraws: Option<i64>) -> Entry {
        let text = |text: &str| text.to_owned();
        let (service, slo) = (text("shop"), text("front"));
        let (reason, by, authenticated) = (text("release"), text("Ann"), text("ann"));
        Entry { id, at, kind, service, slo, from, until, reason, by, authenticated, withdraws }
    }

    #[test]
    fn a_line_is_short_and_one_line() {
        let said = |text: &str| text.parse::<Who>().map(String::from).map_err(|error| error.to_string());
        assert_eq!(said("  Ann  "), Ok("Ann".to_owned()));
        assert_eq!(said(" ").expect_err("empty"), "it is empty");
        assert!(said("a\nb").is_err() && said("a\u{202e}b").is_err());
        assert_eq!(said(&"ä".repeat(100)).expect("as many as fit").chars().count(), 100);
        assert_eq!(said(&"ä".repeat(101)).expect_err("too many"), "it has 101 characters, and at most 100 are kept");
    }

    #[test]
    fn an_override_holds_until_it_ends_or_is_withdrawn() {
        let entries = [
            entry(1, EntryKind::Override, 100, (100, 200), None),
            entry(2, EntryKind::Override, 120, (120, 160), None),
            entry(3, EntryKind::Withdrawal, 150, (100, 200), Some(1)),
            entry(4, EntryKind::Correction, 50, (0, 1_000), None),
            entry(5, EntryKind::Override, 260, (250, 300), None),
        ];
        let at = |at| in_force(&entries, at).map(|entry| entry.id);
        assert_eq!([99, 100, 149, 150, 159, 160].map(at), [None, Some(1), Some(1), Some(2), Some(2), None]);
        // What nobody had said yet did not hold.
        assert_eq!([259, 260, 299, 300].map(at), [None, Some(5), Some(5), None]);
    }

    #[test]
    fn an_override_that_is_prolonged_is_one() {
        let entries = [
            entry(1, EntryKind::Override, 100, (100, 200), None),
            entry(2, EntryKind::Override, 150, (150, 300), None),
            entry(3, EntryKind::Override, 300, (300, 400), None),
            entry(4, EntryKind::Override, 500, (500, 900), None),
            entry(5, EntryKind::Withdrawal, 600, (500, 900), Some(4)),
            entry(6, EntryKind::Override, 601, (601, 700), None),
        ];
        let since = |at| overridden_since(&entries, at);
        assert_eq!([99, 100, 180, 250, 399].map(since), [None, Some(100), Some(100), Some(100), Some(100)]);
        assert_eq!([400, 500, 599, 600, 650].map(since), [None, Some(500), Some(500), None, Some(601)]);
    }

    #[test]
    fn a_range_has_what_touches_it_and_what_withdraws_that() {
        let key = SloKey { service: "shop".parse().expect("a name"), slo: "front".parse().expect("a name") };
        let entries = [
            entry(1, EntryKind::Correction, 500, (100, 200), None),
            entry(2, EntryKind::Withdrawal, 900, (100, 200), Some(1)),
            entry(3, EntryKind::Override, 300, (300, 400), None),
        ];
        let ids =
            |after, until| of_range(&entries, &key, after, until).iter().map(|entry| entry.id).collect::<Vec<_>>();
        assert_eq!(ids(150, 160), [1, 2]);
        assert_eq!(ids(200, 299), [0; 0]);
        assert_eq!(ids(399, 499), [3]);
        assert_eq!(ids(499, 500), [1, 2]);
        let other = SloKey { slo: "back".parse().expect("a name"), ..key.clone() };
        assert_eq!(of_range(&entries, &other, 0, 1_000), []);
    }
}
