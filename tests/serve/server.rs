//! The program as it is run: addresses, formats, bounds, signals, and counts that always add up.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use burndown::probe::outcome::{Outcome, Reason, Verdict};
use burndown::probe::{ProbeKey, Recorder};
use burndown::serve::{Format, Metrics};

use super::program::{Program, http, idle, value, wait_for};
use super::{file, fleet};
use crate::support::target::{Act, Authority, Target, answers};

#[tokio::test(flavor = "multi_thread")]
async fn counts_what_the_target_saw() {
    let authority = Authority::new();
    let secure = Target::tls(&authority.issue("127.0.0.1", 2080), answers(200, "ok")).await;
    let broken = Target::plain(answers(503, "")).await;
    let hanging = Target::plain(vec![Act::Hang]).await;
    let roots = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(roots.path(), authority.pem()).expect("writes");
    let probes = http("first", "500ms", secure.url("https", "/").as_str())
        + &http("broken", "500ms", broken.url("http", "/").as_str())
        + &http("hanging", "500ms", hanging.url("http", "/").as_str());
    let environment = [("SSL_CERT_FILE", roots.path().to_str().expect("UTF-8"))];
    let mut program = Program::start(&probes, &["--location", "lab"], &environment);

    tokio::time::sleep(Duration::from_secs(4)).await;
    let of = |probe: &str| format!("{{slo_service=\"shop\",probe=\"{probe}\",location=\"lab\"}}");
    let text = program.get("/metrics", "");
    let count = |metric: &str, probe: &str| value(&text, &format!("{metric}{}", of(probe))).expect("is there");
    for probe in ["first", "broken", "hanging"] {
        assert!(count("slo_probe_attempts_total", probe) >= 5.0, "{text}");
    }
    assert_eq!(count("slo_probe_successes_total", "first"), count("slo_probe_attempts_total", "first"));
    assert_eq!(count("slo_probe_successes_total", "broken"), 0.0);
    assert_eq!(count("slo_probe_success", "first"), 1.0);
    assert_eq!(count("slo_probe_tls_not_after_timestamp_seconds", "first"), 3_471_292_800.0);
    let said = wait_for(&program.log, "failed probe=shop/broken");
    assert!(said.contains("status 503, expected 200-299"), "{said}");

    program.signal("TERM");
    assert_eq!(program.wait(Duration::from_secs(5)).code(), Some(0));
    // Said when it changed and not at every run; a run that a busy machine made the prober skip is a change too.
    let lines: Vec<String> = program.log.iter().filter(|line| line.contains("shop/broken")).collect();
    let skipped = lines.iter().filter(|line| line.contains("skipped")).count();
    assert!(lines.len() <= 2 * skipped, "{lines:?}");
}

#[test]
fn both_formats_hold_every_child_at_0_from_the_start() {
    let journey = "  - name: walk\n    interval: 30d\n    timeout: 1m\n    journey:\n      steps:\n        \
                   - {name: one, run: [sh]}\n        - {name: two, http: {url: \"http://127.0.0.1:1/\"}}\n";
    let page = "  - {name: first, interval: 30d, timeout: 1m, \
                http: {url: \"https://127.0.0.1:1/\", expect: {body: {contains: x}, within: 1s}}}\n";
    let program = Program::start(&format!("{page}{journey}"), &[], &[]);
    let text = program.get("/metrics", "");
    let head = text.split_once("\r\n\r\n").expect("a head").0.to_lowercase();
    assert!(head.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    for reason in ["resolve", "connect", "tls", "timeout", "status", "body", "body_too_large", "too_slow", "protocol"] {
        let series = format!("slo_probe_failures_total{{slo_service=\"shop\",probe=\"first\",reason=\"{reason}\"}}");
        assert_eq!(value(&text, &series), Some(0.0), "{series}");
    }
    for series in [
        "slo_probe_attempts_total{slo_service=\"shop\",probe=\"first\"}",
        "slo_probe_successes_total{slo_service=\"shop\",probe=\"walk\"}",
        "slo_probe_failures_total{slo_service=\"shop\",probe=\"walk\",reason=\"exit_code\"}",
        "slo_probe_failures_total{slo_service=\"shop\",probe=\"walk\",reason=\"status\"}",
        "slo_probe_skipped_total{slo_service=\"shop\",probe=\"first\",reason=\"overrun\"}",
        "slo_probe_skipped_total{slo_service=\"shop\",probe=\"first\",reason=\"internal\"}",
        "slo_probe_duration_seconds_bucket{le=\"+Inf\",slo_service=\"shop\",probe=\"first\"}",
        "slo_journey_step_attempts_total{slo_service=\"shop\",probe=\"walk\",step=\"two\"}",
        "slo_journey_step_failures_total{slo_service=\"shop\",probe=\"walk\",step=\"one\",reason=\"signal\"}",
        "slo_journey_step_not_reached_total{slo_service=\"shop\",probe=\"walk\",step=\"two\"}",
    ] {
        assert_eq!(value(&text, series), Some(0.0), "{series}");
    }
    // Nothing that has not happened yet, or that cannot happen.
    for absent in ["slo_probe_success{", "slo_probe_last_run", "exit_code\"} 1", "probe=\"first\",reason=\"exit_code\""]
    {
        assert!(!text.lines().any(|line| !line.starts_with('#') && line.contains(absent)), "{absent}");
    }
    for series in ["burndown_config_last_reload_successful", "process_open_fds", "process_resident_memory_bytes"] {
        assert!(value(&text, series).is_some_and(|value| value > 0.0), "{series}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.contains(&format!("burndown_build_info{{version=\"{version}\"")), "{text}");

    let open = program.get("/metrics", "Accept: application/openmetrics-text; version=1.0.0\r\n");
    assert!(open.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(open.contains("# TYPE slo_probe_attempts counter"));
    assert!(text.contains("# TYPE slo_probe_attempts_total counter"));
    assert!(!text.contains("# EOF") && open.contains("# EOF"));
}

#[test]
fn promtool_accepts_the_text_format() {
    let fleet = fleet(&idle());
    let metrics = Metrics::new(&fleet, None);
    metrics.record(&key(), &outcome(Verdict::Success, 30), 0);
    let mut text = String::new();
    metrics.encode(Format::Text, &mut text).expect("writes");

    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("writes");
    let output = promtool.wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}

fn key() -> ProbeKey {
    ProbeKey { service: "shop".parse().expect("a name"), probe: "first".parse().expect("a name") }
}

fn outcome(verdict: Verdict, millis: u64) -> Outcome {
    Outcome { duration: Duration::from_millis(millis), ..Outcome::of(verdict) }
}

#[test]
fn attempts_are_successes_plus_failures_at_every_scrape() {
    let metrics = Arc::new(Metrics::new(&fleet(&idle()), None));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let (metrics, stop) = (Arc::clone(&metrics), Arc::clone(&stop));
            std::thread::spawn(move || {
                let failed = Verdict::Failed { reason: Reason::Timeout, detail: String::new() };
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    metrics.record(&key(), &outcome(Verdict::Success, 5), 0);
                    metrics.record(&key(), &outcome(failed.clone(), 400_000), 0);
                }
            })
        })
        .collect();
    for _ in 0..300 {
        let mut text = String::new();
        metrics.encode(Format::Text, &mut text).expect("writes");
        let count = |name: &str, labels: &str| {
            value(&text, &format!("{name}{{{labels}slo_service=\"shop\",probe=\"first\"}}")).expect("is there")
        };
        let failures: f64 = text
            .lines()
            .filter(|line| line.starts_with("slo_probe_failures_total{"))
            .map(|line| line.rsplit_once(' ').and_then(|(_, count)| count.parse::<f64>().ok()).expect("a count"))
            .sum();
        let attempts = count("slo_probe_attempts_total", "");
        assert_eq!(attempts, count("slo_probe_successes_total", "") + failures);
        assert_eq!(attempts, count("slo_probe_duration_seconds_count", ""));
        assert_eq!(attempts, count("slo_probe_duration_seconds_bucket", "le=\"+Inf\","));
        // A run of exactly an upper bound belongs to its bucket.
        assert_eq!(count("slo_probe_duration_seconds_bucket", "le=\"0.005\","), count("slo_probe_successes_total", ""));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
}

#[test]
fn answers_within_bounds() {
    let program = Program::start(&idle(), &[], &[]);
    let status = |request: &str| program.send(request).split(' ').nth(1).unwrap_or("nothing").to_owned();
    let get =
        |path: &str, host: &str| status(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    for (path, wanted) in [
        ("/", "200"),
        ("/metrics", "200"),
        ("/-/healthy", "200"),
        ("/-/ready", "200"),
        ("/nope", "404"),
        ("/metrics/", "404"),
    ] {
        assert_eq!(get(path, "localhost"), wanted, "{path}");
    }
    for (host, wanted) in
        [("127.0.0.1:9799", "200"), ("[::1]", "200"), ("evil.example", "403"), ("127.0.0.1.evil.example", "403")]
    {
        assert_eq!(get("/metrics", host), wanted, "{host}");
    }
    let close = "Host: localhost\r\nConnection: close\r\n";
    assert_eq!(status(&format!("GET http://evil.example/metrics HTTP/1.1\r\n{close}\r\n")), "403");
    assert_eq!(status(&format!("POST /metrics HTTP/1.1\r\n{close}Content-Length: 0\r\n\r\n")), "405");
    assert_eq!(status(&format!("GET /metrics HTTP/1.1\r\n{close}Content-Length: 5\r\n\r\nhello")), "413");
    assert_eq!(status(&format!("GET / HTTP/1.1\r\n{close}X-Long: {}\r\n\r\n", "x".repeat(20_000))), "431");
    assert_eq!(status("nonsense\r\n\r\n"), "400");
    let head = program.send(&format!("HEAD /metrics HTTP/1.1\r\n{close}\r\n"));
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn many_silent_clients_do_not_keep_others_out() {
    let program = Program::start(&idle(), &[], &[]);
    let silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(program.address).expect("connects")).collect();
    assert!(program.value("process_open_fds").is_some_and(|open| open >= 200.0));
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_for_either_signal_and_at_once_for_a_second() {
    for signal in ["TERM", "INT"] {
        let mut program = Program::start(&idle(), &[], &[]);
        program.signal(signal);
        assert_eq!(program.wait(Duration::from_secs(5)).code(), Some(0), "{signal}");
    }

    let hanging = Target::plain(vec![Act::Hang]).await;
    let mut program = Program::start(&http("first", "1s", hanging.url("http", "/").as_str()), &[], &[]);
    while hanging.connections() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    program.signal("TERM");
    wait_for(&program.log, "stopping");
    program.signal("TERM");
    assert_eq!(program.wait(Duration::from_secs(1)).code(), Some(1));
}

#[test]
fn a_stop_in_the_middle_of_a_journey_leaves_no_process() {
    let notes = tempfile::tempdir().expect("a directory");
    let probe = format!(
        "  - name: first\n    interval: 1s\n    timeout: 1s\n    journey:\n      \
         steps: [{{name: one, run: [sh, -c, \"sleep 300 & echo $! > {}/child; sleep 300\"]}}]\n",
        notes.path().display()
    );
    let mut program = Program::start(&probe, &[], &[]);
    let child = notes.path().join("child");
    while !std::fs::read_to_string(&child).is_ok_and(|text| text.ends_with('\n')) {
        std::thread::sleep(Duration::from_millis(5));
    }
    program.signal("TERM");
    wait_for(&program.log, "stopping");
    program.signal("TERM");
    program.wait(Duration::from_secs(2));
    let child = std::fs::read_to_string(&child).expect("reads");
    let stat = std::path::Path::new("/proc").join(child.trim()).join("stat");
    let deadline = Instant::now() + Duration::from_secs(2);
    while std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z ")) {
        assert!(Instant::now() < deadline, "process {child} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn says_why_it_cannot_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let directory = tempfile::tempdir().expect("a directory");
    let good = directory.path().join("good.yaml");
    std::fs::write(&good, file(&idle())).expect("writes");
    let bad = directory.path().join("bad.yaml");
    std::fs::write(&bad, "version: burndown/v1\nservise: shop\n").expect("writes");
    let address = taken.local_addr().expect("bound").to_string();
    for (path, part) in [(&good, format!("cannot listen on {address}")), (&bad, "servise".to_owned())] {
        let output = Command::new(env!("CARGO_BIN_EXE_burndown"))
            .arg("serve")
            .arg(path)
            .args(["--web.listen-address", &address, "--storage.path", "none"])
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&part), "{said}");
    }
}

#[test]
fn logs_as_json_when_asked() {
    let program = Program::start(&idle(), &["--log.format", "json", "--log.level", "debug"], &[]);
    let line: serde_json::Value = serde_json::from_str(&program.started).expect("a JSON object");
    assert_eq!(line["probes"], 1);
    assert_eq!(line["level"], "INFO");
}
