//! The board: every SLO as a tile with its budget in minutes, a page for each, and one that tenants may see.
//!
//! It shows what [`crate::standing`] says and adds up nothing itself. It must not read a history or run a probe; what
//! a request asks for is looked up among what is kept here, and becomes nothing but a choice among that.

mod answer;
mod chart;
mod filter;
mod keep;
mod mood;
mod page;
mod public;
mod slo;
mod tile;
mod timing;
mod words;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::gate::week::Coming;
use crate::gate::week::model::ChangePlan;
use crate::gate::{Answer, Gates, NoAnswer, Question};
use crate::report::model::Report;
use crate::report::{Asked, NoReport, Reports};
use crate::standing::model::Slos;
use crate::standing::{Full, Standings};
use keep::Keeper;

/// How many questions about gates are answered at once, each of which may read every history.
const DECISIONS: usize = 2;

/// The board of the SLOs of a fleet.
#[derive(Clone, Debug)]
pub struct Board {
    keeper: Keeper,
    gates: Gates,
    reports: Reports,
    deciding: Arc<Semaphore>,
}

impl Board {
    /// A board of these SLOs; nothing is read before the first request.
    #[must_use]
    pub fn new(gates: Gates) -> Self {
        let keeper = Keeper::new(gates.standings().clone());
        let reports = Reports::over(gates.standings().clone(), gates.calendars());
        Self { keeper, gates, reports, deciding: Arc::new(Semaphore::new(DECISIONS)) }
    }

    /// Whether deployments may go on at `now`, or could at the moment that is asked about.
    ///
    /// While somebody looks at the board, the answer is of the look that the board shows; else it is made anew.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(super) async fn gate(&self, question: &Question, now: Timestamp) -> Result<Answer, NoAnswer> {
        let look = match question.at {
            None if !question.explain => self.keeper.look_if_watched().await,
            _ => None,
        };
        let seen = look.as_ref().and_then(|look| Some((look, Timestamp::from_second(look.at).ok()?)));
        if let (Some((look, at)), None) = (seen, &question.change) {
            return self.gates.answer_of(question, look.slos.iter().map(|full| &full.outlook), at);
        }
        // What a change would need is not in the look, but is asked of the same moment.
        let now = seen.map_or(now, |(_, at)| at);
        // Nobody closes it, and one question too many would be no harm.
        let _permit = self.deciding.acquire().await.ok();
        self.gates.answer(question, now).await
    }

    /// Which planned changes fit on which of the coming days.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(super) async fn coming(&self, asked: &Coming, now: Timestamp) -> Result<ChangePlan, NoAnswer> {
        // As above.
        let _permit = self.deciding.acquire().await.ok();
        self.gates.coming(asked, now).await
    }

    /// What a team has to know about a period.
    ///
    /// # Errors
    /// [`NoReport`].
    pub(super) async fn report(&self, asked: &Asked, now: Timestamp) -> Result<Report, NoReport> {
        // As above.
        let _permit = self.deciding.acquire().await.ok();
        self.reports.of(asked, now).await
    }

    /// Every SLO as it stood a moment ago.
    pub(super) async fn slos(&self) -> Slos {
        let look = self.keeper.look().await;
        Slos { at: look.at, slos: look.slos.iter().map(|full| full.detail.slo.clone()).collect() }
    }

    /// The SLOs themselves, for whoever has to know how they stand whether or not somebody looks at the board.
    pub(super) fn standings(&self) -> &Standings {
        self.keeper.standings()
    }

    /// Says that somebody decided something, which no look so far knows.
    pub(super) fn decided(&self) {
        self.keeper.forget();
    }

    /// One SLO at `now`, in seconds of Unix time, or as the board shows it; none if there is no such SLO.
    pub(super) async fn slo(&self, service: &str, slo: &str, now: i64) -> Option<Full> {
        let Some(look) = self.keeper.look_if_watched().await else {
            return self.keeper.standings().one(service, slo, now).await;
        };
        look.find(service, slo).cloned()
    }
}

#[cfg(test)]
mod tests;
