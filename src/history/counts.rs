//! What is counted of the runs of one probe, for good: the values behind `/metrics`.
//!
//! A count lives in one place and everything else is derived from it: attempts are never stored. Nothing here
//! knows who shows or keeps the counts.

use std::collections::BTreeMap;

use crate::probe::outcome::{Outcome, Phases, Reason, SkipReason, StepOutcome, Verdict};
use crate::units::Name;

/// Upper bounds of the duration histogram in seconds, the same for every probe; one more has no bound.
pub const BUCKETS: [f64; 15] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// The counts of one probe since it was first run, and what its last run found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Runs that met every expectation.
    pub successes: u64,
    /// Runs that did not, by reason.
    pub failures: BTreeMap<Reason, u64>,
    /// Runs that did not take place or do not count, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Runs by duration; the last has no upper bound.
    pub buckets: [u64; BUCKETS.len() + 1],
    /// Sum of all durations in seconds.
    pub seconds: f64,
    /// The steps of a journey.
    pub steps: BTreeMap<Name, StepCounts>,
    /// The last run of this process.
    pub last: Option<LastRun>,
    /// When the first certificate of the presented chain ends, in seconds of Unix time, of the last handshake of this
    /// process that succeeded.
    pub tls_not_after: Option<i64>,
}

/// The counts of one step of a journey.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepCounts {
    /// Steps that succeeded.
    pub successes: u64,
    /// Steps that failed, by reason.
    pub failures: BTreeMap<Reason, u64>,
    /// Steps that an earlier failure kept from starting.
    pub not_reached: u64,
    /// Seconds, of the last run of this process that reached it.
    pub last: Option<f64>,
}

/// What a run found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastRun {
    /// Whether it met every expectation.
    pub success: bool,
    /// When it ended, in seconds of Unix time.
    pub ended: f64,
    /// How long each phase took.
    pub phases: Phases,
}

impl Counts {
    /// Counts one run that was due or started at `started_unix_ms` (milliseconds of Unix time).
    pub fn add(&mut self, outcome: &Outcome, started_unix_ms: i64) {
        let success = match &outcome.verdict {
            Verdict::Skipped { reason, .. } => {
                *self.skipped.entry(*reason).or_default() += 1;
                return;
            }
            Verdict::Failed { reason, .. } => {
                *self.failures.entry(*reason).or_default() += 1;
                false
            }
            Verdict::Success => {
                self.successes += 1;
                true
            }
        };
        let seconds = outcome.duration.as_secs_f64();
        if let Some(count) = self.buckets.get_mut(BUCKETS.partition_point(|bound| *bound < seconds)) {
            *count += 1;
        }
        self.seconds += seconds;
        let ended = started_unix_ms as f64 / 1_000.0 + seconds;
        self.last = Some(LastRun { success, ended, phases: outcome.phases });
        self.tls_not_after = outcome.tls_not_after.or(self.tls_not_after);
        for step in &outcome.steps {
            self.steps.entry(step.name.clone()).or_default().add(step);
        }
    }

    /// Runs that had a verdict.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.successes + self.failures.values().sum::<u64>()
    }
}

impl StepCounts {
    fn add(&mut self, step: &StepOutcome) {
        match &step.verdict {
            None => {
                self.not_reached += 1;
                return;
            }
            Some(Verdict::Success) => self.successes += 1,
            Some(Verdict::Failed { reason, .. }) => *self.failures.entry(*reason).or_default() += 1,
            // The whole run does not count then, and does not come here.
            Some(Verdict::Skipped { .. }) => return,
        }
        self.last = Some(step.duration.as_secs_f64());
    }

    /// Steps that were started.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.successes + self.failures.values().sum::<u64>()
    }
}
