//! What evaluating the generated rules costs a real Prometheus, next to the usual shape of SLO rules.
//!
//! A Prometheus is filled with 30 days: raw counters scraped every 15 s for as far back as any rule reads them, and what
//! the rules recorded of them. Then every expression is evaluated once, and Prometheus itself says how many samples it
//! read. The usual shape is seven windows over the raw series (5m to 3d) and the 30-day mean of five-minute ratios, as
//! sloth generates it, evaluated every 30 s like our fast group; our slow group counts at its own five minutes.
//!
//! Fails if our rules do not read at least 80 times fewer samples at 20 raw series, and 300 times at 500.

#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use support::listener::{Listener, Reply};
use support::process::Process;
use support::{burndown, http, port};

#[path = "../tests/support/mod.rs"]
mod support;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// Seconds between two scrapes.
const SCRAPE: i64 = 15;
/// Seconds between two evaluations of the fast group.
const FAST: i64 = 30;
/// Seconds between two evaluations of the slow group.
const SLOW: i64 = 300;

/// Raw series of each SLO, half of them bad, and the least factor by which our rules must read fewer samples.
const FLEETS: [(i64, Option<f64>); 3] = [(2, None), (20, Some(80.0)), (500, Some(300.0))];

fn main() {
    // `cargo test --benches` asks for a list of tests; there is none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let end = now() / SLOW * SLOW - 2 * SLOW;
    let peer = Peer::filled_until(end);
    println!("samples that Prometheus reads per SLO and second, 15 s scrapes, rules every 30 s");
    println!("{:>10} {:>12} {:>12} {:>8}", "raw series", "burndown", "usual shape", "fewer");
    let mut failed = false;
    for (series, least) in FLEETS {
        let ours = peer.ours(series);
        let usual = peer.usual(series);
        let factor = usual / ours;
        println!("{series:>10} {ours:>12.0} {usual:>12.0} {factor:>7.0}×");
        failed |= least.is_some_and(|least| factor < least);
    }
    assert!(!failed, "a factor is below its limit: 80 at 20 raw series, 300 at 500");
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("not that far in the future")
}

/// A Prometheus that holds the history.
struct Peer {
    address: SocketAddr,
    end: i64,
    rules: [Vec<String>; 2],
    _process: Process,
    _target: Listener,
    _directory: tempfile::TempDir,
}

impl Peer {
    fn filled_until(end: i64) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (target, left) = history(end);
        let file = directory.path().join("prometheus.yml");
        let job = format!("{{job_name: history, static_configs: [{{targets: ['{}']}}]}}", target.address());
        let text = format!("global: {{scrape_interval: 2s, scrape_timeout: 2s}}\nscrape_configs: [{job}]\n");
        fs::write(&file, text).expect("the configuration");
        let address = port::free();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg("--storage.tsdb.retention.time=60d")
            .arg(format!("--web.listen-address={address}"));
        let mut process = Process::start(&mut command, "the Debian package prometheus");
        process.wait_until("the history is loaded", Duration::from_secs(900), || {
            left.lock().expect("no panic").is_empty().then_some(())
        });
        let rules = rules(directory.path());
        let mut peer = Self { address, end, rules, _process: process, _target: target, _directory: directory };
        peer.wait_for_the_last_sample();
        peer
    }

    /// Nothing of the history may be missing, or we would count too little.
    fn wait_for_the_last_sample(&mut self) {
        let expected = [
            (format!("count_over_time({}[3d])", raw(500, 0)), 3 * DAY / SCRAPE),
            ("count_over_time(slo:sli_total:increase5m{slo=\"n500\"}[30d])".to_owned(), 30 * DAY / SLOW),
        ];
        let deadline = SystemTime::now() + Duration::from_secs(30);
        loop {
            let missing = expected.iter().find(|(expression, count)| {
                let value = self.ask(expression)["data"]["result"][0]["value"][1].as_str().map(str::to_owned);
                value.and_then(|value| value.parse::<i64>().ok()).is_none_or(|value| value < *count)
            });
            let Some((expression, count)) = missing else { return };
            assert!(SystemTime::now() < deadline, "{expression} is not {count}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn ask(&self, expression: &str) -> Value {
        let query = http::encode(expression);
        let path = format!("/api/v1/query?query={query}&time={}&stats=all", self.end);
        http::get(self.address, &path, &[]).expect("an answer").json()
    }

    /// Samples that Prometheus reads to evaluate an expression once.
    #[allow(clippy::cast_precision_loss)]
    fn samples(&self, expression: &str) -> f64 {
        let answer = self.ask(expression);
        let samples = answer["data"]["stats"]["samples"]["totalQueryableSamples"].as_u64();
        samples.unwrap_or_else(|| panic!("{expression}: {answer}")) as f64
    }

    /// Samples per second of everything that we generate for the SLO with so many raw series.
    #[allow(clippy::cast_precision_loss)]
    fn ours(&self, series: i64) -> f64 {
        let own = format!("slo=\"n{series}\"");
        let raw = format!("fleet=\"n{series}\"");
        let of = |tier: &[String]| -> f64 {
            let mine = tier.iter().filter(|text| text.contains(&own) || text.contains(&raw));
            mine.map(|text| self.samples(text)).sum()
        };
        let [fast, slow] = &self.rules;
        of(fast) / FAST as f64 + of(slow) / SLOW as f64
    }

    /// Samples per second of the usual shape.
    #[allow(clippy::cast_precision_loss)]
    fn usual(&self, series: i64) -> f64 {
        let windows = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"].map(|window| {
            let rate = |code: &str| format!("sum(rate(requests_total{{fleet=\"n{series}\"{code}}}[{window}]))");
            format!("{} / {}", rate(",code=\"500\""), rate(""))
        });
        let ratio = format!("slo:sli_error:ratio_rate5m{{slo=\"n{series}\"}}[30d]");
        let mean = format!("sum_over_time({ratio}) / count_over_time({ratio})");
        windows.iter().chain([&mean]).map(|text| self.samples(text)).sum::<f64>() / FAST as f64
    }
}

/// The expressions of the fast and of the slow file that `burndown generate` writes.
fn rules(directory: &std::path::Path) -> [Vec<String>; 2] {
    let mut text = "version: burndown/v1\nservice: bench\nslos:\n".to_owned();
    for (series, _) in FLEETS {
        let total = format!("requests_total{{fleet=\"n{series}\"}}");
        let bad = format!("requests_total{{fleet=\"n{series}\",code=\"500\"}}");
        let sli = format!("{{events: {{bad: '{bad}', total: '{total}'}}}}");
        let _ = writeln!(text, "  - {{name: n{series}, objective: 99.9, sli: {sli}}}");
    }
    let file = directory.join("slo.yaml");
    fs::write(&file, text).expect("the SLO file");
    let output = directory.join("out");
    let finished = burndown::run(["generate".as_ref(), file.as_os_str(), "-o".as_ref(), output.as_os_str()]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    ["fast", "slow"].map(|tier| {
        let text = fs::read_to_string(output.join(format!("rules/bench.{tier}.yaml"))).expect("rules");
        let file: Value = serde_yaml::from_str(&text).expect("YAML");
        let groups = file["groups"].as_array().expect("groups");
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
        rules.map(|rule| rule["expr"].as_str().expect("an expression").to_owned()).collect()
    })
}

/// One raw series of a fleet.
fn raw(series: i64, number: i64) -> String {
    let (code, handler) = (if number % 2 == 0 { 200 } else { 500 }, number / 2);
    format!("requests_total{{fleet=\"n{series}\",code=\"{code}\",handler=\"h{handler}\"}}")
}

/// A target that tells the past: each scrape brings the next stretch of it, every sample with its own time.
fn history(end: i64) -> (Listener, Arc<Mutex<VecDeque<(i64, i64)>>>) {
    let days = (3..30).rev().map(|day| (end - (day + 1) * DAY, end - day * DAY));
    let hours = (0..72).rev().map(|hour| (end - (hour + 1) * HOUR, end - hour * HOUR));
    let stretches: VecDeque<_> = days.chain(hours).collect();
    let left = Arc::new(Mutex::new(stretches));
    let (asked, told) = (Arc::clone(&left), Arc::clone(&left));
    let answer = move |_: &_| {
        let next = asked.lock().expect("no panic").front().copied();
        Reply::text(200, next.map(|(from, to)| stretch(from, to, end)).unwrap_or_default())
    };
    let sent = move |_: &_| {
        told.lock().expect("no panic").pop_front();
    };
    (Listener::start(answer, sent), left)
}

/// Everything that was scraped and recorded in (`from`, `to`], in the text format.
fn stretch(from: i64, to: i64, end: i64) -> String {
    let mut out = String::new();
    for (series, _) in FLEETS {
        let recorded = |name: &str| format!("{name}{{slo_service=\"bench\",slo=\"n{series}\"}}");
        let slices =
            ["slo:sli_total:increase5m", "slo:sli_bad:increase5m", "slo:sli_observed:timestamp_seconds", "slo:deploy_gate_latch:open"];
        for name in slices {
            write(&mut out, &recorded(name), from, to, SLOW);
        }
        write(&mut out, &recorded("slo:sli_error:ratio_rate5m"), from, to, FAST);
        if to > end - 6 * HOUR {
            for name in ["slo:sli_total:increase", "slo:sli_bad:increase"] {
                write(&mut out, &recorded(name), from, to, FAST);
            }
        }
        if to > end - 3 * DAY {
            (0..series).for_each(|number| write(&mut out, &raw(series, number), from, to, SCRAPE));
        }
    }
    // What the rest of the rules reads is a single sample each.
    if to == end {
        singles(&mut out, end);
    }
    out
}

/// The newest sample of every other recorded series.
fn singles(out: &mut String, end: i64) {
    let windows = ["30m", "1h", "2h", "6h", "1d", "3d", "30d"].map(|window| format!("slo:sli_error:ratio_rate{window}"));
    let sums = ["1h", "6h", "1d", "3d"].map(|window| format!("slo:sli_bad:sum{window}"));
    let rest = [
        "slo:sli_observed:seconds",
        "slo:coverage:ratio",
        "slo:error_budget_remaining:seconds",
        "slo:objective:ratio",
    ];
    for name in windows.iter().chain(&sums).map(String::as_str).chain(rest) {
        for (series, _) in FLEETS {
            write(out, &format!("{name}{{slo_service=\"bench\",slo=\"n{series}\"}}"), end - MINUTE, end, MINUTE);
        }
    }
}

/// Samples of one series every `step` seconds in (`from`, `to`].
fn write(out: &mut String, series: &str, from: i64, to: i64, step: i64) {
    let mut time = from + step;
    while time <= to {
        let _ = writeln!(out, "{series} {} {time}000", time % 1_000_000);
        time += step;
    }
}
