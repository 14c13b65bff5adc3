//! What is the matter with an SLO, in one word: its colour, its icon and the word of the filter.

use crate::standing::model::{GateAnswer, SloState};

/// What is the matter, the worst first. Every colour goes with an icon and words: nobody has to tell red from green.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mood {
    /// The gate is closed.
    Closed,
    /// An alert's condition holds while the gate is open.
    Burning,
    /// The data do not say.
    Unknown,
    /// So little is left that a closed gate would not open.
    Low,
    /// Nothing is the matter.
    Good,
}

impl Mood {
    /// Every mood, the worst first.
    pub(super) const ALL: [Self; 5] = [Self::Closed, Self::Burning, Self::Unknown, Self::Low, Self::Good];

    /// The mood of an SLO.
    pub(super) fn of(state: &SloState) -> Self {
        match state.gate.state {
            // Deployments go on, and somebody should know why.
            GateAnswer::Closed if state.overridden.is_none() => Self::Closed,
            _ if state.is_firing() => Self::Burning,
            GateAnswer::Unknown => Self::Unknown,
            GateAnswer::Closed => Self::Low,
            GateAnswer::Open if state.budget.net_remaining_seconds < state.gate.resume_at_seconds => Self::Low,
            GateAnswer::Open => Self::Good,
        }
    }

    /// The class of its colour, the name of its icon and its value in a filter.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Burning => "burning",
            Self::Unknown => "unknown",
            Self::Low => "low",
            Self::Good => "good",
        }
    }

    /// The word of the filter.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Closed => "Closed",
            Self::Burning => "Burning",
            Self::Unknown => "Unknown",
            Self::Low => "Low",
            Self::Good => "On track",
        }
    }

    /// Whether somebody should look.
    pub(super) fn needs_attention(self) -> bool {
        self != Self::Good
    }
}
