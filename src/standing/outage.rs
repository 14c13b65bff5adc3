//! Outages: when the budget of a group went, what that spent, and why.

use std::collections::BTreeMap;

use super::model::Outage;
use super::sums::Sums;
use super::{rounded, seconds};
use crate::history::Slice;
use crate::slo::budget::{self, STALE_SLICES};

/// The outages of a group in the window, oldest first.
pub(super) fn of(sums: &Sums<'_>, group: &BTreeMap<String, String>) -> Vec<Outage> {
    among(sums, sums.inside(), group)
}

/// The outages of a group among some of its slices, oldest first.
///
/// Of a probe, every failed run is one, or part of one. Of anything else a slice belongs to one if more of its events
/// failed than the objective allows: then the budget goes faster than it comes back.
pub(super) fn among(sums: &Sums<'_>, slices: &[Slice], group: &BTreeMap<String, String>) -> Vec<Outage> {
    let allowed = match sums.plan.slo.sli.probe_interval() {
        Some(_) => 0.0,
        None => budget::to_f64(sums.plan.error_budget),
    };
    let is_bad = |slice: &Slice| slice.events.bad > allowed * slice.events.total;
    let step = seconds(sums.step);
    let gap = seconds(sums.step.times(STALE_SLICES));
    let mut outages: Vec<Outage> = Vec::new();
    // Whether the newest outage is not over: no good slice since, and no time that nobody saw.
    let mut ongoing = false;
    let mut seen = None;
    for slice in slices {
        let is_unseen = seen.is_some_and(|end: i64| slice.events.end.saturating_sub(end) > gap);
        ongoing = ongoing && !is_unseen;
        seen = Some(slice.events.end);
        if is_bad(slice) {
            match outages.last_mut().filter(|_| ongoing) {
                Some(outage) => add(outage, slice),
                None => outages.push(begin(slice, step, group)),
            }
            ongoing = true;
        } else if slice.events.total > 0.0 {
            ongoing = false;
        }
    }
    let is_seen = seen.is_some_and(|end| sums.at.saturating_sub(end) < gap);
    if let Some(outage) = outages.last_mut().filter(|_| ongoing && is_seen) {
        outage.ongoing = true;
    }
    for outage in &mut outages {
        let spent = budget::spike_seconds(outage.bad, &sums.tally);
        outage.spent_percent = rounded(spent / sums.budget.total * 100.0, 3);
        outage.spent_seconds = rounded(spent, 3);
        outage.bad = rounded(outage.bad, 6);
        outage.total = rounded(outage.total, 6);
    }
    outages
}

/// An outage that begins with a slice of `step` seconds.
fn begin(slice: &Slice, step: i64, group: &BTreeMap<String, String>) -> Outage {
    let mut outage = Outage {
        start: slice.events.end.saturating_sub(step),
        end: slice.events.end,
        ongoing: false,
        spent_seconds: 0.0,
        spent_percent: 0.0,
        bad: 0.0,
        total: 0.0,
        reasons: BTreeMap::new(),
        group: group.clone(),
    };
    add(&mut outage, slice);
    outage
}

fn add(outage: &mut Outage, slice: &Slice) {
    outage.end = slice.events.end;
    outage.bad += slice.events.bad;
    outage.total += slice.events.total;
    for (reason, count) in &slice.failures {
        *outage.reasons.entry(reason.as_str().to_owned()).or_default() += count;
    }
}
