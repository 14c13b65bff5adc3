//! The rules of Grafana's dashboard-linter, by their names there (grafana/dashboard-linter, docs/index.md), and what
//! this project asks of a panel besides.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use promql_parser::parser::{self, Expr};
use serde_json::{Value, json};

use super::page::{Page, Values, checked_in, named, replaced, text};

/// A duration that stands nowhere else, in the place of `$__rate_interval`.
const MAGIC: &str = "7m13s";

/// Units that Grafana knows, as far as the pages use them.
const UNITS: [&str; 5] = ["s", "percentunit", "short", "none", "string"];

/// Rules that do not fit.
const EXCLUDED: [&str; 4] = ["target-instance-rule", "target-job-rule", "template-instance-rule", "template-job-rule"];

#[test]
fn the_dashboards_pass_the_linter() {
    for page in checked_in() {
        let complaints = complaints(&page);
        assert!(complaints.is_empty(), "{}: {complaints:#?}", page.name);
    }
}

#[test]
fn each_rule_finds_what_it_is_for() {
    let pages = checked_in();
    let page = named(&pages, "burndown-probe");
    let graph = page.json["panels"].as_array().unwrap().iter().position(|panel| panel["type"] == "timeseries").unwrap();
    let panel = format!("/panels/{graph}");
    for (rule, place, wrong) in [
        ("template-datasource-rule", "/templating/list/0/name".to_owned(), json!("prometheus")),
        ("template-on-time-change-reload-rule", "/templating/list/1/refresh".to_owned(), json!(1)),
        ("template-label-promql-rule", "/templating/list/1/query".to_owned(), json!("label_values(a{, b)")),
        ("template-label-promql-rule", "/templating/list/1/query".to_owned(), json!("values(a, b)")),
        ("uneditable-dashboard", "/editable".to_owned(), json!(true)),
        ("panel-datasource-rule", format!("{panel}/datasource/uid"), json!("abc")),
        ("panel-datasource-rule", format!("{panel}/targets/0/datasource/uid"), json!("abc")),
        ("panel-title-description-rule", format!("{panel}/description"), json!("")),
        ("panel-units-rule", format!("{panel}/fieldConfig/defaults/unit"), json!("minutes")),
        ("panel-no-targets-rule", format!("{panel}/targets"), json!([])),
        ("target-promql-rule", format!("{panel}/targets/0/expr"), json!("sum(")),
        ("target-rate-interval-rule", format!("{panel}/targets/0/expr"), json!("sum(rate(a_total[5m]))")),
        ("target-counter-agg-rule", format!("{panel}/targets/0/expr"), json!("sum(a_total)")),
        ("duplicate-title", format!("{panel}/title"), json!("Last run")),
        ("what-to-do", format!("{panel}/description"), json!("Success.")),
        ("colour-alone", format!("{panel}/options/legend/showLegend"), json!(false)),
    ] {
        let mut damaged = page.clone();
        *damaged.json.pointer_mut(&place).unwrap_or_else(|| panic!("no {place}")) = wrong;
        let complaints = complaints(&damaged);
        assert!(complaints.iter().any(|one| one.starts_with(rule)), "{rule}: {complaints:?}");
    }
}

#[test]
fn what_the_linter_is_to_leave_out_has_its_reason() {
    let file = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/grafana/.lint")).unwrap();
    let file: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>> = serde_yaml::from_str(&file).unwrap();
    let exclusions = &file["exclusions"];
    assert_eq!(exclusions.keys().map(String::as_str).collect::<Vec<_>>(), EXCLUDED);
    assert!(exclusions.values().all(|rule| rule["reason"].len() > 20));
}

#[test]
fn a_colour_means_the_same_everywhere() {
    // What each word is shown in, over all mappings of all pages.
    let mut meanings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for page in checked_in() {
        each_object(&page.json, &mut |object| {
            if let (Some(word), Some(color)) = (object.get("text"), object.get("color").and_then(Value::as_str)) {
                meanings.entry(text(word)).or_default().insert(color.to_owned());
            }
        });
    }
    let words = ["closed", "failed", "firing", "open", "overridden", "succeeded", "unknown, allowed", "unknown, held"];
    assert_eq!(meanings.keys().map(String::as_str).collect::<Vec<_>>(), words);
    for (word, colors) in &meanings {
        assert_eq!(colors.len(), 1, "{word}: {colors:?}");
    }
    let color = |word: &str| meanings[word].first().unwrap().clone();
    assert_eq!([color("open"), color("closed")], ["green", "red"]);
    assert_eq!((color("failed"), color("firing"), color("succeeded")), ("red".into(), "red".into(), "green".into()));
}

/// Calls `see` with every object of a JSON value.
fn each_object(value: &Value, see: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            see(object);
            object.values().for_each(|inner| each_object(inner, see));
        }
        Value::Array(values) => values.iter().for_each(|inner| each_object(inner, see)),
        _ => {}
    }
}

/// A value for every variable of a page, and of Grafana itself.
fn some_values(page: &Page) -> Values<'_> {
    let own = page.variables().iter().map(|variable| (variable["name"].as_str().unwrap(), "x".to_owned()));
    let grafana = [
        ("__interval", "5m".to_owned()),
        ("__rate_interval", MAGIC.to_owned()),
        ("__range", "1d".to_owned()),
        ("__from", "0".to_owned()),
    ];
    own.chain(grafana).collect()
}

fn complaints(page: &Page) -> Vec<String> {
    let mut complaints = of_page(page);
    let mut titles = BTreeSet::new();
    for panel in page.panels() {
        complaints.extend(of_panel(panel).into_iter().map(|one| format!("{one}: {}", panel["title"])));
        if !titles.insert(text(&panel["title"])) {
            complaints.push(format!("duplicate-title: {}", panel["title"]));
        }
    }
    let values = some_values(page);
    for query in page.queries() {
        match parser::parse(&replaced(&query.expr, &values)) {
            Ok(expr) => {
                let mut found = Vec::new();
                of_expr(&expr, None, &mut found);
                complaints.extend(found.into_iter().map(|rule| format!("{rule}: {}: {}", query.panel, query.expr)));
            }
            Err(error) => complaints.push(format!("target-promql-rule: {}: {error}", query.panel)),
        }
    }
    complaints
}

fn of_page(page: &Page) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut check = |rule: &str, holds: bool| complaints.extend((!holds).then(|| rule.to_owned()));
    let of_kind = |kind: &'static str| page.variables().iter().filter(move |variable| variable["type"] == kind);
    let sources: Vec<_> = of_kind("datasource").map(|one| (&one["name"], &one["label"], &one["query"])).collect();
    let wanted = (&json!("datasource"), &json!("Data source"), &json!("prometheus"));
    check("template-datasource-rule", sources == [wanted]);
    check("uneditable-dashboard", page.json["editable"] == false);
    let values = some_values(page);
    for variable in of_kind("query") {
        check("template-on-time-change-reload-rule", variable["refresh"] == 2);
        let query = text(&variable["query"]);
        let selector = query.strip_prefix("label_values(").and_then(|rest| rest.rsplit_once(", "));
        let parses = selector.is_some_and(|(selector, _)| parser::parse(&replaced(selector, &values)).is_ok());
        check("template-label-promql-rule", parses);
    }
    complaints
}

fn of_panel(panel: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut check = |rule: &str, holds: bool| complaints.extend((!holds).then(|| rule.to_owned()));
    let targets = panel["targets"].as_array().unwrap();
    let chosen = json!({"type": "prometheus", "uid": "${datasource}"});
    let sources = targets.iter().map(|target| &target["datasource"]).chain([&panel["datasource"]]);
    check("panel-datasource-rule", sources.into_iter().all(|source| *source == chosen));
    check("panel-no-targets-rule", !targets.is_empty());
    let description = text(&panel["description"]);
    check("panel-title-description-rule", !text(&panel["title"]).is_empty() && !description.is_empty());
    check("what-to-do", description.ends_with('.') && description.matches(". ").count() >= 1);
    let mut units = vec![text(&panel["fieldConfig"]["defaults"]["unit"])];
    each_object(&panel["fieldConfig"]["overrides"], &mut |object| {
        units.extend((object.get("id") == Some(&json!("unit"))).then(|| text(&object["value"])));
    });
    check("panel-units-rule", units.iter().all(|unit| UNITS.contains(&unit.as_str())));
    // Lines and bands are told apart by their legend, single states by their word.
    let legend = &panel["options"]["legend"]["showLegend"];
    check("colour-alone", !matches!(text(&panel["type"]).as_str(), "timeseries" | "state-timeline") || *legend == true);
    check("no-value", panel["fieldConfig"]["defaults"]["noValue"].is_string());
    complaints
}

/// The rules on functions and counters.
fn of_expr(expr: &Expr, function: Option<&str>, found: &mut Vec<&'static str>) {
    let rates = ["rate", "irate"];
    let is_counter = |name: &Option<String>| name.as_ref().is_some_and(|name| name.ends_with("_total"));
    match expr {
        Expr::MatrixSelector(selector) => {
            let function = function.unwrap_or_default();
            let magic = magic();
            if rates.contains(&function) && selector.range != magic {
                found.push("target-rate-interval-rule");
            }
            if is_counter(&selector.vs.name) && !rates.contains(&function) && function != "increase" {
                found.push("target-counter-agg-rule");
            }
        }
        Expr::VectorSelector(selector) if is_counter(&selector.name) => found.push("target-counter-agg-rule"),
        Expr::Call(call) => {
            call.args.args.iter().for_each(|argument| of_expr(argument, Some(call.func.name), found));
        }
        Expr::Aggregate(aggregate) => of_expr(&aggregate.expr, None, found),
        Expr::Binary(binary) => {
            of_expr(&binary.lhs, None, found);
            of_expr(&binary.rhs, None, found);
        }
        Expr::Paren(paren) => of_expr(&paren.expr, function, found),
        Expr::Subquery(subquery) => of_expr(&subquery.expr, None, found),
        Expr::Unary(unary) => of_expr(&unary.expr, None, found),
        _ => {}
    }
}

fn magic() -> std::time::Duration {
    std::time::Duration::from_secs(7 * 60 + 13)
}
