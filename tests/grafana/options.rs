//! `--grafana.*`, and the files by which a Grafana finds the dashboards.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::page::{checked_in, generate, named, read};
use crate::support::burndown::{Finished, run};

const PLAIN: &str = "version: burndown/v1
service: shop
slos: [{name: requests, objective: 99.9, sli: {events: {bad: b_total, total: t_total}}}]
";

fn yaml(directory: &Path, path: &str) -> Value {
    serde_yaml::from_str(&fs::read_to_string(directory.join("grafana").join(path)).unwrap()).unwrap()
}

#[test]
fn a_grafana_finds_the_dashboards_and_their_data_source() {
    let directory = tempfile::tempdir().unwrap();
    let options = "--grafana.prometheus-url https://prometheus.example.com/p --grafana.folder $Teams --grafana.path /srv/g \
                   --grafana.uid-prefix team-a --grafana.tag blue --grafana.tag green";
    let pages = generate(directory.path(), PLAIN, &options.split_whitespace().collect::<Vec<_>>());
    // No SLO counts a probe, and so there is no page of one.
    let uids: Vec<&str> = pages.iter().map(|page| page.json["uid"].as_str().unwrap()).collect();
    assert_eq!(uids, ["team-a-fleet", "team-a-slo-30d", "team-a-wall"]);
    for page in &pages {
        assert_eq!(page.json["tags"], json!(["burndown", "team-a", "blue", "green"]));
        let source = json!({"selected": true, "text": "team-a-prometheus", "value": "team-a-prometheus"});
        assert_eq!(page.variables()[0]["current"], source);
    }
    assert_eq!(named(&pages, "team-a-fleet").json["links"][0]["tags"], json!(["team-a"]));

    let provider = &yaml(directory.path(), "provisioning/dashboards/team-a.yaml")["providers"][0];
    // Grafana would take `$Teams` for a variable of its environment.
    assert_eq!((&provider["folder"], &provider["options"]["path"]), (&json!("$$Teams"), &json!("/srv/g")));
    assert_eq!((&provider["type"], &provider["name"]), (&json!("file"), &json!("team-a")));
    let source = &yaml(directory.path(), "provisioning/datasources/team-a.yaml")["datasources"][0];
    assert_eq!((&source["uid"], &source["type"]), (&json!("team-a-prometheus"), &json!("prometheus")));
    assert_eq!(source["url"], "https://prometheus.example.com/p");

    // A data source that Grafana has already is only named.
    let own = ["--grafana.datasource-uid", "P1809F7CD0C75ACF3", "--grafana.uid-prefix", "team-b"];
    let pages = generate(directory.path(), PLAIN, &own);
    assert_eq!(named(&pages, "team-b-wall").variables()[0]["current"]["value"], "P1809F7CD0C75ACF3");
    assert!(!directory.path().join("grafana/provisioning/datasources/team-b.yaml").exists());

    // Another prefix leaves the first set behind, which `--prune` removes and nothing else.
    fs::write(directory.path().join("grafana/own.json"), "{\"description\": \"mine\"}").unwrap();
    generate(directory.path(), PLAIN, &[&own[..], &["--prune"]].concat());
    let left: Vec<String> = read(&directory.path().join("grafana")).into_iter().map(|page| page.name).collect();
    assert_eq!(left, ["own", "team-b-fleet", "team-b-slo-30d", "team-b-wall"]);
    assert!(!directory.path().join("grafana/provisioning/datasources/team-a.yaml").exists());
}

#[test]
fn without_options_the_dashboards_ask_grafanas_default_data_source() {
    let directory = tempfile::tempdir().unwrap();
    let pages = generate(directory.path(), PLAIN, &[]);
    let default = json!({"selected": true, "text": "default", "value": "default"});
    assert!(pages.iter().all(|page| page.variables()[0]["current"] == default));
    assert!(!directory.path().join("grafana/provisioning/datasources").exists());
    let provider = &yaml(directory.path(), "provisioning/dashboards/burndown.yaml")["providers"][0];
    assert_eq!(provider["folder"], "burndown");
    assert_eq!(provider["options"]["path"], "/var/lib/grafana/dashboards");
}

#[test]
fn options_that_cannot_be_meant_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("slo.yaml");
    fs::write(&file, PLAIN).unwrap();
    let generate = |more: &[&str]| -> Finished {
        let arguments = ["generate".as_ref(), file.as_path(), "--output".as_ref(), directory.path()];
        run(arguments.into_iter().map(AsRef::as_ref).chain(more.iter().map(AsRef::<std::ffi::OsStr>::as_ref)))
    };
    for (more, said) in [
        (&["--only", "rules", "--grafana.folder", "x"][..], "needs `--only` to name `grafana`"),
        (&["--grafana.uid-prefix", "a b"], "a uid has letters, digits, `-` and `_`"),
        (&["--grafana.uid-prefix", "abcdefghijklmnopqrstu"], "at most 20 characters fit"),
        (&["--grafana.prometheus-url", "http://me:pass@prometheus:9090"], "a file that everybody reads"),
        (&["--grafana.prometheus-url", "prometheus:9090"], "write `--grafana.prometheus-url` as"),
        (&["--grafana.folder", ""], "a value is required"),
    ] {
        let finished = generate(more);
        assert_eq!(finished.code, Some(2), "{more:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(said), "{more:?}: {}", finished.stderr);
        assert!(!finished.stderr.contains("me:pass"), "{}", finished.stderr);
    }
    assert!(!directory.path().join("grafana").exists());
}

#[test]
fn a_page_shows_the_window_of_its_slos_and_leads_to_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let slo = |name: &str, window: &str| {
        format!(
            "  - {{name: {name}, objective: 99, window: {window}, sli: {{events: {{bad: b_total, total: t_total}}}}}}\n"
        )
    };
    let slos = [("a", "7d"), ("b", "36h"), ("c", "7d"), ("d", "45h")].map(|(name, window)| slo(name, window)).concat();
    let pages = generate(directory.path(), &format!("version: burndown/v1\nservice: shop\nslos:\n{slos}"), &[]);
    let ranges: Vec<(&str, &str)> = pages
        .iter()
        .filter(|page| page.name.contains("-slo-"))
        .map(|page| (page.json["uid"].as_str().unwrap(), page.json["time"]["from"].as_str().unwrap()))
        .collect();
    let expected =
        [("burndown-slo-1d12h", "now-36h"), ("burndown-slo-1d21h", "now-45h"), ("burndown-slo-7d", "now-7d")];
    assert_eq!(ranges, expected);
    for page in pages.iter().filter(|page| page.name.contains("-slo-")) {
        let window = page.name.strip_prefix("burndown-slo-").unwrap();
        let service = page.variables().iter().find(|variable| variable["name"] == "service").unwrap();
        assert_eq!(service["query"], format!("label_values(slo_info{{window=\"{window}\"}}, slo_service)"));
        let link = &page.json["links"][0];
        assert_eq!((&link["includeVars"], &link["keepTime"]), (&json!(true), &json!(false)));
    }
    // A row of the fleet leads to the page of its window, with its variables.
    let fleet = named(&pages, "burndown-fleet").json.to_string();
    let link = "/d/burndown-slo-${__data.fields.window}?var-service=${__data.fields.slo_service}&var-slo=${__data.fields.slo}&${datasource:queryparam}";
    assert!(fleet.contains(link), "{fleet}");
}

#[test]
fn deployments_overrides_alerts_and_gates_are_drawn_over_every_graph() {
    let pages = checked_in();
    for page in &pages {
        let list = page.json["annotations"]["list"].as_array().unwrap();
        let names: Vec<&str> = list.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Deployments", "Overrides", "Alerts", "Closed gates"], "{}", page.name);
        let one_service = page.name.contains("-slo-") || page.name.contains("-probe");
        let tags =
            if one_service { json!(["burndown", "deployment", "$service"]) } else { json!(["burndown", "deployment"]) };
        assert_eq!(list[0]["target"]["tags"], tags, "{}", page.name);
        assert_eq!(list[0]["target"]["matchAny"], false);
        assert!(list[2]["target"]["expr"].as_str().unwrap().contains("ALERTS{"), "{}", page.name);
    }
    let uids: BTreeSet<&str> = pages.iter().map(|page| page.json["uid"].as_str().unwrap()).collect();
    assert!(uids.len() == pages.len() && uids.iter().all(|uid| uid.len() <= 40));
}
