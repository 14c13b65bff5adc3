//! Debian's Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::process::Process;
use super::{http, port};

/// What a Prometheus is to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// What it scrapes once a second, each as a job of its own.
    pub(crate) targets: Vec<(&'static str, SocketAddr)>,
    /// Rule files.
    pub(crate) rules: Vec<PathBuf>,
    /// Where it sends alerts.
    pub(crate) alertmanager: Option<SocketAddr>,
}

/// A running Prometheus.
pub(crate) struct Prometheus {
    address: SocketAddr,
    process: Process,
    _directory: TempDir,
}

/// A series with its value at one time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) labels: BTreeMap<String, String>,
    /// Unix time in seconds.
    pub(crate) time: f64,
    pub(crate) value: f64,
}

/// A series with its values over a range of time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: BTreeMap<String, String>,
    /// Unix time in seconds, and the value.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(setup: &Setup) -> Self {
        // A resolved alert that got lost is sent again soon, not after the usual minute.
        Self::with(&configuration(setup), &["--rules.alert.resend-delay=1s"])
    }

    /// Starts it with a configuration and further flags.
    pub(crate) fn with(configuration: &str, flags: &[&str]) -> Self {
        Self::launch(configuration, None, flags)
    }

    /// Starts it over a directory of blocks that holds the past, with nothing to scrape.
    pub(crate) fn over(data: &Path) -> Self {
        Self::over_with(data, &[])
    }

    /// Starts it over a directory of blocks that holds the past, and goes on from there.
    pub(crate) fn resumed(setup: &Setup, data: &Path) -> Self {
        Self::launch(&configuration(setup), Some(data), &[])
    }

    /// Starts it over an empty directory that it fills with what is sent to it, native histograms among it.
    pub(crate) fn receiving(data: &Path) -> Self {
        let (receiver, native) = ("--web.enable-remote-write-receiver", "--enable-feature=native-histograms");
        Self::over_with(data, &[receiver, native, "--web.enable-admin-api"])
    }

    fn over_with(data: &Path, options: &[&str]) -> Self {
        // The past stays, however old it is.
        let flags = [&["--storage.tsdb.retention.time=100y", "--query.timeout=10m"], options].concat();
        Self::launch(&configuration(&Setup::default()), Some(data), &flags)
    }

    /// Starts it with a configuration file where it stands, among the files that it names.
    pub(crate) fn of_file(file: &Path, flags: &[&str]) -> Self {
        Self::run(tempfile::tempdir().expect("a temporary directory"), file, None, flags)
    }

    /// Starts it over `data`, or a directory of its own, and waits until it is ready.
    fn launch(configuration: &str, data: Option<&Path>, flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, configuration).expect("the configuration");
        Self::run(directory, &file, data, flags)
    }

    fn run(directory: TempDir, file: &Path, data: Option<&Path>, flags: &[&str]) -> Self {
        let data = data.map_or_else(|| directory.path().join("data"), Path::to_owned);
        let address = port::free();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .args(flags);
        let process = Process::start(&mut command, "the Debian package prometheus");
        let prefix = flags.iter().find_map(|flag| flag.strip_prefix("--web.route-prefix=")).unwrap_or_default();
        let mut prometheus = Self { address, process, _directory: directory };
        prometheus.process.wait_until("Prometheus is ready", Duration::from_secs(60), || {
            http::get(address, &format!("{prefix}/-/ready"), &[]).ok().filter(|answer| answer.status == 200)
        });
        prometheus
    }

    /// Stops it in good order.
    pub(crate) fn stop(mut self) {
        self.process.signal(rustix::process::Signal::TERM);
        self.process.wait(Duration::from_secs(60));
    }

    /// What an expression gives at a time.
    #[track_caller]
    pub(crate) fn query_at(&self, expression: &str, time: i64) -> Vec<Sample> {
        let data = self.api(&format!("/api/v1/query?query={}&time={time}", http::encode(expression)));
        samples(&data, expression)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> String {
        self.process.tail()
    }

    /// What an expression gives now.
    ///
    /// # Panics
    /// If Prometheus refuses it, or it is not a vector.
    #[track_caller]
    pub(crate) fn query(&self, expression: &str) -> Vec<Sample> {
        let data = self.api(&format!("/api/v1/query?query={}", http::encode(expression)));
        samples(&data, expression)
    }

    /// The one value that an expression gives now, if there is one.
    ///
    /// # Panics
    /// If it gives several series.
    #[track_caller]
    pub(crate) fn value(&self, expression: &str) -> Option<f64> {
        let samples = self.query(expression);
        assert!(samples.len() <= 1, "{expression} gives {} series", samples.len());
        samples.first().map(|sample| sample.value)
    }

    /// What an expression gives from `start` to `end` (Unix time) every `step`, all in seconds.
    #[track_caller]
    pub(crate) fn query_range(&self, expression: &str, start: f64, end: f64, step: f64) -> Vec<Series> {
        let query = http::encode(expression);
        let data = self.api(&format!("/api/v1/query_range?query={query}&start={start}&end={end}&step={step}"));
        series(&data)
    }

    /// What an expression gives from a start to an end every step, and how many samples Prometheus read for it.
    #[track_caller]
    pub(crate) fn query_range_with_cost(
        &self,
        expression: &str,
        (start, end, step): (f64, f64, f64),
    ) -> (Vec<Series>, u64) {
        let query = http::encode(expression);
        let data =
            self.api(&format!("/api/v1/query_range?query={query}&start={start}&end={end}&step={step}&stats=all"));
        let samples = &data["stats"]["samples"]["totalQueryableSamples"];
        (series(&data), samples.as_u64().expect("statistics"))
    }

    /// Every sample that is stored of a selector's series, over the last `range` such as `5m`.
    #[track_caller]
    pub(crate) fn stored(&self, selector: &str, range: &str) -> Vec<Series> {
        series(&self.api(&format!("/api/v1/query?query={}", http::encode(&format!("{selector}[{range}]")))))
    }

    /// Every sample that is stored of a selector's series, over the last `range` before a time.
    #[track_caller]
    pub(crate) fn stored_at(&self, selector: &str, range: &str, time: i64) -> Vec<Series> {
        let query = http::encode(&format!("{selector}[{range}]"));
        series(&self.api(&format!("/api/v1/query?query={query}&time={time}")))
    }

    /// Waits until an expression gives one value that is `enough`, and returns it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, expression: &str, within: Duration, enough: impl Fn(f64) -> bool) -> f64 {
        let address = self.address;
        let path = format!("/api/v1/query?query={}", http::encode(expression));
        self.process.wait_until(expression, within, || {
            let answer = http::get(address, &path, &[]).ok()?.json();
            let results = answer["data"]["result"].as_array()?;
            results.iter().map(|result| point(&result["value"]).1).find(|value| enough(*value))
        })
    }

    /// The rule groups, as Prometheus shows them, with the health of each rule.
    #[track_caller]
    pub(crate) fn rules(&self) -> Vec<Value> {
        self.api("/api/v1/rules")["groups"].as_array().expect("an array of groups").clone()
    }

    /// Where it sends alerts.
    #[track_caller]
    pub(crate) fn alertmanagers(&self) -> Vec<Value> {
        self.api("/api/v1/alertmanagers")["activeAlertmanagers"].as_array().expect("an array").clone()
    }

    #[track_caller]
    fn api(&self, path: &str) -> Value {
        let answer = http::get(self.address, path, &[]).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut json = answer.json();
        assert_eq!(json["status"], "success", "{path}: {json}");
        json["data"].take()
    }
}

fn series(data: &Value) -> Vec<Series> {
    let results = data["result"].as_array().expect("an array of series");
    let series = |result: &Value| Series {
        labels: labels(&result["metric"]),
        points: result["values"].as_array().expect("an array of points").iter().map(point).collect(),
    };
    results.iter().map(series).collect()
}

#[track_caller]
fn samples(data: &Value, expression: &str) -> Vec<Sample> {
    assert_eq!(data["resultType"], "vector", "{expression}");
    let results = data["result"].as_array().expect("an array of samples");
    let sample = |result: &Value| {
        let (time, value) = point(&result["value"]);
        Sample { labels: labels(&result["metric"]), time, value }
    };
    results.iter().map(sample).collect()
}

fn labels(metric: &Value) -> BTreeMap<String, String> {
    let labels = metric.as_object().expect("labels");
    labels.iter().map(|(name, value)| (name.clone(), value.as_str().expect("a label value").to_owned())).collect()
}

fn point(value: &Value) -> (f64, f64) {
    let number = value[1].as_str().expect("a value");
    (value[0].as_f64().expect("a time"), number.parse().expect("a number"))
}

fn configuration(setup: &Setup) -> String {
    let mut text = "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n".to_owned();
    text.push_str("scrape_configs:\n");
    for (job, target) in &setup.targets {
        let _ = writeln!(text, "  - {{job_name: {job}, static_configs: [{{targets: ['{target}']}}]}}");
    }
    if !setup.rules.is_empty() {
        text.push_str("rule_files:\n");
    }
    for rules in &setup.rules {
        let _ = writeln!(text, "  - '{}'", rules.display());
    }
    if let Some(alertmanager) = setup.alertmanager {
        let _ = writeln!(text, "alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}");
    }
    text
}

#[test]
fn an_alert_travels_from_a_metric_to_the_receiver() {
    use super::alertmanager::Alertmanager;
    use super::listener::{Listener, Reply};
    use super::webhook::Webhook;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    let level = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&level);
    let metrics = move |_: &_| Reply::text(200, format!("level {}\n", shown.load(Ordering::SeqCst)));
    let target = Listener::start(metrics, |_| {});
    let webhook = Webhook::start();
    let alertmanager = Alertmanager::start(webhook.address());
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("rules.yaml");
    let rule = "{alert: High, expr: level > 1, labels: {severity: page}}";
    fs::write(&rules, format!("groups: [{{name: test, rules: [{rule}]}}]")).unwrap();
    let mut prometheus = Prometheus::start(&Setup {
        targets: vec![("smoke", target.address())],
        rules: vec![rules],
        alertmanager: Some(alertmanager.address()),
    });
    let soon = Duration::from_secs(30);
    assert!(prometheus.address().ip().is_loopback());

    prometheus.wait_for("level{job=\"smoke\"}", soon, |value| value == 0.0);
    let sample = &prometheus.query("level")[0];
    assert_eq!((sample.labels["job"].as_str(), sample.value), ("smoke", 0.0));
    let series = prometheus.query_range("level", sample.time - 10.0, sample.time, 1.0);
    assert_eq!(series[0].points.last().map(|(_, value)| *value), Some(0.0));
    let stored = &prometheus.stored("level", "1m")[0].points;
    assert!(stored.iter().all(|(time, value)| *time <= sample.time + 5.0 && *value == 0.0), "{stored:?}");
    assert_eq!(prometheus.value("absent_metric"), None);
    assert_eq!(prometheus.rules()[0]["name"], "test");
    assert!(webhook.alerts().is_empty());

    level.store(2, Ordering::SeqCst);
    let fired = webhook.wait_for("firing", "High", &[("severity", "page")], soon);
    assert_eq!(fired["labels"]["job"], "smoke", "{}\n{}", prometheus.tail(), alertmanager.tail());
    level.store(0, Ordering::SeqCst);
    webhook.wait_for("resolved", "High", &[], soon);
}
