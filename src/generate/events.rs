//! Events of every kind of SLI since the last evaluation, as expressions over the series that it names.
//!
//! A query has no increments: it is evaluated with `$window` itself. Everything else comes down to two series, all
//! events and bad events, over which every window is a sum.

use rust_decimal::Decimal;

use super::increments::{Counter, NativeCounter};
use super::rules::{by, series};
use crate::names::{Metric, Record, label};
use crate::promql::Selector;
use crate::promql::build::{Expr, Operator, Series, call, count_over, sum_by, sum_over};
use crate::slo::SloPlan;
use crate::spec::model::{Budgeting, Comparison, Condition, CounterPair, FirstSample, RuleTiming, Sli};
use crate::units::Duration;

/// The label that keeps good and bad counters apart while they are added up.
const PART: &str = "part";

/// All and bad events since the last evaluation. The bad ones may read the recorded total.
pub(super) struct Events {
    /// All events.
    pub total: Expr,
    /// Bad events.
    pub bad: Expr,
}

/// The events of an SLO; none for a query.
pub(super) fn of(plan: &SloPlan) -> Option<Events> {
    let source = Source { plan, by: by(plan), timing: &plan.slo.rules };
    Some(match &plan.slo.sli {
        Sli::Probe { .. } | Sli::Events { .. } => source.counted(&counters(plan)?),
        Sli::Latency { count, bucket, first_sample, .. } => source.latency(count, bucket, *first_sample),
        Sli::NativeLatency { histogram, threshold, .. } => source.native_latency(histogram, *threshold),
        Sli::Gauge { gauge, good: None, .. } => source.sampled(gauge),
        Sli::Gauge { gauge, good: Some(condition), .. } => source.compared(gauge, *condition),
        Sli::Ratio { error, .. } => source.ratio(error),
        Sli::Query { .. } => return None,
    })
}

/// The record that holds all and the one that holds bad events, before time slices are made of them.
pub(super) const fn records(plan: &SloPlan) -> (Record, Record) {
    match plan.slo.budgeting {
        Budgeting::Occurrences => (Record::TotalIncrease, Record::BadIncrease),
        Budgeting::Timeslices { .. } => (Record::EventsTotal, Record::EventsBad),
    }
}

/// Counters of an SLO with what their first samples mean.
pub(super) struct Counters {
    /// The two counters.
    pub pair: CounterPair,
    /// What the first sample of a series means.
    pub first_sample: FirstSample,
}

/// The counters of an SLO, if it is made of good, bad or total counters.
pub(super) fn counters(plan: &SloPlan) -> Option<Counters> {
    match &plan.slo.sli {
        Sli::Probe { probe, .. } => {
            let select = |metric: Metric| {
                let matchers = [(label::SERVICE, plan.slo.service.as_str()), (label::PROBE, probe.as_str())];
                Selector::of(metric.name(), &matchers)
            };
            let pair =
                CounterPair::BadTotal { bad: select(Metric::ProbeFailures), total: select(Metric::ProbeAttempts) };
            // The probe service shows every child at 0 before its first run, so nothing is ever born late.
            Some(Counters { pair, first_sample: FirstSample::Ignore })
        }
        Sli::Events { counters, first_sample, .. } => {
            Some(Counters { pair: counters.clone(), first_sample: *first_sample })
        }
        Sli::Latency { .. } | Sli::NativeLatency { .. } | Sli::Gauge { .. } | Sli::Ratio { .. } | Sli::Query { .. } => {
            None
        }
    }
}

/// Builds the expressions of one SLO.
struct Source<'a> {
    plan: &'a SloPlan,
    by: Vec<String>,
    timing: &'a RuleTiming,
}

impl Source<'_> {
    /// The recorded total, which stands before the bad events in its group.
    fn recorded_total(&self) -> Expr {
        series(self.plan, records(self.plan).0).into()
    }

    /// No series at all means that nothing of the kind happened, so that a clean service has a budget. Both sides have
    /// the same labels: promtool, filling the past, refuses results that only the labels of the rule make one series.
    fn or_none(&self, events: Expr) -> Expr {
        let counted = sum_by(&self.by, self.recorded_total());
        let none = Expr::from(Decimal::ZERO).join(Operator::Multiply, counted);
        events.join_on(Operator::Or, &self.by, none)
    }

    /// All events that are not among the good ones; never negative, though two counters may be scraped apart.
    fn rest(&self, good: Expr) -> Expr {
        let rest = self.recorded_total().join_on(Operator::Subtract, &self.by, good);
        call("clamp_min", [rest, Expr::from(Decimal::ZERO)])
    }

    fn increments(&self, counter: &Selector, known: &Selector, first_sample: FirstSample) -> Expr {
        let counter = Counter { series: counter, known, first_sample, timing: self.timing };
        sum_by(&self.by, counter.increments())
    }

    fn counted(&self, counters: &Counters) -> Events {
        let first = counters.first_sample;
        match &counters.pair {
            CounterPair::BadTotal { bad, total } => Events {
                total: self.increments(total, total, first),
                bad: self.or_none(self.increments(bad, total, first)),
            },
            CounterPair::GoodTotal { good, total } => Events {
                total: self.increments(total, total, first),
                bad: self.rest(self.or_none(self.increments(good, total, first))),
            },
            CounterPair::GoodBad { good, bad } => Events {
                total: self.added(self.increments(good, good, first), self.increments(bad, good, first)),
                bad: self.or_none(self.increments(bad, good, first)),
            },
        }
    }

    /// Good plus bad, where either may be missing.
    fn added(&self, good: Expr, bad: Expr) -> Expr {
        let part = |events, name: &str| {
            let texts = [PART, name, "", ""].map(|text| Expr::Text(text.to_owned()));
            call("label_replace", std::iter::once(events).chain(texts))
        };
        sum_by(&self.by, part(good, "good").join(Operator::Or, part(bad, "bad")))
    }

    /// What is not in the bucket is bad. A bucket that is not there is unknown and not empty: with a wrong `le` nothing
    /// at all is said of the events.
    fn latency(&self, count: &Selector, bucket: &Selector, first: FirstSample) -> Events {
        Events { total: self.increments(count, count, first), bad: self.rest(self.increments(bucket, count, first)) }
    }

    /// What is above the threshold is bad.
    fn native_latency(&self, histogram: &Selector, threshold: Decimal) -> Events {
        let counter = NativeCounter { histogram, threshold, timing: self.timing };
        Events { total: sum_by(&self.by, counter.total()), bad: self.rest(sum_by(&self.by, counter.good())) }
    }

    /// A sampled 0 or 1: every sample is an event.
    fn sampled(&self, gauge: &Selector) -> Events {
        let samples = Series::new(gauge.to_string()).ago(self.timing.delay);
        let total = count_over(samples.clone(), self.timing.interval);
        let good = sum_over(samples, self.timing.interval);
        Events { total: sum_by(&self.by, total), bad: self.rest(sum_by(&self.by, good)) }
    }

    /// A gauge that is looked at once an evaluation.
    fn compared(&self, gauge: &Selector, condition: Condition) -> Events {
        let now = || Expr::from(Series::new(gauge.to_string()).ago(self.timing.delay));
        let operator = match condition.comparison {
            Comparison::Below => Operator::LessBool,
            Comparison::AtMost => Operator::LessOrEqualBool,
            Comparison::Above => Operator::GreaterBool,
            Comparison::AtLeast => Operator::GreaterOrEqualBool,
        };
        let good = sum_by(&self.by, now().join(operator, Expr::from(condition.bound)));
        let total = Expr::Aggregate { operator: "count", by: self.by.clone(), inner: Box::new(now()) };
        Events { total, bad: self.rest(good) }
    }

    /// A ratio weighs the same at every evaluation, so that it is weighted by time. NaN means that nothing happened.
    fn ratio(&self, error: &Selector) -> Events {
        let now = || Expr::from(Series::new(error.to_string()).ago(self.timing.delay));
        let total = Expr::Aggregate { operator: "count", by: self.by.clone(), inner: Box::new(now()) };
        let number = now().join(Operator::Equal, now());
        let bad = call("clamp", [number, Expr::from(Decimal::ZERO), Expr::from(Decimal::ONE)]);
        let none = Expr::from(Decimal::ZERO).join(Operator::Multiply, total.clone());
        Events { total, bad: sum_by(&self.by, bad).join_on(Operator::Or, &self.by, none) }
    }
}

/// Time slices of an SLO that is budgeted by them: one event at the end of each, bad if too many of its events were.
///
/// `target` is the share of good events that makes a slice good, and `slice` its length, a multiple of the interval:
/// exactly one evaluation falls into the first interval after the end of a slice.
pub(super) fn timeslices(plan: &SloPlan, slice: Duration, target: Decimal) -> Events {
    let (total, bad) = records(plan);
    let over = |record| sum_over(series(plan, record), slice);
    let time = call("time", []);
    let since = time.join(Operator::Modulo, Expr::from(slice.as_secs()));
    let ended = since.join(Operator::LessBool, Expr::from(plan.slo.rules.interval.as_secs()));
    let seen = over(total).join(Operator::GreaterOrEqualBool, Expr::from(Decimal::ZERO));
    let least = Expr::from(Decimal::new(1, 9));
    let ratio = over(bad).join(Operator::Divide, call("clamp_min", [over(total), least]));
    let too_many = ratio.join(Operator::GreaterBool, Expr::from(Decimal::ONE - target));
    Events { total: seen.join(Operator::Multiply, ended.clone()), bad: too_many.join(Operator::Multiply, ended) }
}
