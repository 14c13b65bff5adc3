//! Keeps how the SLOs stand, so that a page of hundreds of them is answered at once.
//!
//! A month of hundreds of SLOs takes longer to add up than anybody wants to wait for a page. The numbers change only
//! with every slice of time, so they are added up in the background while somebody looks, and every page is made of the
//! same look at all of them, and so is the answer of the gate, so that nobody is told something else than the wall shows.
//! It must not keep a look that is older than the numbers may be.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration as StdDuration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::standing::model::SloState;
use crate::standing::{Full, Standings};
use crate::units::Duration;

/// Numbers are added up this many times in a slice, so that a page is behind by little more than a slice.
const LOOKS_IN_A_SLICE: u64 = 10;

/// At least and at most this long between two looks at the SLOs.
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(5);

/// Between two looks passes this many times as long as a look took, so that a slow history is not asked all the time.
const PAUSE: u32 = 9;

/// But no more than this: a look at a history that does not answer takes minutes, and says nothing once it does.
const LONGEST_PAUSE: StdDuration = StdDuration::from_secs(30);

/// Nobody asked for this long: nobody is looking any more.
const UNWATCHED: StdDuration = StdDuration::from_secs(15 * 60);

/// All SLOs at one moment.
#[derive(Debug)]
pub(super) struct Look {
    /// When, in seconds of Unix time.
    pub(super) at: i64,
    /// The SLOs; what needs attention comes first.
    pub(super) slos: Vec<Full>,
}

impl Look {
    /// Looks at every SLO at `at`, in seconds of Unix time.
    pub(super) async fn take(standings: &Standings, at: i64) -> Self {
        let mut slos = Vec::with_capacity(standings.plans().len());
        for plan in standings.plans() {
            slos.extend(standings.one(plan.slo.service.as_str(), plan.slo.name.as_str(), at).await);
            // Probes share these threads, and must not wait for the sums of every SLO.
            tokio::task::yield_now().await;
        }
        slos.sort_by(|one, other| SloState::by_attention(&one.detail.slo, &other.detail.slo));
        Self { at, slos }
    }

    /// One of the SLOs.
    pub(super) fn find(&self, service: &str, slo: &str) -> Option<&Full> {
        self.slos.iter().find(|full| full.detail.slo.service == service && full.detail.slo.slo == slo)
    }
}

/// A look that is kept.
#[derive(Clone)]
struct Taken {
    look: Arc<Look>,
    /// When it was begun.
    begun: Instant,
    /// How long it took.
    took: StdDuration,
    /// How long after it the next one begins.
    pause: StdDuration,
    /// When an override that it shows ends, in seconds of Unix time.
    ends: Option<i64>,
}

impl Taken {
    /// Whether it is not older than it becomes while the next one is due and being taken, so that what it says is so.
    fn is_recent(&self) -> bool {
        let is_over = self.ends.is_some_and(|ends| ends <= jiff::Timestamp::now().as_second());
        let next = self.pause.saturating_add(self.took.saturating_mul(2));
        self.begun.elapsed() <= next.max(self.pause.saturating_mul(2)) && !is_over
    }
}

/// Keeps the last look, and takes the next while somebody is interested.
#[derive(Clone)]
pub(super) struct Keeper(Arc<Kept>);

struct Kept {
    standings: Standings,
    last: RwLock<Option<Taken>>,
    watch: Mutex<Watch>,
    /// Looks that were begun before this do not know what people decided last.
    known_since: Mutex<Instant>,
    /// Says that there is another look.
    looked: Notify,
    /// Says that somebody cannot wait for the next one.
    wanted: Notify,
}

/// Who is interested.
struct Watch {
    /// Whether looks are being taken.
    running: bool,
    /// When somebody asked for the last time.
    asked: Instant,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("standings", &self.0.standings).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(super) fn new(standings: Standings) -> Self {
        let watch = Mutex::new(Watch { running: false, asked: Instant::now() });
        let known_since = Mutex::new(Instant::now());
        let (looked, wanted) = (Notify::new(), Notify::new());
        Self(Arc::new(Kept { standings, last: RwLock::default(), watch, known_since, looked, wanted }))
    }

    /// The SLOs that are looked at.
    pub(super) fn standings(&self) -> &Standings {
        &self.0.standings
    }

    /// How often the numbers are added up at most.
    pub(super) fn pace(&self) -> Duration {
        let slice = self.0.standings.shortest_slice().unwrap_or(MOST);
        Duration::from_millis(slice.as_millis() / LOOKS_IN_A_SLICE).clamp(LEAST, MOST)
    }

    /// The last look; waits for one where nobody asked for a while. Must be called within a runtime.
    pub(super) async fn look(&self) -> Arc<Look> {
        loop {
            self.watch();
            if let Some(look) = self.look_if_watched().await {
                return look;
            }
        }
    }

    /// The same while somebody else is looking, whose interest this does not prolong; none if nobody is.
    pub(super) async fn look_if_watched(&self) -> Option<Arc<Look>> {
        loop {
            let next = self.0.looked.notified();
            tokio::pin!(next);
            // From here on no look is missed.
            next.as_mut().enable();
            if !self.0.watch.lock().unwrap_or_else(PoisonError::into_inner).running {
                return None;
            }
            if let Some(taken) = self.last().filter(|taken| taken.is_recent() && taken.begun >= self.known_since()) {
                return Some(taken.look);
            }
            self.0.wanted.notify_one();
            next.await;
        }
    }

    fn last(&self) -> Option<Taken> {
        self.0.last.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// No look that was begun by now counts any more: something was decided that it may not know.
    pub(super) fn forget(&self) {
        *self.0.known_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn known_since(&self) -> Instant {
        *self.0.known_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, taken: Option<Taken>) {
        *self.0.last.write().unwrap_or_else(PoisonError::into_inner) = taken;
        self.0.looked.notify_waiters();
    }

    /// Notes that somebody asked, and begins to take looks if nobody does.
    fn watch(&self) {
        let mut watch = self.0.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.asked = Instant::now();
        if !watch.running {
            watch.running = true;
            tokio::spawn(self.clone().look_on());
        }
    }

    /// Takes looks until nobody asked for long; an old look is forgotten then, since it would be taken for a new one.
    async fn look_on(self) {
        while self.is_watched() {
            let begun = Instant::now();
            let look = Look::take(&self.0.standings, jiff::Timestamp::now().as_second()).await;
            let took = begun.elapsed();
            let pause = pause(self.pace(), took);
            let ends = look.slos.iter().filter_map(|full| Some(full.outlook.overridden.as_ref()?.until)).min();
            self.keep(Some(Taken { look: Arc::new(look), begun, took, pause, ends }));
            tokio::select! {
                () = sleep(pause) => {}
                () = self.0.wanted.notified() => {}
            }
        }
    }

    /// Whether somebody asked of late. If not, the looks end under the same lock under which they begin.
    fn is_watched(&self) -> bool {
        let mut watch = self.0.watch.lock().unwrap_or_else(PoisonError::into_inner);
        if watch.asked.elapsed() < UNWATCHED {
            return true;
        }
        watch.running = false;
        self.keep(None);
        false
    }
}

/// How long passes after a look that took so long, where numbers are added up once in `pace` at most.
fn pause(pace: Duration, took: StdDuration) -> StdDuration {
    pace.to_std().max(took.saturating_mul(PAUSE).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_that_did_not_answer_is_asked_again_soon() {
        let seconds = StdDuration::from_secs;
        let after = |took| pause(MOST, took);
        assert_eq!([StdDuration::ZERO, seconds(1), seconds(120)].map(after), [seconds(5), seconds(9), seconds(30)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_is_recent_until_the_next_one_has_been_taken() {
        let begun = Instant::now();
        let look = Arc::new(Look { at: 0, slos: Vec::new() });
        let taken = |took, pause| Taken { look: Arc::clone(&look), begun, took, pause, ends: None };
        let (quick, slow) = (StdDuration::from_millis(10), StdDuration::from_secs(120));
        let (quick, slow) = (taken(quick, pause(MOST, quick)), taken(slow, pause(MOST, slow)));
        tokio::time::advance(StdDuration::from_secs(10)).await;
        assert!(quick.is_recent() && slow.is_recent());
        tokio::time::advance(StdDuration::from_millis(100)).await;
        assert!(!quick.is_recent() && slow.is_recent());
        tokio::time::advance(StdDuration::from_secs(259)).await;
        assert!(slow.is_recent());
        tokio::time::advance(StdDuration::from_secs(2)).await;
        assert!(!slow.is_recent());
    }
}
