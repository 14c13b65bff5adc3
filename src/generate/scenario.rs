//! What a proof feeds: stages of good, bad and missing events, as series of promtool's notation.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::rules::{by, counters, identity};
use super::yaml::InputSeries;
use crate::names::Record;
use crate::promql::{Labels, quote};
use crate::slo::SloPlan;
use crate::slo::window::Tier;
use crate::units::Duration;

/// Events of every step: enough that every error ratio gives whole numbers.
const LEAST_EVENTS: u64 = 1_000;

/// The value of every `by` label in the proofs.
const GROUP: &str = "example";

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

    /// The series: raw counters for the fast rules, increments or slices for the slow ones, error ratios where the
    /// indicator is a query that only its own metrics could feed.
    pub(super) fn feed(&self) -> Feed {
        let increments = [Record::TotalIncrease, Record::BadIncrease];
        let slices = [Record::TotalIncrease5m, Record::BadIncrease5m];
        let mut series = match (self.tier, counters(self.plan)) {
            (Tier::Fast, Some(_)) => self.counters().unwrap_or_else(|| self.recorded(increments)),
            (Tier::Fast, None) => Vec::new(),
            (Tier::Slow, Some(_)) => self.recorded(increments),
            (Tier::Slow, None) => self.recorded(slices),
        };
        series.extend(self.ratios());
        Feed { step: self.step(), series }
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

    /// Counters as the service itself would show them, if examples of its series can be found.
    fn counters(&self) -> Option<Vec<InputSeries>> {
        let counters = counters(self.plan)?;
        let (total, bad) = self.events();
        let failing = self.grouped(counters.bad.example(None)?);
        let bad_series = self.counter(&failing, |stage| if stage == Stage::Bad { bad } else { 0 });
        let rest = self.grouped(counters.total.example(Some(&counters.bad))?);
        let counted_twice = counters.total.selects(&failing);
        let rest_series =
            self.counter(&rest, |stage| total - if counted_twice && stage == Stage::Bad { bad } else { 0 });
        (failing != rest).then(|| vec![rest_series, bad_series])
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

    /// Error ratios that the rules under test do not record themselves: those of the other tier, and those of a query
    /// in the fast tier. Each rises and falls as a sum over its window does.
    fn ratios(&self) -> Vec<InputSeries> {
        let fed = self.tier == Tier::Fast && counters(self.plan).is_none();
        let recorded = if fed { BTreeSet::new() } else { self.plan.ratio_windows(self.tier) };
        let read: BTreeSet<Duration> = self.plan.pairs_in(self.tier).flat_map(|pair| [pair.short, pair.long]).collect();
        read.difference(&recorded).map(|window| self.ratio(*window)).collect()
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

/// `steps` samples that are not there.
fn write_missing(out: &mut String, steps: u64) {
    let _ = write!(out, " _x{steps}");
}

/// A series as promtool reads it.
fn series_text(labels: &Labels) -> String {
    let name = labels.get("__name__").map_or("", String::as_str);
    let rest = labels.iter().filter(|(label, value)| *label != "__name__" && !value.is_empty());
    let matchers: Vec<String> = rest.map(|(label, value)| format!("{label}={}", quote(value))).collect();
    format!("{name}{{{}}}", matchers.join(","))
}
