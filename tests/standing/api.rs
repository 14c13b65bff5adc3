//! The JSON API of a running `serve`, held against the document that it serves, and `burndown status` on top.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::recorded::slices;
use crate::support::backfill::Past;
use crate::support::burndown::{Finished, listening, run, start};
use crate::support::http;
use crate::support::process::Process;
use crate::support::prometheus::Prometheus;

const FILE: &str = "version: burndown/v1
service: shop
window: 7d
probes:
  - {name: home, interval: 1s, timeout: 500ms, http: {url: http://127.0.0.1:1/}}
slos:
  - {name: home, objective: 99, sli: {probe: home}}
  - {name: requests, objective: 99, sli: {events: {bad: errors_total, total: requests_total, by: [route]}}}
changes:
  - {name: upgrade, downtime: 5m, duration: 1h}
";

fn file(directory: &Path) -> PathBuf {
    let path = directory.join("shop.yaml");
    fs::write(&path, FILE).unwrap();
    path
}

/// A Prometheus with eight days of slices up to now.
fn prometheus() -> (Past, Prometheus) {
    let now = jiff::Timestamp::now().as_second();
    let past = Past::of(&slices("requests", 8, now, false));
    let prometheus = past.open();
    (past, prometheus)
}

fn serve(file: &Path, more: &[&str]) -> (Process, SocketAddr) {
    let arguments = ["serve", file.to_str().unwrap(), "--web.listen-address", "127.0.0.1:0"];
    let mut process = start(arguments.iter().chain(more));
    let address = listening(&mut process, Duration::from_secs(20));
    (process, address)
}

fn get(address: SocketAddr, path: &str) -> (u16, Value) {
    let answer = http::get(address, path, &[]).unwrap();
    assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    (answer.status, answer.json())
}

/// Holds the answer to a path against the schema that the document gives for its status.
#[track_caller]
fn assert_described(document: &Value, template: &str, status: u16, answer: &Value) {
    let schema =
        &document["paths"][template]["get"]["responses"][status.to_string()]["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{template} {status} is not described");
    let mut whole = schema.clone();
    whole["components"] = document["components"].clone();
    let validator = jsonschema::draft202012::new(&whole).expect("a schema");
    let wrong: Vec<String> = validator.iter_errors(answer).map(|error| format!("{error}")).collect();
    assert!(wrong.is_empty(), "{template}: {wrong:?} in {answer}");
    // What nobody described is not said either.
    let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
    let described = document["components"]["schemas"][name]["properties"].as_object().unwrap();
    let said = answer.as_object().unwrap();
    assert!(said.keys().all(|key| described.contains_key(key)), "{said:?}");
    assert!(described.keys().all(|key| said.contains_key(key)), "{described:?}");
}

#[test]
fn the_answers_are_what_the_document_says() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(directory.path());
    let (_past, prometheus) = prometheus();
    let url = format!("http://{}/", prometheus.address());
    let (_process, address) = serve(&file, &["--storage.path", "none", "--prometheus", &url]);
    let (_, document) = get(address, "/api/v1/openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    let templates: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(templates.len(), 15, "{templates:?}");
    for template in templates.into_iter().filter(|template| document["paths"][template]["get"].is_object()) {
        let path = template.replace("{service}", "shop").replace("{slo}", "requests").replace("{probe}", "home");
        let (status, answer) = get(address, &path);
        // Where nothing is kept, there is no audit.
        let is_of_audit = ["audit", "overrides", "corrections", "withdrawals"].iter().any(|end| path.ends_with(end));
        let expected = if is_of_audit { 503 } else { 200 };
        assert_eq!(status, expected, "{path}: {answer}");
        assert_described(&document, template, expected, &answer);
        if template.contains("{slo}") {
            let (status, answer) = get(address, &path.replace("/requests", "/nothing"));
            assert_eq!((status, &answer["code"]), (404, &json!("unknown_slo")));
            assert_described(&document, template, 404, &answer);
        }
    }
    assert_eq!(get(address, "/api/v1/slos/shop/requests/cake").0, 404);

    let (_, list) = get(address, "/api/v1/slos");
    let slos = list["slos"].as_array().unwrap();
    let of = |name: &str| slos.iter().find(|slo| slo["slo"] == name).unwrap();
    assert_eq!(of("home")["data"], "rules_not_loaded");
    let requests = of("requests");
    assert_eq!(
        (&requests["data"], &requests["groups"], &requests["group"]["route"]),
        (&json!("known"), &json!(3), &json!("/pay"))
    );
    assert!(requests["budget"]["total_seconds"] == 6048.0 && requests["sli"].as_f64().unwrap() < 100.0, "{requests}");
    let (_, detail) = get(address, "/api/v1/slos/shop/requests");
    assert_eq!(detail["slo"]["budget"]["total_seconds"], 6048.0);
    assert_eq!(detail["groups"].as_array().unwrap().len(), 3);
    let (_, burndown) = get(address, "/api/v1/slos/shop/requests/burndown");
    assert!(burndown["points"].as_array().unwrap().len() > 200, "{burndown}");
}

#[test]
fn a_server_without_a_history_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let (_process, address) = serve(&file(directory.path()), &["--storage.path", "none"]);
    let (status, answer) = get(address, "/api/v1/slos");
    assert_eq!((status, &answer["code"]), (503, &json!("no_history")));
    let (_, document) = get(address, "/api/v1/openapi.json");
    assert_described(&document, "/api/v1/slos", 503, &answer);
}

fn status(arguments: &[&str]) -> Finished {
    run(["status"].iter().chain(arguments))
}

#[test]
fn status_says_the_same_from_a_server_and_from_prometheus() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(directory.path());
    let (_past, prometheus) = prometheus();
    let url = format!("http://{}/", prometheus.address());
    let (_process, address) = serve(&file, &["--storage.path", "none", "--prometheus", &url]);
    let server = format!("http://{address}");
    let (from_server, from_prometheus) =
        (status(&["--server", &server]), status(&[file.to_str().unwrap(), "--prometheus", &url]));
    assert_eq!(from_server.stdout, from_prometheus.stdout, "{}", from_server.stderr);
    // The probe's rules are not loaded, and its gate holds while it is unknown.
    assert_eq!((from_server.code, from_prometheus.code), (Some(3), Some(3)), "{}", from_server.stdout);
    let lines: Vec<&str> = from_server.stdout.lines().collect();
    assert!(lines[0].starts_with("SLO  ") && lines[0].ends_with("LAST FAILURE"), "{}", from_server.stdout);
    assert!(lines[1].starts_with("shop/home ") && lines[1].contains("  unknown"), "{}", from_server.stdout);
    // Of what could not be read, nothing is known to be left.
    assert!(lines[1].contains("  \u{2013} of 101 ") && !lines[1].contains('%'), "{}", from_server.stdout);
    let board = http::get(address, "/", &[]).unwrap().body;
    assert!(board.contains("<b>\u{2013}</b> <span>of 101"), "{board}");
    assert!(lines[2].starts_with("  Prometheus does not evaluate the rules of shop/home"), "{}", from_server.stdout);
    assert!(lines[3].starts_with("shop/requests{route=\"/pay\"}  "), "{}", from_server.stdout);
    assert!(lines[3].contains(" of 101  ") && !from_server.stdout.contains('\u{1b}'), "{}", from_server.stdout);

    let one = status(&["--server", &server, "--slo", "requests", "--output", "json"]);
    let json: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!((one.code, json["slos"].as_array().unwrap().len()), (Some(0), 1), "{}", one.stdout);
    for (name, said) in [("nothing", "no SLO `nothing`"), ("request", "no SLO `request`; did you mean `requests`?")] {
        let none = status(&["--server", &server, "--slo", name]);
        assert_eq!((none.code, none.stderr), (Some(2), format!("burndown: there is {said}\n")));
    }
}

#[test]
fn status_says_who_did_not_answer() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(directory.path());
    let nobody = status(&["--server", "http://127.0.0.1:1"]);
    assert_eq!((nobody.code, nobody.stdout.as_str()), (Some(3), ""));
    assert!(nobody.stderr.contains("cannot be reached"), "{}", nobody.stderr);
    let nobody = status(&[file.to_str().unwrap(), "--prometheus", "http://127.0.0.1:1"]);
    assert!(nobody.code == Some(3) && nobody.stdout.contains("cannot be reached"), "{}", nobody.stdout);
    for wrong in [vec![], vec!["--server", "http://h", file.to_str().unwrap()], vec!["--prometheus", "http://h"]] {
        assert_eq!(status(&wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_closed_gate_ends_status_with_1() {
    let directory = tempfile::tempdir().unwrap();
    let text = FILE.replace("interval: 1s", "interval: 1m").replace(
        "objective: 99, sli: {events",
        "objective: 99.9, gate: {close_at: 99%, resume_at: 100%}, sli: {events",
    );
    let path = directory.path().join("shop.yaml");
    fs::write(&path, text).unwrap();
    let (_past, prometheus) = prometheus();
    let url = format!("http://{}/", prometheus.address());
    let finished = status(&[path.to_str().unwrap(), "--prometheus", &url]);
    assert_eq!(finished.code, Some(1), "{}\n{}", finished.stdout, finished.stderr);
    assert!(finished.stdout.lines().nth(1).unwrap().contains("  closed"), "{}", finished.stdout);
}
