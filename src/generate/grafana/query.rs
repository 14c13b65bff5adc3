//! What the panels ask: expressions over the recorded series, and on the page of a probe over its own metrics.
//!
//! Most recorded series have a sample every five minutes, which is just as far as Prometheus looks back, so they are
//! read over a little more than two evaluations. Nothing here reads a raw series over more than the time between two
//! points of a graph.

use rust_decimal::Decimal;

use crate::generate::alerts::NOBODY;
use crate::names::{ALERTS, ERROR_RATIO, Record, label};
use crate::promql::build::{Expr, Operator, Series, call, sum_by, sum_over};
use crate::slo::budget::LEAST_COVERAGE_PERCENT;
use crate::units::{Duration, LabelName};

/// Two evaluations of the slow group and some slack.
const LATELY: Duration = Duration::from_mins(11);

/// One evaluation of the slow group and some slack, after which an alert is not shown as firing any more.
const ALERT_LATELY: Duration = Duration::from_mins(6);

/// The time between two points of a graph.
pub(super) const STEP: &str = "$__interval";

/// The same, and long enough for a rate.
pub(super) const RATE: &str = "$__rate_interval";

/// The time that the page shows.
pub(super) const RANGE: &str = "$__range";

/// The start of the time that the page shows, in milliseconds of Unix time.
const FROM: Expr = Expr::Variable("$__from");

/// How many groups or SLOs a graph shows: more lines nobody can tell apart.
pub(super) const LINES: i64 = 10;

/// How many rows a table of groups or alerts has at most.
pub(super) const ROWS: i64 = 100;

/// Whose series a page reads.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Matchers of the series that an SLO has once.
    slo: String,
    /// Matchers of the series that each of its groups has.
    groups: String,
    is_one_service: bool,
}

impl Scope {
    /// The chosen services.
    pub(super) fn services() -> Self {
        let slo = format!("{}=~\"$service\"", label::SERVICE);
        Self { groups: slo.clone(), slo, is_one_service: false }
    }

    /// The chosen service.
    pub(super) fn service() -> Self {
        let slo = format!("{}=\"$service\"", label::SERVICE);
        Self { groups: slo.clone(), slo, is_one_service: true }
    }

    /// The chosen SLO, and its chosen groups by these labels.
    pub(super) fn one_slo<'a>(by: impl Iterator<Item = &'a LabelName>) -> Self {
        let slo = format!("{}=\"$service\",{}=\"$slo\"", label::SERVICE, label::SLO);
        let groups = by.fold(slo.clone(), |all, name| format!("{all},{name}=~\"${}\"", group_variable(name.as_str())));
        Self { slo, groups, is_one_service: true }
    }

    /// Whether the page shows one service.
    pub(super) const fn is_one_service(&self) -> bool {
        self.is_one_service
    }

    /// A series of the SLOs as a variable asks for its labels.
    pub(super) fn selector(&self, record: Record) -> String {
        format!("{}{{{}}}", record.name(), self.slo)
    }

    /// Series of the groups.
    pub(super) fn of_groups(&self, record: Record) -> Series {
        Series::new(format!("{}{{{}}}", record.name(), self.groups))
    }

    /// Series that each SLO has once.
    pub(super) fn of_slos(&self, record: Record) -> Series {
        Series::new(self.selector(record))
    }

    /// The newest value of each group.
    pub(super) fn groups(&self, record: Record) -> Expr {
        newest(self.of_groups(record))
    }

    /// The newest value of each SLO.
    pub(super) fn slos(&self, record: Record) -> Expr {
        newest(self.of_slos(record))
    }

    /// The value of the one SLO, as a number that anything can be compared with.
    pub(super) fn constant(&self, record: Record) -> Expr {
        call("scalar", [self.slos(record)])
    }
}

/// The labels that tell SLOs apart.
pub(super) fn of_slo() -> [String; 2] {
    [label::SERVICE.to_owned(), label::SLO.to_owned()]
}

/// The variable that chooses among the values of a group label, which may have the name of another variable.
pub(super) fn group_variable(label: &str) -> String {
    format!("by_{label}")
}

/// The newest value of a recorded series, whichever group records it.
pub(super) fn newest(series: Series) -> Expr {
    call("last_over_time", [series.range(LATELY).into()])
}

/// An aggregation by labels.
pub(super) fn by(operator: &'static str, labels: &[&str], inner: Expr) -> Expr {
    let by = labels.iter().map(|label| (*label).to_owned()).collect();
    Expr::Aggregate { operator, by, inner: Box::new(inner) }
}

/// An aggregation over everything.
pub(super) fn all(operator: &'static str, inner: Expr) -> Expr {
    by(operator, &[], inner)
}

/// The worst of the groups of each SLO.
pub(super) fn worst(operator: &'static str, inner: Expr) -> Expr {
    by(operator, &[label::SERVICE, label::SLO], inner)
}

/// A whole number.
pub(super) fn number(number: i64) -> Expr {
    Expr::from(Decimal::from(number))
}

/// How many there are, and 0 rather than nothing.
pub(super) fn count(inner: Expr) -> Expr {
    all("count", inner).join(Operator::Or, call("vector", [number(0)]))
}

/// The lowest few.
pub(super) fn lowest(few: i64, inner: Expr) -> Expr {
    call("bottomk", [number(few), inner])
}

/// Only those whose budget is lowest at the end of the graph, so that each line goes all the way.
pub(super) fn with_least_left(few: i64, shown: Expr, scope: &Scope) -> Expr {
    let left = newest(scope.of_groups(Record::RemainingSeconds).at_end());
    shown.join(Operator::And, lowest(few, left))
}

/// The share of events that were good over the window: 1 − burn rate × budget.
pub(super) fn good_over_window(scope: &Scope) -> Expr {
    let burnt = worst("max", scope.groups(Record::PeriodBurnRate));
    let bad = burnt.join(Operator::Multiply, worst("max", scope.slos(Record::ErrorBudgetRatio)));
    number(1).join(Operator::Subtract, bad)
}

/// The gate of each group, the worst being the lowest: 0 closed, 1 unknown and held, 2 unknown and allowed, 3 closed and
/// overridden, 4 open. The latch is not written while an SLO is unknown.
pub(super) fn gate_state(scope: &Scope) -> Expr {
    let latch = || scope.groups(Record::GateLatch);
    // An override answers once for all groups, which is no group that is unknown.
    let answered = override_in_force(scope).join_on(Operator::And, &of_slo(), latch());
    let unknown = scope.groups(Record::GateOpen).join(Operator::Unless, latch());
    let unknown = unknown.join_on(Operator::Unless, &of_slo(), answered).join(Operator::Add, number(1));
    let known = number(4).join(Operator::Multiply, latch());
    overridden(scope).join(Operator::Add, number(3)).join(Operator::Or, known).join(Operator::Or, unknown)
}

/// 0 for each closed group whose gate an override opens.
fn overridden(scope: &Scope) -> Expr {
    let closed = scope.groups(Record::GateLatch).join(Operator::Equal, number(0));
    closed.join_on(Operator::And, &of_slo(), override_in_force(scope))
}

/// The override of each SLO that has one: until when.
fn override_in_force(scope: &Scope) -> Expr {
    worst("max", scope.slos(Record::GateOverrideUntil)).join(Operator::Greater, call("time", []))
}

/// 1 for as long as an override opens a gate that is closed.
pub(super) fn gate_overridden(scope: &Scope) -> Expr {
    worst("max", overridden(scope)).join(Operator::Add, number(1))
}

/// What is left net, of each group of which something was corrected; nothing where net and gross are the same.
pub(super) fn net(scope: &Scope) -> Expr {
    scope.groups(Record::NetRemainingSeconds).join(Operator::And, scope.groups(Record::CorrectedSeconds))
}

/// What is left net of the worst group, if something of any group was corrected.
pub(super) fn least_net(scope: &Scope) -> Expr {
    let least = all("min", scope.groups(Record::NetRemainingSeconds));
    least.join_on(Operator::And, &[], scope.groups(Record::CorrectedSeconds))
}

/// 1 for as long as a gate is closed.
pub(super) fn gate_closed(scope: &Scope) -> Expr {
    let latch = worst("min", scope.groups(Record::GateLatch));
    number(1).join(Operator::Subtract, latch).join(Operator::Greater, number(0))
}

/// Matchers of the firing alerts that call somebody.
fn firing(scope: &Scope) -> Series {
    let (state, severity) = (label::ALERTSTATE, label::SEVERITY);
    Series::new(format!("{ALERTS}{{{},{state}=\"firing\",{severity}!=\"{NOBODY}\"}}", scope.slo))
}

/// The alerts that fire, with the labels that say which.
pub(super) fn alerts(scope: &Scope) -> Expr {
    named_alerts(call("max_over_time", [firing(scope).range(ALERT_LATELY).into()]))
}

/// The alerts that fired since the point before.
pub(super) fn alerts_over_time(scope: &Scope) -> Expr {
    named_alerts(call("max_over_time", [firing(scope).range_variable(STEP).into()]))
}

fn named_alerts(firing: Expr) -> Expr {
    let labels = [label::ALERTNAME, label::SEVERITY, label::LONG_WINDOW, label::SERVICE, label::SLO, label::PROBE];
    by("max", &labels, firing)
}

/// How long what is left lasts at the error ratio of the last `time`: seconds of budget go as fast as that ratio.
pub(super) fn runs_out_in(scope: &Scope, (bad, total): (Record, Record), time: Duration) -> Expr {
    let least = Expr::from(Decimal::new(1, 9));
    let total = call("clamp_min", [sum_over(scope.of_groups(total), time), least]);
    let ratio = sum_over(scope.of_groups(bad), time).join(Operator::Divide, total);
    let left = call("clamp_min", [scope.groups(Record::RemainingSeconds), number(0)]);
    all("min", left.join(Operator::Divide, ratio.join(Operator::Greater, number(0))))
}

/// The window of a page, and how its events are recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// The SLO window.
    pub(super) window: Duration,
    /// Series of bad events.
    pub(super) bad: Record,
    /// Series of all events.
    pub(super) total: Record,
    /// The time between two of their samples.
    pub(super) every: Duration,
}

/// Seconds of budget that each bad event of the group with the least left costs: observed time over all events of the
/// window, as they are at the end of the graph.
fn cost(scope: &Scope, counted: &Counted) -> Expr {
    let observed = newest(scope.of_groups(Record::ObservedSeconds).at_end());
    let total = sum_over(scope.of_groups(counted.total).at_end(), counted.window);
    observed.join(Operator::Divide, call("clamp_min", [total, Expr::from(Decimal::new(1, 9))]))
}

/// What is left of a budget that was whole when the graph began, of the group with the least left.
///
/// Bad events since then are a sum over the window of those that came after the start; each sample counts once, in the
/// step of the subquery that it falls into.
pub(super) fn burndown(scope: &Scope, counted: &Counted) -> Expr {
    let bad = sum_over(scope.of_groups(counted.bad), counted.every);
    let since = call("time", []).join(Operator::GreaterBool, from());
    let inner = with_least_left(1, bad, scope).join(Operator::Multiply, since);
    let spent =
        Expr::Subquery { inner: Box::new(inner), range: counted.window, step: counted.every, offset: Duration::ZERO };
    let spent = call("sum_over_time", [spent]).join(Operator::Multiply, cost(scope, counted));
    scope.constant(Record::ErrorBudgetSeconds).join(Operator::Subtract, spent)
}

/// Seconds of budget that each bar spent, of the group with the least left.
pub(super) fn spent(scope: &Scope, counted: &Counted) -> Expr {
    let bad = call("sum_over_time", [scope.of_groups(counted.bad).range_variable(STEP).into()]);
    with_least_left(1, bad, scope).join(Operator::Multiply, cost(scope, counted))
}

/// A straight line from the whole budget, where the graph begins, to nothing a window later.
pub(super) fn even_spend(scope: &Scope, window: Duration) -> Expr {
    let passed = call("time", []).join(Operator::Subtract, from());
    let share = number(1).join(Operator::Subtract, passed.join(Operator::Divide, Expr::from(window.as_secs())));
    let left = call("vector", [scope.constant(Record::ErrorBudgetSeconds).join(Operator::Multiply, share)]);
    call("clamp_min", [left, number(0)])
}

/// The start of the graph in seconds of Unix time.
fn from() -> Expr {
    FROM.join(Operator::Divide, number(1000))
}

/// The worst error ratio of every window, by a label that names it.
pub(super) fn error_ratios(scope: &Scope, window: &'static str) -> Expr {
    let text = |text: &str| Expr::Text(text.to_owned());
    let series = Series::new(format!("{{__name__=~\"{ERROR_RATIO}.+\",{}}}", scope.groups));
    let pattern = text(&format!("{ERROR_RATIO}(.+)"));
    // Groups may have any label, that of the window among them.
    let worst = by("max", &["__name__", label::SERVICE, label::SLO], newest(series));
    call("label_replace", [worst, text(window), text("$1"), text("__name__"), pattern])
}

/// The burn rate over the chosen long window.
pub(super) fn long_burn_rate(scope: &Scope) -> Expr {
    let window = label::LONG_WINDOW;
    let series = Series::new(format!("{{__name__=\"{ERROR_RATIO}${window}\",{}}}", scope.groups));
    all("max", newest(series)).join(Operator::Divide, scope.constant(Record::ErrorBudgetRatio))
}

/// The burn rate over each short window that is paired with the chosen long one.
pub(super) fn short_burn_rates(scope: &Scope) -> Expr {
    let [service, slo] = of_slo();
    let pair = [service, slo, label::SHORT_WINDOW.to_owned()];
    let ratios = error_ratios(scope, label::SHORT_WINDOW);
    let ratios = ratios.join_on(Operator::And, &pair, newest(thresholds(scope)));
    by("max", &[label::SHORT_WINDOW], ratios).join(Operator::Divide, scope.constant(Record::ErrorBudgetRatio))
}

/// The burn rates above which the pairs of the chosen long window alert.
pub(super) fn burn_rate_thresholds(scope: &Scope) -> Expr {
    by("max", &[label::SEVERITY, label::SHORT_WINDOW], newest(thresholds(scope)))
}

fn thresholds(scope: &Scope) -> Series {
    let long = label::LONG_WINDOW;
    Series::new(format!("{}{{{},{long}=\"${long}\"}}", Record::BurnRateThreshold.name(), scope.slo))
}

/// Events since the point before, over all groups.
pub(super) fn events(scope: &Scope, record: Record) -> Expr {
    sum_by(&[], call("sum_over_time", [scope.of_groups(record).range_variable(STEP).into()]))
}

/// The least observed share with which an SLO is known.
pub(super) fn least_coverage() -> Expr {
    call("vector", [Expr::from(Decimal::new(LEAST_COVERAGE_PERCENT, 2))])
}
