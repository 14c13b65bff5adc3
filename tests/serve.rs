//! `burndown serve`: verdicts over real sockets and commands, schedules with time paused, and the program.

mod bounds;
mod dns;
mod expect;
mod grpc;
mod http;
mod icmp;
mod journey;
mod once;
mod pages;
mod program;
mod reload;
mod resolver;
mod scheduler;
mod server;
mod tcp;
mod tls;
mod uplink;
mod wall;
mod web;

use std::sync::Mutex;
use std::time::Duration;

use burndown::probe::outcome::{Outcome, Verdict};
use burndown::probe::{ProbeKey, Prober, Recorder};
use burndown::serve::{Format, Metrics};
use burndown::spec::model::{Fleet, Probe};
use rustls::RootCertStore;
use tokio::time::Instant;

/// How much later than its wall a run may end on a busy machine.
const MARGIN: Duration = Duration::from_millis(250);

/// The fleet of one service `shop` whose file has this under `probes:`.
fn fleet(probes: &str) -> Fleet {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.yaml");
    std::fs::write(&path, file(probes)).expect("writes");
    let loaded = burndown::spec::load(&[path]);
    assert!(!loaded.has_errors(), "{probes}\n{:#?}", loaded.diagnostics);
    loaded.fleet
}

/// The text of an SLO file with these probes and an SLO for each.
fn file(probes: &str) -> String {
    let after_name =
        |line: &str| line.strip_prefix("  - {name: ").or(line.strip_prefix("  - name: ")).map(str::to_owned);
    let names = probes.lines().filter_map(after_name).filter_map(|rest| rest.split(',').next().map(str::to_owned));
    let slos: String =
        names.map(|name| format!("  - {{name: {name}, objective: 90, sli: {{probe: {name}}}}}\n")).collect();
    format!(
        "version: burndown/v1\nservice: shop\nwindow: 90d\nalerting: {{page: {{disable: true}}}}\nprobes:\n{probes}\nslos:\n{slos}"
    )
}

/// The probe `first` of a fleet of one service.
fn first(probes: &str) -> Probe {
    let fleet = fleet(probes);
    let probes = fleet.services.values().flat_map(|service| service.probes.values());
    probes.into_iter().find(|probe| probe.name.as_str() == "first").expect("a probe named first").clone()
}

/// A prober that trusts `roots`, with its directories in the usual place.
fn prober(roots: RootCertStore) -> Prober {
    Prober::new(roots, std::env::temp_dir()).expect("a prober")
}

/// One whole run of a probe, cleanup included.
async fn run(prober: &Prober, probe: &Probe) -> Outcome {
    let run = prober.begin(probe);
    let outcome = run.execute(Instant::now() + probe.timeout.to_std()).await;
    run.clean_up().await;
    outcome
}

/// One run of the probe `first` whose kind and options these are, as in `tcp: {…}`, with a timeout of a second.
async fn run_kind(roots: RootCertStore, kind: &str) -> Outcome {
    let fleet = fleet(&format!("  - {{name: first, interval: 1s, timeout: 1s, {kind}}}"));
    let probe = fleet.services.values().flat_map(|service| service.probes.values()).next().expect("a probe");
    let outcome = run(&prober(roots), probe).await;
    if let Verdict::Failed { reason, .. } = &outcome.verdict {
        assert_announced(&fleet, reason.as_str(), kind);
    }
    outcome
}

/// Every reason that a probe can fail for has its counter at 0 from the start.
fn assert_announced(fleet: &Fleet, reason: &str, kind: &str) {
    let mut text = String::new();
    Metrics::new(fleet, None).encode(Format::Text, &mut text).expect("writes");
    let label = format!("reason=\"{reason}\"");
    assert!(text.lines().any(|line| line.contains(&label) && line.ends_with(" 0")), "{kind}: no {label} in\n{text}");
}

/// What is wrong with an outcome: it has another word, its detail lacks `part`, or it ended late.
fn complaint(name: &str, outcome: &Outcome, word: &str, part: &str) -> Option<String> {
    let (found, detail) = words(&outcome.verdict);
    if found != word || !detail.contains(part) {
        return Some(format!("{name}: {found} ({detail}) instead of {word} ({part})"));
    }
    let limit = Duration::from_secs(1) + MARGIN;
    (outcome.duration > limit).then(|| format!("{name}: took {:?}", outcome.duration))
}

/// A verdict in a word and its detail.
fn words(verdict: &Verdict) -> (&'static str, &str) {
    match verdict {
        Verdict::Success => ("success", ""),
        Verdict::Failed { reason, detail } => (reason.as_str(), detail),
        Verdict::Skipped { reason, detail } => (reason.as_str(), detail),
    }
}

/// Keeps what it is told, with the time of the runtime's clock.
#[derive(Default)]
struct Notebook(Mutex<Vec<(String, Instant, &'static str)>>);

impl Notebook {
    /// The times at which runs of a probe ended with this verdict.
    fn times(&self, probe: &str, word: &str) -> Vec<Instant> {
        let notes = self.0.lock().expect("not poisoned");
        notes.iter().filter(|note| note.0 == probe && note.2 == word).map(|note| note.1).collect()
    }
}

impl Recorder for Notebook {
    fn record(&self, probe: &ProbeKey, outcome: &Outcome, _started_unix_ms: i64) {
        let note = (probe.probe.to_string(), Instant::now(), words(&outcome.verdict).0);
        self.0.lock().expect("not poisoned").push(note);
    }
}
