//! From how an attempt ended to the outcome of its run: the wall, the fault, or too slow.

use std::future::Future;

use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::outcome::{Outcome, Reason, Verdict};
use super::progress::{Fault, Progress, readable, timed_out};
use crate::units::Duration;

/// What bounds a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// When the run ends, however far it has come.
    pub(super) wall: Instant,
    /// How long that is after its start, for the detail of its verdict.
    pub(super) timeout: Duration,
}

impl Limits {
    /// Runs an attempt until the wall at the latest; dropping it there closes what it opened.
    pub(super) async fn bound<T>(&self, attempt: impl Future<Output = T>) -> Result<T, Elapsed> {
        tokio::time::timeout_at(self.wall, attempt).await
    }

    /// The outcome of a run that began at `started` and whose attempt ended like this.
    ///
    /// `within` is the longest duration that still counts as good.
    pub(super) fn conclude(
        &self,
        started: Instant,
        mut progress: Progress,
        attempt: Result<Result<(), Fault>, Elapsed>,
        within: Option<Duration>,
    ) -> Outcome {
        let duration = started.elapsed();
        let (phases, last) = progress.finish();
        let verdict = match attempt {
            Ok(Ok(())) => match within {
                Some(within) if duration > within.to_std() => Verdict::Failed {
                    reason: Reason::TooSlow,
                    detail: format!("took {}, expected within {within}", readable(duration)),
                },
                _ => Verdict::Success,
            },
            Ok(Err(fault)) => fault.into(),
            Err(_) => with_note(timed_out(last, self.timeout), progress.note).into(),
        };
        let excerpt = progress.excerpt.filter(|_| verdict != Verdict::Success);
        Outcome { duration, phases, tls_not_after: progress.tls_not_after, excerpt, ..Outcome::of(verdict) }
    }
}

/// The fault with what the run was waiting for.
fn with_note(fault: Fault, note: Option<String>) -> Fault {
    match (fault, note) {
        (Fault::Target(reason, detail), Some(note)) => Fault::Target(reason, format!("{detail}: {note}")),
        (fault, _) => fault,
    }
}
