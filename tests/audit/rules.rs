//! What the generated rules make of overrides and corrections that a service exports, on Prometheus's own engine.

use crate::states::{ALL_AT_ONCE, Check, Proof, assert_holds, counter, generate, slo_file};

/// The gauges of a service that keeps the audit, as they are scraped.
fn scraped(metric: &str, labels: &str, values: &str) -> (String, String) {
    let name = match metric {
        "until" => "slo_deploy_gate_override_until_timestamp_seconds",
        _ => "slo_error_budget_corrected_seconds",
    };
    (format!("{name}{{slo_service=\"shop\",slo=\"requests\",{labels}}}"), values.to_owned())
}

const GATE: &str = "slo:deploy_gate:open";
const SHOP: &str = r#"{__name__="slo:deploy_gate:open", slo="requests", slo_service="shop"}"#;

/// An event a minute, of which all fail in the second hour: of 43.2 minutes, 60 are spent in the end.
fn counters() -> [(String, String); 2] {
    [counter("requests_total", "0+5x300"), counter("errors_total", "0x12 0+5x12 60+0x300")]
}

#[test]
fn an_override_opens_until_it_ends_whoever_is_scraped_then() {
    let directory = tempfile::tempdir().unwrap();
    generate(directory.path(), "shop", &slo_file("shop", &format!("{ALL_AT_ONCE}\ngate: {{resume_at: 10m}}"), ""));
    let [total, bad] = counters();
    // At three hours until five; the scrape at three and a half hours fails, and from four on nobody is scraped for long.
    let until = scraped("until", "job=\"a\",instance=\"i:9\"", "0x35 18000x5 stale 18000x5 stale _x200");
    let other = scraped("until", "job=\"a\",instance=\"i:8\"", "0x200");
    let checks: &[Check<'_>] = &[
        (GATE, "1h", &[(SHOP, 1.0)]),
        (GATE, "2h50m", &[(SHOP, 0.0)]),
        (GATE, "3h", &[(SHOP, 1.0)]),
        (GATE, "3h30m", &[(SHOP, 1.0)]),
        (
            "slo:deploy_gate_latch:open",
            "3h30m",
            &[(r#"{__name__="slo:deploy_gate_latch:open", slo="requests", slo_service="shop"}"#, 0.0)],
        ),
        // Fifteen minutes after the last scrape nobody knows of it any more.
        (GATE, "4h5m", &[(SHOP, 1.0)]),
        (GATE, "4h20m", &[(SHOP, 0.0)]),
    ];
    let series = [total, bad, until, other];
    assert_holds(directory.path(), &Proof { rules: &["shop.fast", "shop.slow"], step: "5m", series: &series, checks });
    let [total, bad] = counters();
    let series = [total, bad, scraped("until", "job=\"a\",instance=\"i:9\"", "0x35 18000x200")];
    let checks: &[Check<'_>] =
        &[(GATE, "4h55m", &[(SHOP, 1.0)]), (GATE, "5h", &[(SHOP, 0.0)]), (GATE, "8h", &[(SHOP, 0.0)])];
    assert_holds(directory.path(), &Proof { rules: &["shop.fast", "shop.slow"], step: "5m", series: &series, checks });
}

/// Groups by `instance`, which every scraped series has: what the service says of a group is not of the instance that
/// says it.
#[test]
fn a_correction_of_a_group_is_of_that_group_and_an_override_of_all() {
    let directory = tempfile::tempdir().unwrap();
    let file = slo_file("shop", &format!("{ALL_AT_ONCE}\ngate: {{resume_at: 10m}}"), ", by: [instance]");
    generate(directory.path(), "shop", &file);
    let of = |instance: &str, (name, values): (String, String)| {
        (name.replace("instance=\"i:1\"", &format!("instance=\"{instance}\"")), values)
    };
    let counters = ["a", "b"].into_iter().flat_map(|instance| counters().map(|series| of(instance, series)));
    let mut series: Vec<_> = counters.collect();
    // 30 minutes of the one are given back at four hours, so that 13.2 are left, and nothing of the other.
    // Two services say so, one of which was scraped as the other group.
    series.push(scraped("corrected", "slo_group_instance=\"a\",instance=\"b\"", "0x47 1800x200"));
    series.push(scraped("corrected", "slo_group_instance=\"a\",instance=\"i:8\"", "0x47 1800x200"));
    series.push(scraped("corrected", "job=\"x\"", "0x200"));
    series.push(scraped("until", "job=\"x\"", "0x59 19800x200"));
    let left = |kind: &str| format!("round(slo:error_budget{kind}_remaining:seconds / 60, 0.1)");
    let (gross, net) = (left(""), left("_net"));
    let groups = |a: f64, b: f64| {
        [
            (r#"{slo_service="shop", slo="requests", instance="a"}"#, a),
            (r#"{slo_service="shop", slo="requests", instance="b"}"#, b),
        ]
    };
    let gates = "sum by (instance) (slo:deploy_gate:open)";
    let gate_of = |a: f64, b: f64| [(r#"{instance="a"}"#, a), (r#"{instance="b"}"#, b)];
    let checks: &[Check<'_>] = &[
        (&net, "3h", &groups(-16.8, -16.8)),
        (gates, "3h", &gate_of(0.0, 0.0)),
        (&gross, "4h10m", &groups(-16.8, -16.8)),
        (&net, "4h10m", &groups(13.2, -16.8)),
        (gates, "4h10m", &gate_of(1.0, 0.0)),
        (gates, "5h10m", &[("{}", 1.0)]),
        (gates, "5h30m", &gate_of(1.0, 0.0)),
    ];
    assert_holds(directory.path(), &Proof { rules: &["shop.fast", "shop.slow"], step: "5m", series: &series, checks });
}
