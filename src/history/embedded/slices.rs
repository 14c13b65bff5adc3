//! Slices made of minutes: which were observed, and what they hold.
//!
//! The generated rules say the same of a probe in PromQL: a slice is in use while the probe service runs and a run
//! took place in the last three intervals, or in the slice itself if that is longer.

use std::collections::BTreeMap;
use std::ops::Range;

use rust_decimal::Decimal;

use super::day;
use super::minutes::{Minutes, Stretch};
use super::state::Counted;
use super::tables::Span;
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
    for of_era in minutes.stretches.chunk_by(|one, other| one.era == other.era) {
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
    of_era: &'a [Stretch],
    counted: &'a Counted,
}

impl Era<'_> {
    fn slices(&self, after: i64, until: i64) -> Vec<Slice> {
        let (Some(first), Some(last)) = (self.of_era.first(), self.of_era.last()) else { return Vec::new() };
        let step = self.counted.step;
        let number = |time: i64| (time.saturating_sub(self.minutes.offset_s)).div_euclid(60 * step);
        // A slice ends where the next one begins.
        let begin = first.first.div_euclid(step).max(number(after));
        let reach = last.end - 1 + lately(last.interval_ms, step) / 60;
        let end = (reach.div_euclid(step) + 1).min(number(until));
        let mut slices = Vec::new();
        let mut at = 0;
        for index in begin..end {
            let slice = index * step..(index + 1) * step;
            while self.of_era.get(at).is_some_and(|stretch| stretch.end <= slice.start) {
                at += 1;
            }
            let rest = self.of_era.get(at..).unwrap_or_default();
            let count = rest.iter().take_while(|stretch| stretch.first < slice.end).count();
            let here = rest.get(..count).unwrap_or_default();
            let before = at.checked_sub(1).and_then(|at| self.of_era.get(at));
            if !here.is_empty() || self.is_observed(before, &slice) {
                slices.push(self.slice(here, &slice));
            }
        }
        slices
    }

    /// Whether a slice without a run was observed all the same; `before` are the last minutes before it.
    fn is_observed(&self, before: Option<&Stretch>, slice: &Range<i64>) -> bool {
        let Some(before) = before else { return false };
        let ran_lately = (slice.end - (before.end - 1)) * 60 <= lately(before.interval_ms, self.counted.step);
        let time = |minute: i64| self.minutes.offset_s + 60 * minute;
        let is_up =
            |span: &Span| span.era == before.era && span.until > time(slice.start) && span.since < time(slice.end);
        ran_lately && self.minutes.spans.iter().any(is_up)
    }

    #[allow(clippy::cast_precision_loss)] // events of one slice, far below 2^53
    fn slice(&self, here: &[Stretch], slice: &Range<i64>) -> Slice {
        let mut failures = BTreeMap::new();
        for stretch in here {
            for (name, count) in &stretch.cell.failures {
                if let Some(reason) = day::reason(name) {
                    *failures.entry(reason).or_default() += count * stretch.within(slice);
                }
            }
        }
        let (bad, total) = match self.counted.timeslices {
            None => sums(here, slice),
            Some((length, allowed)) => judged(here, slice, length, allowed),
        };
        let end = self.minutes.offset_s + 60 * slice.end;
        Slice { events: budget::Slice { end, bad: bad as f64, total: total as f64 }, failures }
    }
}

/// Bad and all events of some minutes.
fn sums(here: &[Stretch], minutes: &Range<i64>) -> (u64, u64) {
    here.iter().fold((0, 0), |(bad, total), stretch| {
        let (count, failed) = (stretch.within(minutes), stretch.cell.bad());
        (bad + failed * count, total + (failed + stretch.cell.good) * count)
    })
}

/// Bad and all time slices of `length` seconds. One of less than a minute is judged by its minute.
fn judged(here: &[Stretch], slice: &Range<i64>, length: i64, allowed: Decimal) -> (u64, u64) {
    let minutes = (length / 60).max(1);
    let weight = (60 / length).max(1).unsigned_abs();
    let parts = slice.clone().step_by(usize::try_from(minutes).unwrap_or(1));
    parts.fold((0, 0), |(bad, total), from| {
        let (failed, all) = sums(here, &(from..slice.end.min(from + minutes)));
        let is_bad = Decimal::from(failed) > allowed * Decimal::from(all);
        (bad + if is_bad { weight } else { 0 }, total + weight)
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::super::day::Cell;
    use super::*;
    use crate::probe::ProbeKey;

    fn counted(step: i64, timeslices: Option<i64>) -> Counted {
        let probe = ProbeKey { service: "shop".parse().expect("a name"), probe: "front".parse().expect("a name") };
        Counted { probe, step, timeslices: timeslices.map(|length| (length, Decimal::new(4, 1))) }
    }

    proptest! {
        #[test]
        fn minutes_that_are_alike_make_the_slices_that_each_of_them_makes(
            parts in prop::collection::vec((0i64..20, 1i64..30, 0u64..3, 0u64..3), 1..20),
            range in (-20_000i64..60_000, 0i64..60_000),
            timeslices in prop::option::of(prop::sample::select(vec![30i64, 60, 120, 300])),
            step in prop::sample::select(vec![1i64, 5]),
        ) {
            let (mut whole, mut free) = (Minutes { offset_s: 17, ..Minutes::default() }, -100);
            whole.spans.push(Span { id: 1, era: 0, since: -6_000, until: 20_000 });
            for (gap, length, good, timeouts) in parts {
                let (first, end) = (free + gap, free + gap + length);
                let failures = (timeouts > 0).then_some((Cow::Borrowed("timeout"), timeouts)).into_iter().collect();
                whole.stretches.push(Stretch { era: 0, first, end, interval_ms: 400_000, cell: Cell { good, failures, ..Cell::default() } });
                free = end;
            }
            let alone = |stretch: &Stretch| {
                let stretch = stretch.clone();
                (stretch.first..stretch.end).map(move |first| Stretch { first, end: first + 1, ..stretch.clone() })
            };
            let stretches = whole.stretches.iter().flat_map(alone).collect();
            let each = Minutes { stretches, spans: whole.spans.clone(), ..whole };
            let (counted, (after, length)) = (counted(step, timeslices), range);
            let slices = of(&whole, &counted, after, after + length);
            prop_assert_eq!(&slices, &of(&each, &counted, after, after + length));
            prop_assert!(slices.is_sorted_by(|one, other| one.events.end < other.events.end));
            // All of it, where no time slice is judged.
            if timeslices.is_none() {
                let all = of(&whole, &counted, i64::MIN / 2, i64::MAX / 2);
                let runs: u64 = each.stretches.iter().map(|one| one.cell.good + one.cell.bad()).sum();
                prop_assert_eq!(all.iter().map(|slice| slice.events.total).sum::<f64>(), runs as f64);
            }
        }
    }
}
