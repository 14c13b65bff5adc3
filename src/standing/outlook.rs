//! What becomes of an SLO if nothing more fails, as far as whoever decides needs to know it.

use std::collections::BTreeMap;

use super::model::{BudgetState, Data, GateState, OverrideState, SloState};
use crate::slo::week::Course;

/// The gates of one SLO at one moment, and when they let through what somebody wants to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// The service.
    pub service: String,
    /// The SLO.
    pub slo: String,
    /// Up to when the numbers are, in seconds of Unix time.
    pub at: i64,
    /// Whether the future is that of a probe, which runs as often as now; else the traffic of the last seven days is
    /// assumed to repeat.
    pub is_exact: bool,
    /// Why the numbers cannot be relied on, and what to do.
    pub data_note: Option<String>,
    /// The override that is in force, if there is one.
    pub overridden: Option<OverrideState>,
    /// Since when it is overridden without a break, in seconds of Unix time, by this override or those before it.
    pub overridden_since: Option<i64>,
    /// The group that decides.
    pub worst: GroupOutlook,
    /// The other groups; what needs attention comes first.
    pub others: Vec<GroupOutlook>,
}

/// One group of it.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOutlook {
    /// Its labels; none for an SLO that is not split.
    pub labels: BTreeMap<String, String>,
    /// Its budget.
    pub budget: BudgetState,
    /// Whether its numbers can be relied on.
    pub data: Data,
    /// Its gate.
    pub gate: GateState,
    /// When its gate is open and the wanted budget is there, in seconds of Unix time; none if that is so now, if it never
    /// will be, and if nobody knows.
    pub opens_at: Option<i64>,
}

/// What may be spent of the budget of an SLO in the time to come.
#[derive(Clone, Debug, PartialEq)]
pub struct Prospect {
    /// Its numbers.
    pub state: SloState,
    /// As in [`Outlook`].
    pub is_exact: bool,
    /// Whether nobody knows how a group of it stands.
    pub is_unknown: bool,
    /// What may be spent, of the groups that are known; none if there is no such group.
    pub course: Option<Course>,
}

impl Outlook {
    /// Every group; the one that decides comes first.
    pub fn groups(&self) -> impl Iterator<Item = &GroupOutlook> {
        std::iter::once(&self.worst).chain(&self.others)
    }
}
