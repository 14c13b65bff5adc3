//! Robust: whole counts from a live Prometheus whose scrapes are slow, fail and come late, one line for each part of
//! the increments, and the simpler form of each beside it, which loses or invents events here.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::burndown::run;
use crate::support::listener::{Listener, Reply};
use crate::support::prometheus::{Prometheus, Setup};
use crate::support::promtool::test_rules;
use crate::support::random::Random;

/// What a target shows at a moment, in seconds since the start; none if its scrape fails.
type Shown = fn(f64, &Behaviour) -> Option<Vec<(&'static str, u64)>>;

/// A target and what must have been counted of it.
struct Behaviour {
    job: &'static str,
    /// How long a scrape takes, in milliseconds.
    slow: u64,
    /// One in so many scrapes fails; 0 for none.
    failing: u64,
    shown: Shown,
}

/// Ten events a second from the start until the counting stops, each tenth of them bad.
const RATE: f64 = 10.0;

/// Counting stops at this second, so that everything is seen and summed in the end.
const STOPS: f64 = 32.0;

/// Restarts, gaps and births happen at these seconds.
const RESTART: f64 = 15.0;
const GAP: std::ops::Range<f64> = 10.0..20.0;

fn events(from: f64, to: f64) -> u64 {
    ((to.min(STOPS) - from).max(0.0) * RATE) as u64
}

fn steady(at: f64, _: &Behaviour) -> Option<Vec<(&'static str, u64)>> {
    let total = events(0.0, at);
    Some(vec![("200", total - total / 10), ("500", total / 10)])
}

fn restarted(at: f64, _: &Behaviour) -> Option<Vec<(&'static str, u64)>> {
    // It counts nothing in the second in which it restarts, so that scrapes see every event.
    let total = if at < RESTART { events(0.0, at.min(RESTART - 2.0)) } else { events(RESTART, at) };
    Some(vec![("200", total - total / 10), ("500", total / 10)])
}

fn child_born(at: f64, _: &Behaviour) -> Option<Vec<(&'static str, u64)>> {
    let mut shown = vec![("200", events(0.0, at))];
    if at >= RESTART {
        shown.push(("500", 25));
    }
    Some(shown)
}

fn born_old(at: f64, _: &Behaviour) -> Option<Vec<(&'static str, u64)>> {
    (at >= RESTART).then(|| vec![("200", 1_000_000 + events(RESTART + 4.0, at)), ("500", 1_000)])
}

fn back(at: f64, _: &Behaviour) -> Option<Vec<(&'static str, u64)>> {
    // Nothing happens around the gap, so that all that can be seen is seen.
    let counted = events(0.0, at.min(GAP.start - 2.0)) + events(GAP.end + 4.0, at);
    (!GAP.contains(&at)).then(|| vec![("200", 500 + counted)])
}

fn behaviours() -> [Behaviour; 6] {
    let of = |job, shown| Behaviour { job, slow: 0, failing: 0, shown };
    [
        Behaviour { slow: 600, ..of("slow", steady) },
        Behaviour { failing: 4, ..of("flaky", steady) },
        of("restarted", restarted),
        of("child_born", child_born),
        of("born_old", born_old),
        of("back", back),
    ]
}

/// Serves a behaviour.
fn serve(behaviour: Behaviour, start: Instant, scrapes: Arc<AtomicU64>) -> Listener {
    let random = Mutex::new(Random::new(7));
    Listener::start(
        move |_| {
            scrapes.fetch_add(1, Ordering::SeqCst);
            // The counters are read first and sent late, as a slow exposition does.
            let at = start.elapsed().as_secs_f64();
            thread::sleep(Duration::from_millis(behaviour.slow));
            let fails = behaviour.failing > 0 && random.lock().unwrap().happens(1, behaviour.failing);
            let Some(shown) = (behaviour.shown)(at, &behaviour).filter(|_| !fails) else {
                return Reply::text(503, "no\n");
            };
            let mut text = String::from("# TYPE requests_total counter\n");
            for (code, value) in shown {
                let _ = writeln!(text, "requests_total{{code=\"{code}\"}} {value}");
            }
            Reply::text(200, text)
        },
        |_| {},
    )
}

const SLO_FILE: &str = "version: burndown/v1
service: live
window: 1h
rules: {interval: 1s, delay: 1s, lookback: 6s}
gate: {resume_at: 1m}
alerting: {windows: [{severity: page, long: 10m, short: 1m, factor: 2}]}
slos:
  - name: requests
    objective: 90
    sli: {events: {bad: 'requests_total{code=~\"5..\"}', total: requests_total, by: [job]}}
";

/// The simpler forms, each without one part.
const SIMPLER: &str = r"groups:
- name: simpler
  interval: 1s
  rules:
  # Without the delay and the look-back: a scrape in flight is never seen, a failed one cuts the series.
  - {record: plain, expr: 'sum by (job) (requests_total - requests_total offset 1s >= 0)'}
  # Without resets.
  - {record: no_reset, expr: 'sum by (job) (last_over_time(requests_total[6s] offset 1s) - last_over_time(requests_total[6s] offset 2s) >= 0)'}
  # Every first sample counts, whether its target was known or not.
  - {record: all_births, expr: 'sum by (job) (last_over_time(requests_total[6s] offset 1s) unless last_over_time(requests_total[6s] offset 2s))'}
";

#[test]
fn no_event_is_lost_or_invented_on_a_live_prometheus() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("live.yaml");
    fs::write(&file, SLO_FILE).unwrap();
    let output = directory.path();
    let finished =
        run(["generate".as_ref(), file.as_os_str(), "--only=rules".as_ref(), "-o".as_ref(), output.as_os_str()]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let simpler = directory.path().join("simpler.yaml");
    fs::write(&simpler, SIMPLER).unwrap();

    let scrapes = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let servers = behaviours().map(|behaviour| (behaviour.job, serve(behaviour, start, Arc::clone(&scrapes))));
    let prometheus = Prometheus::start(&Setup {
        targets: servers.iter().map(|(job, server)| (*job, server.address())).collect(),
        rules: vec![output.join("rules/live.fast.yaml"), simpler],
        alertmanager: None,
    });
    let patience = Duration::from_secs_f64(STOPS + 12.0).saturating_sub(start.elapsed());
    thread::sleep(patience);

    let sum = |series: &str, job: &str| {
        prometheus.value(&format!("sum_over_time({series}{{job=\"{job}\"}}[10m])")).unwrap_or(0.0)
    };
    let counted = |job: &str| sum("slo:sli_total:increase", job);
    let bad = |job: &str| sum("slo:sli_bad:increase", job);
    let births = |job: &str| sum("all_births", job);
    for (job, _) in &servers {
        println!(
            "{job}: {} and {} bad; plainly {}, first looks {}",
            counted(job),
            bad(job),
            sum("plain", job),
            births(job)
        );
    }
    // What the first look saw is past; the simpler birth tells how much that was.
    let all = events(0.0, STOPS) as f64;
    for job in ["slow", "flaky"] {
        assert_eq!(counted(job) + births(job), all, "{job}");
    }
    // What a slow scrape costs the plain difference depends on when it falls; a failed one always costs it.
    assert!(sum("plain", "flaky") < 0.8 * counted("flaky"), "failed scrapes cost the plain difference nothing");
    let around_restart = events(0.0, RESTART - 2.0) + events(RESTART, STOPS);
    assert!((counted("restarted") + births("restarted") - around_restart as f64).abs() <= 1.0);
    // Twenty-five failures were there when the child was first seen, and the simpler forms have none of them.
    assert_eq!(bad("child_born"), 25.0);
    assert_eq!(counted("child_born") + births("child_born") - 25.0, all + 25.0);
    assert_eq!(sum("no_reset", "child_born") + births("child_born") - 25.0, all);
    // A target that is seen for the first time does not add its past, nor does one that is back.
    assert_eq!(counted("born_old"), events(RESTART + 4.0, STOPS) as f64);
    assert!(births("born_old") >= 1_000_000.0, "the simpler birth adds no past");
    assert_eq!(bad("born_old"), 0.0);
    let around_gap = events(0.0, GAP.start - 2.0) + events(GAP.end + 4.0, STOPS);
    assert!(counted("back") <= around_gap as f64);
    assert!(counted("back") >= events(GAP.end + 4.0, STOPS) as f64 - 1.0);
}

/// What takes minutes rather than seconds, on the same engine: scrapes every 15 seconds, rules every 30.
#[test]
fn no_event_is_lost_or_invented_over_restarts_and_gaps() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("live.yaml");
    fs::write(
        &file,
        SLO_FILE.replace("interval: 1s, delay: 1s, lookback: 6s", "interval: 30s, delay: 30s, lookback: 2m"),
    )
    .unwrap();
    let output = directory.path();
    let finished =
        run(["generate".as_ref(), file.as_os_str(), "--only=rules".as_ref(), "-o".as_ref(), output.as_os_str()]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let cases = [
        // The 41st event is seen between two looks, the second of which finds the counter begun anew.
        ("restart", "0+1x41 2+1x198".to_owned(), 41 + 200),
        // Every third scrape fails and leaves a staleness marker.
        (
            "flaky",
            "0 1 stale ".to_owned()
                + &(1..80).map(|at| format!("{} {} stale ", 3 * at, 3 * at + 1)).collect::<String>(),
            238,
        ),
        // Gone for a quarter of an hour: what it counts when it is back began at its restart …
        ("back_restarted", "0+1x119 stale _x59 3+1x60".to_owned(), 119 + 63),
        // … or goes on, and then what happened while nobody looked is neither good nor bad.
        ("back", "0+1x119 stale _x59 200+1x60".to_owned(), 119 + 60),
        // Seen for the first time with a past.
        ("new", "_x100 5000+1x139".to_owned(), 139),
    ];
    let mut text = "rule_files: [rules/live.fast.yaml]\nevaluation_interval: 30s\ntests:\n- interval: 15s\n".to_owned();
    text.push_str("  input_series:\n");
    for (job, values, _) in &cases {
        let _ =
            writeln!(text, "  - {{series: 'requests_total{{job=\"{job}\",instance=\"i:1\"}}', values: '{values}'}}");
    }
    text.push_str("  promql_expr_test:\n  - {expr: 'sum by (job) (sum_over_time(slo:sli_total:increase[2h]))', eval_time: 64m, exp_samples: [\n");
    for (job, _, events) in &cases {
        let _ = writeln!(text, "      {{labels: '{{job=\"{job}\"}}', value: {events}}},");
    }
    text.push_str("    ]}\n");
    let test = output.join("test.yaml");
    fs::write(&test, text).unwrap();
    let judged = test_rules(&test);
    assert!(judged.passed, "{}", judged.output);
}
