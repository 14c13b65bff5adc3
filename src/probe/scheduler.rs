//! Runs every probe when it is due, each in a task of its own, so that none is late because another hangs.
//!
//! A run that is due while the last is still going (its cleanup included) is skipped and counted. What
//! becomes of outcomes is the [`Recorder`]'s business.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::outcome::{Outcome, SkipReason, Verdict};
use super::schedule::{Epoch, Schedule, unix_ms};
use super::uplink::Uplinks;
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

/// What a fleet that takes the place of another changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Probes that go on as they were.
    pub unchanged: usize,
    /// Probes that are run in another way from now on.
    pub changed: usize,
    /// New probes.
    pub added: usize,
    /// Probes that are run no more.
    pub removed: usize,
}

/// The running tasks of all probes. Dropping it breaks everything off at once.
pub struct Scheduler {
    prober: Arc<Prober>,
    recorder: Arc<dyn Recorder>,
    uplinks: Arc<Uplinks>,
    /// Every task, also of probes that are no longer run but still clean up.
    tasks: JoinSet<()>,
    running: BTreeMap<ProbeKey, Running>,
    stopping: CancellationToken,
    abandoning: CancellationToken,
}

/// A probe that is being run.
struct Running {
    probe: Arc<Probe>,
    /// Ends the schedule and breaks off the run that is going on, without its cleanup.
    retire: CancellationToken,
    /// Set once the task has ended, cleanup included.
    ended: CancellationToken,
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("probes", &self.running.len()).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Starts every probe of the fleet; must be called within a runtime.
    #[must_use]
    pub fn start(fleet: &Fleet, prober: Arc<Prober>, recorder: Arc<dyn Recorder>) -> Self {
        let mut scheduler = Self {
            uplinks: Arc::new(Uplinks::new(Arc::clone(&prober), Arc::clone(&recorder))),
            prober,
            recorder,
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
            stopping: CancellationToken::new(),
            abandoning: CancellationToken::new(),
        };
        let _ = scheduler.reload(fleet);
        scheduler
    }

    /// Runs the probes of another fleet from now on; must be called within a runtime.
    ///
    /// A probe that did not change goes on, with the run that it may be in the middle of. One that changed or is gone
    /// has its run broken off, which then does not count, and cleaned up; a changed one starts again after that. New
    /// ones start spread over their interval, as they do when a service starts.
    pub fn reload(&mut self, fleet: &Fleet) -> Changes {
        while self.tasks.try_join_next().is_some() {}
        self.uplinks.reload(fleet);
        let mut changes = Changes::default();
        let mut before = std::mem::take(&mut self.running);
        let epoch = Epoch::now();
        for probe in fleet.services.values().flat_map(|service| service.probes.values()) {
            let key = ProbeKey::of(probe);
            match before.remove(&key) {
                Some(running) if running.probe.is_same_as(probe) => {
                    changes.unchanged += 1;
                    self.running.insert(key, running);
                }
                Some(old) => {
                    changes.changed += 1;
                    old.retire.cancel();
                    self.run(key, probe, epoch, Some(old.ended));
                }
                None => {
                    changes.added += 1;
                    self.run(key, probe, epoch, None);
                }
            }
        }
        changes.removed = before.len();
        before.values().for_each(|gone| gone.retire.cancel());
        changes
    }

    /// Starts the task of a probe, which waits for the end of the one before it, if there is one.
    fn run(&mut self, key: ProbeKey, probe: &Probe, epoch: Epoch, before: Option<CancellationToken>) {
        let (probe, ended) = (Arc::new(probe.clone()), CancellationToken::new());
        let retire = CancellationToken::new();
        let task = Task {
            schedule: Schedule::new(&key, probe.interval, epoch),
            key: key.clone(),
            probe: Arc::clone(&probe),
            prober: Arc::clone(&self.prober),
            recorder: Arc::clone(&self.recorder),
            uplinks: Arc::clone(&self.uplinks),
            judging: None,
            stopping: self.stopping.clone(),
            abandoning: self.abandoning.clone(),
            retire: retire.clone(),
            _ended: ended.clone().drop_guard(),
        };
        self.tasks.spawn(task.keep_running(before));
        self.running.insert(key, Running { probe, retire, ended });
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
    uplinks: Arc<Uplinks>,
    /// The last failure, while the uplink is asked about it; the next outcome is recorded after it.
    judging: Option<AbortOnDropHandle<()>>,
    stopping: CancellationToken,
    abandoning: CancellationToken,
    retire: CancellationToken,
    /// Says that this task has ended, however it does.
    _ended: DropGuard,
}

impl Task {
    async fn keep_running(mut self, before: Option<CancellationToken>) {
        let mut due = self.schedule.first;
        if let Some(before) = before {
            due = self.during(before.cancelled(), due).await;
        }
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                () = self.retire.cancelled() => break,
                () = sleep_until(due) => {}
            }
            due = self.catch_up(due) + self.schedule.interval;
            due = self.run(due).await;
        }
        if let Some(judging) = self.judging.take() {
            // It cannot fail but by being broken off with everything else.
            let _ = judging.await;
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
    async fn run(&mut self, next: Instant) -> Instant {
        // A run of a probe whose timeout is its interval must end for the next to start in time.
        let wall = next.min(Instant::now() + self.probe.timeout.to_std());
        let judging = self.judging.take();
        // On the heap, so that a probe between two runs costs little memory.
        let mut work = Box::pin(self.work(wall, judging));
        let mut next = next;
        let judging = loop {
            tokio::select! {
                biased;
                judging = &mut work => break judging,
                () = sleep_until(next) => next = self.overrun(next),
            }
        };
        drop(work);
        self.judging = judging;
        next
    }

    /// Waits for something else, skips the runs that fall due meanwhile, and returns when the next is due after it.
    async fn during(&self, other: impl Future<Output = ()>, mut next: Instant) -> Instant {
        let mut other = std::pin::pin!(other);
        loop {
            tokio::select! {
                biased;
                () = &mut other => return next,
                () = sleep_until(next) => next = self.overrun(next),
            }
        }
    }

    /// Skips the run that is due, and returns when the next one is.
    fn overrun(&self, due: Instant) -> Instant {
        if !self.stopping.is_cancelled() && !self.retire.is_cancelled() {
            self.skip(SkipReason::Overrun, "the last run was still going");
        }
        due + self.schedule.interval
    }

    /// One run with its cleanup; what is still to be judged when it returns is given back.
    async fn work(&self, wall: Instant, judging: Option<AbortOnDropHandle<()>>) -> Option<AbortOnDropHandle<()>> {
        let (started, started_unix_ms) = (Instant::now(), unix_ms());
        let run = self.prober.begin(&self.probe);
        let judging = tokio::select! {
            biased;
            outcome = run.execute(wall) => self.conclude(outcome, started, started_unix_ms, judging),
            () = self.abandoning.cancelled() => judging,
            () = self.retire.cancelled() => judging,
        };
        self.recorder.cleaned_up(&self.key, &run.clean_up().await);
        judging
    }

    /// Records an outcome: at once, or in a task of its own if the uplink has to be asked about it or about the one
    /// before, so that the next run is not late.
    fn conclude(
        &self,
        outcome: Outcome,
        started: Instant,
        started_unix_ms: i64,
        before: Option<AbortOnDropHandle<()>>,
    ) -> Option<AbortOnDropHandle<()>> {
        let before = before.filter(|before| !before.is_finished());
        let is_failed = matches!(outcome.verdict, Verdict::Failed { .. });
        let uplink = if is_failed { self.uplinks.of(&self.key.service) } else { None };
        if before.is_none() && uplink.is_none() {
            self.recorder.record(&self.key, &outcome, started_unix_ms);
            return None;
        }
        let (key, recorder, uplinks) = (self.key.clone(), Arc::clone(&self.recorder), Arc::clone(&self.uplinks));
        Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let judge = async {
                match uplink {
                    Some(uplink) => uplinks.judge(&key.service, &uplink, outcome, started).await,
                    None => outcome,
                }
            };
            let before = async {
                if let Some(before) = before {
                    let _ = before.await;
                }
            };
            let (outcome, ()) = tokio::join!(judge, before);
            recorder.record(&key, &outcome, started_unix_ms);
        })))
    }

    fn skip(&self, reason: SkipReason, detail: &str) {
        let outcome = Outcome::of(Verdict::Skipped { reason, detail: detail.to_owned() });
        self.recorder.record(&self.key, &outcome, unix_ms());
    }
}
