//! What a budget means to people: how many failures it holds, who hears of a full outage and when, and what a
//! single failure does.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::plan::SloPlan;
use super::window::Pair;
use super::{alerting, burn};
use crate::names::Alert;
use crate::spec::model::{Budgeting, Sli};
use crate::units::Duration;

/// What an SLO counts one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Runs of a probe, one in each of these intervals.
    Run(Duration),
    /// Slices of time of this length.
    Slice(Duration),
    /// Events, as many as users cause.
    Event,
    /// Samples of a gauge, as many as are scraped.
    Sample,
    /// Nothing: a ratio weighs by time.
    Time,
}

impl Unit {
    /// The unit of an SLO.
    #[must_use]
    pub const fn of(plan: &SloPlan) -> Self {
        match (plan.slo.budgeting, &plan.slo.sli) {
            (Budgeting::Timeslices { slice, .. }, _) => Self::Slice(slice),
            (Budgeting::Occurrences, Sli::Probe { interval, .. }) => Self::Run(*interval),
            (Budgeting::Occurrences, Sli::Gauge { .. }) => Self::Sample,
            (Budgeting::Occurrences, Sli::Ratio { .. }) => Self::Time,
            (
                Budgeting::Occurrences,
                Sli::Events { .. } | Sli::Latency { .. } | Sli::NativeLatency { .. } | Sli::Query { .. },
            ) => Self::Event,
        }
    }

    /// The time from one to the next, if that is known beforehand.
    #[must_use]
    pub const fn every(self) -> Option<Duration> {
        match self {
            Self::Run(every) | Self::Slice(every) => Some(every),
            Self::Event | Self::Sample | Self::Time => None,
        }
    }
}

/// What the budget of an SLO means.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// What is counted.
    pub unit: Unit,
    /// How many failures the budget holds, where that does not depend on traffic.
    pub failures_held: Option<u64>,
    /// The pairs that alert, in the order of the plan.
    pub pairs: Vec<Reaction>,
    /// What one failure costs in seconds, where that does not depend on traffic.
    pub failure_seconds: Option<Decimal>,
    /// Whom one failure alerts.
    pub failure_alerts: Alerted,
}

/// When a pair alerts in a full outage.
#[derive(Clone, Debug, PartialEq)]
pub struct Reaction {
    /// The pair.
    pub pair: Pair,
    /// How long a full outage lasts at most before the pair's condition has held for as long as the file wants; the
    /// rules see it later by their delay and one evaluation.
    pub detection: Option<Duration>,
    /// How many failures in a row that takes, where that does not depend on traffic.
    pub failures: Option<u64>,
}

/// Whom one failure alerts.
#[derive(Clone, Debug, PartialEq)]
pub enum Alerted {
    /// Nobody.
    Nobody,
    /// Whom this pair calls.
    By(Pair),
    /// That depends on how much else is counted, or on how long it lasts.
    Depends,
}

impl Meaning {
    /// What the budget of a planned SLO means.
    #[must_use]
    pub fn of(plan: &SloPlan) -> Self {
        let unit = Unit::of(plan);
        let every = unit.every();
        Self {
            unit,
            failures_held: every.and_then(|every| (plan.budget_seconds / every.as_secs()).floor().to_u64()),
            pairs: alerting_pairs(plan).map(|pair| reaction(plan, pair, every)).collect(),
            failure_seconds: every.map(Duration::as_secs),
            failure_alerts: alerted(plan, unit),
        }
    }

    /// What one failure costs as a share of the budget, 1 being all of it.
    #[must_use]
    pub fn failure_share(&self, plan: &SloPlan) -> Option<Decimal> {
        self.failure_seconds?.checked_div(plan.budget_seconds)
    }
}

/// The pairs that the file leaves enabled.
fn alerting_pairs(plan: &SloPlan) -> impl Iterator<Item = &Pair> {
    plan.pairs.iter().filter(|pair| plan.enabled(pair.severity))
}

/// The pair that one failure trips: 1 failure is more than F·b of the long window, and no second one is needed.
fn tripped_by_one_failure(plan: &SloPlan, every: Duration) -> Option<&Pair> {
    let trips = |pair: &&Pair| failures_needed(plan, pair, every) == Some(1);
    alerting_pairs(plan).find(trips)
}

/// The fewest failures in a row that trip a pair: more than F·b of those in the long window, and `min_failures`.
fn failures_needed(plan: &SloPlan, pair: &Pair, every: Duration) -> Option<u64> {
    let tolerated = (pair.threshold * pair.long.as_secs()).checked_div(every.as_secs())?.floor().to_u64()?;
    Some(tolerated.saturating_add(1).max(plan.slo.alerting.min_failures))
}

fn reaction(plan: &SloPlan, pair: &Pair, every: Option<Duration>) -> Reaction {
    let failures = every.and_then(|every| failures_needed(plan, pair, every));
    let detection = match (failures, every) {
        (Some(failures), Some(every)) => Some(every.times(failures)),
        _ => burn::detection(pair.long, pair.threshold, Decimal::ONE),
    };
    let wanted = alerting::resolve(&plan.slo, Alert::ErrorBudgetBurn, pair.severity, Duration::ZERO);
    let pending = wanted.map_or(Duration::ZERO, |wanted| wanted.pending);
    Reaction { pair: pair.clone(), detection: detection.map(|detection| detection.plus(pending)), failures }
}

fn alerted(plan: &SloPlan, unit: Unit) -> Alerted {
    match unit.every() {
        Some(every) => tripped_by_one_failure(plan, every).cloned().map_or(Alerted::Nobody, Alerted::By),
        None if alerting_pairs(plan).next().is_none() => Alerted::Nobody,
        None if plan.counts_failures() && plan.slo.alerting.min_failures > 1 => Alerted::Nobody,
        None => Alerted::Depends,
    }
}
