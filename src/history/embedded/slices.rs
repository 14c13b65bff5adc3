//! Slices made of minutes: which were observed, and what they hold.
//!
//! The generated rules say the same of a probe in PromQL: a slice is in use while the probe service runs and a run
//! took place in the last three intervals, or in the slice itself if that is longer.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::day;
use super::state::Counted;
use super::tables::{Minute, Minutes, Span};
use crate::history::Slice;
use crate::slo::budget;

/// A slice may be in use though no run took place in it: this many intervals after the last one.
const INTERVALS: i64 = 3;

/// How far back minutes matter for the slices of a probe that runs so often (milliseconds), in seconds.
pub(super) fn lately(interval_ms: i64, step: i64) -> i64 {
    let intervals = interval_ms.saturating_mul(INTERVALS).saturating_add(59_999).div_euclid(60_000);
    intervals.max(step).saturating_mul(60)
}

/// The slices that end in (`after`, `until`], in order of time. Minutes from long enough before must be there.
pub(super) fn of(minutes: &Minutes, counted: &Counted, after: i64, until: i64) -> Vec<Slice> {
    let mut slices = Vec::new();
    for of_era in minutes.list.chunk_by(|one, other| one.at.era == other.at.era) {
        let era = Era { minutes, of_era, counted };
        slices.extend(era.slices(after, until));
    }
    // What a clock that was set back counted twice lies side by side.
    slices.sort_by_key(|slice| slice.events.end);
    slices
}

/// The minutes of one era.
struct Era<'a> {
    minutes: &'a Minutes,
    of_era: &'a [Minute],
    counted: &'a Counted,
}

impl Era<'_> {
    fn slices(&self, after: i64, until: i64) -> Vec<Slice> {
        let (Some(first), Some(last)) = (self.of_era.first(), self.of_era.last()) else { return Vec::new() };
        let step = self.counted.step;
        let number = |time: i64| (time.saturating_sub(self.minutes.offset_s)).div_euclid(60 * step);
        // A slice ends where the next one begins.
        let begin = first.at.minute.div_euclid(step).max(number(after));
        let reach = last.at.minute + lately(last.interval_ms, step) / 60;
        let end = (reach.div_euclid(step) + 1).min(number(until));
        let mut slices = Vec::new();
        let mut at = 0;
        for index in begin..end {
            let (start, stop) = (index * step, (index + 1) * step);
            let inside = |minute: &Minute| minute.at.minute < start;
            at += self.of_era.get(at..).unwrap_or_default().partition_point(inside);
            let rest = self.of_era.get(at..).unwrap_or_default();
            let here = rest.get(..rest.partition_point(|minute| minute.at.minute < stop)).unwrap_or_default();
            let before = at.checked_sub(1).and_then(|at| self.of_era.get(at));
            if !here.is_empty() || self.is_observed(before, start, stop) {
                slices.push(self.slice(here, stop));
            }
        }
        slices
    }

    /// Whether a slice without a run, whose minutes are `start`..`stop`, was observed all the same.
    fn is_observed(&self, before: Option<&Minute>, start: i64, stop: i64) -> bool {
        let Some(before) = before else { return false };
        let ran_lately = (stop - before.at.minute) * 60 <= lately(before.interval_ms, self.counted.step);
        let time = |minute: i64| self.minutes.offset_s + 60 * minute;
        let is_up = |span: &Span| span.era == before.at.era && span.until > time(start) && span.since < time(stop);
        ran_lately && self.minutes.spans.iter().any(is_up)
    }

    #[allow(clippy::cast_precision_loss)] // events of one slice, far below 2^53
    fn slice(&self, here: &[Minute], stop: i64) -> Slice {
        let mut failures = BTreeMap::new();
        let (mut bad, mut total) = (0, 0);
        for Minute { cell, .. } in here {
            let failed = cell.bad();
            bad += failed;
            total += failed + cell.good;
            for (name, count) in &cell.failures {
                if let Some(reason) = day::reason(name) {
                    *failures.entry(reason).or_default() += count;
                }
            }
        }
        let end = self.minutes.offset_s + 60 * stop;
        let events = match self.counted.timeslices {
            None => budget::Slice { end, bad: bad as f64, total: total as f64 },
            Some((length, allowed)) => {
                let (bad, total) = self.judged(here, stop, length, allowed);
                budget::Slice { end, bad: bad as f64, total: total as f64 }
            }
        };
        Slice { events, failures }
    }

    /// Bad and all time slices of `length` seconds. One of less than a minute is judged by its minute.
    fn judged(&self, here: &[Minute], stop: i64, length: i64, allowed: Decimal) -> (i64, i64) {
        let minutes = (length / 60).max(1);
        let weight = (60 / length).max(1);
        let first = stop - self.counted.step;
        let is_bad = |from: &i64| {
            let inside = here.iter().filter(|minute| (*from..*from + minutes).contains(&minute.at.minute));
            let (bad, total) = inside.fold((0, 0), |(bad, total), minute| {
                let failed = minute.cell.bad();
                (bad + failed, total + failed + minute.cell.good)
            });
            Decimal::from(bad) > allowed * Decimal::from(total)
        };
        let slices: Vec<i64> = (first..stop).step_by(usize::try_from(minutes).unwrap_or(1)).collect();
        let bad = slices.iter().filter(|from| is_bad(from)).count();
        let count = |slices: usize| i64::try_from(slices).unwrap_or(i64::MAX).saturating_mul(weight);
        (count(bad), count(slices.len()))
    }
}
