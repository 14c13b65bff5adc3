//! Whether the prober itself is cut off: while no reference target answers, runs that fail are skipped as the
//! prober's own fault instead of counting as everybody's outage.
//!
//! A target answers by accepting a TCP connection or by refusing one: either way somebody is there.
//! The targets are asked when a run fails and, while all of them fail, once a second until one answers; never
//! otherwise. A success stays a success.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::outcome::{Outcome, SkipReason, Verdict};
use super::{Prober, Recorder, net};
use crate::spec::model::{self, Endpoint, Fleet, IpFamily};
use crate::units::Name;

/// How long an answer holds for other runs that fail: they ask once, not each.
const FRESH: Duration = Duration::from_millis(250);

/// How long to wait before asking again while the uplink is down.
const PAUSE: Duration = Duration::from_secs(1);

/// The uplink of one service.
#[derive(Debug)]
pub struct Uplink {
    config: model::Uplink,
    /// Looks up the targets' names as it does those of the probes.
    prober: Arc<Prober>,
    /// One question at a time; who waits for it shares the answer.
    asking: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What was found so far.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// When the targets were last asked, and whether one of them answered.
    last: Option<(Instant, bool)>,
    /// When they were last found silent, all of them.
    last_down: Option<Instant>,
    /// Whether somebody waits for it to come back.
    is_watched: bool,
}

impl Uplink {
    /// An uplink of what `prober` runs, which has not been asked yet and counts as up.
    #[must_use]
    pub fn new(config: model::Uplink, prober: Arc<Prober>) -> Self {
        Self { config, prober, asking: tokio::sync::Mutex::default(), state: Mutex::default() }
    }

    /// The outcome as it counts: a failure becomes a skip if the uplink is down, or was while the run was going on.
    ///
    /// Takes no longer than twice the uplink's timeout, and no time at all for a success.
    pub async fn judge(&self, mut outcome: Outcome, started: Instant) -> Outcome {
        if let Verdict::Failed { reason, detail } = &outcome.verdict
            && self.was_down_since(started).await
        {
            let detail = format!("no target of the uplink answered; the run had failed: {}: {detail}", reason.as_str());
            outcome.verdict = Verdict::Skipped { reason: SkipReason::Uplink, detail };
        }
        outcome
    }

    async fn was_down_since(&self, started: Instant) -> bool {
        let asked = Instant::now();
        let _one_at_a_time = self.asking.lock().await;
        let is_up = match self.state().last {
            Some((at, is_up)) if at + FRESH > asked => is_up,
            _ => self.ask().await,
        };
        !is_up || self.state().last_down.is_some_and(|down| down >= started)
    }

    /// Asks every target at once, and returns whether one of them answers within the timeout.
    async fn ask(&self) -> bool {
        let mut attempts = JoinSet::new();
        for target in &self.config.targets {
            attempts.spawn(answers(Arc::clone(&self.prober), target.clone()));
        }
        let any = async {
            while let Some(answered) = attempts.join_next().await {
                if answered.unwrap_or(false) {
                    return true;
                }
            }
            false
        };
        let is_up = timeout(self.config.timeout.to_std(), any).await.unwrap_or(false);
        let now = Instant::now();
        let mut state = self.lock();
        state.last = Some((now, is_up));
        if !is_up {
            state.last_down = Some(now);
        }
        is_up
    }

    /// Whether the uplink has just been found down and nobody yet waits for it to come back: then the caller does.
    fn begins_watch(&self) -> bool {
        let mut state = self.lock();
        let is_down = state.last.is_some_and(|(_, is_up)| !is_up);
        is_down && !std::mem::replace(&mut state.is_watched, is_down)
    }

    /// Asks once a second until a target answers.
    async fn until_back(&self) {
        loop {
            sleep(PAUSE).await;
            let _one_at_a_time = self.asking.lock().await;
            if self.ask().await {
                self.lock().is_watched = false;
                return;
            }
        }
    }

    fn state(&self) -> State {
        *self.lock()
    }

    /// The state, also after a panic in another thread: every change of it is complete in itself.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody is at a target. A name that cannot be looked up leads to nobody.
async fn answers(prober: Arc<Prober>, target: Endpoint) -> bool {
    match prober.resolver().lookup(&target.host, target.port, IpFamily::Any).await {
        Ok(addresses) => net::is_anybody_at(&addresses).await,
        Err(_) => false,
    }
}

/// The uplinks of all services, shared by every probe that runs.
pub(super) struct Uplinks {
    prober: Arc<Prober>,
    recorder: Arc<dyn Recorder>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    uplinks: BTreeMap<Name, Arc<Uplink>>,
    /// What waits for uplinks to come back; ends with the service.
    watches: JoinSet<()>,
}

impl Uplinks {
    /// No uplinks yet; `recorder` is told of every change.
    pub(super) fn new(prober: Arc<Prober>, recorder: Arc<dyn Recorder>) -> Self {
        Self { prober, recorder, known: Mutex::default() }
    }

    /// Takes over what the fleet says; an uplink that did not change keeps what it found.
    pub(super) fn reload(&self, fleet: &Fleet) {
        let mut known = self.lock();
        let wanted = fleet.services.iter().filter_map(|(name, service)| Some((name, service.uplink.as_ref()?)));
        let uplinks = wanted.map(|(name, config)| {
            let kept = known.uplinks.get(name).filter(|uplink| uplink.config == *config);
            let new = || Arc::new(Uplink::new(config.clone(), Arc::clone(&self.prober)));
            (name.clone(), kept.map_or_else(new, Arc::clone))
        });
        let uplinks: BTreeMap<Name, Arc<Uplink>> = uplinks.collect();
        let replaced = std::mem::replace(&mut known.uplinks, uplinks);
        let gone: Vec<Name> = replaced
            .into_iter()
            .filter(|(name, uplink)| !known.uplinks.get(name).is_some_and(|kept| Arc::ptr_eq(kept, uplink)))
            .filter(|(_, uplink)| uplink.state().is_watched)
            .map(|(name, _)| name)
            .collect();
        drop(known);
        // Nothing is known of the new one, or there is none: what was said of the old one no longer holds.
        gone.iter().for_each(|name| self.recorder.uplink(name, true));
    }

    /// The uplink of a service, if it has one.
    pub(super) fn of(&self, service: &Name) -> Option<Arc<Uplink>> {
        self.lock().uplinks.get(service).cloned()
    }

    /// The outcome of a run of `service` as it counts, and what follows from it for the uplink.
    pub(super) async fn judge(
        self: &Arc<Self>,
        service: &Name,
        uplink: &Arc<Uplink>,
        outcome: Outcome,
        started: Instant,
    ) -> Outcome {
        let outcome = uplink.judge(outcome, started).await;
        if uplink.begins_watch() {
            self.watch(service, uplink);
        }
        outcome
    }

    fn watch(self: &Arc<Self>, service: &Name, uplink: &Arc<Uplink>) {
        self.recorder.uplink(service, false);
        let (recorder, service, uplink) = (Arc::clone(&self.recorder), service.clone(), Arc::clone(uplink));
        let known = Arc::downgrade(self);
        let mut all = self.lock();
        while all.watches.try_join_next().is_some() {}
        all.watches.spawn(async move {
            uplink.until_back().await;
            let is_current = known
                .upgrade()
                .and_then(|known| known.of(&service))
                .is_some_and(|current| Arc::ptr_eq(&current, &uplink));
            if is_current {
                recorder.uplink(&service, true);
            }
        });
    }

    /// The table, also after a panic in another thread: every change of it is complete in itself.
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
