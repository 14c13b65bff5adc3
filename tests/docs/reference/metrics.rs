//! `docs/reference/metrics.md`, from the names and from what `/metrics` shows.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::time::Duration;

use burndown::history::{Committed, StorageState};
use burndown::names::{Metric, ProcessMetric};
use burndown::probe::outcome::{Outcome, Phase, Reason, StepOutcome, Verdict};
use burndown::probe::{ProbeKey, Recorder};
use burndown::serve::{Format, Metrics};
use burndown::spec;

use super::{beside, code, head, of_variants, table, written};
use crate::support::{burndown as program, http};

/// A service that shows every metric.
const FILE: &str = "\
version: burndown/v1
service: shop
uplink: {targets: ['192.0.2.1:443']}
probes:
  - {name: home, interval: 30s, http: {url: 'https://shop.example.com/'}}
  - {name: order, interval: 1m, journey: {steps: [{name: pay, run: [pay]}]}}
slos:
  - {name: home, objective: 99.9, sli: {probe: home}}
  - {name: order, objective: 99, sli: {probe: order}}
";

/// The metrics of the process.
const PROCESS: [ProcessMetric; 7] = [
    ProcessMetric::CpuSeconds,
    ProcessMetric::ResidentMemory,
    ProcessMetric::VirtualMemory,
    ProcessMetric::OpenFds,
    ProcessMetric::MaxFds,
    ProcessMetric::Threads,
    ProcessMetric::StartTime,
];

/// A family of metrics as `/metrics` shows it.
#[derive(Default)]
struct Family {
    kind: String,
    labels: BTreeSet<String>,
}

#[test]
fn the_reference_of_metrics_is_current() {
    let families = families();
    let mut text = head("Metrics of the probe service", "the names (`src/names.rs`) and what `/metrics` shows");
    text.push_str(INTRODUCTION);
    let rows = Metric::ALL.iter().map(|metric| row(metric.name(), metric.help(), &families));
    text.push_str(&table(&["metric", "type", "unit", "labels", "meaning"], rows));
    text.push_str("\n## Of the process\n\n");
    let rows = PROCESS.iter().map(|metric| row(metric.name(), metric.help(), &families));
    text.push_str(&table(&["metric", "type", "unit", "labels", "meaning"], rows));
    text.push_str("\n## Labels\n\n");
    text.push_str(&table(&["label", "meaning"], labels()));
    text.push_str("\n## Reasons of a failure\n\nThe values of `reason` on failures of probes and steps; the same words stand in logs, pages, the API and `burndown probe`.\n\n");
    let words = of_variants("src/probe/outcome.rs", "Reason");
    let reasons = Reason::ALL.iter().zip(&words).map(|(reason, (name, words))| {
        assert_eq!(format!("{reason:?}"), *name);
        vec![code(reason.as_str()), words.clone()]
    });
    text.push_str(&table(&["reason", "meaning"], reasons));
    text.push_str("\n## Reasons of a skipped run\n\nA skipped run is no failure, and is not counted: the prober could not judge.\n\n");
    let skips = of_variants("src/probe/outcome.rs", "SkipReason").into_iter();
    text.push_str(&table(&["reason", "meaning"], skips.map(|(name, words)| vec![code(&name.to_lowercase()), words])));
    text.push_str("\n## Phases\n\n");
    let phases = of_variants("src/probe/outcome.rs", "Phase").into_iter();
    text.push_str(&table(&["phase", "meaning"], phases.map(|(name, words)| vec![code(&name.to_lowercase()), words])));
    written::is_current("docs/reference/metrics.md", &text);
}

const INTRODUCTION: &str = "\
What `burndown serve` shows on `/metrics`, in the text format or as OpenMetrics, as the scraper asks. Attempts are always
successes plus failures, every child of a counter is there at 0 from the start, and counters go on after a restart.

";

fn row(name: &str, help: &str, families: &BTreeMap<String, Family>) -> Vec<String> {
    let family = families.get(name).unwrap_or_else(|| panic!("`/metrics` does not show {name}"));
    let labels: Vec<String> = family.labels.iter().map(|label| code(label)).collect();
    let stem = name.strip_suffix("_total").unwrap_or(name);
    let unit = ["seconds", "bytes", "minutes"].into_iter().find(|unit| stem.ends_with(unit)).unwrap_or_default();
    vec![code(name), family.kind.clone(), unit.to_owned(), labels.join(", "), help.to_owned()]
}

/// The labels of the names with their words; what only rules set is in the reference of rules.
fn labels() -> Vec<Vec<String>> {
    let named = beside("src/names.rs", "pub mod label {").into_iter();
    let constants = named.filter_map(|(line, words)| {
        let (name, value) = line.strip_prefix("pub const ")?.split_once(": &str = \"")?;
        let value = value.strip_suffix("\";").filter(|_| !name.starts_with("REASON_"))?;
        Some(vec![code(value), words])
    });
    constants.collect()
}

/// What `/metrics` shows of the file after a run of each probe.
fn families() -> BTreeMap<String, Family> {
    let fleet = spec::load_text("slo.yaml", FILE).fleet;
    let metrics = Metrics::new(&fleet, Some(&"dublin".parse().unwrap()));
    let service = &fleet.services.values().next().unwrap();
    let step = StepOutcome {
        name: "pay".parse().unwrap(),
        verdict: Some(Verdict::Success),
        duration: Duration::from_millis(1),
    };
    for probe in service.probes.values() {
        let mut outcome = Outcome { tls_not_after: Some(1), ..Outcome::of(Verdict::Success) };
        outcome.phases.add(Phase::Connect, Duration::from_millis(1));
        if probe.name.as_str() == "order" {
            outcome.steps = vec![step.clone()];
        }
        metrics.record(&ProbeKey::of(probe), &outcome, 0);
    }
    metrics.storage(StorageState::default());
    let mut text = String::new();
    metrics.encode(Format::Text, &mut text).unwrap();
    let mut found = parse(&served());
    found.extend(parse(&text));
    found
}

/// What a service that just started shows of the file, which has what no run adds.
fn served() -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("slo.yaml");
    fs::write(&file, FILE).unwrap();
    let options = ["--web.listen-address", "127.0.0.1:0", "--location", "dublin", "--storage.path"].map(OsStr::new);
    let arguments = [OsStr::new("serve"), file.as_os_str()].into_iter().chain(options);
    let mut process = program::start(arguments.chain([directory.path().join("state").as_os_str()]));
    let address = program::listening(&mut process, Duration::from_secs(60));
    http::get(address, "/metrics", &[]).unwrap().body
}

/// Families of the text format, by name.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut found: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap();
            found.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((name, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let stem = ["_bucket", "_count", "_sum"].into_iter().find_map(|end| name.strip_suffix(end));
            let family = stem.filter(|stem| found.contains_key(*stem)).unwrap_or(name);
            let names = labels.split("=\"").filter_map(|part| part.rsplit(['"', ',']).next());
            let names = names.filter(|name| !name.contains('}') && *name != "le").map(str::to_owned);
            found.get_mut(family).unwrap().labels.extend(names);
        }
    }
    found
}

#[test]
fn the_text_format_is_read() {
    let text = "# HELP a A\n# TYPE a histogram\na_bucket{x=\"1\",le=\"2\"} 1\n# TYPE b_total counter\nb_total{x=\"1\",y=\"z\"} 2\n";
    let found = parse(text);
    assert_eq!((found["a"].kind.as_str(), found["a"].labels.len()), ("histogram", 1));
    assert_eq!(found["b_total"].labels.iter().map(String::as_str).collect::<Vec<_>>(), ["x", "y"]);
}
