//! The state of one SLO from the slices of its groups: the worst group decides.

use std::collections::BTreeMap;

use super::model::{
    AlertState, BudgetState, Burndown, Data, Days, Failure, GateState, GroupDetail, Outage, Outages, OverrideState,
    SloDetail, SloState,
};
use super::net::Net;
use super::sums::{Sums, Track};
use super::{Full, GroupOutlook, Outlook, Past, Prospect, Read, Standing, day, outage, past, rounded, seconds, words};
use crate::history::audit::{self, Entry};
use crate::history::{Group, HistoryError, Slice};
use crate::slo::SloPlan;
use crate::slo::budget::{self, LEAST_COVERAGE_PERCENT};
use crate::slo::gate::Replay;
use crate::slo::week::Course;
use crate::slo::window::{Pair, RETIRED_AFTER};
use crate::spec::model::Severity;
use crate::units::Duration;

/// More outages than this are not listed.
const MOST_OUTAGES: usize = 500;

/// What was read of one SLO.
pub(super) struct Looked<'a> {
    plan: &'a SloPlan,
    /// The length of a slice.
    step: Duration,
    error: Option<&'a HistoryError>,
    /// What people decided about it.
    entries: &'a [Entry],
    groups: Vec<Counted<'a>>,
    /// What stands for an SLO of which nothing was read.
    nothing: Counted<'a>,
    now: i64,
}

/// The counts of a group, from which sums are made.
struct Counted<'a> {
    labels: &'a BTreeMap<String, String>,
    /// The slices that the budget and the gate depend on.
    slices: &'a [Slice],
    events: Vec<budget::Slice>,
    /// These, and older ones that only days show.
    all: &'a [Slice],
    /// Whether there was more, which nobody has any longer.
    is_cut: bool,
    /// What does not count against its budget.
    net: Net<'a>,
}

/// A group at one moment.
struct Judged<'a> {
    labels: &'a BTreeMap<String, String>,
    all: &'a [Slice],
    sums: Sums<'a>,
    track: Track,
    data: Data,
    replay: Replay,
    gate: GateState,
}

/// The groups of an SLO at one moment.
struct Groups<'a> {
    /// The one that decides.
    worst: Judged<'a>,
    others: Vec<Judged<'a>>,
}

static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

impl<'a> Looked<'a> {
    /// What was read of an SLO in slices of length `step`, at `now` in seconds of Unix time.
    pub(super) fn new(plan: &'a SloPlan, step: Duration, read: &'a Result<Read, HistoryError>, now: i64) -> Self {
        Self::back_to(now.saturating_sub(seconds(needed(plan))), plan, step, read, now)
    }

    /// The same with slices from `from` on, in seconds of Unix time, for who looks at a longer past.
    pub(super) fn back_to(
        from: i64,
        plan: &'a SloPlan,
        step: Duration,
        read: &'a Result<Read, HistoryError>,
        now: i64,
    ) -> Self {
        let groups = read.as_ref().map(|read| read.groups.as_slice()).unwrap_or_default();
        let entries = read.as_ref().map(|read| read.entries.as_slice()).unwrap_or_default();
        let counted = |group: &'a Group| {
            let start = group.slices.partition_point(|slice| slice.events.end <= from);
            let slices = group.slices.get(start..).unwrap_or_default();
            let events = slices.iter().map(|slice| slice.events).collect();
            let net = Net::of(group, entries, plan, now);
            Counted { labels: &group.labels, slices, events, all: &group.slices, is_cut: group.is_cut, net }
        };
        let nothing = Counted {
            labels: &NO_LABELS,
            slices: &[],
            events: Vec::new(),
            all: &[],
            is_cut: false,
            net: Net::nothing(),
        };
        let groups = present(plan, groups, now).into_iter().map(counted).collect();
        Self { plan, step, error: read.as_ref().err(), entries, groups, nothing, now }
    }

    fn judged(&self) -> Groups<'_> {
        let mut judged: Vec<Judged<'_>> = self.groups.iter().map(|group| self.judge(group)).collect();
        let remaining = |group: &Judged<'_>| group.sums.budget.net();
        judged.sort_by(|one, other| {
            one.gate.state.cmp(&other.gate.state).then(remaining(one).total_cmp(&remaining(other)))
        });
        let mut judged = judged.into_iter();
        let worst = judged.next().unwrap_or_else(|| self.judge(&self.nothing));
        Groups { worst, others: judged.collect() }
    }

    fn judge<'s>(&'s self, group: &'s Counted<'a>) -> Judged<'s> {
        let sums = Sums::new(self.plan, self.step, (group.slices, &group.events), group.is_cut, &group.net, self.now);
        let track = sums.track();
        let data = self.error.map_or_else(|| sums.budget.state.into(), Data::from);
        let replay = sums.replay(&track);
        let gate = GateState::of(self.plan, &replay, data, sums.open_since(&track, &replay));
        Judged { labels: group.labels, all: group.all, sums, track, data, replay, gate }
    }

    /// What a list shows of it.
    pub(super) fn standing(&self) -> Standing {
        let groups = self.judged();
        Standing { state: self.state(&groups), burndown: groups.worst.burndown() }
    }

    /// What a gate needs of it, where somebody wants to spend `needed` seconds.
    pub(super) fn outlook(&self, needed: f64) -> Outlook {
        self.outlook_of(&self.judged(), needed)
    }

    fn outlook_of(&self, groups: &Groups<'_>, needed: f64) -> Outlook {
        let outlook = |group: &Judged<'_>| GroupOutlook {
            labels: group.labels.clone(),
            budget: group.budget(),
            data: group.data,
            gate: group.gate,
            opens_at: (group.data == Data::Known).then(|| group.sums.opens_at(&group.replay, needed)).flatten(),
        };
        Outlook {
            service: self.plan.slo.service.to_string(),
            slo: self.plan.slo.name.to_string(),
            at: groups.worst.sums.at,
            is_exact: self.plan.slo.sli.probe_interval().is_some(),
            data_note: self.note(&groups.worst),
            overridden: self.overridden(),
            overridden_since: audit::overridden_since(self.entries, self.now),
            worst: outlook(&groups.worst),
            others: groups.others.iter().map(outlook).collect(),
        }
    }

    /// What may be spent of it in the time to come.
    pub(super) fn prospect(&self) -> Prospect {
        let groups = self.judged();
        let known = groups.all().filter(|group| group.data == Data::Known);
        let courses = known.filter_map(|group| group.sums.course(&group.replay));
        Prospect {
            state: self.state(&groups),
            is_exact: self.plan.slo.sli.probe_interval().is_some(),
            is_unknown: groups.all().any(|group| group.data != Data::Known),
            course: courses.reduce(|one, other| Course::least(&one, &other)),
        }
    }

    /// What it went through since a moment, in seconds of Unix time.
    pub(super) fn past(&self, since: i64) -> Past {
        let groups = self.judged();
        let past = |group: &Judged<'_>| past::of(&group.sums, &group.track, group.labels, since);
        Past {
            detail: SloDetail { slo: self.state(&groups), groups: groups.all().map(Judged::detail).collect() },
            groups: groups.all().map(past).collect(),
            alerts: None,
            entries: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// All there is to say about it.
    pub(super) fn full(&self) -> Full {
        let groups = self.judged();
        Full {
            detail: SloDetail { slo: self.state(&groups), groups: groups.all().map(Judged::detail).collect() },
            outlook: self.outlook_of(&groups, 0.0),
            burndown: groups.worst.burndown(),
            outages: outages(&groups),
            days: Days {
                days: day::worst(groups.all().map(|group| day::of(&group.sums, group.all, group.labels)).collect()),
            },
        }
    }

    fn state(&self, groups: &Groups<'_>) -> SloState {
        let (plan, slo, worst) = (self.plan, &self.plan.slo, &groups.worst);
        let (_, burn_rate_window) = plan.shortest_window();
        let enabled = plan.pairs.iter().filter(|pair| plan.enabled(pair.severity));
        SloState {
            service: slo.service.to_string(),
            slo: slo.name.to_string(),
            description: slo.description.clone(),
            objective: budget::to_f64(slo.objective.percent()),
            window: slo.window,
            groups: self.groups.len().max(1),
            group: worst.labels.clone(),
            at: worst.sums.at,
            sli: worst.sums.sli(),
            bad: rounded(worst.sums.tally.bad, 6),
            total: rounded(worst.sums.tally.total, 6),
            budget: worst.budget(),
            trend: worst.sums.trend(&worst.track),
            data: worst.data,
            data_note: self.note(worst),
            gate: worst.gate,
            overridden: self.overridden(),
            burn_rate: worst.sums.burn_rate(burn_rate_window),
            burn_rate_window,
            alerts: enabled.map(|pair| alert(pair, groups)).collect(),
            last_failure: groups.all().filter_map(Judged::last_failure).max_by_key(|failure| failure.at),
        }
    }

    fn overridden(&self) -> Option<OverrideState> {
        audit::in_force(self.entries, self.now).map(OverrideState::of)
    }

    /// Why the numbers cannot be relied on.
    fn note(&self, worst: &Judged<'_>) -> Option<String> {
        if let Some(error) = self.error {
            return Some(error.to_string());
        }
        let newest = worst.sums.tally.newest.unwrap_or_default();
        match worst.data {
            Data::NoData => Some("nothing was observed in the window yet".to_owned()),
            Data::Stale => Some(format!("the newest data are from {}", words::date(newest))),
            Data::Partial => {
                let percent = words::percent(worst.sums.budget.coverage * 100.0, 0);
                Some(format!("only {percent} % of the time was observed, less than {LEAST_COVERAGE_PERCENT} %"))
            }
            _ => None,
        }
    }
}

impl<'a> Groups<'a> {
    fn all(&self) -> impl Iterator<Item = &Judged<'a>> {
        std::iter::once(&self.worst).chain(&self.others)
    }
}

impl Judged<'_> {
    fn budget(&self) -> BudgetState {
        BudgetState::of(&self.sums.budget, self.sums.tally.observed)
    }

    fn burndown(&self) -> Burndown {
        Burndown {
            group: self.labels.clone(),
            total_seconds: rounded(self.sums.budget.total, 3),
            close_at_seconds: self.gate.close_at_seconds,
            resume_at_seconds: self.gate.resume_at_seconds,
            points: self.sums.burndown(&self.track),
        }
    }

    fn detail(&self) -> GroupDetail {
        GroupDetail {
            group: self.labels.clone(),
            sli: self.sums.sli(),
            bad: rounded(self.sums.tally.bad, 6),
            total: rounded(self.sums.tally.total, 6),
            budget: self.budget(),
            data: self.data,
            gate: self.gate,
        }
    }

    /// The newest slice with a bad event.
    fn last_failure(&self) -> Option<Failure> {
        let slice = self.sums.inside().iter().rev().find(|slice| slice.events.bad > 0.0)?;
        let most = slice.failures.iter().max_by_key(|(_, count)| **count);
        let reason = most.map(|(reason, _)| reason.as_str().to_owned());
        Some(Failure { at: slice.events.end, reason, group: self.labels.clone() })
    }
}

/// How far back the budget and the gate depend on what happened: two windows, because the budget at the start of the
/// window depends on what was before it. More would have the gate depend on who asks.
pub(super) fn needed(plan: &SloPlan) -> Duration {
    plan.slo.window.times(2)
}

/// The groups that are still there: one unseen for a day retires, as in the generated rules, unless all have.
fn present<'a>(plan: &SloPlan, groups: &'a [Group], now: i64) -> Vec<&'a Group> {
    let since = now.saturating_sub(seconds(RETIRED_AFTER.min(plan.slo.window)));
    let is_there = |group: &&Group| group.slices.last().is_some_and(|slice| slice.events.end > since);
    let there: Vec<&Group> = groups.iter().filter(is_there).collect();
    if there.is_empty() { groups.iter().collect() } else { there }
}

/// The alert of a pair, of the group that fires or else burns fastest.
fn alert(pair: &Pair, groups: &Groups<'_>) -> AlertState {
    let alerting = &groups.worst.sums.plan.slo.alerting;
    // An alert waits for both windows, so the slower one counts.
    let rate = |group: &Judged<'_>| {
        let rates = [pair.long, pair.short].map(|window| group.sums.burn_rate(window).unwrap_or(-1.0));
        (group.sums.fires(pair), rates.into_iter().fold(f64::INFINITY, f64::min))
    };
    let faster = |one: &&Judged<'_>, other: &&Judged<'_>| {
        let (one, other) = (rate(one), rate(other));
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
    };
    let fastest = groups.all().max_by(faster).unwrap_or(&groups.worst);
    AlertState {
        severity: match pair.severity {
            Severity::Page => alerting.page.severity.clone(),
            Severity::Ticket => alerting.ticket.severity.clone(),
        },
        long_window: pair.long,
        short_window: pair.short,
        factor: budget::to_f64(pair.factor),
        long_burn_rate: fastest.sums.burn_rate(pair.long),
        short_burn_rate: fastest.sums.burn_rate(pair.short),
        firing: fastest.sums.fires(pair),
        group: fastest.labels.clone(),
    }
}

/// The outages of every group, the newest first.
fn outages(groups: &Groups<'_>) -> Outages {
    let of_worst = outage::of(&groups.worst.sums, groups.worst.labels);
    let told: f64 = of_worst.iter().map(|outage| outage.spent_seconds).sum();
    let background_seconds = rounded((groups.worst.sums.budget.consumed - told).max(0.0), 3);
    let others = groups.others.iter().flat_map(|group| outage::of(&group.sums, group.labels));
    let mut outages: Vec<Outage> = of_worst.into_iter().chain(others).collect();
    outages.sort_by(|one, other| other.start.cmp(&one.start).then_with(|| one.group.cmp(&other.group)));
    let omitted = outages.len().saturating_sub(MOST_OUTAGES);
    outages.truncate(MOST_OUTAGES);
    Outages { outages, omitted, background_seconds }
}
