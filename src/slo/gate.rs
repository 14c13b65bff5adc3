//! The gate: a state machine over the remaining budget, with hysteresis.
//!
//! Open → closed when the remaining budget is at or below `close_at`; closed → open when it is at or above
//! `resume_at`, or when that much has come back since the lowest point, yet never at or below `close_at`. An unknown SLO
//! keeps the latch as it was. The generated rules hold the same machine.

use super::budget::to_f64;
use super::plan::SloPlan;
use crate::spec::model::Resume;

/// When the gate closes and opens, in seconds of budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// It closes at or below this.
    pub close_at: f64,
    /// It opens at or above this, or when this much has come back.
    pub resume_at: f64,
    /// Which of the two.
    pub resume: Resume,
}

impl Thresholds {
    /// The thresholds of an SLO.
    #[must_use]
    pub fn of(plan: &SloPlan) -> Self {
        Self { close_at: to_f64(plan.close_at), resume_at: to_f64(plan.resume_at), resume: plan.slo.gate.resume }
    }

    /// The remaining budget in seconds at which a gate opens that closed and fell to `trough` since.
    #[must_use]
    pub fn opens_at(&self, trough: f64) -> f64 {
        match self.resume {
            Resume::AtLevel => self.resume_at,
            Resume::FromTrough => trough + self.resume_at,
        }
    }
}

/// The latch of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latch {
    /// Deployments may go on.
    Open,
    /// Deployments stop.
    Closed,
}

/// What the gate knows of its past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// The latch.
    pub latch: Latch,
    /// The least that remained since it closed, in seconds; what remains, while it is open.
    pub trough: f64,
}

/// The gate after seeing `remaining` seconds of a *known* SLO, given the gate before.
///
/// Without a gate before, it starts open unless the budget is at or below `close_at`.
#[must_use]
pub fn step(before: Option<Held>, remaining: f64, thresholds: &Thresholds) -> Held {
    let trough = match before {
        Some(Held { latch: Latch::Closed, trough }) => trough.min(remaining),
        _ => remaining,
    };
    let latch = if remaining <= thresholds.close_at {
        Latch::Closed
    } else if remaining >= thresholds.opens_at(trough) {
        Latch::Open
    } else {
        before.map_or(Latch::Open, |before| before.latch)
    };
    Held { latch, trough }
}

/// What the gate went through.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Replay {
    /// The gate in the end; none if the SLO was never known.
    pub held: Option<Held>,
    /// While it is closed: since when, in seconds of Unix time.
    pub closed_since: Option<i64>,
    /// While it is open: when it opened after it had been closed; none if it was never seen closed.
    pub opened_at: Option<i64>,
}

impl Replay {
    /// The latch in the end.
    #[must_use]
    pub fn latch(&self) -> Option<Latch> {
        self.held.map(|held| held.latch)
    }

    /// While it is closed: the least that remained since then, in seconds.
    #[must_use]
    pub fn trough(&self) -> Option<f64> {
        self.held.filter(|held| held.latch == Latch::Closed).map(|held| held.trough)
    }
}

/// Goes through moments in order of time, in seconds of Unix time, with what remained of a *known* SLO, in seconds.
#[must_use]
pub fn replay(known: impl IntoIterator<Item = (i64, f64)>, thresholds: &Thresholds) -> Replay {
    known.into_iter().fold(Replay::default(), |before, (at, remaining)| {
        let held = step(before.held, remaining, thresholds);
        let closed_since = (held.latch == Latch::Closed).then(|| before.closed_since.unwrap_or(at));
        let opened_at = match held.latch {
            Latch::Closed => None,
            Latch::Open if before.latch() == Some(Latch::Closed) => Some(at),
            Latch::Open => before.opened_at,
        };
        Replay { held: Some(held), closed_since, opened_at }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AT_LEVEL: Thresholds = Thresholds { close_at: 0.0, resume_at: 600.0, resume: Resume::AtLevel };
    const FROM_TROUGH: Thresholds = Thresholds { resume: Resume::FromTrough, ..AT_LEVEL };

    fn replay(remaining: &[f64], thresholds: &Thresholds) -> Option<Held> {
        super::replay((0..).zip(remaining.iter().copied()), thresholds).held
    }

    fn latch(remaining: &[f64], thresholds: &Thresholds) -> Option<Latch> {
        replay(remaining, thresholds).map(|held| held.latch)
    }

    #[test]
    fn a_closed_gate_waits_for_resume_at() {
        assert_eq!(latch(&[100.0], &AT_LEVEL), Some(Latch::Open));
        assert_eq!(latch(&[100.0, 0.0, 599.9], &AT_LEVEL), Some(Latch::Closed));
        assert_eq!(latch(&[100.0, -5.0, 599.9, 600.0, 1.0], &AT_LEVEL), Some(Latch::Open));
    }

    #[test]
    fn or_for_that_much_to_come_back() {
        assert_eq!(latch(&[100.0, -180.0, 419.9], &FROM_TROUGH), Some(Latch::Closed));
        assert_eq!(latch(&[100.0, -180.0, 420.0], &FROM_TROUGH), Some(Latch::Open));
        // A lower point counts, and an open gate has none.
        assert_eq!(latch(&[100.0, -180.0, -200.0, 399.9], &FROM_TROUGH), Some(Latch::Closed));
        assert_eq!(latch(&[100.0, -180.0, 420.0, 1.0], &FROM_TROUGH), Some(Latch::Open));
        // What has come back is not enough while nothing remains.
        assert_eq!(latch(&[100.0, -1800.0, -1000.0], &FROM_TROUGH), Some(Latch::Closed));
        assert_eq!(latch(&[100.0, -1800.0, -1000.0, 0.1], &FROM_TROUGH), Some(Latch::Open));
        assert_eq!(replay(&[100.0, -1800.0, -1000.0], &FROM_TROUGH).map(|held| held.trough), Some(-1800.0));
    }

    #[test]
    fn a_closed_gate_knows_since_when_and_how_low_it_was() {
        let history = [(10, 100.0), (20, -5.0), (30, -20.0), (40, 300.0), (50, 700.0), (60, 0.0), (70, 1.0)];
        let at = |end: usize| {
            let replay = super::replay(history.iter().copied().take(end), &AT_LEVEL);
            (replay.latch(), replay.closed_since, replay.opened_at, replay.trough())
        };
        assert_eq!(at(0), (None, None, None, None));
        assert_eq!(at(1), (Some(Latch::Open), None, None, None));
        assert_eq!(at(4), (Some(Latch::Closed), Some(20), None, Some(-20.0)));
        assert_eq!(at(5), (Some(Latch::Open), None, Some(50), None));
        assert_eq!(at(7), (Some(Latch::Closed), Some(60), None, Some(0.0)));
    }

    proptest! {
        #[test]
        fn it_never_opens_below_resume_at_after_a_closing(
            remaining in prop::collection::vec(-900.0..1500.0f64, 1..200), from_trough: bool,
        ) {
            let thresholds = if from_trough { FROM_TROUGH } else { AT_LEVEL };
            let (mut held, mut lowest): (Option<Held>, f64) = (None, f64::INFINITY);
            for seconds in remaining {
                let after = step(held, seconds, &thresholds);
                if held.map(|held| held.latch) == Some(Latch::Closed) {
                    lowest = lowest.min(seconds);
                    if after.latch == Latch::Open {
                        prop_assert!(seconds > thresholds.close_at);
                        let enough = if from_trough { lowest + 600.0 } else { 600.0 };
                        prop_assert!(seconds >= enough);
                    }
                } else {
                    lowest = seconds;
                }
                held = Some(after);
            }
        }

        #[test]
        fn inside_the_band_it_stays_as_it_is(
            remaining in prop::collection::vec(0.1..599.9f64, 1..200), first in -900.0..1500.0f64,
        ) {
            let start = step(None, first, &AT_LEVEL);
            let states = remaining.iter().scan(start, |held, seconds| {
                *held = step(Some(*held), *seconds, &AT_LEVEL);
                Some(held.latch)
            });
            for state in states {
                prop_assert_eq!(state, start.latch);
            }
        }

        #[test]
        fn a_replay_from_before_the_last_closing_agrees(
            remaining in prop::collection::vec(-900.0..1500.0f64, 1..200), from_trough: bool, earlier in 0.0..=1.0f64,
        ) {
            let thresholds = if from_trough { FROM_TROUGH } else { AT_LEVEL };
            // The moment at which it closed, not the last at which it had reason to.
            let states: Vec<Latch> = remaining
                .iter()
                .scan(None, |held, seconds| {
                    *held = Some(step(*held, *seconds, &thresholds));
                    held.map(|held| held.latch)
                })
                .collect();
            let closes = |at: &usize| states[*at] == Latch::Closed && (*at == 0 || states[*at - 1] == Latch::Open);
            let closing = (0..states.len()).rev().find(closes).unwrap_or(0);
            let whole = replay(&remaining, &thresholds);
            prop_assert_eq!(whole, replay(&remaining[closing..], &thresholds));
            // Any start before it will do as well.
            let start = (closing as f64 * earlier) as usize;
            prop_assert_eq!(whole, replay(&remaining[start..], &thresholds));
        }
    }
}
