//! The answer of the gate: one type for the command, for the API and for the published JSON Schema.
//!
//! Every time is in seconds of Unix time and every amount of budget in seconds of full outage. Nothing here decides; the
//! words of the comments are those of the schema's own description.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::standing::model::{Data, GateAnswer, OverrideState};

/// The version of [`Answer`]. It changes when a field goes away or means something else.
pub const SCHEMA_VERSION: u32 = 1;

/// Whether deployments may go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The version of this form.
    pub schema_version: u32,
    /// The moment it is about.
    pub at: i64,
    /// `open`: go on. `closed`: stop. `unknown`: nobody knows, and that stops too.
    pub decision: GateAnswer,
    /// Why, in a word for programs: that of the SLO that decides, or `hours`.
    pub reason: Reason,
    /// Why, in a sentence for people.
    pub message: String,
    /// While it is open and no change was asked about: since when, by its budget or by an override; none if it was open
    /// for a whole window, or as far back as is known.
    pub open_since: Option<i64>,
    /// When it opens if nothing more fails; none if it is open, if it never will be, and if nobody knows.
    pub reopens_at: Option<i64>,
    /// What that moment rests on.
    pub forecast: Option<Forecast>,
    /// The planned change, if one was asked about.
    pub change: Option<ChangeAnswer>,
    /// The SLOs; the one that decides comes first.
    pub slos: Vec<SloAnswer>,
}

/// Why the gate is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is budget.
    Open,
    /// The budget is spent, and not enough of it has come back.
    Closed,
    /// The gate is open, but the change needs more than may be spent.
    Budget,
    /// The change would not begin and end within one working day.
    Hours,
    /// It would stop, but it is a dry run.
    DryRun,
    /// It would stop, but somebody overrode it.
    Override,
    /// Nothing was observed in the window.
    NoData,
    /// The newest data are too old.
    Stale,
    /// Too much of the window was not observed.
    Partial,
    /// Whoever knows could not be asked.
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

/// What a forecast rests on, besides that nothing more fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Forecast {
    /// On nothing: a probe runs as often tomorrow as today.
    Exact,
    /// The traffic of the last 7 days repeats.
    AssumesLast7DaysTraffic,
}

/// One SLO. Its numbers are those of the group that decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloAnswer {
    /// The service.
    pub service: String,
    /// The SLO.
    pub slo: String,
    /// The labels of the group that decides; empty for an SLO that is not split.
    pub group: BTreeMap<String, String>,
    /// How many groups there are.
    pub groups: usize,
    /// Up to when the numbers are.
    pub at: i64,
    /// What it says: `open` also where it would stop but only reports, or is unknown and lets through.
    pub decision: GateAnswer,
    /// Why, in a word for programs.
    pub reason: Reason,
    /// Why, in a sentence for people.
    pub message: String,
    /// The gate itself, before anything is waived and without any change.
    pub gate: GateAnswer,
    /// The override that is in force, if there is one.
    #[serde(rename = "override")]
    pub overridden: Option<OverrideState>,
    /// What it would say without any override.
    pub would: GateAnswer,
    /// Why, in a word for programs.
    pub would_reason: Reason,
    /// The latch: what the gate was when the SLO was last known.
    pub latch: GateAnswer,
    /// Whether it only reports.
    pub dry_run: bool,
    /// Whether it stops while it is unknown.
    pub holds_when_unknown: bool,
    /// Whether its numbers can be relied on.
    pub data: Data,
    /// What the window allows.
    pub total_seconds: f64,
    /// What is left; negative when overspent.
    pub remaining_seconds: f64,
    /// What was spent but does not count.
    pub corrected_seconds: f64,
    /// What is left with that given back. The gate decides by it.
    pub net_remaining_seconds: f64,
    /// Observed over expected time, from 0 to 1.
    pub coverage: f64,
    /// It closes at or below this much.
    pub close_at_seconds: f64,
    /// Once closed, it opens again at or above this much.
    pub resume_at_seconds: f64,
    /// While there is budget: since when the gate of every group lets through; none if it did for a whole window, or as
    /// far back as is known. While an override opens what stops: since when that holds.
    pub open_since: Option<i64>,
    /// While the latch is closed: since when.
    pub closed_since: Option<i64>,
    /// While the latch is closed: the least that remained since then.
    pub trough_seconds: Option<f64>,
    /// When every group lets through what was asked if nothing more fails; none if that is so now, if it never will be,
    /// and if nobody knows.
    pub reopens_at: Option<i64>,
    /// What that moment rests on.
    pub forecast: Option<Forecast>,
    /// The other groups, at most 20; what needs attention comes first.
    pub other_groups: Vec<GroupAnswer>,
}

/// One group of an SLO that does not decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupAnswer {
    /// Its labels.
    pub group: BTreeMap<String, String>,
    /// Its gate, before anything is waived and without any change.
    pub gate: GateAnswer,
    /// Whether its numbers can be relied on.
    pub data: Data,
    /// What is left; negative when overspent.
    pub remaining_seconds: f64,
    /// What is left with that given back which does not count.
    pub net_remaining_seconds: f64,
    /// Observed over expected time, from 0 to 1.
    pub coverage: f64,
    /// While the latch is closed: since when.
    pub closed_since: Option<i64>,
    /// While the latch is closed: the least that remained since then.
    pub trough_seconds: Option<f64>,
}

/// A planned change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeAnswer {
    /// Its name in the file, if it has one.
    pub name: Option<String>,
    /// Whether it may begin now: gates, budgets and working hours allow it.
    pub fits: bool,
    /// What it means for each service that is asked about.
    pub services: Vec<ServiceChange>,
}

/// A planned change of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceChange {
    /// The service.
    pub service: String,
    /// How long users notice it, in seconds.
    pub downtime_seconds: f64,
    /// How long it takes, in seconds.
    pub duration_seconds: f64,
    /// Whether it begins and ends within one working day; true where no working hours are said.
    pub is_within_hours: bool,
    /// When it may begin at the earliest if nothing more fails; none if it never may, and if nobody knows.
    pub may_begin_at: Option<i64>,
}

impl Answer {
    /// That whoever knows could not be asked, and why.
    #[must_use]
    pub fn unavailable(at: i64, message: String) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            at,
            decision: GateAnswer::Unknown,
            reason: Reason::Unavailable,
            message,
            open_since: None,
            reopens_at: None,
            forecast: None,
            change: None,
            slos: Vec::new(),
        }
    }
}

impl From<Data> for Reason {
    fn from(data: Data) -> Self {
        match data {
            // Known numbers decide by themselves.
            Data::Known => Self::Open,
            Data::NoData => Self::NoData,
            Data::Stale => Self::Stale,
            Data::Partial => Self::Partial,
            Data::Unavailable => Self::Unavailable,
            Data::Incomplete => Self::Incomplete,
            Data::RulesNotLoaded => Self::RulesNotLoaded,
            Data::ClockAhead => Self::ClockAhead,
            Data::NotKept => Self::NotKept,
        }
    }
}

/// The JSON Schema of [`Answer`].
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Answer).to_value()
}
