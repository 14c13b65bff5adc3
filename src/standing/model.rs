//! The standing of SLOs in numbers: one type for each answer of the API, read and written by the same code.
//!
//! Every time is in seconds of Unix time and every amount of budget in seconds of full outage, unless a name says
//! otherwise. Nothing here computes; the words of the comments are those of the API's own description.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::history::audit::Entry;
use crate::units::Duration;

/// Every SLO at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slos {
    /// When they were looked at.
    pub at: i64,
    /// The SLOs; what needs attention comes first.
    pub slos: Vec<SloState>,
}

/// One SLO at one moment.
///
/// The numbers of an SLO that is split into groups are those of the group that decides: the one whose gate is closed,
/// else one that is unknown, else the one with the least budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloState {
    /// The service.
    pub service: String,
    /// The SLO.
    pub slo: String,
    /// What it promises, in the file's words.
    pub description: Option<String>,
    /// The objective in percent.
    pub objective: f64,
    /// The rolling window.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub window: Duration,
    /// How many groups the SLO is split into; 1 for one that is not.
    pub groups: usize,
    /// The labels of the group that decides; empty for an SLO that is not split.
    pub group: BTreeMap<String, String>,
    /// Up to when the numbers are: the end of the last slice of time that is complete.
    pub at: i64,
    /// Good events in the window in percent of all; none where nothing was counted.
    pub sli: Option<f64>,
    /// Bad events in the window.
    pub bad: f64,
    /// All events in the window.
    pub total: f64,
    /// The error budget.
    pub budget: BudgetState,
    /// How the remaining budget moved of late.
    pub trend: Option<Trend>,
    /// Whether the numbers can be relied on.
    pub data: Data,
    /// Why they cannot, and what to do.
    pub data_note: Option<String>,
    /// Whether deployments may go on, but for an override.
    pub gate: GateState,
    /// The override that is in force: then deployments go on, whatever the gate says.
    #[serde(rename = "override")]
    pub overridden: Option<OverrideState>,
    /// Burn rate over the shortest window of the SLO.
    pub burn_rate: Option<f64>,
    /// That shortest window.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub burn_rate_window: Duration,
    /// The burn-rate alerts.
    pub alerts: Vec<AlertState>,
    /// The newest failure in the window, of any group.
    pub last_failure: Option<Failure>,
}

/// An error budget in seconds of full outage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetState {
    /// What the window allows.
    pub total_seconds: f64,
    /// What was spent.
    pub consumed_seconds: f64,
    /// What is left; negative when overspent.
    pub remaining_seconds: f64,
    /// What is left in percent.
    pub remaining_percent: f64,
    /// What was spent but does not count, because somebody corrected it or it was planned maintenance.
    pub corrected_seconds: f64,
    /// What is left with that given back. The gate decides by it.
    pub net_remaining_seconds: f64,
    /// Time of the window that was observed.
    pub observed_seconds: f64,
    /// Observed over expected time, from 0 to 1.
    pub coverage: f64,
}

/// How the remaining budget moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// Over how long.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub over: Duration,
    /// Budget that came back; negative when it was spent faster than it came back.
    pub seconds: f64,
}

/// Whether numbers can be relied on, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// Enough was observed, and lately.
    Known,
    /// Nothing was observed in the window.
    NoData,
    /// The newest data are too old.
    Stale,
    /// Too much of the window was not observed.
    Partial,
    /// The history could not be read.
    Unavailable,
    /// The history answered with less than it has.
    Incomplete,
    /// Prometheus does not evaluate the rules of the SLO.
    RulesNotLoaded,
    /// The clock of whoever asked and that of the history differ.
    ClockAhead,
    /// The SLO is no SLO of a probe, and no Prometheus was named that counts its events.
    NotKept,
}

impl Data {
    /// Whether the history of the SLO could be read, so that its numbers are those of something.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Known | Self::NoData | Self::Stale | Self::Partial)
    }
}

/// The gate of an SLO.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateState {
    /// The answer.
    pub state: GateAnswer,
    /// The latch: `closed` or `open` as it was when the SLO was last known, `unknown` if it never was.
    pub latch: GateAnswer,
    /// Whether an unknown SLO stops the pipeline.
    pub holds_when_unknown: bool,
    /// Whether it only says what it would do, and stops nothing.
    pub dry_run: bool,
    /// It closes at or below this much remaining budget.
    pub close_at_seconds: f64,
    /// Once closed, it opens again at or above this much; where it waits for that much to come back since the lowest
    /// point, that is counted from the lowest point so far, or from nothing left while it is open.
    pub resume_at_seconds: f64,
    /// While the gate is open: since when it lets through; none if it did for a whole window, or as far back as is known.
    pub open_since: Option<i64>,
    /// While the latch is closed: since when.
    pub closed_since: Option<i64>,
    /// While the latch is closed: the least that remained since then.
    pub trough_seconds: Option<f64>,
}

/// An override that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OverrideState {
    /// Its number in the audit; 0 where only Prometheus was asked, which does not know.
    pub id: i64,
    /// Since when.
    pub since: i64,
    /// Until when.
    pub until: i64,
    /// Why; empty where only Prometheus was asked.
    pub reason: String,
    /// Who says so, in that person's own words; empty where only Prometheus was asked.
    pub by: String,
    /// Who that was, as the server knows it; empty where only Prometheus was asked.
    pub authenticated: String,
}

/// Whether deployments may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateAnswer {
    /// They stop.
    Closed,
    /// The data do not say.
    Unknown,
    /// They go on.
    Open,
}

/// One burn-rate alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertState {
    /// `page` or `ticket`, or what the file calls it.
    pub severity: String,
    /// Long window.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub long_window: Duration,
    /// Short window.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub short_window: Duration,
    /// The burn rate above which both windows must be.
    pub factor: f64,
    /// Burn rate over the long window, of the group that burns fastest.
    pub long_burn_rate: Option<f64>,
    /// Burn rate over the short window, of the same group.
    pub short_burn_rate: Option<f64>,
    /// Whether the condition of the alert holds.
    pub firing: bool,
    /// The labels of that group.
    pub group: BTreeMap<String, String>,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The end of the slice of time in which it happened.
    pub at: i64,
    /// The most frequent reason in that slice, if reasons are known.
    pub reason: Option<String>,
    /// The labels of its group.
    pub group: BTreeMap<String, String>,
}

/// One SLO with each of its groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloDetail {
    /// The SLO.
    pub slo: SloState,
    /// Its groups; the one that decides comes first.
    pub groups: Vec<GroupDetail>,
}

/// A group of an SLO.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupDetail {
    /// Its labels.
    pub group: BTreeMap<String, String>,
    /// Good events in the window in percent of all; none where nothing was counted.
    pub sli: Option<f64>,
    /// Bad events in the window.
    pub bad: f64,
    /// All events in the window.
    pub total: f64,
    /// Its budget.
    pub budget: BudgetState,
    /// Whether its numbers can be relied on.
    pub data: Data,
    /// Its gate.
    pub gate: GateState,
}

/// The remaining budget over the window, of the group that decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Burndown {
    /// The labels of that group.
    pub group: BTreeMap<String, String>,
    /// What the window allows.
    pub total_seconds: f64,
    /// The gate closes at or below this much.
    pub close_at_seconds: f64,
    /// It opens again at or above this much.
    pub resume_at_seconds: f64,
    /// At most 241 points, oldest first: of each stretch of time the lowest, and the newest one as it is.
    pub points: Vec<Point>,
}

/// The remaining budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// When.
    pub at: i64,
    /// What is left.
    pub remaining_seconds: f64,
}

/// When users were let down in the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outages {
    /// The newest first, of every group; at most 500.
    pub outages: Vec<Outage>,
    /// How many older ones were left out.
    pub omitted: usize,
    /// What failures outside of the outages spent, of the group that decides: a drizzle too thin to outrun the budget.
    pub background_seconds: f64,
}

/// A time in which the budget went faster than it comes back; of a probe, in which runs failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outage {
    /// When the first slice of time with failures begins.
    pub start: i64,
    /// When the last one ends.
    pub end: i64,
    /// Whether it was going on at the last look.
    pub ongoing: bool,
    /// What it spent.
    pub spent_seconds: f64,
    /// What it spent in percent of the whole budget.
    pub spent_percent: f64,
    /// Bad events.
    pub bad: f64,
    /// All events of that time.
    pub total: f64,
    /// Bad events by reason, as far as reasons are known.
    pub reasons: BTreeMap<String, u64>,
    /// The labels of its group.
    pub group: BTreeMap<String, String>,
}

/// The SLI day by day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Days {
    /// Days of UTC, oldest first; the last one is still going on.
    pub days: Vec<Day>,
}

/// One day, of the group that did worst on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Day {
    /// Such as `2026-11-22`.
    pub date: String,
    /// Good events in percent of all; none where nothing was counted.
    pub sli: Option<f64>,
    /// Bad events.
    pub bad: f64,
    /// All events.
    pub total: f64,
    /// Seconds in which everything failed, were all failures put together: bad over total, times observed.
    pub down_seconds: f64,
    /// Time that was observed.
    pub observed_seconds: f64,
    /// The labels of that group.
    pub group: BTreeMap<String, String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// A code for programs, such as `not_found`.
    pub code: String,
    /// Words for people.
    pub message: String,
}

impl SloState {
    /// Closed gates first, then firing alerts, unknown ones, and the smallest remaining share.
    #[must_use]
    pub fn by_attention(one: &Self, other: &Self) -> Ordering {
        let rank = |state: &Self| (state.answer() == GateAnswer::Closed, state.is_firing(), state.data != Data::Known);
        rank(other)
            .cmp(&rank(one))
            .then(one.budget.remaining_percent.total_cmp(&other.budget.remaining_percent))
            .then_with(|| (&one.service, &one.slo).cmp(&(&other.service, &other.slo)))
    }

    /// Whether deployments may go on, an override included.
    #[must_use]
    pub const fn answer(&self) -> GateAnswer {
        if self.overridden.is_some() { GateAnswer::Open } else { self.gate.state }
    }

    /// Whether an alert fires.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.alerts.iter().any(|alert| alert.firing)
    }
}

impl OverrideState {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            id: entry.id,
            since: entry.from,
            until: entry.until,
            reason: entry.reason.clone(),
            by: entry.by.clone(),
            authenticated: entry.authenticated.clone(),
        }
    }
}

/// Durations as people write them, such as `30d`.
mod text {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::units::Duration;

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(duration)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format!("`{text}`: {error}")))
    }
}
