//! History: what was counted, per SLO and slice of time.
//!
//! Whoever shows or judges budgets reads slices through [`History`] and does not know where they are kept.
//! History never decides anything: it has no objective, and a slice in which nothing ran is missing, which is
//! something other than a slice without bad events.

pub mod audit;
mod audited;
mod counts;
mod embedded;
mod memory;
mod prometheus;
mod recording;
pub mod told;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::probe::ProbeKey;
use crate::probe::outcome::Reason;
use crate::slo::budget;
use crate::spec::model::Slo;
use crate::units::{Duration, Name};

use audit::Entries;
pub use audit::{Entry, EntryKind};
pub use audited::Audited;
pub use counts::{BUCKETS, Counts, LastRun, StepCounts};
pub use embedded::{Archive, ArchivedMinute, ArchivedProbe, Clock, FileError, Kept, Storage, SystemClock};
pub use memory::Memory;
pub use prometheus::Prometheus;
pub use recording::Recording;
pub use told::{Causes, Fired, FiredAlerts, Told};

/// Which SLO: names are unique per service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SloKey {
    /// The service.
    pub service: Name,
    /// The SLO.
    pub slo: Name,
}

impl SloKey {
    /// The key of an SLO.
    #[must_use]
    pub fn of(slo: &Slo) -> Self {
        Self { service: slo.service.clone(), slo: slo.name.clone() }
    }
}

impl fmt::Display for SloKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.slo)
    }
}

/// One event of an SLI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The user got what was promised.
    Good,
    /// The user did not, for this reason.
    Bad(Reason),
}

/// What one slice of time holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The counts, in the form in which the mathematics takes them.
    pub events: budget::Slice,
    /// Bad events by reason, as far as the source knows reasons.
    pub failures: BTreeMap<Reason, u64>,
}

/// A group of an SLO with a budget of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The values of the labels that the SLO is split by; none for an SLO that is not split.
    pub labels: BTreeMap<String, String>,
    /// Its slices, in order of time.
    pub slices: Vec<Slice>,
    /// Whether there was more before, which the history does not keep so long.
    pub is_cut: bool,
    /// Seconds of its budget that were spent but do not count, each with when it was recorded; none where the audit itself
    /// says what does not count.
    pub corrected: Option<Vec<(i64, f64)>>,
}

impl Group {
    /// The one group of an SLO that is not split.
    #[must_use]
    pub fn whole(slices: Vec<Slice>) -> Self {
        Self { labels: BTreeMap::new(), slices, is_cut: false, corrected: None }
    }
}

/// Why a history could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The place where it is kept does not answer, with the reason.
    #[error("the history cannot be read: {0}")]
    Unavailable(String),
    /// The events of this SLO are counted elsewhere.
    #[error("{0} is no SLO of a probe, so its events are not kept here")]
    NotKept(SloKey),
    /// It answers with less than it was asked for.
    #[error("the history is not complete: {0}")]
    Incomplete(String),
    /// Prometheus evaluates no rules for this SLO.
    #[error(
        "Prometheus does not evaluate the rules of {0}, or has not for the first time, which takes up to 5 minutes: run \
         `burndown generate`, name the files under `rule_files` and reload Prometheus"
    )]
    RulesNotLoaded(SloKey),
    /// Two clocks do not agree.
    #[error("the clock of Prometheus is {}: set both clocks", apart(*seconds))]
    ClockAhead {
        /// How far it is ahead of this one; negative if it is behind.
        seconds: i64,
    },
}

/// How far another clock is from this one.
fn apart(seconds: i64) -> String {
    let how = if seconds < 0 { "behind" } else { "ahead of" };
    format!("{} seconds {how} this one", seconds.unsigned_abs())
}

/// The groups of one SLO in order of their labels, or why there are none. Groups without slices may be left out.
pub type Groups<'a> = Pin<Box<dyn Future<Output = Result<Vec<Group>, HistoryError>> + Send + 'a>>;

/// A group that was known and whose gate was open for a whole window, as it was recorded with the newest slice.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenGroup {
    /// The values of the labels that the SLO is split by.
    pub labels: BTreeMap<String, String>,
    /// When that slice ended, in seconds of Unix time.
    pub at: i64,
    /// What remained of the budget, in seconds.
    pub remaining: f64,
    /// Time of the window that was observed, in seconds.
    pub observed: f64,
    /// Observed over expected time, from 0 to 1.
    pub coverage: f64,
}

/// Every group of one SLO if all of them were open for a whole window; none if a replay of the slices has to say.
pub type OpenGroups<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<OpenGroup>>, HistoryError>> + Send + 'a>>;

/// How an embedded history fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageState {
    /// Writes that failed.
    pub errors: u64,
    /// Damaged files that were set aside.
    pub set_aside: u64,
    /// Minutes of a probe that were forgotten because they could not be written for too long.
    pub forgotten: u64,
    /// Whether counts are shown that are not kept yet.
    pub uncommitted: bool,
    /// The size of its files in bytes.
    pub bytes: u64,
}

/// Shows counts only once they are kept, so that nothing that was seen can be lost.
pub trait Committed: Send + Sync {
    /// Takes the counts of a probe as they are kept now or, while nothing can be kept, as they are.
    fn show(&self, probe: &ProbeKey, counts: Counts);

    /// Takes the state of the history, at each change.
    fn storage(&self, state: StorageState);
}

/// Where slices are kept.
pub trait History: Send + Sync {
    /// The length of every slice of `key`, at least a second.
    fn slice(&self, key: &SloKey) -> Duration;

    /// The slices of every group of `key` that end in (`after`, `until`], both in seconds of Unix time.
    ///
    /// The slice that is still being filled ends in the future and is therefore not among those up to now.
    fn groups<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Groups<'a>;

    /// The groups of `key` at `until`, in seconds of Unix time, if it was recorded that their gates were open all along.
    ///
    /// A history in which nothing but slices is kept has none.
    fn open_groups<'a>(&'a self, _key: &'a SloKey, _until: i64) -> OpenGroups<'a> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// What people decided about `key` that touches (`after`, `until`], both in seconds of Unix time.
    ///
    /// A history that keeps no audit has none.
    fn entries<'a>(&'a self, _key: &'a SloKey, _after: i64, _until: i64) -> Entries<'a> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Why events of `key` were bad in (`after`, `until`], both in seconds of Unix time.
    ///
    /// A history that does not know names no reason.
    fn causes<'a>(&'a self, _key: &'a SloKey, _after: i64, _until: i64) -> Told<'a, Causes> {
        Box::pin(std::future::ready(Ok(Causes::default())))
    }

    /// Which alerts of `key` fired in (`after`, `until`], both in seconds of Unix time; none of a history that keeps no
    /// alerts, which is something other than one in which none fired.
    fn alerts<'a>(&'a self, _key: &'a SloKey, _after: i64, _until: i64) -> Told<'a, Option<FiredAlerts>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
