//! From what an SLO went through to what is said of it. Pure; it reads no clock.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::model::{AlertReport, AlertSource, ForecastReport, GateTurn, PeriodReport, SloReport, Spike, Stretch};
use crate::history::{Causes, Fired};
use crate::names::{Alert, label};
use crate::slo::{SloPlan, alerting};
use crate::spec::model::Severity;
use crate::standing::model::{Data, GateAnswer, Outage};
use crate::standing::past::{Burn, GroupPast};
use crate::standing::{Local, Past};
use crate::units::Duration;

/// An outage that spent more than this share of the budget needs a postmortem, in percent.
pub(super) const POSTMORTEM_PERCENT: f64 = 20.0;

/// More outages of an SLO than this are not listed.
const MOST_SPIKES: usize = 200;

/// What is to be said of an SLO after a period that ends at `until`, in seconds of Unix time.
pub(super) fn slo(plan: &SloPlan, past: Past, local: &Local, until: i64) -> SloReport {
    let state = past.detail.slo;
    let worst = past.groups.first();
    let period = worst.map(|group| group.period);
    let (spikes, spikes_omitted) = spikes(plan, &past.groups);
    let (alerts, alerts_from) = match past.alerts {
        _ if !reads(state.data) => (Vec::new(), AlertSource::Nowhere),
        Some(kept) => (kept.fired.iter().map(fired).collect(), AlertSource::Prometheus),
        None if past.missing.is_empty() => (burns(plan, &past.groups), AlertSource::Counts),
        None => (Vec::new(), AlertSource::Nowhere),
    };
    let coming = worst.map(|group| group.coming).unwrap_or_default();
    let opens = past.groups.iter().filter_map(|group| group.coming.opens_at);
    let unseen = worst.map(|group| group.unseen.clone()).unwrap_or_default();
    SloReport {
        service: state.service,
        slo: state.slo,
        description: state.description,
        objective: state.objective,
        window: state.window.to_string(),
        window_seconds: state.window.as_secs_f64(),
        timezone: local.name().to_owned(),
        groups: state.groups,
        group: state.group,
        data: state.data,
        data_note: state.data_note,
        missing: past.missing,
        sli: state.sli,
        period_sli: period.filter(|period| period.total > 0.0).map(|period| sli(period.bad, period.total)),
        budget: state.budget,
        period: period.map_or(PeriodReport::NOTHING, PeriodReport::of),
        spikes,
        spikes_omitted,
        gate: state.gate,
        gate_turns: turns(&past.groups),
        decisions: past.entries.into_iter().filter(|entry| entry.at <= until).collect(),
        alerts,
        alerts_from,
        unseen: unseen.into_iter().map(|(from, until)| Stretch { from, until }).collect(),
        forecast: ForecastReport {
            is_exact: plan.slo.sli.probe_interval().is_some(),
            gate_opens_at: if state.gate.latch == GateAnswer::Closed { opens.max() } else { None },
            in_a_week_seconds: coming.in_a_week,
            whole_at: coming.whole_at,
        },
    }
}

/// Whether the history of an SLO could be read at all.
pub(super) const fn reads(data: Data) -> bool {
    matches!(data, Data::Known | Data::NoData | Data::Stale | Data::Partial)
}

impl PeriodReport {
    const NOTHING: Self = Self {
        bad: 0.0,
        total: 0.0,
        at_start_seconds: 0.0,
        spent_seconds: 0.0,
        returned_seconds: 0.0,
        background_seconds: 0.0,
    };

    fn of(period: crate::standing::past::Period) -> Self {
        Self {
            bad: period.bad,
            total: period.total,
            at_start_seconds: period.at_start,
            spent_seconds: period.spent,
            returned_seconds: period.returned,
            background_seconds: period.background,
        }
    }
}

/// Good events in percent of all, to six decimals.
fn sli(bad: f64, total: f64) -> f64 {
    ((1.0 - bad / total) * 1e8).round() / 1e6
}

/// The outages of every group in order, and how many were left out.
fn spikes(plan: &SloPlan, groups: &[GroupPast]) -> (Vec<Spike>, usize) {
    let of_group =
        |group: &GroupPast| group.outages.iter().map(|(outage, within)| spike(plan, outage, *within)).collect();
    let mut spikes: Vec<Spike> = groups.iter().map(of_group).collect::<Vec<Vec<Spike>>>().concat();
    spikes.sort_by(by_price);
    let omitted = spikes.len().saturating_sub(MOST_SPIKES);
    spikes.truncate(MOST_SPIKES);
    spikes.sort_by(in_order);
    (spikes, omitted)
}

fn spike(plan: &SloPlan, outage: &Outage, within: f64) -> Spike {
    let window = i64::try_from(plan.slo.window.count_of(Duration::from_secs(1))).unwrap_or(i64::MAX);
    Spike {
        start: outage.start,
        end: outage.end,
        ongoing: outage.ongoing,
        in_period: within > 0.0,
        spent_seconds: outage.spent_seconds,
        spent_in_period_seconds: within,
        spent_percent: outage.spent_percent,
        needs_postmortem: outage.spent_percent > POSTMORTEM_PERCENT,
        returned_at: outage.end.saturating_add(window),
        bad: outage.bad,
        total: outage.total,
        reasons: outage.reasons.clone(),
        steps: BTreeMap::new(),
        group: outage.group.clone(),
    }
}

/// What was spent in the period counts more than what was spent before it.
fn by_price(one: &Spike, other: &Spike) -> Ordering {
    other
        .in_period
        .cmp(&one.in_period)
        .then(other.spent_seconds.total_cmp(&one.spent_seconds))
        .then(other.start.cmp(&one.start))
        .then_with(|| one.group.cmp(&other.group))
}

/// Those of the period by their price, the others by their time.
fn in_order(one: &Spike, other: &Spike) -> Ordering {
    match (one.in_period, other.in_period) {
        (false, false) => other.start.cmp(&one.start).then_with(|| one.group.cmp(&other.group)),
        _ => by_price(one, other),
    }
}

impl Spike {
    /// The same with what a history knows of why it failed.
    pub(super) fn because_of(self, causes: Causes) -> Self {
        let reasons = if self.reasons.is_empty() { causes.reasons } else { self.reasons };
        Self { reasons, steps: causes.steps, ..self }
    }
}

fn turns(groups: &[GroupPast]) -> Vec<GateTurn> {
    let of_group = |group: &GroupPast| {
        let labels = group.group.clone();
        let turn = move |turn: &crate::standing::past::Turn| GateTurn {
            at: turn.at,
            to: turn.to,
            remaining_seconds: turn.remaining,
            group: labels.clone(),
        };
        group.turns.iter().map(turn).collect::<Vec<_>>()
    };
    let mut turns: Vec<GateTurn> = groups.iter().flat_map(of_group).collect();
    turns.sort_by_key(|turn| turn.at);
    turns
}

/// An alert as a Prometheus recorded it.
fn fired(fired: &Fired) -> AlertReport {
    let get = |name: &str| fired.labels.get(name).cloned();
    // What is left of its labels tells its group.
    let known = [
        label::ALERTNAME,
        label::ALERTSTATE,
        label::SEVERITY,
        label::LONG_WINDOW,
        label::SHORT_WINDOW,
        label::SERVICE,
        label::SLO,
    ];
    let others = fired.labels.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    AlertReport {
        alert: get(label::ALERTNAME).unwrap_or_default(),
        severity: get(label::SEVERITY).unwrap_or_default(),
        long_window: get(label::LONG_WINDOW),
        short_window: get(label::SHORT_WINDOW),
        from: fired.from,
        until: fired.until,
        group: others.map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

/// The burn-rate alerts that would have fired.
fn burns(plan: &SloPlan, groups: &[GroupPast]) -> Vec<AlertReport> {
    let alert = |burn: &Burn, group: &BTreeMap<String, String>| {
        let wanted = alerting::resolve(&plan.slo, Alert::ErrorBudgetBurn, burn.severity, Duration::ZERO);
        let label = match burn.severity {
            Severity::Page => &plan.slo.alerting.page.severity,
            Severity::Ticket => &plan.slo.alerting.ticket.severity,
        };
        AlertReport {
            alert: wanted.map_or_else(|| Alert::ErrorBudgetBurn.name().to_owned(), |wanted| wanted.name),
            severity: label.clone(),
            long_window: Some(burn.long.to_string()),
            short_window: Some(burn.short.to_string()),
            from: burn.from,
            until: burn.until,
            group: group.clone(),
        }
    };
    let of_group = |group: &GroupPast| group.burns.iter().map(|burn| alert(burn, &group.group)).collect::<Vec<_>>();
    let mut burns: Vec<AlertReport> = groups.iter().flat_map(of_group).collect();
    burns.sort_by_key(|burn| burn.from);
    burns
}

/// A closed gate first, then what needs a postmortem, what nobody knows, and what is nearest to its end.
pub(super) fn by_need(one: &SloReport, other: &SloReport) -> Ordering {
    let rank = |slo: &SloReport| {
        let postmortem = slo.spikes_of_period().any(|spike| spike.needs_postmortem);
        (slo.gate.state == GateAnswer::Closed, postmortem, slo.data != Data::Known, !slo.is_quiet())
    };
    rank(other)
        .cmp(&rank(one))
        .then(one.budget.remaining_percent.total_cmp(&other.budget.remaining_percent))
        .then_with(|| (&one.service, &one.slo).cmp(&(&other.service, &other.slo)))
}
