//! What becomes of an SLO if nothing more fails, as far as whoever decides needs to know it.

use super::model::{GroupDetail, SloState};
use crate::slo::week::Course;

/// One SLO at one moment, and when its gate lets through what somebody wants to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// Its numbers.
    pub state: SloState,
    /// Whether the future is that of a probe, which runs as often as now; else the traffic of the last seven days is
    /// assumed to repeat.
    pub is_exact: bool,
    /// Its groups; the one that decides comes first.
    pub groups: Vec<GroupOutlook>,
}

/// One group of it.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOutlook {
    /// Its numbers.
    pub detail: GroupDetail,
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
