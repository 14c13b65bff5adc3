//! What a proof feeds: stages of good, bad and missing events, as series of promtool's notation.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::events::counters;
use super::rules::{by, identity};
use super::yaml::InputSeries;
use crate::names::Record;
use crate::promql::{Labels, Selector, quote};
use crate::slo::SloPlan;
use crate::slo::window::Tier;
use crate::spec::model::{Comparison, Condition, CounterPair, Sli};
use crate::units::Duration;

/// Events of every step: enough that every error ratio gives whole numbers.
const LEAST_EVENTS: u64 = 1_000;

/// The value of every `by` label in the proofs.
pub(super) const GROUP: &str = "example";

/// The series of a proof.
pub(super) struct Feed {
    /// Time between two samples.
    pub step: Duration,
    /// The series with their values.
    pub series: Vec<InputSeries>,
}

/// A course of events for one SLO.
pub(super) struct Scenario<'a> {
    plan: &'a SloPlan,
    tier: Tier,
    error: Decimal,
    stages: Vec<(Stage, u64)>,
}

/// What happens during a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Good,
    Bad,
    Missing,
}

impl<'a> Scenario<'a> {
    pub(super) fn new(plan: &'a SloPlan, tier: Tier) -> Self {
        Self { plan, tier, error: Decimal::ONE, stages: Vec::new() }
    }

    /// The error ratio of the bad stages.
    pub(super) fn error(mut self, error: Decimal) -> Self {
        self.error = error;
        self
    }

    pub(super) fn good(self, lasting: Duration) -> Self {
        self.stage(Stage::Good, lasting)
    }

    pub(super) fn bad(self, lasting: Duration) -> Self {
        self.stage(Stage::Bad, lasting)
    }

    pub(super) fn missing(self, lasting: Duration) -> Self {
        self.stage(Stage::Missing, lasting)
    }

    fn stage(mut self, stage: Stage, lasting: Duration) -> Self {
        let steps = lasting.count_of(self.step());
        if steps > 0 {
            self.stages.push((stage, steps));
        }
        self
    }

    fn step(&self) -> Duration {
        self.plan.interval(self.tier)
    }

    /// Whether a tier's rules can be fed so that they decide the budget.
    pub(super) fn reaches_budget(plan: &SloPlan, tier: Tier) -> bool {
        tier == Tier::Slow || Scenario::new(plan, tier).raw().is_some()
    }

    /// The series: those of the service itself for the fast rules, increments or slices for the slow ones. Where the
    /// service's own series cannot be made up, the fast alerts are fed error ratios.
    pub(super) fn feed(&self) -> Feed {
        let mut series = match (self.tier, &self.plan.slo.sli) {
            (Tier::Fast, _) => self.raw().unwrap_or_default(),
            (Tier::Slow, Sli::Query { .. }) => self.recorded([Record::TotalIncrease5m, Record::BadIncrease5m]),
            (Tier::Slow, _) => self.recorded([Record::TotalIncrease, Record::BadIncrease]),
        };
        series.extend(self.ratios(series.is_empty()));
        Feed { step: self.step(), series }
    }

    /// The series of the service itself, if examples of them can be found.
    fn raw(&self) -> Option<Vec<InputSeries>> {
        match &self.plan.slo.sli {
            Sli::Probe { .. } | Sli::Events { .. } => self.counted(&counters(self.plan)?.pair),
            Sli::Latency { count, bucket, .. } => {
                self.counted(&CounterPair::GoodTotal { good: bucket.clone(), total: count.clone() })
            }
            Sli::Gauge { gauge, good, .. } => {
                let (good, bad) = samples(*good);
                Some(vec![self.sampled(gauge, good, bad)?])
            }
            Sli::Ratio { error, .. } => Some(vec![self.sampled(error, Decimal::ZERO, self.error)?]),
            Sli::NativeLatency { .. } | Sli::Query { .. } => None,
        }
    }

    /// Events and bad events of one step.
    fn events(&self) -> (u64, u64) {
        let least = self.plan.slo.alerting.min_failures;
        let mut total = LEAST_EVENTS;
        loop {
            let bad = self.error * Decimal::from(total);
            let enough = bad.is_integer() && bad >= Decimal::from(least);
            match total.checked_mul(10) {
                Some(more) if !enough && more < 1_000_000_000_000 => total = more,
                _ => return (total, u64::try_from(bad.trunc()).unwrap_or(total)),
            }
        }
    }

    /// Two counters as the service itself would show them.
    ///
    /// Where one selects the other's series too, as `requests_total` does `requests_total{code="500"}`, a third series
    /// holds what only the one counts.
    fn counted(&self, pair: &CounterPair) -> Option<Vec<InputSeries>> {
        let (total, bad) = self.events();
        let bad_in = move |stage| if stage == Stage::Bad { bad } else { 0 };
        let good_in = move |stage| total - bad_in(stage);
        let (part, rest, in_part): (_, _, &dyn Fn(Stage) -> u64) = match pair {
            CounterPair::BadTotal { bad, total } => (bad, total, &bad_in),
            CounterPair::GoodTotal { good, total } => (good, total, &good_in),
            CounterPair::GoodBad { good, bad } => {
                let good = self.counter(&self.grouped(good.example(Some(bad))?), good_in);
                return Some(vec![good, self.counter(&self.grouped(bad.example(None)?), bad_in)]);
            }
        };
        let part_labels = self.grouped(part.example(None)?);
        let is_counted_twice = rest.selects(&part_labels);
        let rest_labels = self.grouped(rest.example(Some(part))?);
        let in_rest = |stage| total - if is_counted_twice { in_part(stage) } else { 0 };
        let series = vec![self.counter(&rest_labels, in_rest), self.counter(&part_labels, in_part)];
        (part_labels != rest_labels).then_some(series)
    }

    /// A gauge with one value while all is good, and another while it is bad.
    fn sampled(&self, gauge: &Selector, good: Decimal, bad: Decimal) -> Option<InputSeries> {
        let mut values = good.to_string();
        for (stage, steps) in &self.stages {
            match stage {
                Stage::Missing => write_missing(&mut values, *steps),
                Stage::Good => write_constant(&mut values, good, *steps),
                Stage::Bad => write_constant(&mut values, bad, *steps),
            }
        }
        Some(InputSeries { series: series_text(&self.grouped(gauge.example(None)?)), values })
    }

    /// With the `by` labels set.
    fn grouped(&self, mut labels: Labels) -> Labels {
        for name in by(self.plan) {
            labels.entry(name).or_insert_with(|| GROUP.to_owned());
        }
        labels
    }

    /// A counter that grows by so much in each step of a stage.
    fn counter(&self, labels: &Labels, grows: impl Fn(Stage) -> u64) -> InputSeries {
        let mut values = String::from("0");
        let mut value = 0;
        for (stage, steps) in &self.stages {
            let by = grows(*stage);
            match stage {
                Stage::Missing => write_missing(&mut values, *steps),
                Stage::Good | Stage::Bad => write_run(&mut values, value + by, by, *steps),
            }
            value += by * steps;
        }
        InputSeries { series: series_text(labels), values }
    }

    /// Recorded counts, as the fast rules would have written them.
    fn recorded(&self, [total_record, bad_record]: [Record; 2]) -> Vec<InputSeries> {
        let (total, bad) = self.events();
        let constant = |record: Record, count: &dyn Fn(Stage) -> u64| {
            let mut values = count(Stage::Good).to_string();
            for (stage, steps) in &self.stages {
                match stage {
                    Stage::Missing => write_missing(&mut values, *steps),
                    Stage::Good | Stage::Bad => write_run(&mut values, count(*stage), 0, *steps),
                }
            }
            InputSeries { series: self.recorded_series(record), values }
        };
        vec![
            constant(total_record, &|_| total),
            constant(bad_record, &|stage| if stage == Stage::Bad { bad } else { 0 }),
        ]
    }

    /// The name and labels of a recorded series of the SLO.
    fn recorded_series(&self, record: Record) -> String {
        let groups: String = by(self.plan).iter().map(|name| format!(",{name}={}", quote(GROUP))).collect();
        format!("{}{{{}{groups}}}", record.name(), identity(self.plan))
    }

    /// Error ratios that the rules under test do not record themselves: those of the other tier, and all where there is
    /// nothing to record them from (`unfed`). Each rises and falls as a sum over its window does.
    fn ratios(&self, unfed: bool) -> Vec<InputSeries> {
        let recorded = if unfed { BTreeSet::new() } else { self.plan.ratio_windows(self.tier) };
        let read: BTreeSet<Duration> = self.plan.pairs_in(self.tier).flat_map(|pair| [pair.short, pair.long]).collect();
        let ratios = read.difference(&recorded).map(|window| self.ratio(*window));
        let counted = read.iter().filter(|window| unfed && self.plan.counts_failures_over(self.tier, **window));
        ratios.chain(counted.map(|window| self.failures(*window))).collect()
    }

    /// More bad events than any alert asks for.
    fn failures(&self, window: Duration) -> InputSeries {
        let steps: u64 = self.stages.iter().map(|(_, steps)| steps).sum();
        let least = self.plan.slo.alerting.min_failures;
        InputSeries { series: self.recorded_series(Record::BadSum(window)), values: format!("{least}+0x{steps}") }
    }

    fn ratio(&self, window: Duration) -> InputSeries {
        let width = window.count_of(self.step()).max(1);
        let bad: Vec<bool> =
            self.stages.iter().flat_map(|(stage, steps)| (0..*steps).map(|_| *stage == Stage::Bad)).collect();
        let mut values = String::from("0");
        let mut inside: u64 = 0;
        for (at, is_bad) in bad.iter().enumerate() {
            let leaves =
                usize::try_from(width).ok().and_then(|width| at.checked_sub(width)).and_then(|left| bad.get(left));
            inside = inside + u64::from(*is_bad) - u64::from(leaves.copied().unwrap_or(false));
            let value = (self.error * Decimal::from(inside) / Decimal::from(width)).round_dp(12).normalize();
            let _ = write!(values, " {value}");
        }
        InputSeries { series: self.recorded_series(Record::ErrorRatio(window)), values }
    }
}

/// `steps` samples from `first` on, each `by` more than the one before.
fn write_run(out: &mut String, first: u64, by: u64, steps: u64) {
    let _ = write!(out, " {first}+{by}x{}", steps - 1);
}

/// `steps` samples of one value.
fn write_constant(out: &mut String, value: Decimal, steps: u64) {
    let _ = write!(out, " {value}+0x{}", steps - 1);
}

/// `steps` samples that are not there.
fn write_missing(out: &mut String, steps: u64) {
    let _ = write!(out, " _x{steps}");
}

/// A good and a bad sample of a gauge.
fn samples(condition: Option<Condition>) -> (Decimal, Decimal) {
    let Some(Condition { comparison, bound }) = condition else { return (Decimal::ONE, Decimal::ZERO) };
    let (above, below) = (bound + Decimal::ONE, bound - Decimal::ONE);
    match comparison {
        Comparison::Below | Comparison::AtMost => (below, above),
        Comparison::Above | Comparison::AtLeast => (above, below),
    }
}

/// A series as promtool reads it.
fn series_text(labels: &Labels) -> String {
    let name = labels.get("__name__").map_or("", String::as_str);
    let rest = labels.iter().filter(|(label, value)| *label != "__name__" && !value.is_empty());
    let matchers: Vec<String> = rest.map(|(label, value)| format!("{label}={}", quote(value))).collect();
    format!("{name}{{{}}}", matchers.join(","))
}
