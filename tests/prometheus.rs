//! The generated configuration in promtool and in the real Prometheus: it scrapes the probe service, loads the rules
//! and knows its Alertmanager.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::burndown::names::{Metric, label};
use serde_json::Value;

use crate::support::alertmanager::Alertmanager;
use crate::support::burndown::{self, Finished};
use crate::support::prometheus::Prometheus;
use crate::support::{http, promtool, wait};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

const SOON: Duration = Duration::from_secs(30);

/// A service with an SLO of a probe and one with an SLO of counters, each with a look-back of its own.
fn files(probed: &str, counted: &str) -> [String; 2] {
    let head = |service: &str, lookback: &str| {
        format!(
            "version: burndown/v1\nservice: {service}\nwindow: 28d\nrules: {{interval: 5s, delay: 5s, lookback: {lookback}}}\n"
        )
    };
    [
        head("shop", probed)
            + "probes: [{name: app, interval: 30s, http: {url: 'https://localhost:9/'}}]
slos: [{name: probed, objective: 99, sli: {probe: app}}]
",
        head("store", counted)
            + "slos: [{name: counted, objective: 99, sli: {events: {bad: b_total, total: t_total}}}]\n",
    ]
}

fn generate(input: &Path, output: &Path, more: &[&str]) -> Finished {
    let arguments = ["generate".as_ref(), input.as_os_str(), "--output".as_ref(), output.as_os_str()];
    burndown::run(arguments.into_iter().chain(more.iter().map(AsRef::as_ref)))
}

/// Generates a configuration and the rules that it names.
#[track_caller]
fn configured(directory: &Path, texts: &[String], more: &[&str]) -> PathBuf {
    let input = written(directory, texts);
    let generated = generate(&input, directory, &[&["--only", "rules,prometheus"], more].concat());
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    directory.join("prometheus/prometheus.yaml")
}

/// Writes SLO files into a directory of their own.
fn written(directory: &Path, texts: &[String]) -> PathBuf {
    let input = directory.join("in");
    fs::create_dir_all(&input).unwrap();
    for (number, text) in texts.iter().enumerate() {
        fs::write(input.join(format!("{number}.yaml")), text).unwrap();
    }
    input
}

fn read(file: &Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn promtool_accepts_it_with_its_rules() {
    let directory = tempfile::tempdir().unwrap();
    let targets = ["--prometheus.target", "[::1]:9799", "--prometheus.target", "probes-2.example.com:443"];
    let file = configured(directory.path(), &files("2m", "1m"), &targets);
    let judged = promtool::check_config(&file);
    assert!(judged.passed && judged.output.contains("4 rule files found"), "{}", judged.output);
    let configuration = read(&file);
    let job = &configuration["scrape_configs"][0];
    assert_eq!(job["static_configs"][0]["targets"], serde_json::json!(["[::1]:9799", "probes-2.example.com:443"]));
    assert!(job["honor_labels"].is_null(), "{job}");
    // What is checked in finds the rules that are checked in beside it.
    let judged = promtool::check_config(&Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/prometheus.yaml"));
    assert!(judged.passed && judged.output.contains("8 rule files found"), "{}", judged.output);
}

#[test]
fn scrapes_suit_the_look_back_of_the_rules() {
    for (probed, counted, intervals) in [
        ("2m", "2m", ("15s", None)),
        ("30s", "2m", ("15s", Some("7s"))),
        ("2m", "30s", ("7s", Some("15s"))),
        ("11s", "11s", ("2s", None)),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let configuration = read(&configured(directory.path(), &files(probed, counted), &[]));
        let of_job = configuration["scrape_configs"][0]["scrape_interval"].as_str();
        let usual = configuration["global"]["scrape_interval"].as_str().unwrap();
        assert_eq!((usual, of_job), intervals, "{probed} {counted}");
    }
}

#[test]
fn a_prometheus_with_it_scrapes_evaluates_and_tells() {
    let directory = tempfile::tempdir().unwrap();
    let slos = files("2m", "2m");
    let input = written(directory.path(), &slos);
    let listen = "--web.listen-address=127.0.0.1:0";
    let mut service = burndown::start(["serve".as_ref(), input.as_os_str(), listen.as_ref()]);
    let address = burndown::listening(&mut service, SOON);
    let alertmanager = Alertmanager::start("127.0.0.1:9".parse().unwrap());
    let (target, told) = (address.to_string(), alertmanager.address().to_string());
    let file =
        configured(directory.path(), &slos, &["--prometheus.target", &target, "--prometheus.alertmanager", &told]);
    let text = fs::read_to_string(&file).unwrap();
    let (_, after) = text.split_once("`--storage").expect("the retention");
    let retention = format!("--storage{}", after.split('`').next().unwrap());
    assert_eq!(retention, "--storage.tsdb.retention.time=29d");

    let mut prometheus = Prometheus::of_file(&file, &[&retention]);
    let probes = format!("{}{{{}=\"shop\",job=\"burndown\"}}", Metric::ProbeTimeout.name(), label::SERVICE);
    prometheus.wait_for(&probes, SOON, |value| value > 0.0);
    // Nothing was renamed, since nothing collides.
    assert!(
        prometheus
            .query("{__name__=~\"slo_.*\"}")
            .iter()
            .all(|one| { one.labels.keys().all(|name| !name.starts_with("exported_")) })
    );
    let groups = prometheus.rules();
    let counts = |tier: &str| groups.iter().filter(|one| one["file"].as_str().unwrap().ends_with(tier)).count();
    assert_eq!((counts("shop.fast.yaml"), counts("shop.slow.yaml")), (2, 2), "{groups:#?}");
    let known = wait::until("an Alertmanager", SOON, || prometheus.alertmanagers().pop(), || prometheus.tail());
    assert!(known["url"].as_str().unwrap().contains(&told), "{known}");

    // What burndown itself says of such a Prometheus.
    let url = format!("http://{}", prometheus.address());
    let asked = burndown::run(["check".as_ref(), input.as_os_str(), "--prometheus".as_ref(), url.as_ref()]);
    for wrong in ["[scrapes-", "[retention-", "[rules-not-loaded", "[rules-stale", "[rules-interval", "[rules-failing"]
    {
        assert!(!asked.stdout.contains(wrong), "{wrong}\n{}{}", asked.stdout, asked.stderr);
    }
}

#[test]
fn the_limits_hold_ten_thousand_probes() {
    let directory = tempfile::tempdir().unwrap();
    let probes: String = (0..100)
        .map(|n| format!("  - {{name: probe-{n}, interval: 1h, http: {{url: 'https://localhost:9/'}}}}\n"))
        .collect();
    let many = directory.path().join("many.yaml");
    fs::write(&many, format!("version: burndown/v1\nservice: shop\nprobes:\n{probes}")).unwrap();
    let options = ["--web.listen-address=127.0.0.1:0", "--storage.path=none", "--location=some-distant-place"];
    let arguments = ["serve".as_ref(), many.as_os_str()].into_iter().chain(options.map(AsRef::as_ref));
    let mut service = burndown::start(arguments);
    let address = burndown::listening(&mut service, SOON);
    let body = http::get(address, "/metrics", &[]).unwrap().body;
    let samples = body.lines().filter(|line| !line.starts_with('#')).count();
    let of_a_probe = body.lines().filter(|line| line.contains("probe=\"probe-7\"")).count();
    let advice = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/README.md")).unwrap();
    assert!(advice.contains(&format!("over HTTPS {of_a_probe} and ")), "{of_a_probe}");

    let configuration = read(&configured(directory.path(), &files("2m", "2m"), &[]));
    let job = &configuration["scrape_configs"][0];
    let megabytes = job["body_size_limit"].as_str().and_then(|limit| limit.strip_suffix("MB")).unwrap();
    // Phases and a second reason come with the first runs.
    let (samples, bytes) = (samples as u64 * 100 * 3 / 2, body.len() as u64 * 100 * 3 / 2);
    assert!(samples < job["sample_limit"].as_u64().unwrap(), "{samples}");
    assert!(bytes < megabytes.parse::<u64>().unwrap() << 20, "{bytes}");
    let labels = body.lines().map(|line| line.matches("=\"").count()).max().unwrap();
    assert!((labels as u64 + 10) < job["label_limit"].as_u64().unwrap(), "{labels}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |more: &[&str], said: &str| {
        let finished = generate(Path::new(EXAMPLES), directory.path(), more);
        assert_eq!(finished.code, Some(2), "{more:?}");
        assert!(finished.stderr.contains(said), "{more:?}: {}", finished.stderr);
    };
    for target in ["burndown", "http://burndown:9799", "burndown:0", "a b:1", "burndown:9799/metrics"] {
        refused(&["--prometheus.target", target], "write a host with its port");
    }
    refused(&["--prometheus.alertmanager", "am:9093", "--only", "rules"], "needs `--only` to name `prometheus`");
    refused(&["--format", "operator", "--only", "prometheus"], "`ServiceMonitor`");
    refused(&["--format", "operator", "--prometheus.target", "a:1"], "`ServiceMonitor`");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
