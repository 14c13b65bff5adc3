//! What is proposed for the coming days: one type for the command, for the API and for the published JSON Schema.
//!
//! Every time is in seconds of Unix time and every amount of budget in seconds of full outage, unless a name says
//! otherwise. Nothing here decides; the words of the comments are those of the schema's own description.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gate::model::Forecast;

/// The version of [`ChangePlan`]. It changes when a field goes away or means something else.
pub const SCHEMA_VERSION: u32 = 1;

/// Which planned changes fit on which of the coming days if nothing more fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangePlan {
    /// The version of this form.
    pub schema_version: u32,
    /// When the first of the days begins to be looked at.
    pub at: i64,
    /// How many days are looked at, with that of `at`.
    pub days: u32,
    /// The worst of what the services say.
    pub verdict: Verdict,
    /// The same in a sentence for people.
    pub message: String,
    /// The services that have changes; what needs attention comes first.
    pub services: Vec<ServicePlan>,
}

/// Whether changes fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Some have to wait for longer.
    Waits,
    /// Nobody knows how an SLO stands, and it holds while that is so.
    Unknown,
    /// All of them fit.
    Fits,
}

/// The changes of one service. Its working hours and all of its SLOs count; one that only reports does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServicePlan {
    /// The service.
    pub service: String,
    /// Whether its changes fit.
    pub verdict: Verdict,
    /// The same in a sentence for people.
    pub message: String,
    /// The IANA zone of its working hours, in which days are days; UTC without working hours.
    pub timezone: String,
    /// Whether it has working hours, within which a change has to begin and end.
    pub has_working_hours: bool,
    /// What the budgets of the days to come rest on, besides that nothing more fails.
    pub forecast: Forecast,
    /// The working days.
    pub days: Vec<PlanDay>,
    /// The changes that are not proposed.
    pub waits: Vec<Waiting>,
}

/// One working day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanDay {
    /// Such as `2026-11-23`.
    pub date: String,
    /// When changes may begin on it.
    pub begins_at: i64,
    /// When work ends.
    pub ends_at: i64,
    /// What may be spent when it begins if nothing is changed before; none while a gate is closed.
    pub available_seconds: Option<f64>,
    /// The SLO of which so little may be spent.
    pub slo: Option<String>,
    /// What may still be spent when work ends, after all that is proposed up to then; none while a gate is closed.
    pub left_seconds: Option<f64>,
    /// The changes that fit on it, each taken alone, at the earliest.
    pub fits: Vec<PlannedChange>,
    /// The changes that are proposed for it, in order of time. All that is proposed fits together: changes follow each
    /// other, and what one spends is missing to the next. What costs users least is placed first, as early as it fits.
    pub proposed: Vec<PlannedChange>,
}

/// A change with a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedChange {
    /// Its name in the file.
    pub change: String,
    /// How long users notice it, in seconds.
    pub downtime_seconds: f64,
    /// When it would begin.
    pub begins_at: i64,
    /// When it would end.
    pub ends_at: i64,
}

/// A change that is not proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// Its name in the file.
    pub change: String,
    /// How long users notice it, in seconds.
    pub downtime_seconds: f64,
    /// How long it takes, in seconds.
    pub duration_seconds: f64,
    /// Why, in a word for programs.
    pub reason: WaitReason,
    /// Why, in a sentence for people, and from when on it would fit.
    pub message: String,
    /// The SLO that has too little, or that nobody knows.
    pub slo: Option<String>,
    /// The most that may be spent of that SLO on any of the days.
    pub available_seconds: Option<f64>,
    /// When it may begin at the earliest if all that is proposed is done and nothing fails; none if never, and if nobody
    /// knows.
    pub may_begin_at: Option<i64>,
}

/// Why a change is not proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// None of the days is long enough, or there is no working day.
    Hours,
    /// The gate is closed on all of the days.
    Closed,
    /// It needs more than may be spent on any of the days.
    Budget,
    /// It fits alone, but not beside those that are proposed.
    Others,
    /// Nobody knows how an SLO stands.
    Unknown,
}

impl ServicePlan {
    /// Everything that is proposed, in order of time.
    pub fn proposed(&self) -> impl Iterator<Item = &PlannedChange> {
        self.days.iter().flat_map(|day| &day.proposed)
    }
}

/// The JSON Schema of [`ChangePlan`].
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(ChangePlan).to_value()
}
