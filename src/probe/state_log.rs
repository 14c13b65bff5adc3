//! The log of verdicts: a probe's state is said when it changes, not at every run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::outcome::{CleanupFailure, CleanupPart, Outcome, Reason, SkipReason, Verdict};
use super::{ProbeKey, Recorder};
use crate::spec::model::Fleet;
use crate::units::Name;

/// Logs each change of a probe's verdict or reason, and of what fails when it cleans up, and nothing while all stay as
/// they are.
#[derive(Debug, Default)]
pub struct StateLog {
    states: Mutex<BTreeMap<ProbeKey, State>>,
    /// What failed in the last cleanup, of the probes whose last one failed.
    leaving: Mutex<BTreeMap<ProbeKey, BTreeSet<CleanupPart>>>,
}

/// What a probe was found in; details may differ from run to run without being news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Success,
    Failed(Reason),
    Skipped(SkipReason),
}

impl From<&Verdict> for State {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Success => Self::Success,
            Verdict::Failed { reason, .. } => Self::Failed(*reason),
            Verdict::Skipped { reason, .. } => Self::Skipped(*reason),
        }
    }
}

impl StateLog {
    /// Takes in a verdict and returns whether it is a change. A first success is none.
    fn change(&self, probe: &ProbeKey, verdict: &Verdict) -> bool {
        let state = State::from(verdict);
        // A panic elsewhere cannot leave a map half-written that only ever swaps one value.
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        match states.get_mut(probe) {
            Some(known) => std::mem::replace(known, state) != state,
            None => {
                states.insert(probe.clone(), state);
                state != State::Success
            }
        }
    }

    /// Takes in what failed of a cleanup, and returns what failed before.
    fn leaves(&self, probe: &ProbeKey, failures: &[CleanupFailure]) -> BTreeSet<CleanupPart> {
        let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if failures.is_empty() {
            leaving.remove(probe)
        } else {
            leaving.insert(probe.clone(), failures.iter().map(|failure| failure.part.clone()).collect())
        };
        before.unwrap_or_default()
    }
}

impl Recorder for StateLog {
    /// A probe that was changed and still fails for the same reason is no news either.
    fn reload(&self, fleet: &Fleet) {
        let is_kept = |key: &ProbeKey| {
            fleet.services.get(&key.service).is_some_and(|service| service.probes.contains_key(&key.probe))
        };
        self.states.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| is_kept(key));
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| is_kept(key));
    }

    fn cleaned_up(&self, probe: &ProbeKey, failures: &[CleanupFailure]) {
        let before = self.leaves(probe, failures);
        for CleanupFailure { part, detail } in failures {
            match part {
                known if before.contains(known) => tracing::debug!(%probe, %detail, "cleanup failed as before"),
                CleanupPart::Step(step, reason) => tracing::warn!(%probe, %step, reason, %detail, "cleanup failed"),
                CleanupPart::Directory => tracing::warn!(%probe, %detail, "cleanup failed"),
            }
        }
        if failures.is_empty() && !before.is_empty() {
            tracing::info!(%probe, "cleans up again");
        }
    }

    fn uplink(&self, service: &Name, is_up: bool) {
        if is_up {
            tracing::warn!(%service, "the uplink is back: runs that fail count again");
        } else {
            tracing::error!(%service, "the uplink is down: runs that fail are skipped as the prober's own fault");
        }
    }

    fn record(&self, probe: &ProbeKey, outcome: &Outcome, _started_unix_ms: i64) {
        let changed = self.change(probe, &outcome.verdict);
        match &outcome.verdict {
            Verdict::Success if changed => tracing::info!(%probe, "succeeds again"),
            Verdict::Failed { reason, detail } if changed => {
                tracing::warn!(%probe, reason = reason.as_str(), %detail, "failed");
            }
            Verdict::Skipped { reason, detail } if changed => {
                tracing::warn!(%probe, reason = reason.as_str(), %detail, "skipped");
            }
            verdict => tracing::debug!(%probe, ?verdict, duration = ?outcome.duration, "same as before"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_news() {
        let log = StateLog::default();
        let probe = ProbeKey { service: "a".parse().expect("a name"), probe: "b".parse().expect("a name") };
        let failed = |reason, detail: &str| Verdict::Failed { reason, detail: detail.into() };
        let cases = [
            (Verdict::Success, false),
            (Verdict::Success, false),
            (failed(Reason::Status, "status 500"), true),
            (failed(Reason::Status, "status 502"), false),
            (failed(Reason::Timeout, "no answer"), true),
            (Verdict::Success, true),
        ];
        for (verdict, news) in cases {
            assert_eq!(log.change(&probe, &verdict), news, "{verdict:?}");
        }
    }

    #[test]
    fn what_failed_of_a_cleanup_is_known_until_nothing_does() {
        let log = StateLog::default();
        let probe = ProbeKey { service: "a".parse().expect("a name"), probe: "b".parse().expect("a name") };
        let step = CleanupPart::Step("delete".parse().expect("a name"), "exit_code");
        let failures = |parts: &[&CleanupPart]| -> Vec<CleanupFailure> {
            parts.iter().map(|part| CleanupFailure { part: (*part).clone(), detail: String::new() }).collect()
        };
        for (parts, before) in [
            (vec![], vec![]),
            (vec![&step], vec![]),
            (vec![&step, &CleanupPart::Directory], vec![&step]),
            (vec![], vec![&step, &CleanupPart::Directory]),
            (vec![&step], vec![]),
        ] {
            let found = log.leaves(&probe, &failures(&parts));
            assert_eq!(found.iter().collect::<Vec<_>>(), before, "{parts:?}");
        }
    }
}
