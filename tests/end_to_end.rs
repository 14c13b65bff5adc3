//! One outage through the whole path: target, probe, Prometheus, Alertmanager, receiver.

use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::burndown::names::{Alert, Metric, Record, label};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::alertmanager::Alertmanager;
use crate::support::counting_target::CountingTarget;
use crate::support::process::Process;
use crate::support::prometheus::{Prometheus, Setup};
use crate::support::webhook::Webhook;
use crate::support::{burndown, wait};

/// How long the programs may take over anything that is not timed.
const SOON: Duration = Duration::from_secs(30);

/// Time between two runs of the probe. Not a part of a second, so that the runs drift past the scrapes and now and
/// then a scrape has seen them all.
const RUN: f64 = 0.8;

/// What the rules may lag: the delay, one evaluation, one scrape.
const TOLERANCE: f64 = 2.0 + 1.0 + 1.0;

/// What a busy machine adds to a moment that this test notes.
const JITTER: f64 = 0.1;

/// A window pair of the file, with what the formulas make of it for an outage of error ratio 1.
struct Pair {
    severity: &'static str,
    long: &'static str,
    short: &'static str,
    /// L·F·b in seconds.
    detection: f64,
    /// S·(1 − F·b) in seconds.
    reset: f64,
}

const PAGE: Pair = Pair { severity: "page", long: "16s", short: "4s", detection: 16.0 * 0.5, reset: 4.0 * 0.5 };
const TICKET: Pair = Pair { severity: "ticket", long: "24s", short: "8s", detection: 24.0 * 0.4, reset: 8.0 * 0.6 };

/// b = 0.1, so that the factors of the two pairs are the thresholds 0.5 and 0.4.
fn slo_file(url: &str) -> String {
    format!(
        "version: burndown/v1
service: shop
labels: {{team: web}}
window: 1h
probes:
  - {{name: front, interval: 800ms, timeout: 700ms, http: {{url: '{url}'}}}}
slos:
  - {{name: front-answers, objective: 90, sli: {{probe: front}}}}
gate: {{close_at: 0m, resume_at: 1m}}
rules: {{interval: 1s, delay: 2s, lookback: 5s}}
alerting:
  page:
    labels: {{pager: night}}
    annotations: {{runbook_url: 'https://runbooks.example.com/{{{{ $labels.slo }}}}'}}
  windows:
    - {{severity: page, long: 16s, short: 4s, factor: 5}}
    - {{severity: ticket, long: 24s, short: 8s, factor: 4}}
"
    )
}

/// Everything that runs, from the target to the receiver.
struct Path {
    target: CountingTarget,
    serve: Process,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    webhook: Webhook,
    _directory: tempfile::TempDir,
}

impl Path {
    fn start() -> Self {
        let target = CountingTarget::start();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shop.yaml");
        fs::write(&file, slo_file(&target.url())).unwrap();
        let generated =
            burndown::run(["generate".as_ref(), file.as_os_str(), "--output".as_ref(), directory.path().as_os_str()]);
        assert_eq!(generated.code, Some(0), "{}", generated.stderr);

        let listen = ["--web.listen-address", "127.0.0.1:0"].map(AsRef::as_ref);
        let mut serve = burndown::start(["serve".as_ref(), file.as_os_str()].into_iter().chain(listen));
        let webhook = Webhook::start();
        let alertmanager = Alertmanager::start(webhook.address());
        let prometheus = Prometheus::start(&Setup {
            targets: vec![("burndown", burndown::listening(&mut serve, SOON))],
            rules: ["fast", "slow"].map(|tier| directory.path().join(format!("rules/shop.{tier}.yaml"))).to_vec(),
            alertmanager: Some(alertmanager.address()),
        });
        Self { target, serve, prometheus, alertmanager, webhook, _directory: directory }
    }

    /// Everything that the receiver was told, but for the alert that always fires.
    fn told(&self) -> Vec<Value> {
        let mut alerts = self.webhook.alerts();
        alerts.retain(|alert| alert["labels"][label::ALERTNAME] != Alert::Watchdog.name());
        alerts
    }

    /// Waits for the one notification of a pair.
    #[track_caller]
    fn notified(&self, status: &str, pair: &Pair) -> Value {
        let labels = [
            (label::SEVERITY, pair.severity),
            (label::SERVICE, "shop"),
            (label::SLO, "front-answers"),
            (label::LONG_WINDOW, pair.long),
            (label::SHORT_WINDOW, pair.short),
            ("team", "web"),
        ];
        self.webhook.wait_for(status, Alert::ErrorBudgetBurn.name(), &labels, SOON)
    }

    /// When Prometheus first evaluated a pair as firing, and when it first did not any more.
    #[track_caller]
    fn fired(&self, pair: &Pair) -> (f64, f64) {
        let selector = format!("ALERTS{{alertstate=\"firing\",{}=\"{}\"}}", label::LONG_WINDOW, pair.long);
        let stored = self.prometheus.stored(&selector, "10m");
        assert_eq!(stored.len(), 1, "{selector} has {} series", stored.len());
        let times: Vec<f64> = stored[0].points.iter().map(|(time, _)| *time).collect();
        let gap = times.windows(2).find(|two| two[1] - two[0] > 1.5);
        assert!(gap.is_none(), "{} flapped: {gap:?}", pair.severity);
        (times[0], times.last().unwrap() + 1.0)
    }

    /// Waits until Prometheus has stored every answer that the target has given, and returns how many were good and
    /// bad.
    fn settled(&mut self) -> (usize, usize) {
        let Self { target, prometheus, .. } = self;
        let attempts = format!("{}{{{}=\"front\"}}", Metric::ProbeAttempts.name(), label::PROBE);
        let what = || {
            let before = (target.good(), target.bad());
            let stored = prometheus.value(&attempts);
            let after = (target.good(), target.bad());
            (before == after && stored == Some((before.0 + before.1) as f64)).then_some(before)
        };
        wait::until("every answer in Prometheus", SOON, what, || format!("{} answers", target.good() + target.bad()))
    }
}

#[test]
fn an_outage_pages_and_is_over_when_it_is_mended() {
    let mut path = Path::start();
    path.serve.wait_for_line("running probes", SOON, |line| line.contains("running probes").then_some(()));
    // Every long window is full of good runs before the outage: 24 s, and what the rules lag.
    let sums = format!("count_over_time({}[24s])", Record::TotalIncrease.name());
    path.prometheus.wait_for(&sums, SOON * 2, |evaluations| evaluations >= 24.0);
    assert!(path.told().is_empty(), "{:#?}", path.told());

    path.target.break_it();
    let page = path.notified("firing", &PAGE);
    assert_eq!(page["labels"]["pager"], "night");
    assert_eq!(page["annotations"]["runbook_url"], "https://runbooks.example.com/front-answers");
    assert_eq!(page["annotations"]["summary"], "shop front-answers burns its error budget too fast");
    assert_is_told(&page, 5.0..=7.5, 5.7..=5.9);
    let ticket = path.notified("firing", &TICKET);
    assert_eq!(ticket["labels"].get("pager"), None);

    // A whole long window of failure burns 1/b times too fast, and Alertmanager is kept up to date.
    let ratio = Record::ErrorRatio("16s".parse().unwrap()).name();
    path.prometheus.wait_for(&ratio, SOON, |ratio| ratio >= 1.0);
    let is_page = |alert: &Value| alert["labels"][label::SEVERITY] == "page";
    let told = |alert: &Value| number_between(&alert["annotations"]["description"], "the budget burns ", " times");
    let look = || path.alertmanager.alerts().into_iter().find(|alert| is_page(alert) && told(alert) == 10.0);
    let whole = wait::until("a burn rate of 1/b", SOON, look, || format!("{:#?}", path.alertmanager.alerts()));
    assert_is_told(&whole, 10.0..=10.0, 5.4..=5.75);

    path.target.mend_it();
    for pair in [&PAGE, &TICKET] {
        let resolved = path.notified("resolved", pair);
        assert_eq!(resolved["annotations"]["summary"], page["annotations"]["summary"]);
    }
    assert_timely(&path);
    assert_counted(&mut path);

    // Nothing else was sent, and every rule could be evaluated.
    assert_eq!(path.told().len(), 4, "{:#?}", path.told());
    for group in path.prometheus.rules() {
        for rule in group["rules"].as_array().unwrap() {
            let never_yet = rule["health"] == "unknown" && group["interval"].as_f64() > Some(1.0);
            assert!(rule["health"] == "ok" || never_yet, "{rule:#}");
        }
    }
    path.serve.signal(Signal::TERM);
    let told = Instant::now();
    assert_eq!(path.serve.wait(SOON).code(), Some(0), "{}", path.serve.tail());
    assert!(told.elapsed() < Duration::from_secs(5), "it took {:?} to stop", told.elapsed());
}

/// Detection and reset of both pairs fall where the formulas say, on the clock of Prometheus.
fn assert_timely(path: &Path) {
    let failed = path.target.times(false);
    let (broken, last_failure) = (unix(failed[0]), unix(*failed.last().unwrap()));
    let mended = unix(*path.target.times(true).iter().find(|time| unix(**time) > last_failure).unwrap());
    for pair in [&PAGE, &TICKET] {
        let (fired, cleared) = path.fired(pair);
        let detection = fired - broken;
        let latest = pair.detection + TOLERANCE + JITTER;
        assert!(detection >= pair.detection && detection <= latest, "{}: {detection} s", pair.severity);
        let reset = cleared - mended;
        assert!((reset - pair.reset).abs() <= TOLERANCE + JITTER, "{}: {reset} s", pair.severity);
    }
}

/// What Prometheus stored is what the target answered, and the budget follows from it.
fn assert_counted(path: &mut Path) {
    let (good, bad) = path.settled();
    assert!(good >= 30 && bad >= 15, "{good} good and {bad} bad answers");
    let prometheus = &mut path.prometheus;
    let front = format!("{}=\"shop\",{}=\"front\"", label::SERVICE, label::PROBE);
    // Runs go on, but none fails any more.
    let failures = prometheus.query(&format!("{}{{{front}}} > 0", Metric::ProbeFailures.name()));
    let by_reason: Vec<_> = failures.iter().map(|one| (one.labels[label::REASON].as_str(), one.value)).collect();
    assert_eq!(by_reason, [("status", bad as f64)]);
    let (attempts, successes) = (Metric::ProbeAttempts.name(), Metric::ProbeSuccesses.name());
    let difference = prometheus.value(&format!("{attempts}{{{front}}} - {successes}{{{front}}}"));
    assert_eq!(difference, Some(bad as f64));
    let skipped = prometheus.query(&format!("{}{{{front}}} > 0", Metric::ProbeSkipped.name()));
    assert!(skipped.is_empty(), "{skipped:?}");

    // The rules lost no failure and invented none.
    let recorded = format!("sum_over_time({}[1h])", Record::BadIncrease.name());
    prometheus.wait_for(&recorded, SOON, |recorded| recorded == bad as f64);
    // A failed run of a steady probe costs its interval.
    let remaining = Record::RemainingSeconds.name();
    let remaining = prometheus.value(&remaining).expect("a remaining budget");
    let (consumed, cost) = (360.0 - remaining, bad as f64 * RUN);
    assert!((consumed / cost - 1.0).abs() < 0.05, "{bad} failed runs cost {consumed} s and not {cost} s");
    assert_eq!(prometheus.value(&Record::GateOpen.name()), Some(1.0), "most of the budget is left");
}

/// The texts of a page are filled in, with numbers in these ranges.
#[track_caller]
fn assert_is_told(page: &Value, burn_rate: std::ops::RangeInclusive<f64>, minutes_left: std::ops::RangeInclusive<f64>) {
    let description = &page["annotations"]["description"];
    let text = description.as_str().expect("a description");
    assert!(text.starts_with("Over 16s and 4s the error ratio is above 50 %: the budget burns "), "{text}");
    assert!(text.contains(" times as fast as 90 % over 1h allows (this pair alerts above 5). "), "{text}");
    assert!(!text.contains("{{") && !text.contains("<no value>") && !text.contains("error expanding"), "{text}");
    assert!(burn_rate.contains(&number_between(description, "the budget burns ", " times")), "{text}");
    assert!(minutes_left.contains(&number_between(description, "above 5). ", " of 6 minutes are left")), "{text}");
    assert!(text.contains("; at this rate they last ") && text.ends_with("s."), "{text}");
}

/// The number that stands between two texts; not a number if there is none.
fn number_between(text: &Value, before: &str, after: &str) -> f64 {
    let text = text.as_str().unwrap_or_default();
    let number = text.split_once(before).and_then(|(_, rest)| Some(rest.split_once(after)?.0));
    number.and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
