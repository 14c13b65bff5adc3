//! The sums over the slices of one group, in one go over them, however many moments are asked for.

use super::model::{BudgetState, Data, GateAnswer, GateState, Point, Trend};
use super::net::Net;
use super::{rounded, seconds};
use crate::history::Slice;
use crate::slo::SloPlan;
use crate::slo::budget::{self, Budget, State, Tallies, Tally};
use crate::slo::change;
use crate::slo::forecast::{Forecast, Traffic};
use crate::slo::gate::{self, Held, Latch, Replay, Thresholds};
use crate::slo::week::Course;
use crate::slo::window::Pair;
use crate::spec::model::{Budgeting, OnUnknown};
use crate::units::Duration;

/// At most this many points are drawn, and one for the beginning; more would not be seen.
const MOST_POINTS: usize = 240;

/// The trend is that of a day, or of this part of the window if that is shorter.
const TREND_PART: u64 = 7;

/// A group at one moment.
pub(super) struct Sums<'a> {
    pub(super) plan: &'a SloPlan,
    /// The length of a slice.
    pub(super) step: Duration,
    pub(super) slices: &'a [Slice],
    events: &'a [budget::Slice],
    /// The end of the newest slice that is complete, or where it would end, in seconds of Unix time.
    pub(super) at: i64,
    /// The moment that was asked about, in seconds of Unix time.
    pub(super) now: i64,
    /// What the window holds.
    pub(super) tally: Tally,
    pub(super) budget: Budget,
    tallies: Tallies<'a>,
    net: &'a Net<'a>,
    is_cut: bool,
}

/// The budget at the end of each slice.
pub(super) type Track = Vec<(i64, Budget)>;

impl<'a> Sums<'a> {
    /// Adds up `slices` of length `step`, whose counts are `events`, as far as `now`.
    ///
    /// `is_cut` says that there was more before, which was lost: what is there is then no whole window of a young SLO.
    /// The slice that is being filled at `now` is time that was not observed yet, so the sums end where it begins.
    pub(super) fn new(
        plan: &'a SloPlan,
        step: Duration,
        (slices, events): (&'a [Slice], &'a [budget::Slice]),
        is_cut: bool,
        net: &'a Net<'a>,
        now: i64,
    ) -> Self {
        let unfinished = |slice: &budget::Slice| now.saturating_sub(slice.end).rem_euclid(seconds(step).max(1));
        let at = now.saturating_sub(events.last().map_or(0, unfinished));
        let tallies = if is_cut { Tallies::cut(events, step) } else { Tallies::new(events, step) };
        let tally = tallies.tally(plan.slo.window, at);
        let budget = budget::budget(plan.slo.objective, plan.slo.window, step, &tally, at);
        let budget = budget.corrected_by(net.corrected(events, step, plan.slo.window, &tally, (at, now)));
        Self { plan, step, slices, events, at, tally, budget, tallies, net, now, is_cut }
    }

    /// Good events in percent of all.
    pub(super) fn sli(&self) -> Option<f64> {
        (self.tally.total > 0.0).then(|| rounded((1.0 - self.budget.error_ratio) * 100.0, 6))
    }

    /// The start of the window.
    pub(super) fn from(&self) -> i64 {
        self.at.saturating_sub(seconds(self.plan.slo.window))
    }

    /// The slices in the window.
    pub(super) fn inside(&self) -> &'a [Slice] {
        self.after(self.from())
    }

    /// When the first slice begins, in seconds of Unix time; none if there was more before it, or nothing at all.
    pub(super) fn begins(&self) -> Option<i64> {
        let first = self.slices.first().filter(|_| !self.is_cut)?;
        Some(first.events.end.saturating_sub(seconds(self.step)))
    }

    /// What was left at a moment, in seconds of Unix time; all of it before anything was observed.
    pub(super) fn remaining_at(&self, moment: i64) -> f64 {
        let end = self.slices.partition_point(|slice| slice.events.end <= moment);
        let last = end.checked_sub(1).and_then(|last| self.slices.get(last)).map(|slice| slice.events.end);
        let spend = |at| {
            let tally = self.tallies.tally(self.plan.slo.window, at);
            budget::spend(self.budget.total, self.step, &tally, at).remaining
        };
        // As at the end of the newest slice, unless that is so old that the window lost some since.
        last.map_or(self.budget.total, |last| spend(last.max(moment.saturating_sub(seconds(self.step)))))
    }

    /// The slices that end after a moment, in seconds of Unix time.
    pub(super) fn after(&self, moment: i64) -> &'a [Slice] {
        let start = self.slices.partition_point(|slice| slice.events.end <= moment);
        let end = self.slices.partition_point(|slice| slice.events.end <= self.at);
        self.slices.get(start..end).unwrap_or_default()
    }

    /// The budget at the end of every slice.
    pub(super) fn track(&self) -> Track {
        let (total, window) = (budget::to_f64(self.plan.budget_seconds), self.plan.slo.window);
        let tallies: Vec<_> = self.tallies.at_each_end(window).take_while(|(end, _)| *end <= self.at).collect();
        let corrected = self.net.corrected_at_each_end(self.events, self.step, window, &tallies, self.now);
        let budget = |((end, tally), corrected): (&(i64, Tally), f64)| {
            (*end, budget::spend(total, self.step, tally, *end).corrected_by(corrected))
        };
        tallies.iter().zip(corrected).map(budget).collect()
    }

    /// What the gate went through; an unknown SLO leaves it as it was.
    pub(super) fn replay(&self, track: &Track) -> Replay {
        let known = track.iter().filter(|(_, budget)| budget.state == State::Known);
        gate::replay(known.map(|(at, budget)| (*at, budget.net())), &Thresholds::of(self.plan))
    }

    /// Since when the gate of a known SLO is open; none if it was so for a whole window, or as far back as is known.
    ///
    /// Where an unknown SLO stops deployments, it opens again when the SLO is known again.
    pub(super) fn open_since(&self, track: &Track, replay: &Replay) -> Option<i64> {
        let known = match self.plan.slo.gate.on_unknown {
            OnUnknown::Hold => self.known_since(track),
            OnUnknown::Allow => None,
        };
        // Before that, a part of what counted then is not read, or is lost: it would change from look to look.
        let horizon = self.from().max(self.whole_from());
        replay.opened_at.max(known).filter(|since| *since > horizon)
    }

    /// The first moment that has its whole window, where there was more before the first slice; else the first of all.
    fn whole_from(&self) -> i64 {
        let first = self.events.first().filter(|_| self.is_cut);
        first.map_or(i64::MIN, |first| first.end.saturating_add(seconds(self.plan.slo.window)))
    }

    /// Since when the SLO is known without a break, or was there at all.
    fn known_since(&self, track: &Track) -> Option<i64> {
        let longest = seconds(self.step.times(budget::STALE_SLICES));
        let (mut since, mut last, mut was_known) = (None, i64::MIN, false);
        for (end, budget) in track {
            let is_known = budget.state == State::Known;
            if is_known && (!was_known || end.saturating_sub(last) > longest) {
                since = Some(*end);
            }
            (last, was_known) = (*end, is_known);
        }
        since
    }

    /// When the gate is open and `needed` seconds may be spent if nothing more fails, in seconds of Unix time; none while
    /// that is so already, and if it never will be.
    pub(super) fn opens_at(&self, replay: &Replay, needed: f64) -> Option<i64> {
        let (held, thresholds) = (replay.held?, Thresholds::of(self.plan));
        let available = change::available(self.budget.net(), thresholds.close_at);
        if held.latch == Latch::Open && available >= needed {
            return None;
        }
        // Where only seconds are known that do not count, nobody knows when they leave the window.
        self.net.is_of_times(self.events, self.step).then(|| self.forecast().opens(held, &thresholds, needed)).flatten()
    }

    /// What may be spent from now on if nothing more fails; none if the SLO was never known.
    pub(super) fn course(&self, replay: &Replay) -> Option<Course> {
        let thresholds = Thresholds::of(self.plan);
        let available = |held: Held, remaining: f64| {
            (held.latch == Latch::Open).then(|| change::available(remaining, thresholds.close_at))
        };
        let mut held = replay.held?;
        let mut points = vec![(self.at, available(held, self.budget.net()))];
        for (end, remaining) in self.forecast().remaining() {
            held = gate::step(Some(held), remaining, &thresholds);
            let next = available(held, remaining);
            // Nothing returns most of the time.
            if points.last().is_none_or(|(_, last)| *last != next) {
                points.push((end, next));
            }
        }
        let resume = (thresholds.resume_at - thresholds.close_at).max(0.0);
        Some(Course { points, resume, window: seconds(self.plan.slo.window) })
    }

    /// What is to come if nothing more fails.
    pub(super) fn forecast(&self) -> Forecast {
        let (window, total) = (self.plan.slo.window, budget::to_f64(self.plan.budget_seconds));
        let events = self.net.events(self.events, self.step, self.now);
        Forecast::of(&events, self.traffic(), window, self.step, total, self.at)
    }

    /// The traffic to come: of a probe its runs, from as many places as run it now.
    fn traffic(&self) -> Traffic {
        let Some(interval) = self.plan.slo.sli.probe_interval() else { return Traffic::Repeating };
        let mean = self.tally.total * self.step.as_secs_f64() / self.tally.observed.max(self.step.as_secs_f64());
        Traffic::Steady(match self.plan.slo.budgeting {
            Budgeting::Timeslices { .. } => mean,
            Budgeting::Occurrences => {
                let runs = self.step.as_secs_f64() / interval.as_secs_f64();
                (mean / runs).round().max(1.0) * runs
            }
        })
    }

    /// How the remaining budget moved of late.
    pub(super) fn trend(&self, track: &Track) -> Option<Trend> {
        let window = self.plan.slo.window;
        let part = Duration::from_millis(window.as_millis() / TREND_PART).ceil_to(self.step);
        let over = Duration::from_days(1).min(part);
        let then = self.at.saturating_sub(seconds(over));
        let before = track.get(..track.partition_point(|(end, _)| *end <= then)).and_then(<[_]>::last);
        // The budget was whole before anything was observed.
        let before = before.map_or(self.budget.total, |(_, budget)| budget.remaining);
        self.tally.newest.map(|_| Trend { over, seconds: rounded(self.budget.remaining - before, 3) })
    }

    /// The track over the window, thinned out: the newest point, and before it of each stretch the lowest.
    ///
    /// An SLO that is younger than the window begins with its whole budget.
    pub(super) fn burndown(&self, track: &Track) -> Vec<Point> {
        let point = |at, remaining| Point { at, remaining_seconds: rounded(remaining, 3) };
        let start = track.partition_point(|(end, _)| *end <= self.from());
        let Some((newest, before)) = track.get(start..).and_then(<[_]>::split_last) else { return Vec::new() };
        let stretches = before.rchunks(before.len().div_ceil(MOST_POINTS - 1).max(1));
        let lowest = stretches
            .filter_map(|stretch| stretch.iter().min_by(|one, other| one.1.remaining.total_cmp(&other.1.remaining)));
        let mut points: Vec<Point> =
            std::iter::once(newest).chain(lowest).map(|(at, budget)| point(*at, budget.remaining)).collect();
        let beginning = track.first().filter(|_| start == 0);
        points.extend(beginning.map(|(end, budget)| point(end.saturating_sub(seconds(self.step)), budget.total)));
        points.reverse();
        points
    }

    /// How many times faster than it may the budget goes over a window; none where nothing was counted.
    pub(super) fn burn_rate(&self, window: Duration) -> Option<f64> {
        let tally = self.tallies.tally(window, self.at);
        let budget = budget::to_f64(self.plan.error_budget);
        (tally.total > 0.0).then(|| rounded(tally.bad / tally.total / budget, 3))
    }

    /// Whether the condition of a burn-rate alert holds.
    pub(super) fn fires(&self, pair: &Pair) -> bool {
        self.fires_at(pair, self.at)
    }

    /// Whether it held at the end of a slice, in seconds of Unix time.
    pub(super) fn fires_at(&self, pair: &Pair, at: i64) -> bool {
        let exceeded = |window| {
            let tally = self.tallies.tally(window, at);
            tally.bad > budget::to_f64(pair.threshold) * tally.total
        };
        let enough = |failures: f64| !self.plan.counts_failures() || failures >= least_failures(self.plan);
        exceeded(pair.long) && exceeded(pair.short) && enough(self.tallies.tally(pair.long, at).bad)
    }
}

#[allow(clippy::cast_precision_loss)] // a handful
fn least_failures(plan: &SloPlan) -> f64 {
    plan.slo.alerting.min_failures as f64
}

impl BudgetState {
    pub(super) fn of(budget: &Budget, observed: f64) -> Self {
        Self {
            total_seconds: rounded(budget.total, 3),
            consumed_seconds: rounded(budget.consumed, 3),
            remaining_seconds: rounded(budget.remaining, 3),
            remaining_percent: rounded(budget.remaining / budget.total * 100.0, 3),
            corrected_seconds: rounded(budget.corrected, 3),
            net_remaining_seconds: rounded(budget.net(), 3),
            observed_seconds: rounded(observed, 3),
            coverage: rounded(budget.coverage, 4),
        }
    }
}

impl GateState {
    /// What a replay makes of the gate of an SLO whose data are so. `open_since` is said only while it is open.
    pub(super) fn of(plan: &SloPlan, replay: &Replay, data: Data, open_since: Option<i64>) -> Self {
        let latch = match replay.latch() {
            None => GateAnswer::Unknown,
            Some(Latch::Open) => GateAnswer::Open,
            Some(Latch::Closed) => GateAnswer::Closed,
        };
        let thresholds = Thresholds::of(plan);
        let state = if data == Data::Known { latch } else { GateAnswer::Unknown };
        Self {
            state,
            latch,
            holds_when_unknown: plan.slo.gate.on_unknown == OnUnknown::Hold,
            dry_run: plan.slo.gate.dry_run,
            close_at_seconds: thresholds.close_at,
            resume_at_seconds: thresholds.opens_at(replay.trough().unwrap_or_default()),
            open_since: open_since.filter(|_| state == GateAnswer::Open),
            closed_since: replay.closed_since,
            trough_seconds: replay.trough().map(|trough| rounded(trough, 3)),
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
