//! The dashboards in Grafana's own published types, by TypeScript's compiler.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::page::{Page, generate};

/// Where the types are.
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/grafana");

/// Everything that a page can have: groups, probes, windows of both tiers, every option.
const EVERYTHING: &str = "version: burndown/v1
service: shop
probes: [{name: home, interval: 30s, timeout: 5s, http: {url: 'https://shop.example.com/'}}]
slos:
  - {name: probed, objective: 99.9, sli: {probe: home}}
  - {name: grouped, objective: 99.99, sli: {events: {bad: b_total, total: t_total, by: [route, service]}}}
  - {name: quick, objective: 99, window: 6h, sli: {events: {bad: b_total, total: t_total}}}
";

/// What the compiler says of some pages.
fn complaints(pages: &[&Value]) -> String {
    let directory = tempfile::tempdir().unwrap();
    for (number, page) in pages.iter().enumerate() {
        let page = serde_json::to_string_pretty(page).unwrap();
        let text = format!("import type {{ File }} from './types';\nexport const page: File = {page};\n");
        fs::write(directory.path().join(format!("page{number}.ts")), text).unwrap();
    }
    for file in ["types.ts", "tsconfig.json"] {
        fs::copy(Path::new(HERE).join(file), directory.path().join(file)).unwrap();
    }
    let modules = Path::new(HERE).join("node_modules");
    assert!(modules.join("@grafana/schema").exists(), "run scripts/peers, which installs Grafana's types");
    std::os::unix::fs::symlink(&modules, directory.path().join("node_modules")).unwrap();
    let compiler = modules.join("typescript/bin/tsc");
    let output = Command::new("node").arg(compiler).args(["--project", "."]).current_dir(directory.path()).output();
    let output = output.expect("node is missing: it is in the Debian package nodejs");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.success(), said.is_empty(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn everything() -> Vec<Page> {
    let directory = tempfile::tempdir().unwrap();
    let options = ["--grafana.tag", "x", "--grafana.datasource-uid", "y"];
    generate(directory.path(), EVERYTHING, &options)
}

#[test]
fn every_dashboard_is_what_grafana_publishes_as_its_types() {
    let pages = everything();
    let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
    let expected = ["burndown-fleet", "burndown-probe", "burndown-slo-30d", "burndown-slo-6h", "burndown-wall"];
    assert_eq!(names, expected);
    let said = complaints(&pages.iter().map(|page| &page.json).collect::<Vec<_>>());
    assert!(said.is_empty(), "{said}");
}

#[test]
fn what_grafana_does_not_know_is_found() {
    let page = everything().into_iter().find(|page| page.name == "burndown-slo-30d").unwrap().json;
    let graph = page["panels"].as_array().unwrap().iter().position(|panel| panel["type"] == "timeseries").unwrap();
    let panel = format!("/panels/{graph}");
    let wrongs = [
        ("/schemaVersion".to_owned(), json!("39")),
        ("/graphTooltip".to_owned(), json!(7)),
        ("/links/0/asDropDown".to_owned(), json!(true)),
        ("/templating/list/1/refresh".to_owned(), json!(9)),
        ("/annotations/list/0/iconColour".to_owned(), json!("red")),
        (format!("{panel}/gridPos/width"), json!(3)),
        (format!("{panel}/options/legend/displayMode"), json!("tabel")),
        (format!("{panel}/fieldConfig/defaults/custom/drawStyle"), json!("lines")),
        (format!("{panel}/fieldConfig/defaults/color/mode"), json!("palette")),
        (format!("{panel}/fieldConfig/overrides/0/properties/0/id"), json!("colour")),
        (format!("{panel}/targets/0/editorMode"), json!("text")),
        (format!("{panel}/targets/0/instnat"), json!(true)),
    ];
    let damaged = wrongs.clone().map(|(place, wrong)| {
        let mut damaged = page.clone();
        let (parent, name) = place.rsplit_once('/').unwrap();
        damaged.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"))[name] = wrong;
        damaged
    });
    let said = complaints(&damaged.each_ref());
    for (number, (place, _)) in wrongs.iter().enumerate() {
        let is_found =
            said.lines().any(|line| line.starts_with(&format!("page{number}.ts(")) && line.contains("error TS2"));
        assert!(is_found, "nothing was found wrong with {place}: {said}");
    }
}
