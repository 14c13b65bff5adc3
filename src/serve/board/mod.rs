//! The board: every SLO as a tile with its budget in minutes, as a page and as JSON.
//!
//! It reads the history and the plan and puts [`crate::slo`]'s mathematics to use; it has none of its own. It
//! must not write a history, run a probe or know how a request reached it.

mod chart;
mod page;
pub mod state;
pub mod words;

use std::fmt;
use std::sync::Arc;

use crate::history::{History, SloKey};
use crate::slo::{Plan, SloPlan};
use state::{SloState, States};

/// The script of the page, a file of its own so that the page may forbid every other script.
pub(super) const SCRIPT: &str = include_str!("board.js");

/// What the page may load: its own styles and script, and nothing from anywhere else.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; \
     connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("slos", &self.slos.len()).finish_non_exhaustive()
    }
}

/// The board of a plan over a history.
#[derive(Clone)]
pub struct Board {
    slos: Arc<[SloPlan]>,
    history: Arc<dyn History>,
}

impl Board {
    /// A board of every SLO of the plan.
    #[must_use]
    pub fn new(plan: &Plan, history: Arc<dyn History>) -> Self {
        Self { slos: plan.slos().cloned().collect(), history }
    }

    /// The state of every SLO at `now`, in seconds of Unix time; what needs attention comes first.
    ///
    /// More exactly each at the end of its last slice that is complete: one that is still being filled would count as
    /// time that was not observed.
    pub async fn states(&self, now: i64) -> States {
        let mut slos = Vec::with_capacity(self.slos.len());
        for plan in self.slos.iter() {
            slos.push(SloState::read(plan, self.history.as_ref(), now).await);
        }
        slos.sort_by(SloState::by_attention);
        States { at: now, slos }
    }

    /// The page at `now`, in seconds of Unix time.
    ///
    /// # Errors
    /// If the template cannot be rendered, which only a failing formatter could cause.
    pub async fn page(&self, now: i64) -> Result<String, askama::Error> {
        let slices = self.slos.iter().map(|plan| self.history.slice(&SloKey::of(&plan.slo)));
        page::render(&self.states(now).await, slices.min().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
