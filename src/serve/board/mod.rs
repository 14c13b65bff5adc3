//! The board: every SLO as a tile with its budget in minutes.
//!
//! It shows what [`crate::standing`] says and adds up nothing itself. It must not read a history, run a probe or know
//! how a request reached it.

mod chart;
mod page;

use crate::standing::Standings;

/// The script of the page, a file of its own so that the page may forbid every other script.
pub(super) const SCRIPT: &str = include_str!("board.js");

/// What the page may load: its own styles and script, and nothing from anywhere else.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; \
     connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The board over standings that are read when it is asked for.
#[derive(Clone, Debug)]
pub struct Board {
    standings: Standings,
}

impl Board {
    /// A board of every SLO of `standings`.
    #[must_use]
    pub const fn new(standings: Standings) -> Self {
        Self { standings }
    }

    /// How its SLOs stand.
    pub(super) const fn standings(&self) -> &Standings {
        &self.standings
    }

    /// The page at `now`, in seconds of Unix time.
    ///
    /// # Errors
    /// If the template cannot be rendered, which only a failing formatter could cause.
    pub async fn page(&self, now: i64) -> Result<String, askama::Error> {
        page::render(&self.standings.all(now).await, now, self.standings.shortest_slice().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
