//! `burndown backfill` against a real Prometheus: what it fills is what the rules would have recorded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use ::burndown::slo::gate::{self, Held, Latch, Thresholds};
use ::burndown::spec::model::Resume;

use crate::support::backfill::Past;
use crate::support::burndown::{self, Finished};
use crate::support::prometheus::Prometheus;

/// 14 November 2023, midnight.
const START: i64 = 1_699_920_000;
const HOUR: i64 = 3_600;
const END: i64 = START + 60 * HOUR;
const SCRAPE: i64 = 30;
/// Scrapes never fall on an evaluation.
const PHASE: i64 = 7;

const FILE: &str = r#"version: burndown/v1
service: shop
window: 1d
rules: {interval: 60s, delay: 60s, lookback: 150s}
gate: {resume_at: 50%}
probes:
  - {name: home, interval: 30s, http: {url: http://127.0.0.1/}}
slos:
  - name: counted
    objective: 99
    sli: {events: {bad: 'requests_total{code="500"}', total: requests_total}}
  - name: grouped
    objective: 99
    sli: {events: {good: 'requests_total{code="200"}', total: requests_total, by: [route]}}
  - name: sliced
    objective: 99
    budgeting: {timeslices: {slice: 1m, target: 90}}
    sli: {events: {bad: 'requests_total{code="500"}', total: requests_total}}
  - name: sampled
    objective: 99
    sli: {gauge: {metric: lit, at_least: 1}}
  - name: queried
    objective: 99
    sli: {query: {bad: 'sum(sum_over_time(jobs_failed[$window]))', total: 'sum(sum_over_time(jobs_done[$window]))'}}
  - name: timed
    objective: 99
    sli: {latency: {histogram: request_seconds, threshold: 300ms}}
  - name: given
    objective: 99
    sli: {ratio: {error: 'job:errors:ratio'}}
  - name: probed
    objective: 99
    sli: {probe: home}
"#;

/// Whether requests to a route fail: two outages, the second of which is forgotten before the first day has passed.
fn fails(route: &str, time: i64) -> bool {
    let since = time - START;
    match route {
        "/pay" => (10 * HOUR..10 * HOUR + 1800).contains(&since) || (40 * HOUR..40 * HOUR + 300).contains(&since),
        _ => false,
    }
}

/// Twenty minutes of which nobody knows anything.
fn in_gap(time: i64) -> bool {
    (START + 47 * HOUR..START + 47 * HOUR + 1200).contains(&time)
}

/// Ten requests a scrape and route, as samples.
fn openmetrics() -> String {
    let mut counters: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |series: String, time: i64, value: u64| {
        let _ = writeln!(lines.entry(series.clone()).or_default(), "{series} {value} {time}");
    };
    let (mut runs, mut failures, mut slow) = (0, 0, 0);
    let mut time = START + PHASE;
    while time <= END {
        for route in ["/", "/pay"] {
            for code in ["200", "500"] {
                let is_failure = code == "500";
                let count = counters.entry((route, code)).or_default();
                *count += if fails(route, time) == is_failure { 10 } else { 0 };
                if !in_gap(time) {
                    let labels = format!("job=\"api\",instance=\"a:1\",route=\"{route}\",code=\"{code}\"");
                    add(format!("requests_total{{{labels}}}"), time, *count);
                }
            }
        }
        let down = fails("/pay", time);
        runs += 1;
        failures += u64::from(down);
        slow += if down { 4 } else { 0 };
        if !in_gap(time) {
            let bucket = |le: &str| format!("request_seconds_bucket{{job=\"api\",instance=\"a:1\",le=\"{le}\"}}");
            add(bucket("0.3"), time, 10 * runs - slow);
            add(bucket("+Inf"), time, 10 * runs);
            add("request_seconds_count{job=\"api\",instance=\"a:1\"}".into(), time, 10 * runs);
            add("job:errors:ratio{job=\"api\"}".into(), time, u64::from(down));
            let probe = "{job=\"burndown\",instance=\"p:1\",slo_service=\"shop\",probe=\"home\"";
            add(format!("slo_probe_attempts_total{probe}}}"), time, runs);
            add(format!("slo_probe_failures_total{probe},reason=\"status\"}}"), time, failures);
            let failed = if down { 3 } else { 0 };
            add("jobs_failed{job=\"jobs\",instance=\"j:1\"}".into(), time, failed);
            add("jobs_done{job=\"jobs\",instance=\"j:1\"}".into(), time, 7);
            add("lit{job=\"api\",instance=\"a:1\"}".into(), time, u64::from(failed == 0));
        }
        time += SCRAPE;
    }
    lines.into_values().chain(["# EOF\n".to_owned()]).collect()
}

/// Runs `burndown backfill` over the whole history.
fn backfill(file: &Path, prometheus: &Prometheus, output: &Path, more: &[&str]) -> Finished {
    let time = |seconds: i64| jiff::Timestamp::from_second(seconds).expect("a time").to_string();
    let url = format!("http://{}", prometheus.address());
    let arguments = ["backfill", &show(file), "--prometheus", &url, "--output", &show(output)].map(str::to_owned);
    let span = ["--from".to_owned(), time(START), "--to".to_owned(), time(END)];
    burndown::run(arguments.into_iter().chain(span).chain(more.iter().map(|one| (*one).to_owned())))
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

/// The past, filled by `burndown backfill` up to where `recorded` has it already.
fn filled(directory: &Path, recorded: impl Fn(&Past)) -> (Prometheus, Finished) {
    let file = directory.join("slo.yaml");
    fs::write(&file, FILE).expect("the file");
    let past = Past::of(&openmetrics());
    recorded(&past);
    let prometheus = past.open();
    let output = directory.join("out");
    let finished = backfill(&file, &prometheus, &output, &["--promtool", "promtool"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    prometheus.stop();
    past.load(&output.join("blocks"));
    // The directory outlives the server that reads it, and goes with the process.
    let prometheus = past.open();
    std::mem::forget(past);
    (prometheus, finished)
}

/// What the series of every SLO and group are at a time.
fn values(prometheus: &Prometheus, metric: &str, time: i64) -> BTreeMap<String, f64> {
    let samples = prometheus.query_at(metric, time);
    let key = |labels: &BTreeMap<String, String>| {
        ["slo", "route"].map(|name| labels.get(name).cloned().unwrap_or_default()).join(" ")
    };
    samples.iter().map(|sample| (key(&sample.labels), sample.value)).collect()
}

#[test]
fn what_is_filled_is_what_the_rules_would_have_recorded() {
    let directory = tempfile::tempdir().expect("a directory");
    let (filled, finished) = filled(directory.path(), |_| {});
    assert!(finished.stderr.contains("shop/grouped: 2 of 2 blocks"), "{}", finished.stderr);
    assert!(finished.stdout.contains("mv "), "{}", finished.stdout);

    let rules = Past::of(&openmetrics());
    rules.evaluate(FILE, START, END);
    let rules = rules.open();

    // Constant traffic, so that it does not matter where in its interval a group is evaluated.
    // The slices of a minute that an outage fills follow from the phase: one more or less.
    let phased = |metric: &str| match metric {
        "slo:sli_error:ratio_rate1d" => 0.0014,
        "slo:period_burn_rate:ratio" => 0.14,
        "slo:error_budget_remaining:seconds" => 63.0,
        "slo:period_error_budget_remaining:ratio" => 0.08,
        _ => 0.005,
    };
    for time in [END, START + 46 * HOUR, START + 13 * HOUR] {
        for (metric, tolerance) in [
            // An outage of half an hour in 13 hours, five minutes of which are in the slice that one phase has and the other not.
            ("slo:sli_error:ratio_rate1d", 3e-4),
            ("slo:sli_error:ratio_rate12m", 1e-9),
            ("slo:period_burn_rate:ratio", 0.03),
            ("slo:coverage:ratio", 0.005),
            ("slo:error_budget_remaining:seconds", 6.0),
            ("slo:period_error_budget_remaining:ratio", 0.01),
            ("slo:objective:ratio", 0.0),
            ("slo_info", 0.0),
        ] {
            let (found, wanted) = (values(&filled, metric, time), values(&rules, metric, time));
            assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{metric}");
            for (key, value) in &found {
                let off = (value - wanted[key]).abs();
                let tolerance = if key == "sliced " { phased(metric) } else { tolerance };
                assert!(off <= tolerance, "{metric} of {key}: {value} instead of {}", wanted[key]);
            }
        }
    }
    let remaining = values(&filled, "slo:error_budget_remaining:seconds", END);
    assert!(
        remaining.len() == 9 && remaining["grouped /"] > 850.0 && remaining["grouped /pay"] < 700.0,
        "{remaining:?}"
    );
    assert_latches(&filled);
}

/// Holds the latch of every group against the machine of the library, replayed over the remaining budget.
fn assert_latches(prometheus: &Prometheus) {
    let range = format!("{}s", END - START);
    let stored = |metric: &str| prometheus.query_at(&format!("last_over_time({metric}[{range}])"), END).len();
    assert_eq!(stored("slo:deploy_gate_latch:open"), 9);
    let thresholds = Thresholds { close_at: 0.0, resume_at: 432.0, resume: Resume::AtLevel };
    let series = |metric: &str| prometheus.query_range(metric, START as f64, END as f64, 300.0);
    let latches = series("slo:deploy_gate_latch:open");
    let mut closings = 0;
    for remaining in series("slo:error_budget_remaining:seconds and slo:coverage:ratio >= 0.9") {
        let mut labels = remaining.labels.clone();
        labels.remove("__name__");
        let latch = latches.iter().find(|one| labels.iter().all(|(name, value)| one.labels.get(name) == Some(value)));
        let latch: BTreeMap<i64, f64> =
            latch.expect("a latch").points.iter().map(|(time, value)| (*time as i64, *value)).collect();
        let mut state = None;
        for (time, seconds) in &remaining.points {
            let time = *time as i64;
            // Prometheus shows the last sample for five more minutes; in the gap nothing was recorded.
            if in_gap(time) || in_gap(time - 900) {
                continue;
            }
            let before = state;
            state = Some(gate::step(state, *seconds, &thresholds));
            let latch_of = |held: Option<Held>| held.map(|held| held.latch);
            closings += usize::from(latch_of(before) == Some(Latch::Open) && latch_of(state) == Some(Latch::Closed));
            let wanted = f64::from(u8::from(latch_of(state) == Some(Latch::Open)));
            assert_eq!(latch.get(&time), Some(&wanted), "{labels:?} at {time}, {seconds} s left");
        }
    }
    assert!(closings >= 3, "the gates close: {closings}");
}

#[test]
fn an_slo_that_is_recorded_already_is_filled_up_to_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let (prometheus, finished) = filled(directory.path(), |past| past.evaluate(FILE, END - 5 * HOUR, END));
    assert!(finished.stderr.contains("shop/counted is recorded since 2023-11-16T07:0"), "{}", finished.stderr);
    // Every event that was seen, once: nobody knows what came before the first scrape, in the gap and up to the scrape
    // after it, and the rules lag two minutes.
    let total =
        |metric: &str| values(&prometheus, &format!("sum by (slo) (sum_over_time({metric}[{}s]))", END - START), END);
    let scrapes = (0..).map(|at| START + PHASE + at * SCRAPE).take_while(|time| *time <= END);
    let expected = scrapes.filter(|time| !in_gap(*time)).count() as f64 * 20.0 - 6.0 * 20.0;
    for (metric, all) in [("slo:sli_total:increase", expected), ("slo:sli_bad:increase", 700.0)] {
        let found = total(metric)["counted "];
        // One scrape either way; a seam that overlapped or gaped would show as an interval of two scrapes.
        let slack = if all > 1000.0 { 20.0 } else { 0.0 };
        assert!((found - all).abs() <= slack, "{metric}: {found} instead of {all}");
    }
    // At the seam, evaluations are exactly one interval apart.
    let stamps = format!("slo:sli_total:increase{{slo=\"counted\"}}[{}s]", 2 * HOUR);
    let around = prometheus.query_at(&format!("count_over_time({stamps})"), END - 4 * HOUR);
    assert!((around[0].value - 120.0).abs() <= 1.0, "{around:?}");
}

#[test]
fn nothing_that_looks_complete_is_left_behind() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("slo.yaml");
    fs::write(&file, FILE).expect("the file");
    let output = directory.path().join("out");
    let run = |more: &[&str]| {
        let arguments = ["backfill", &show(&file), "--prometheus", "http://127.0.0.1:1", "--output", &show(&output)];
        burndown::run(arguments.into_iter().map(str::to_owned).chain(more.iter().map(|one| (*one).to_owned())))
    };
    let unreachable = run(&[]);
    assert_eq!(unreachable.code, Some(2));
    assert!(unreachable.stderr.contains("cannot be reached"), "{}", unreachable.stderr);
    assert_eq!(fs::read_dir(&output).expect("the directory").count(), 0);
    fs::write(output.join("burndown-x.om"), "# EOF\n").expect("a file");
    let occupied = run(&[]);
    assert!(occupied.stderr.contains("give an empty directory"), "{}", occupied.stderr);
    let unknown = run(&["--slo", "shop/none"]);
    assert!(unknown.stderr.contains("no SLO is called `shop/none`"), "{}", unknown.stderr);
    assert_eq!(run(&["--from", "soon"]).code, Some(2));
    assert!(run(&["--from", "1h", "--to", "2h"]).stderr.contains("not before"));
}
