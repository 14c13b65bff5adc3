//! The outlook of an SLO whose gates were open all along, from what was recorded of them.

use super::model::{BudgetState, Data, GateState, OverrideState};
use super::{GroupOutlook, Outlook};
use crate::history::OpenGroup;
use crate::slo::SloPlan;
use crate::slo::budget::{self, Budget, State};
use crate::slo::change;
use crate::slo::gate::{Held, Latch, Replay};

/// The outlook if somebody wants to spend `needed` seconds and every group has them; when a budget will have them is for
/// the replay to say.
pub(super) fn outlook(
    plan: &SloPlan,
    recorded: Vec<OpenGroup>,
    overridden: Option<OverrideState>,
    needed: f64,
) -> Option<Outlook> {
    let at = recorded.first()?.at;
    let mut groups: Vec<GroupOutlook> = recorded.into_iter().map(|group| open(plan, group)).collect();
    groups.sort_by(|one, other| one.budget.remaining_seconds.total_cmp(&other.budget.remaining_seconds));
    let is_enough =
        |group: &GroupOutlook| change::available(group.budget.remaining_seconds, group.gate.close_at_seconds) >= needed;
    if !groups.iter().all(is_enough) {
        return None;
    }
    let mut groups = groups.into_iter();
    Some(Outlook {
        service: plan.slo.service.to_string(),
        slo: plan.slo.name.to_string(),
        at,
        is_exact: plan.slo.sli.probe_interval().is_some(),
        data_note: None,
        overridden,
        // It opens nothing that is open.
        overridden_since: None,
        worst: groups.next()?,
        others: groups.collect(),
    })
}

/// A group that is known and open, and was so for a whole window.
fn open(plan: &SloPlan, group: OpenGroup) -> GroupOutlook {
    let total = budget::to_f64(plan.budget_seconds);
    let consumed = total - group.remaining;
    let budget = Budget {
        total,
        consumed,
        remaining: group.remaining,
        corrected: 0.0,
        error_ratio: if group.observed > 0.0 { consumed / group.observed } else { 0.0 },
        coverage: group.coverage,
        state: State::Known,
    };
    let held = Some(Held { latch: Latch::Open, trough: group.remaining });
    let replay = Replay { held, closed_since: None, opened_at: None };
    GroupOutlook {
        labels: group.labels,
        budget: BudgetState::of(&budget, group.observed),
        data: Data::Known,
        gate: GateState::of(plan, &replay, Data::Known, None),
        opens_at: None,
    }
}
