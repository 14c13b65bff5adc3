//! `burndown check --prometheus` against a real Prometheus.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::burndown::{self, Finished};
use crate::support::listener::{Listener, Reply};
use crate::support::port;
use crate::support::process::Process;
use crate::support::prometheus::Prometheus;
use crate::support::target::Authority;

const SOON: Duration = Duration::from_secs(30);

/// What the targets show.
const METRICS: &str = "\
http_requests_total{code=\"200\"} 5
http_request_seconds_bucket{le=\"0.1\"} 1
http_request_seconds_bucket{le=\"0.5\"} 2
http_request_seconds_bucket{le=\"+Inf\"} 2
http_request_seconds_count 2
";

/// A file with one SLO for each question; each has its own look-back or window where that is what is asked about.
const FILE: &str = "\
version: burndown/v1
service: shop
window: 7d
slos:
  - name: fine
    objective: 99
    sli: {events: {bad: 'http_requests_total{job=\"api\",code=~\"2..\"}', total: 'http_requests_total{job=\"api\"}'}}
";

/// The file with another indicator.
fn with_sli(sli: &str) -> String {
    let start = FILE.find("sli:").expect("an indicator");
    format!("{}sli: {sli}\n", &FILE[..start])
}

fn target() -> Listener {
    Listener::start(|_| Reply::text(200, METRICS), |_| {})
}

/// A Prometheus that scrapes the job `api` every second and `rare` every ten, and knows both.
fn prometheus(target: &Listener, more: &str, flags: &[&str]) -> Prometheus {
    let address = target.address();
    let job = |name: &str, interval: &str| {
        format!(
            "  - {{job_name: {name}, scrape_interval: {interval}, scrape_timeout: 1s, \
             static_configs: [{{targets: ['{address}']}}]}}\n"
        )
    };
    let text = format!("{more}\nscrape_configs:\n{}{}", job("api", "1s"), job("rare", "10s"));
    let mut prometheus = Prometheus::with(&text, flags);
    if !flags.iter().any(|flag| flag.contains("prefix")) {
        prometheus.wait_for("count(http_requests_total)", SOON, |count| count == 2.0);
    }
    prometheus
}

/// Checks a file in a directory of its own.
fn check(text: &str, url: &str, more: &[&str]) -> Finished {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("slo.yaml"), text).expect("the file");
    let arguments = ["check", "slo.yaml", "--prometheus", url].into_iter().chain(more.iter().copied());
    let output = burndown::command(arguments).current_dir(directory.path()).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn url(prometheus: &Prometheus) -> String {
    format!("http://{}", prometheus.address())
}

fn pin(name: &str, finished: &Finished) {
    let text = format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        finished.code.expect("it ends by itself"),
        finished.stdout,
        finished.stderr
    );
    insta::with_settings!({
        snapshot_path => "golden/check",
        prepend_module_to_snapshot => false,
        omit_expression => true,
        filters => vec![
            (r"read [0-9.]+ samples", "read N samples"),
            (r"127\.0\.0\.1:\d+", "ADDRESS"),
            (r"`[^`]*/rules/", "`DIR/rules/"),
        ],
    }, { insta::assert_snapshot!(name, text) });
}

#[test]
fn selectors_buckets_and_scrapes_are_looked_at() {
    let target = target();
    let prometheus = prometheus(&target, "", &[]);
    let url = url(&prometheus);
    let events = |bad: &str, total: &str| with_sli(&format!("{{events: {{bad: '{bad}', total: '{total}'}}}}"));
    for (name, text) in [
        ("live-good", FILE.to_owned()),
        ("live-typo", events("http_requests_total{code=\"200\"}", "http_request_total{job=\"api\"}")),
        ("live-wrong-label", events("http_requests_total{code=\"200\"}", "http_requests_total{job=\"ap\"}")),
        ("live-no-failures", events("http_requests_total{code=~\"5..\"}", "http_requests_total{job=\"api\"}")),
        (
            "live-wrong-target",
            events("http_requests_total{job=\"ap\",code=~\"5..\"}", "http_requests_total{job=\"api\"}"),
        ),
        ("live-unlike-any", events("http_requests_total{code=\"200\"}", "quite_another_thing")),
        ("live-bucket", with_sli("{latency: {histogram: 'http_request_seconds{job=\"api\"}', threshold: 300ms}}")),
        (
            "live-query",
            with_sli("{query: {bad: 'sum(rate(x_bad[$window]))', total: 'sum(rate(http_requests_total[$window]))'}}"),
        ),
        ("live-retention", FILE.replace("window: 7d", "window: 30d")),
        (
            "live-scrapes",
            events("http_requests_total{job=\"rare\",code=\"200\"}", "http_requests_total{job=\"rare\"}")
                .replace("window: 7d", "window: 7d\nrules: {interval: 10s, delay: 10s, lookback: 20s}"),
        ),
        (
            "live-coarse",
            with_sli("{gauge: {metric: 'up{job=\"rare\"}'}}").replace(
                "window: 7d",
                "window: 1h\nrules: {interval: 1s, delay: 1s, lookback: 30s}\n\
                 alerting: {windows: [{severity: page, long: 10m, short: 15s, factor: 14.4}]}",
            ),
        ),
    ] {
        pin(name, &check(&text, &url, &[]));
    }
    let json = check(&FILE.replace("window: 7d", "window: 30d"), &url, &["--output", "json"]);
    let document: Value = serde_json::from_str(&json.stdout).expect("JSON");
    let codes: Vec<_> = document["diagnostics"].as_array().expect("an array").iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["retention-too-short", "rules-not-loaded", "rules-cost"]);
    assert_eq!((json.code, &document["summary"]["errors"]), (Some(1), &Value::from(1)));
}

#[test]
fn a_size_is_no_time_and_long_retention_is_enough() {
    let target = target();
    let by_size = prometheus(&target, "", &["--storage.tsdb.retention.size=1GB"]);
    pin("live-retention-unknown", &check(FILE, &url(&by_size), &[]));
    let long = prometheus(&target, "", &["--storage.tsdb.retention.time=1y"]);
    let checked = check(&FILE.replace("window: 7d", "window: 90d"), &url(&long), &[]);
    assert!(!checked.stdout.contains("retention"), "{}", checked.stdout);
}

/// Generates the rules of a file and gives their directory to `damage`.
fn rules(text: &str, damage: impl Fn(&str) -> String) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("slo.yaml");
    fs::write(&file, text).expect("the file");
    let generated = burndown::run(["generate", &show(&file), "--only", "rules", "--output", &show(directory.path())]);
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    let fast = directory.path().join("rules/shop.fast.yaml");
    fs::write(&fast, damage(&fs::read_to_string(&fast).expect("the rules"))).expect("the rules");
    directory
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn loaded_rules_are_compared() {
    let target = target();
    let file = FILE.replace("window: 7d", "window: 1h\nrules: {interval: 2s, delay: 1s, lookback: 6s}");
    let run = |damage: &dyn Fn(&str) -> String| {
        let directory = rules(&file, damage);
        let files = format!("rule_files: ['{}/rules/*.yaml']", directory.path().display());
        let mut prometheus = prometheus(&target, &files, &[]);
        prometheus.wait_for("count(slo:objective:ratio)", SOON, |count| count == 1.0);
        check(&file, &url(&prometheus), &[])
    };
    pin("live-fresh", &run(&str::to_owned));
    pin("live-stale", &run(&|text| text.replacen("offset 1s", "offset 2s", 1).replace("\"0.01\"", "\"0.02\"")));
    let slower = run(&|text| text.replacen("interval: 2s", "interval: 3s", 1));
    pin("live-interval", &slower);
    // Prometheus finds out only when it evaluates the rule, in every version.
    let failing = r#"label_replace(vector(1), "name", "", "", "(")"#;
    pin("live-failing", &run(&|text| text.replace("vector(1)", failing)));
}

#[test]
fn what_is_no_prometheus_is_said_and_ends_with_2() {
    let refusing = Listener::start(|_| Reply::text(401, "no"), |_| {});
    let page = Listener::start(|_| Reply::text(200, "<html>hello</html>"), |_| {});
    let missing = Listener::start(|_| Reply::text(404, "404 page not found"), |_| {});
    let at = |listener: &Listener| format!("http://{}/prom/", listener.address());
    pin("live-unauthorized", &check(FILE, &at(&refusing), &[]));
    pin("live-page", &check(FILE, &at(&page), &[]));
    pin("live-missing", &check(FILE, &at(&missing), &[]));
    pin("live-unreachable", &check(FILE, "http://127.0.0.1:1", &[]));
    pin("live-password", &check(FILE, "http://me:hunter2@127.0.0.1:1/", &[]));
    pin("live-no-token", &check(FILE, "http://127.0.0.1:1", &["--prometheus.token-env", "NO_SUCH_TOKEN"]));
}

/// A Prometheus behind TLS, with a certificate for `localhost`, and the address of its API.
fn behind_tls(directory: &Path, authority: &Authority) -> (Process, String) {
    let identity = authority.issue("localhost", 2090);
    let (chain, key) = identity.pem();
    fs::write(directory.join("chain.pem"), chain).expect("the chain");
    fs::write(directory.join("key.pem"), key).expect("the key");
    fs::write(directory.join("web.yml"), "tls_server_config: {cert_file: chain.pem, key_file: key.pem}\n")
        .expect("a file");
    fs::write(directory.join("prometheus.yml"), "").expect("a file");
    let address = port::free();
    let mut command = Command::new("prometheus");
    command
        .current_dir(directory)
        .args(["--config.file=prometheus.yml", "--web.config.file=web.yml", "--storage.tsdb.path=data"])
        .arg(format!("--web.listen-address={address}"));
    let mut process = Process::start(&mut command, "the Debian package prometheus");
    process.wait_for_line("Prometheus is ready", SOON, |line| line.contains("ready to receive").then_some(()));
    (process, format!("https://localhost:{}", address.port()))
}

#[test]
fn a_certificate_is_trusted_if_the_ca_file_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let authority = Authority::new();
    let (_process, url) = behind_tls(directory.path(), &authority);
    let trusting = |name: &str, content: &str| {
        let file = directory.path().join(name);
        fs::write(&file, content).expect("the file");
        check(FILE, &url, &["--prometheus.ca-file", &file.display().to_string()])
    };
    // It answers: nothing has the SLO's series yet, which is a warning.
    let trusted = trusting("ca.pem", &authority.pem());
    assert_eq!(trusted.code, Some(0), "{}{}", trusted.stdout, trusted.stderr);
    assert!(trusted.stdout.contains("no series matches"), "{}", trusted.stdout);
    for distrusting in [check(FILE, &url, &[]), trusting("other.pem", &Authority::new().pem())] {
        assert_eq!(distrusting.code, Some(2), "{}{}", distrusting.stdout, distrusting.stderr);
        assert!(distrusting.stderr.contains("certificate"), "{}", distrusting.stderr);
    }
    let empty = trusting("empty.pem", "no certificate");
    assert_eq!(empty.code, Some(2), "{}", empty.stderr);
    assert!(empty.stderr.contains("empty.pem"), "{}", empty.stderr);
}

#[test]
fn a_path_prefix_a_password_and_headers_are_used() {
    let target = target();
    let prefixed = prometheus(&target, "", &["--web.route-prefix=/prom", "--web.external-url=http://127.0.0.1/prom"]);
    let checked = check(FILE, &format!("{}/prom", url(&prefixed)), &[]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);

    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("secret");
    fs::write(&file, "hunter2\n").expect("written");
    let file = show(&file);
    let basic = sent(&["--prometheus.username", "me", "--prometheus.password-file", &file]);
    assert!(basic.contains("authorization: Basic bWU6aHVudGVyMg==\r\n"), "{basic}");
    let bearer = sent(&["--prometheus.token-file", &file, "--prometheus.header", "X-Scope-OrgID=web"]);
    assert!(bearer.contains("authorization: Bearer hunter2\r\n"), "{bearer}");
    assert!(bearer.contains("x-scope-orgid: web\r\n"), "{bearer}");
}

/// The head of the first request that a check sends with these options; its answer is that access is refused.
fn sent(options: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut head = String::new();
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).expect("a line");
        }
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").expect("an answer");
        head
    });
    let refused = check(FILE, &url, options);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("403") && !refused.stderr.contains("hunter2"), "{}", refused.stderr);
    server.join().expect("a head")
}
