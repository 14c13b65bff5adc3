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
use crate::standing::Standings;
use crate::standing::model::Slos;
use keep::Keeper;

/// How many questions about gates are answered at once, each of which may read every history.
const DECISIONS: usize = 2;

/// The board of the SLOs of a fleet.
#[derive(Clone, Debug)]
pub struct Board {
    keeper: Keeper,
    gates: Gates,
    deciding: Arc<Semaphore>,
}

impl Board {
    /// A board of these SLOs; nothing is read before the first request.
    #[must_use]
    pub fn new(gates: Gates) -> Self {
        let keeper = Keeper::new(gates.standings().clone());
        Self { keeper, gates, deciding: Arc::new(Semaphore::new(DECISIONS)) }
    }

    /// Whether deployments may go on at `now`, or could at the moment that is asked about.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(super) async fn gate(&self, question: &Question, now: Timestamp) -> Result<Answer, NoAnswer> {
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

    /// Every SLO as it stood a moment ago.
    pub(super) async fn slos(&self) -> Slos {
        let look = self.keeper.look_of_late().await;
        Slos { at: look.at, slos: look.slos.iter().map(|full| full.detail.slo.clone()).collect() }
    }

    /// The SLOs, for whoever has to know how they stand at this very moment.
    pub(super) fn standings(&self) -> &Standings {
        self.keeper.standings()
    }
}

#[cfg(test)]
mod tests;
