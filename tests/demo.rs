//! The demo as a new user meets it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use ::burndown::names::Metric;
use rustix::process::Signal;
use serde_json::Value;

use super::support::process::Process;
use super::support::{burndown, http};

const SOON: Duration = Duration::from_secs(30);

/// Waits until the board's only SLO is as wanted, and returns it.
fn wait_for_slo(demo: &mut Process, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let address = burndown::listening(demo, SOON);
    demo.wait_until(what, SOON, || {
        let mut answer = http::get(address, "/api/v1/slos", &[]).ok()?.json();
        let slo = answer["slos"][0].take();
        wanted(&slo).then_some(slo)
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn the_budget_goes_down_before_the_eyes_of_the_user() {
    let mut demo = burndown::start(["demo"]);
    let address = burndown::listening(&mut demo, SOON);
    assert!(address.ip().is_loopback());

    let whole = wait_for_slo(&mut demo, "a first run", |slo| slo["data"] == "known");
    assert_eq!(whole["budget"]["total_seconds"], 360.0);
    assert_eq!(whole["budget"]["remaining_seconds"], 360.0, "it fails from the start: {whole}");
    assert_eq!(whole["gate"]["state"], "open");

    let spent = wait_for_slo(&mut demo, "a failure", |slo| slo["bad"].as_f64() >= Some(3.0));
    let (bad, total) = (number(&spent["bad"]), number(&spent["total"]));
    let consumed = number(&spent["budget"]["consumed_seconds"]);
    // Every failed run costs its interval of one second; in the newest slice a run may still be under way.
    assert!((consumed / bad - 1.0).abs() < 0.2, "{bad} failed runs cost {consumed} s");
    assert_eq!(spent["last_failure"]["reason"], "status");
    assert!(number(&spent["burn_rate"]) > 1.0, "{spent}");

    // What the board counted, `/metrics` counted as well, and what came since.
    let metrics = http::get(address, "/metrics", &[]).unwrap().body;
    let counted = |metric: Metric| -> f64 {
        let lines = metrics.lines().filter(|line| line.starts_with(&format!("{}{{", metric.name())));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    };
    let since = counted(Metric::ProbeAttempts) - total;
    assert!((0.0..5.0).contains(&since), "{since} runs since the board was read");
    let failed_since = counted(Metric::ProbeFailures) - bad;
    assert!((0.0..5.0).contains(&failed_since), "{failed_since} failed runs since the board was read");

    let page = http::get(address, "/", &[]).unwrap();
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
    for said in ["shop-is-open", "of 6<span", "Gate open", "closes at 0 min", "Error budget of shop-is-open since"] {
        assert!(page.body.contains(said), "no `{said}` in\n{}", page.body);
    }
    assert_eq!(http::get(address, "/board/board.js", &[]).unwrap().status, 200);

    demo.wait_for_line("an alert", SOON, |line| line.contains(" fires: ").then_some(()));
    demo.signal(Signal::INT);
    assert_eq!(demo.wait(SOON).code(), Some(0), "{}", demo.tail());
    let told = demo.log();
    for line in ["outage begins (status): ", " runs, ", "gate open"] {
        assert!(told.contains(line), "no `{line}` in\n{told}");
    }
}

#[test]
fn it_ends_by_itself_when_asked_and_counts_every_second() {
    let finished = burndown::run(["demo", "--for", "9s"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{}", finished.stdout);
    let summary = finished.stdout.lines().last().unwrap();
    let words: Vec<&str> = summary.split(' ').collect();
    let (runs, failed): (u32, u32) = (words[0].parse().unwrap(), words[2].parse().unwrap());
    assert!((7..=10).contains(&runs) && (2..=5).contains(&failed), "{summary}");
    assert!(summary.ends_with("gate open"), "{summary}");
}

#[test]
fn it_ends_when_nobody_reads_it_any_more() {
    let mut demo = burndown::command(["demo", "--for", "40s"]).stdout(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    drop(demo.stdout.take());
    assert!(demo.wait().unwrap().success());
    assert!(begin.elapsed() < Duration::from_secs(30), "it went on until its time was over");
}

#[test]
fn an_address_that_is_taken_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = burndown::run(["demo", "--web.listen-address", &address]);
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains(&format!("cannot listen on {address}")), "{}", finished.stderr);
    assert_eq!(burndown::run(["demo", "--for", "9"]).code, Some(2));
}
