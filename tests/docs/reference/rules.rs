//! `docs/reference/rules.md`, from the names and from the rules of the examples.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use burndown::names::{Alert, ERROR_RATIO, Record, label};
use burndown::units::Duration;
use serde_json::Value;

use super::{code, head, of_variants, table, written};
use crate::house::root;

#[test]
fn the_reference_of_rules_is_current() {
    let rules = rules();
    let mut text = head("Recorded series and alerts", "the names (`src/names.rs`) and the rules of the examples");
    text.push_str(INTRODUCTION);
    let words = of_variants("src/names.rs", "Record");
    let known: Vec<String> = words.iter().map(|(variant, _)| name(variant)).collect();
    let rows = words.iter().map(|(variant, words)| record(&name(variant), words, &rules));
    text.push_str(&table(&["series", "unit", "more labels", "meaning"], rows));
    for recorded in rules.iter().filter_map(|rule| rule["record"].as_str()) {
        assert!(known.iter().any(|name| is_of(recorded, name)), "{recorded} is recorded and not in the reference");
    }
    text.push_str("\n## Alerts\n\n");
    text.push_str(ALERTS);
    let words: BTreeMap<String, String> = of_variants("src/names.rs", "Alert").into_iter().collect();
    let rows = Alert::ALL.iter().map(|alert| of_alert(*alert, &words[&format!("{alert:?}")], &rules));
    text.push_str(&table(&["alert", "of", "severity", "for", "more labels", "fires when"], rows));
    written::is_current("docs/reference/rules.md", &text);
}

const INTRODUCTION: &str = "\
What `burndown generate` lets a Prometheus record. Every series of an SLO has the labels `slo_service` and `slo`, and those that `by`
names. Series whose name ends in a window stand for one per window: `5m`, `30m`, `1h`, `2h`, `6h`, `1d`, `3d` and the window of the
SLO, unless the file or a short window makes others.

";

const ALERTS: &str = "\
Every alert carries `slo_service`, the labels of the file, and, if it is of an SLO, `slo`, the labels of the SLO and those that `by` names. The
file may rename, relabel, delay or leave out each of them: see [alerts](file.md#alerts).

";

/// The name of a series, with `WINDOW` where one stands for several.
fn name(variant: &str) -> String {
    let fixed = Record::FIXED.iter().find(|record| format!("{record:?}") == variant);
    match (fixed, variant) {
        (Some(record), _) => record.name(),
        (None, "ErrorRatio") => format!("{ERROR_RATIO}WINDOW"),
        (None, "BadSum") => Record::BadSum(Duration::from_hours(1)).name().replace("1h", "WINDOW"),
        (None, other) => panic!("what is the name of `{other}`?"),
    }
}

/// Whether a recorded name is this one, in whatever window.
fn is_of(recorded: &str, name: &str) -> bool {
    name.strip_suffix("WINDOW").map_or(recorded == name, |stem| {
        recorded.strip_prefix(stem).is_some_and(|window| window.parse::<Duration>().is_ok())
    })
}

fn record(name: &str, words: &str, rules: &[Value]) -> Vec<String> {
    let of_name = rules.iter().filter(|rule| rule["record"].as_str().is_some_and(|recorded| is_of(recorded, name)));
    let units =
        [("seconds", "seconds"), (":ratio", "ratio"), ("ratio_rate", "ratio"), (":days", "days"), (":open", "0 or 1")];
    let unit =
        units.iter().find(|(end, _)| name.trim_end_matches("WINDOW").ends_with(end)).map_or("", |(_, unit)| unit);
    let unit = if unit.is_empty() && name.contains("sli_") { "events" } else { unit };
    vec![code(name), unit.to_owned(), own_labels(of_name), words.to_owned()]
}

/// The labels of rules that only some have, as code.
fn own_labels<'a>(rules: impl Iterator<Item = &'a Value>) -> String {
    let own =
        [label::OBJECTIVE, label::WINDOW, label::DESCRIPTION, label::SEVERITY, label::LONG_WINDOW, label::SHORT_WINDOW];
    let set: BTreeSet<&String> =
        rules.filter_map(|rule| rule["labels"].as_object()).flat_map(|labels| labels.keys()).collect();
    own.into_iter().filter(|name| set.iter().any(|set| set == name)).map(code).collect::<Vec<_>>().join(", ")
}

fn of_alert(alert: Alert, words: &str, rules: &[Value]) -> Vec<String> {
    let of_name: Vec<&Value> = rules.iter().filter(|rule| rule["alert"] == alert.name()).collect();
    assert!(!of_name.is_empty(), "no example has the alert {}", alert.name());
    let all = |read: fn(&Value) -> Option<&str>| -> String {
        of_name
            .iter()
            .filter_map(|rule| read(rule))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(code)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let own = own_labels(of_name.iter().copied()).replace("`severity`, ", "").replace("`severity`", "");
    let of = if alert.is_of_service() { "service" } else { "SLO" };
    vec![
        code(alert.name()),
        of.to_owned(),
        all(|rule| rule["labels"]["severity"].as_str()),
        all(|rule| rule["for"].as_str()),
        own,
        words.to_owned(),
    ]
}

/// Every rule of the examples.
fn rules() -> Vec<Value> {
    let mut paths: Vec<_> = fs::read_dir(root().join("rules")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files = paths.iter().map(|path| -> Value { serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap() });
    let groups: Vec<Value> = files.flat_map(|file| file["groups"].as_array().unwrap().clone()).collect();
    let rules: Vec<Value> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect();
    assert!(rules.len() > 300, "{} rules", rules.len());
    rules
}
