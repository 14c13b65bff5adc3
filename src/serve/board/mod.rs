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

use crate::standing::Standings;
use crate::standing::model::Slos;
use keep::Keeper;

/// The board of the SLOs of a fleet.
#[derive(Clone, Debug)]
pub struct Board(Keeper);

impl Board {
    /// A board of these SLOs; nothing is read before the first request.
    #[must_use]
    pub fn new(standings: Standings) -> Self {
        Self(Keeper::new(standings))
    }

    /// Every SLO as it stood a moment ago.
    pub(super) async fn slos(&self) -> Slos {
        let look = self.0.look_of_late().await;
        Slos { at: look.at, slos: look.slos.iter().map(|full| full.detail.slo.clone()).collect() }
    }

    /// The SLOs, for whoever has to know how they stand at this very moment.
    pub(super) fn standings(&self) -> &Standings {
        self.0.standings()
    }
}

#[cfg(test)]
mod tests;
