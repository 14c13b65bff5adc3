//! Proofs: promtool unit tests that hold the generated rules against the formulas of [`crate::slo::burn`].
//!
//! For every window pair of a file: not firing before the detection time, firing within the tolerance (delay, one
//! evaluation, one scrape), still firing before the reset time and resolved within the tolerance after it; and what
//! is left of the budget at the end. The expected moments come from the formulas alone, never from the rules.

use rust_decimal::Decimal;

use super::rule_path;
use super::rules::{by, identity, series};
use super::scenario::{Feed, GROUP, Scenario};
use super::yaml::{ExprTest, InputSeries, Sample, TestFile, TestGroup};
use crate::names::{Alert, Metric, Record, label};
use crate::promql::build::{Expr, Operator, Series, call};
use crate::promql::quote;
use crate::slo::alerting::{self, Wanted};
use crate::slo::window::{Pair, SLICE, Tier};
use crate::slo::{SloPlan, burn};
use crate::spec::model::{Budgeting, OnUnknown, Severity, Sli};
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
    // Its rules would write into the series that the proofs feed; `check` says so.
    if !plan.is_provable() {
        return tests;
    }
    if plan.pairs_in(tier).next().is_some() {
        tests.push(burns(plan, tier));
    }
    if plan.budget_tier() == tier && Scenario::reaches_budget(plan, tier) {
        tests.push(spends_everything(plan, tier));
        tests.push(loses_its_data(plan, tier));
        tests.extend(follows_people(plan, tier));
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
    if plan.budget_tier() == tier && Scenario::reaches_budget(plan, tier) && outage.over <= plan.slo.window {
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
        let error =
            if is_all_or_nothing(plan, tier) { Decimal::ONE } else { (threshold * Decimal::TEN).min(Decimal::ONE) };
        let error = error.round_sf(3).unwrap_or(error).normalize();
        let tolerance = rules.delay.plus(step).plus(step).plus(lag(plan, tier)).ceil_to(step);
        let longest = |of: &dyn Fn(&Pair) -> Duration| pairs.iter().map(|pair| of(pair)).max().unwrap_or(QUIET);
        let start = longest(&|pair| pair.long).plus(rules.lookback).plus(tolerance).ceil_to(step);
        let outage = Self { error, start, end: start, over: start, tolerance, step };
        let lasting = longest(&|pair| outage.detection(plan, pair).max(pair.short));
        let end = start.plus(lasting).plus(tolerance).ceil_to(step);
        let over = end.plus(longest(&|pair| outage.reset(plan, pair))).plus(tolerance).ceil_to(step);
        Self { end, over, ..outage }
    }

    /// When a pair fires: the formula, the second failure where events are few, and what the file makes it wait.
    fn detection(&self, plan: &SloPlan, pair: &Pair) -> Duration {
        let formula = burn::detection(pair.long, pair.threshold, self.error).unwrap_or(pair.long);
        let counted = if plan.counts_failures() && is_all_or_nothing(plan, pair.tier()) {
            self.step.max(lag(plan, pair.tier())).times(plan.slo.alerting.min_failures)
        } else {
            Duration::ZERO
        };
        formula.max(counted).plus(wanted(plan, pair).map_or(Duration::ZERO, |wanted| wanted.pending))
    }

    /// When a pair is resolved: the formula, and what the file keeps it firing for.
    fn reset(&self, plan: &SloPlan, pair: &Pair) -> Duration {
        let formula = burn::reset(pair.short, pair.threshold, self.error).unwrap_or(pair.short);
        formula.plus(wanted(plan, pair).map_or(Duration::ZERO, |wanted| wanted.keep_firing_for))
    }

    /// Not firing before, firing after, still firing, resolved.
    fn moments(&self, plan: &SloPlan, pair: &Pair) -> Vec<ExprTest> {
        let detected = self.start.plus(self.detection(plan, pair));
        let cleared = self.end.plus(self.reset(plan, pair));
        let before = |moment: Duration| moment.minus(Duration::from_millis(1)).floor_to(self.step);
        let after = |moment: Duration| moment.plus(self.tolerance).ceil_to(self.step);
        let moments =
            [(false, before(detected)), (true, after(detected)), (true, before(cleared)), (false, after(cleared))];
        moments.into_iter().filter_map(|(firing, at)| pair_is(plan, pair, firing, at)).collect()
    }
}

/// Whether the events of a step can only be all good or all bad: a gauge has one sample, and a time slice one verdict.
fn is_all_or_nothing(plan: &SloPlan, tier: Tier) -> bool {
    let sliced = matches!(plan.slo.budgeting, Budgeting::Timeslices { .. });
    tier == Tier::Fast && (sliced || matches!(plan.slo.sli, Sli::Gauge { .. }))
}

/// How much later than its events a verdict may come: at the end of its time slice.
fn lag(plan: &SloPlan, tier: Tier) -> Duration {
    match plan.slo.budgeting {
        Budgeting::Timeslices { slice, .. } if tier == Tier::Fast => slice,
        _ => Duration::ZERO,
    }
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
        checks.extend(ticket_is(plan, Alert::ErrorBudgetExhausted, left <= Decimal::ZERO, end));
        checks.extend(ticket_is(plan, Alert::DeployGateClosed, left <= plan.close_at, end));
    }
    test(plan, format!("a full outage of {outage} spends as much of the budget"), scenario, checks)
}

/// After an outage, somebody overrides the gate for a while, and later somebody corrects all that was spent: the gate
/// opens, closes again by itself, and opens for good, while the gross budget stays as it is.
fn follows_people(plan: &SloPlan, tier: Tier) -> Option<TestGroup> {
    let step = plan.interval(tier);
    let quiet = QUIET.min(plan.slo.window.floor_to(step));
    let budget = Duration::from_millis(millis(plan.budget_seconds));
    let outage = budget.plus(step).ceil_to(step).min(LONGEST_OUTAGE);
    let settled = step.times(2).plus(plan.slo.rules.delay).ceil_to(step);
    let spent = quiet.plus(outage).plus(settled);
    let (overridden, over, corrected) = (step.times(2), step.times(6), step.times(8));
    let end = spent.plus(corrected).plus(step.times(2));
    if end > plan.slo.window {
        return None;
    }
    let scenario =
        Scenario::new(plan, tier).error(Decimal::ONE).good(quiet).bad(outage).good(end.minus(quiet).minus(outage));
    let left = plan.budget_seconds - outage.as_secs();
    let mut checks = vec![
        gate_is(plan, left > plan.close_at, spent),
        gate_is(plan, true, spent.plus(overridden)),
        gate_is(plan, left > plan.close_at, spent.plus(over)),
        gate_is(plan, true, end),
        minutes_are(plan, Record::RemainingSeconds, left, end),
        minutes_are(plan, Record::NetRemainingSeconds, plan.budget_seconds, end),
    ];
    checks.extend(ticket_is(plan, Alert::DeployGateClosed, false, end));
    let name = "an override opens the gate until it ends, and a correction for as long as it counts".to_owned();
    let mut test = test(plan, name, scenario, checks);
    let ends = spent.plus(step.times(4)).as_secs();
    test.input_series.extend([
        said(plan, Metric::GateOverrideUntil, &[], ends, (spent, end), step),
        said(plan, Metric::CorrectedSeconds, &by(plan), outage.as_secs(), (spent.plus(corrected), end), step),
    ]);
    Some(test)
}

/// What the probe service says of the audit: 0, and `value` from a moment on.
fn said(
    plan: &SloPlan,
    metric: Metric,
    by: &[String],
    value: Decimal,
    (from, end): (Duration, Duration),
    step: Duration,
) -> InputSeries {
    let groups: String = by.iter().map(|name| format!(",{}{name}={}", label::GROUP, quote(GROUP))).collect();
    let series = format!("{}{{{}{groups}}}", metric.name(), identity(plan));
    let (before, after) = (from.count_of(step), end.minus(from).count_of(step));
    InputSeries { series, values: format!("0+0x{before} {}+0x{after}", value.normalize()) }
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
    checks.extend(ticket_is(plan, Alert::SliDataMissing, false, quiet));
    checks.extend(ticket_is(plan, Alert::SliDataMissing, true, end));
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

/// What the file makes of the alert of a pair; none if it leaves it out.
fn wanted<'a>(plan: &'a SloPlan, pair: &Pair) -> Option<Wanted<'a>> {
    alerting::resolve(&plan.slo, Alert::ErrorBudgetBurn, pair.severity, Duration::ZERO)
}

/// Whether the alert of a pair fires at a moment.
fn pair_is(plan: &SloPlan, pair: &Pair, firing: bool, at: Duration) -> Option<ExprTest> {
    let wanted = wanted(plan, pair)?;
    let labels = [
        (label::SEVERITY, wanted.severity_label.to_owned()),
        (label::LONG_WINDOW, pair.long.to_string()),
        (label::SHORT_WINDOW, pair.short.to_string()),
    ];
    Some(alert_is(plan, &wanted.name, &labels, firing, at))
}

/// Whether another alert of the SLO fires at a moment; nothing to check if the file leaves it out or makes it wait, nor
/// that it is quiet if the file keeps it firing, since an SLO begins without data.
fn ticket_is(plan: &SloPlan, alert: Alert, firing: bool, at: Duration) -> Option<ExprTest> {
    let wanted = alerting::resolve(&plan.slo, alert, Severity::Ticket, Duration::ZERO)?;
    let is_settled = wanted.pending.is_zero() && (firing || wanted.keep_firing_for.is_zero());
    is_settled.then(|| alert_is(plan, &wanted.name, &[], firing, at))
}

/// Whether an alert of the SLO with these labels fires at a moment.
fn alert_is(plan: &SloPlan, name: &str, labels: &[(&str, String)], firing: bool, at: Duration) -> ExprTest {
    let mut matchers = format!("{}={},alertstate=\"firing\",{}", label::ALERTNAME, quote(name), identity(plan));
    matchers.extend(labels.iter().map(|(name, value)| format!(",{name}={}", quote(value))));
    let alerts = Series::new(format!("ALERTS{{{matchers}}}"));
    let fires = Expr::Aggregate { operator: "group", by: Vec::new(), inner: Box::new(alerts.into()) };
    let none = call("vector", [Expr::from(Decimal::ZERO)]);
    value_is(fires.join(Operator::Or, none), Decimal::from(u8::from(firing)), at)
}

/// How many minutes are left of the budget, to a thousandth.
fn minutes_left(plan: &SloPlan, seconds: Decimal, at: Duration) -> ExprTest {
    minutes_are(plan, Record::RemainingSeconds, seconds, at)
}

/// A series of seconds in minutes, to a thousandth.
fn minutes_are(plan: &SloPlan, record: Record, seconds: Decimal, at: Duration) -> ExprTest {
    let remaining: Expr = series(plan, record).into();
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
