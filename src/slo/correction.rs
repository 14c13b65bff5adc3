//! Corrections: bad events that do not count against the net budget, because of when they happened.
//!
//! A correction takes out whole slices: each that it touches. It counts from the moment at which it was said, so that
//! what was decided before stays as it was decided. Good events and observed time stay as they are, so that the net
//! budget is what remains and the seconds that the excused events had spent.

use super::budget::Slice;
use crate::units::Duration;

/// A time whose bad events are excused, in seconds of Unix time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// From when.
    pub from: i64,
    /// Until when.
    pub until: i64,
    /// It counts from this moment on.
    pub said: i64,
    /// And no longer from this one on, if it was withdrawn.
    pub withdrawn: Option<i64>,
}

impl Correction {
    fn counts(&self, at: i64) -> bool {
        self.said <= at && self.withdrawn.is_none_or(|withdrawn| at < withdrawn)
    }
}

/// The bad events that are excused in the window that ends where each slice ends.
///
/// `slices` are of length `slice` and in order of time. What was said after a slice ended counts from the next one on;
/// only the newest slice at `now` (seconds of Unix time) knows what is known now, so that nobody waits for the next.
#[must_use]
pub fn at_each_end(
    slices: &[Slice],
    slice: Duration,
    window: Duration,
    corrections: &[Correction],
    now: i64,
) -> Vec<f64> {
    let newest = slices.partition_point(|one| one.end <= now);
    let mut changes: Vec<i64> = corrections.iter().flat_map(|one| [Some(one.said), one.withdrawn]).flatten().collect();
    changes.sort_unstable();
    let mut known: Option<(usize, Sums)> = None;
    let mut start = 0;
    let excused = |(at, one): (usize, &Slice)| {
        let knows = if at + 1 == newest { now } else { one.end };
        let change = changes.partition_point(|change| *change <= knows);
        let sums = match known.take() {
            Some((of, sums)) if of == change => sums,
            _ => Sums::of(slices, slice, corrections, knows),
        };
        while slices.get(start).is_some_and(|first| first.end <= one.end.saturating_sub(seconds(window))) {
            start += 1;
        }
        let excused = sums.between(start, at + 1);
        known = Some((change, sums));
        excused
    };
    slices.iter().enumerate().map(excused).collect()
}

/// The bad events that are excused in the window that ends at `at`, by what is known at `now`.
#[must_use]
pub fn in_window(
    slices: &[Slice],
    slice: Duration,
    window: Duration,
    corrections: &[Correction],
    (at, now): (i64, i64),
) -> f64 {
    let start = slices.partition_point(|one| one.end <= at.saturating_sub(seconds(window)));
    let end = slices.partition_point(|one| one.end <= at);
    Sums::of(slices, slice, corrections, now).between(start, end)
}

/// The slices without the bad events that are excused at `now`.
#[must_use]
pub fn net(slices: &[Slice], slice: Duration, corrections: &[Correction], now: i64) -> Vec<Slice> {
    let excused = is_excused(slices, slice, corrections, now);
    let net = |(one, excused): (&Slice, bool)| Slice { bad: if excused { 0.0 } else { one.bad }, ..*one };
    slices.iter().zip(excused).map(net).collect()
}

/// Excused bad events, added up so that any stretch of slices is a difference.
struct Sums(Vec<f64>);

impl Sums {
    fn of(slices: &[Slice], slice: Duration, corrections: &[Correction], knows: i64) -> Self {
        let excused = is_excused(slices, slice, corrections, knows);
        let mut sum = 0.0;
        let add = |(one, excused): (&Slice, bool)| {
            sum += if excused { one.bad } else { 0.0 };
            sum
        };
        Self(std::iter::once(0.0).chain(slices.iter().zip(excused).map(add)).collect())
    }

    fn between(&self, start: usize, end: usize) -> f64 {
        let sum = |at: usize| self.0.get(at).copied().unwrap_or_default();
        sum(end) - sum(start)
    }
}

/// Of each slice whether a correction that counts at `knows` touches it.
fn is_excused<'a>(
    slices: &'a [Slice],
    slice: Duration,
    corrections: &[Correction],
    knows: i64,
) -> impl Iterator<Item = bool> + 'a {
    let length = seconds(slice);
    let mut spans: Vec<(i64, i64)> =
        corrections.iter().filter(|one| one.counts(knows)).map(|one| (one.from, one.until)).collect();
    spans.sort_unstable();
    let mut spans = spans.into_iter().peekable();
    // The end of all that began so far.
    let mut until = i64::MIN;
    slices.iter().map(move |one| {
        while let Some((_, ends)) = spans.next_if(|(from, _)| *from < one.end) {
            until = until.max(ends);
        }
        until > one.end.saturating_sub(length)
    })
}

/// Whole seconds of a duration.
fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis() / 1_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::budget::{Tallies, spend, spike_seconds};
    use proptest::prelude::*;

    const STEP: Duration = Duration::from_mins(5);

    fn slices(bad: &[f64]) -> Vec<Slice> {
        (1i64..).zip(bad).map(|(number, bad)| Slice { end: number * 300, bad: *bad, total: 10.0 }).collect()
    }

    fn correction(from: i64, until: i64, said: i64, withdrawn: Option<i64>) -> Correction {
        Correction { from, until, said, withdrawn }
    }

    #[test]
    fn every_slice_that_is_touched_is_excused_and_no_other() {
        let slices = slices(&[1.0, 2.0, 4.0, 8.0]);
        let excused =
            |from, until| in_window(&slices, STEP, STEP.times(9), &[correction(from, until, 0, None)], (1_200, 1_200));
        assert_eq!(
            [excused(0, 300), excused(300, 600), excused(299, 601), excused(1_200, 1_500)],
            [1.0, 2.0, 7.0, 0.0]
        );
        let net: Vec<f64> =
            net(&slices, STEP, &[correction(301, 302, 0, None)], 1_200).iter().map(|one| one.bad).collect();
        assert_eq!(net, [1.0, 0.0, 4.0, 8.0]);
    }

    #[test]
    fn what_was_decided_before_stays_as_it_was() {
        let slices = slices(&[5.0, 0.0, 0.0, 0.0, 0.0]);
        let said = [correction(0, 300, 700, Some(1_300))];
        let at = |now| at_each_end(&slices, STEP, STEP.times(9), &said, now);
        assert_eq!(at(9_000), [0.0, 0.0, 5.0, 5.0, 0.0]);
        // At 10 minutes and 700 seconds: the newest slice knows at once, and later it is as if it had not.
        assert_eq!(at(700)[..2], [0.0, 5.0]);
        assert_eq!(at_each_end(&slices, STEP, STEP.times(2), &said, 9_000), [0.0; 5], "it has left the window");
    }

    proptest! {
        #[test]
        fn net_is_gross_and_what_the_excused_events_had_spent(
            bad in prop::collection::vec(0u8..=10, 1..60),
            spans in prop::collection::vec((0i64..18_000, 1i64..6_000), 0..5),
            window in 1u64..80,
        ) {
            let bad: Vec<f64> = bad.into_iter().map(f64::from).collect();
            let slices = slices(&bad);
            let corrections: Vec<_> = spans.iter().map(|(from, length)| correction(*from, from + length, 0, None)).collect();
            let window = STEP.times(window);
            let now = slices.last().map_or(0, |one| one.end);
            let excused = at_each_end(&slices, STEP, window, &corrections, now);
            let without = net(&slices, STEP, &corrections, now);
            let (gross, net) = (Tallies::new(&slices, STEP), Tallies::new(&without, STEP));
            for ((end, tally), excused) in gross.at_each_end(window).zip(excused) {
                let remaining = spend(300.0, STEP, &tally, end).remaining + spike_seconds(excused, &tally);
                let expected = spend(300.0, STEP, &net.tally(window, end), end).remaining;
                prop_assert!((remaining - expected).abs() < 1e-9, "{remaining} {expected}");
                let alone = in_window(&slices, STEP, window, &corrections, (end, now));
                prop_assert!((alone - excused).abs() < 1e-9);
            }
        }
    }
}
