//! A month of a fixed past, kept by the library's own writer: a spike in the hour that comes twice, one that needs a
//! postmortem, a journey that fails when the month ends, time that nobody saw, and what people decided meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use burndown::history::audit::Draft;
use burndown::history::{EntryKind, SloKey, Storage};
use burndown::probe::outcome::{Outcome, Reason, StepOutcome, Verdict};
use burndown::probe::{ProbeKey, Recorder};
use burndown::spec;
use jiff::Timestamp;
use tempfile::TempDir;

use crate::support::burndown::{Finished, run};
use crate::support::clock::TestClock;

pub(super) const FILE: &str = "version: burndown/v1
service: tracker
window: 30d
gate: {close_at: 0m, resume_at: 10m}
probes:
  - {name: app, interval: 1m, http: {url: http://127.0.0.1:1/}}
  - {name: billing, interval: 1m, http: {url: http://127.0.0.1:1/}}
  - {name: canary, interval: 1m, http: {url: http://127.0.0.1:1/}}
  - name: cf-push
    interval: 10m
    timeout: 2m
    journey:
      steps:
        - {name: login, run: [cf, auth]}
        - {name: push, run: [cf, push, canary]}
slos:
  - {name: app-availability, description: Everybody can sign in, objective: 99.9, sli: {probe: app}}
  - {name: billing, objective: 99.5, sli: {probe: billing}}
  - {name: canary, objective: 99.9, sli: {probe: canary}}
  - {name: cf-push, objective: 99, sli: {probe: cf-push}}
working_hours: {days: [mon, tue, wed, thu, fri], from: '09:00', to: '17:00', timezone: Europe/Dublin}
";

const BEGINS: &str = "2026-09-20T00:00:00Z";

/// A Monday; the clocks went back on the Sunday before it.
pub(super) const UNTIL: &str = "2026-10-26T09:00:00Z";

/// When runs of the app failed, and why.
const FAILURES: [(&str, &str, Reason); 4] = [
    ("2026-10-01T14:00:00Z", "2026-10-01T14:12:00Z", Reason::Timeout),
    ("2026-10-20T10:15:00Z", "2026-10-20T10:20:00Z", Reason::Status),
    ("2026-10-20T10:20:00Z", "2026-10-20T10:24:00Z", Reason::Timeout),
    ("2026-10-25T00:40:00Z", "2026-10-25T01:05:00Z", Reason::Connect),
];

/// When nobody probed the app.
const UNSEEN: (&str, &str) = ("2026-10-22T02:00:00Z", "2026-10-22T04:10:00Z");

pub(super) fn time(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

fn within(at: i64, from: &str, until: &str) -> bool {
    (time(from)..time(until)).contains(&at)
}

fn failed(reason: Reason) -> Verdict {
    Verdict::Failed { reason, detail: String::new() }
}

fn app(at: i64) -> Option<Outcome> {
    let (from, until) = UNSEEN;
    let reason = FAILURES.iter().find(|(from, until, _)| within(at, from, until)).map(|(.., reason)| *reason);
    (!within(at, from, until)).then(|| Outcome::of(reason.map_or(Verdict::Success, failed)))
}

/// One login on a Wednesday failed, and every push since 20 minutes before the end.
fn journey(at: i64) -> Outcome {
    let step = |name: &str, verdict| StepOutcome { name: name.parse().unwrap(), verdict, duration: Duration::ZERO };
    let (verdict, login, push) = if within(at, "2026-10-21T12:00:00Z", "2026-10-21T12:10:00Z") {
        (failed(Reason::Timeout), Some(failed(Reason::Timeout)), None)
    } else if within(at, "2026-10-26T08:40:00Z", UNTIL) {
        (failed(Reason::ExitCode), Some(Verdict::Success), Some(failed(Reason::ExitCode)))
    } else {
        (Verdict::Success, Some(Verdict::Success), Some(Verdict::Success))
    };
    Outcome { steps: vec![step("login", login), step("push", push)], ..Outcome::of(verdict) }
}

/// Enters what somebody decided.
pub(super) fn enter(storage: &Storage, kind: EntryKind, slo: &str, times: (&str, &str), reason: &str) {
    storage.enter(&draft(kind, slo, times, reason)).unwrap();
}

/// Takes back what somebody decided.
pub(super) fn withdraw(storage: &Storage, entry: i64, slo: &str, times: (&str, &str), reason: &str) {
    let draft = draft(EntryKind::Withdrawal, slo, times, reason);
    storage.enter(&Draft { withdraws: Some(entry), ..draft }).unwrap();
}

fn draft(kind: EntryKind, slo: &str, (from, until): (&str, &str), reason: &str) -> Draft {
    let slo = SloKey { service: "tracker".parse().unwrap(), slo: slo.parse().unwrap() };
    Draft {
        kind,
        slo,
        from: time(from),
        until: time(until),
        reason: reason.parse().unwrap(),
        by: "Ann".parse().unwrap(),
        authenticated: "ann".parse().unwrap(),
        withdraws: None,
    }
}

/// What was decided, once the clock is there.
fn decide(storage: &Storage, at: i64) {
    let entry = |kind, slo, times, reason| enter(storage, kind, slo, times, reason);
    if at == time("2026-10-25T10:00:00Z") {
        let two_hours = ("2026-10-25T10:00:00Z", "2026-10-25T12:00:00Z");
        entry(EntryKind::Override, "app-availability", two_hours, "roll back the release of *Friday*");
    }
    if at == time("2026-10-22T09:00:00Z") {
        let login = ("2026-10-21T12:00:00Z", "2026-10-21T12:10:00Z");
        entry(EntryKind::Correction, "cf-push", login, "the login server was switched off on purpose");
    }
}

/// The history in a directory of its own, and the file of its SLOs beside it.
pub(super) fn kept() -> (TempDir, PathBuf) {
    kept_and(|_, _| {})
}

/// The same, where more was decided.
pub(super) fn kept_and(decided: impl Fn(&Storage, i64)) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tracker.yaml");
    fs::write(&path, FILE).unwrap();
    let fleet = spec::load_text("tracker.yaml", FILE).fleet;
    let clock = Arc::new(TestClock::at(time(BEGINS)));
    let storage = Storage::open_at(&directory.path().join("history"), &fleet, Arc::clone(&clock) as _).unwrap();
    let probe = |name: &str| ProbeKey { service: "tracker".parse().unwrap(), probe: name.parse().unwrap() };
    let (app_key, canary, push) = (probe("app"), probe("canary"), probe("cf-push"));
    for at in (time(BEGINS)..=time(UNTIL)).step_by(60) {
        clock.move_to(at);
        if let Some(outcome) = app(at) {
            storage.record(&app_key, &outcome, at * 1_000);
        }
        storage.record(&canary, &Outcome::of(Verdict::Success), at * 1_000);
        if (at - time(BEGINS)) % 600 == 0 {
            storage.record(&push, &journey(at), at * 1_000);
        }
        decide(&storage, at);
        decided(&storage, at);
    }
    storage.flush(Duration::from_secs(60));
    (directory, path)
}

/// `burndown report` over a history, which its directory is kept with.
pub(super) fn report(directory: &Path, more: &[&str]) -> Finished {
    let (file, history) = (directory.join("tracker.yaml"), directory.join("history"));
    let source = ["report", file.to_str().unwrap(), "--storage.path", history.to_str().unwrap()];
    run([&source, more].concat())
}
