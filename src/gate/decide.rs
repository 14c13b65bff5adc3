//! The decision: from the outlook of every SLO to one answer. Pure; it reads no clock.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::model::{Answer, ChangeAnswer, Forecast, GroupAnswer, Reason, SCHEMA_VERSION, ServiceChange, SloAnswer};
use super::question::{Planned, Question};
use super::{Needs, words};
use crate::slo::change::{self, Obstacle};
use crate::standing::model::{Data, GateAnswer};
use crate::standing::{GroupOutlook, Outlook};

/// More groups than this are not told of one SLO, besides the one that decides.
const MOST_GROUPS: usize = 20;

/// What the SLOs of a question come to at `at`.
pub(super) fn decide<'a>(
    question: &Question,
    outlooks: impl Iterator<Item = &'a Outlook>,
    needs: &Needs<'_>,
    at: Timestamp,
) -> Answer {
    let need = |outlook: &Outlook| {
        let of_service = needs.iter().find(|(service, _)| service.as_str() == outlook.service);
        of_service.map(|(_, (need, _))| need.downtime.as_secs_f64())
    };
    let mut slos: Vec<SloAnswer> = outlooks.map(|outlook| judge(outlook, need(outlook))).collect();
    slos.sort_by(by_weight);
    let change = question.change.as_ref().map(|planned| planned_change(planned, &slos, needs, at));
    let first = slos.first();
    let (mut decision, mut reason) = first.map_or((GateAnswer::Open, Reason::Open), |slo| (slo.decision, slo.reason));
    let is_late = change.as_ref().is_some_and(|change| change.services.iter().any(|service| !service.is_within_hours));
    if is_late && decision == GateAnswer::Open {
        (decision, reason) = (GateAnswer::Closed, Reason::Hours);
    }
    let message = words::overall(decision, reason, &slos, change.as_ref());
    let (reopens_at, forecast) = opening(decision, &slos, change.as_ref());
    // A change may have become possible later, since its budget had to come back or work had to begin.
    let is_plain = decision == GateAnswer::Open && change.is_none();
    let open_since = slos.iter().filter_map(|slo| slo.open_since).max().filter(|_| is_plain);
    Answer {
        schema_version: SCHEMA_VERSION,
        at: at.as_second(),
        decision,
        reason,
        message,
        open_since,
        reopens_at,
        forecast,
        change,
        slos,
    }
}

/// What one SLO says, where somebody wants to spend `need` seconds of its budget.
fn judge(outlook: &Outlook, need: Option<f64>) -> SloAnswer {
    let gate = outlook.worst.gate;
    let lets_through =
        gate.state == GateAnswer::Open || (gate.state == GateAnswer::Unknown && !gate.holds_when_unknown);
    // Of the groups that let through, the first that has too little left for the change.
    let short = outlook.groups().find(|group| lets_through && is_short(group, need));
    let (would, reason) = match (gate.state, short) {
        (_, Some(_)) => (GateAnswer::Closed, Reason::Budget),
        (GateAnswer::Closed, None) => (GateAnswer::Closed, Reason::Closed),
        (GateAnswer::Unknown, None) => (GateAnswer::Unknown, outlook.worst.data.into()),
        (GateAnswer::Open, None) => (GateAnswer::Open, Reason::Open),
    };
    let (decision, reason) = match would {
        GateAnswer::Open => (would, reason),
        _ if gate.dry_run => (GateAnswer::Open, Reason::DryRun),
        GateAnswer::Unknown if !gate.holds_when_unknown => (GateAnswer::Open, reason),
        _ => (would, reason),
    };
    answer(outlook, short.unwrap_or(&outlook.worst), need, (decision, reason))
}

/// What an override makes of what an SLO says: it opens what stops, and leaves the rest as it is.
fn overridden(outlook: &Outlook, (decision, reason): (GateAnswer, Reason)) -> (GateAnswer, Reason) {
    match (&outlook.overridden, decision) {
        (Some(_), GateAnswer::Closed | GateAnswer::Unknown) => (GateAnswer::Open, Reason::Override),
        _ => (decision, reason),
    }
}

fn answer(
    outlook: &Outlook,
    deciding: &GroupOutlook,
    need: Option<f64>,
    (would, would_reason): (GateAnswer, Reason),
) -> SloAnswer {
    let (decision, reason) = overridden(outlook, (would, would_reason));
    let GroupOutlook { labels, budget, data, gate, .. } = deciding;
    let reopens_at = reopens_at(outlook, need);
    let basis = if outlook.is_exact { Forecast::Exact } else { Forecast::AssumesLast7DaysTraffic };
    let others = outlook.groups().filter(|group| !std::ptr::eq(*group, deciding));
    let mut answer = SloAnswer {
        service: outlook.service.clone(),
        slo: outlook.slo.clone(),
        group: labels.clone(),
        groups: outlook.others.len() + 1,
        at: outlook.at,
        decision,
        reason,
        message: String::new(),
        gate: gate.state,
        overridden: outlook.overridden.clone(),
        would,
        would_reason,
        latch: gate.latch,
        dry_run: gate.dry_run,
        holds_when_unknown: gate.holds_when_unknown,
        data: *data,
        total_seconds: budget.total_seconds,
        remaining_seconds: budget.remaining_seconds,
        corrected_seconds: budget.corrected_seconds,
        net_remaining_seconds: budget.net_remaining_seconds,
        coverage: budget.coverage,
        close_at_seconds: gate.close_at_seconds,
        resume_at_seconds: gate.resume_at_seconds,
        open_since: open_since(outlook, reason),
        closed_since: gate.closed_since,
        trough_seconds: gate.trough_seconds,
        reopens_at,
        forecast: reopens_at.map(|_| basis),
        other_groups: others.take(MOST_GROUPS).map(other).collect(),
    };
    answer.message = words::of_slo(&answer, outlook.data_note.as_deref(), need);
    answer
}

/// A group that does not decide.
fn other(group: &GroupOutlook) -> GroupAnswer {
    GroupAnswer {
        group: group.labels.clone(),
        gate: group.gate.state,
        data: group.data,
        remaining_seconds: group.budget.remaining_seconds,
        net_remaining_seconds: group.budget.net_remaining_seconds,
        coverage: group.budget.coverage,
        closed_since: group.gate.closed_since,
        trough_seconds: group.gate.trough_seconds,
    }
}

/// Since when all groups let through by their budget, or by the override that opens them; none for any other reason.
fn open_since(outlook: &Outlook, reason: Reason) -> Option<i64> {
    let since = match reason {
        Reason::Override => {
            // What was overridden before it closed never stopped anything.
            let stopped = |group: &GroupOutlook, since: i64| {
                let closed_since = group.gate.closed_since;
                group.gate.state != GateAnswer::Open && closed_since.is_none_or(|closed| closed <= since)
            };
            outlook.overridden_since.filter(|since| outlook.groups().any(|group| stopped(group, *since)))
        }
        Reason::Open => outlook.groups().filter_map(|group| group.gate.open_since).max(),
        _ => None,
    };
    since.filter(|_| !outlook.worst.gate.dry_run)
}

/// Whether a group has less to spend than is needed. Of one that nobody knows, nobody knows that either.
fn is_short(group: &GroupOutlook, need: Option<f64>) -> bool {
    let available = change::available(group.budget.net_remaining_seconds, group.gate.close_at_seconds);
    group.data == Data::Known && need.is_some_and(|need| need > available)
}

/// When the last group opens, if that can be said of each that stops anything.
fn reopens_at(outlook: &Outlook, need: Option<f64>) -> Option<i64> {
    let stops = |group: &&GroupOutlook| match group.gate.state {
        GateAnswer::Closed => true,
        GateAnswer::Unknown => group.gate.holds_when_unknown,
        GateAnswer::Open => is_short(group, need),
    };
    let moments: Option<Vec<i64>> = outlook.groups().filter(stops).map(|group| group.opens_at).collect();
    moments?.into_iter().max()
}

/// What stops comes first, then what would but for a waiver, then the smallest remaining share.
fn by_weight(one: &SloAnswer, other: &SloAnswer) -> Ordering {
    let share = |slo: &SloAnswer| slo.net_remaining_seconds / slo.total_seconds;
    let is_plain = |slo: &SloAnswer| slo.reason == Reason::Open;
    one.decision
        .cmp(&other.decision)
        .then(is_plain(one).cmp(&is_plain(other)))
        .then(share(one).total_cmp(&share(other)))
        .then_with(|| (&one.service, &one.slo).cmp(&(&other.service, &other.slo)))
}

fn planned_change(planned: &Planned, slos: &[SloAnswer], needs: &Needs<'_>, at: Timestamp) -> ChangeAnswer {
    let services: Vec<ServiceChange> = needs
        .iter()
        .map(|(service, (need, calendar))| {
            let hours = calendar.hours.as_ref();
            // Budgets are judged SLO by SLO; here only the working day counts.
            let obstacles = change::obstacles(*need, f64::INFINITY, hours, at);
            let of_service = || slos.iter().filter(|slo| slo.service == service.as_str());
            let ready = ready_at(of_service(), at);
            let may_begin_at = ready.and_then(|ready| match hours {
                Some(hours) => hours.next_start(ready, need.duration),
                None => Some(ready),
            });
            ServiceChange {
                service: service.to_string(),
                downtime_seconds: need.downtime.as_secs_f64(),
                duration_seconds: need.duration.as_secs_f64(),
                is_within_hours: !obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::Hours { .. })),
                may_begin_at: may_begin_at.map(Timestamp::as_second),
            }
        })
        .collect();
    let name = match planned {
        Planned::Named(name) => Some(name.to_string()),
        Planned::Needing(_) => None,
    };
    let is_open = slos.iter().all(|slo| slo.decision == GateAnswer::Open);
    ChangeAnswer { name, fits: is_open && services.iter().all(|service| service.is_within_hours), services }
}

/// When every one of these is open if nothing more fails.
fn ready_at<'a>(slos: impl Iterator<Item = &'a SloAnswer>, at: Timestamp) -> Option<Timestamp> {
    let moments = slos.filter(|slo| slo.decision != GateAnswer::Open).map(|slo| slo.reopens_at);
    let latest = moments.collect::<Option<Vec<i64>>>()?.into_iter().max();
    match latest {
        None => Some(at),
        Some(latest) => Timestamp::from_second(latest).ok().map(|latest| latest.max(at)),
    }
}

/// When all of it lets through if nothing more fails, and what that rests on.
fn opening(decision: GateAnswer, slos: &[SloAnswer], change: Option<&ChangeAnswer>) -> (Option<i64>, Option<Forecast>) {
    if decision == GateAnswer::Open {
        return (None, None);
    }
    let stopping = || slos.iter().filter(|slo| slo.decision != GateAnswer::Open);
    let budgets = stopping().map(|slo| slo.reopens_at);
    let starts = change.into_iter().flat_map(|change| &change.services).map(|service| service.may_begin_at);
    let Some(latest) = budgets.chain(starts).collect::<Option<Vec<i64>>>().and_then(|all| all.into_iter().max()) else {
        return (None, None);
    };
    // Working hours are exact.
    (Some(latest), Some(stopping().filter_map(|slo| slo.forecast).max().unwrap_or(Forecast::Exact)))
}
