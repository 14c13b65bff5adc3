//! The board: every SLO as a tile with its budget in minutes, as a page and as JSON.
//!
//! It reads the history and the plan and puts [`crate::slo`]'s mathematics to use; it has none of its own. It
//! must not write a history, run a probe or know how a request reached it.

mod chart;
mod page;
mod words;

pub mod state;

use std::sync::Arc;

use crate::history::History;
use crate::slo::{Plan, SloPlan};
use state::{SloState, States};

/// The script of the page. It is served from this server, so that the page needs no inline script.
pub const SCRIPT: &str = include_str!("board.js");

/// What the page may load: its own styles and script, and nothing from anywhere else.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; \
     connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

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
        page::render(&self.states(now).await, self.history.slice())
    }
}

#[cfg(test)]
mod tests;
