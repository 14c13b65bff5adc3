//! An imported SLO means what it meant: the error ratio that its own tool documents and the one that the generated rules
//! record agree on the same data, in promtool.

use std::fmt::Write as _;
use std::fs;

use super::{Bench, file};
use crate::support::promtool::test_rules;

/// When both are compared, and over which windows.
struct Look {
    at: &'static str,
    over: &'static [&'static str],
}

/// Everything that the fast rules record.
const LONG: Look = Look { at: "7h", over: &["5m", "30m", "1h", "6h"] };

/// For files with queries, each of which promtool evaluates over every window at every step.
const SHORT: Look = Look { at: "70m", over: &["5m", "30m", "1h"] };

/// A series with a sample in each half minute.
struct Series {
    name: &'static str,
    values: &'static str,
}

/// Steady traffic of every kind, for seven hours. The 30 seconds of delay make no difference to it.
const TRAFFIC: [Series; 14] = [
    Series { name: "orders_total{job=\"bakery\",instance=\"i:1\",code=\"200\"}", values: "0+97x900" },
    Series { name: "orders_total{job=\"bakery\",instance=\"i:1\",code=\"503\"}", values: "0+3x900" },
    Series { name: "baking_seconds_count{job=\"bakery\",instance=\"i:1\"}", values: "0+40x900" },
    Series { name: "baking_seconds_bucket{job=\"bakery\",instance=\"i:1\",le=\"0.75\"}", values: "0+38x900" },
    Series { name: "baking_seconds_bucket{job=\"bakery\",instance=\"i:1\",le=\"2.5\"}", values: "0+39x900" },
    Series { name: "sales_total{shop=\"north\",instance=\"i:1\",job=\"x\"}", values: "0+10x900" },
    Series { name: "returns_total{shop=\"north\",instance=\"i:1\",job=\"x\"}", values: "0+1x900" },
    Series { name: "sales_total{shop=\"south\",instance=\"i:1\",job=\"x\"}", values: "0+50x900" },
    Series { name: "returns_total{shop=\"south\",instance=\"i:1\",job=\"x\"}", values: "0+2x900" },
    Series { name: "oven_warm{instance=\"i:1\"}", values: "1x900" },
    Series { name: "oven_warm{instance=\"i:2\"}", values: "0x900" },
    Series { name: "stale_loaves", values: "2x900" },
    Series { name: "loaves", values: "8x900" },
    Series { name: "baked:ratio", values: "0.875x900" },
];

/// An SLO, its error ratio, and how its own tool would divide over a window.
type Case<'a> = (&'a str, &'a str, fn(&str) -> String);

/// Imports a file, generates its rules, and compares: for each SLO what its tool would record over a window.
fn agrees(name: &str, service: &str, look: &Look, cases: &[Case<'_>]) {
    let bench = Bench::new();
    bench.write("slo.yaml", file(name));
    let imported = bench.run(&["import", "@/slo.yaml"]);
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    bench.write("made.yaml", &imported.stdout);
    let generated = bench.run(&["generate", "@/made.yaml", "--only=rules", "-o", "@/out"]);
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    let test = bench.write("out/test.yaml", &promtool_test(service, look, cases));
    let judged = test_rules(&test);
    assert!(judged.passed, "{}\n{}", judged.output, fs::read_to_string(&test).unwrap());
}

/// For each SLO and window, that there is a ratio, that it is the expected one, and that both ways agree.
fn promtool_test(service: &str, look: &Look, cases: &[Case<'_>]) -> String {
    let mut text = format!(
        "rule_files: [rules/{service}.fast.yaml]\nevaluation_interval: 30s\ntests:\n- interval: 30s\n  input_series:\n"
    );
    for Series { name, values } in TRAFFIC {
        let _ = writeln!(text, "  - {{series: '{name}', values: '{values}'}}");
    }
    text.push_str("  promql_expr_test:\n");
    for (slo, expected, theirs) in cases {
        for window in look.over {
            let ours = format!("slo:sli_error:ratio_rate{window}{{slo_service=\"{service}\",slo=\"{slo}\"}}");
            let mut holds = |expression: &str| {
                let expression = expression.replace('\'', "''");
                let _ = writeln!(
                    text,
                    "  - {{expr: '{expression}', eval_time: {}, exp_samples: [{{labels: '{{}}', value: 1}}]}}",
                    look.at
                );
            };
            // A division of sums and one of rates differ in their last digits.
            holds(&format!("abs(max by () ({ours}) - {expected}) < bool 1e-9"));
            holds(&format!("abs({} - max by () ({ours})) < bool 1e-9", theirs(window)));
        }
    }
    text
}

#[test]
fn events_of_sloth_are_what_sloth_would_divide() {
    agrees(
        "sloth",
        "bakery",
        &SHORT,
        &[
            ("orders", "0.03", |w| {
                format!(
                    "(sum(rate(orders_total{{job=\"bakery\",code=~\"5..\"}}[{w}])) or vector(0)) / (sum(rate(orders_total{{job=\"bakery\"}}[{w}])))"
                )
            }),
            ("baking-time", "0.05", |w| {
                format!(
                    "((sum(rate(baking_seconds_count{{job=\"bakery\"}}[{w}])) - sum(rate(baking_seconds_bucket{{job=\"bakery\",le=\"0.75\"}}[{w}])))) / (sum(rate(baking_seconds_count{{job=\"bakery\"}}[{w}])))"
                )
            }),
            ("by-shop", "0.1", |w| {
                format!(
                    "max((sum by (shop) (increase(returns_total[{w}]))) / (sum by (shop) (increase(sales_total[{w}]))))"
                )
            }),
            ("warm", "0.5", |w| {
                format!("(1 - (sum(sum_over_time(oven_warm[{w}])) / sum(count_over_time(oven_warm[{w}]))))")
            }),
            ("odd", "0.25", |w| format!("sum((max_over_time(stale_loaves[{w}]))) / (sum(max_over_time(loaves[{w}])))")),
        ],
    );
}

#[test]
fn indicators_of_pyrra_are_what_pyrra_would_divide() {
    let quiet = |w: &str| {
        format!(
            "(sum(rate(baking_seconds_count{{job=\"bakery\"}}[{w}])) - sum(rate(baking_seconds_bucket{{job=\"bakery\",le=\"2.5\"}}[{w}]))) / sum(rate(baking_seconds_count{{job=\"bakery\"}}[{w}]))"
        )
    };
    let orders = |w: &str| {
        format!(
            "max(sum by (shop, till) (rate(orders_total{{job=\"bakery\",code=~\"5..\"}}[{w}])) / sum by (shop, till) (rate(orders_total{{job=\"bakery\"}}[{w}])))"
        )
    };
    agrees("pyrra", "shops", &LONG, &[("bakery-orders", "0.03", orders), ("baking-time", "0.025", quiet)]);
}

#[test]
fn ratios_of_openslo_are_what_it_documents() {
    let bad =
        |w: &str| format!("1 - sum(increase(orders_total{{code!~\"5..\"}}[{w}])) / sum(increase(orders_total[{w}]))");
    agrees(
        "openslo",
        "bakery",
        &SHORT,
        &[
            ("orders-Promised", "0.03", bad),
            // Traffic is the same in every minute, so that the mean of its ratios is the ratio of all.
            ("even-minutes", "0.03", bad),
            ("stored", "0.125", |w| format!("1 - avg_over_time(baked:ratio[{w}])")),
        ],
    );
}
