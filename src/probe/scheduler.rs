//! Runs every probe when it is due, each in a task of its own, so that none is late because another hangs.
//!
//! A run that is due while the last is still going (its cleanup included) is skipped and counted. What
//! becomes of outcomes is the [`Recorder`]'s business.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::outcome::{Outcome, SkipReason, Verdict};
use super::schedule::{Epoch, Schedule, unix_ms};
use super::{ProbeKey, Prober, Recorder};
use crate::spec::model::{Fleet, Probe};

/// How long a stop waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    /// For runs that are going on; then they are broken off and do not count.
    pub runs: Duration,
    /// After that, for the cleanup of journeys.
    pub cleanup: Duration,
}

impl Default for Grace {
    /// 10 s for runs and 15 s for cleanup: less than the 30 s that Kubernetes gives a pod to end.
    fn default() -> Self {
        Self { runs: Duration::from_secs(10), cleanup: Duration::from_secs(15) }
    }
}

/// The running tasks of all probes. Dropping it breaks everything off at once.
#[derive(Debug)]
pub struct Scheduler {
    tasks: JoinSet<()>,
    stopping: CancellationToken,
    abandoning: CancellationToken,
}

impl Scheduler {
    /// Starts every probe of the fleet; must be called within a runtime.
    #[must_use]
    pub fn start(fleet: &Fleet, prober: Arc<Prober>, recorder: Arc<dyn Recorder>) -> Self {
        let epoch = Epoch::now();
        let mut scheduler =
            Self { tasks: JoinSet::new(), stopping: CancellationToken::new(), abandoning: CancellationToken::new() };
        for probe in fleet.services.values().flat_map(|service| service.probes.values()) {
            let key = ProbeKey::of(probe);
            let task = Task {
                schedule: Schedule::new(&key, probe.interval, epoch),
                key,
                probe: Arc::new(probe.clone()),
                prober: Arc::clone(&prober),
                recorder: Arc::clone(&recorder),
                stopping: scheduler.stopping.clone(),
                abandoning: scheduler.abandoning.clone(),
            };
            scheduler.tasks.spawn(task.keep_running());
        }
        scheduler
    }

    /// Starts no new run, waits for those that are going on as long as `grace` says, and ends the rest.
    ///
    /// A run that is broken off is not recorded; its journey's cleanup still takes place.
    pub async fn stop(mut self, grace: Grace) {
        self.stopping.cancel();
        self.drain(grace.runs).await;
        self.abandoning.cancel();
        self.drain(grace.cleanup).await;
        self.tasks.shutdown().await;
    }

    async fn drain(&mut self, limit: Duration) {
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        // Whoever has not ended by then is dealt with by the next, harder step.
        let _ = tokio::time::timeout(limit, all_ended).await;
    }
}

/// One probe with all it needs to run.
struct Task {
    key: ProbeKey,
    schedule: Schedule,
    probe: Arc<Probe>,
    prober: Arc<Prober>,
    recorder: Arc<dyn Recorder>,
    stopping: CancellationToken,
    abandoning: CancellationToken,
}

impl Task {
    async fn keep_running(self) {
        let mut due = self.schedule.first;
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return,
                () = sleep_until(due) => {}
            }
            due = self.catch_up(due) + self.schedule.interval;
            due = self.run(due).await;
        }
    }

    /// Skips the runs whose whole interval passed while this process was not running, and returns the last due.
    fn catch_up(&self, mut due: Instant) -> Instant {
        let now = Instant::now();
        while due + self.schedule.interval <= now {
            self.skip(SkipReason::Internal, "the prober itself was held up");
            due += self.schedule.interval;
        }
        due
    }

    /// Makes one run, skips those that fall due meanwhile, and returns when the next is due after it.
    async fn run(&self, mut next: Instant) -> Instant {
        // A run of a probe whose timeout is its interval must end for the next to start in time.
        let wall = next.min(Instant::now() + self.probe.timeout.to_std());
        // On the heap, so that a probe between two runs costs little memory.
        let mut work = Box::pin(self.work(wall));
        loop {
            tokio::select! {
                biased;
                () = &mut work => return next,
                () = sleep_until(next) => {
                    if !self.stopping.is_cancelled() {
                        self.skip(SkipReason::Overrun, "the last run was still going");
                    }
                    next += self.schedule.interval;
                }
            }
        }
    }

    async fn work(&self, wall: Instant) {
        let started = unix_ms();
        let run = self.prober.begin(&self.probe);
        tokio::select! {
            biased;
            outcome = run.execute(wall) => self.recorder.record(&self.key, &outcome, started),
            () = self.abandoning.cancelled() => {}
        }
        run.clean_up().await;
    }

    fn skip(&self, reason: SkipReason, detail: &str) {
        let outcome = Outcome::of(Verdict::Skipped { reason, detail: detail.to_owned() });
        self.recorder.record(&self.key, &outcome, unix_ms());
    }
}
