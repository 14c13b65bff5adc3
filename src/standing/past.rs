//! What an SLO went through in a period: what was spent and came back, every outage, its gate, its alerts, and the time
//! that nobody saw.

use std::collections::BTreeMap;

use super::model::{GateAnswer, Outage, SloDetail};
use super::sums::{Sums, Track};
use super::{outage, rounded, seconds};
use crate::history::{Entry, FiredAlerts, HistoryError, Slice};
use crate::slo::budget::{self, STALE_SLICES, State};
use crate::slo::gate::{self, Latch, Thresholds};
use crate::spec::model::Severity;
use crate::units::Duration;

/// What is known of one SLO at the end of a period, and of the period.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// Its numbers at the end, and those of its groups.
    pub detail: SloDetail,
    /// What its groups went through; the one that decides at the end comes first.
    pub groups: Vec<GroupPast>,
    /// The alerts that fired, where the history keeps alerts.
    pub alerts: Option<FiredAlerts>,
    /// What people decided about it, in order.
    pub entries: Vec<Entry>,
    /// What of this could not be read, and why.
    pub missing: Vec<String>,
}

/// What one group went through.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupPast {
    /// The labels of the group.
    pub group: BTreeMap<String, String>,
    /// The budget in the period.
    pub period: Period,
    /// Its outages that are in the period or in the window, oldest first, with what each spent within the period.
    pub outages: Vec<(Outage, f64)>,
    /// What became of the gate in the period, in order.
    pub turns: Vec<Turn>,
    /// When burn-rate alerts would have fired, as far as the slices of the history say.
    pub burns: Vec<Burn>,
    /// The times of the period that nobody saw, in seconds of Unix time.
    pub unseen: Vec<(i64, i64)>,
    /// What is to come if nothing more fails.
    pub coming: Coming,
}

/// What became of a budget in a period, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Period {
    /// Bad events.
    pub bad: f64,
    /// All events.
    pub total: f64,
    /// What was left when it began.
    pub at_start: f64,
    /// What failures spent, at the price that an event has at the end.
    pub spent: f64,
    /// What came back: what is left at the end, less what was left at the start, plus what was spent.
    pub returned: f64,
    /// What was spent outside of outages.
    pub background: f64,
}

/// A turn of the gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// When, in seconds of Unix time.
    pub at: i64,
    /// What it turned to.
    pub to: GateAnswer,
    /// What was left then, in seconds.
    pub remaining: f64,
}

/// A stretch of time in which the condition of a burn-rate alert held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burn {
    /// Whom it would have called.
    pub severity: Severity,
    /// Its long window.
    pub long: Duration,
    /// Its short window.
    pub short: Duration,
    /// Since when, in seconds of Unix time.
    pub from: i64,
    /// Until when.
    pub until: i64,
}

/// What becomes of a budget if nothing more fails.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coming {
    /// When the gate opens, if it is closed and will, in seconds of Unix time.
    pub opens_at: Option<i64>,
    /// What is left a week after the end, in seconds; none if nobody knows.
    pub in_a_week: Option<f64>,
    /// When all that was spent is back, in seconds of Unix time; none if nothing was spent, and if nobody knows.
    pub whole_at: Option<i64>,
}

/// How far ahead a forecast is told.
const WEEK: i64 = 7 * 86_400;

/// So little is nothing, in seconds.
const NOTHING: f64 = 0.5;

/// The period (`since`, the end of what `sums` hold] of a group.
pub(super) fn of(sums: &Sums<'_>, track: &Track, group: &BTreeMap<String, String>, since: i64) -> GroupPast {
    let slices = sums.after(since);
    let listed = sums.after(since.min(sums.from()));
    let outages: Vec<(Outage, f64)> = outage::among(sums, listed, group)
        .into_iter()
        .map(|outage| {
            let spent = spent_within(sums, slices, &outage);
            (outage, spent)
        })
        .collect();
    let spent = spent(sums, slices);
    let at_start = sums.remaining_at(since);
    let told: f64 = outages.iter().map(|(_, spent)| spent).sum();
    GroupPast {
        group: group.clone(),
        period: Period {
            bad: rounded(slices.iter().map(|slice| slice.events.bad).sum(), 6),
            total: rounded(slices.iter().map(|slice| slice.events.total).sum(), 6),
            at_start: rounded(at_start, 3),
            spent: rounded(spent, 3),
            returned: rounded(sums.budget.remaining - at_start + spent, 3),
            background: rounded((spent - told).max(0.0), 3),
        },
        outages: outages.into_iter().map(|(outage, spent)| (outage, rounded(spent, 3))).collect(),
        turns: turns(sums, track, since),
        burns: burns(sums, slices),
        unseen: unseen(sums, slices, since),
        coming: coming(sums, track),
    }
}

/// What the failures of some slices spent, in seconds.
fn spent(sums: &Sums<'_>, slices: &[Slice]) -> f64 {
    budget::spike_seconds(slices.iter().map(|slice| slice.events.bad).sum(), &sums.tally)
}

/// What an outage spent within the period that has these slices, in seconds.
fn spent_within(sums: &Sums<'_>, slices: &[Slice], outage: &Outage) -> f64 {
    let start = slices.partition_point(|slice| slice.events.end <= outage.start);
    let end = slices.partition_point(|slice| slice.events.end <= outage.end);
    spent(sums, slices.get(start..end).unwrap_or_default())
}

/// What became of the gate after `since`. It begins with nothing known.
fn turns(sums: &Sums<'_>, track: &Track, since: i64) -> Vec<Turn> {
    let thresholds = Thresholds::of(sums.plan);
    let mut held: Option<gate::Held> = None;
    let mut turns = Vec::new();
    for (at, budget) in track.iter().filter(|(_, budget)| budget.state == State::Known) {
        let next = gate::step(held, budget.net(), &thresholds);
        let turned = match held {
            Some(before) => before.latch != next.latch,
            // A gate that was never closed did not open.
            None => next.latch == Latch::Closed,
        };
        if turned && *at > since {
            let to = if next.latch == Latch::Open { GateAnswer::Open } else { GateAnswer::Closed };
            turns.push(Turn { at: *at, to, remaining: rounded(budget.net(), 3) });
        }
        held = Some(next);
    }
    turns
}

/// When the conditions of the burn-rate alerts held at the ends of these slices, in order of time.
fn burns(sums: &Sums<'_>, slices: &[Slice]) -> Vec<Burn> {
    let gap = seconds(sums.step.times(STALE_SLICES));
    let mut burns = Vec::new();
    for pair in sums.plan.pairs.iter().filter(|pair| sums.plan.enabled(pair.severity)) {
        let burn = |end| Burn { severity: pair.severity, long: pair.long, short: pair.short, from: end, until: end };
        let mut last: Option<Burn> = None;
        for end in slices.iter().map(|slice| slice.events.end) {
            let goes_on = last.filter(|burn| end.saturating_sub(burn.until) <= gap);
            match (sums.fires_at(pair, end), goes_on) {
                (true, Some(burn)) => last = Some(Burn { until: end, ..burn }),
                (true, None) => burns.extend(last.replace(burn(end))),
                (false, _) => burns.extend(last.take()),
            }
        }
        burns.extend(last);
    }
    burns.sort_by_key(|burn| (burn.from, burn.long));
    burns
}

/// The times between these slices, and before and after them, that are longer than data may be old.
fn unseen(sums: &Sums<'_>, slices: &[Slice], since: i64) -> Vec<(i64, i64)> {
    let step = seconds(sums.step);
    let gap = seconds(sums.step.times(STALE_SLICES));
    let begun = sums.begins();
    let mut seen = since.max(begun.unwrap_or(since));
    let mut unseen = Vec::new();
    let ends = slices.iter().map(|slice| slice.events.end.saturating_sub(step)).chain([sums.now]);
    for (start, next) in ends.zip(slices.iter().map(|slice| Some(slice.events.end)).chain([None])) {
        if start.saturating_sub(seen) >= gap {
            unseen.push((seen, start));
        }
        seen = next.unwrap_or(seen);
    }
    unseen
}

fn coming(sums: &Sums<'_>, track: &Track) -> Coming {
    if sums.budget.state != State::Known {
        return Coming::default();
    }
    let replay = sums.replay(track);
    let in_a_week = sums.at.saturating_add(WEEK);
    let spent = sums.budget.total - sums.budget.net();
    let mut coming = Coming { opens_at: sums.opens_at(&replay, 0.0), ..Coming::default() };
    for (end, remaining) in sums.forecast().remaining() {
        if end <= in_a_week || coming.in_a_week.is_none() {
            coming.in_a_week = Some(rounded(remaining, 3));
        }
        let is_back = spent >= NOTHING && sums.budget.total - remaining < NOTHING;
        if is_back && coming.whole_at.is_none() {
            coming.whole_at = Some(end);
        }
    }
    coming
}

impl Past {
    /// That something of it could not be read.
    pub(super) fn lacks(&mut self, what: &str, error: &HistoryError) {
        self.missing.push(format!("{what}: {error}"));
    }
}
