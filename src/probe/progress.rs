//! How far a run has come: the clock that times its phases, and the fault that ends it early.
//!
//! It only keeps time. What a phase does and what a fault means to others is decided elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::excerpt::Excerpt;
use super::outcome::{Phase, Phases, Reason, SkipReason, Verdict};
use crate::units;

/// What ended a run before all its expectations were met.
///
/// The text is for people and never holds a secret, a body or a header value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The target's doing: the run counts as failed.
    Target(Reason, String),
    /// The prober's own doing: the run does not count.
    Prober(String),
}

impl From<Fault> for Verdict {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Target(reason, detail) => Self::Failed { reason, detail },
            Fault::Prober(detail) => Self::Skipped { reason: SkipReason::Internal, detail },
        }
    }
}

/// The phases of one run so far, and the one that is going on.
///
/// The run itself writes to it and may be dropped at its wall at any moment; what is written stays.
#[derive(Debug, Default)]
pub(super) struct Progress {
    phases: Phases,
    current: Option<(Phase, Instant)>,
    first_byte: FirstByte,
    /// What the target said where it failed an expectation.
    pub(super) excerpt: Option<Excerpt>,
    /// What the run is waiting for, for the detail of one that hits its wall; holds no secret.
    pub(super) note: Option<String>,
    /// When the earliest certificate of the presented chain expires, in seconds of Unix time.
    pub(super) tls_not_after: Option<i64>,
}

/// When the first byte of an answer arrived, noted by the connection that saw it.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstByte(Arc<Mutex<Option<Instant>>>);

impl FirstByte {
    /// Says that bytes of the answer have arrived; only the first time counts.
    pub(super) fn note(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    /// Says that what has arrived so far was not the answer yet.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Ends the phase that is going on and begins another.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.close(Instant::now());
        self.current = Some((phase, Instant::now()));
    }

    /// Where the connection has to note the answer's first byte, which splits processing from transfer.
    pub(super) fn first_byte(&self) -> FirstByte {
        self.first_byte.clone()
    }

    /// Ends the phase that is going on; what follows until the next phase is the prober's own work.
    pub(super) fn pause(&mut self) {
        self.close(Instant::now());
        self.first_byte.forget();
    }

    /// Ends the last phase and returns how long each took, and the one the run ended in.
    pub(super) fn finish(&mut self) -> (Phases, Option<Phase>) {
        let last = match (self.current, self.first_byte.get()) {
            (Some((Phase::Processing, _)), Some(_)) => Some(Phase::Transfer),
            (current, _) => current.map(|(phase, _)| phase),
        };
        self.close(Instant::now());
        (self.phases, last)
    }

    fn close(&mut self, now: Instant) {
        let Some((phase, since)) = self.current.take() else { return };
        match (phase, self.first_byte.get()) {
            (Phase::Processing, Some(first)) => {
                // A conversation may come back to this phase with the first byte long behind it.
                let first = first.max(since);
                self.phases.add(Phase::Processing, first.saturating_duration_since(since));
                self.phases.add(Phase::Transfer, now.saturating_duration_since(first));
            }
            _ => self.phases.add(phase, now.saturating_duration_since(since)),
        }
    }
}

/// The fault of a run that hit its wall of `timeout` in `phase`.
///
/// Before the first phase the prober is still reading its own secrets, which is not the target's doing.
pub(super) fn timed_out(phase: Option<Phase>, timeout: units::Duration) -> Fault {
    match phase {
        Some(phase) => {
            Fault::Target(Reason::Timeout, format!("not done within {timeout}, in phase {}", phase.as_str()))
        }
        None => Fault::Prober(format!("the secrets that the file names could not be read within {timeout}")),
    }
}

/// A measured duration as people read it, to the millisecond.
pub(super) fn readable(duration: Duration) -> units::Duration {
    units::Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_byte_splits_processing_from_transfer() {
        let mut progress = Progress::default();
        progress.enter(Phase::Connect);
        tokio::time::sleep(Duration::from_millis(10)).await;
        progress.enter(Phase::Processing);
        tokio::time::sleep(Duration::from_millis(20)).await;
        progress.first_byte().note();
        progress.first_byte().note();
        tokio::time::sleep(Duration::from_millis(30)).await;

        let (phases, last) = progress.finish();
        assert_eq!(phases.get(Phase::Connect), Duration::from_millis(10));
        assert_eq!(phases.get(Phase::Processing), Duration::from_millis(20));
        assert_eq!(phases.get(Phase::Transfer), Duration::from_millis(30));
        assert_eq!(last, Some(Phase::Transfer));
    }

    #[test]
    fn a_wall_before_the_first_phase_is_the_probers_fault() {
        assert!(matches!(timed_out(None, units::Duration::from_secs(1)), Fault::Prober(_)));
    }
}
