//! Every kind of indicator on a real Prometheus, to the event: histograms of both sorts, gauges, ratios, pairs of
//! counters and time slices, over four hours that the test itself made up.
//!
//! The probe, bad events of a total, and queries stand in [`crate::exact`]. What the rules recorded is compared at every
//! single evaluation where a sample is an event, and in sum where counters are, which makes it independent of the phase
//! of a rule group.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::backfill::Past;
use crate::support::burndown::run;
use crate::support::prometheus::Prometheus;
use crate::support::random::Random;
use crate::support::remote_write::{Histogram, Request};

/// 14 November 2023, midnight.
const START: i64 = 1_699_920_000;
const MINUTE: i64 = 60;
const END: i64 = START + 4 * 60 * MINUTE;

/// Scrapes never fall on an evaluation.
const PHASE: i64 = 7;
const SCRAPE: i64 = 15;

/// I and D of the rules.
const INTERVAL: f64 = 30.0;
const DELAY: f64 = 30.0;

/// How far back Prometheus looks for the newest sample of a series.
const LOOKBACK: f64 = 300.0;

/// Target `b` starts anew then, one scrape after the whole half minute, so that a scrape of its old life is seen by no
/// evaluation but the one that sees the new life too.
const RESTART: i64 = START + 150 * MINUTE + SCRAPE;

/// The value that marks the end of a series, also as the sum of a native histogram (prometheus/prometheus,
/// `model/value/value.go`).
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// From then on the target writes `le="1.0"` where it wrote `le="1"`.
const RENAMED: i64 = START + 170 * MINUTE;

const SLO_FILE: &str = r#"version: burndown/v1
service: shop
window: 6h
gate: {resume_at: 10%}
alerting: {windows: [{severity: page, long: 1h, short: 5m, factor: 4}]}
slos:
  - {name: classic, objective: 90, sli: {latency: {histogram: request_seconds, threshold: 300ms, by: [route]}}}
  - {name: together, objective: 90, sli: {latency: {histogram: request_seconds, threshold: 300ms}}}
  - {name: nowhere, objective: 90, sli: {latency: {histogram: request_seconds, threshold: 250ms}}}
  - {name: renamed, objective: 90, sli: {latency: {histogram: renamed_seconds, threshold: 1s}}}
  - {name: native, objective: 90, sli: {latency: {histogram: native_seconds, threshold: 1s, native: true, by: [route]}}}
  - {name: good-total, objective: 90, sli: {events: {good: 'calls_total{result="ok"}', total: calls_total, by: [route]}}}
  - {name: good-bad, objective: 90, sli: {events: {good: 'calls_total{result="ok"}', bad: 'calls_total{result="bad"}', by: [route]}}}
  - {name: only-good, objective: 90, sli: {events: {good: 'calls_total{result="ok"}', bad: 'calls_total{result="never"}'}}}
  - {name: only-bad, objective: 90, sli: {events: {good: 'calls_total{result="never"}', bad: 'calls_total{instance="b",result="bad"}'}}}
  - {name: sampled, objective: 90, sli: {gauge: {metric: sampled_up, by: [instance]}}}
  - {name: below, objective: 90, sli: {gauge: {metric: queue_length, below: 100}}}
  - {name: at-most, objective: 90, sli: {gauge: {metric: queue_length, at_most: 100}}}
  - {name: above, objective: 90, sli: {gauge: {metric: queue_length, above: 100}}}
  - {name: at-least, objective: 90, sli: {gauge: {metric: queue_length, at_least: 100}}}
  - {name: share, objective: 90, sli: {ratio: {error: error_share}}}
  - {name: slices, objective: 90, budgeting: {timeslices: {slice: 1m, target: 95}}, sli: {events: {good: 'sliced_total{result="ok"}', total: sliced_total}}}
  - {name: slices-again, objective: 90, budgeting: {timeslices: {slice: 1m, target: 95}}, sli: {events: {good: 'sliced_total{result="ok"}', total: sliced_total}}}
  - {name: slices-of-share, objective: 90, budgeting: {timeslices: {slice: 5m, target: 95}}, sli: {ratio: {error: steady_share}}}
"#;

/// All events and the bad ones among them.
type Count = (u64, u64);

/// Requests to one route of one target.
struct Child {
    instance: &'static str,
    route: &'static str,
    /// What the counters show at each scrape: time, all, bad.
    shown: Vec<(i64, u64, u64)>,
    happened: Count,
}

impl Child {
    fn of(random: &mut Random, instance: &'static str, route: &'static str, born: i64) -> Self {
        let mut child = Self { instance, route, shown: Vec::new(), happened: (0, 0) };
        let (mut total, mut bad) = (0, 0);
        for time in scrapes().filter(|time| *time >= born) {
            if instance == "b" && (RESTART..RESTART + SCRAPE).contains(&time) {
                (total, bad) = (0, 0);
            }
            let more = if is_busy(time) { random.between(0, 9) } else { 0 };
            let worse = if is_calm(time) { 0 } else { random.between(0, more.min(3)) };
            (total, bad) = (total + more, bad + worse);
            child.happened = (child.happened.0 + more, child.happened.1 + worse);
            child.shown.push((time, total, bad));
        }
        child
    }

    fn labels<'a>(&self, name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = [("__name__", name), ("job", "api"), ("instance", self.instance), ("route", self.route)];
        own.iter().chain(more).copied().collect()
    }

    /// A counter of it.
    fn write(&self, request: &mut Request, name: &str, label: &[(&str, &str)], value: impl Fn(u64, u64) -> u64) {
        let samples = self.shown.iter().map(|(time, total, bad)| scraped(*time, value(*total, *bad)));
        request.floats(&self.labels(name, label), samples);
    }

    /// The classic histogram: a good event takes up to 0.3 s, a third of them up to 0.1 s.
    fn write_classic(&self, request: &mut Request) {
        for (le, value) in [
            ("0.1", (|total, bad| (total - bad) / 3) as fn(u64, u64) -> u64),
            ("0.3", |total, bad| total - bad),
            ("1.0", |total, bad| total - bad + bad / 2),
            ("+Inf", |total, _| total),
        ] {
            self.write(request, "request_seconds_bucket", &[("le", le)], value);
        }
        self.write(request, "request_seconds_count", &[], |total, _| total);
        self.write(request, "renamed_seconds_count", &[], |total, _| total);
        let good = |renamed: bool| {
            let shown = self.shown.iter().filter(move |(time, ..)| (*time >= RENAMED) == renamed);
            shown.map(|(time, total, bad)| scraped(*time, total - bad))
        };
        request.floats(&self.labels("renamed_seconds_bucket", &[("le", "1")]), good(false));
        request.floats(&self.labels("renamed_seconds_bucket", &[("le", "1.0")]), good(true));
    }

    /// The native one, with buckets from 0.25 s to 4 s: a good event takes up to 1 s.
    fn write_native(&self, request: &mut Request) {
        let histogram = |time: i64, total: u64, bad: u64| {
            let (_, sum) = scraped(time, total);
            let good = total - bad;
            let counts = vec![good / 3, good - good / 3, bad / 2, bad - bad / 2];
            Histogram { schema: 0, sum, first: -1, counts }
        };
        let samples = self.shown.iter().map(|(time, total, bad)| (*time, histogram(*time, *total, *bad)));
        request.histograms(&self.labels("native_seconds", &[]), samples);
    }

    /// Two children of one counter; the bad one is born with the first failure.
    fn write_calls(&self, request: &mut Request) {
        self.write(request, "calls_total", &[("result", "ok")], |total, bad| total - bad);
        let born = self.shown.iter().position(|(.., bad)| *bad > 0).unwrap();
        // Target b shows it from the start.
        let born = if self.instance == "b" { 0 } else { born };
        let bad = self.shown[born..].iter().map(|(time, _, bad)| scraped(*time, *bad));
        request.floats(&self.labels("calls_total", &[("result", "bad")]), bad);
    }
}

fn scrapes() -> impl Iterator<Item = i64> {
    (0..).map(|number| START + PHASE + number * SCRAPE).take_while(|time| *time < END)
}

/// A counter as a scrape shows it. One in eleven fails, and leaves a staleness marker.
fn scraped(time: i64, value: u64) -> (i64, f64) {
    let is_failed = (time - START) / SCRAPE % 11 == 0;
    (time, if is_failed { STALE } else { value as f64 })
}

/// Nothing happens in the first and in the last twenty minutes, and for another twenty in between.
fn is_busy(time: i64) -> bool {
    let minute = (time - START) / MINUTE;
    (20..220).contains(&minute) && !(100..120).contains(&minute)
}

/// Nothing fails while a bucket is renamed: the first look at the new one takes in all that is good.
fn is_calm(time: i64) -> bool {
    (RENAMED - 2 * MINUTE..RENAMED + 2 * MINUTE).contains(&time)
}

/// Samples of one gauge.
type Samples = Vec<(i64, f64)>;

/// Everything that happened.
struct World {
    children: Vec<Child>,
    /// 0 or 1 of each target, with gaps.
    up: BTreeMap<&'static str, Samples>,
    /// At the bound and on both sides of it, with a gap.
    queue: Samples,
    /// NaN, below 0, above 1, and in between.
    shares: Vec<(&'static str, Samples)>,
    /// Events of each minute.
    sliced: Vec<(i64, Count)>,
}

impl World {
    fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let late = START + 40 * MINUTE;
        let children = [("a", "/", START), ("a", "/pay", late), ("b", "/", START), ("b", "/pay", START)];
        let children = children.map(|(instance, route, born)| Child::of(&mut random, instance, route, born)).into();
        let mut gauge = |gap: i64, pick: &[f64]| -> Samples {
            let is_there = move |time: &i64| {
                let minute = (time - START) / MINUTE;
                (10..230).contains(&minute) && !(gap..gap + 10).contains(&minute)
            };
            let choices = pick.len() as u64;
            let mut pick = || pick[usize::try_from(random.below(choices)).unwrap()];
            scrapes().filter(is_there).map(|time| (time, pick())).collect()
        };
        let up = BTreeMap::from([("a", gauge(60, &[0.0, 1.0, 1.0])), ("b", gauge(90, &[1.0, 1.0, 1.0, 0.0]))]);
        let queue = gauge(130, &[99.0, 99.5, 100.0, 100.0, 100.5, 101.0]);
        let shares = [f64::NAN, -0.5, 0.0, 0.25, 1.0, 1.5, f64::INFINITY];
        let shares = vec![("a", gauge(60, &shares)), ("b", gauge(90, &shares))];
        // A scrape a minute, which is in the same slice for every phase of a group.
        let minutes = (0..240).map(|minute| START + minute * MINUTE + SCRAPE);
        let sliced = minutes.map(|time| {
            let at_target = [(20, 1), (40, 2), (60, 3), (140, 7)];
            let (total, bad) = at_target[usize::try_from(random.below(4)).unwrap()];
            let events = if is_busy(time) { (total, bad + random.below(3) - 1) } else { (0, 0) };
            (time, events)
        });
        let sliced = sliced.collect();
        Self { children, up, queue, shares, sliced }
    }

    fn request(&self) -> Request {
        let mut request = Request::default();
        for child in &self.children {
            child.write_classic(&mut request);
            child.write_native(&mut request);
            child.write_calls(&mut request);
        }
        let gauge = |name, instance| [("__name__", name), ("job", "api"), ("instance", instance)];
        for (instance, samples) in &self.up {
            request.floats(&gauge("sampled_up", instance), samples.iter().copied());
        }
        request.floats(&gauge("queue_length", "a"), self.queue.iter().copied());
        for (instance, samples) in &self.shares {
            request.floats(&gauge("error_share", instance), samples.iter().copied());
        }
        request.floats(&gauge("steady_share", "a"), scrapes().map(|time| (time, 0.05)));
        for (result, value) in [("ok", (|(total, bad)| total - bad) as fn(Count) -> u64), ("bad", |(_, bad)| bad)] {
            let [name, job, instance] = gauge("sliced_total", "a");
            let mut sum = 0;
            let samples = self.sliced.iter().map(|(time, events)| {
                sum += value(*events);
                (*time, sum as f64)
            });
            request.floats(&[name, job, instance, ("result", result)], samples);
        }
        request
    }

    /// All and bad events of some children.
    fn happened(&self, of: impl Fn(&Child) -> bool) -> (f64, f64) {
        let children = self.children.iter().filter(|child| of(child)).map(|child| child.happened);
        let (total, bad) = children.fold((0, 0), |sum, (total, bad)| (sum.0 + total, sum.1 + bad));
        (total as f64, bad as f64)
    }
}

/// What the rules recorded.
struct Recorded {
    prometheus: Prometheus,
}

impl Recorded {
    fn of(world: &World) -> Self {
        let past = Past::received(&world.request());
        past.evaluate(SLO_FILE, START, END);
        Self { prometheus: past.open() }
    }

    /// Every sample of a recorded series; nothing if there is no such series.
    fn points(&self, record: &str, slo: &str, group: &str) -> Vec<(f64, f64)> {
        let selector = format!("{record}{{slo=\"{slo}\"{group}}}");
        let mut series = self.prometheus.stored_at(&selector, "5h", END);
        assert!(series.len() <= 1, "{selector}: {series:?}");
        series.pop().map(|series| series.points).unwrap_or_default()
    }

    fn sum(&self, record: &str, slo: &str, group: &str) -> f64 {
        self.points(record, slo, group).iter().map(|(_, value)| value).sum()
    }

    #[track_caller]
    fn assert_counted(&self, slo: &str, group: &str, (total, bad): (f64, f64)) {
        let is = |found: f64, expected: f64| (found - expected).abs() <= 1e-9 * expected.max(1.0);
        let found = (self.sum("slo:sli_total:increase", slo, group), self.sum("slo:sli_bad:increase", slo, group));
        assert!(
            is(found.0, total) && is(found.1, bad),
            "{slo} {group}: {found:?} recorded, {total} and {bad} happened"
        );
        for record in ["slo:sli_error:ratio_rate6h", "slo:sli_error:ratio_rate5m", "slo:error_budget_remaining:seconds"]
        {
            let points = self.points(record, slo, group);
            assert!(points.len() > 400, "{record} of {slo} {group} has {} samples", points.len());
            assert!(points.iter().all(|(_, value)| value.is_finite()), "{record} of {slo} {group}: {points:?}");
        }
        let ratio = self.points("slo:sli_error:ratio_rate6h", slo, group).last().unwrap().1;
        assert!(is(ratio, bad / total), "{slo} {group}: ratio {ratio} instead of {}", bad / total);
    }

    /// Compares every evaluation from the first to the last that recorded something.
    #[track_caller]
    fn assert_each(&self, slo: &str, expected: impl Fn(f64) -> Option<(f64, f64)>) {
        let total = self.points("slo:sli_total:increase", slo, "");
        let bad = self.points("slo:sli_bad:increase", slo, "");
        let phase = total[0].0 % INTERVAL;
        let evaluations = (0..480).map(|number| START as f64 + phase + f64::from(number) * INTERVAL);
        let expected: Vec<_> = evaluations.filter_map(|time| Some((time, expected(time)?))).collect();
        let found: Vec<_> = total.iter().zip(&bad).map(|(total, bad)| (total.0, (total.1, bad.1))).collect();
        assert!(total.iter().zip(&bad).all(|(total, bad)| total.0 == bad.0), "{slo}");
        assert_eq!((found.len(), total.len()), (expected.len(), bad.len()), "{slo}");
        for ((time, found), (at, expected)) in found.iter().zip(&expected) {
            assert!((time - at).abs() < 0.002, "{slo}: an evaluation at {time} instead of {at}");
            let is_same = (found.0 - expected.0).abs() < 1e-9 && (found.1 - expected.1).abs() < 1e-9;
            assert!(is_same, "{slo} at {time}: {found:?} instead of {expected:?}");
        }
    }
}

/// The value of a gauge that a rule sees when it is evaluated.
fn seen(samples: &Samples, evaluation: f64) -> Option<f64> {
    let now = evaluation - DELAY;
    let newest = samples.iter().rev().find(|(time, _)| *time as f64 <= now)?;
    (newest.0 as f64 >= now - LOOKBACK).then_some(newest.1)
}

#[test]
fn every_kind_counts_what_happened() {
    let world = World::of(3);
    let recorded = Recorded::of(&world);
    for route in ["/", "/pay"] {
        let group = format!(",route=\"{route}\"");
        let happened = world.happened(|child| child.route == route);
        assert!(happened.1 > 100.0, "{happened:?} proves little");
        for slo in ["classic", "native", "good-total", "good-bad"] {
            recorded.assert_counted(slo, &group, happened);
        }
    }
    let all = world.happened(|_| true);
    recorded.assert_counted("together", "", all);
    recorded.assert_counted("renamed", "", all);
    recorded.assert_counted("only-good", "", (all.0 - all.1, 0.0));
    let bad = world.happened(|child| child.instance == "b").1;
    recorded.assert_counted("only-bad", "", (bad, bad));
    for (instance, samples) in &world.up {
        let down = samples.iter().filter(|(_, value)| *value == 0.0).count();
        let counted = (samples.len() as f64, down as f64);
        let group = format!(",instance=\"{instance}\"");
        let found =
            ["slo:sli_total:increase", "slo:sli_bad:increase"].map(|record| recorded.sum(record, "sampled", &group));
        assert_eq!(found, [counted.0, counted.1], "{instance}");
    }
    assert_gauges_and_ratios(&world, &recorded);
    assert_slices(&world, &recorded);
    assert_unknown(&recorded);
}

/// A condition is exact at its bound, and a ratio is from 0 to 1 whatever the series says.
fn assert_gauges_and_ratios(world: &World, recorded: &Recorded) {
    for (slo, is_good) in [
        ("below", (|value| value < 100.0) as fn(f64) -> bool),
        ("at-most", |value| value <= 100.0),
        ("above", |value| value > 100.0),
        ("at-least", |value| value >= 100.0),
    ] {
        recorded.assert_each(slo, |time| {
            let value = seen(&world.queue, time)?;
            Some((1.0, f64::from(u8::from(!is_good(value)))))
        });
    }
    recorded.assert_each("share", |time| {
        let values: Vec<f64> = world.shares.iter().filter_map(|(_, samples)| seen(samples, time)).collect();
        let bad = values.iter().filter(|value| !value.is_nan()).map(|value| value.clamp(0.0, 1.0)).sum();
        (!values.is_empty()).then_some((values.len() as f64, bad))
    });
}

/// One verdict for each minute of the clock: good at the target and when nothing happened, whenever the group runs.
fn assert_slices(world: &World, recorded: &Recorded) {
    let bad = world.sliced.iter().filter(|(_, (total, bad))| bad * 20 > *total).count();
    let at_target = world.sliced.iter().filter(|(_, (total, bad))| *total > 0 && bad * 20 == *total).count();
    assert!(bad > 20 && at_target > 20, "{bad} bad slices and {at_target} at the target prove little");
    let mut phases = Vec::new();
    for slo in ["slices", "slices-again"] {
        assert_eq!(recorded.sum("slo:sli_bad:increase", slo, ""), bad as f64, "{slo}");
        let total = recorded.points("slo:sli_total:increase", slo, "");
        phases.push((total[0].0 % INTERVAL * 1000.0).round());
        for (time, verdicts) in &total {
            assert_eq!(*verdicts, f64::from(u8::from(time % 60.0 < INTERVAL)), "{slo} at {time}");
        }
        let (first, last) = (total[0].0, total[total.len() - 1].0);
        assert_eq!(total.len() as f64, ((last - first) / INTERVAL).round() + 1.0, "{slo}: evaluations are missing");
    }
    assert_ne!(phases[0], phases[1], "both groups run at the same time, which proves nothing of the phase");
    assert_eq!(recorded.sum("slo:sli_bad:increase", "slices-of-share", ""), 0.0, "a steady share at the target");
}

/// A bucket that is not there says nothing of the events: neither good nor bad, nothing left, and a ticket.
fn assert_unknown(recorded: &Recorded) {
    assert!(recorded.sum("slo:sli_total:increase", "nowhere", "") > 1000.0);
    for record in ["slo:sli_bad:increase", "slo:error_budget_remaining:seconds", "slo:sli_error:ratio_rate6h"] {
        assert_eq!(recorded.points(record, "nowhere", ""), [], "{record}");
    }
    let alert = data_missing();
    let missing: Vec<_> =
        alert.iter().filter(|(_, expr)| !recorded.prometheus.query_at(expr, END).is_empty()).collect();
    assert_eq!(missing.iter().map(|(slo, _)| slo.as_str()).collect::<Vec<_>>(), ["nowhere"]);
}

/// The condition of `SLIDataMissing` of every SLO that is observed to the end, as it is generated.
fn data_missing() -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("slo.yaml");
    fs::write(&file, SLO_FILE).unwrap();
    let finished = run(["generate".as_ref(), file.as_path(), "--output".as_ref(), directory.path()]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let rules = fs::read_to_string(directory.path().join("rules/shop.fast.yaml")).unwrap();
    let rules: Value = serde_yaml::from_str(&rules).unwrap();
    let rules = rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let alerts = rules.filter(|rule| rule["alert"] == "SLIDataMissing");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let alerts = alerts.map(|rule| (text(&rule["labels"]["slo"]), text(&rule["expr"])));
    let is_gauge = |slo: &str| ["sampled", "below", "at-most", "above", "at-least", "share"].contains(&slo);
    alerts.filter(|(slo, _)| !is_gauge(slo)).collect()
}
