//! Error budgets in seconds: what a window allows, what was spent, what is left.
//!
//! consumed = (bad / total) × observed time, for every kind of SLI, so that a failed run of a steady probe
//! costs its interval, a new SLO starts with its whole budget, and missing data neither drains nor refills.

use crate::units::{Duration, Objective};

/// Coverage in percent under which an SLO is unknown.
pub const LEAST_COVERAGE_PERCENT: i64 = 90;

/// An SLO whose newest slice is as old as this many slices is unknown.
pub const STALE_SLICES: u64 = 3;

/// Events of one slice of time. A slice in which nothing was observed does not exist.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    /// When the slice ends, in seconds of Unix time; it holds the events of the time before.
    pub end: i64,
    /// Bad events; whole for counters, a fraction of one for ratios.
    pub bad: f64,
    /// All events.
    pub total: f64,
}

/// What was counted in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Bad events.
    pub bad: f64,
    /// All events.
    pub total: f64,
    /// Time that was observed, in seconds: slices in use times their length.
    pub observed: f64,
    /// Time since the window or the SLO began, whichever is later, in seconds.
    pub expected: f64,
    /// When the newest slice ended, in seconds of Unix time.
    pub newest: Option<i64>,
}

/// An error budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// What the window allows, P·b, in seconds.
    pub total: f64,
    /// What was spent, in seconds.
    pub consumed: f64,
    /// What is left, in seconds; negative when overspent.
    pub remaining: f64,
    /// What was spent but does not count, in seconds.
    pub corrected: f64,
    /// Bad over all events, 0 where nothing was counted.
    pub error_ratio: f64,
    /// Observed over expected time, from 0 to 1.
    pub coverage: f64,
    /// Whether this can be relied on.
    pub state: State,
}

impl Budget {
    /// The same where so many seconds of what was spent do not count.
    #[must_use]
    pub const fn corrected_by(self, seconds: f64) -> Self {
        Self { corrected: seconds, ..self }
    }

    /// What is left when what does not count is left out, in seconds: the gate decides by it.
    #[must_use]
    pub fn net(&self) -> f64 {
        self.remaining + self.corrected
    }
}

/// Whether a budget can be relied on. Missing data is neither good nor bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Enough was observed, and lately.
    Known,
    /// Nothing was ever observed in the window.
    NoData,
    /// The newest data are too old.
    Stale,
    /// Less than nine tenths of the expected time were observed.
    Partial,
}

/// The whole budget P·b in seconds, from exact decimals.
#[must_use]
pub fn total_seconds(objective: Objective, window: Duration) -> rust_decimal::Decimal {
    (objective.error_budget() * window.as_secs()).normalize()
}

/// The slices that end in (`now` − `window`, `now`], which must be in order of time, added up.
///
/// `slice` is the length of each and `now` in seconds of Unix time.
#[must_use]
pub fn tally(slices: &[Slice], window: Duration, slice: Duration, now: i64) -> Tally {
    let from = now.saturating_sub(seconds(window));
    let start = slices.partition_point(|one| one.end <= from);
    let end = slices.partition_point(|one| one.end <= now);
    let inside = slices.get(start..end).unwrap_or_default();
    let mut tally = Tally { newest: inside.last().map(|one| one.end), ..Tally::default() };
    for one in inside {
        tally.bad += one.bad;
        tally.total += one.total;
        tally.observed += slice.as_secs_f64();
    }
    if let Some(first) = inside.first() {
        tally.expected = expected(first.end, window, slice, now);
    }
    tally
}

/// Slices added up once, so that the tally of any window at any moment takes no more than looking up its ends.
///
/// Whole counts are exact, as in [`tally`]; sums of fractions may differ from it in their last digits.
#[derive(Clone, Debug)]
pub struct Tallies<'a> {
    slices: &'a [Slice],
    slice: Duration,
    /// Bad and all events of the slices up to each, beginning with none.
    sums: Vec<(f64, f64)>,
    /// Whether there were slices before these, which are lost.
    is_cut: bool,
}

impl<'a> Tallies<'a> {
    /// Adds up slices of length `slice`, which must be in order of time.
    #[must_use]
    pub fn new(slices: &'a [Slice], slice: Duration) -> Self {
        let mut sum = (0.0, 0.0);
        let add = |one: &Slice| {
            sum = (sum.0 + one.bad, sum.1 + one.total);
            sum
        };
        let sums = std::iter::once((0.0, 0.0)).chain(slices.iter().map(add)).collect();
        Self { slices, slice, sums, is_cut: false }
    }

    /// The same where there were slices before these, which are lost: the SLO is then older than its first slice, and
    /// of a window that reaches back further the rest was not observed.
    #[must_use]
    pub fn cut(slices: &'a [Slice], slice: Duration) -> Self {
        Self { is_cut: true, ..Self::new(slices, slice) }
    }

    /// What [`tally`] says of the slices that end in (`now` − `window`, `now`].
    #[must_use]
    pub fn tally(&self, window: Duration, now: i64) -> Tally {
        let from = now.saturating_sub(seconds(window));
        let start = self.slices.partition_point(|one| one.end <= from);
        let end = self.slices.partition_point(|one| one.end <= now);
        self.between(start, end, window, now)
    }

    /// The tally of the window that ends where each slice ends, in order of time, in one go over the slices.
    pub fn at_each_end(&self, window: Duration) -> impl Iterator<Item = (i64, Tally)> + '_ {
        let length = seconds(window);
        let mut start = 0;
        self.slices.iter().enumerate().map(move |(at, slice)| {
            let from = slice.end.saturating_sub(length);
            while self.slices.get(start).is_some_and(|one| one.end <= from) {
                start += 1;
            }
            (slice.end, self.between(start, at + 1, window, slice.end))
        })
    }

    /// The tally of the slices `start`..`end`, which are those of a window that ends at `now`.
    #[allow(clippy::cast_precision_loss)] // a number of slices
    fn between(&self, start: usize, end: usize, window: Duration, now: i64) -> Tally {
        let inside = self.slices.get(start..end).unwrap_or_default();
        let (Some(first), Some(last)) = (inside.first(), inside.last()) else { return Tally::default() };
        let sum = |at: usize| self.sums.get(at).copied().unwrap_or_default();
        let ((bad_before, total_before), (bad, total)) = (sum(start), sum(end));
        Tally {
            bad: bad - bad_before,
            total: total - total_before,
            observed: inside.len() as f64 * self.slice.as_secs_f64(),
            expected: match self.is_cut {
                true => window.as_secs_f64(),
                false => expected(first.end, window, self.slice, now),
            },
            newest: Some(last.end),
        }
    }
}

/// min(P, age): the age of an SLO counts from the start of its first slice.
#[allow(clippy::cast_precision_loss)] // Unix seconds fit a double
fn expected(first_end: i64, window: Duration, slice: Duration, now: i64) -> f64 {
    ((now - first_end) as f64 + slice.as_secs_f64()).min(window.as_secs_f64())
}

/// The budget that a tally of slices of length `slice` leaves at `now`, in seconds of Unix time.
#[must_use]
pub fn budget(objective: Objective, window: Duration, slice: Duration, tally: &Tally, now: i64) -> Budget {
    spend(to_f64(total_seconds(objective, window)), slice, tally, now)
}

/// The same of a whole budget of `total` seconds, for whoever asks at many moments.
#[must_use]
pub fn spend(total: f64, slice: Duration, tally: &Tally, now: i64) -> Budget {
    let error_ratio = if tally.total > 0.0 { tally.bad / tally.total } else { 0.0 };
    let consumed = error_ratio * tally.observed;
    let coverage = if tally.expected > 0.0 { (tally.observed / tally.expected).min(1.0) } else { 0.0 };
    let state = match tally.newest {
        None => State::NoData,
        Some(newest) if now.saturating_sub(newest) >= seconds(slice.times(STALE_SLICES)) => State::Stale,
        Some(_) if coverage < least_coverage() => State::Partial,
        Some(_) => State::Known,
    };
    Budget { total, consumed, remaining: total - consumed, corrected: 0.0, error_ratio, coverage, state }
}

/// [`LEAST_COVERAGE_PERCENT`] as a ratio.
#[allow(clippy::cast_precision_loss)] // a percentage
fn least_coverage() -> f64 {
    LEAST_COVERAGE_PERCENT as f64 / 100.0
}

/// How many seconds of the budget one spike spent: its bad events × observed / total, so that spikes add up to
/// what was consumed.
#[must_use]
pub fn spike_seconds(bad: f64, tally: &Tally) -> f64 {
    if tally.total > 0.0 { bad * tally.observed / tally.total } else { 0.0 }
}

/// A decimal as the double that Prometheus would read.
#[must_use]
pub fn to_f64(decimal: rust_decimal::Decimal) -> f64 {
    decimal.to_string().parse().unwrap_or(f64::NAN)
}

/// Whole seconds of a duration.
fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis() / 1_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60;

    fn objective(text: &str) -> Objective {
        text.parse().expect(text)
    }

    fn slices(counts: impl IntoIterator<Item = (i64, f64, f64)>) -> Vec<Slice> {
        counts.into_iter().map(|(end, bad, total)| Slice { end, bad, total }).collect()
    }

    #[test]
    fn an_hour_old_slo_with_six_bad_minutes_has_37_2_minutes_left() {
        let history = slices((1..=60).map(|minute| (minute * MINUTE, if minute <= 6 { 2.0 } else { 0.0 }, 2.0)));
        let month = Duration::from_days(30);
        let tally = tally(&history, month, Duration::from_mins(1), 3600);
        let budget = budget(objective("99.9"), month, Duration::from_mins(1), &tally, 3600);
        assert!((budget.total / 60.0 - 43.2).abs() < 1e-9);
        assert!((budget.remaining / 60.0 - 37.2).abs() < 1e-9, "{budget:?}");
        assert_eq!(budget.state, State::Known);
    }

    #[test]
    fn nothing_counted_is_nothing_spent_and_no_nan() {
        let empty = tally(&[], Duration::from_days(30), Duration::from_mins(5), 0);
        let none = budget(objective("99.9"), Duration::from_days(30), Duration::from_mins(5), &empty, 0);
        assert_eq!((none.consumed, none.error_ratio, none.coverage, none.state), (0.0, 0.0, 0.0, State::NoData));
        let idle = slices([(300, 0.0, 0.0), (600, 0.0, 0.0)]);
        let idle = tally(&idle, Duration::from_days(30), Duration::from_mins(5), 600);
        let idle = budget(objective("99.9"), Duration::from_days(30), Duration::from_mins(5), &idle, 600);
        assert_eq!((idle.consumed, idle.coverage, idle.state), (0.0, 1.0, State::Known));
    }

    #[test]
    fn what_was_lost_shows_as_coverage() {
        // Ten days are left of a month.
        let history = slices((1..=2_880).map(|at| (at * 300, 0.0, 10.0)));
        let (month, slice, now) = (Duration::from_days(30), Duration::from_mins(5), 2_880 * 300);
        let coverage = |tallies: Tallies<'_>| spend(1.0, slice, &tallies.tally(month, now), now).coverage;
        assert_eq!(coverage(Tallies::new(&history, slice)), 1.0);
        assert!((coverage(Tallies::cut(&history, slice)) - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_vanished_target_neither_drains_nor_refills() {
        let history = slices((1..=288).map(|at| (at * 300, if at == 100 { 10.0 } else { 0.0 }, 10.0)));
        let month = Duration::from_days(30);
        let slice = Duration::from_mins(5);
        let at = |now| budget(objective("99.9"), month, slice, &tally(&history, month, slice, now), now);
        let before = at(288 * 300);
        let later = at(288 * 300 + 7200);
        assert!((before.remaining - later.remaining).abs() < 1e-9);
        assert_eq!((before.state, later.state), (State::Known, State::Stale));
        assert!(later.coverage < before.coverage);
    }

    proptest! {
        #[test]
        fn sums_made_once_say_what_adding_up_says(
            counts in prop::collection::vec((0u32..3, 1u32..4, 1i64..4), 0..200),
            window in 1u64..120, now in -10i64..700,
        ) {
            let mut end = 0;
            let history = slices(counts.into_iter().map(|(bad, total, apart)| {
                end += apart * MINUTE;
                (end, f64::from(bad.min(total)), f64::from(total))
            }));
            let (window, minute) = (Duration::from_mins(window), Duration::from_mins(1));
            let now = now * MINUTE / 2;
            let tallies = Tallies::new(&history, minute);
            prop_assert_eq!(tallies.tally(window, now), tally(&history, window, minute, now));
            let at_ends: Vec<_> = tallies.at_each_end(window).collect();
            let looked_up: Vec<_> = history.iter().map(|one| (one.end, tallies.tally(window, one.end))).collect();
            prop_assert_eq!(at_ends, looked_up);
        }

        #[test]
        fn spikes_add_up_to_what_was_consumed(counts in prop::collection::vec((0u32..20, 20u32..40), 1..200)) {
            let history = slices(counts.iter().enumerate().map(|(at, (bad, total))| {
                ((i64::try_from(at).expect("short") + 1) * 300, f64::from(*bad), f64::from(*total))
            }));
            let now = history.last().expect("not empty").end;
            let day = Duration::from_days(1);
            let tally = tally(&history, day, Duration::from_mins(5), now);
            let budget = budget(objective("99"), day, Duration::from_mins(5), &tally, now);
            let inside = history.iter().filter(|slice| slice.end > now - 86_400);
            let spikes: f64 = inside.map(|slice| spike_seconds(slice.bad, &tally)).sum();
            prop_assert!((spikes - budget.consumed).abs() < 1e-6);
        }
    }
}
