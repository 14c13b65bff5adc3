//! When runs took place: on a clock of our own that no step of the machine's clock can tear or fold.
//!
//! Time passes as the timers' clock says, from where the machine's clock stood. A machine's clock that is set forward
//! leaves a hole in which nothing was observed. One that is set back begins a new era: its minutes are kept apart from
//! those that the machine counts a second time, so that nothing is lost and nothing is counted for both.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How far the two clocks may be apart before the machine's clock was set; less is drift, which is followed.
const STEP_MS: i64 = 2_000;

/// A clock that was set back by less than this stays in its era: less time than a slice is counted once instead of
/// twice.
const ERA_MS: i64 = 300_000;

/// The two clocks of a machine.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Milliseconds of Unix time; may be set at any moment.
    fn unix_ms(&self) -> i64;

    /// Time that passed since some moment; never set.
    fn ticks(&self) -> Duration;
}

/// The clocks of this machine.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn unix_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        millis(since)
    }

    fn ticks(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Whole milliseconds.
pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A moment of an era.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// How often the clock was set back before it.
    pub(super) era: i64,
    /// Milliseconds of Unix time.
    pub(super) unix_ms: i64,
}

/// Where our clock stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    era: i64,
    anchor_unix_ms: i64,
    anchor_ticks: Duration,
}

/// How the machine's clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// By how many milliseconds; negative when it was set back.
    pub(super) by_ms: i64,
}

impl Timeline {
    /// Begins at this moment.
    pub(super) fn begin(clock: &dyn Clock) -> Self {
        Self { era: 0, anchor_unix_ms: clock.unix_ms(), anchor_ticks: clock.ticks() }
    }

    /// How often the clock was set back.
    pub(super) const fn era(&self) -> i64 {
        self.era
    }

    /// Goes on in the era of a history whose last moment is `last_unix_ms`, or in the next if that lies ahead.
    pub(super) fn resume(&mut self, era: i64, last_unix_ms: i64) {
        let was_set_back = last_unix_ms.saturating_sub(self.anchor_unix_ms) >= ERA_MS;
        self.era += era + i64::from(was_set_back);
    }

    /// This moment, and whether the machine's clock was set since the last look.
    pub(super) fn now(&mut self, clock: &dyn Clock) -> (Moment, Option<Step>) {
        let ticks = clock.ticks();
        let passed = self.anchor_unix_ms.saturating_add(millis(ticks.saturating_sub(self.anchor_ticks)));
        let unix_ms = clock.unix_ms();
        let by_ms = unix_ms.saturating_sub(passed);
        (self.anchor_unix_ms, self.anchor_ticks) = (unix_ms, ticks);
        if by_ms <= -ERA_MS {
            self.era += 1;
        }
        let step = (by_ms.abs() >= STEP_MS).then_some(Step { by_ms });
        (Moment { era: self.era, unix_ms }, step)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::ManualClock;
    use super::*;

    #[test]
    fn only_a_clock_that_is_set_back_begins_an_era() {
        let clock = ManualClock::at(1_000_000);
        let mut line = Timeline::begin(&clock);
        let mut look = |seconds, set| {
            clock.pass(Duration::from_secs(seconds));
            clock.set(set);
            let (moment, step) = line.now(&clock);
            (moment.era, moment.unix_ms / 1_000, step.map(|step| step.by_ms / 1_000))
        };
        assert_eq!(look(10, 0), (0, 1_000_010, None));
        assert_eq!(look(10, 1), (0, 1_000_021, None), "drift is followed");
        assert_eq!(look(10, 3_600), (0, 1_003_631, Some(3_600)));
        assert_eq!(look(10, -3_600), (1, 1_000_041, Some(-3_600)));
        assert_eq!(look(10, -30), (1, 1_000_021, Some(-30)), "less than a slice");
    }

    #[test]
    fn a_history_that_lies_ahead_is_of_an_earlier_era() {
        let clock = ManualClock::at(1_000_000);
        let era = |last: i64| {
            let mut line = Timeline::begin(&clock);
            line.resume(4, last * 1_000);
            line.now(&clock).0.era
        };
        assert_eq!([era(0), era(999_999), era(1_000_299), era(1_000_301)], [4, 4, 4, 5]);
    }
}
