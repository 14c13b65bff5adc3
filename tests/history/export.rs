//! `burndown history export`: what people and Prometheus can take elsewhere.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use burndown::history::Storage;
use burndown::names::{Metric, Record, label};
use burndown::probe::outcome::{Outcome, Phases, Reason, Verdict};
use burndown::probe::{ProbeKey, Recorder};
use burndown::spec;
use tempfile::TempDir;

use crate::support::backfill::Past;
use crate::support::burndown::{Finished, run};
use crate::support::clock::TestClock;

/// 14 November 2023, midnight, and 7 seconds.
const START: i64 = 1_699_920_007;
const HOURS: i64 = 30;

const FILE: &str = "version: burndown/v1
service: shop
window: 1d
rules: {interval: 60s, delay: 60s, lookback: 150s}
gate: {resume_at: 50%}
probes:
  - {name: front, interval: 30s, http: {url: http://127.0.0.1/}}
  - {name: back, interval: 30s, http: {url: http://127.0.0.1/}}
slos:
  - {name: front-answers, objective: 90, sli: {probe: front}}
  - {name: back-answers, objective: 90, sli: {probe: back}}
";

/// A history of thirty hours: `front` fails for half an hour at noon, `back` is run for the first hour only.
fn history() -> (TempDir, Storage) {
    let directory = tempfile::tempdir().unwrap();
    let fleet = spec::load_text("shop.yaml", FILE).fleet;
    let clock = Arc::new(TestClock::at(START));
    let storage = Storage::open_at(directory.path(), &fleet, Arc::clone(&clock) as _).unwrap();
    let key = |name: &str| ProbeKey { service: "shop".parse().unwrap(), probe: name.parse().unwrap() };
    let (front, back) = (key("front"), key("back"));
    for at in (0..HOURS * 3_600).step_by(30) {
        clock.move_to(START + at);
        let is_bad = (12 * 3_600..12 * 3_600 + 1_800).contains(&at);
        storage.record(&front, &outcome(is_bad.then_some(Reason::Timeout)), 0);
        if at < 3_600 {
            storage.record(&back, &outcome(None), 0);
        }
    }
    storage.flush(Duration::from_secs(20));
    (directory, storage)
}

fn outcome(reason: Option<Reason>) -> Outcome {
    let verdict = match reason {
        Some(reason) => Verdict::Failed { reason, detail: String::new() },
        None => Verdict::Success,
    };
    Outcome {
        verdict,
        duration: Duration::ZERO,
        phases: Phases::default(),
        tls_not_after: None,
        steps: Vec::new(),
        redirects: Vec::new(),
        excerpt: None,
    }
}

fn export(directory: &Path, options: &[&str]) -> Finished {
    let path = directory.display().to_string();
    run(["history", "export", "--storage.path", path.as_str()].iter().chain(options))
}

#[test]
fn csv_has_a_line_for_every_minute_while_the_history_is_written() {
    let (directory, _storage) = history();
    let all = export(directory.path(), &[]);
    assert_eq!(all.code, Some(0), "{}", all.stderr);
    let lines: Vec<&str> = all.stdout.lines().collect();
    assert_eq!(lines.len(), 1 + 60 + 30 * 60);
    assert_eq!(lines[..2], ["service,probe,begins,good,bad,failures", "shop,back,2023-11-14T00:00:07Z,2,0,"]);
    let failed = "shop,front,2023-11-14T12:00:07Z,0,2,timeout=2";
    assert!(lines.contains(&failed) && lines.iter().filter(|line| line.ends_with("timeout=2")).count() == 30);

    let some = ["--slo", "front-answers", "--since", "2023-11-14T12:00:00Z", "--until", "2023-11-14T12:02:00Z"];
    let some = export(directory.path(), &some);
    assert_eq!(
        some.stdout.lines().skip(1).collect::<Vec<_>>(),
        [failed, "shop,front,2023-11-14T12:01:07Z,0,2,timeout=2"]
    );
    assert_eq!(export(directory.path(), &["--service", "other"]).stdout.lines().count(), 1);
}

#[test]
fn what_cannot_be_exported_is_said() {
    let empty = tempfile::tempdir().unwrap();
    let nothing = export(empty.path(), &[]);
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.stderr.contains("there is no history in"), "{}", nothing.stderr);
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "reading makes no file");
    let (directory, _storage) = history();
    assert_eq!(export(directory.path(), &["--since", "1h", "--until", "2h"]).code, Some(2));
    let nowhere = export(directory.path(), &["--output", "/proc/no/such/file"]);
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("/proc/no/such/file"), "{}", nowhere.stderr);
}

#[test]
fn prometheus_makes_the_same_budget_of_the_exported_counters() {
    let (directory, _storage) = history();
    let file = directory.path().join("samples.om");
    let exported = export(directory.path(), &["--format", "openmetrics", "--output", &file.display().to_string()]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let past = Past::of(&fs::read_to_string(&file).unwrap());
    let end = START + HOURS * 3_600;
    past.evaluate(FILE, START, end);
    let prometheus = past.open();
    let value = |expression: &str| {
        let samples = prometheus.query_at(expression, end);
        assert_eq!(samples.len(), 1, "{expression}: {samples:?}");
        samples[0].value
    };
    let of_front = format!("{}=\"front\"", label::PROBE);
    assert_eq!(value(&format!("max_over_time({}{{{of_front}}}[40h])", Metric::ProbeAttempts.name())), 3_600.0);
    assert_eq!(value(&format!("max_over_time({}{{{of_front}}}[40h])", Metric::ProbeFailures.name())), 60.0);
    let slo = format!("{}=\"front-answers\"", label::SLO);
    // The rules lost no failure and invented none, and each costs its interval.
    assert_eq!(value(&format!("sum_over_time({}{{{slo}}}[40h])", Record::BadIncrease.name())), 60.0);
    let remaining = value(&format!("last_over_time({}{{{slo}}}[10m])", Record::RemainingSeconds.name()));
    assert!((remaining - (8_640.0 - 1_800.0)).abs() < 15.0, "{remaining} s remain");
    let coverage = value(&format!("last_over_time({}{{{slo}}}[10m])", Record::Coverage.name()));
    assert!(coverage > 0.99, "coverage {coverage}");
}
