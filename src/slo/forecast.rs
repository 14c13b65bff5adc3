//! What becomes of a budget if nothing more fails: slices that are still to come, and the remaining budget at each.
//!
//! For a probe this is exact, since it runs as often tomorrow as today. For events it assumes that the traffic of the
//! last seven days repeats, and whoever shows it has to say so.

use super::budget::{self, Slice, Tallies};
use super::change;
use super::gate::{self, Held, Latch, Thresholds};
use crate::units::Duration;

/// The traffic that is repeated.
const REPEATED: Duration = Duration::from_days(7);

/// The slices of the future, good events only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Traffic {
    /// So many events in every slice: a probe's runs.
    Steady(f64),
    /// What the last seven days had, over and over.
    Repeating,
}

/// A history with a future in which nothing fails.
#[derive(Clone, Debug)]
pub struct Forecast {
    slices: Vec<Slice>,
    window: Duration,
    slice: Duration,
    budget: f64,
    now: i64,
}

impl Forecast {
    /// Continues `slices`, which are of length `slice` and in order of time, from `now` (Unix seconds) for one window:
    /// by then all that has failed so far is forgotten. `budget` is the whole budget in seconds.
    #[must_use]
    pub fn of(slices: &[Slice], traffic: Traffic, window: Duration, slice: Duration, budget: f64, now: i64) -> Self {
        let step = i64::try_from(slice.as_millis() / 1_000).unwrap_or(i64::MAX).max(1);
        let known = slices.partition_point(|one| one.end <= now);
        let past = slices.get(..known).unwrap_or_default();
        let mut all = past.to_vec();
        // Slices end where those of the past do, whatever the phase.
        let last = past.last().map_or(now - now.rem_euclid(step), |one| one.end + (now - one.end) / step * step);
        let count = i64::try_from(window.count_of(slice)).unwrap_or(0);
        for number in 1..=count {
            let end = last + number * step;
            let total = match traffic {
                Traffic::Steady(total) => total,
                Traffic::Repeating => repeated(past, end, last, step),
            };
            all.push(Slice { end, bad: 0.0, total });
        }
        Self { slices: all, window, slice, budget, now }
    }

    /// The remaining budget in seconds at the end of every slice to come, with its time in Unix seconds.
    pub fn remaining(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        let tallies = Tallies::new(&self.slices, self.slice);
        let now = self.now;
        self.slices.iter().map(|one| one.end).filter(move |end| *end > now).map(move |end| {
            let tally = tallies.tally(self.window, end);
            (end, budget::spend(self.budget, self.slice, &tally, end).remaining)
        })
    }

    /// The first moment to come, in Unix seconds, at which at least `wanted` seconds remain.
    #[must_use]
    pub fn reaches(&self, wanted: f64) -> Option<i64> {
        self.remaining().find(|(_, remaining)| *remaining >= wanted).map(|(end, _)| end)
    }

    /// The first moment to come, in Unix seconds, at which a gate that is `held` now is open and lets `needed` seconds
    /// be spent. It is the moment at which the gate itself will say so, since it goes through the same slices.
    #[must_use]
    pub fn opens(&self, held: Held, thresholds: &Thresholds, needed: f64) -> Option<i64> {
        let gates = self.remaining().scan(held, |held, (end, remaining)| {
            *held = gate::step(Some(*held), remaining, thresholds);
            Some((end, *held, remaining))
        });
        let is_enough = |remaining: f64| change::available(remaining, thresholds.close_at) >= needed;
        let mut open = gates.filter(|(_, held, remaining)| held.latch == Latch::Open && is_enough(*remaining));
        open.next().map(|(end, _, _)| end)
    }
}

/// The traffic of the same slice some weeks before `end`, in the last week of what is known up to `last`.
fn repeated(past: &[Slice], end: i64, last: i64, step: i64) -> f64 {
    let week = i64::try_from(REPEATED.as_millis() / 1_000).unwrap_or(i64::MAX);
    let weeks = (end - last).div_euclid(week) + i64::from((end - last).rem_euclid(week) != 0);
    let then = end - weeks * week;
    let at = past.partition_point(|one| one.end <= then - step);
    past.get(at).filter(|one| one.end <= then).map_or(0.0, |one| one.total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::model::Resume;

    const MINUTE: i64 = 60;
    const DAY: i64 = 86_400;
    const SLICE: Duration = Duration::from_mins(5);
    const MONTH: Duration = Duration::from_days(30);

    /// Slices of a probe every 30 seconds for 30 days, some of which fail altogether.
    fn history(fails: impl Fn(i64) -> bool) -> Vec<Slice> {
        let ends = (1..=30 * DAY / (5 * MINUTE)).map(|number| number * 5 * MINUTE);
        ends.map(|end| Slice { end, bad: if fails(end) { 10.0 } else { 0.0 }, total: 10.0 }).collect()
    }

    #[test]
    fn what_failed_comes_back_when_it_leaves_the_window() {
        // 40 minutes on the third day and 10 on the tenth: 50 of 43.2 minutes are spent.
        let third = |end: i64| (2 * DAY..2 * DAY + 40 * MINUTE).contains(&(end - 1));
        let tenth = |end: i64| (9 * DAY..9 * DAY + 10 * MINUTE).contains(&(end - 1));
        let slices = history(|end| third(end) || tenth(end));
        let now = 30 * DAY;
        let forecast = Forecast::of(&slices, Traffic::Steady(10.0), MONTH, SLICE, 43.2 * 60.0, now);
        let first = forecast.remaining().next().expect("a slice to come");
        assert_eq!(first.0, now + 5 * MINUTE);
        assert!((first.1 / 60.0 + 6.8).abs() < 1e-9, "{first:?}");
        // 16.8 minutes have to come back for 10 to remain: four slices of five minutes leave the window.
        assert_eq!(forecast.reaches(600.0), Some(32 * DAY + 20 * MINUTE));
        assert_eq!(forecast.reaches(43.2 * 60.0), Some(39 * DAY + 10 * MINUTE));
        assert_eq!(forecast.reaches(43.3 * 60.0), None);
    }

    #[test]
    fn a_gate_opens_when_it_will_have_reason_to_and_a_change_when_it_fits() {
        let third = |end: i64| (2 * DAY..2 * DAY + 50 * MINUTE).contains(&(end - 1));
        let (slices, now) = (history(third), 30 * DAY);
        let forecast = Forecast::of(&slices, Traffic::Steady(10.0), MONTH, SLICE, 43.2 * 60.0, now);
        let thresholds = Thresholds { close_at: 0.0, resume_at: 600.0, resume: Resume::AtLevel };
        let opens = |latch, thresholds: Thresholds, needed| {
            forecast.opens(Held { latch, trough: -6.9 * 60.0 }, &thresholds, needed)
        };
        // 16.8 minutes have to come back, or 9.9 after a lowest point that was a little lower; five come at a time.
        assert_eq!(opens(Latch::Closed, thresholds, 0.0), Some(32 * DAY + 20 * MINUTE));
        let from_trough = Thresholds { resume: Resume::FromTrough, ..thresholds };
        assert_eq!(opens(Latch::Closed, from_trough, 0.0), Some(32 * DAY + 10 * MINUTE));
        assert_eq!(opens(Latch::Closed, thresholds, 1_080.0), Some(32 * DAY + 25 * MINUTE));
        assert_eq!(opens(Latch::Closed, thresholds, 2_593.0), None);
    }

    #[test]
    fn the_traffic_of_the_last_week_repeats() {
        let busy = |end: i64| if (end / DAY) % 7 < 5 { 100.0 } else { 1.0 };
        let slices: Vec<Slice> =
            history(|_| false).into_iter().map(|one| Slice { total: busy(one.end - 1), ..one }).collect();
        let now = 30 * DAY;
        let forecast = Forecast::of(&slices, Traffic::Repeating, MONTH, SLICE, 2592.0, now);
        let future: Vec<Slice> = forecast.slices.into_iter().filter(|one| one.end > now).collect();
        assert_eq!(future.len(), 8640);
        for one in future {
            assert_eq!(one.total, busy(one.end - 1), "{}", one.end);
        }
    }

    #[test]
    fn slices_that_nobody_saw_repeat_as_idle() {
        let slices: Vec<Slice> = history(|_| false).into_iter().filter(|one| one.end <= 29 * DAY).collect();
        let now = 30 * DAY;
        let forecast = Forecast::of(&slices, Traffic::Repeating, MONTH, SLICE, 2592.0, now);
        let day = |from: i64| {
            forecast.slices.iter().filter(move |one| one.end > from && one.end <= from + DAY).map(|one| one.total)
        };
        assert_eq!(day(36 * DAY).sum::<f64>(), 0.0);
        assert_eq!(day(35 * DAY).sum::<f64>(), 2880.0);
    }
}
