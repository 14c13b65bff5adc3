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

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use burndown::probe::outcome::{Outcome, Verdict};
use burndown::probe::{ProbeKey, Prober, Recorder};
use burndown::serve::{Format, Metrics};
use burndown::spec::model::{Fleet, Probe, Service};
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

/// One whole run of a probe, cleanup included. Whatever it finds must have been counted as 0 before.
async fn run(prober: &Prober, probe: &Probe) -> Outcome {
    let run = prober.begin(probe);
    let outcome = run.execute(Instant::now() + probe.timeout.to_std()).await;
    run.clean_up().await;
    assert_counted_from_0(probe, &outcome);
    outcome
}

/// Fails unless the series that count this outcome and those of its steps are there before the first run.
fn assert_counted_from_0(probe: &Probe, outcome: &Outcome) {
    let service = Service {
        name: probe.service.clone(),
        probes: BTreeMap::from([(probe.name.clone(), probe.clone())]),
        slos: BTreeMap::new(),
        changes: BTreeMap::new(),
        working_hours: None,
        uplink: None,
    };
    let fleet = Fleet { services: BTreeMap::from([(probe.service.clone(), service)]) };
    let mut text = String::new();
    Metrics::new(&fleet, None).encode(Format::Text, &mut text).expect("writes");
    let of = format!("{{slo_service=\"{}\",probe=\"{}\"", probe.service, probe.name);
    let counts = |metric: &str, labels: &str, verdict: &Verdict| match verdict {
        Verdict::Success => format!("{metric}_successes_total{of}{labels}}} 0"),
        Verdict::Failed { reason, .. } => {
            format!("{metric}_failures_total{of}{labels},reason=\"{}\"}} 0", reason.as_str())
        }
        Verdict::Skipped { reason, .. } => {
            format!("slo_probe_skipped_total{of},reason=\"{}\"}} 0", reason.as_str())
        }
    };
    let of_steps = outcome.steps.iter().map(|step| {
        let labels = format!(",step=\"{}\"", step.name);
        let not_reached = || format!("slo_journey_step_not_reached_total{of}{labels}}} 0");
        step.verdict.as_ref().map_or_else(not_reached, |verdict| counts("slo_journey_step", &labels, verdict))
    });
    for series in of_steps.chain([counts("slo_probe", "", &outcome.verdict)]) {
        assert!(text.lines().any(|line| line == series), "{series} is not there: {outcome:?}\n{text}");
    }
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
