//! The state of an SLO at one moment, in numbers, as `/api/v1/slos` answers it.

use std::cmp::Ordering;

use serde::Serialize;

use crate::history::{History, Slice, SloKey};
use crate::slo::SloPlan;
use crate::slo::budget::{self, Budget, State, Tallies, Tally};
use crate::slo::gate::{self, Latch, Thresholds};
use crate::slo::window::Pair;
use crate::spec::model::{OnUnknown, Severity};
use crate::units::Duration;

/// Every SLO at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct States {
    /// When, in seconds of Unix time.
    pub at: i64,
    /// The SLOs; what needs attention comes first.
    pub slos: Vec<SloState>,
}

/// One SLO at one moment.
#[derive(Clone, Debug, Serialize)]
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
    #[serde(serialize_with = "as_text")]
    pub window: Duration,
    /// Good events in the window in percent of all; none where nothing was counted.
    pub sli: Option<f64>,
    /// Bad events in the window.
    pub bad: f64,
    /// All events in the window.
    pub total: f64,
    /// The error budget.
    pub budget: BudgetState,
    /// Whether the numbers can be relied on.
    pub data: Data,
    /// Whether deployments may go on.
    pub gate: GateState,
    /// Burn rate over the shortest window of the SLO.
    pub burn_rate: Option<f64>,
    /// That shortest window.
    #[serde(serialize_with = "as_text")]
    pub burn_rate_window: Duration,
    /// The burn-rate alerts.
    pub alerts: Vec<AlertState>,
    /// The newest failure in the window.
    pub last_failure: Option<Failure>,
    /// Remaining budget over time, oldest first.
    pub burndown: Vec<Point>,
}

/// An error budget in seconds of full outage.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BudgetState {
    /// What the window allows.
    pub total_seconds: f64,
    /// What was spent.
    pub consumed_seconds: f64,
    /// What is left; negative when overspent.
    pub remaining_seconds: f64,
    /// What is left in percent.
    pub remaining_percent: f64,
    /// Observed over expected time.
    pub coverage: f64,
}

/// Whether numbers can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
}

/// The gate of an SLO.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GateState {
    /// The answer.
    pub state: GateAnswer,
    /// Whether an unknown SLO stops the pipeline.
    pub holds_when_unknown: bool,
    /// It closes at or below this much remaining budget.
    pub close_at_seconds: f64,
    /// It opens again at or above this much.
    pub resume_at_seconds: f64,
}

/// Whether deployments may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
#[derive(Clone, Debug, Serialize)]
pub struct AlertState {
    /// `page` or `ticket`, or what the file calls it.
    pub severity: String,
    /// Long window.
    #[serde(serialize_with = "as_text")]
    pub long_window: Duration,
    /// Short window.
    #[serde(serialize_with = "as_text")]
    pub short_window: Duration,
    /// The burn rate above which both windows must be.
    pub factor: f64,
    /// Burn rate over the long window.
    pub long_burn_rate: Option<f64>,
    /// Burn rate over the short window.
    pub short_burn_rate: Option<f64>,
    /// Whether the alert fires.
    pub firing: bool,
}

/// A failure.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Failure {
    /// The end of the slice in which it happened, in seconds of Unix time.
    pub at: i64,
    /// The most frequent reason in that slice, if reasons are known.
    pub reason: Option<&'static str>,
}

/// The remaining budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When, in seconds of Unix time.
    pub at: i64,
    /// What is left, in seconds of full outage.
    pub remaining_seconds: f64,
}

impl SloState {
    /// Reads the history of an SLO and does the sums at `now`, in seconds of Unix time.
    ///
    /// Two windows are read, because the budget at the start of the window depends on what was before it.
    pub(super) async fn read(plan: &SloPlan, history: &dyn History, now: i64) -> Self {
        let key = SloKey::of(&plan.slo);
        let from = now.saturating_sub(seconds(plan.slo.window.times(2)));
        match history.slices(&key, from, now).await {
            Ok(slices) => Self::of(plan, history.slice(&key), &slices, now, false),
            Err(error) => {
                tracing::warn!(slo = %key, %error, "the board has no data");
                Self::of(plan, history.slice(&key), &[], now, true)
            }
        }
    }

    /// Does the sums.
    fn of(plan: &SloPlan, step: Duration, slices: &[Slice], now: i64, unavailable: bool) -> Self {
        // Up to the end of a slice: the one that is being filled is time that was not observed yet.
        let unfinished = |slice: &Slice| now.saturating_sub(slice.events.end).rem_euclid(seconds(step).max(1));
        let now = now.saturating_sub(slices.last().map_or(0, unfinished));
        let slo = &plan.slo;
        let events: Vec<budget::Slice> = slices.iter().map(|slice| slice.events).collect();
        let sums = Sums { plan, step, events: &events, tallies: Tallies::new(&events, step) };
        let tally = sums.tally(slo.window, now);
        let budget = budget::budget(slo.objective, slo.window, step, &tally, now);
        let track = sums.track(now);
        let data = if unavailable { Data::Unavailable } else { budget.state.into() };
        let (_, burn_rate_window) = plan.shortest_window();
        Self {
            service: slo.service.to_string(),
            slo: slo.name.to_string(),
            description: slo.description.clone(),
            objective: budget::to_f64(slo.objective.percent()),
            window: slo.window,
            sli: (tally.total > 0.0).then(|| rounded((1.0 - budget.error_ratio) * 100.0, 6)),
            bad: rounded(tally.bad, 6),
            total: rounded(tally.total, 6),
            budget: BudgetState::of(&budget),
            data,
            gate: GateState::of(plan, sums.latch(&track), data),
            burn_rate: sums.burn_rate(burn_rate_window, now),
            burn_rate_window,
            alerts: plan
                .pairs
                .iter()
                .filter(|pair| plan.enabled(pair.severity))
                .map(|pair| sums.alert(pair, now))
                .collect(),
            last_failure: last_failure(slices, now.saturating_sub(seconds(slo.window))),
            burndown: sums.burndown(&track, now.saturating_sub(seconds(slo.window))),
        }
    }

    /// Closed gates first, then firing alerts, unknown ones, and the smallest remaining share.
    pub(super) fn by_attention(one: &Self, other: &Self) -> Ordering {
        let rank = |state: &Self| (state.gate.state == GateAnswer::Closed, state.pages(), state.data != Data::Known);
        rank(other)
            .cmp(&rank(one))
            .then(one.budget.remaining_percent.total_cmp(&other.budget.remaining_percent))
            .then_with(|| (&one.service, &one.slo).cmp(&(&other.service, &other.slo)))
    }

    /// Whether an alert fires.
    pub(super) fn pages(&self) -> bool {
        self.alerts.iter().any(|alert| alert.firing)
    }
}

/// The sums over the slices of one SLO.
struct Sums<'a> {
    plan: &'a SloPlan,
    step: Duration,
    events: &'a [budget::Slice],
    tallies: Tallies<'a>,
}

impl Sums<'_> {
    fn tally(&self, window: Duration, now: i64) -> Tally {
        self.tallies.tally(window, now)
    }

    /// The budget at the end of every slice up to `now`.
    fn track(&self, now: i64) -> Vec<(i64, Budget)> {
        let window = self.plan.slo.window;
        let total = budget::to_f64(self.plan.budget_seconds);
        let ends = self.events.iter().map(|slice| slice.end).take_while(|end| *end <= now);
        ends.map(|end| (end, budget::spend(total, self.step, &self.tally(window, end), end))).collect()
    }

    /// The latch of the gate after every slice; an unknown SLO leaves it as it was.
    fn latch(&self, track: &[(i64, Budget)]) -> Option<Latch> {
        let thresholds = Thresholds::of(self.plan);
        let known = track.iter().filter(|(_, budget)| budget.state == State::Known);
        let held = known.fold(None, |held, (_, budget)| Some(gate::step(held, budget.remaining, &thresholds)));
        held.map(|held| held.latch)
    }

    /// The track after `from`, thinned out evenly, always with its last point.
    ///
    /// An SLO that is younger than the window begins with its whole budget.
    fn burndown(&self, track: &[(i64, Budget)], from: i64) -> Vec<Point> {
        let point = |at, remaining| Point { at, remaining_seconds: rounded(remaining, 3) };
        let start = track.partition_point(|(end, _)| *end <= from);
        let inside = track.get(start..).unwrap_or_default();
        let stride = inside.len().div_ceil(MOST_POINTS).max(1);
        let newest_first = inside.iter().rev().step_by(stride);
        let beginning = track.first().filter(|(end, _)| *end > from);
        let beginning = beginning.map(|(end, budget)| point(end.saturating_sub(seconds(self.step)), budget.total));
        let mut points: Vec<Point> = newest_first.map(|(at, budget)| point(*at, budget.remaining)).collect();
        points.extend(beginning);
        points.reverse();
        points
    }

    fn burn_rate(&self, window: Duration, now: i64) -> Option<f64> {
        let tally = self.tally(window, now);
        let budget = budget::to_f64(self.plan.error_budget);
        (tally.total > 0.0).then(|| rounded(tally.bad / tally.total / budget, 3))
    }

    fn alert(&self, pair: &Pair, now: i64) -> AlertState {
        let alerting = &self.plan.slo.alerting;
        let exceeded = |window| {
            let tally = self.tally(window, now);
            tally.bad > budget::to_f64(pair.threshold) * tally.total
        };
        let failures = self.tally(pair.long, now).bad;
        AlertState {
            severity: match pair.severity {
                Severity::Page => alerting.page.severity.clone(),
                Severity::Ticket => alerting.ticket.severity.clone(),
            },
            long_window: pair.long,
            short_window: pair.short,
            factor: budget::to_f64(pair.factor),
            long_burn_rate: self.burn_rate(pair.long, now),
            short_burn_rate: self.burn_rate(pair.short, now),
            firing: exceeded(pair.long) && exceeded(pair.short) && failures >= alerting.min_failures as f64,
        }
    }
}

impl BudgetState {
    fn of(budget: &Budget) -> Self {
        Self {
            total_seconds: rounded(budget.total, 3),
            consumed_seconds: rounded(budget.consumed, 3),
            remaining_seconds: rounded(budget.remaining, 3),
            remaining_percent: rounded(budget.remaining / budget.total * 100.0, 3),
            coverage: rounded(budget.coverage, 4),
        }
    }
}

impl GateState {
    fn of(plan: &SloPlan, latch: Option<Latch>, data: Data) -> Self {
        let state = match (data, latch) {
            (Data::Known, Some(Latch::Open)) => GateAnswer::Open,
            (Data::Known, Some(Latch::Closed)) => GateAnswer::Closed,
            _ => GateAnswer::Unknown,
        };
        Self {
            state,
            holds_when_unknown: plan.slo.gate.on_unknown == OnUnknown::Hold,
            close_at_seconds: budget::to_f64(plan.close_at),
            resume_at_seconds: budget::to_f64(plan.resume_at),
        }
    }
}

impl From<State> for Data {
    fn from(state: State) -> Self {
        match state {
            State::Known => Self::Known,
            State::NoData => Self::NoData,
            State::Stale => Self::Stale,
            State::Partial => Self::Partial,
        }
    }
}

/// The newest slice with a bad event after `from`.
fn last_failure(slices: &[Slice], from: i64) -> Option<Failure> {
    let slice = slices.iter().rev().find(|slice| slice.events.bad > 0.0).filter(|slice| slice.events.end > from)?;
    let most = slice.failures.iter().max_by_key(|(_, count)| **count);
    Some(Failure { at: slice.events.end, reason: most.map(|(reason, _)| reason.as_str()) })
}

/// At most this many points are drawn, and one for the beginning; more would not be seen.
const MOST_POINTS: usize = 240;

/// A number without the noise of binary fractions.
fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// Whole seconds of a duration.
pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.count_of(Duration::from_secs(1))).unwrap_or(i64::MAX)
}

fn as_text<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(duration)
}
