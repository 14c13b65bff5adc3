//! The report: one type for the command, for the API and for the published JSON Schema.
//!
//! Every time is in seconds of Unix time and every amount of budget in seconds of full outage, unless a name says
//! otherwise. Nothing here computes; the words of the comments are those of the schema's own description.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::history::Entry;
use crate::standing::model::{BudgetState, Data, GateAnswer, GateState};

/// The version of [`Report`]. It changes when a field goes away or means something else.
pub const SCHEMA_VERSION: u32 = 1;

/// What the team that keeps some SLOs has to know about a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this form.
    pub schema_version: u32,
    /// When the period begins.
    pub since: i64,
    /// When it ends; everything is as it was then.
    pub until: i64,
    /// An outage that spent more than this share of its budget, in percent, needs a postmortem.
    pub postmortem_percent: f64,
    /// The SLOs; what needs attention comes first.
    pub slos: Vec<SloReport>,
}

/// One SLO. Its numbers are those of the group that decides at the end of the period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloReport {
    /// The service.
    pub service: String,
    /// The SLO.
    pub slo: String,
    /// What it promises, in the file's words.
    pub description: Option<String>,
    /// The objective in percent.
    pub objective: f64,
    /// The rolling window, such as `30d`.
    pub window: String,
    /// The same in seconds.
    pub window_seconds: f64,
    /// The IANA zone of the working hours of the service, in which times are told; UTC without working hours.
    pub timezone: String,
    /// How many groups the SLO is split into; 1 for one that is not.
    pub groups: usize,
    /// The labels of the group that decides; empty for an SLO that is not split.
    pub group: BTreeMap<String, String>,
    /// Whether the numbers can be relied on.
    pub data: Data,
    /// Why they cannot, and what to do.
    pub data_note: Option<String>,
    /// What of this report could not be read, and why.
    pub missing: Vec<String>,
    /// Good events in the window in percent of all; none where nothing was counted.
    pub sli: Option<f64>,
    /// Good events in the period in percent of all; none where nothing was counted.
    pub period_sli: Option<f64>,
    /// The error budget over the window.
    pub budget: BudgetState,
    /// What became of it in the period.
    pub period: PeriodReport,
    /// Every outage that is in the period or in the window: those of the period first, the most expensive first, and then
    /// the others, the newest first; of every group.
    pub spikes: Vec<Spike>,
    /// How many more there are, the cheapest, which were left out.
    pub spikes_omitted: usize,
    /// The gate.
    pub gate: GateState,
    /// The turns of the gate in the period, in order.
    pub gate_turns: Vec<GateTurn>,
    /// What people decided about it: overrides, corrections, maintenance and withdrawals that were made in the period or
    /// touch it, in order.
    pub decisions: Vec<Entry>,
    /// The alerts of the period, in order of time.
    pub alerts: Vec<AlertReport>,
    /// Where these alerts are from.
    pub alerts_from: AlertSource,
    /// The times of the period that nobody saw: nothing was counted, neither good nor bad.
    pub unseen: Vec<Stretch>,
    /// What is to come if nothing more fails.
    pub forecast: ForecastReport,
}

/// What became of a budget in the period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeriodReport {
    /// Bad events.
    pub bad: f64,
    /// All events.
    pub total: f64,
    /// What was left when it began.
    pub at_start_seconds: f64,
    /// What failures spent, at the price that an event has at the end: time observed in the window over its events.
    pub spent_seconds: f64,
    /// What came back: what left the window, and for other SLIs than probes what more or less traffic made of the rest.
    /// Start plus returned less spent is the end.
    pub returned_seconds: f64,
    /// What was spent outside of the spikes: a drizzle too thin to outrun the budget.
    pub background_seconds: f64,
}

/// A time in which the budget went faster than it comes back; of a probe, in which runs failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spike {
    /// When the first slice of time with failures begins.
    pub start: i64,
    /// When the last one ends.
    pub end: i64,
    /// Whether it was going on at the end of the period.
    pub ongoing: bool,
    /// Whether a part of it is in the period.
    pub in_period: bool,
    /// What it spent.
    pub spent_seconds: f64,
    /// What it spent within the period.
    pub spent_in_period_seconds: f64,
    /// What it spent in percent of the whole budget.
    pub spent_percent: f64,
    /// Whether that is so much that it needs a postmortem.
    pub needs_postmortem: bool,
    /// When the last of it has left the window.
    pub returned_at: i64,
    /// Bad events.
    pub bad: f64,
    /// All events of that time.
    pub total: f64,
    /// Runs that failed, by reason, as far as that is known.
    pub reasons: BTreeMap<String, u64>,
    /// Of a journey: runs that failed, by the step that did, as far as that is known.
    pub steps: BTreeMap<String, u64>,
    /// The labels of its group.
    pub group: BTreeMap<String, String>,
}

/// A turn of the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateTurn {
    /// When.
    pub at: i64,
    /// What it turned to.
    pub to: GateAnswer,
    /// What was left then, net: without what was corrected.
    pub remaining_seconds: f64,
    /// The labels of its group.
    pub group: BTreeMap<String, String>,
}

/// A stretch of time in which an alert fired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertReport {
    /// Its name.
    pub alert: String,
    /// `page` or `ticket`, or what the file calls it.
    pub severity: String,
    /// Of a burn-rate alert, its long window.
    pub long_window: Option<String>,
    /// Of a burn-rate alert, its short window.
    pub short_window: Option<String>,
    /// When it was first seen firing.
    pub from: i64,
    /// When it was last seen firing.
    pub until: i64,
    /// The labels of its group.
    pub group: BTreeMap<String, String>,
}

/// Where alerts are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertSource {
    /// From what Prometheus recorded of its alerts.
    Prometheus,
    /// From counts: when the condition of a burn-rate alert held at the end of a slice of time. Whether a Prometheus
    /// evaluated it is not known here.
    Counts,
    /// They could not be read.
    Nowhere,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stretch {
    /// Since when.
    pub from: i64,
    /// Until when.
    pub until: i64,
}

/// What is to come if nothing more fails.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForecastReport {
    /// Whether it rests on nothing more, as that of a probe does; else the traffic of the last 7 days is assumed to repeat.
    pub is_exact: bool,
    /// When the gate of every group is open, if one is closed; none if never, and if nobody knows.
    pub gate_opens_at: Option<i64>,
    /// What is left, net, a week after the end of the period, or when all that is known of the future ends, whichever is earlier.
    pub in_a_week_seconds: Option<f64>,
    /// When all that was spent has come back; none if nothing was spent, and if nobody knows.
    pub whole_at: Option<i64>,
}

impl SloReport {
    /// The outages that are in the period.
    pub fn spikes_of_period(&self) -> impl Iterator<Item = &Spike> {
        self.spikes.iter().filter(|spike| spike.in_period)
    }

    /// Those that were before it and still weigh on the window.
    pub fn earlier_spikes(&self) -> impl Iterator<Item = &Spike> {
        self.spikes.iter().filter(|spike| !spike.in_period)
    }

    /// Whether anything was counted in the window, so that its numbers mean something.
    #[must_use]
    pub const fn has_numbers(&self) -> bool {
        matches!(self.data, Data::Known | Data::Stale | Data::Partial)
    }

    /// Whether there is nothing to say about it but its numbers.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.data == Data::Known
            && self.gate.state == GateAnswer::Open
            && self.spikes.is_empty()
            && self.gate_turns.is_empty()
            && self.decisions.is_empty()
            && self.alerts.is_empty()
            && self.unseen.is_empty()
            && self.missing.is_empty()
    }
}
