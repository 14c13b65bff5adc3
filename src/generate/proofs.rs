//! Proofs: promtool unit tests that hold the generated rules against the formulas of [`crate::slo::burn`].
//!
//! For every window pair of a file: not firing before the detection time, firing within the tolerance (delay, one
//! evaluation, one scrape), still firing before the reset time and resolved within the tolerance after it; and what
//! is left of the budget at the end. The expected moments come from the formulas alone, never from the rules.

use rust_decimal::Decimal;

use super::rule_path;
use super::rules::{identity, series};
use super::scenario::{Feed, Scenario};
use super::yaml::{ExprTest, Sample, TestFile, TestGroup};
use crate::names::{Alert, Record, label};
use crate::promql::build::{Expr, Operator, Series, call};
use crate::promql::quote;
use crate::slo::window::{Pair, SLICE, Tier};
use crate::slo::{SloPlan, burn};
use crate::spec::model::{OnUnknown, Severity};
use crate::units::{Duration, Name};

/// Good time before a whole outage, long enough for an SLO to be known.
const QUIET: Duration = Duration::from_hours(1);

/// The longest whole outage: a proof of more than 34 days would need more samples than promtool reads in a query.
const LONGEST_OUTAGE: Duration = Duration::from_days(3);

/// The test file of a service and tier; none if the tier has nothing to prove.
pub(super) fn file(service: &Name, plans: &[&SloPlan], tier: Tier) -> Option<TestFile> {
    let tests: Vec<TestGroup> = plans.iter().flat_map(|plan| tests(plan, tier)).collect();
    let step = plans.first()?.interval(tier);
    // The other tier's rules would write the very series that the test feeds.
    let rule_file = format!("../{}", rule_path(service, tier).display());
    (!tests.is_empty()).then_some(TestFile { rule_files: vec![rule_file], evaluation_interval: step, tests })
}

/// Everything that is proved of one SLO in one tier.
fn tests(plan: &SloPlan, tier: Tier) -> Vec<TestGroup> {
    let mut tests = Vec::new();
    if plan.pairs_in(tier).next().is_some() {
        tests.push(burns(plan, tier));
    }
    if plan.budget_tier() == tier && plan.can_feed_budget(tier) {
        tests.push(spends_everything(plan, tier));
        tests.push(loses_its_data(plan, tier));
    }
    tests
}

/// An outage that every pair of the tier sees: when each fires, and when each clears.
fn burns(plan: &SloPlan, tier: Tier) -> TestGroup {
    let outage = Outage::of(plan, tier);
    let scenario = Scenario::new(plan, tier)
        .error(outage.error)
        .good(outage.start)
        .bad(outage.end.minus(outage.start))
        .good(outage.over.minus(outage.end));
    let mut checks: Vec<ExprTest> = plan.pairs_in(tier).flat_map(|pair| outage.moments(plan, pair)).collect();
    if plan.budget_tier() == tier && plan.can_feed_budget(tier) && outage.over <= plan.slo.window {
        let spent = outage.error * outage.end.minus(outage.start).as_secs();
        checks.push(minutes_left(plan, plan.budget_seconds - spent, outage.over));
    }
    checks.sort_by_key(|check| check.eval_time);
    test(plan, format!("an outage of error ratio {} is seen and forgotten in time", outage.error), scenario, checks)
}

/// An outage with the moments that the formulas give it.
struct Outage {
    /// The error ratio e.
    error: Decimal,
    /// When it starts: every long window is full of good events by then.
    start: Duration,
    /// When it ends: every pair has fired and every short window is full of it.
    end: Duration,
    /// When every pair has cleared.
    over: Duration,
    /// What the rules may lag: the delay, one evaluation and one scrape.
    tolerance: Duration,
    /// One evaluation.
    step: Duration,
}

impl Outage {
    fn of(plan: &SloPlan, tier: Tier) -> Self {
        let step = plan.interval(tier);
        let rules = &plan.slo.rules;
        let pairs: Vec<&Pair> = plan.pairs_in(tier).collect();
        let threshold = pairs.iter().map(|pair| pair.threshold).max().unwrap_or(plan.error_budget);
        let error = (threshold * Decimal::TEN).min(Decimal::ONE);
        let error = error.round_sf(3).unwrap_or(error).normalize();
        let tolerance = rules.delay.plus(step).plus(step).ceil_to(step);
        let longest = |of: &dyn Fn(&Pair) -> Duration| pairs.iter().map(|pair| of(pair)).max().unwrap_or(QUIET);
        let start = longest(&|pair| pair.long).plus(rules.lookback).plus(tolerance).ceil_to(step);
        let lasting = longest(&|pair| detection(pair, error).max(pair.short));
        let end = start.plus(lasting).plus(tolerance).ceil_to(step);
        let over = end.plus(longest(&|pair| reset(pair, error))).plus(tolerance).ceil_to(step);
        Self { error, start, end, over, tolerance, step }
    }

    /// Not firing before, firing after, still firing, resolved.
    fn moments(&self, plan: &SloPlan, pair: &Pair) -> [ExprTest; 4] {
        let detected = self.start.plus(detection(pair, self.error));
        let cleared = self.end.plus(reset(pair, self.error));
        let before = |moment: Duration| moment.minus(Duration::from_millis(1)).floor_to(self.step);
        let after = |moment: Duration| moment.plus(self.tolerance).ceil_to(self.step);
        let firing = |yes: bool, at| alert_fires(plan, Alert::ErrorBudgetBurn, Some(pair), yes, at);
        [
            firing(false, before(detected)),
            firing(true, after(detected)),
            firing(true, before(cleared)),
            firing(false, after(cleared)),
        ]
    }
}

/// When a pair detects an error ratio above its threshold.
fn detection(pair: &Pair, error: Decimal) -> Duration {
    burn::detection(pair.long, pair.threshold, error).unwrap_or(pair.long)
}

/// When a pair forgets it.
fn reset(pair: &Pair, error: Decimal) -> Duration {
    burn::reset(pair.short, pair.threshold, error).unwrap_or(pair.short)
}

/// A full outage until the budget is spent, or for three days where it is longer than that: the minutes go down one
/// for one, and the gate and the tickets follow.
fn spends_everything(plan: &SloPlan, tier: Tier) -> TestGroup {
    let step = plan.interval(tier);
    let quiet = QUIET.min(plan.slo.window.floor_to(step));
    let budget = Duration::from_millis(millis(plan.budget_seconds));
    let outage = budget.plus(step).ceil_to(step).min(LONGEST_OUTAGE);
    let settled = step.times(2).plus(plan.slo.rules.delay).ceil_to(step);
    let end = quiet.plus(outage).plus(settled);
    let scenario = Scenario::new(plan, tier).error(Decimal::ONE).good(quiet).bad(outage).good(settled);
    let mut checks = vec![gate_is(plan, true, quiet), minutes_left(plan, plan.budget_seconds, quiet)];
    if end <= plan.slo.window {
        let left = plan.budget_seconds - outage.as_secs();
        checks.push(minutes_left(plan, left, end));
        checks.push(gate_is(plan, left > plan.close_at, end));
        if plan.enabled(Severity::Ticket) {
            checks.push(alert_fires(plan, Alert::ErrorBudgetExhausted, None, left <= Decimal::ZERO, end));
            checks.push(alert_fires(plan, Alert::DeployGateClosed, None, left <= plan.close_at, end));
        }
    }
    test(plan, format!("a full outage of {outage} spends as much of the budget"), scenario, checks)
}

/// The series vanish: the budget neither drains nor refills, a ticket is opened, the gate does as told.
fn loses_its_data(plan: &SloPlan, tier: Tier) -> TestGroup {
    let step = plan.interval(tier);
    let quiet = QUIET.min(plan.slo.window.floor_to(step));
    // The look-back of the increments, the age at which a slice is stale, the patience of the alert.
    let noticed = plan.slo.rules.lookback.plus(plan.stale_after()).plus(SLICE.times(4)).plus(step.times(4));
    let gone = noticed.plus(plan.slo.sli.probe_interval().unwrap_or_default().times(3)).ceil_to(step);
    let end = quiet.plus(gone);
    let scenario = Scenario::new(plan, tier).error(Decimal::ONE).good(quiet).missing(gone);
    let open = plan.slo.gate.on_unknown == OnUnknown::Allow;
    let mut checks = Vec::new();
    if end <= plan.slo.window {
        checks.push(minutes_left(plan, plan.budget_seconds, end));
    }
    checks.push(gate_is(plan, open, end));
    if plan.enabled(Severity::Ticket) {
        checks.push(alert_fires(plan, Alert::SliDataMissing, None, false, quiet));
        checks.push(alert_fires(plan, Alert::SliDataMissing, None, true, end));
    }
    test(plan, "missing data is neither good nor bad".to_owned(), scenario, checks)
}

/// A test of one SLO.
fn test(plan: &SloPlan, name: String, scenario: Scenario<'_>, checks: Vec<ExprTest>) -> TestGroup {
    let Feed { step, series } = scenario.feed();
    TestGroup {
        name: format!("{}/{}: {name}", plan.slo.service, plan.slo.name),
        interval: step,
        input_series: series,
        promql_expr_test: checks,
    }
}

/// Whether an alert of the SLO fires at a moment.
fn alert_fires(plan: &SloPlan, alert: Alert, pair: Option<&Pair>, yes: bool, at: Duration) -> ExprTest {
    let mut matchers = format!("{}=\"{}\",alertstate=\"firing\",{}", label::ALERTNAME, alert.name(), identity(plan));
    if let Some(pair) = pair {
        let meta = match pair.severity {
            Severity::Page => &plan.slo.alerting.page,
            Severity::Ticket => &plan.slo.alerting.ticket,
        };
        let own = [
            (label::SEVERITY, meta.severity.clone()),
            (label::LONG_WINDOW, pair.long.to_string()),
            (label::SHORT_WINDOW, pair.short.to_string()),
        ];
        matchers.extend(own.map(|(name, value)| format!(",{name}={}", quote(&value))));
    }
    let firing = Series::new(format!("ALERTS{{{matchers}}}"));
    let count = Expr::Aggregate { operator: "count", by: Vec::new(), inner: Box::new(firing.into()) };
    let none = call("vector", [Expr::from(Decimal::ZERO)]);
    value_is(count.join(Operator::Or, none), Decimal::from(u8::from(yes)), at)
}

/// How many minutes are left of the budget, to a thousandth.
fn minutes_left(plan: &SloPlan, seconds: Decimal, at: Duration) -> ExprTest {
    let remaining: Expr = series(plan, Record::RemainingSeconds).into();
    let minutes = remaining.join(Operator::Divide, Expr::from(Decimal::from(60)));
    let expected =
        (seconds / Decimal::from(60)).round_dp_with_strategy(3, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
    value_is(rounded(minutes), expected, at)
}

/// Whether the gate is open.
fn gate_is(plan: &SloPlan, open: bool, at: Duration) -> ExprTest {
    let gate: Expr = series(plan, Record::GateOpen).into();
    let worst = Expr::Aggregate { operator: "min", by: Vec::new(), inner: Box::new(gate) };
    value_is(worst, Decimal::from(u8::from(open)), at)
}

/// A value to a thousandth, without labels.
fn rounded(expr: Expr) -> Expr {
    let rounded = call("round", [expr, Expr::from(Decimal::new(1, 3))]);
    Expr::Aggregate { operator: "min", by: Vec::new(), inner: Box::new(rounded) }
}

fn value_is(expr: Expr, value: Decimal, at: Duration) -> ExprTest {
    let sample = Sample { labels: "{}".to_owned(), value: value.normalize() };
    ExprTest { expr, eval_time: at, exp_samples: vec![sample] }
}

/// Seconds as whole milliseconds.
fn millis(seconds: Decimal) -> u64 {
    u64::try_from((seconds * Decimal::ONE_THOUSAND).round()).unwrap_or(0)
}
