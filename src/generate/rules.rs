//! Recording rules: increments first, then every window as a sum over them.
//!
//! One group per SLO and file, `burndown/SERVICE/SLO`; a name holds no `/`, so two groups never collide. The fast
//! group never reads a series of the slow one, whose samples are as old as Prometheus looks back.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::yaml::{Group, Recording, Rule, RuleFile};
use super::{alerts, events};
use crate::names::{Alert, Metric, Record, label};
use crate::promql::build::{Expr, Operator, Series, call, count_over, last_over, max_by, seen_over, sum_by, sum_over};
use crate::promql::{Query, WithoutData};
use crate::slo::budget::LEAST_COVERAGE_PERCENT;
use crate::slo::window::{RETIRED_AFTER, SLICE, Tier};
use crate::slo::{SloPlan, alerting};
use crate::spec::model::{Budgeting, OnUnknown, Resume, Sli};
use crate::units::{Duration, Name};

/// The rule file of a service and tier.
pub(super) fn file(service: &Name, plans: &[&SloPlan], tier: Tier) -> RuleFile {
    let mut groups: Vec<Group> = plans.iter().map(|plan| group(plan, tier)).collect();
    groups.extend(alerts::service_group(service, plans, tier));
    groups.retain(|group| !group.rules.is_empty());
    RuleFile { groups }
}

/// The groups of a service for whatever keeps both tiers under one name, where every group needs a name of its own.
pub(super) fn both_tiers(service: &Name, plans: &[&SloPlan]) -> RuleFile {
    let of_tier = |tier| {
        let groups = file(service, plans, tier).groups.into_iter();
        groups.map(move |group| Group { name: format!("{}/{}", group.name, super::word(tier)), ..group })
    };
    RuleFile { groups: of_tier(Tier::Fast).chain(of_tier(Tier::Slow)).collect() }
}

/// The recording rules of one SLO in one tier, in the order in which they read each other.
pub(super) fn recordings(plan: &SloPlan, tier: Tier) -> Vec<Recording> {
    let rules = Rules { plan };
    let mut list = Vec::new();
    if tier == Tier::Fast {
        rules.increments(&mut list);
    }
    if rules.has_slices() && plan.budget_tier() == tier {
        rules.slices(&mut list);
    }
    if plan.budget_tier() == tier {
        list.extend([rules.observed_at(), rules.observed()]);
    }
    rules.ratios(tier, &mut list);
    if plan.shortest_window().0 == tier {
        list.push(rules.current_burn_rate());
    }
    if plan.budget_tier() == tier {
        rules.budget(&mut list);
    }
    list
}

/// The rules of one SLO in one tier.
pub(super) fn group(plan: &SloPlan, tier: Tier) -> Group {
    let mut list: Vec<Rule> = recordings(plan, tier).into_iter().map(Rule::Record).collect();
    list.extend(alerts::of(plan, tier).into_iter().map(Rule::Alert));
    Group {
        name: format!("burndown/{}/{}", plan.slo.service, plan.slo.name),
        interval: plan.interval(tier),
        rules: list,
    }
}

/// A recorded series of one SLO.
pub(super) fn series(plan: &SloPlan, record: Record) -> Series {
    Series::new(format!("{}{{{}}}", record.name(), identity(plan)))
}

/// The matchers of everything that is recorded for one SLO.
///
/// Rules match on these and the `by` labels only, so that an edited label breaks nothing.
pub(super) fn identity(plan: &SloPlan) -> String {
    format!("{}=\"{}\",{}=\"{}\"", label::SERVICE, plan.slo.service, label::SLO, plan.slo.name)
}

/// The labels that tell two groups of one SLO apart.
pub(super) fn by(plan: &SloPlan) -> Vec<String> {
    plan.slo.sli.by().iter().map(ToString::to_string).collect()
}

/// The labels that tell two SLOs apart.
fn of_slo() -> [String; 2] {
    [label::SERVICE, label::SLO].map(str::to_owned)
}

/// The recording rules of one SLO.
struct Rules<'a> {
    plan: &'a SloPlan,
}

impl Rules<'_> {
    fn record(&self, record: Record, expr: Expr) -> Recording {
        Recording { record: record.name(), expr, labels: self.labels() }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let slo = &self.plan.slo;
        BTreeMap::from([
            (label::SERVICE.to_owned(), slo.service.to_string()),
            (label::SLO.to_owned(), slo.name.to_string()),
        ])
    }

    fn series(&self, record: Record) -> Series {
        series(self.plan, record)
    }

    /// Events since the last evaluation: total first, since bad reads it.
    fn increments(&self, list: &mut Vec<Recording>) {
        let Some(counted) = events::of(self.plan) else { return };
        let (total, bad) = events::records(self.plan);
        list.push(self.record(total, counted.total));
        list.push(self.record(bad, counted.bad));
        if let Budgeting::Timeslices { slice, target } = self.plan.slo.budgeting {
            let slices = events::timeslices(self.plan, slice, target);
            list.push(self.record(Record::TotalIncrease, slices.total));
            list.push(self.record(Record::BadIncrease, slices.bad));
        }
    }

    /// Whether the SLO records five-minute slices: for windows of more than six hours, and for queries, which have
    /// no increments.
    fn has_slices(&self) -> bool {
        self.plan.budget_tier() == Tier::Slow || matches!(self.plan.slo.sli, Sli::Query { .. })
    }

    /// Events of the last five minutes, which tile because the group runs every five minutes.
    ///
    /// They lag one fast interval, since the fast group may be writing at this very moment.
    fn slices(&self, list: &mut Vec<Recording>) {
        let (total, bad) = match &self.plan.slo.sli {
            Sli::Query { total, bad, .. } => (self.checked(total, SLICE), self.checked(bad, SLICE)),
            _ => (self.slice(Record::TotalIncrease), self.slice(Record::BadIncrease)),
        };
        list.push(self.record(Record::TotalIncrease5m, total));
        list.push(self.record(Record::BadIncrease5m, bad));
    }

    /// A query that finds nothing bad means that nothing failed, where the total says that there was something.
    ///
    /// Increments are filled where they are recorded.
    fn filled(&self, bad: Expr, total: &Expr) -> Expr {
        match self.plan.slo.sli {
            Sli::Query { .. } => {
                let none = Expr::from(Decimal::ZERO).join(Operator::Multiply, total.clone());
                bad.join_on(Operator::Or, &by(self.plan), none)
            }
            _ => bad,
        }
    }

    /// A query of the file, summed by the labels of its groups so that no other label gets in.
    ///
    /// What ends in `or vector(0)` says 0 even where its series are missing: it counts while one of them is there, since
    /// missing data are not the data of an idle service.
    fn checked(&self, query: &Query, window: Duration) -> Expr {
        let value = sum_by(&by(self.plan), Expr::Checked(query.over(window)));
        if query.without_data() != WithoutData::Zero {
            return value;
        }
        let seen = query.selectors().into_iter().map(|series| seen_over(Series::new(series.to_string()), window));
        match seen.reduce(|one, other| one.join(Operator::Or, other)) {
            Some(seen) => value.join_on(Operator::And, &[], seen),
            None => value,
        }
    }

    fn slice(&self, record: Record) -> Expr {
        sum_over(self.series(record).ago(self.plan.slo.rules.interval), SLICE)
    }

    /// One sample for every slice that was observed, from which the rest counts and remembers.
    ///
    /// An idle service is observed, a vanished one is not, nor is a probe that stopped running though its prober is
    /// still scraped: a slice of it is in use only if a run ended lately.
    fn observed_at(&self) -> Recording {
        let tier = self.plan.budget_tier();
        let slices = if self.has_slices() { Record::TotalIncrease5m } else { Record::TotalIncrease };
        // The slice of this very moment: where the past is filled, no staleness marker ends a series, and the last slice
        // before a gap would be seen twice.
        let at = call("timestamp", [self.series(slices).into()]).join(Operator::Equal, call("time", []));
        let at = match self.plan.slo.sli {
            Sli::Probe { interval, .. } => at.join(Operator::And, self.ran_lately(interval, self.plan.interval(tier))),
            // Without its bucket a histogram says nothing.
            Sli::Latency { .. } => at.join(Operator::And, self.series(summands(tier).0)),
            _ => at,
        };
        self.record(Record::ObservedAt, at)
    }

    /// Whether a run ended in the last three intervals, or in the last slice if that is longer.
    fn ran_lately(&self, every: Duration, slice: Duration) -> Expr {
        let evaluation = self.plan.slo.rules.interval;
        let lately = every.times(3).max(slice).ceil_to(evaluation);
        let lag = if self.has_slices() { evaluation } else { Duration::ZERO };
        let runs = sum_over(self.series(Record::TotalIncrease).ago(lag), lately);
        runs.join(Operator::Greater, Expr::from(Decimal::ZERO))
    }

    /// The error ratio of every window that the tier records.
    fn ratios(&self, tier: Tier, list: &mut Vec<Recording>) {
        for window in self.plan.ratio_windows(tier) {
            match &self.plan.slo.sli {
                Sli::Query { bad, total, .. } if tier == Tier::Fast => {
                    let total = self.checked(total, window);
                    let bad = self.filled(self.checked(bad, window), &total);
                    list.push(self.record(Record::ErrorRatio(window), ratio(bad, total)));
                }
                _ => self.summed_ratio(tier, window, list),
            }
        }
    }

    fn summed_ratio(&self, tier: Tier, window: Duration, list: &mut Vec<Recording>) {
        let (bad_record, total_record) = summands(tier);
        let mut bad = sum_over(self.series(bad_record), window);
        if self.plan.counts_failures_over(tier, window) {
            list.push(self.record(Record::BadSum(window), bad));
            bad = self.series(Record::BadSum(window)).into();
        }
        let total = sum_over(self.series(total_record), window);
        let mut value = ratio(self.filled(bad, &total), total);
        if window == self.plan.slo.window {
            value = value.join(Operator::And, self.series(Record::ObservedSeconds));
        }
        list.push(self.record(Record::ErrorRatio(window), value));
    }

    /// How fast the budget goes now, 1 being just as fast as it may.
    fn current_burn_rate(&self) -> Recording {
        let (_, window) = self.plan.shortest_window();
        self.burn_rate(Record::CurrentBurnRate, window)
    }

    fn burn_rate(&self, record: Record, window: Duration) -> Recording {
        let ratio: Expr = self.series(Record::ErrorRatio(window)).into();
        self.record(record, ratio.join(Operator::Divide, Expr::from(self.plan.error_budget)))
    }

    /// The budget, how much of it is observed, and the gate.
    fn budget(&self, list: &mut Vec<Recording>) {
        let plan = self.plan;
        let constant = |record, value: Decimal| self.record(record, call("vector", [Expr::from(value)]));
        list.push(self.info());
        list.push(constant(Record::Objective, plan.slo.objective.ratio()));
        list.push(constant(Record::ErrorBudgetRatio, plan.error_budget));
        list.push(constant(Record::PeriodDays, days(plan.slo.window)));
        list.push(constant(Record::ErrorBudgetSeconds, plan.budget_seconds));
        list.push(self.burn_rate(Record::PeriodBurnRate, plan.slo.window));
        list.push(self.coverage());
        list.push(self.remaining());
        let remaining: Expr = self.series(Record::RemainingSeconds).into();
        let share = remaining.join(Operator::Divide, Expr::from(plan.budget_seconds));
        list.push(self.record(Record::RemainingRatio, share));
        list.extend([self.corrected(), self.net_remaining()]);
        list.push(constant(Record::GateCloseAt, plan.close_at));
        match plan.slo.gate.resume {
            Resume::AtLevel => {
                list.push(self.gate_latch());
                list.push(constant(Record::GateResumeAt, plan.resume_at));
            }
            Resume::FromTrough => {
                list.push(self.gate_trough());
                list.push(self.gate_latch());
                let closed =
                    Expr::from(self.series(Record::GateLatch)).join(Operator::Equal, Expr::from(Decimal::ZERO));
                list.push(self.record(Record::GateResumeAt, self.resume_level().join(Operator::And, closed)));
            }
        }
        list.extend([self.gate_override(), self.gate_answer()]);
        list.extend(self.burn_rate_thresholds());
    }

    /// What each pair that alerts is held against, for people who look at its burn rate.
    fn burn_rate_thresholds(&self) -> impl Iterator<Item = Recording> {
        let pairs = [Tier::Fast, Tier::Slow].into_iter().flat_map(|tier| self.plan.pairs_in(tier));
        pairs.filter_map(|pair| {
            let alert = alerting::resolve(&self.plan.slo, Alert::ErrorBudgetBurn, pair.severity, Duration::ZERO)?;
            let factor = call("vector", [Expr::from(pair.factor.round_dp(10))]);
            let mut recording = self.record(Record::BurnRateThreshold, factor);
            recording.labels.extend([
                (label::SEVERITY.to_owned(), alert.severity_label.to_owned()),
                (label::LONG_WINDOW.to_owned(), pair.long.to_string()),
                (label::SHORT_WINDOW.to_owned(), pair.short.to_string()),
            ]);
            Some(recording)
        })
    }

    /// Metadata lives here alone.
    fn info(&self) -> Recording {
        let slo = &self.plan.slo;
        let mut recording = self.record(Record::Info, call("vector", [Expr::from(Decimal::ONE)]));
        recording.labels.insert(label::OBJECTIVE.to_owned(), slo.objective.to_string());
        recording.labels.insert(label::WINDOW.to_owned(), slo.window.to_string());
        if let Some(description) = &slo.description {
            recording.labels.insert(label::DESCRIPTION.to_owned(), description.clone());
        }
        recording.labels.extend(slo.labels.iter().map(|(name, value)| (name.to_string(), value.clone())));
        recording
    }

    /// Observed time: slices in use, times their length. A group that retires has none, and with it no ratio over the
    /// window, no coverage and no budget.
    fn observed(&self) -> Recording {
        let slice = self.plan.interval(self.plan.budget_tier());
        let slices = count_over(self.series(Record::ObservedAt), self.plan.slo.window);
        let time = slices.join(Operator::Multiply, Expr::from(slice.as_secs()));
        let lately = seen_over(self.series(Record::ObservedAt), RETIRED_AFTER.min(self.plan.slo.window));
        self.record(Record::ObservedSeconds, time.join(Operator::And, lately))
    }

    /// Observed / min(P, age), where the age counts from the start of the first slice in the window.
    fn coverage(&self) -> Recording {
        let slice = self.plan.interval(self.plan.budget_tier());
        let observed_at = self.series(Record::ObservedAt).window(self.plan.slo.window);
        let first = call("min_over_time", [observed_at.into()]);
        let start = first.join(Operator::Subtract, Expr::from(slice.as_secs()));
        let age = call("time", []).join(Operator::Subtract, start);
        let expected = call("clamp_max", [age, Expr::from(self.plan.slo.window.as_secs())]);
        let observed: Expr = self.series(Record::ObservedSeconds).into();
        let one = Expr::from(Decimal::ONE);
        self.record(Record::Coverage, call("clamp_max", [observed.join(Operator::Divide, expected), one]))
    }

    /// What is left: the budget minus error ratio × observed time.
    fn remaining(&self) -> Recording {
        let ratio: Expr = self.series(Record::ErrorRatio(self.plan.slo.window)).into();
        let consumed = ratio.join(Operator::Multiply, self.series(Record::ObservedSeconds));
        let budget = Expr::from(self.plan.budget_seconds);
        self.record(Record::RemainingSeconds, budget.join(Operator::Subtract, consumed))
    }

    /// A metric of the probe service that says something of the SLO, of whichever instance says most.
    ///
    /// It is believed for as long as data are: a scrape that fails must not close a gate.
    fn said(&self, metric: Metric, by: &[String]) -> Expr {
        let series = Series::new(format!("{}{{{}}}", metric.name(), identity(self.plan)));
        max_by(by, last_over(series, self.plan.stale_after()))
    }

    /// What was spent but does not count, which the probe service knows from its audit.
    fn corrected(&self) -> Recording {
        let by = by(self.plan);
        let told = |name: &String| format!("{}{name}", label::GROUP);
        let groups: Vec<String> = of_slo().into_iter().chain(by.iter().map(told)).collect();
        let mut seconds = self.said(Metric::CorrectedSeconds, &groups);
        if !by.is_empty() {
            let named = by.iter().fold(seconds, |seconds, name| {
                let texts = [name.clone(), "$1".to_owned(), told(name), "(.*)".to_owned()].map(Expr::Text);
                call("label_replace", std::iter::once(seconds).chain(texts))
            });
            seconds = max_by(&of_slo().into_iter().chain(by).collect::<Vec<String>>(), named);
        }
        self.record(Record::CorrectedSeconds, seconds.join(Operator::Greater, Expr::from(Decimal::ZERO)))
    }

    /// What is left with that given back.
    fn net_remaining(&self) -> Recording {
        let remaining = || -> Expr { self.series(Record::RemainingSeconds).into() };
        let net = remaining().join(Operator::Add, self.series(Record::CorrectedSeconds));
        self.record(Record::NetRemainingSeconds, net.join(Operator::Or, remaining()))
    }

    /// The least that remained since the gate closed, and what remains while it is open.
    fn gate_trough(&self) -> Recording {
        let remaining = || -> Expr { self.series(Record::NetRemainingSeconds).into() };
        let before = || seen_over(self.series(Record::GateTrough), self.plan.slo.window);
        let lowest = remaining().join(Operator::Less, before()).join(Operator::Or, before());
        let latch = seen_over(self.series(Record::GateLatch), self.plan.slo.window);
        let closed = lowest.join(Operator::And, latch.join(Operator::Equal, Expr::from(Decimal::ZERO)));
        self.record(Record::GateTrough, and_known(self.plan, closed.join(Operator::Or, remaining())))
    }

    /// What must remain for a closed gate to open.
    fn resume_level(&self) -> Expr {
        let resume_at = Expr::from(self.plan.resume_at);
        match self.plan.slo.gate.resume {
            Resume::AtLevel => resume_at,
            Resume::FromTrough => Expr::from(self.series(Record::GateTrough)).join(Operator::Add, resume_at),
        }
    }

    /// The latch: closes at `close_at`, opens at `resume_at`, stays in between, and is not written while the SLO is
    /// unknown. It reads itself over the whole window, since an unknown spell may be long.
    fn gate_latch(&self) -> Recording {
        let above = |operator, level: Expr| {
            let remaining: Expr = self.series(Record::NetRemainingSeconds).into();
            remaining.join(operator, level)
        };
        let resumed = above(Operator::GreaterOrEqualBool, self.resume_level());
        let resumed = resumed.join(Operator::Greater, Expr::from(Decimal::ZERO));
        let before = seen_over(self.series(Record::GateLatch), self.plan.slo.window);
        let fresh = above(Operator::GreaterBool, Expr::from(self.plan.close_at));
        let state = resumed.join(Operator::Or, before).join(Operator::Or, fresh.clone());
        self.record(Record::GateLatch, and_known(self.plan, fresh.join(Operator::Multiply, state)))
    }

    /// The override that is in force, which the probe service knows from its audit.
    fn gate_override(&self) -> Recording {
        let until = self.said(Metric::GateOverrideUntil, &of_slo());
        self.record(Record::GateOverrideUntil, until.join(Operator::Greater, call("time", [])))
    }

    /// The answer: an override, else the latch, or what `on_unknown` says.
    fn gate_answer(&self) -> Recording {
        let instead = |record| {
            let closed = Expr::from(Decimal::ZERO).join(Operator::Multiply, self.series(record));
            match self.plan.slo.gate.on_unknown {
                OnUnknown::Hold => closed,
                OnUnknown::Allow => closed.join(Operator::Add, Expr::from(Decimal::ONE)),
            }
        };
        let latch: Expr = self.series(Record::GateLatch).into();
        let answer = latch.join(Operator::Or, instead(Record::RemainingSeconds));
        let answer = answer.join_on(Operator::Or, &of_slo(), instead(Record::Objective));
        // Where the past is filled, no staleness marker ends the series.
        let until: Expr = self.series(Record::GateOverrideUntil).into();
        let in_force = until.join(Operator::Greater, call("time", []));
        let open = Expr::from(Decimal::ZERO).join(Operator::Multiply, in_force);
        let open = open.join(Operator::Add, Expr::from(Decimal::ONE));
        self.record(Record::GateOpen, open.join_on(Operator::Or, &of_slo(), answer))
    }
}

/// `expr` while the SLO is known: enough of its window is observed, and its newest slice is not old.
pub(super) fn and_known(plan: &SloPlan, expr: Expr) -> Expr {
    let coverage: Expr = series(plan, Record::Coverage).into();
    let covered = coverage.join(Operator::GreaterOrEqual, Expr::from(Decimal::new(LEAST_COVERAGE_PERCENT, 2)));
    expr.join(Operator::And, covered).join(Operator::And, fresh(plan))
}

/// The groups whose newest slice is not old.
pub(super) fn fresh(plan: &SloPlan) -> Expr {
    seen_over(series(plan, Record::ObservedAt), plan.stale_after())
}

/// The bad and total series that a tier sums.
pub(super) const fn summands(tier: Tier) -> (Record, Record) {
    match tier {
        Tier::Fast => (Record::BadIncrease, Record::TotalIncrease),
        Tier::Slow => (Record::BadIncrease5m, Record::TotalIncrease5m),
    }
}

/// bad / total, and 0 where nothing was counted: the divisor is raised just enough to keep NaN out.
fn ratio(bad: Expr, total: Expr) -> Expr {
    let least = Expr::from(Decimal::new(1, 9));
    bad.join(Operator::Divide, call("clamp_min", [total, least]))
}

/// A window in days, as exact as a decimal gets.
fn days(window: Duration) -> Decimal {
    (window.as_secs() / Decimal::from(86_400)).round_dp(10).normalize()
}
