//! Net and gross budgets: exact numbers of what does not count, and gates that decide by the net.

use std::path::Path;
use std::sync::Arc;

use burndown::gate::{self, Answer, Gates, Question};
use burndown::history::audit::{Draft, EntryKind};
use burndown::history::{SloKey, Storage};
use burndown::probe::outcome::{Outcome, Reason, Verdict};
use burndown::probe::{ProbeKey, Recorder};
use burndown::slo::Plan;
use burndown::spec;
use burndown::standing::Standings;
use burndown::standing::model::{GateAnswer, SloState};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::support::clock::TestClock;

/// 36 minutes of budget; a closed gate opens at 10.
pub(super) const FILE: &str = "version: burndown/v1
service: shop
window: 6h
gate: {resume_at: 10m}
probes:
  - {name: front, interval: 30s, http: {url: http://127.0.0.1:1/}}
slos:
  - {name: front, objective: 90, sli: {probe: front}}
";

/// A whole number of minutes of Unix time.
pub(super) const START: i64 = 1_699_999_980;
pub(super) const MINUTE: i64 = 60;

pub(super) struct World {
    _directory: TempDir,
    clock: Arc<TestClock>,
    storage: Arc<Storage>,
    plan: Plan,
    pub(super) now: i64,
}

impl World {
    fn new() -> Self {
        Self::of(FILE)
    }

    /// A world with another file.
    pub(super) fn of(file: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let loaded = spec::load_text("shop.yaml", file);
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
        let clock = Arc::new(TestClock::at(START));
        let path: &Path = directory.path();
        let storage = Arc::new(Storage::open_at(path, &loaded.fleet, Arc::clone(&clock) as _).unwrap());
        let (plan, _) = Plan::of(&loaded.fleet);
        Self { _directory: directory, clock, storage, plan, now: START }
    }

    /// Runs every 30 seconds for so many minutes.
    pub(super) fn run(&mut self, minutes: i64, is_bad: bool) {
        let front = ProbeKey { service: "shop".parse().unwrap(), probe: "front".parse().unwrap() };
        for _ in 0..2 * minutes {
            self.clock.move_to(self.now);
            let verdict = match is_bad {
                true => Verdict::Failed { reason: Reason::Timeout, detail: String::new() },
                false => Verdict::Success,
            };
            self.storage.record(&front, &Outcome::of(verdict), 0);
            self.now += 30;
        }
        self.clock.move_to(self.now);
        self.storage.flush(std::time::Duration::from_secs(20));
    }

    fn enter(&self, kind: EntryKind, (from, until): (i64, i64), withdraws: Option<i64>) -> i64 {
        let draft = Draft {
            kind,
            slo: SloKey { service: "shop".parse().unwrap(), slo: "front".parse().unwrap() },
            from,
            until,
            reason: "the provider's fault".parse().unwrap(),
            by: "Ann".parse().unwrap(),
            authenticated: "user ann".parse().unwrap(),
            withdraws,
        };
        self.storage.enter(&draft).expect("it is kept").id
    }

    pub(super) async fn at(&self, now: i64) -> SloState {
        let standings = Standings::new(&self.plan, Arc::clone(&self.storage) as _);
        standings.list(now).await.slos.remove(0)
    }

    /// The SLO `front`, whatever others there are.
    pub(super) async fn of_front(&self, now: i64) -> SloState {
        let standings = Standings::new(&self.plan, Arc::clone(&self.storage) as _);
        standings.one("shop", "front", now).await.unwrap().detail.slo
    }

    async fn gate(&self, at: i64) -> Answer {
        let gates = Gates::new(&self.plan, Arc::clone(&self.storage) as _);
        let question = Question { at: Some(Timestamp::from_second(at).unwrap()), ..Question::default() };
        gates.answer(&question, Timestamp::from_second(self.now).unwrap()).await.unwrap()
    }
}

/// Total, remaining, corrected and net in seconds.
pub(super) fn numbers(state: &SloState) -> [f64; 4] {
    let budget = &state.budget;
    [budget.total_seconds, budget.remaining_seconds, budget.corrected_seconds, budget.net_remaining_seconds]
}

#[tokio::test]
async fn an_override_opens_from_then_on_what_was_closed() {
    let world_of = |bad_before: i64| {
        let mut world = World::new();
        world.run(60, false);
        world.run(bad_before, true);
        let made = world.now;
        world.enter(EntryKind::Override, (made, made + 120 * MINUTE), None);
        world.run(40 - bad_before + 5, true);
        (world, made)
    };
    let (world, made) = world_of(40);
    assert_eq!(world.gate(made - 30).await.decision, GateAnswer::Closed);
    let answer = world.gate(world.now).await;
    assert_eq!((answer.reason, answer.open_since), (gate::model::Reason::Override, Some(made)));
    assert_eq!(answer.slos[0].open_since, Some(made));
    // Who prolongs it opens nothing anew.
    let longer = world.enter(EntryKind::Override, (world.now, world.now + 180 * MINUTE), None);
    let answer = world.gate(world.now).await;
    assert_eq!((answer.slos[0].overridden.as_ref().unwrap().id, answer.open_since), (longer, Some(made)));
    // Whoever asks about a change asks whether it fits, not since when.
    let ten = Question::read(Some("downtime=10m&duration=10m")).unwrap();
    let gates = Gates::new(&world.plan, Arc::clone(&world.storage) as _);
    let change = gates.answer(&ten, Timestamp::from_second(world.now).unwrap()).await.unwrap();
    assert_eq!((change.reason, change.open_since), (gate::model::Reason::Override, None));
    // One that holds before the gate closes keeps it open: there is no opening then.
    let (world, _) = world_of(20);
    let answer = world.gate(world.now).await;
    assert_eq!((answer.reason, answer.open_since), (gate::model::Reason::Override, None));
}

#[tokio::test]
async fn a_correction_gives_back_what_its_time_spent_and_leaves_the_gross_as_it_is() {
    let mut world = World::new();
    world.run(60, false);
    let outage = world.now;
    world.run(40, true);
    world.run(10, false);
    assert_eq!(numbers(&world.at(world.now).await), [2_160.0, -240.0, 0.0, -240.0]);
    assert_eq!(world.at(world.now).await.gate.state, GateAnswer::Closed);

    // The first 7 minutes and a part of the eighth, which is taken out as a whole.
    let first = world.enter(EntryKind::Correction, (outage, outage + 7 * MINUTE + 1), None);
    let state = world.at(world.now).await;
    assert_eq!(numbers(&state), [2_160.0, -240.0, 480.0, 240.0], "at once");
    assert_eq!(state.gate.state, GateAnswer::Closed, "4 of the 10 minutes that it takes to open");
    let answer = world.gate(world.now).await;
    let slo = &answer.slos[0];
    assert_eq!((slo.remaining_seconds, slo.corrected_seconds, slo.net_remaining_seconds), (-240.0, 480.0, 240.0));
    assert!(
        slo.message.starts_with("4.00 of 36 minutes remain, 8.00 of them by corrections: \u{2212}4.00 would without"),
        "{}",
        slo.message
    );

    // Two that overlap count once.
    world.enter(EntryKind::Correction, (outage + 5 * MINUTE, outage + 14 * MINUTE), None);
    let opened = world.at(world.now).await;
    assert_eq!(numbers(&opened), [2_160.0, -240.0, 840.0, 600.0]);
    assert_eq!(opened.gate.state, GateAnswer::Open);
    world.run(5, false);
    let later = world.now;
    assert_eq!(world.gate(later).await.decision, GateAnswer::Open);

    // What was decided then stays as it was decided, and what is withdrawn counts again.
    world.enter(EntryKind::Withdrawal, (outage, outage + 7 * MINUTE + 1), Some(first));
    world.run(5, false);
    assert_eq!(numbers(&world.at(world.now).await), [2_160.0, -240.0, 540.0, 300.0]);
    assert_eq!(world.gate(later - 6 * MINUTE).await.decision, GateAnswer::Closed);
    assert_eq!(world.gate(later).await.decision, GateAnswer::Open);
}

#[tokio::test]
async fn the_forecast_knows_what_does_not_count() {
    let mut world = World::new();
    world.run(60, false);
    let outage = world.now;
    world.run(40, true);
    world.run(10, false);
    // Six hours after the 14th minute of it, ten minutes are left; with four of them given back, after the 10th that
    // counts, and those that do not count are the last ones.
    let opens = async |world: &World| world.gate(world.now).await.reopens_at.unwrap() - outage - 6 * 3_600;
    assert_eq!(opens(&world).await, 14 * MINUTE);
    world.enter(EntryKind::Correction, (outage + 36 * MINUTE, outage + 40 * MINUTE), None);
    assert_eq!(opens(&world).await, 10 * MINUTE);
}

#[tokio::test]
async fn planned_maintenance_costs_nothing_net_and_all_of_it_gross() {
    let mut world = World::new();
    world.run(60, false);
    world.enter(EntryKind::Maintenance, (world.now + 10 * MINUTE, world.now + 50 * MINUTE), None);
    world.run(10, false);
    world.run(40, true);
    let state = world.at(world.now).await;
    assert_eq!(numbers(&state), [2_160.0, -240.0, 2_400.0, 2_160.0]);
    assert_eq!(state.gate.state, GateAnswer::Open, "it never closed");
    world.run(1, true);
    assert_eq!(numbers(&world.at(world.now).await), [2_160.0, -300.0, 2_400.0, 2_100.0], "after its end it counts");
}

#[tokio::test]
async fn an_override_opens_what_is_closed_and_the_past_is_explained_by_it() {
    let mut world = World::new();
    world.run(60, false);
    world.run(40, true);
    let said = world.now;
    world.enter(EntryKind::Override, (said, said + 20 * MINUTE), None);
    world.run(30, false);
    let decision = async |at: i64| {
        let answer = world.gate(at).await;
        (answer.decision, serde_json::to_value(answer.reason).unwrap(), answer.slos[0].would)
    };
    let closed = (GateAnswer::Closed, "closed".into(), GateAnswer::Closed);
    assert_eq!(decision(said - 1).await, closed);
    assert_eq!(decision(said).await, (GateAnswer::Open, "override".into(), GateAnswer::Closed));
    assert_eq!(decision(said + 20 * MINUTE - 1).await.0, GateAnswer::Open);
    assert_eq!(decision(said + 20 * MINUTE).await, closed);
}
