//! What probing costs and how punctual it is, beside the Debian blackbox_exporter and a plain loop of fresh connections
//! on the same machine in the same run.
//!
//! All three fetch the same small page from this process and look at its status. Processor time is what the kernel
//! says of each process, user and system, start-up left out. Lateness and overshoot are what the target sees: when a
//! connection arrives and when it ends. Each figure has a limit, and the bench fails if one is missed.

#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

mod measure;
mod plain;
mod target;

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ::burndown::probe::{ProbeKey, Schedule};
use ::burndown::units;
use measure::{Usage, percentile};
use support::process::Process;
use support::{burndown, http, port};
use target::{Page, Pki};

#[path = "../../tests/support/mod.rs"]
mod support;

/// How long a program warms up before its processor time counts.
const WARM_UP: Duration = Duration::from_secs(3);

/// How long the processor time of our own probes is measured.
const MEASURED: Duration = Duration::from_secs(10);

/// How many runs of the others are measured.
const OTHER_RUNS: u32 = 2_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == plain::FLAG) {
        return plain::run(&arguments[2..]);
    }
    // `cargo test --benches` asks for a list of tests; there is none.
    if arguments.iter().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let mut figures = Figures::default();
    let pki = Pki::new();
    cost(&mut figures, &pki, "http", 0.2);
    cost(&mut figures, &pki, "https", 1.0 / 3.0);
    punctuality(&mut figures);
    overshoot(&mut figures);
    many(&mut figures);
    figures.judge();
}

/// Figures with their limits.
#[derive(Default)]
struct Figures {
    missed: Vec<String>,
}

impl Figures {
    /// Prints a figure that must be at most `limit`.
    fn at_most(&mut self, what: &str, figure: f64, limit: f64, unit: &str) {
        println!("{what:<58} {figure:>10.3} {unit:<8} limit {limit:.3}");
        if figure > limit {
            self.missed.push(format!("{what}: {figure:.3} {unit}, at most {limit:.3}"));
        }
    }

    /// Prints a figure that is only there to be read.
    fn note(&self, what: &str, figure: f64, unit: &str) {
        println!("{what:<58} {figure:>10.3} {unit}");
    }

    fn judge(&self) {
        assert!(self.missed.is_empty(), "missed limits:\n{}", self.missed.join("\n"));
    }
}

/// Processor seconds for 1,000 runs, ours and theirs.
fn cost(figures: &mut Figures, pki: &Pki, scheme: &str, share: f64) {
    let page = Page::start((scheme == "https").then_some(pki));
    let url = format!("{scheme}://{}/", page.address);
    let ours = our_cost(&url, &pki.ca_file());
    let theirs = blackbox_cost(&url, &pki.ca_file());
    let bare = plain::cost(&url, &pki.ca_file(), OTHER_RUNS);
    figures.note(&format!("{scheme}: blackbox_exporter"), theirs, "s/1000");
    figures.note(&format!("{scheme}: a plain loop of fresh connections"), bare, "s/1000");
    figures.at_most(&format!("{scheme}: burndown"), ours, theirs * share, "s/1000");
    figures.note(&format!("{scheme}: burndown / blackbox_exporter"), ours / theirs, "");
    figures.note(&format!("{scheme}: burndown / plain loop"), ours / bare, "");
}

/// A running `burndown serve`, with the directory that holds its files.
struct Served {
    process: Process,
    address: SocketAddr,
    _directory: tempfile::TempDir,
}

/// Starts our program on probes that `write` puts, one by number, into files of 1,000.
fn serve(count: usize, write: impl Fn(usize) -> String) -> Served {
    let directory = tempfile::tempdir().expect("a directory");
    for (number, start) in (0..count).step_by(1_000).enumerate() {
        let mut text = format!("version: burndown/v1\nservice: s{number}\nprobes:\n");
        for at in start..count.min(start + 1_000) {
            let _ = writeln!(text, "  - {{name: p{at}, {}}}", write(at));
        }
        fs::write(directory.path().join(format!("s{number}.yaml")), text).expect("a file");
    }
    let listen = "--web.listen-address=127.0.0.1:0";
    let mut process = burndown::start(["serve".as_ref(), directory.path().as_os_str(), listen.as_ref()]);
    // Warnings of the files come before it, with the URLs of the target.
    let address = process.wait_for_line("an address", Duration::from_secs(60), |line| {
        let (_, after) = line.split_once("listening on http://")?;
        after.split('/').next()?.parse().ok()
    });
    Served { process, address, _directory: directory }
}

impl Served {
    fn usage(&self) -> Usage {
        Usage::of(self.process.id())
    }

    /// The sum over all probes of a metric.
    fn sum(&self, metric: &str) -> f64 {
        let body = http::get(self.address, "/metrics", &[]).expect("metrics").body;
        let samples = body.lines().filter(|line| line.split(['{', ' ']).next() == Some(metric));
        samples.map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number")).sum()
    }
}

/// 500 runs a second, with everything that a service does around them but scrapes.
fn our_cost(url: &str, ca_file: &Path) -> f64 {
    let tls =
        if url.starts_with("https") { format!(", tls: {{ca_file: {}}}", ca_file.display()) } else { String::new() };
    let served = serve(500, |_| format!("interval: 1s, http: {{url: '{url}'{tls}}}"));
    thread::sleep(WARM_UP);
    let (runs, before) = (served.sum("slo_probe_successes_total"), served.usage());
    thread::sleep(MEASURED);
    let spent = served.usage().cpu - before.cpu;
    let runs = served.sum("slo_probe_successes_total") - runs;
    assert!(runs > 4_000.0, "only {runs} runs succeeded\n{}", served.process.tail());
    assert!(served.sum("slo_probe_failures_total") < 1.0, "runs failed\n{}", served.process.tail());
    spent.as_secs_f64() / runs * 1_000.0
}

/// As a Prometheus asks for it: one probe after another over a connection that stays open.
fn blackbox_cost(url: &str, ca_file: &Path) -> f64 {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("blackbox.yml");
    let tls = format!("tls_config: {{ca_file: {}}}", ca_file.display());
    let module = format!("modules: {{http_2xx: {{prober: http, timeout: 5s, http: {{{tls}}}}}}}\n");
    fs::write(&file, module).expect("a configuration");
    let address = port::free();
    let mut command = Command::new("prometheus-blackbox-exporter");
    command.arg(format!("--config.file={}", file.display())).arg(format!("--web.listen-address={address}"));
    let mut process = Process::start(&mut command, "the Debian package prometheus-blackbox-exporter");
    process.wait_until("it is ready", Duration::from_secs(10), || http::get(address, "/-/healthy", &[]).ok());
    let path = format!("/probe?module=http_2xx&target={}", http::encode(url));
    let mut asking = measure::Asking::open(address, &path);
    for _ in 0..OTHER_RUNS / 10 {
        asking.assert_success();
    }
    let before = Usage::of(process.id());
    for _ in 0..OTHER_RUNS {
        asking.assert_success();
    }
    (Usage::of(process.id()).cpu - before.cpu).as_secs_f64() / f64::from(OTHER_RUNS) * 1_000.0
}

/// How late runs start at 500 a second, as their target sees them arrive.
fn punctuality(figures: &mut Figures) {
    let page = Page::start(None);
    let url = format!("http://{}", page.address);
    let epoch = measure::epoch();
    let served = serve(500, |at| format!("interval: 1s, http: {{url: '{url}/{at}'}}"));
    thread::sleep(WARM_UP);
    page.forget();
    let mut bare = measure::bare_lateness(Duration::from_secs(20));
    drop(served);
    let late_of = |(path, arrivals): (String, Vec<Instant>)| {
        let probe = format!("p{}", path.trim_start_matches('/')).parse().expect("a name");
        let key = ProbeKey { service: "s0".parse().expect("a name"), probe };
        measure::lateness(&Schedule::new(&key, units::Duration::from_secs(1), epoch), &arrivals)
    };
    let mut late: Vec<f64> = page.arrivals().into_iter().flat_map(late_of).collect();
    assert!(late.len() > 9_000, "only {} runs arrived", late.len());
    figures.note("lateness of a start at 500 runs/s: median", percentile(&mut late, 0.5), "ms");
    figures.at_most("lateness of a start at 500 runs/s: 99th percentile", percentile(&mut late, 0.99), 10.0, "ms");
    figures.note("lateness of a start at 500 runs/s: worst", percentile(&mut late, 1.0), "ms");
    figures.note("of it the machine's: a thread that only sleeps, 99th pct", percentile(&mut bare, 0.99), "ms");
    figures.note("of it the machine's: a thread that only sleeps, worst", percentile(&mut bare, 1.0), "ms");
}

/// How much later than its timeout a run lets go of a target that accepts and is silent.
fn overshoot(figures: &mut Figures) {
    let timeout = Duration::from_millis(500);
    let silent = target::Silent::start();
    let url = format!("http://{}/", silent.address);
    let served = serve(200, |_| format!("interval: 1s, timeout: 500ms, http: {{url: '{url}'}}"));
    thread::sleep(Duration::from_secs(8));
    drop(served);
    let held = silent.held();
    assert!(held.len() > 500, "only {} runs met the target", held.len());
    let over = |held: &Duration| (held.as_secs_f64() - timeout.as_secs_f64()) * 1_000.0;
    let mut over: Vec<f64> = held.iter().map(over).collect();
    figures.at_most("overshoot of a timeout: 99th percentile", percentile(&mut over, 0.99), 10.0, "ms");
    figures.at_most("overshoot of a timeout: worst", percentile(&mut over, 1.0), 250.0, "ms");
}

/// Memory and scrapes of 10,000 probes at 30 s.
fn many(figures: &mut Figures) {
    let page = Page::start(None);
    let url = format!("http://{}", page.address);
    let served = serve(10_000, |at| format!("interval: 30s, http: {{url: '{url}/{at}'}}"));
    thread::sleep(Duration::from_secs(40));
    let resident = served.usage().resident_mib;
    let mut scrapes: Vec<f64> = (0..10)
        .map(|_| {
            let started = Instant::now();
            let answer = http::get(served.address, "/metrics", &[]).expect("metrics");
            assert_eq!(answer.status, 200);
            started.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    let runs = served.sum("slo_probe_successes_total");
    assert!(runs >= 10_000.0, "only {runs} runs succeeded\n{}", served.process.tail());
    figures.at_most("10,000 probes: resident memory without scrapes", resident, 100.0, "MiB");
    figures.note("10,000 probes: resident memory after scrapes", served.usage().resident_mib, "MiB");
    figures.at_most("10,000 probes: a scrape, the slowest of ten", percentile(&mut scrapes, 1.0), 200.0, "ms");
}
