//! Reading the files again: what changes, what stays, and what a file that cannot be used changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::file;
use super::program::{Program, body, http, idle, send, status, wait_for};
use crate::support::target::{Act, Target, answers};

const LIFECYCLE: [&str; 1] = ["--web.enable-lifecycle"];

fn series(metric: &str, probe: &str) -> String {
    format!("{metric}{{slo_service=\"shop\",probe=\"{probe}\"}}")
}

#[test]
fn a_file_that_cannot_be_used_leaves_everything_as_it_is() {
    let program = Program::start(&idle(), &LIFECYCLE, &[]);
    let loaded_at = || program.value("burndown_config_last_reload_success_timestamp_seconds").expect("is there");
    let is_current = || program.value("burndown_config_last_reload_successful");
    let before = loaded_at();
    assert_eq!(is_current(), Some(1.0));

    program.rewrite("version: burndown/v1\nservise: shop\nwindow: 3\n");
    program.signal("HUP");
    for part in ["servise", "`3` has no unit", "the files cannot be used"] {
        let line = wait_for(&program.log, part);
        assert!(line.contains("ERROR"), "{line}");
    }
    assert_eq!((is_current(), loaded_at()), (Some(0.0), before));
    assert_eq!(program.value(&series("slo_probe_attempts_total", "first")), Some(0.0));
    assert!(body(&program.get("/config", "")).contains("name: first"), "the files that run are shown");

    let answer = program.send("POST /-/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&answer), "500");
    assert!(answer.contains("servise") && answer.contains("shop.yaml:2:1"), "{answer}");

    program.rewrite(&file(&http("second", "30d", "http://127.0.0.1:1/")));
    assert_eq!(program.reload(), "200");
    assert_eq!(is_current(), Some(1.0));
    assert!(loaded_at() > before);
    assert_eq!(program.value(&series("slo_probe_attempts_total", "first")), None);
    assert_eq!(program.value(&series("slo_probe_attempts_total", "second")), Some(0.0));
    assert!(body(&program.get("/config", "")).contains("name: second"));
    wait_for(&program.log, "loaded the files unchanged=0 changed=0 added=1 removed=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_and_states_outlive_a_reload() {
    let broken = Target::plain(answers(503, "")).await;
    let fixed = Target::plain(answers(200, "ok")).await;
    let hanging = Target::plain(vec![Act::Hang]).await;
    let probes = |changed: &Target| {
        http("first", "200ms", broken.url("http", "/").as_str())
            + &http("changed", "200ms", changed.url("http", "/").as_str())
            + &http("slow", "1h", hanging.url("http", "/").as_str()).replace("timeout: 1h", "timeout: 30s")
    };
    let program = Program::start(&probes(&broken), &LIFECYCLE, &[]);
    wait_for(&program.log, "failed probe=shop/first");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let count = |metric: &str, probe: &str| program.value(&series(metric, probe)).expect("is there");
    let (first, changed) = (count("slo_probe_attempts_total", "first"), count("slo_probe_attempts_total", "changed"));
    assert!(first >= 3.0 && changed >= 3.0, "{first} {changed}");

    program.rewrite(&file(&probes(&fixed)));
    assert_eq!(program.reload(), "200");
    assert!(count("slo_probe_attempts_total", "first") >= first);
    assert!(count("slo_probe_attempts_total", "changed") >= changed, "a changed probe goes on counting");
    let deadline = Instant::now() + Duration::from_secs(10);
    while count("slo_probe_successes_total", "changed") < 2.0 {
        assert!(Instant::now() < deadline, "the changed probe never ran");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(program.send("GET / HTTP/1.0\r\n\r\n"));
    let mut program = program;
    program.signal("TERM");
    program.wait(Duration::from_secs(15));
    // `first` fails before and after for the same reason, which is said once.
    let said: Vec<String> = program.log.iter().filter(|line| line.contains("failed probe=shop/first")).collect();
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn reloading_over_http_is_off_unless_it_is_turned_on() {
    let ask = |program: &Program, method: &str, headers: &str| {
        let head = format!("{method} /-/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        program.send(&head)
    };
    let off = Program::start(&idle(), &[], &[]);
    assert_eq!(status(&ask(&off, "POST", "")), "403");
    off.signal("HUP");
    wait_for(&off.log, "loaded the files unchanged=1");

    let on = Program::start(&idle(), &LIFECYCLE, &[]);
    for (method, headers, wanted) in [
        ("POST", "", "200"),
        ("PUT", "", "200"),
        ("POST", "Origin: http://localhost\r\n", "200"),
        ("POST", "Origin: http://evil.example\r\n", "403"),
        ("POST", "Sec-Fetch-Site: cross-site\r\n", "403"),
        ("GET", "", "405"),
        ("DELETE", "", "405"),
    ] {
        let answer = ask(&on, method, headers);
        assert_eq!(status(&answer), wanted, "{method} {headers}");
        assert_eq!(wanted == "405", answer.contains("allow: POST, PUT"), "{answer}");
    }
}

#[test]
fn standard_input_is_not_read_twice() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(["serve", "-", "--web.listen-address", "127.0.0.1:0"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), file(&idle()).as_bytes()).expect("writes");
    let (sender, log) = std::sync::mpsc::channel();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().expect("piped")));
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    wait_for(&log, "running probes");
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "HUP", &id]).status().expect("runs").success());
    wait_for(&log, "standard input cannot be read twice");
    assert!(child.try_wait().expect("waits").is_none(), "it goes on");
    child.kill().expect("is there");
    child.wait().expect("ends");
}

/// The sums that must hold in one scrape, by probe.
fn check(text: &str) -> usize {
    let samples = |name: &'static str| {
        text.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix('{')?.split_once("} "))
    };
    let probe =
        |labels: &str| labels.split("probe=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    let mut seen = 0;
    for (labels, attempts) in samples("slo_probe_attempts_total") {
        let name = probe(labels).expect("a probe");
        let sum = |metric: &'static str| -> f64 {
            let of_probe = samples(metric).filter(|(labels, _)| probe(labels).as_deref() == Some(&name));
            of_probe.map(|(_, count)| count.parse::<f64>().expect("a number")).sum()
        };
        let (successes, failures) = (sum("slo_probe_successes_total"), sum("slo_probe_failures_total"));
        assert_eq!(attempts.parse::<f64>().expect("a number"), successes + failures, "{name}\n{text}");
        assert_eq!(attempts.parse::<f64>().expect("a number"), sum("slo_probe_duration_seconds_count"), "{name}");
        seen += 1;
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_add_up_and_never_go_back_at_every_scrape_under_load_and_reload() {
    let good = Target::plain(answers(200, "ok")).await;
    let broken = Target::plain(answers(503, "")).await;
    let probes = |odd: &Target, more: bool| {
        let usual = (0..10).map(|n| {
            http(&format!("p-{n}"), "100ms", if n % 2 == 0 { &good } else { &broken }.url("http", "/").as_str())
        });
        let odd = http("odd", "100ms", odd.url("http", "/").as_str());
        let more = if more { http("now-and-then", "100ms", good.url("http", "/").as_str()) } else { String::new() };
        file(&(usual.collect::<String>() + &odd + &more))
    };
    let program = Program::start_file(&probes(&good, false), &LIFECYCLE, &[]);
    let address = program.address;
    let stop = Arc::new(AtomicBool::new(false));
    let newest = Arc::new(Mutex::new(0.0_f64));
    let scrapers: Vec<_> = (0..3)
        .map(|_| {
            let (stop, newest) = (Arc::clone(&stop), Arc::clone(&newest));
            std::thread::spawn(move || {
                let mut scrapes = 0;
                while !stop.load(Ordering::Relaxed) {
                    let before = *newest.lock().expect("not poisoned");
                    // HTTP/1.0, so that a long answer does not come in chunks.
                    let text = send(address, "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n");
                    assert!((11..=12).contains(&check(&text)), "{text}");
                    let count =
                        super::program::value(&text, &series("slo_probe_attempts_total", "odd")).expect("is there");
                    assert!(count >= before, "{count} after {before}");
                    let mut newest = newest.lock().expect("not poisoned");
                    *newest = newest.max(count);
                    scrapes += 1;
                }
                scrapes
            })
        })
        .collect();
    for turn in 0..20 {
        program.rewrite(&probes(if turn % 2 == 0 { &broken } else { &good }, turn % 3 == 0));
        assert_eq!(program.reload(), "200");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for scraper in scrapers {
        assert!(scraper.join().expect("no panic") > 10);
    }
    assert!(*newest.lock().expect("not poisoned") > 5.0);
}
