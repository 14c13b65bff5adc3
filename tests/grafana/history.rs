//! A past for the dashboards: a month of a service and four hours of a quick one, filled by `burndown backfill` on a
//! real Prometheus, and the alerts of the generated rules wherever their conditions held.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::backfill::Past;
use crate::support::burndown;
use crate::support::prometheus::Prometheus;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// 14 November 2023, midnight.
const START: i64 = 1_699_920_000;

/// 31 days later, at half past nine.
pub(super) const END: i64 = START + 31 * DAY + 9 * HOUR + 30 * MINUTE;

/// How much of what `/pay` spent was corrected, in seconds; not enough to open its gate, which somebody overrode an hour
/// before the end.
pub(super) const CORRECTED: f64 = 420.0;

/// How long the quick service has been there.
const QUICK: i64 = 4 * HOUR;

/// A service with groups, a probe, a journey and a query.
pub(super) const SHOP: &str = r#"version: burndown/v1
service: shop
rules: {interval: 5m, delay: 5m, lookback: 12m}
gate: {close_at: 1m, resume_at: 10m}
probes:
  - {name: home, interval: 1m, timeout: 10s, http: {url: "https://shop.example.com/"}}
  - name: push
    interval: 10m
    timeout: 2m
    journey: {steps: [{name: login, run: [cf, auth]}, {name: push, run: [cf, push]}]}
slos:
  - {name: probed, objective: 99.9, sli: {probe: home}}
  - {name: pushed, objective: 99, sli: {probe: push}}
  - name: grouped
    objective: 99.9
    sli: {events: {bad: 'http_requests_total{code="500"}', total: http_requests_total, by: [route]}}
  - name: queried
    objective: 99
    sli: {query: {bad: 'sum(rate(http_requests_total{code="500"}[$window]))', total: 'sum(rate(http_requests_total[$window]))'}}
"#;

/// A service with an hour's window.
pub(super) const QUICK_SHOP: &str = r#"version: burndown/v1
service: quick
window: 1h
rules: {interval: 10s, delay: 10s, lookback: 40s}
gate: {close_at: 30s, resume_at: 1m}
probes: [{name: door, interval: 10s, timeout: 5s, http: {url: "https://quick.example.com/"}}]
slos: [{name: open, objective: 90, sli: {probe: door}}]
alerting:
  windows:
    - {severity: page, long: 5m, short: 1m, factor: 2}
    - {severity: ticket, long: 30m, short: 5m, factor: 1.2}
"#;

/// A Prometheus that has everything.
pub(super) struct History {
    pub(super) prometheus: Prometheus,
    _past: Past,
}

impl History {
    /// Fills it.
    pub(super) fn fill() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let past = Past::of(&raw());
        for (name, text, from) in [("shop", SHOP, START), ("quick", QUICK_SHOP, END - QUICK)] {
            let file = directory.path().join(format!("{name}.yaml"));
            fs::write(&file, text).unwrap();
            let output = directory.path().join(name);
            let prometheus = past.open();
            backfill(&file, &prometheus, &output, from);
            prometheus.stop();
            past.load(&output.join("blocks"));
            let prometheus = past.open();
            let alerts = alerts(&file, &prometheus, &output);
            prometheus.stop();
            past.add(&alerts);
        }
        Self { prometheus: past.open(), _past: past }
    }
}

fn backfill(file: &Path, prometheus: &Prometheus, output: &Path, from: i64) {
    let time = |seconds: i64| jiff::Timestamp::from_second(seconds).unwrap().to_string();
    let finished = burndown::run([
        "backfill",
        file.to_str().unwrap(),
        "--prometheus",
        &format!("http://{}", prometheus.address()),
        "--output",
        output.to_str().unwrap(),
        "--from",
        &time(from),
        "--to",
        &time(END),
        "--promtool",
        "promtool",
    ]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

/// `ALERTS` of the last hours, wherever the condition of a generated alert holds: what Prometheus writes of it, but for
/// the time that it waits.
fn alerts(file: &Path, prometheus: &Prometheus, output: &Path) -> String {
    let generated = ["generate".as_ref(), file, "--only=rules".as_ref(), "--output".as_ref(), output];
    assert_eq!(burndown::run(generated).code, Some(0));
    let mut text = String::new();
    for entry in fs::read_dir(output.join("rules")).unwrap() {
        let rules: Value = serde_yaml::from_str(&fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        let groups = rules["groups"].as_array().unwrap().iter();
        for rule in groups.flat_map(|group| group["rules"].as_array().unwrap()) {
            let Some(alert) = rule["alert"].as_str() else { continue };
            let condition = rule["expr"].as_str().unwrap();
            for series in prometheus.query_range(condition, (END - 3 * HOUR) as f64, END as f64, 30.0) {
                let mut labels: BTreeMap<&str, &str> =
                    series.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let own = rule["labels"].as_object().unwrap().iter();
                labels.extend(own.map(|(name, value)| (name.as_str(), value.as_str().unwrap())));
                labels.extend([("alertname", alert), ("alertstate", "firing")]);
                labels.remove("__name__");
                let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
                for (time, _) in series.points {
                    writeln!(text, "ALERTS{{{}}} 1 {time}", labels.join(",")).unwrap();
                }
            }
        }
    }
    text + "# EOF\n"
}

/// How many of ten requests a minute fail: an outage of fifty minutes on the tenth day and one of six on the twentieth,
/// and a few now.
fn failing(route: &str, time: i64) -> u64 {
    let (day, second) = ((time - START) / DAY, (time - START) % DAY);
    match route {
        "/pay" if day == 10 && (2 * HOUR..2 * HOUR + 50 * MINUTE).contains(&second) => 10,
        "/" if day == 20 && (3 * HOUR..3 * HOUR + 6 * MINUTE).contains(&second) => 10,
        "/" | "/pay" if time > END - 2 * HOUR => 1,
        _ => 0,
    }
}

/// Samples by metric and labels, each a line.
#[derive(Default)]
struct Samples {
    lines: BTreeMap<String, String>,
}

impl Samples {
    fn add(&mut self, series: &str, time: i64, value: impl std::fmt::Display) {
        let lines = self.lines.entry(series.to_owned()).or_default();
        writeln!(lines, "{series} {value} {time}").unwrap();
    }
}

/// What was scraped: every five minutes, in the last day every minute, and of the quick service every ten seconds.
fn raw() -> String {
    let mut samples = Samples::default();
    scrape_requests(&mut samples);
    let outage = |time: i64| failing("/", time) == 10 || time > END - HOUR && time / MINUTE % 20 == 0;
    let home = Probe { service: "shop", name: "home", every: MINUTE, start: START, has_steps: false };
    home.scrape(&mut samples, outage);
    let push = Probe { service: "shop", name: "push", every: 10 * MINUTE, start: START, has_steps: true };
    push.scrape(&mut samples, |time| time > END - 2 * HOUR && time / (10 * MINUTE) % 3 == 0);
    let door = Probe { service: "quick", name: "door", every: 10, start: END - QUICK, has_steps: false };
    door.scrape(&mut samples, |time| time / MINUTE % 5 == 0);
    scrape_audit(&mut samples);
    samples.lines.into_values().chain(["# EOF\n".to_owned()]).collect()
}

fn is_scraped(time: i64, every: i64) -> bool {
    time % (5 * MINUTE) == 0 || time > END - 26 * HOUR && time % MINUTE == 0 || every < MINUTE
}

fn scrape_requests(samples: &mut Samples) {
    for route in ["/", "/pay", "/help"] {
        let (mut good, mut bad) = (0, 0);
        let mut time = START;
        while time <= END {
            let failing = failing(route, time);
            good += 10 - failing;
            bad += failing;
            if is_scraped(time, MINUTE) {
                let series = |code: &str| {
                    format!("http_requests_total{{job=\"api\",instance=\"a:1\",route=\"{route}\",code=\"{code}\"}}")
                };
                samples.add(&series("200"), time + 7, good);
                samples.add(&series("500"), time + 7, bad);
            }
            time += MINUTE;
        }
    }
}

/// What the probe service tells of people.
fn scrape_audit(samples: &mut Samples) {
    let own = "job=\"burndown\",instance=\"p:1\"";
    for time in (END - 26 * HOUR..=END).step_by(60) {
        let pay = format!("{own},slo_service=\"shop\",slo=\"grouped\"");
        samples.add(
            &format!("slo_error_budget_corrected_seconds{{{pay},slo_group_route=\"/pay\"}}"),
            time + 7,
            CORRECTED,
        );
        let until = if time > END - HOUR { END + HOUR } else { 0 };
        samples.add(&format!("slo_deploy_gate_override_until_timestamp_seconds{{{pay}}}"), time + 7, until);
        let open = format!("{own},slo_service=\"quick\",slo=\"open\"");
        samples.add(&format!("slo_error_budget_corrected_seconds{{{open}}}"), time + 7, 1);
    }
}

/// A probe as its service shows it.
struct Probe {
    service: &'static str,
    name: &'static str,
    every: i64,
    start: i64,
    has_steps: bool,
}

impl Probe {
    fn scrape(&self, samples: &mut Samples, fails: impl Fn(i64) -> bool) {
        let (mut successes, mut failures, mut skipped) = (0, 0, 0);
        let mut time = self.start;
        let mut success = true;
        let scrape = self.every.min(MINUTE);
        while time <= END {
            if time % self.every == 0 {
                success = !fails(time);
                *(if success { &mut successes } else { &mut failures }) += 1;
                skipped += u64::from(time % (2 * HOUR) == 0);
            }
            if is_scraped(time, self.every) {
                self.show(samples, time + 7, (successes, failures, skipped), success);
            }
            time += scrape;
        }
    }

    fn show(&self, samples: &mut Samples, time: i64, (successes, failures, skipped): (u64, u64, u64), success: bool) {
        let own = format!("job=\"burndown\",instance=\"p:1\",slo_service=\"{}\",probe=\"{}\"", self.service, self.name);
        let mut add =
            |metric: &str, more: &str, value: f64| samples.add(&format!("{metric}{{{own}{more}}}"), time, value);
        let (successes, failures) = (successes as f64, failures as f64);
        add("slo_probe_attempts_total", "", successes + failures);
        add("slo_probe_successes_total", "", successes);
        add("slo_probe_failures_total", ",reason=\"timeout\"", failures);
        add("slo_probe_failures_total", ",reason=\"status\"", 0.0);
        add("slo_probe_timeout_seconds", "", 10.0);
        if time < END - 25 * HOUR {
            return;
        }
        add("slo_probe_skipped_total", ",reason=\"overrun\"", skipped as f64);
        add("slo_probe_success", "", f64::from(u8::from(success)));
        add("slo_probe_last_run_timestamp_seconds", "", (time - time % self.every) as f64);
        for (le, runs) in [("0.25", successes / 2.0), ("1.0", successes), ("10.0", successes + failures)] {
            add("slo_probe_duration_seconds_bucket", &format!(",le=\"{le}\""), runs.floor());
        }
        add("slo_probe_duration_seconds_bucket", ",le=\"+Inf\"", successes + failures);
        if self.has_steps {
            for (step, failed) in [("login", 0.0), ("push", failures)] {
                add("slo_journey_step_failures_total", &format!(",step=\"{step}\",reason=\"timeout\""), failed);
                add("slo_journey_step_not_reached_total", &format!(",step=\"{step}\""), failed);
                add("slo_journey_step_duration_seconds", &format!(",step=\"{step}\""), 12.5);
            }
        } else {
            add("slo_probe_tls_not_after_timestamp_seconds", "", (END + 40 * DAY) as f64);
            for (phase, seconds) in [("resolve", 0.01), ("connect", 0.02), ("tls", 0.05), ("processing", 0.2)] {
                add("slo_probe_phase_duration_seconds", &format!(",phase=\"{phase}\""), seconds);
            }
        }
    }
}
