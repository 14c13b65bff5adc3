//! The minutes of a probe as they are read: stretches of minutes that are alike, in order, and none twice.
//!
//! A steady month is a few stretches and never an entry for each of its minutes. Nothing here knows rows or slices.

use std::ops::Range;

use super::day::{Cell, MINUTES};
use super::tables::{At, Span};
use crate::history::Causes;

/// Minutes of one era that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) era: i64,
    /// The number of the first minute.
    pub(super) first: i64,
    /// The number of the minute after the last one.
    pub(super) end: i64,
    /// How often the probe ran then, in milliseconds.
    pub(super) interval_ms: i64,
    /// What each of them holds.
    pub(super) cell: Cell,
}

impl Stretch {
    /// A minute alone.
    pub(super) const fn one(at: At, interval_ms: i64, cell: Cell) -> Self {
        Self { era: at.era, first: at.minute, end: at.minute + 1, interval_ms, cell }
    }

    /// How many of its minutes are among `minutes`.
    pub(super) fn within(&self, minutes: &Range<i64>) -> u64 {
        self.end.min(minutes.end).saturating_sub(self.first.max(minutes.start)).max(0).unsigned_abs()
    }
}

/// The minutes of a probe.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    /// Where they begin.
    pub(super) offset_s: i64,
    /// In order of eras and minutes; those of an era share no minute.
    pub(super) stretches: Vec<Stretch>,
    /// When probes were being run.
    pub(super) spans: Vec<Span>,
}

impl Minutes {
    /// Puts a day behind all that is there.
    pub(super) fn push_day(&mut self, era: i64, day: i64, interval_ms: i64, minutes: Vec<(Range<i64>, Cell)>) {
        let begin = day * MINUTES;
        let stretch = |(alike, cell): (Range<i64>, Cell)| {
            let (first, end) = (begin + alike.start, begin + alike.end);
            Stretch { era, first, end, interval_ms, cell }
        };
        self.stretches.extend(minutes.into_iter().map(stretch));
    }

    /// Adds what one minute holds to what is there of it.
    pub(super) fn add(&mut self, at: At, interval_ms: i64, cell: Cell) {
        let index = self.stretches.partition_point(|one| (one.era, one.end) <= (at.era, at.minute));
        let Some(there) = self.stretches.get(index).filter(|one| one.era == at.era && one.first <= at.minute) else {
            return self.stretches.insert(index, Stretch::one(at, interval_ms, cell));
        };
        let mut here = Stretch::one(at, there.interval_ms, cell);
        here.cell.add(&there.cell);
        let (before, after) =
            (Stretch { end: here.first, ..there.clone() }, Stretch { first: here.end, ..there.clone() });
        let parts = [before, here, after].into_iter().filter(|part| part.first < part.end);
        drop(self.stretches.splice(index..=index, parts));
    }

    /// Why runs failed in the minutes that begin in `from`..`until` (seconds of Unix time).
    pub(super) fn causes(&self, from: i64, until: i64) -> Causes {
        let number = |time: i64| time.saturating_sub(self.offset_s).div_euclid(60);
        let minutes = number(from)..number(until);
        let mut causes = Causes::default();
        for one in &self.stretches {
            let times = one.within(&minutes);
            for (reason, count) in one.cell.failures.iter().filter(|_| times > 0) {
                *causes.reasons.entry(reason.to_string()).or_default() += count * times;
            }
            for (step, count) in one.cell.steps.iter().filter(|_| times > 0) {
                *causes.steps.entry(step.clone()).or_default() += count * times;
            }
        }
        causes
    }

    /// Leaves nothing but `minutes`.
    pub(super) fn keep(&mut self, minutes: &Range<i64>) {
        self.stretches.retain_mut(|one| {
            (one.first, one.end) = (one.first.max(minutes.start), one.end.min(minutes.end));
            one.first < one.end
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn each(minutes: &Minutes) -> BTreeMap<(i64, i64), u64> {
        let of = |one: &Stretch| (one.first..one.end).map(|minute| ((one.era, minute), one.cell.good)).collect();
        let lists: Vec<Vec<_>> = minutes.stretches.iter().map(of).collect();
        assert!(lists.concat().is_sorted_by(|one, other| one.0 < other.0), "{:?}", minutes.stretches);
        lists.concat().into_iter().collect()
    }

    proptest! {
        #[test]
        fn minutes_that_come_late_are_added_where_they_belong(
            added in prop::collection::vec((0i64..3, -5i64..60), 0..60),
            kept in (-10i64..70, -10i64..70)
        ) {
            let cell = |good| Cell { good, ..Cell::default() };
            let mut minutes = Minutes::default();
            for era in [0, 2] {
                minutes.push_day(era, 0, 30_000, vec![(0..20, cell(2)), (20..21, cell(1)), (30..50, cell(2))]);
            }
            let mut expected = each(&minutes);
            for (era, minute) in added {
                minutes.add(At { era, minute }, 30_000, cell(1));
                *expected.entry((era, minute)).or_default() += 1;
            }
            prop_assert_eq!(each(&minutes), expected.clone());
            let within: u64 = minutes.stretches.iter().map(|one| one.within(&(kept.0..kept.1))).sum();
            minutes.keep(&(kept.0..kept.1));
            expected.retain(|(_, minute), _| (kept.0..kept.1).contains(minute));
            prop_assert_eq!(within, expected.len() as u64);
            prop_assert_eq!(each(&minutes), expected);
        }
    }
}
