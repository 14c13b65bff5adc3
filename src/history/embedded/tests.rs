//! The embedded history on a clock of the test, with every commit made by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use super::clock::Clock;
use super::file::FileError;
use super::read::{Archive, Readers};
use super::state::State;
use super::testing::ManualClock;
use super::writer::{Shared, Writer};
use crate::history::audit::{AuditError, Draft, Entry, EntryKind};
use crate::history::{Committed, Counts, History as _, Kept, Slice, SloKey, StorageState};
use crate::probe::ProbeKey;
use crate::probe::outcome::{Outcome, Reason, SkipReason, StepOutcome, Verdict};
use crate::slo::budget;
use crate::spec::model::Fleet;
use crate::units;

/// Some moment in seconds of Unix time, no whole number of minutes.
const START: i64 = 1_700_000_017;

const HOUR: u64 = 3_600;

/// A file whose probe `front` runs so often, counted by an SLO over such a window.
fn fleet_of(interval: &str, window: &str, more: &str) -> Fleet {
    let text = format!(
        "version: burndown/v1\nservice: shop\nwindow: {window}\nalerting: {{page: {{disable: true}}, ticket: {{disable: true}}}}\n\
         probes:\n  - {{name: front, interval: {interval}, timeout: 1s, http: {{url: http://localhost/}}}}\n\
         slos:\n  - {{name: front, objective: 90, sli: {{probe: front}}{more}}}\n"
    );
    let loaded = crate::spec::load_text("shop.yaml", &text);
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    loaded.fleet
}

fn fleet() -> Fleet {
    fleet_of("30s", "30d", "")
}

fn probe(name: &str) -> ProbeKey {
    ProbeKey { service: "shop".parse().expect("a name"), probe: name.parse().expect("a name") }
}

fn outcome(verdict: Verdict) -> Outcome {
    let duration = Duration::from_millis(30);
    Outcome { duration, ..Outcome::of(verdict) }
}

fn good() -> Outcome {
    outcome(Verdict::Success)
}

fn bad(reason: Reason) -> Outcome {
    outcome(Verdict::Failed { reason, detail: String::new() })
}

/// What was shown.
#[derive(Default)]
struct Shown {
    counts: Mutex<BTreeMap<ProbeKey, Counts>>,
    state: Mutex<StorageState>,
}

impl Committed for Shown {
    fn show(&self, probe: &ProbeKey, counts: Counts) {
        self.counts.lock().expect("no panic").insert(probe.clone(), counts);
    }

    fn storage(&self, state: StorageState) {
        *self.state.lock().expect("no panic") = state;
    }
}

impl Shown {
    fn attempts(&self) -> u64 {
        self.counts.lock().expect("no panic").get(&probe("front")).map_or(0, Counts::attempts)
    }

    fn state(&self) -> StorageState {
        *self.state.lock().expect("no panic")
    }
}

/// A history without its thread.
struct Hand {
    clock: Arc<ManualClock>,
    shared: Arc<Shared>,
    writer: Writer,
    readers: Readers,
    shown: Arc<Shown>,
}

impl Hand {
    fn open(directory: &Path, clock: &Arc<ManualClock>, fleet: &Fleet) -> Self {
        Self::try_open(directory, clock, fleet).expect("it opens")
    }

    fn try_open(directory: &Path, clock: &Arc<ManualClock>, fleet: &Fleet) -> Result<Self, FileError> {
        let shared = Arc::new(Shared::new(directory.to_owned(), Arc::clone(clock) as Arc<dyn Clock>));
        shared.lock().serve(fleet);
        let writer = Writer::open(Arc::clone(&shared))?;
        let shown = Arc::new(Shown::default());
        for (probe, counts) in shared.lock().all_counts() {
            shown.show(&probe, counts);
        }
        assert!(shared.shown.set(Arc::clone(&shown) as Arc<dyn Committed>).is_ok());
        let readers = Readers::new(Arc::clone(&shared));
        Ok(Self { clock: Arc::clone(clock), shared, writer, readers, shown })
    }

    fn record(&self, outcome: &Outcome) {
        self.shared.lock().record(self.clock.as_ref(), &probe("front"), outcome, self.clock.unix_ms());
    }

    /// Records a run every so many seconds for a time, committing now and then.
    fn run(&mut self, seconds: u64, every: u64, outcome: &Outcome) {
        for run in 0..seconds / every {
            self.record(outcome);
            self.clock.pass(Duration::from_secs(every));
            if run % 20 == 0 {
                self.commit();
            }
        }
        self.commit();
    }

    fn commit(&mut self) {
        self.writer.turn(true);
    }

    fn slices(&self) -> Vec<Slice> {
        let key = SloKey { service: "shop".parse().expect("a name"), slo: "front".parse().expect("a name") };
        self.readers.read(&key, i64::MIN / 2, i64::MAX / 2).expect("it can be read")
    }

    /// Bad events, all events and slices.
    fn sums(&self) -> (f64, f64, usize) {
        let slices = self.slices();
        let sum = |pick: fn(&Slice) -> f64| slices.iter().map(pick).sum::<f64>();
        (sum(|slice| slice.events.bad), sum(|slice| slice.events.total), slices.len())
    }

    fn counts(&self) -> Counts {
        let all = self.shared.lock().all_counts();
        all.into_iter().find(|(key, _)| *key == probe("front")).expect("the probe").1
    }
}

fn directory() -> (TempDir, Arc<ManualClock>) {
    (tempfile::tempdir().expect("a directory"), Arc::new(ManualClock::at(START)))
}

fn database(directory: &TempDir) -> Connection {
    Connection::open(directory.path().join("history.db")).expect("a database")
}

fn ask<T: rusqlite::types::FromSql>(directory: &TempDir, query: &str) -> T {
    database(directory).query_row(query, [], |row| row.get(0)).expect(query)
}

#[test]
fn counters_and_minutes_go_on_after_a_restart() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(HOUR, 30, &good());
    hand.run(60, 30, &bad(Reason::Timeout));
    hand.record(&outcome(Verdict::Skipped { reason: SkipReason::Overrun, detail: String::new() }));
    let step = |name: &str, verdict| StepOutcome {
        name: name.parse().expect("a name"),
        verdict,
        duration: Duration::from_millis(10),
    };
    let failed = bad(Reason::ExitCode);
    let steps = vec![step("login", Some(failed.verdict.clone())), step("push", None)];
    hand.record(&Outcome { steps, ..failed });
    hand.commit();
    let before = hand.counts();
    drop(hand);
    clock.pass(Duration::from_secs(5));
    let hand = Hand::open(directory.path(), &clock, &fleet());
    assert_eq!(hand.counts(), Counts { last: None, ..without_step_times(before.clone()) });
    assert_eq!((before.attempts(), before.successes, before.seconds > 3.0), (123, 120, true));
    assert_eq!(hand.shown.attempts(), 123);
    let (bad, total, slices) = hand.sums();
    // 61 minutes of runs are 13 slices from the first run on.
    assert_eq!((bad, total, slices), (3.0, 123.0, 13));
    assert_eq!(hand.slices()[0].events.end, START + 300);
    let last = hand.slices().pop().expect("slices");
    assert_eq!(last.failures, BTreeMap::from([(Reason::Timeout, 2), (Reason::ExitCode, 1)]));
}

fn without_step_times(mut counts: Counts) -> Counts {
    counts.steps.values_mut().for_each(|step| step.last = None);
    counts
}

#[test]
fn people_can_read_it_with_their_own_tools() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(HOUR, 30, &good());
    hand.run(60, 30, &bad(Reason::Timeout));
    // The runs of an hour ago are in the row of their day, the last ones are not.
    assert_eq!(ask::<i64>(&directory, "SELECT count(*) FROM days"), 1);
    assert!(ask::<i64>(&directory, "SELECT count(*) FROM open_minutes") > 5);
    let sums = "SELECT sum(good) || ' ' || sum(bad) || ' ' || count(*) || ' ' || min(begins) FROM minutes";
    assert_eq!(ask::<String>(&directory, sums), "120 2 61 2023-11-14 22:13:37");
    let worst = "SELECT service || ' ' || probe || ' ' || failures FROM minutes WHERE bad > 0";
    assert_eq!(ask::<String>(&directory, worst), r#"shop front {"timeout":2}"#);
    let counters = "SELECT sum(value) FROM counter_values WHERE counter = 'duration up to' AND child = '0.05'";
    assert_eq!(ask::<i64>(&directory, counters), 122);
    assert_eq!(ask::<String>(&directory, "SELECT slo || ' ' || probe FROM slos"), "front front");
    assert_eq!(ask::<i64>(&directory, "SELECT until - since FROM spans"), i64::try_from(HOUR).expect("small") + 60);
}

#[test]
fn what_is_shown_was_committed_before() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.record(&good());
    assert_eq!(hand.shown.attempts(), 0, "nothing is shown before it is kept");
    hand.commit();
    assert_eq!(hand.shown.attempts(), 1);
    assert_eq!(ask::<i64>(&directory, "SELECT successes FROM counters"), 1);
    assert!(!hand.shown.state().uncommitted && hand.shown.state().bytes > 10_000);
}

#[test]
fn weeks_are_folded_and_what_is_too_old_goes() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet_of("10m", "7d", ""));
    hand.run(50 * 24 * HOUR, 600, &good());
    let (_, total, _) = hand.sums();
    let kept: i64 = ask(&directory, "SELECT max(day) - min(day) + 1 FROM days");
    assert!((35..=36).contains(&kept), "{kept} days");
    // Whole days go, so up to one more is there.
    assert!((35.0 * 144.0..=37.0 * 144.0).contains(&total), "{total} runs");
    assert!(ask::<i64>(&directory, "SELECT count(*) FROM open_minutes") <= 3);
    assert!(hand.shared.lock().cells(&probe("front")).expect("known").2.len() <= 3);
    assert_eq!(hand.counts().attempts(), 50 * 144);
}

#[test]
fn no_probe_waits_for_its_turn_while_others_have_two() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    let names: Vec<ProbeKey> = (0..50).map(|number| probe(&format!("p{number}"))).collect();
    // So much time from one commit to the next that every probe is due each time.
    for _ in 0..30 {
        for name in &names {
            hand.shared.lock().record(clock.as_ref(), name, &good(), clock.unix_ms());
        }
        clock.pass(Duration::from_mins(20));
        hand.commit();
    }
    let waiting = names.iter().map(|name| hand.shared.lock().cells(name).expect("known").2.len());
    assert!(waiting.clone().all(|minutes| minutes <= 3), "{:?}", waiting.collect::<Vec<_>>());
}

#[test]
fn a_window_is_kept_twice() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet_of("1h", "30d", ""));
    hand.run(80 * 24 * HOUR, HOUR, &good());
    let kept: i64 = ask(&directory, "SELECT max(day) - min(day) + 1 FROM days");
    assert!((60..=61).contains(&kept), "{kept} days");
}

#[test]
fn a_probe_that_was_removed_is_forgotten_with_its_last_minute_and_no_sooner() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet_of("10m", "7d", ""));
    hand.run(24 * HOUR, 600, &good());
    hand.shared.lock().serve(&Fleet::default());
    let probes = |hand: &mut Hand, days: u64| {
        for _ in 0..days * 24 {
            hand.clock.pass(Duration::from_secs(HOUR));
            hand.commit();
        }
        ask::<i64>(&directory, "SELECT (SELECT count(*) FROM probes) + (SELECT count(*) FROM counters)")
    };
    assert_eq!(probes(&mut hand, 34), 2);
    let kept = hand.shared.lock().counts(&probe("front"));
    assert_eq!(kept.map(|counts| counts.attempts()), Some(144), "where it goes on if it comes back");
    hand.shared.lock().serve(&Fleet::default());
    assert_eq!(probes(&mut hand, 3), 0);
    assert_eq!(ask::<i64>(&directory, "SELECT (SELECT count(*) FROM days) + (SELECT count(*) FROM open_minutes)"), 0);
}

/// Consumed seconds of all that there is.
fn consumed(hand: &Hand) -> f64 {
    let slices: Vec<budget::Slice> = hand.slices().iter().map(|slice| slice.events).collect();
    let (window, slice) = (units::Duration::from_days(3_000), units::Duration::from_mins(5));
    let tally = budget::tally(&slices, window, slice, START + 1_000_000);
    budget::spend(0.0, slice, &tally, START + 1_000_000).consumed
}

#[test]
fn a_clock_that_is_set_loses_and_invents_nothing() {
    for step in [3_600, -3_600] {
        let (directory, clock) = directory();
        let mut hand = Hand::open(directory.path(), &clock, &fleet());
        hand.run(2 * HOUR, 30, &good());
        hand.run(600, 30, &bad(Reason::Status));
        clock.set(step);
        hand.run(600, 30, &bad(Reason::Connect));
        hand.run(2 * HOUR, 30, &good());
        // A restart in between changes nothing.
        drop(hand);
        let hand = Hand::open(directory.path(), &clock, &fleet());
        let (bad, total, _) = hand.sums();
        assert_eq!((bad, total), (40.0, 520.0), "set by {step} s");
        // Ten minutes before and ten after; the slices in which the clock was set may each be observed in part only.
        let error = (consumed(&hand) - 1_200.0).abs();
        assert!(error < 1_200.0 * 300.0 / 15_600.0 + 1.0, "set by {step} s: {error} s wrong");
        assert_eq!(hand.counts().attempts(), 520);
        assert_eq!(ask::<i64>(&directory, "SELECT max(era) FROM spans"), i64::from(step < 0));
    }
}

#[test]
fn a_run_that_began_before_the_clock_was_set_lies_before_it_ended() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    let due = clock.unix_ms();
    clock.pass(Duration::from_secs(20));
    clock.set(-3_600);
    let long = Outcome { duration: Duration::from_secs(20), ..good() };
    hand.shared.lock().record(clock.as_ref(), &probe("front"), &long, due);
    hand.commit();
    assert_eq!(hand.slices()[0].events.end, START - 3_600 + 300);
}

#[test]
fn a_clock_that_was_set_back_while_nothing_ran_begins_an_era() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(HOUR, 30, &good());
    drop(hand);
    clock.set(-1_800);
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(HOUR, 30, &good());
    let (_, total, slices) = hand.sums();
    assert_eq!((total, slices), (240.0, 24));
}

#[test]
fn a_slow_probe_is_observed_between_its_runs_while_the_service_is_up() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet_of("1h", "30d", ""));
    hand.run(4 * HOUR, HOUR, &good());
    hand.run(HOUR, HOUR, &bad(Reason::Timeout));
    assert_eq!(hand.sums(), (1.0, 5.0, 60), "every slice of five hours");
    assert!((consumed(&hand) - 3_600.0).abs() < 1e-9, "a failed run costs its interval");
    // Then it stops, though the service goes on: it was observed for three intervals after the last run.
    for _ in 0..10 * 60 {
        clock.pass(Duration::from_secs(60));
        hand.commit();
    }
    assert_eq!(hand.sums().2, 48 + 36);
    // A service that is down observes nothing, though a run took place lately.
    hand.record(&good());
    hand.commit();
    let observed = hand.sums().2;
    drop(hand);
    clock.pass(Duration::from_secs(2 * HOUR));
    let mut hand = Hand::open(directory.path(), &clock, &fleet_of("1h", "30d", ""));
    hand.commit();
    assert!(hand.sums().2 <= observed + 2, "{} slices after {observed}", hand.sums().2);
}

#[test]
fn a_short_window_has_slices_of_a_minute() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet_of("10s", "1h", ""));
    hand.run(600, 10, &good());
    assert_eq!(hand.sums(), (0.0, 60.0, 10));
}

#[test]
fn time_slices_are_judged_by_their_runs() {
    let (directory, clock) = directory();
    let timeslices = ", budgeting: {timeslices: {slice: 1m, target: 60}}";
    let mut hand = Hand::open(directory.path(), &clock, &fleet_of("30s", "30d", timeslices));
    hand.run(120, 30, &good());
    hand.run(30, 30, &bad(Reason::Status));
    hand.run(30, 30, &good());
    hand.run(60, 30, &bad(Reason::Status));
    hand.run(60, 30, &good());
    // Two minutes have at most half of their runs good.
    assert_eq!(hand.sums(), (2.0, 5.0, 1));
}

#[test]
fn a_history_belongs_to_one_process() {
    let (directory, clock) = directory();
    let hand = Hand::open(directory.path(), &clock, &fleet());
    let second = Hand::try_open(directory.path(), &clock, &fleet()).map(|_| ()).expect_err("it is taken");
    let own = format!("in use by another burndown (process {}): give each its own directory", std::process::id());
    assert!(second.to_string().ends_with(&own) && second.is_final(), "{second}");
    drop(hand);
    Hand::open(directory.path(), &clock, &fleet());
}

#[test]
fn where_a_file_is_no_history_begins() {
    let (directory, clock) = directory();
    let file = directory.path().join("history");
    fs::write(&file, "mine").expect("written");
    for path in [file.clone(), file.join("below")] {
        let refused = Hand::try_open(&path, &clock, &fleet()).map(|_| ()).expect_err("no directory");
        assert!(matches!(&refused, FileError::NoDirectory(at) if *at == path) && refused.is_final(), "{refused}");
    }
    assert_eq!(fs::read_to_string(&file).expect("still there"), "mine");
}

#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, clock) = directory();
    let below = directory.path().join("deep/state");
    let mut hand = Hand::open(&below, &clock, &fleet());
    hand.run(60, 30, &good());
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&below), 0o700);
    for file in ["history.db", "history.db-wal", "history.db-shm", "lock"] {
        assert_eq!(mode(&below.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_later_version_is_refused_and_left_alone() {
    let (directory, clock) = directory();
    drop(Hand::open(directory.path(), &clock, &fleet()));
    database(&directory).pragma_update(None, "user_version", 99).expect("it is set");
    let refused = Hand::try_open(directory.path(), &clock, &fleet()).map(|_| ()).expect_err("too new");
    assert!(matches!(refused, FileError::TooNew { found: 99, .. }) && refused.is_final(), "{refused}");
    assert_eq!(ask::<i64>(&directory, "PRAGMA user_version"), 99);
}

/// The files that were set aside.
fn aside(directory: &TempDir) -> Vec<String> {
    let names = fs::read_dir(directory.path()).expect("a directory");
    let names = names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    // Beside each lies what SQLite keeps with it, while somebody reads.
    let is_one = |name: &String| name.contains("damaged") && !name.ends_with("-wal") && !name.ends_with("-shm");
    let mut names: Vec<String> = names.filter(is_one).collect();
    names.sort();
    names
}

#[test]
fn a_damaged_file_is_set_aside_at_the_start() {
    for damage in
        [&b"this is no database, and that is long enough to be read as a header of one ............."[..], &[0; 4096]]
    {
        let (directory, clock) = directory();
        let mut hand = Hand::open(directory.path(), &clock, &fleet());
        hand.run(60, 30, &good());
        drop(hand);
        let file = directory.path().join("history.db");
        let mut bytes = fs::read(&file).expect("a file");
        bytes[..damage.len()].copy_from_slice(damage);
        fs::write(&file, &bytes).expect("written");
        let mut hand = Hand::open(directory.path(), &clock, &fleet());
        hand.run(60, 30, &good());
        assert_eq!(hand.sums().1, 2.0);
        assert_eq!(hand.shown.state().set_aside, 1);
        let names = aside(&directory);
        assert_eq!(names.first().map(|name| fs::read(directory.path().join(name)).expect("kept")), Some(bytes));
    }
}

#[test]
fn damage_that_is_found_later_costs_no_counter() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(2 * HOUR, 30, &good());
    database(&directory).execute("UPDATE days SET minutes = '[[0,'", []).expect("damaged");
    let key = SloKey { service: "shop".parse().expect("a name"), slo: "front".parse().expect("a name") };
    assert!(hand.readers.read(&key, 0, i64::MAX / 2).is_err());
    hand.record(&good());
    hand.commit();
    assert_eq!((hand.shown.attempts(), hand.shown.state().set_aside, aside(&directory).len()), (241, 1, 1));
    assert_eq!(ask::<i64>(&directory, "SELECT successes FROM counters"), 241);
    // The newest minutes were in memory and are there; what was only in the file is set aside.
    let (_, total, _) = hand.sums();
    assert!((21.0..=31.0).contains(&total), "{total} runs");
}

#[test]
fn a_disk_that_fails_costs_nothing_once_it_is_back() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(HOUR, 30, &good());
    // Somebody who writes for too long: every commit fails.
    let other = database(&directory);
    other.execute_batch("BEGIN IMMEDIATE").expect("it begins");
    hand.run(60, 30, &bad(Reason::Timeout));
    let failing = hand.shown.state();
    assert!(failing.uncommitted && failing.errors >= 1, "{failing:?}");
    assert_eq!(hand.shown.attempts(), 122, "counts are shown all the same");
    assert_eq!(hand.sums().1, 122.0, "and so are minutes");
    other.execute_batch("ROLLBACK").expect("it ends");
    hand.commit();
    assert!(!hand.shown.state().uncommitted);
    drop(hand);
    let hand = Hand::open(directory.path(), &clock, &fleet());
    assert_eq!((hand.counts().attempts(), hand.sums().0, hand.sums().1), (122, 2.0, 122.0));
}

#[test]
fn a_history_that_opens_late_takes_in_the_minutes_and_lets_no_counter_jump() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(HOUR, 30, &good());
    drop(hand);
    // Nothing can be made in a directory whose name is taken.
    let (state, hidden) = (directory.path().join("history.db"), directory.path().join("hidden.db"));
    fs::rename(&state, &hidden).expect("renamed");
    fs::create_dir(&state).expect("made");
    clock.pass(Duration::from_secs(7));
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(300, 30, &bad(Reason::Timeout));
    assert_eq!((hand.shown.attempts(), hand.shown.state().uncommitted), (10, true));
    fs::remove_dir(&state).expect("removed");
    fs::rename(&hidden, &state).expect("renamed");
    hand.commit();
    assert_eq!((hand.shown.attempts(), hand.shown.state().uncommitted), (10, false));
    assert_eq!((hand.sums().0, hand.sums().1), (10.0, 130.0));
    assert_eq!(ask::<i64>(&directory, "SELECT sum(good + bad) FROM minutes"), 130);
    hand.run(300, 30, &good());
    drop(hand);
    let hand = Hand::open(directory.path(), &clock, &fleet());
    assert_eq!((hand.counts().attempts(), hand.sums().1), (20, 140.0));
}

/// An override of two hours from now on.
fn draft(clock: &ManualClock) -> Draft {
    let from = clock.unix_ms() / 1_000;
    let text = |text: &str| text.parse().expect("short");
    Draft {
        kind: EntryKind::Override,
        slo: SloKey { service: "shop".parse().expect("a name"), slo: "front".parse().expect("a name") },
        from,
        until: from + 7_200,
        reason: "a release that cannot wait".parse().expect("short"),
        by: text("Ann"),
        authenticated: text("user ann"),
        withdraws: None,
    }
}

impl Hand {
    fn enter(&mut self, draft: &Draft) -> Result<Entry, AuditError> {
        let id = self.shared.lock().enter(self.clock.as_ref(), draft)?;
        self.commit();
        self.shared.lock().entered(id)
    }

    fn audit(&self) -> Vec<Entry> {
        self.shared.lock().audit().to_vec()
    }
}

#[test]
fn an_entry_is_kept_before_anybody_hears_of_it_and_is_never_changed() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    let first = hand.enter(&draft(&clock)).expect("kept");
    assert_eq!((first.id, first.at, first.until - first.from), (1, START, 7_200));
    // Nothing more is written from here on: this is what a kill leaves.
    drop(hand);
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    assert_eq!(hand.audit(), [first]);
    let withdrawal = Draft { kind: EntryKind::Withdrawal, withdraws: Some(1), ..draft(&clock) };
    assert_eq!(hand.enter(&withdrawal).map(|entry| entry.id), Ok(2));
    assert_eq!(hand.enter(&withdrawal), Err(AuditError::Withdrawn(1)));
    assert_eq!(hand.enter(&Draft { withdraws: Some(2), ..withdrawal.clone() }), Err(AuditError::NoSuchEntry(2)));
    for statement in ["UPDATE audit SET reason = ''", "DELETE FROM audit WHERE id = 1"] {
        let refused = database(&directory).execute(statement, []).expect_err(statement).to_string();
        assert!(refused.contains("an entry of the audit is never"), "{refused}");
    }
}

#[test]
fn an_entry_that_cannot_be_kept_is_not_made() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(60, 30, &good());
    let other = database(&directory);
    other.execute_batch("BEGIN IMMEDIATE").expect("it begins");
    assert_eq!(hand.enter(&draft(&clock)), Err(AuditError::NotKept));
    assert_eq!(hand.audit(), []);
    other.execute_batch("ROLLBACK").expect("it ends");
    assert_eq!(hand.enter(&draft(&clock)).map(|entry| entry.reason), Ok("a release that cannot wait".to_owned()));
    assert_eq!(ask::<i64>(&directory, "SELECT count(*) FROM audit"), 1);
}

#[test]
fn a_new_file_gets_the_audit_of_a_damaged_one() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.enter(&draft(&clock)).expect("kept");
    hand.shared.lock().damage = Some((0, "found by a test".to_owned()));
    hand.commit();
    assert_eq!(hand.enter(&draft(&clock)).map(|entry| entry.id), Ok(2));
    drop(hand);
    let ids: Vec<i64> = Hand::open(directory.path(), &clock, &fleet()).audit().iter().map(|entry| entry.id).collect();
    assert_eq!((ids, aside(&directory).is_empty()), (vec![1, 2], false));
}

/// Takes a file back to before it kept which steps failed.
const WITHOUT_STEPS: &str = "DROP VIEW minutes; ALTER TABLE open_minutes DROP COLUMN steps;
    CREATE VIEW minutes AS SELECT * FROM open_minutes; PRAGMA user_version = 2;";

#[test]
fn which_step_failed_is_kept_for_every_minute_and_missing_in_an_older_file() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    let verdict = || Verdict::Failed { reason: Reason::ExitCode, detail: String::new() };
    let step =
        StepOutcome { name: "push".parse().expect("a name"), verdict: Some(verdict()), duration: Duration::ZERO };
    hand.run(60, 30, &good());
    hand.run(120, 30, &Outcome { steps: vec![step], ..Outcome::of(verdict()) });
    hand.commit();
    let (plan, _) = crate::slo::Plan::of(&fleet());
    let key = draft(&clock).slo;
    let causes = || {
        let kept = Kept::open(directory.path(), &plan).expect("it opens");
        futures_util::FutureExt::now_or_never(kept.causes(&key, START - 3_600, START + 3_600))
            .expect("at once")
            .expect("causes")
    };
    let both = causes();
    assert_eq!((both.steps.get("push"), both.reasons.get("exit_code")), (Some(&4), Some(&4)));
    // In the rows of days, too.
    hand.run(3_600, 30, &good());
    assert_eq!(causes(), both);
    let minutes = "SELECT sum(value) FROM minutes, json_each(steps)";
    assert_eq!(ask::<i64>(&directory, minutes), 4);
    drop(hand);
    database(&directory).execute_batch(WITHOUT_STEPS).expect("as it was");
    assert_eq!(causes().reasons, both.reasons);
    drop(Hand::open(directory.path(), &clock, &fleet()));
    assert_eq!(ask::<i64>(&directory, "PRAGMA user_version"), 3);
}

#[test]
fn a_file_of_the_first_version_gets_an_audit_and_is_read_without_one() {
    let (directory, clock) = directory();
    drop(Hand::open(directory.path(), &clock, &fleet()));
    database(&directory)
        .execute_batch(&format!("{WITHOUT_STEPS} DROP TABLE audit; PRAGMA user_version = 1;"))
        .expect("as it was");
    let (plan, _) = crate::slo::Plan::of(&fleet());
    assert_eq!(Kept::open(directory.path(), &plan).expect("it opens").audit(), Ok(Vec::new()));
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    let made = hand.enter(&draft(&clock)).expect("kept");
    let kept = Kept::open(directory.path(), &plan).expect("it opens");
    let key = draft(&clock).slo;
    let read = |after, until| futures_util::FutureExt::now_or_never(kept.entries(&key, after, until)).expect("at once");
    assert_eq!(read(START - 10, START), Ok(vec![made]));
    assert_eq!(read(START - 10, START - 5), Ok(Vec::new()));
}

#[test]
fn buckets_of_another_layout_stay_monotone() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(60, 30, &good());
    drop(hand);
    let buckets = r#"{"0.01":3,"0.07":4,"0.1":5,"400":2,"+Inf":1}"#;
    database(&directory).execute("UPDATE counters SET buckets = ?1", [buckets]).expect("changed");
    let counts = Hand::open(directory.path(), &clock, &fleet()).counts();
    // Up to 0.01 s: 3, as before; up to 0.1 s: 12, as before; all: 15.
    assert_eq!(counts.buckets[..6], [0, 3, 0, 0, 9, 0]);
    assert_eq!(counts.buckets.iter().sum::<u64>(), 15);
    assert_eq!(counts.buckets.last(), Some(&3));
}

#[test]
fn memory_is_bounded_while_nothing_can_be_written() {
    let clock = ManualClock::at(START);
    let mut state = State::new(&clock);
    state.serve(&fleet());
    for _ in 0..500_010 {
        state.record(&clock, &probe("front"), &good(), 0);
        clock.pass(Duration::from_secs(60));
    }
    state.forget();
    assert_eq!((state.health.forgotten, state.cells(&probe("front")).expect("known").2.len()), (10, 500_000));
}

#[test]
fn an_archive_is_read_while_it_is_written() {
    let (directory, clock) = directory();
    let mut hand = Hand::open(directory.path(), &clock, &fleet());
    hand.run(2 * HOUR, 30, &good());
    let mut archive = Archive::open(directory.path()).expect("it opens");
    let probes = archive.probes().expect("probes");
    assert_eq!((&probes[0].key, probes[0].slos.as_slice()), (&probe("front"), ["front".to_owned()].as_slice()));
    hand.run(60, 30, &bad(Reason::Timeout));
    let minutes = archive.minutes(&probe("front"), START + 3_600, i64::MAX / 2).expect("minutes");
    assert_eq!((minutes.len(), minutes[0].begins, minutes[0].good), (61, START + 3_600, 2));
    assert_eq!(minutes[60].failures.get("timeout"), Some(&2));
    let nowhere = Archive::open(&directory.path().join("elsewhere")).map(|_| ()).expect_err("nothing there");
    assert!(matches!(nowhere, FileError::Missing(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn nothing_is_lost_and_nothing_is_invented(
        acts in prop::collection::vec((0u8..10, 1u64..4_000, any::<bool>()), 1..40)
    ) {
        let (directory, clock) = directory();
        let mut hand = Hand::open(directory.path(), &clock, &fleet());
        let (mut goods, mut bads) = (0_u64, 0_u64);
        for (act, seconds, good_run) in acts {
            match act {
                0 => { drop(hand); hand = Hand::open(directory.path(), &clock, &fleet()); }
                1 => clock.set(3_600),
                2 => clock.set(-3_600),
                3 => clock.pass(Duration::from_secs(seconds * 10)),
                4 => hand.commit(),
                _ => {
                    hand.record(&if good_run { good() } else { bad(Reason::Body) });
                    if good_run { goods += 1 } else { bads += 1 }
                    clock.pass(Duration::from_secs(seconds / 10));
                    // What is not committed is lost at a restart, and shall be.
                    hand.commit();
                }
            }
        }
        let (bad, total, _) = hand.sums();
        prop_assert_eq!((bad as u64, total as u64), (bads, goods + bads));
        prop_assert_eq!(hand.counts().attempts(), goods + bads);
        let in_view: i64 = ask(&directory, "SELECT coalesce(sum(good + bad), 0) FROM minutes");
        prop_assert_eq!(in_view.unsigned_abs(), goods + bads);
    }
}
