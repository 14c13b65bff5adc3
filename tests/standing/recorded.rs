//! The same numbers from a real Prometheus: what is made of the slices that the generated rules recorded equals what
//! the rules themselves recorded at the same moment.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use burndown::history;
use burndown::prometheus::{Access, Client};
use burndown::slo::Plan;
use burndown::spec;
use burndown::standing::model::{Data, GateAnswer, GroupDetail, SloState};
use burndown::standing::{Full, Standings};

use crate::support::backfill::Past;
use crate::support::burndown::run;
use crate::support::listener::{Listener, Reply};
use crate::support::prometheus::Prometheus;
use crate::support::random::Random;

/// 14 November 2023, midnight.
pub(crate) const START: i64 = 1_699_920_000;
const DAY: i64 = 86_400;
pub(crate) const HOUR: i64 = 3_600;

pub(crate) fn plan(slo_file: &str) -> Plan {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.yaml");
    fs::write(&path, slo_file).unwrap();
    let loaded = spec::load(&[path]);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    Plan::of(&loaded.fleet).0
}

fn standings(plan: &Plan, address: SocketAddr) -> Standings {
    let base = format!("http://{address}/").parse().unwrap();
    let client = Client::new(&base, &Access::default(), Duration::from_secs(60)).unwrap();
    Standings::new(plan, Arc::new(history::Prometheus::new(client, plan)))
}

fn look(standings: &Standings, slo: &str, at: i64) -> Full {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(standings.one("shop", slo, at)).unwrap()
}

/// What the rules recorded of a group.
fn recorded(prometheus: &Prometheus, record: &str, slo: &str, group: &GroupDetail, at: i64) -> Option<f64> {
    let labels: String = group.group.iter().map(|(name, value)| format!(",{name}=\"{value}\"")).collect();
    let samples = prometheus.query_at(&format!("{record}{{slo_service=\"shop\",slo=\"{slo}\"{labels}}}"), at);
    assert!(samples.len() <= 1, "{record} of {slo}: {samples:?}");
    samples.first().map(|sample| sample.value)
}

#[track_caller]
fn assert_same(found: Option<f64>, wanted: Option<f64>, within: f64, what: &str) {
    let same = match (found, wanted) {
        (Some(found), Some(wanted)) => (found - wanted).abs() <= within,
        (found, wanted) => found == wanted,
    };
    assert!(same, "{what}: {found:?} instead of {wanted:?}");
}

/// Holds every group of an SLO against the rules; `window` is as in the names of the rules.
fn assert_recorded(prometheus: &Prometheus, full: &Full, window: &str, at: i64) {
    let slo = &full.detail.slo.slo;
    for group in &full.detail.groups {
        let of = |record: &str| recorded(prometheus, record, slo, group, at);
        let what = |what: &str| format!("{what} of {slo} {:?} at {}", group.group, at - START);
        let remaining = of("slo:error_budget_remaining:seconds");
        assert_same(Some(group.budget.remaining_seconds), remaining, 0.001, &what("the remaining budget"));
        let ratio = of(&format!("slo:sli_error:ratio_rate{window}"));
        assert_same(group.sli.map(|sli| 1.0 - sli / 100.0).or(Some(0.0)), ratio, 1e-7, &what("the ratio"));
        assert_same(Some(group.budget.coverage), of("slo:coverage:ratio"), 1e-4, &what("the coverage"));
        let latch = of("slo:deploy_gate_latch:open").map(|open| open == 1.0);
        let found = match group.gate.state {
            GateAnswer::Open => Some(true),
            GateAnswer::Closed => Some(false),
            GateAnswer::Unknown => None,
        };
        assert_eq!(found, latch, "{}", what("the gate"));
    }
}

pub(crate) const KINDS: &str = "version: burndown/v1
service: shop
window: 1d
rules: {interval: 5m, delay: 5m, lookback: 15m}
gate: {resume_at: 40%}
alerting: {page: {disable: true}}
probes:
  - {name: home, interval: 1m, http: {url: http://127.0.0.1/}}
slos:
  - {name: timed, objective: 98, sli: {latency: {histogram: request_seconds, threshold: 300ms}}}
  - {name: probed, objective: 98, sli: {probe: home}}
  - {name: sliced, objective: 98, budgeting: {timeslices: {slice: 5m, target: 90}}, sli: {events: {bad: errors_total, total: requests_total}}}
  - {name: requests, objective: 98, sli: {events: {bad: errors_total, total: requests_total, by: [route]}}}
  - {name: up, objective: 98, sli: {gauge: {metric: shop_up}}}
  - {name: ratio, objective: 98, sli: {ratio: {error: shop_error_ratio}}}
  - {name: queried, objective: 98, sli: {query: {bad: 'sum by (route) (increase(errors_total[$window]))', total: 'sum by (route) (increase(requests_total[$window]))', by: [route]}}}
  - {name: quick, objective: 90, window: 6h, sli: {events: {bad: errors_total, total: requests_total, by: [route]}}}
";

/// Two and a half days: `/` fails for an hour in the second night and for a while in the next, `/pay` vanishes at times.
pub(crate) fn counters() -> String {
    let mut random = Random::new(7);
    let mut text = String::new();
    let mut samples: BTreeMap<String, String> = BTreeMap::new();
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for step in 0..(60 * HOUR / 60) {
        let at = START + step * 60 + 7;
        let hour = step / 60;
        for route in ["/", "/pay"] {
            let fails = match route {
                "/" => hour == 20 || (44..46).contains(&hour) && step % 3 == 0,
                _ => hour == 30 && step % 2 == 0,
            };
            let total = random.between(0, 20);
            let bad = if fails { total } else { u64::from(total > 0 && random.happens(1, 2_000)) };
            let count = counts.entry(route).or_default();
            *count = (count.0 + bad, count.1 + total);
            let is_gone = route == "/pay" && (10..12).contains(&hour);
            if !is_gone {
                for (metric, value) in [("errors_total", count.0), ("requests_total", count.1)] {
                    let labels = format!("{metric}{{job=\"shop\",instance=\"a:1\",route=\"{route}\"}}");
                    let _ = writeln!(samples.entry(labels.clone()).or_default(), "{labels} {value} {at}");
                }
            }
            if route == "/" {
                let mut add = |series: String, value: u64| {
                    let _ = writeln!(samples.entry(series.clone()).or_default(), "{series} {value} {at}");
                };
                let (bad, total) = *count;
                let bucket = |le: &str| format!("request_seconds_bucket{{job=\"shop\",instance=\"a:1\",le=\"{le}\"}}");
                add(bucket("0.3"), total - bad);
                add(bucket("+Inf"), total);
                add("request_seconds_count{job=\"shop\",instance=\"a:1\"}".to_owned(), total);
                let probe = "job=\"burndown\",instance=\"p:1\",slo_service=\"shop\",probe=\"home\"";
                add(format!("slo_probe_attempts_total{{{probe}}}"), total);
                add(format!("slo_probe_failures_total{{{probe},reason=\"status\"}}"), bad);
                for (metric, value) in
                    [("shop_up", f64::from(u8::from(!fails))), ("shop_error_ratio", f64::from(u8::from(fails)) / 4.0)]
                {
                    let labels = format!("{metric}{{job=\"shop\",instance=\"a:1\"}}");
                    let _ = writeln!(samples.entry(labels.clone()).or_default(), "{labels} {value} {at}");
                }
            }
        }
    }
    text.extend(samples.into_values());
    text.push_str("# EOF\n");
    text
}

/// Records what the rules of an SLO file would have, the latch of the gate among it.
pub(crate) fn record(past: &Past, slo_file: &str, start: i64, end: i64) {
    let directory = tempfile::tempdir().unwrap();
    let (file, output) = (directory.path().join("shop.yaml"), directory.path().join("out"));
    fs::write(&file, slo_file).unwrap();
    let prometheus = past.open();
    let (url, start, end) = (format!("http://{}/", prometheus.address()), time(start), time(end));
    let more = ["--prometheus", &url, "--from", &start, "--to", &end, "--promtool", "promtool", "--output"];
    let finished = run(["backfill", file.to_str().unwrap()].into_iter().chain(more).chain([output.to_str().unwrap()]));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    prometheus.stop();
    past.load(&output.join("blocks"));
}

fn time(unix: i64) -> String {
    jiff::Timestamp::from_second(unix).unwrap().to_string()
}

#[test]
fn slos_of_every_kind_stand_as_the_rules_recorded_them() {
    let past = Past::of(&counters());
    record(&past, KINDS, START, START + 60 * HOUR);
    let prometheus = past.open();
    let plan = plan(KINDS);
    let standings = standings(&plan, prometheus.address());
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for hour in (1..60).step_by(2) {
        let at = START + hour * HOUR;
        for slo in ["requests", "up", "ratio", "queried", "quick", "timed", "probed", "sliced"] {
            let full = look(&standings, slo, at);
            let window = if slo == "quick" { "6h" } else { "1d" };
            assert_recorded(&prometheus, &full, window, at);
            for group in &full.detail.groups {
                *seen.entry(format!("{:?}", group.gate.state)).or_default() += 1;
                *seen.entry(format!("{:?}", group.data)).or_default() += 1;
            }
            let groups = if ["requests", "queried", "quick"].contains(&slo) { 2 } else { 1 };
            assert_eq!(full.detail.groups.len(), groups, "{slo}");
        }
    }
    for what in ["Open", "Closed", "Unknown", "Known", "Stale", "Partial"] {
        assert!(seen.contains_key(what), "nothing was ever {what}: {seen:?}");
    }
    // The second night's outage, found again an hour later.
    let outages = look(&standings, "up", START + 22 * HOUR).outages.outages;
    let outage = outages.first().unwrap();
    assert!((outage.start - (START + 20 * HOUR)).abs() <= 900 && (outage.end - outage.start - HOUR).abs() <= 300);
}

const LONG: &str = "version: burndown/v1
service: shop
window: 90d
slos:
  - {name: requests, objective: 99.9, sli: {events: {bad: errors_total, total: requests_total, by: [route]}}}
";

/// Slices as the rules record them, every five minutes up to `end`: three routes, one with outages and, if
/// there are to be some, one with gaps.
pub(crate) fn slices(slo: &str, days: i64, end: i64, with_gaps: bool) -> String {
    let mut random = Random::new(3);
    let mut series: BTreeMap<&str, String> = BTreeMap::new();
    for route in ["/", "/pay", "/search"] {
        for slice in 0..days * 288 {
            let at = end - days * DAY + (slice + 1) * 300;
            if with_gaps && route == "/search" && (slice / 288) % 10 == 4 {
                continue;
            }
            let total = random.between(0, 1_000);
            let failing = u64::from(route == "/pay" && slice % 2_000 < 3) * 700;
            let bad = (total * failing / 1_000).max(u64::from(random.happens(1, 100) && total > 0));
            let labels = format!("{{slo_service=\"shop\",slo=\"{slo}\",route=\"{route}\"}}");
            let values = [
                ("slo:sli_total:increase5m", total as f64),
                ("slo:sli_bad:increase5m", bad as f64),
                ("slo:sli_observed:timestamp_seconds", at as f64),
            ];
            for (name, value) in values {
                let _ = writeln!(series.entry(name).or_default(), "{name}{labels} {value} {at}");
            }
        }
    }
    let mut text: String = series.into_values().collect();
    let _ = writeln!(text, "slo:objective:ratio{{slo_service=\"shop\",slo=\"{slo}\"}} 0.999 {end}\n# EOF");
    text
}

#[test]
fn a_window_of_ninety_days_stands_as_the_rules_recorded_it() {
    let end = START + 100 * DAY;
    let past = Past::of(&slices("requests", 100, end, true));
    past.evaluate(LONG, end - HOUR, end);
    let prometheus = past.open();
    // The rules are evaluated at their own phase: a second before a slice is complete it matters least.
    let end = end - 1;
    let full = look(&standings(&plan(LONG), prometheus.address()), "requests", end);
    assert_eq!(full.detail.groups.len(), 3);
    for group in &full.detail.groups {
        let of = |record: &str| recorded(&prometheus, record, "requests", group, end);
        assert_same(Some(group.budget.remaining_seconds), of("slo:error_budget_remaining:seconds"), 0.001, "budget");
        let ratio = of("slo:sli_error:ratio_rate90d");
        assert_same(group.sli.map(|sli| 1.0 - sli / 100.0), ratio, 1e-7, "ratio");
        assert_same(Some(group.budget.coverage), of("slo:coverage:ratio"), 1e-4, "coverage");
        assert!(group.total > 1_000_000.0 && group.bad > 100.0, "{group:?}");
    }
    // One was seen nine days in ten, which is just enough, and two always.
    let mut coverages: Vec<f64> = full.detail.groups.iter().map(|group| group.budget.coverage).collect();
    coverages.sort_by(f64::total_cmp);
    assert_eq!((coverages, full.days.days.len()), (vec![0.9, 1.0, 1.0], 90));
}

/// A server that answers as a Prometheus would, with that time, retention and result.
fn peer(time: f64, retention: &'static str, result: &'static str, more: &'static str) -> Listener {
    let answer = move |request: &crate::support::listener::Request| {
        let text = match request.path.as_str() {
            "/api/v1/status/runtimeinfo" => format!(r#"{{"storageRetention":"{retention}"}}"#),
            _ if request.body.contains("query=time") => {
                format!(r#"{{"resultType":"scalar","result":[{time},"{time}"]}}"#)
            }
            _ => format!(r#"{{"resultType":"matrix","result":[{result}]}}"#),
        };
        Reply::text(200, format!(r#"{{"status":"success","data":{text}{more}}}"#))
    };
    Listener::start(answer, |_| {})
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn state(address: SocketAddr, at: i64) -> SloState {
    look(&standings(&plan(LONG), address), "requests", at).detail.slo
}

#[test]
fn every_way_of_not_knowing_has_a_reason_of_its_own() {
    let at = START;
    let nobody = state("127.0.0.1:1".parse().unwrap(), at);
    assert_eq!((nobody.data, nobody.gate.state), (Data::Unavailable, GateAnswer::Unknown));
    assert!(nobody.data_note.unwrap().contains("cannot be reached"));

    let right = now() as f64;
    let empty = state(peer(right, "1y", "", "").address(), at);
    assert_eq!(empty.data, Data::RulesNotLoaded);
    assert!(empty.data_note.unwrap().contains("run `burndown generate`"));

    let partial = peer(right, "1y", "", r#","warnings":["a store did not answer"]"#);
    let partial = state(partial.address(), at);
    assert_eq!(partial.data, Data::Incomplete);
    assert!(partial.data_note.unwrap().contains("a store did not answer"));

    let ahead = state(peer(right + 600.0, "1y", "", "").address(), now());
    assert_eq!(ahead.data, Data::ClockAhead);
    let note = ahead.data_note.unwrap();
    assert!(note.contains("seconds ahead of this one"), "{note}");
}

#[test]
fn what_prometheus_no_longer_keeps_shows_as_coverage() {
    // Fifteen days of slices in a window of ninety: the SLO is older, since nothing older is kept.
    let end = START + 15 * DAY;
    let samples = |value: &str| {
        let points: Vec<String> =
            (1..=15 * 288).map(|slice| format!("[{},\"{value}\"]", START + slice * 300)).collect();
        points.join(",")
    };
    let series = |name: &str, value: &str| {
        format!(r#"{{"metric":{{"__name__":"{name}","route":"/"}},"values":[{}]}}"#, samples(value))
    };
    let all = [series("slo:sli_total:increase5m", "10"), series("slo:sli_bad:increase5m", "0")].join(",");
    let all: &'static str = Box::leak(all.into_boxed_str());
    let coverage = |retention| {
        let state = state(peer(now() as f64, retention, all, "").address(), end);
        (state.budget.coverage, state.data)
    };
    assert_eq!(coverage("1y"), (1.0, Data::Known));
    assert_eq!(coverage("15d"), (0.1667, Data::Partial));
}
