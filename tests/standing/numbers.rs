//! Standings over real histories in memory, and over random ones against the mathematics.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use burndown::history::{Event, Group, Groups, History, HistoryError, Memory, Slice, SloKey};
use burndown::probe::outcome::Reason;
use burndown::slo::budget;
use burndown::slo::gate::{self, Latch, Thresholds};
use burndown::spec::model::Slo;
use burndown::standing::model::{Data, GateAnswer, Outage, SloDetail, SloState};
use burndown::standing::{Full, Standing, Standings};
use burndown::units::Duration;

use super::shop::{START, history, key, plan, record, slo};

const SECOND: Duration = Duration::from_secs(1);

async fn all(memory: Memory, slos: impl IntoIterator<Item = Slo>, after: i64) -> Vec<Standing> {
    Standings::new(&plan(slos), Arc::new(memory)).all(START + after).await
}

async fn state(memory: Memory, after: i64) -> SloState {
    all(memory, [slo("front")], after).await.pop().expect("one SLO").state
}

async fn full(memory: Memory, after: i64) -> Full {
    let standings = Standings::new(&plan([slo("front")]), Arc::new(memory));
    assert_eq!(standings.one("shop", "back", START).await, None);
    standings.one("shop", "front", START + after).await.expect("the SLO")
}

#[tokio::test]
async fn every_failed_second_costs_a_second() {
    let full = full(history(600, |second| (100..130).contains(&second)), 600).await;
    let state = full.detail.slo;
    assert_eq!((state.bad, state.total, state.sli), (30.0, 600.0, Some(95.0)));
    assert_eq!((state.budget.total_seconds, state.budget.remaining_seconds), (360.0, 330.0));
    assert_eq!((state.data, state.gate.state), (Data::Known, GateAnswer::Open));
    let failure = state.last_failure.as_ref().expect("a failure");
    assert_eq!((failure.at, failure.reason.as_deref()), (START + 130, Some("status")));
    assert!(!state.is_firing());
    let first = full.burndown.points.first().expect("points");
    let last = full.burndown.points.last().expect("points");
    assert!((first.remaining_seconds, last.remaining_seconds) == (360.0, 330.0), "{first:?} {last:?}");
    assert!(full.burndown.points.len() <= 241 && last.at == START + 600);
}

#[tokio::test]
async fn an_outage_pages_and_then_closes_the_gate_until_enough_came_back() {
    let outage = |second| (60..440).contains(&second);
    let during = state(history(120, outage), 120).await;
    assert!(during.is_firing(), "{during:?}");
    assert_eq!((during.burn_rate, during.gate.state), (Some(10.0), GateAnswer::Open));
    let after = state(history(440, outage), 440).await;
    assert_eq!((after.budget.remaining_seconds, after.gate.state), (-20.0, GateAnswer::Closed));
    // An hour later the outage leaves the window: 60 seconds are there again 80 seconds after it began to leave.
    let leaving = |past: i64| state(history(3600 + 60 + past, outage), 3600 + 60 + past);
    assert_eq!(leaving(60).await.gate.state, GateAnswer::Closed);
    assert_eq!(leaving(82).await.gate.state, GateAnswer::Open);
}

#[tokio::test]
async fn an_alert_fires_above_its_threshold_and_not_at_it() {
    // Three tenths are three times as fast as it may be, over both windows.
    let failing = |tenths: i64| state(history(600, move |second| second % 10 < tenths), 600);
    let at = failing(3).await;
    assert_eq!(
        (at.alerts[0].long_burn_rate, at.alerts[0].short_burn_rate, at.is_firing()),
        (Some(3.0), Some(3.0), false)
    );
    assert!(failing(4).await.is_firing());
}

#[tokio::test]
async fn a_period_has_the_turns_and_the_gaps_that_are_its_own() {
    // The gate closes at the 440th second; nobody looks for three slices, and later for two.
    let memory = history(600, |second| (60..440).contains(&second));
    for second in (606..700).chain(704..800) {
        memory.record(&key("front"), START + second, Event::Good);
    }
    let planned = plan([slo("front")]);
    let standings = Standings::new(&planned, Arc::new(memory));
    let past = async |since: i64| {
        let past = standings.past(&standings.plans()[0], START + since, START + 800).await.groups.swap_remove(0);
        let turns: Vec<_> = past.turns.iter().map(|turn| (turn.at - START, turn.to)).collect();
        let unseen: Vec<_> = past.unseen.iter().map(|(from, until)| (from - START, until - START)).collect();
        (turns, unseen)
    };
    let (turns, unseen) = past(0).await;
    assert_eq!((turns.len(), turns[0].1, unseen), (1, GateAnswer::Closed, vec![(600, 606)]));
    let closed = turns[0].0;
    assert_eq!(past(closed - 1).await.0, turns);
    assert_eq!(past(closed).await.0, [], "it had turned before");
}

#[tokio::test]
async fn an_outage_goes_on_until_its_data_are_stale() {
    let ongoing = async |after| full(history(100, |second| second >= 90), after).await.outages.outages[0].ongoing;
    assert_eq!((ongoing(104).await, ongoing(106).await), (true, false));
}

/// Requests of two routes in slices of five minutes, of which one in a hundred may fail over a week.
async fn of_requests(counts: &[Vec<Option<(u32, u32)>>], at: i64) -> Full {
    let text = "version: burndown/v1\nservice: shop\nwindow: 7d\nslos:\n  - {name: front, objective: 99, sli: {events: {bad: b, total: t, by: [route]}}}\n";
    let standings = Standings::new(&super::recorded::plan(text), Arc::new(Given(groups(counts))));
    standings.one("shop", "front", at).await.expect("the SLO")
}

#[tokio::test]
async fn requests_may_fail_as_the_objective_allows_without_an_outage() {
    let mut counts = vec![Some((1, 100)); 24];
    counts[10] = Some((2, 100));
    let outages = of_requests(&[counts], 24 * 300).await.outages.outages;
    let told: Vec<_> = outages.iter().map(|outage| (outage.start, outage.end, outage.bad)).collect();
    assert_eq!(told, [(10 * 300, 11 * 300, 2.0)]);
}

#[tokio::test]
async fn an_alert_is_of_the_group_whose_slower_window_burns_fastest() {
    // One failed for ten minutes and is over it; the other fails a little all the time.
    let mut over = vec![Some((0, 100)); 24];
    over[12..14].fill(Some((100, 100)));
    let alert = of_requests(&[over, vec![Some((5, 100)); 24]], 24 * 300).await.detail.slo.alerts[0].clone();
    assert_eq!((alert.group, alert.long_burn_rate, alert.firing), (labels(1), Some(5.0), false));
}

#[tokio::test]
async fn a_period_begins_with_what_its_window_still_held() {
    let memory = history(600, |second| second < 100);
    let planned = plan([slo("front")]);
    let standings = Standings::new(&planned, Arc::new(memory));
    // Nobody looked for a while, and half of what failed has left the window.
    let past = standings.past(&standings.plans()[0], START + 3_650, START + 3_700).await;
    let at_start = past.groups[0].period.at_start;
    assert!((at_start - 310.0).abs() <= 2.0, "{at_start}");
}

#[tokio::test]
async fn what_was_not_observed_is_unknown() {
    let never = state(history(0, |_| false), 60).await;
    assert_eq!((never.data, never.gate.state, never.sli), (Data::NoData, GateAnswer::Unknown, None));
    assert_eq!(never.budget.remaining_seconds, 360.0);
    let stopped = state(history(600, |_| false), 1600).await;
    assert_eq!((stopped.data, stopped.gate.state), (Data::Stale, GateAnswer::Unknown));
    let unreadable = Standings::new(&plan([slo("front")]), Arc::new(Unreadable)).list(START).await;
    let state = unreadable.slos.first().expect("one SLO");
    assert_eq!((state.data, state.gate.state), (Data::Unavailable, GateAnswer::Unknown));
    assert_eq!(state.data_note.as_deref(), Some("the history cannot be read: no route to host"));
}

/// A history whose place does not answer.
struct Unreadable;

impl History for Unreadable {
    fn slice(&self, _key: &SloKey) -> Duration {
        SECOND
    }

    fn groups<'a>(&'a self, _key: &'a SloKey, _after: i64, _until: i64) -> Groups<'a> {
        Box::pin(std::future::ready(Err(HistoryError::Unavailable("no route to host".to_owned()))))
    }
}

#[tokio::test]
async fn outages_begin_end_and_add_up_to_what_was_spent() {
    let bad = |second| (100..130).contains(&second) || (140..141).contains(&second) || second >= 590;
    let full = full(history(600, bad), 600).await;
    let told = |outage: &Outage| (outage.start - START, outage.end - START, outage.bad, outage.ongoing);
    let outages: Vec<_> = full.outages.outages.iter().map(told).collect();
    assert_eq!(outages, [(590, 600, 10.0, true), (140, 142, 1.0, false), (100, 130, 30.0, false)]);
    let newest = full.outages.outages.first().expect("an outage");
    assert_eq!(newest.reasons, BTreeMap::from([("status".to_owned(), 10)]));
    assert_eq!((newest.spent_seconds, newest.spent_percent), (10.0, 2.778));
    let spent: f64 = full.outages.outages.iter().map(|outage| outage.spent_seconds).sum();
    assert_eq!((spent, full.outages.background_seconds), (full.detail.slo.budget.consumed_seconds, 0.0));
}

#[tokio::test]
async fn what_nobody_saw_ends_an_outage() {
    let memory = history(100, |second| second >= 90);
    for second in 300..310 {
        memory.record(&key("front"), START + second, Event::Bad(Reason::Timeout));
    }
    let outages = full(memory, 310).await.outages.outages;
    let told: Vec<_> = outages.iter().map(|outage| (outage.start - START, outage.end - START)).collect();
    assert_eq!(told, [(300, 310), (90, 100)]);
}

#[tokio::test]
async fn a_day_says_how_long_users_were_let_down() {
    // Slices of a minute, or nobody would ask for days; the first moment is in the evening of a day of UTC.
    let memory = Memory::new(Duration::from_mins(1), Duration::from_days(3));
    record(&memory, "front", 7_200, |second| (60..120).contains(&second) || second > 7_000);
    let full = full(memory, 7_200).await;
    let days: Vec<_> = full.days.days.iter().map(|day| (day.date.as_str(), day.total, day.down_seconds)).collect();
    assert_eq!((days.len(), days.first().copied()), (30, Some(("2023-10-17", 0.0, 0.0))));
    assert_eq!(days.get(28..), Some([("2023-11-14", 6_360.0, 60.0), ("2023-11-15", 840.0, 199.0)].as_slice()));
}

#[tokio::test]
async fn what_needs_attention_comes_first() {
    let memory = history(600, |_| false);
    record(&memory, "closed", 600, |second| second > 100);
    record(&memory, "paging", 600, |second| second > 560);
    record(&memory, "low", 600, |second| second < 100);
    let slos = ["front", "unknown", "low", "paging", "closed"].map(slo);
    let order: Vec<String> = all(memory, slos, 600).await.into_iter().map(|standing| standing.state.slo).collect();
    assert_eq!(order, ["closed", "paging", "unknown", "low", "front"]);
}

/// Groups that are what a test says they are.
struct Given(Vec<Group>);

impl History for Given {
    fn slice(&self, _key: &SloKey) -> Duration {
        Duration::from_mins(5)
    }

    fn groups<'a>(&'a self, _key: &'a SloKey, after: i64, until: i64) -> Groups<'a> {
        let inside = |slice: &&Slice| slice.events.end > after && slice.events.end <= until;
        let cut = |group: &Group| {
            let slices = group.slices.iter().filter(inside).cloned().collect();
            Group { labels: group.labels.clone(), slices, is_cut: group.is_cut, corrected: None }
        };
        Box::pin(std::future::ready(Ok(self.0.iter().map(cut).collect())))
    }
}

fn labels(group: usize) -> BTreeMap<String, String> {
    BTreeMap::from([("route".to_owned(), format!("/{group}"))])
}

/// Slices of five minutes: bad and all events, or nothing where nobody looked.
fn groups(counts: &[Vec<Option<(u32, u32)>>]) -> Vec<Group> {
    let slice = |(at, what): (usize, &Option<(u32, u32)>)| {
        let end = i64::try_from(at).expect("few") * 300 + 300;
        let counts = (*what)?;
        let events = budget::Slice { end, bad: counts.0.min(counts.1).into(), total: counts.1.into() };
        Some(Slice { events, failures: BTreeMap::new() })
    };
    let group = |(at, counts): (usize, &Vec<_>)| Group {
        labels: labels(at),
        slices: counts.iter().enumerate().filter_map(slice).collect(),
        is_cut: false,
        corrected: None,
    };
    counts.iter().enumerate().map(group).collect()
}

fn spell() -> impl Strategy<Value = Vec<Option<(u32, u32)>>> {
    let what = prop_oneof![5 => (1u32..50).prop_map(|total| Some((0, total))), 3 => (1u32..50, 1u32..50).prop_map(Some),
        1 => Just(Some((0, 0))), 1 => Just(None)];
    let spells = prop::collection::vec((what, 1usize..8), 1..12);
    spells.prop_map(|spells| spells.into_iter().flat_map(|(what, times)| std::iter::repeat_n(what, times)).collect())
}

proptest! {
    #[test]
    fn it_says_what_the_mathematics_says_of_every_group(
        counts in prop::collection::vec(spell(), 1..4), now in 0i64..30_000,
    ) {
        let given = groups(&counts);
        let mut wanted = slo("front");
        wanted.window = Duration::from_hours(2);
        let planned = plan([wanted]);
        let plan = planned.slos().next().expect("one SLO");
        let standings = Standings::new(&planned, Arc::new(Given(given.clone())));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let full = runtime.block_on(standings.one("shop", "front", now)).expect("the SLO");
        let at = now.div_euclid(300) * 300;
        let thresholds = Thresholds::of(plan);
        for group in &full.detail.groups {
            // What the history holds of it, as the mathematics takes it.
            let of_it = given.iter().find(|one| one.labels == group.group);
            let events: Vec<budget::Slice> = of_it.into_iter().flat_map(|one| &one.slices)
                .map(|slice| slice.events).filter(|slice| slice.end > now - 4 * 3_600).collect();
            let spent = |at: i64| {
                let before: Vec<budget::Slice> = events.iter().copied().filter(|slice| slice.end <= at).collect();
                let tally = budget::tally(&before, plan.slo.window, Duration::from_mins(5), at);
                (tally, budget::budget(plan.slo.objective, plan.slo.window, Duration::from_mins(5), &tally, at))
            };
            let (tally, budget) = spent(at);
            prop_assert!((group.budget.remaining_seconds - budget.remaining).abs() < 0.001);
            prop_assert!((group.budget.coverage - budget.coverage).abs() < 0.0001);
            prop_assert_eq!((group.bad, group.total), (tally.bad, tally.total));
            prop_assert_eq!(group.data, budget.state.into());
            let mut held = None;
            for end in events.iter().map(|slice| slice.end).filter(|end| *end <= at) {
                let (_, budget) = spent(end);
                if budget.state == budget::State::Known {
                    held = Some(gate::step(held, budget.remaining, &thresholds));
                }
            }
            let latch = match held.map(|held| held.latch) {
                None => GateAnswer::Unknown,
                Some(Latch::Open) => GateAnswer::Open,
                Some(Latch::Closed) => GateAnswer::Closed,
            };
            prop_assert_eq!(group.gate.latch, latch);
            prop_assert_eq!(group.gate.closed_since.is_some(), latch == GateAnswer::Closed);
            prop_assert!(full.detail.slo.gate.state <= group.gate.state, "the worst group decides");
        }
        let worst = full.detail.groups.first().expect("a group");
        prop_assert_eq!((&full.detail.slo.group, full.detail.slo.gate), (&worst.group, worst.gate));
        let spent: f64 = full.outages.outages.iter().filter(|outage| outage.group == worst.group)
            .map(|outage| outage.spent_seconds).sum();
        let consumed = worst.budget.consumed_seconds;
        prop_assert!((spent + full.outages.background_seconds - consumed).abs() < 0.1, "{spent} of {consumed}");
        let points = &full.burndown.points;
        prop_assert!(points.len() <= 241 && points.windows(2).all(|pair| pair[0].at < pair[1].at));
        let newest = points.last().filter(|last| last.at == full.detail.slo.at);
        prop_assert!(newest.is_none_or(|last| last.remaining_seconds == worst.budget.remaining_seconds));
    }
}

#[tokio::test]
async fn a_group_that_retired_no_longer_decides() {
    let good = Some((0, 10));
    // Two days: one group failed all the time and vanished after the first hour.
    let long: Vec<Option<(u32, u32)>> = (0..576).map(|_| good).collect();
    let given = groups(&[vec![Some((10, 10)); 12], long]);
    let mut wanted = slo("front");
    wanted.window = Duration::from_days(7);
    let standings = Standings::new(&plan([wanted]), Arc::new(Given(given)));
    let group = async |at: i64| standings.one("shop", "front", at).await.expect("the SLO").detail.slo.group;
    assert_eq!(group(20 * 3_600).await, labels(0));
    assert_eq!(group(30 * 3_600).await, labels(1));
    // Once all have, the one that was seen last is stale, and not as if it had never been.
    let gone = standings.one("shop", "front", 80 * 3_600).await.expect("the SLO").detail;
    assert_eq!((gone.slo.data, gone.groups.len()), (Data::Stale, 2));
}

#[test]
fn every_answer_reads_back_as_it_was_written() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let full = runtime.block_on(full(history(600, |second| second > 500), 600));
    let text = serde_json::to_string(&full.detail).expect("JSON");
    assert_eq!(serde_json::from_str::<SloDetail>(&text).expect("the same"), full.detail);
    assert!(!text.contains("null,\"budget"), "{text}");
}
