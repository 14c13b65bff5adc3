//! What evaluating the generated rules costs a real Prometheus, next to the usual shape of SLO rules.
//!
//! A Prometheus is filled with 30 days: raw counters with five status codes a handler, one of them bad, scraped every
//! 15 s for as far back as any rule reads them, and what the rules recorded of them. Then every expression is evaluated
//! once, with a look-back that fits such scrapes and with the default one, and Prometheus itself says how many samples
//! it read. The usual shape is seven windows over the raw series (5m to 3d) and the 30-day mean of five-minute ratios,
//! as sloth generates it, evaluated every 30 s like our fast group; our slow group counts at its own five minutes.
//!
//! Fails if our rules do not read at least 80 times fewer samples at 20 raw series, and 300 times at 500.

#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use support::process::Process;
use support::remote_write::Request;
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

/// `rules.lookback` that fits scrapes of 15 s, four of them, and the default, which also suits scrapes of up to a minute.
const LOOKBACKS: [&str; 2] = ["1m", "2m"];

/// Status codes of every handler, one of which is bad.
const CODES: i64 = 5;

/// Raw series of each SLO, and the least factor by which our rules must read fewer samples.
const FLEETS: [(i64, Option<f64>); 3] = [(2, None), (20, Some(80.0)), (500, Some(300.0))];

fn main() {
    // `cargo test --benches` asks for a list of tests; there is none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let end = now() / SLOW * SLOW - 2 * SLOW;
    let peer = Peer::filled_until(end);
    println!("samples that Prometheus reads per SLO and second, 15 s scrapes, rules every 30 s");
    println!("{:>10} {:>9} {:>12} {:>12} {:>8}", "raw series", "lookback", "burndown", "usual shape", "fewer");
    let mut failed = false;
    for lookback in LOOKBACKS {
        let rules = rules(lookback);
        for (series, least) in FLEETS {
            let (ours, usual) = (peer.ours(&rules, series), peer.usual(series));
            let factor = usual / ours;
            println!("{series:>10} {lookback:>9} {ours:>12.0} {usual:>12.0} {factor:>7.0}×");
            failed |= least.is_some_and(|least| factor < least);
        }
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
    _process: Process,
    _directory: tempfile::TempDir,
}

impl Peer {
    fn filled_until(end: i64) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, "global: {scrape_interval: 1m}\n").expect("the configuration");
        let address = port::free();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg("--storage.tsdb.retention.time=60d")
            .arg("--web.enable-remote-write-receiver")
            .arg(format!("--web.listen-address={address}"));
        let mut process = Process::start(&mut command, "the Debian package prometheus");
        process.wait_until("Prometheus is ready", Duration::from_secs(30), || {
            http::get(address, "/-/ready", &[]).ok().filter(|answer| answer.status == 200)
        });
        fill(address, end);
        let peer = Self { address, end, _process: process, _directory: directory };
        peer.assert_complete();
        peer
    }

    /// Nothing of the history may be missing, or we would count too little.
    fn assert_complete(&self) {
        let slices = Metric::recorded("slo:sli_total:increase5m", 500);
        for (metric, window, step) in [(Metric::raw(500, 0), 3 * DAY, SCRAPE), (slices, 30 * DAY, SLOW)] {
            let answer = self.ask(&format!("count_over_time({}[{}ms])", metric.selector(), window * 1_000 - 1));
            let count = answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned);
            assert_eq!(count, Some((window / step).to_string()), "{answer}");
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
    fn ours(&self, rules: &[Vec<String>; 2], series: i64) -> f64 {
        let own = format!("slo=\"n{series}\"");
        let raw = format!("fleet=\"n{series}\"");
        let of = |tier: &[String]| -> f64 {
            let mine = tier.iter().filter(|text| text.contains(&own) || text.contains(&raw));
            mine.map(|text| self.samples(text)).sum()
        };
        let [fast, slow] = rules;
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
fn rules(lookback: &str) -> [Vec<String>; 2] {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut text = format!("version: burndown/v1\nservice: bench\nrules: {{lookback: {lookback}}}\nslos:\n");
    for (series, _) in FLEETS {
        let total = format!("requests_total{{fleet=\"n{series}\"}}");
        let bad = format!("requests_total{{fleet=\"n{series}\",code=\"500\"}}");
        let sli = format!("{{events: {{bad: '{bad}', total: '{total}'}}}}");
        let _ = writeln!(text, "  - {{name: n{series}, objective: 99.9, sli: {sli}}}");
    }
    let file = directory.path().join("slo.yaml");
    fs::write(&file, text).expect("the SLO file");
    let output = directory.path().join("out");
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

/// A series that is loaded.
struct Metric {
    /// Labels in order of their names, `__name__` among them.
    labels: Vec<(&'static str, String)>,
}

impl Metric {
    /// One raw series of a fleet.
    fn raw(series: i64, number: i64) -> Self {
        let code = ["200", "500", "201", "204", "404"][usize::try_from(number % CODES).expect("small")];
        let labels = vec![
            ("__name__", "requests_total".to_owned()),
            ("code", code.to_owned()),
            ("fleet", format!("n{series}")),
            ("handler", format!("h{}", number / CODES)),
        ];
        Self { labels }
    }

    /// A series that the rules of a fleet's SLO recorded.
    fn recorded(name: &str, series: i64) -> Self {
        let labels =
            vec![("__name__", name.to_owned()), ("slo", format!("n{series}")), ("slo_service", "bench".to_owned())];
        Self { labels }
    }

    fn selector(&self) -> String {
        let matchers: Vec<String> = self.labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        format!("{{{}}}", matchers.join(","))
    }
}

/// Loads the history by remote write, a stretch of time after another.
fn fill(address: SocketAddr, end: i64) {
    let days = (3..30).rev().map(|day| (end - (day + 1) * DAY, end - day * DAY));
    let hours = (0..72).rev().map(|hour| (end - (hour + 1) * HOUR, end - hour * HOUR));
    for (from, to) in days.chain(hours) {
        stretch(from, to, end).send(address);
    }
}

/// Everything that was scraped and recorded in (`from`, `to`], as a remote-write request.
fn stretch(from: i64, to: i64, end: i64) -> Request {
    let mut out = Request::default();
    for (series, _) in FLEETS {
        let slices = [
            "slo:sli_total:increase5m",
            "slo:sli_bad:increase5m",
            "slo:sli_observed:timestamp_seconds",
            "slo:deploy_gate_latch:open",
        ];
        for name in slices {
            write(&mut out, &Metric::recorded(name, series), from, to, SLOW);
        }
        write(&mut out, &Metric::recorded("slo:sli_error:ratio_rate5m", series), from, to, FAST);
        if to > end - 6 * HOUR {
            for name in ["slo:sli_total:increase", "slo:sli_bad:increase"] {
                write(&mut out, &Metric::recorded(name, series), from, to, FAST);
            }
        }
        if to > end - 3 * DAY {
            (0..series).for_each(|number| write(&mut out, &Metric::raw(series, number), from, to, SCRAPE));
        }
        // What the rest of the rules reads is a single sample each.
        if to == end {
            SINGLES.iter().for_each(|name| write(&mut out, &Metric::recorded(name, series), end - MINUTE, end, MINUTE));
        }
    }
    out
}

/// Recorded series of which a rule reads the newest sample alone.
const SINGLES: [&str; 15] = [
    "slo:sli_error:ratio_rate30m",
    "slo:sli_error:ratio_rate1h",
    "slo:sli_error:ratio_rate2h",
    "slo:sli_error:ratio_rate6h",
    "slo:sli_error:ratio_rate1d",
    "slo:sli_error:ratio_rate3d",
    "slo:sli_error:ratio_rate30d",
    "slo:sli_bad:sum1h",
    "slo:sli_bad:sum6h",
    "slo:sli_bad:sum1d",
    "slo:sli_bad:sum3d",
    "slo:sli_observed:seconds",
    "slo:coverage:ratio",
    "slo:error_budget_remaining:seconds",
    "slo:objective:ratio",
];

/// Adds samples of one series every `step` seconds in (`from`, `to`].
#[allow(clippy::cast_precision_loss)]
fn write(request: &mut Request, metric: &Metric, from: i64, to: i64, step: i64) {
    let labels: Vec<(&str, &str)> = metric.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let times = (1..=(to - from) / step).map(|number| from + number * step);
    request.floats(&labels, times.map(|time| (time, (time % 1_000_000) as f64)));
}
