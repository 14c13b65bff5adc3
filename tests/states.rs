//! Three states and quiet: what the generated rules say of missing data, of no traffic, and of noise, on Prometheus's
//! own engine (`promtool test rules`).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::support::burndown::run;
use crate::support::promtool::test_rules;

/// Rules that look every five minutes, so that both tiers can run in one test from counters to the gate.
pub(crate) const ALL_AT_ONCE: &str = "rules: {interval: 5m, delay: 5m, lookback: 5m}";

/// Generates the rules of an SLO file into a directory.
pub(crate) fn generate(directory: &Path, name: &str, text: &str) {
    let file = directory.join(format!("{name}.yaml"));
    fs::write(&file, text).unwrap();
    let finished =
        run(["generate".as_ref(), file.as_os_str(), "--only=rules".as_ref(), "-o".as_ref(), directory.as_os_str()]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

/// An expression, a time, and the samples that it must give then, as (labels, value).
pub(crate) type Check<'a> = (&'a str, &'a str, &'a [(&'a str, f64)]);

/// One promtool test: rule files, the step, input series, and expressions with what they give when.
pub(crate) struct Proof<'a> {
    pub(crate) rules: &'a [&'a str],
    pub(crate) step: &'a str,
    pub(crate) series: &'a [(String, String)],
    pub(crate) checks: &'a [Check<'a>],
}

#[track_caller]
pub(crate) fn assert_holds(directory: &Path, proof: &Proof<'_>) {
    let files: Vec<String> = proof.rules.iter().map(|file| format!("rules/{file}.yaml")).collect();
    let step = proof.step;
    let mut text =
        format!("rule_files: [{}]\nevaluation_interval: {step}\ntests:\n- interval: {step}\n", files.join(", "));
    text.push_str("  input_series:\n");
    for (series, values) in proof.series {
        let _ = writeln!(text, "  - {{series: '{series}', values: '{values}'}}");
    }
    text.push_str("  promql_expr_test:\n");
    for (expression, time, samples) in proof.checks {
        let samples: Vec<String> =
            samples.iter().map(|(labels, value)| format!("{{labels: '{labels}', value: {value}}}")).collect();
        let _ =
            writeln!(text, "  - {{expr: '{expression}', eval_time: {time}, exp_samples: [{}]}}", samples.join(", "));
    }
    let file = directory.join("test.yaml");
    fs::write(&file, text).unwrap();
    let judged = test_rules(&file);
    assert!(judged.passed, "{}", judged.output);
}

/// An SLO file over `requests_total` and `errors_total`.
pub(crate) fn slo_file(service: &str, extra: &str, by: &str) -> String {
    format!(
        "version: burndown/v1\nservice: {service}\n{extra}\nslos:\n  - name: requests\n    objective: 99.9\n    sli: {{events: {{bad: errors_total, total: requests_total{by}}}}}\n"
    )
}

pub(crate) fn counter(name: &str, values: &str) -> (String, String) {
    (format!("{name}{{job=\"j\",instance=\"i:1\"}}"), values.to_owned())
}

/// Every recorded value that is not a number; counts nothing as 0.
const NANS: &str = r#"count({__name__=~"slo:.+"}) - count({__name__=~"slo:.+"} >= -Inf)"#;

#[test]
fn a_vanished_target_neither_drains_nor_refills_and_the_gate_does_as_told() {
    let directory = tempfile::tempdir().unwrap();
    for (service, on_unknown) in [("held", "hold"), ("allowed", "allow")] {
        let extra = format!("{ALL_AT_ONCE}\ngate: {{resume_at: 10m, on_unknown: {on_unknown}}}");
        generate(directory.path(), service, &slo_file(service, &extra, ""));
    }
    let both = |value: f64| [(r#"{slo_service="allowed"}"#, value), (r#"{slo_service="held"}"#, value)];
    // To a tenth: for the look-back after the last scrape, a service counts as idle rather than gone.
    let minutes = "sum by (slo_service) (round(slo:error_budget_remaining:seconds / 60, 0.1))";
    let moved = "sum by (slo_service) (max_over_time(slo:error_budget_remaining:seconds[9h]) - min_over_time(slo:error_budget_remaining:seconds[9h]))";
    let gate = "sum by (slo_service) (slo:deploy_gate:open)";
    let missing = r#"sum by (slo_service) (ALERTS{alertname="SLIDataMissing",alertstate="firing"})"#;
    let latch = "sum by (slo_service) (slo:deploy_gate_latch:open)";
    let covered = "sum by (slo_service) (slo:coverage:ratio > 0.9)";
    let coverage = "sum by (slo_service) (slo:coverage:ratio < 0.6)";
    let answers = [(r#"{slo_service="allowed"}"#, 1.0), (r#"{slo_service="held"}"#, 0.0)];
    // An event a minute; three fail in the second hour. Gone from the twelfth hour to the twenty-fourth.
    let series =
        [counter("requests_total", "0+5x143 _x144 720+5x72"), counter("errors_total", "0x20 3x122 _x144 3x72")];
    assert_holds(
        directory.path(),
        &Proof {
            rules: &["held.fast", "held.slow", "allowed.fast", "allowed.slow"],
            step: "5m",
            series: &series,
            checks: &[
                (minutes, "11h", &both(40.2)),
                (covered, "11h", &both(1.0)),
                (gate, "11h", &both(1.0)),
                (latch, "11h", &both(1.0)),
                (missing, "11h", &[]),
                (missing, "13h", &both(1.0)),
                (minutes, "14h", &both(40.2)),
                (minutes, "23h30m", &both(40.2)),
                (moved, "23h30m", &both(0.0)),
                (covered, "23h30m", &[]),
                ("count(slo:coverage:ratio < 0.6)", "23h30m", &[("{}", 2.0)]),
                (coverage, "14h", &[]),
                (latch, "23h30m", &[]),
                (gate, "23h30m", &answers),
                (missing, "23h30m", &both(1.0)),
                // It is back, but half of its life is unknown.
                (missing, "29h", &[]),
                (minutes, "29h", &both(40.2)),
                (gate, "29h", &answers),
                (NANS, "11h", &[("{}", 0.0)]),
                (NANS, "23h30m", &[("{}", 0.0)]),
                (NANS, "29h", &[("{}", 0.0)]),
            ],
        },
    );
}

#[test]
fn no_traffic_is_no_nan_and_spends_nothing() {
    let directory = tempfile::tempdir().unwrap();
    generate(directory.path(), "quiet", &slo_file("quiet", ALL_AT_ONCE, ""));
    let minutes = "sum(round(slo:error_budget_remaining:seconds / 60, 0.001))";
    let coverage = "sum(slo:coverage:ratio)";
    let firing = r#"count(ALERTS{alertstate="firing",alertname!="Watchdog"}) or vector(0)"#;
    let zero: &[(&str, f64)] = &[("{}", 0.0)];
    // Nothing for six hours, an event a minute for two with one failure, nothing again.
    assert_holds(
        directory.path(),
        &Proof {
            rules: &["quiet.fast", "quiet.slow"],
            step: "5m",
            series: &[counter("requests_total", "0x72 5+5x23 120x72"), counter("errors_total", "_x80 1x87")],
            checks: &[
                (minutes, "5h", &[("{}", 43.2)]),
                (coverage, "5h", &[("{}", 1.0)]),
                (NANS, "5h", zero),
                (NANS, "7h", zero),
                (NANS, "13h", zero),
                // One of 120 events failed in the thirteen hours that were observed, less the delay of the rules.
                ("sum(round(slo:sli_error:ratio_rate30d, 0.0001))", "13h", &[("{}", 0.0083)]),
                (coverage, "13h", &[("{}", 1.0)]),
                (firing, "13h", zero),
                ("sum(slo:deploy_gate:open)", "13h", &[("{}", 1.0)]),
            ],
        },
    );
}

#[test]
fn an_hour_old_slo_with_a_six_minute_outage_has_37_2_minutes_left() {
    let directory = tempfile::tempdir().unwrap();
    generate(directory.path(), "young", &slo_file("young", ALL_AT_ONCE, ""));
    assert_holds(
        directory.path(),
        &Proof {
            rules: &["young.fast", "young.slow"],
            step: "5m",
            series: &[counter("requests_total", "0+5x20"), counter("errors_total", "0 0 0 5 6x16")],
            checks: &[
                ("sum(round(slo:error_budget_remaining:seconds / 60, 0.000001))", "70m", &[("{}", 37.2)]),
                ("sum(slo:coverage:ratio)", "70m", &[("{}", 1.0)]),
            ],
        },
    );
}

/// Steps of half a minute.
const MINUTE: i64 = 2;
const HOUR: i64 = 60 * MINUTE;

/// A steady service with something that is not worth a call.
struct Noise {
    name: &'static str,
    /// Events and bad events in the half minute that is so many steps after the incident began.
    events: fn(i64) -> (u64, u64),
    /// Whether its counters begin anew after that half minute.
    restarts: fn(i64) -> bool,
    /// Whether the scrape at that half minute fails.
    unseen: fn(i64) -> bool,
}

fn never(_: i64) -> bool {
    false
}

/// One event a minute.
fn trickle(step: i64) -> u64 {
    u64::from(step % MINUTE == 0)
}

fn noise(name: &'static str, events: fn(i64) -> (u64, u64)) -> Noise {
    Noise { name, events, restarts: never, unseen: never }
}

/// The twenty cases. What a budget of 99.9 % over 30 days bears without anybody being called.
fn noises() -> Vec<Noise> {
    vec![
        // Single failures.
        noise("one_failure_at_one_a_minute", |step| (trickle(step), u64::from(step == 0))),
        noise("two_failures_ninety_minutes_apart", |step| (trickle(step), u64::from(step == 0 || step == 90 * MINUTE))),
        noise("one_failure_at_six_an_hour", |step| (u64::from(step % (10 * MINUTE) == 0), u64::from(step == 0))),
        noise("one_failure_at_twelve_an_hour", |step| (u64::from(step % (5 * MINUTE) == 0), u64::from(step == 0))),
        noise("one_failure_after_three_idle_hours", |step| {
            (if (-3 * HOUR..0).contains(&step) { 0 } else { trickle(step) }, u64::from(step == 0))
        }),
        noise("one_failure_at_night_after_a_busy_day", |step| {
            (if step < -HOUR { 500 } else { trickle(step) }, u64::from(step == 0))
        }),
        // Burns below every threshold.
        noise("nine_tenths_of_the_budget_steadily", |step| (10_000, if step % 10 == 0 { 90 } else { 0 })),
        noise("half_of_the_budget_steadily", |step| (50, u64::from(step % (20 * MINUTE) == 0))),
        noise("a_percent_for_ten_minutes", |step| (500, if (0..10 * MINUTE).contains(&step) { 6 } else { 0 })),
        noise("two_percent_for_five_minutes", |step| (50, u64::from((0..5 * MINUTE).contains(&step)))),
        noise("five_times_too_fast_for_twenty_minutes", |step| {
            (1000, if (0..20 * MINUTE).contains(&step) { 5 } else { 0 })
        }),
        noise("twice_too_fast_for_an_hour", |step| (1000, if (0..HOUR).contains(&step) { 2 } else { 0 })),
        // Deployments.
        noise("half_a_minute_of_outage", |step| (500, if step == 0 { 500 } else { 0 })),
        noise("a_third_fails_for_two_minutes", |step| (500, if (0..2 * MINUTE).contains(&step) { 150 } else { 0 })),
        noise("three_deployments_a_day", |step| {
            (300, if step % (3 * HOUR) == 0 && (0..9 * HOUR).contains(&step) { 200 } else { 0 })
        }),
        // Restarts and scrapes.
        Noise { restarts: |step| step == 0, ..noise("a_restart", |_| (50, 0)) },
        Noise { restarts: |step| step == 0, ..noise("a_restart_with_a_failure", |step| (50, u64::from(step == 0))) },
        Noise { restarts: |step| step % HOUR == 0, ..noise("a_restart_every_hour", |_| (50, 0)) },
        Noise { unseen: |step| (0..MINUTE).contains(&step), ..noise("a_minute_without_scrapes", |_| (50, 0)) },
        // No traffic at all.
        noise("three_idle_hours", |step| (if (0..3 * HOUR).contains(&step) { 0 } else { 50 }, 0)),
        // And one that is worth a call, so that silence proves something.
        noise("outage", |step| (50, if (0..10 * MINUTE).contains(&step) { 50 } else { 0 })),
    ]
}

/// A counter as scrapes see it, from `start` on: what happened in each half minute, added up.
fn scraped(noise: &Noise, start: i64, steps: i64, count: impl Fn((u64, u64)) -> u64) -> String {
    let mut values = String::new();
    let mut value = 0;
    for step in start..start + steps {
        value += count((noise.events)(step));
        match (noise.unseen)(step) {
            true => values.push_str("_ "),
            false => write!(values, "{value} ").unwrap(),
        }
        if (noise.restarts)(step) {
            value = 0;
        }
    }
    values
}

/// Increments of five minutes, from `start` on.
fn summed(noise: &Noise, start: i64, slices: i64, count: impl Fn((u64, u64)) -> u64) -> String {
    let slice = |first: i64| (first..first + 5 * MINUTE).map(|step| count((noise.events)(step))).sum::<u64>();
    (0..slices).map(|at| format!("{} ", slice(start + at * 5 * MINUTE))).collect()
}

/// The error ratio over six hours every five minutes, which the slow rules read and the fast ones record.
fn ratios(noise: &Noise, start: i64, slices: i64) -> String {
    let ratio = |slice: i64| {
        let end = start + (slice + 1) * 5 * MINUTE;
        let (total, bad) = ((end - 6 * HOUR).max(start)..end)
            .map(noise.events)
            .fold((0, 0), |sum, (total, bad)| (sum.0 + total, sum.1 + bad));
        bad as f64 / (total as f64).max(1e-9)
    };
    (0..slices).map(|slice| format!("{} ", ratio(slice))).collect()
}

/// Runs every case through a tier; only the outage may alert, by both of its pairs.
fn assert_quiet(file: &str, step: &str, end: &str, series: &[(String, String)]) {
    let directory = tempfile::tempdir().unwrap();
    generate(directory.path(), "noise", &slo_file("noise", "", ", by: [case]"));
    let fired =
        format!(r#"count by (case) (count_over_time(ALERTS{{alertstate="firing",alertname!="Watchdog"}}[{end}]))"#);
    let checks: &[Check<'_>] = &[(&fired, end, &[(r#"{case="outage"}"#, 2.0)])];
    assert_holds(directory.path(), &Proof { rules: &[file], step, series, checks });
}

#[test]
fn twenty_noise_cases_page_nobody() {
    assert_eq!(noises().len(), 21);
    let (quiet, steps) = (7 * HOUR, 20 * HOUR);
    let series: Vec<_> = noises()
        .iter()
        .flat_map(|noise| {
            let labels = format!("{{job=\"j\",instance=\"i:1\",case=\"{}\"}}", noise.name);
            [
                (format!("requests_total{labels}"), scraped(noise, -quiet, steps, |(total, _)| total)),
                (format!("errors_total{labels}"), scraped(noise, -quiet, steps, |(_, bad)| bad)),
            ]
        })
        .collect();
    assert_quiet("noise.fast", "30s", "20h", &series);
}

#[test]
fn twenty_noise_cases_open_no_ticket() {
    let (quiet, slices) = (73 * HOUR, 4 * 288);
    let series: Vec<_> = noises()
        .iter()
        .flat_map(|noise| {
            let labels = format!("{{slo_service=\"noise\",slo=\"requests\",case=\"{}\"}}", noise.name);
            [
                (format!("slo:sli_total:increase{labels}"), summed(noise, -quiet, slices, |(total, _)| total)),
                (format!("slo:sli_bad:increase{labels}"), summed(noise, -quiet, slices, |(_, bad)| bad)),
                (format!("slo:sli_error:ratio_rate6h{labels}"), ratios(noise, -quiet, slices)),
            ]
        })
        .collect();
    assert_quiet("noise.slow", "5m", "4d", &series);
}

/// An SLO file over a probe.
const PROBED: &str = "version: burndown/v1
service: shop
probes: [{name: app, interval: 1m, http: {url: 'https://shop.example.com/'}}]
slos: [{name: available, objective: 99, sli: {probe: app}}]
";

#[test]
fn the_alerts_of_a_service_fire_for_what_they_say_and_for_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    generate(directory.path(), "shop", PROBED);
    let target = r#"job="burndown",instance="p:1""#;
    let probe = |name: &str, probe: &str, more: &str, values: &str| {
        (format!(r#"{name}{{slo_service="shop",probe="{probe}"{more},{target}}}"#), values.to_owned())
    };
    let group = |name: &str, group: &str, values: &str| {
        (format!(r#"prometheus_rule_{name}_total{{rule_group="/rules.yaml;burndown/{group}"}}"#), values.to_owned())
    };
    let series = [
        (format!("up{{{target}}}"), "1x60 0x60".to_owned()),
        probe("slo_probe_timeout_seconds", "app", "", "10x60 _x60"),
        probe("slo_probe_attempts_total", "app", "", "0+1x60 _x60"),
        probe("slo_probe_failures_total", "app", "", "0x60 _x60"),
        // Two overruns in the first hour are a hiccup, one every five minutes of the second is a habit.
        probe("slo_probe_skipped_total", "app", r#",reason="overrun""#, "0x20 1x20 2x60 3x4 4x4 5x4"),
        probe("slo_probe_skipped_total", "app", r#",reason="internal""#, "0+1x120"),
        // Thirteen days, and thirty.
        probe("slo_probe_tls_not_after_timestamp_seconds", "app", "", "1123200x120"),
        probe("slo_probe_tls_not_after_timestamp_seconds", "other", "", "2592000x120"),
        group("group_iterations_missed", "shop/available", "0x60 1x60"),
        group("group_iterations_missed", "shop-floor/available", "0+1x120"),
        group("evaluation_failures", "shop", "0x90 2x30"),
    ];
    let firing = |alert: &str| {
        format!(r#"sum by (probe, instance, rule_group, severity) (ALERTS{{alertname="{alert}",alertstate="firing"}})"#)
    };
    let (down, overrun, expiring) = (firing("ProberDown"), firing("ProbeOverrun"), firing("CertificateExpiring"));
    let (failing, watchdog) = (firing("SLORulesFailing"), firing("Watchdog"));
    let app: &[(&str, f64)] = &[(r#"{probe="app",instance="p:1",severity="ticket"}"#, 1.0)];
    let of = |group: &str| format!(r#"{{rule_group="/rules.yaml;burndown/{group}",severity="ticket"}}"#);
    let (slo, service) = (of("shop/available"), of("shop"));
    assert_holds(
        directory.path(),
        &Proof {
            rules: &["shop.fast", "shop.slow"],
            step: "1m",
            series: &series,
            checks: &[
                (&down, "1h", &[]),
                (&down, "1h4m", &[]),
                (&down, "1h10m", &[(r#"{instance="p:1",severity="page"}"#, 1.0)]),
                (&down, "1h55m", &[(r#"{instance="p:1",severity="page"}"#, 1.0)]),
                (&overrun, "1h", &[]),
                (&overrun, "1h54m", app),
                (&expiring, "1m", app),
                (&failing, "1h", &[]),
                (&failing, "1h5m", &[(&slo, 1.0)]),
                (&failing, "1h35m", &[(&service, 1.0)]),
                (&watchdog, "0m", &[(r#"{severity="none"}"#, 1.0)]),
                (&watchdog, "1h55m", &[(r#"{severity="none"}"#, 1.0)]),
            ],
        },
    );
}

#[test]
fn a_service_that_never_failed_has_a_budget_because_of_the_fill() {
    let directory = tempfile::tempdir().unwrap();
    generate(directory.path(), "clean", &slo_file("clean", ALL_AT_ONCE, ""));
    let minutes = "sum(slo:error_budget_remaining:seconds / 60)";
    let series = [counter("requests_total", "0+5x36")];
    let holds = |samples: &[(&str, f64)]| {
        let checks = [(minutes, "2h", samples)];
        let rules = &["clean.fast", "clean.slow"];
        assert_holds(directory.path(), &Proof { rules, step: "5m", series: &series, checks: &checks });
    };
    holds(&[("{}", 43.2)]);

    // Without the fill nothing would be known of a service until it fails.
    let path = directory.path().join("rules/clean.fast.yaml");
    let rules = fs::read_to_string(&path).unwrap();
    let fill = "or on () (0 * sum (slo:sli_total:increase{slo_service=\"clean\",slo=\"requests\"}))";
    assert!(rules.contains(fill), "{rules}");
    fs::write(&path, rules.replace(fill, "")).unwrap();
    holds(&[]);
}
