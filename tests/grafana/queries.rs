//! Every query of every panel on a real Prometheus that holds what the rules record: it is valid, gives data, and the
//! values are what the panel says they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use super::history::{CORRECTED, END, History, QUICK_SHOP, SHOP};
use super::page::{Page, Query, Values, checked_in, generate, named, replaced};
use crate::support::prometheus::Series;
use crate::support::promtool::check_rules;

/// What the values of a panel are, on whichever page: unit, least and most.
const PANELS: &[(&str, &str, f64, f64)] = &[
    // One SLO. The budget is 43.2 minutes, or six of the quick one; more than all of it can be spent.
    ("Budget left", "s", -3_600.0, 2_592.0),
    ("Share left", "percentunit", -2.0, 1.0),
    ("Runs out in", "s", 0.0, 1e7),
    ("Burn rate now", "none", 0.0, 1_000.0),
    ("May we deploy?", "none", 0.0, 4.0),
    ("Good over the window", "percentunit", 0.8, 1.0),
    ("Burndown", "s", -3_600.0, 2_592.0),
    ("Budget left over the rolling window", "s", -3_600.0, 2_592.0),
    ("What spent it", "s", 0.0, 3_600.0),
    ("Burn rate over $long_window and its short window", "none", 0.0, 1_000.0),
    ("Error ratio by window", "percentunit", 0.0, 1.0),
    ("Events", "short", 0.0, 1e6),
    ("Groups", "string", -3_600.0, 2_592.0),
    ("Observed share", "percentunit", 0.0, 1.0),
    ("Gate", "none", 0.0, 4.0),
    ("Alerts", "none", 1.0, 1.0),
    // The fleet and the wall.
    ("SLOs", "short", 5.0, 5.0),
    ("Gates closed", "short", 1.0, 5.0),
    ("Budgets spent", "short", 1.0, 5.0),
    ("Unknown", "short", 0.0, 0.0),
    ("Alerts firing", "short", 1.0, 50.0),
    ("Least left", "percentunit", -2.0, 1.0),
    ("SLOs, the worst first", "string", -3_600.0, 25_920.0),
    ("Least budget left", "string", -3_600.0, 25_920.0),
    ("Share left of the ten lowest budgets", "percentunit", -2.0, 1.0),
    ("Firing alerts", "string", 1.0, 1.0),
    // A probe.
    ("Last run", "none", 0.0, 1.0),
    ("Since the last run", "s", 0.0, 1_200.0),
    ("Succeeded", "percentunit", 0.0, 1.0),
    ("95 of 100 runs took at most", "s", 0.0, 10.0),
    ("Runs skipped", "short", 0.0, 50.0),
    ("Certificate: days left", "none", 40.0, 41.0),
    ("Verdicts", "none", 0.0, 1.0),
    ("Succeeded over time", "percentunit", 0.0, 1.0),
    ("Failures by reason", "short", 0.0, 100.0),
    ("Durations", "s", 0.0, 10.0),
    ("Runs by duration", "short", 0.0, 1_000.0),
    ("Phases", "s", 0.0, 1.0),
    ("Durations of steps", "s", 0.0, 20.0),
    ("Steps that failed", "short", 0.0, 10.0),
];

/// Panels of which a query may find nothing for some of the SLOs that are asked about, and for at least one of them not.
const OF_SOME: [&str; 6] =
    ["Certificate: days left", "Phases", "Durations of steps", "Steps that failed", "Groups", "Failures by reason"];

/// Queries that find nothing unless something was corrected, for the same reason.
const NET: [(&str, usize); 2] = [("Budget left", 1), ("Budget left over the rolling window", 1)];

/// What a page is opened with, the SLOs that it can show in turn.
fn choices(page: &Page) -> Vec<Values<'static>> {
    let choice = |values: &[(&'static str, &str)]| {
        let usual = [("datasource", "p"), ("by_route", ".*"), ("location", ".*"), ("resolution", "30m")];
        usual.iter().chain(values).map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let pair = |slo, long| choice(&[("service", "shop"), ("slo", slo), ("long_window", long)]);
    match page.name.as_str() {
        "burndown-slo-30d" => vec![pair("grouped", "6h"), pair("grouped", "3d"), pair("probed", "1h")],
        "burndown-slo-1h" => vec![choice(&[("service", "quick"), ("slo", "open"), ("long_window", "5m")])],
        "burndown-probe" => {
            let probe = |name| choice(&[("service", "shop"), ("probe", name)]);
            vec![probe("home"), probe("push")]
        }
        _ => vec![choice(&[("service", ".*")])],
    }
}

/// The pages of both services.
fn pages() -> Vec<Page> {
    let directory = tempfile::tempdir().unwrap();
    let one = generate(directory.path(), SHOP, &[]);
    let other = tempfile::tempdir().unwrap();
    let quick = generate(other.path(), QUICK_SHOP, &[]);
    one.into_iter().chain(quick.into_iter().filter(|page| page.name == "burndown-slo-1h")).collect()
}

#[test]
fn every_query_gives_what_its_panel_says() {
    let history = History::fill();
    let pages = pages();
    let mut titles = BTreeSet::new();
    let mut complaints = Vec::new();
    for page in &pages {
        let mut found: BTreeMap<(String, usize), usize> = BTreeMap::new();
        for values in choices(page) {
            for query in page.queries() {
                let series = query.ask(&history.prometheus, &values, page.range(), END);
                *found.entry((query.panel.clone(), query.number)).or_default() += series.len();
                complaints.extend(complaint(&query, &series).map(|one| format!("{} {values:?} {one}", page.name)));
                titles.insert(query.panel);
            }
        }
        let empty = found.iter().filter(|(_, count)| **count == 0).map(|(query, _)| query);
        complaints.extend(empty.map(|(panel, number)| format!("{} {panel} {number} gives nothing", page.name)));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let known: BTreeSet<String> = PANELS.iter().map(|(title, ..)| (*title).to_owned()).collect();
    assert_eq!(titles, known);
    assert_burndown(&history, named(&pages, "burndown-slo-30d"));
    assert_people(&history, named(&pages, "burndown-slo-30d"));
}

/// What is wrong with the answer to a query.
fn complaint(query: &Query, series: &[Series]) -> Option<String> {
    let Query { panel, number, .. } = query;
    let Some((_, unit, least, most)) = PANELS.iter().find(|(title, ..)| title == panel) else {
        return Some(format!("{panel} is not expected"));
    };
    if *unit != query.unit {
        return Some(format!("{panel} has the unit {}", query.unit));
    }
    if series.is_empty() && !OF_SOME.contains(&panel.as_str()) && !NET.contains(&(panel.as_str(), *number)) {
        return Some(format!("{panel} {number} gives nothing: {}", query.expr));
    }
    let mut values = series.iter().flat_map(|series| &series.points).map(|(_, value)| *value).filter(|v| !v.is_nan());
    let slack = 1e-6;
    let wrong = values.find(|value| *value < least - slack || *value > most + slack)?;
    Some(format!("{panel} {number} gives {wrong}: {}", query.expr))
}

/// A burndown reads 43.2 minutes where it begins, never rises, and ends at what is left.
fn assert_burndown(history: &History, page: &Page) {
    for (slo, outages) in [("probed", 6.0), ("grouped", 50.0)] {
        let values = Values::from([("service", "shop".into()), ("slo", slo.into()), ("by_route", ".*".into())]);
        let query = |panel: &str, number: usize| {
            let queries = page.queries();
            let query = queries.into_iter().find(|query| query.panel == panel && query.number == number).unwrap();
            let mut series = query.ask(&history.prometheus, &values, page.range(), END);
            assert_eq!(series.len(), 1, "{slo} {panel} {number}: {series:?}");
            series.remove(0).points
        };
        let minutes = |(_, seconds): &(f64, f64)| seconds / 60.0;
        let burndown = query("Burndown", 0);
        assert_eq!(burndown.len(), 601);
        assert!((minutes(&burndown[0]) - 43.2).abs() < 1e-9, "{slo} begins with {}", minutes(&burndown[0]));
        assert!(burndown.windows(2).all(|pair| pair[1].1 <= pair[0].1 + 1e-6), "{slo} rises");
        let left = query("Budget left", 0);
        let end = minutes(burndown.last().unwrap());
        assert!((end - minutes(&left[0])).abs() < 0.05, "{slo} ends at {end}, and {} are left", minutes(&left[0]));
        assert!(end < 43.2 - outages && end > 43.2 - outages - 20.0, "{slo} ends at {end}");

        let spent: f64 = query("What spent it", 0).iter().map(minutes).sum();
        assert!((spent - (43.2 - end)).abs() < 0.2, "{slo}: bars of {spent} minutes, {} were spent", 43.2 - end);

        let even = query("Burndown", 1);
        assert!((minutes(&even[0]) - 43.2).abs() < 1e-9 && minutes(even.last().unwrap()).abs() < 1e-9);
        assert!((minutes(&even[300]) - 21.6).abs() < 1e-9);
        let resume = query("Burndown", 3);
        assert!((minutes(&resume[0]) - 10.0).abs() < 1e-9);
    }
}

/// What people decided shows where they decided something, and nothing of it elsewhere.
fn assert_people(history: &History, page: &Page) {
    let at_end = |slo: &str, (panel, number): (&str, usize)| {
        let values = Values::from([("service", "shop".into()), ("slo", slo.into()), ("by_route", ".*".into())]);
        let queries = page.queries();
        let query = queries.into_iter().find(|query| query.panel == panel && query.number == number).unwrap();
        let found = query.ask(&history.prometheus, &values, page.range(), END);
        found.iter().map(|series| series.points.last().unwrap().1).collect::<Vec<f64>>()
    };
    let (left, rolling) = (("Budget left", 0), ("Budget left over the rolling window", 0));
    for net in NET {
        assert_eq!(at_end("probed", net), [0.0; 0]);
    }
    let worst = at_end("grouped", left)[0];
    assert_eq!(at_end("grouped", NET[0]), [worst + CORRECTED]);
    let lines = (at_end("grouped", rolling), at_end("grouped", NET[1]));
    assert!(lines.0.len() == 3 && lines.1 == [worst + CORRECTED], "{lines:?}");
    let timeline = at_end("grouped", ("Gate", 0));
    assert!(timeline.contains(&3.0) && timeline.iter().all(|state| *state >= 3.0), "{timeline:?}");
    assert_eq!(at_end("grouped", ("May we deploy?", 0)), [3.0]);
    assert_eq!(at_end("probed", ("May we deploy?", 0)), [4.0]);
    let annotations = page.json["annotations"]["list"].as_array().unwrap();
    let overrides = annotations.iter().find(|one| one["name"] == "Overrides").unwrap();
    for (slo, values) in [("grouped", vec![1.0]), ("probed", Vec::new())] {
        let own = Values::from([("service", "shop".into()), ("slo", slo.into()), ("by_route", ".*".into())]);
        let expr = replaced(overrides["expr"].as_str().unwrap(), &own);
        let found = history.prometheus.query_range(&expr, END as f64, END as f64, 60.0);
        let found: Vec<f64> = found.iter().map(|series| series.points[0].1).collect();
        assert_eq!(found, values, "{slo}");
    }
}

#[test]
fn promtool_accepts_every_expression() {
    let directory = tempfile::tempdir().unwrap();
    let mut rules = "groups:\n- name: dashboards\n  rules:\n".to_owned();
    let grafana = [("__interval", "5m"), ("__rate_interval", "5m"), ("__range", "1d"), ("__from", "1700000000000")];
    let mut count = 0;
    for page in checked_in() {
        let own = page.variables().iter().map(|variable| (variable["name"].as_str().unwrap(), "x".to_owned()));
        let values: Values<'_> = own.chain(grafana.map(|(name, value)| (name, value.to_owned()))).collect();
        let annotations = page.json["annotations"]["list"].as_array().unwrap().iter();
        let annotations = annotations.filter_map(|one| one["target"]["expr"].as_str().map(str::to_owned));
        for expr in page.queries().into_iter().map(|query| query.expr).chain(annotations) {
            count += 1;
            let expr = serde_json::to_string(&replaced(&expr, &values)).unwrap();
            writeln!(rules, "  - {{record: 'r{count}', expr: {expr}}}").unwrap();
        }
    }
    let file = directory.path().join("rules.yaml");
    fs::write(&file, &rules).unwrap();
    let judged = check_rules(&file);
    assert!(judged.passed && judged.output.contains(&format!("{count} rules found")), "{}", judged.output);
    fs::write(&file, rules + "  - {record: 'bad', expr: 'sum('}\n").unwrap();
    assert!(!check_rules(&file).passed);
}
