//! `burndown gate` and `/api/v1/gate`: the same answer from a directory, from Prometheus and from a running service.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use burndown::history::Storage;
use burndown::probe::outcome::{Outcome, Reason, Verdict};
use burndown::probe::{ProbeKey, Recorder};
use burndown::spec;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::standing::recorded::slices;
use crate::support::backfill::Past;
use crate::support::burndown::{Finished, command, described_by, listening, run, start};
use crate::support::clock::TestClock;
use crate::support::http;
use crate::support::listener::{Listener, Reply};

pub(super) const FILE: &str = "version: burndown/v1
service: shop
window: 6h
gate: {resume_at: 5m}
probes:
  - {name: front, interval: 30s, http: {url: http://127.0.0.1:1/}}
slos:
  - {name: front, objective: 90, sli: {probe: front}}
changes:
  - {name: upgrade, downtime: 10m, duration: 1h}
";

pub(super) fn file(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("shop.yaml");
    fs::write(&path, text).unwrap();
    path
}

fn gate(arguments: &[&str]) -> Finished {
    run(["gate"].iter().chain(arguments))
}

fn described(finished: &Finished) -> Value {
    described_by("gate", &finished.stdout).0
}

/// What a service kept of the last five hours and still keeps: 40 of 36 minutes failed, until ten minutes ago.
pub(super) fn history() -> (TempDir, Storage) {
    let directory = tempfile::tempdir().unwrap();
    let fleet = spec::load_text("shop.yaml", FILE).fleet;
    let now = jiff::Timestamp::now().as_second();
    let clock = Arc::new(TestClock::at(now - 5 * 3_600));
    let storage = Storage::open_at(directory.path(), &fleet, Arc::clone(&clock) as _).unwrap();
    let front = ProbeKey { service: "shop".parse().unwrap(), probe: "front".parse().unwrap() };
    for at in (now - 5 * 3_600..=now).step_by(30) {
        clock.move_to(at);
        let is_bad = (now - 3_000..now - 600).contains(&at);
        storage.record(&front, &outcome(is_bad), 0);
    }
    storage.flush(Duration::from_secs(20));
    (directory, storage)
}

fn outcome(is_bad: bool) -> Outcome {
    let verdict = match is_bad {
        true => Verdict::Failed { reason: Reason::Timeout, detail: String::new() },
        false => Verdict::Success,
    };
    Outcome::of(verdict)
}

#[test]
fn it_decides_by_what_a_running_service_keeps() {
    let (kept, _storage) = history();
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), FILE);
    let source = [path.to_str().unwrap(), "--storage.path", kept.path().to_str().unwrap()];
    let ask = |more: &[&str]| gate(&[&source, more].concat());

    let closed = ask(&[]);
    assert_eq!(closed.code, Some(1), "{closed:?}");
    assert!(closed.stdout.starts_with("closed: shop/front: −4.00 of 36 minutes remain; closed since "), "{closed:?}");
    assert_eq!(closed.stdout.lines().count(), 1, "it is said once: {closed:?}");
    let open = ask(&["--at", "2h"]);
    assert!(open.stdout.lines().nth(1).unwrap().starts_with("  open     shop/front: "), "{open:?}");
    let answer = described(&ask(&["--output", "json"]));
    assert_eq!(
        (&answer["decision"], &answer["reason"], &answer["forecast"]),
        (&json!("closed"), &json!("closed"), &json!("exact"))
    );
    // Six hours after the ninth minute of the outage has passed, five minutes remain.
    let (at, opens) = (answer["at"].as_i64().unwrap(), answer["reopens_at"].as_i64().unwrap());
    assert!((opens - (at - 3_000 + 540 + 6 * 3_600)).abs() <= 120, "{opens} at {at}");

    // Before the outage, and before there was anything.
    assert_eq!(ask(&["--at", "2h"]).code, Some(0));
    let nothing = ask(&["--at", "12h", "--output", "json"]);
    assert_eq!((nothing.code, &described(&nothing)["reason"]), (Some(3), &json!("no_data")));
    let fits = ask(&["--at", "2h", "--change", "upgrade", "--output", "json"]);
    let answer = described(&fits);
    assert_eq!(
        (fits.code, &answer["change"]["fits"], &answer["change"]["name"]),
        (Some(0), &json!(true), &json!("upgrade"))
    );
    let large = ask(&["--at", "2h", "--downtime", "40m", "--duration", "1h", "--output", "json"]);
    assert_eq!((large.code, &described(&large)["reason"]), (Some(1), &json!("budget")));

    // Where a service keeps it unless it is told.
    let usual = command(["gate", path.to_str().unwrap()]).env("STATE_DIRECTORY", kept.path()).output().unwrap();
    assert_eq!(usual.status.code(), Some(1), "{}", String::from_utf8_lossy(&usual.stderr));
    let nothing = gate(&[path.to_str().unwrap()]);
    assert!(nothing.code == Some(2) && nothing.stderr.contains("state-"), "{nothing:?}");

    for (gate, code) in [("dry_run: true", 0), ("on_unknown: allow", 1)] {
        file(directory.path(), &FILE.replace("resume_at: 5m", &format!("resume_at: 5m, {gate}")));
        assert_eq!(ask(&[]).code, Some(code), "{gate}");
        assert_eq!(ask(&["--at", "12h"]).code, Some(0), "{gate}");
    }
}

#[test]
fn it_says_the_same_from_prometheus_and_from_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let text = "version: burndown/v1\nservice: shop\nwindow: 7d\nprobes:\n  - {name: home, interval: 1m, timeout: 500ms, http: {url: http://127.0.0.1:1/}}\nslos:\n  - {name: home, objective: 99, sli: {probe: home}}\n  - {name: requests, objective: 99, sli: {events: {bad: errors_total, total: requests_total, by: [route]}}}\n";
    let path = file(directory.path(), text);
    let now = jiff::Timestamp::now();
    let past = Past::of(&slices("requests", 8, now.as_second(), false));
    let prometheus = past.open();
    let url = format!("http://{}/", prometheus.address());
    let arguments = ["serve", path.to_str().unwrap(), "--web.listen-address", "127.0.0.1:0"];
    let mut process = start(arguments.iter().chain(&["--storage.path", "none", "--prometheus", &url]));
    let address = listening(&mut process, Duration::from_secs(20));
    let server = format!("http://{address}");
    let at = now.to_string();
    let more = ["--at", &at, "--downtime", "5m", "--duration", "1h", "--output", "json"];
    let from_server = gate(&[&["--server", &server], more.as_slice()].concat());
    let from_prometheus = gate(&[&[path.to_str().unwrap(), "--prometheus", &url], more.as_slice()].concat());
    assert_eq!(from_server.stdout, from_prometheus.stdout, "{}{}", from_server.stderr, from_prometheus.stderr);
    assert_eq!((from_server.code, from_prometheus.code), (Some(3), Some(3)));
    let answer = described(&from_server);
    assert_eq!((&answer["reason"], &answer["slos"][1]["group"]["route"]), (&json!("rules_not_loaded"), &json!("/pay")));
    let one = gate(&["--server", &server, "--slo", "requests"]);
    assert_eq!(one.code, Some(0), "{one:?}");
    assert!(one.stdout.starts_with("open: deployments may go on"), "{one:?}");

    // A question that makes no sense is no closed gate.
    let refused = gate(&["--server", &server, "--slo", "nothing"]);
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(2), "burndown: there is no SLO `nothing`\n"));
    let cake = gate(&["--server", &server, "--change", "cake"]);
    assert!(cake.code == Some(2) && cake.stderr.starts_with("burndown: there is no change \"cake\""), "{cake:?}");
    let asked = |query: &str| {
        let answer = http::get(address, &format!("/api/v1/gate?{query}"), &[]).unwrap();
        (answer.status, answer.json()["code"].clone())
    };
    assert_eq!(asked("slos=requests"), (400, json!("bad_question")));
    assert_eq!(asked("slo=nothing"), (404, json!("unknown_slo")));
    assert_eq!(asked("change=cake"), (404, json!("unknown_change")));
    assert_eq!(asked("at=2999-01-01T00:00:00Z"), (400, json!("bad_question")));
    assert_eq!(asked("slo=requests"), (200, Value::Null));
}

#[test]
fn it_stops_when_nobody_answers() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), FILE);
    let nobody = gate(&["--server", "http://127.0.0.1:1", "--output", "json"]);
    assert_eq!((nobody.code, &described(&nobody)["reason"]), (Some(3), &json!("unavailable")));
    let nobody = gate(&[path.to_str().unwrap(), "--prometheus", "http://127.0.0.1:1", "--output", "json"]);
    assert_eq!((nobody.code, &described(&nobody)["reason"]), (Some(3), &json!("unavailable")));
    let file = path.to_str().unwrap();
    for wrong in [
        vec![],
        vec!["--server", "http://h", file],
        vec![file, "--storage.path", "/nonexistent"],
        vec!["--server", "http://h", "--downtime", "5m"],
        vec!["--server", "http://h", "--downtime", "5h", "--duration", "1h"],
        vec!["--server", "http://h", "--wait", "1m", "--at", "1h"],
    ] {
        assert_eq!(gate(&wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn it_waits_until_the_gate_opens_and_no_longer_than_it_may() {
    let (kept, _storage) = history();
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), FILE);
    let source = [path.to_str().unwrap(), "--storage.path", kept.path().to_str().unwrap()];
    let begun = Instant::now();
    let closed = gate(&[&source, ["--wait", "2s"].as_slice()].concat());
    assert!(closed.code == Some(1) && begun.elapsed() >= Duration::from_secs(2), "{closed:?}");
    assert!(closed.stderr.contains("burndown: waiting for at most 2s: shop/front: −4.00 of 36 minutes"), "{closed:?}");

    // A service whose gate opens at the third look.
    let answer = gate(&[&source, ["--output", "json"].as_slice()].concat()).stdout;
    let looks = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&looks);
    let service = Listener::start(
        move |_| match seen.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Reply::text(200, answer.clone()),
            _ => Reply::text(200, answer.replacen("\"decision\": \"closed\"", "\"decision\": \"open\"", 1)),
        },
        |_| {},
    );
    let opened = gate(&["--server", &format!("http://{}", service.address()), "--wait", "1m"]);
    assert_eq!((opened.code, looks.load(Ordering::SeqCst)), (Some(0), 3), "{opened:?}");
    assert_eq!(opened.stderr.lines().count(), 1, "it says once why it waits: {opened:?}");
}

#[test]
fn a_prometheus_that_never_answers_is_not_waited_for_by_every_slo() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let silent = Listener::start(
        move |_| {
            counting.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_secs(5));
            Reply::text(200, "")
        },
        |_| {},
    );
    let slos: String =
        (0..20).map(|at| format!("  - {{name: slo-{at}, objective: 99, sli: {{probe: front}}}}\n")).collect();
    let directory = tempfile::tempdir().unwrap();
    let text = "version: burndown/v1\nservice: shop\nprobes:\n  - {name: front, interval: 30s, http: {url: http://127.0.0.1:1/}}\n";
    let path = file(directory.path(), &format!("{text}slos:\n{slos}"));
    let url = format!("http://{}", silent.address());
    let held = gate(&[path.to_str().unwrap(), "--prometheus", &url, "--prometheus.timeout", "500ms"]);
    assert_eq!(held.code, Some(3), "{held:?}");
    assert_eq!(held.stdout.matches("did not answer within 500ms").count(), 21, "{held:?}");
    // Those that were on their way when the first of them was given up.
    assert!(asked.load(Ordering::SeqCst) < 10, "{asked:?}");
}
