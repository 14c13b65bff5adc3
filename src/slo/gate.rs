//! The gate: a state machine over the remaining budget, with hysteresis.
//!
//! Open → closed when the remaining budget is at or below `close_at`; closed → open when it is at or above
//! `resume_at`. An unknown SLO keeps the latch as it was. The generated rules hold the same machine.

/// When the gate closes and opens, in seconds of budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// It closes at or below this.
    pub close_at: f64,
    /// It opens at or above this.
    pub resume_at: f64,
}

/// The latch of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latch {
    /// Deployments may go on.
    Open,
    /// Deployments stop.
    Closed,
}

/// The latch after seeing `remaining` seconds of a *known* SLO, given the latch before.
///
/// Without a latch before, the gate starts open unless the budget is at or below `close_at`.
#[must_use]
pub fn step(before: Option<Latch>, remaining: f64, thresholds: &Thresholds) -> Latch {
    if remaining <= thresholds.close_at {
        return Latch::Closed;
    }
    if remaining >= thresholds.resume_at {
        return Latch::Open;
    }
    before.unwrap_or(Latch::Open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const THRESHOLDS: Thresholds = Thresholds { close_at: 0.0, resume_at: 600.0 };

    fn replay(remaining: &[f64], mut latch: Option<Latch>) -> Option<Latch> {
        for seconds in remaining {
            latch = Some(step(latch, *seconds, &THRESHOLDS));
        }
        latch
    }

    #[test]
    fn a_closed_gate_waits_for_resume_at() {
        assert_eq!(replay(&[100.0], None), Some(Latch::Open));
        assert_eq!(replay(&[100.0, 0.0, 599.9], None), Some(Latch::Closed));
        assert_eq!(replay(&[100.0, -5.0, 599.9, 600.0, 1.0], None), Some(Latch::Open));
    }

    proptest! {
        #[test]
        fn it_never_opens_below_resume_at_after_a_closing(remaining in prop::collection::vec(-900.0..1500.0f64, 1..200)) {
            let mut latch = None;
            for seconds in remaining {
                let after = step(latch, seconds, &THRESHOLDS);
                if latch == Some(Latch::Closed) && after == Latch::Open {
                    prop_assert!(seconds >= THRESHOLDS.resume_at);
                }
                latch = Some(after);
            }
        }

        #[test]
        fn a_replay_from_before_the_last_closing_agrees(remaining in prop::collection::vec(-900.0..1500.0f64, 1..200)) {
            let last = remaining.iter().rposition(|seconds| *seconds <= THRESHOLDS.close_at);
            let from = last.unwrap_or(0);
            prop_assert_eq!(replay(&remaining, None), replay(remaining.get(from..).expect("in range"), None));
        }
    }
}
