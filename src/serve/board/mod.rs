//! The board: every SLO as a tile with its budget in minutes.
//!
//! It shows what [`crate::standing`] says and adds up nothing itself. It must not read a history, run a probe or know
//! how a request reached it.

mod chart;
mod page;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Mutex, Semaphore};

use crate::gate::{Answer, Gates, NoAnswer, Question};
use crate::standing::{Standing, Standings};
use crate::units::Duration;

/// The script of the page, a file of its own so that the page may forbid every other script.
pub(super) const SCRIPT: &str = include_str!("board.js");

/// What the page may load: its own styles and script, and nothing from anywhere else.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; \
     connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The longest time for which one look at all SLOs serves everybody who asks.
const LOOK: Duration = Duration::from_secs(10);

/// How many questions about gates are answered at once, each of which may read every history.
const DECISIONS: usize = 2;

/// The board over standings that are read when it is asked for.
#[derive(Clone, Debug)]
pub struct Board {
    gates: Gates,
    deciding: Arc<Semaphore>,
    /// The last look at all SLOs, so that many screens cost no more than one.
    last: Arc<Mutex<Option<Look>>>,
}

/// All SLOs, and when they were looked at, in seconds of Unix time.
type Look = (i64, Arc<[Standing]>);

impl Board {
    /// A board of every SLO of `gates`.
    #[must_use]
    pub fn new(gates: Gates) -> Self {
        Self { gates, deciding: Arc::new(Semaphore::new(DECISIONS)), last: Arc::default() }
    }

    /// Whether deployments may go on at `now`, or could at the moment that is asked about.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(super) async fn gate(&self, question: &Question, now: Timestamp) -> Result<Answer, NoAnswer> {
        // Nobody closes it.
        let _permit = self.deciding.acquire().await.ok();
        self.gates.answer(question, now).await
    }

    /// How its SLOs stand.
    pub(super) const fn standings(&self) -> &Standings {
        self.gates.standings()
    }

    /// All SLOs at `now`, in seconds of Unix time, or as they were a moment ago, and when that was.
    pub(super) async fn all(&self, now: i64) -> (i64, Arc<[Standing]>) {
        // Whoever comes while somebody looks waits for what is seen.
        let mut last = self.last.lock().await;
        // Nothing can change before the next slice is complete.
        let slice = self.standings().shortest_slice().unwrap_or(LOOK);
        let fresh = Duration::from_millis(slice.as_millis() / 2).min(LOOK).count_of(Duration::from_secs(1));
        let fresh = i64::try_from(fresh).unwrap_or_default();
        if let Some((at, standings)) = last.as_ref().filter(|(at, _)| (*at..at.saturating_add(fresh)).contains(&now)) {
            return (*at, Arc::clone(standings));
        }
        let standings: Arc<[Standing]> = self.standings().all(now).await.into();
        *last = Some((now, Arc::clone(&standings)));
        (now, standings)
    }

    /// The page at `now`, in seconds of Unix time.
    ///
    /// # Errors
    /// If the template cannot be rendered, which only a failing formatter could cause.
    pub async fn page(&self, now: i64) -> Result<String, askama::Error> {
        let (at, standings) = self.all(now).await;
        page::render(&standings, at, self.standings().shortest_slice().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
