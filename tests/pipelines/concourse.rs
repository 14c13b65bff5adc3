//! The resource type for Concourse: the whole protocol over the compiled program, as Concourse speaks it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Shop, deployed};
use crate::standing::recorded::slices;
use crate::support::backfill::Past;
use crate::support::burndown::{Finished, command, run};
use crate::support::listener::{Listener, Reply};

/// A request to a step of the resource type.
fn step(step: &[&str], request: &str) -> Finished {
    finished(&mut command(["concourse"].iter().chain(step)), request)
}

fn finished(command: &mut Command, request: &str) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(request.as_bytes());
    let output = child.wait_with_output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn check(source: &Value, version: &Value) -> Finished {
    step(&["check"], &json!({"source": source, "version": version}).to_string())
}

#[track_caller]
fn versions(source: &Value, version: &Value) -> Vec<Value> {
    let finished = check(source, version);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"))
}

fn source(shop: &Shop) -> Value {
    json!({"server": shop.url(), "service": "shop", "slo": "front"})
}

fn text(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn an_open_gate_is_a_version_that_stays_the_same() {
    let shop = Shop::open();
    let source = source(&shop);
    let first = versions(&source, &Value::Null);
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(first[0]["decision"], "open");
    let since: jiff::Timestamp = first[0]["since"].as_str().unwrap().parse().unwrap();
    // The service is five hours old, and open since then.
    let age = jiff::Timestamp::now().as_second() - since.as_second();
    assert!((5 * 3_600 - 120..5 * 3_600 + 120).contains(&age), "{first:?}");
    assert_eq!(versions(&source, &first[0]), first);
    // Whoever knew an older opening is told of this one after it, once.
    let older = json!({"decision": "open", "since": "2020-01-01T00:00:00Z"});
    assert_eq!(versions(&source, &older), [older.clone(), first[0].clone()]);
    // A version of a time to come is that of another clock.
    let later = json!({"decision": "open", "since": "2999-01-01T00:00:00Z"});
    assert_eq!(versions(&source, &later), std::slice::from_ref(&later));
    // What another type of resource left there is no opening.
    assert_eq!(versions(&source, &json!({"ref": "61cebf"})), first);
    // As Concourse sends the first request.
    let finished = step(&["check"], &json!({"source": source}).to_string());
    assert_eq!(serde_json::from_str::<Vec<Value>>(&finished.stdout).unwrap(), first);
}

#[test]
fn a_closed_gate_is_no_version() {
    let shop = Shop::closed();
    let finished = check(&source(&shop), &json!({"decision": "open", "since": "2020-01-01T00:00:00Z"}));
    assert_eq!((finished.code, finished.stdout.trim()), (Some(0), "[]"), "{finished:?}");
    assert!(finished.stderr.contains("while the gate is not open: shop/front: −4.00 of 36"), "{finished:?}");
    // Nobody there is something else than a closed gate.
    let nobody = check(&json!({"server": "http://127.0.0.1:1"}), &Value::Null);
    assert_eq!((nobody.code, nobody.stdout.as_str()), (Some(3), ""), "{nobody:?}");
    assert!(nobody.stderr.contains("cannot be reached"), "{nobody:?}");
}

#[test]
fn an_override_is_an_opening_and_its_end_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("admin.sock").display().to_string();
    let shop = Shop::start(2_400, &["--web.admin-socket", &socket]);
    let source = source(&shop);
    let known = json!({"decision": "open", "since": "2020-01-01T00:00:00Z"});
    assert_eq!(versions(&source, &known), [Value::Null; 0]);
    let asked = |what: &[&str]| {
        let arguments = ["override", "--socket", &socket, "--slo", "front", "--reason", "a test", "--by", "Ann"];
        let finished = run(arguments.iter().chain(what));
        assert_eq!(finished.code, Some(0), "{finished:?}");
    };
    let before = jiff::Timestamp::now().as_second();
    asked(&["--for", "1h"]);
    let found = versions(&source, &known);
    assert!(found.len() == 2 && found[0] == known, "{found:?}");
    let since: jiff::Timestamp = found[1]["since"].as_str().unwrap().parse().unwrap();
    assert!((before..=jiff::Timestamp::now().as_second()).contains(&since.as_second()), "{found:?}");
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(versions(&source, &found[1]), [found[1].clone()]);
    let request = json!({"source": source, "version": found[1]}).to_string();
    assert_eq!(step(&["in", directory.path().to_str().unwrap()], &request).code, Some(0));
    asked(&["--withdraw"]);
    assert_eq!(versions(&source, &found[1]), [Value::Null; 0]);
}

#[test]
fn every_opening_is_a_version_of_its_own() {
    let opened = Arc::new(AtomicI64::new(0));
    let seen = Arc::clone(&opened);
    let answer = move |_: &crate::support::listener::Request| {
        let since = seen.load(Ordering::SeqCst);
        let (decision, since) = if since < 0 { ("closed", Value::Null) } else { ("open", json!(since)) };
        let since = if since == json!(0) { Value::Null } else { since };
        let answer = json!({
            "schema_version": 1, "at": 1_900_000_000, "decision": decision, "reason": decision, "message": "so it is",
            "open_since": since, "reopens_at": null, "forecast": null, "change": null, "slos": [],
        });
        Reply::text(200, answer.to_string())
    };
    let server = Listener::start(answer, |_| {});
    let source = json!({"server": format!("http://{}", server.address())});
    let mut known = Value::Null;
    let mut seen = Vec::new();
    // Open for longer than anybody knows, then closed, opened, the same again, closed, opened.
    for since in [0, 0, -1, 1_900_001_000, 1_900_001_000, -1, 1_900_002_000, 0] {
        opened.store(since, Ordering::SeqCst);
        let versions = versions(&source, &known);
        if let Some(newest) = versions.last() {
            assert!(versions.len() == 1 || versions[0] == known, "the one that is known comes first: {versions:?}");
            known = newest.clone();
        }
        if seen.last() != Some(&known) {
            seen.push(known.clone());
        }
    }
    let moments: Vec<&str> = seen.iter().map(|version| version["since"].as_str().unwrap()).collect();
    assert_eq!(moments, ["2030-03-17T17:46:40Z", "2030-03-17T18:03:20Z", "2030-03-17T18:20:00Z"]);
}

#[test]
fn in_writes_the_answer_and_fails_unless_the_gate_is_open() {
    let (open, closed) = (Shop::open(), Shop::closed());
    let version = json!({"decision": "open", "since": "2026-11-23T08:10:00Z"});
    let get = |shop: &Shop, params: Value, directory: &Path| {
        let request = json!({"source": source(shop), "version": version, "params": params}).to_string();
        step(&["in", directory.to_str().unwrap()], &request)
    };
    let directory = tempfile::tempdir().unwrap();
    let finished = get(&open, Value::Null, directory.path());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let emitted: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(emitted["version"], version);
    let shown = |name: &str| {
        let pairs = emitted["metadata"].as_array().unwrap();
        pairs.iter().find(|pair| pair["name"] == name).map(|pair| pair["value"].as_str().unwrap().to_owned())
    };
    assert_eq!(shown("decision").as_deref(), Some("open"));
    assert_eq!((shown("slo").as_deref(), shown("reopens_at")), (Some("shop/front"), None));
    assert!(shown("remaining").unwrap().ends_with(" of 36 minutes"), "{emitted}");
    assert_eq!(
        (text(directory.path(), "decision").as_str(), text(directory.path(), "reason").as_str()),
        ("open\n", "open\n")
    );
    let answer: Value = serde_json::from_str(&text(directory.path(), "answer.json")).unwrap();
    assert_eq!((&answer["schema_version"], &answer["slos"][0]["slo"]), (&json!(1), &json!("front")));

    let directory = tempfile::tempdir().unwrap();
    let finished = get(&closed, Value::Null, directory.path());
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{finished:?}");
    assert!(finished.stderr.starts_with("closed: shop/front: −4.00 of 36 minutes remain"), "{finished:?}");
    let finished = get(&closed, json!({"require_open": false}), directory.path());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(serde_json::from_str::<Value>(&finished.stdout).unwrap()["version"], version);
    assert_eq!(text(directory.path(), "decision"), "closed\n");
    let opens: jiff::Timestamp = text(directory.path(), "reopens_at").trim().parse().unwrap();
    assert!(opens > jiff::Timestamp::now());
    // It waits as long as it is told and no longer.
    let waited = get(&closed, json!({"wait": "1s"}), directory.path());
    assert!(waited.code == Some(1) && waited.stderr.contains("waiting for at most 1s"), "{waited:?}");
}

#[test]
fn out_lets_a_change_through_that_fits() {
    let (open, closed) = (Shop::open(), Shop::closed());
    let directory = tempfile::tempdir().unwrap();
    let put = |shop: &Shop, params: Value| {
        let request = json!({"source": source(shop), "params": params}).to_string();
        step(&["out", directory.path().to_str().unwrap()], &request)
    };
    let fits = put(&open, json!({"change": "upgrade"}));
    assert_eq!(fits.code, Some(0), "{fits:?}");
    let emitted: Value = serde_json::from_str(&fits.stdout).unwrap();
    let version = &emitted["version"];
    assert_eq!(version["decision"], "open");
    // What it emits is a version that `in` can get.
    let request = json!({"source": source(&open), "version": version}).to_string();
    assert_eq!(step(&["in", directory.path().to_str().unwrap()], &request).code, Some(0));
    assert_eq!(put(&open, Value::Null).code, Some(0));
    let large = put(&open, json!({"downtime": "30m", "duration": "1h"}));
    assert_eq!((large.code, large.stdout.as_str()), (Some(1), ""), "{large:?}");
    assert!(large.stderr.contains("may be spent and 30 are needed"), "{large:?}");
    assert_eq!(put(&closed, json!({"change": "upgrade"})).code, Some(1));
    let unknown = put(&open, json!({"change": "upgrad"}));
    assert!(unknown.code == Some(2) && unknown.stderr.contains("no change \"upgrad\""), "{unknown:?}");
}

#[test]
fn a_prometheus_is_asked_with_the_files_of_its_rules() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.yaml");
    let slo = "{name: requests, objective: 99, sli: {events: {bad: errors_total, total: requests_total, by: [route]}}}";
    fs::write(&file, format!("version: burndown/v1\nservice: shop\nwindow: 7d\nslos:\n  - {slo}\n")).unwrap();
    let past = Past::of(&slices("requests", 8, jiff::Timestamp::now().as_second(), false));
    let prometheus = past.open();
    let url = format!("http://{}", prometheus.address());
    let source = json!({"prometheus": url, "files": [file], "timeout": "30s", "headers": {"X-Scope-OrgID": "shop"}});
    let found = versions(&source, &Value::Null);
    assert_eq!((found.len(), &found[0]["decision"]), (1, &json!("open")));
    let missing = check(&json!({"prometheus": url, "files": ["/nonexistent.yaml"]}), &Value::Null);
    assert!(missing.code == Some(2) && missing.stderr.contains("/nonexistent.yaml"), "{missing:?}");
}

#[test]
fn credentials_are_used_and_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let web = directory.path().join("web.yaml");
    let hash = bcrypt::hash("correct horse", 4).unwrap();
    fs::write(&web, format!("basic_auth_users: {{ci: '{hash}'}}\n")).unwrap();
    let shop = Shop::start(600, &["--web.config.file", web.to_str().unwrap()]);
    let with = |more: Value| {
        let mut source = source(&shop);
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        check(&source, &Value::Null)
    };
    assert_eq!(with(json!({"username": "ci", "password": "correct horse"})).code, Some(0));
    // A variable of the pipeline that is not set is an empty text.
    let none = with(json!({"username": "", "password": ""}));
    assert!(none.code == Some(3) && none.stderr.contains("refuses access with status 401"), "{none:?}");
    for wrong in [
        json!({"username": "ci", "password": "hunter2"}),
        json!({"username": "ci", "password": ["hunter2"]}),
        json!({"username": "ci", "password": "hunter2", "token": "hunter2"}),
        json!({"password": "hunter2"}),
        json!({"token": "hunter2\n"}),
        json!({"ca_cert": "hunter2"}),
        json!({"headers": {"Authorization": "hunter2\n"}}),
        json!({"headers": ["hunter2"]}),
    ] {
        let refused = with(wrong.clone());
        assert!(refused.code != Some(0) && refused.stdout.is_empty(), "{wrong}: {refused:?}");
        assert!(!refused.stderr.is_empty() && !refused.stderr.contains("hunter2"), "{wrong}: {refused:?}");
    }
}

#[test]
fn what_is_wrong_with_a_request_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_str().unwrap();
    let server = json!({"server": "http://127.0.0.1:1"});
    let said = |words: &[&str], request: &Value| {
        let finished = step(words, &request.to_string());
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
        finished.stderr
    };
    let all = said(
        &["in", place],
        &json!({
            "source": {"sever": "http://x", "slo": "not a name", "timeout": 5, "files": "x", "frobnicate": 1},
            "params": {"requires_open": true, "downtime": "5m", "wait": "soon"}, "extra": 1,
        }),
    );
    for words in [
        "`source` has an unknown key `sever`; did you mean `server`?",
        "`source` has an unknown key `frobnicate`; it takes server, prometheus, files, service, slo, ",
        "`source.slo` cannot be read: ",
        "`source.timeout` is no text",
        "`source.files` is no list of texts",
        "`source` names who is asked: `server`, or `prometheus` with the SLO `files` of its rules",
        "`params` has an unknown key `requires_open`; did you mean `require_open`?",
        "`params` make no question: say `change`, or both `downtime` and `duration`",
        "`params.wait` cannot be read: ",
        "the request has an unknown key `extra`",
    ] {
        assert!(all.contains(&format!("burndown: {words}")), "no {words} in {all}");
    }
    assert!(said(&["in", place], &json!({"source": server})).contains("`version` is missing"));
    assert!(
        said(&["check"], &json!({"source": server, "params": {"change": "x"}}))
            .contains("`params` has an unknown key `change`")
    );
    assert!(
        said(&["check"], &json!({"source": [], "version": {"ref": 1}})).contains("`version` is no object of texts")
    );
    assert!(said(&["out", "/nonexistent"], &json!({"source": server})).contains("/nonexistent is no directory"));
    assert!(
        said(&["out", place], &json!({"source": server, "params": {"require_open": false}})).contains("`require_open`")
    );
    assert!(said(&["check"], &json!([])).contains("standard input is no JSON object"));
    let garbage = step(&["check"], "{\"source\": {\"password\": \"hunter2\" \"");
    assert!(garbage.code == Some(2) && garbage.stderr.contains("is not the JSON of a request"), "{garbage:?}");
    assert!(!garbage.stderr.contains("hunter2"), "{garbage:?}");
    let large = step(&["check"], &" ".repeat(1024 * 1024 + 1));
    assert!(large.code == Some(2) && large.stderr.contains("more than 1048576 bytes"), "{large:?}");
    assert_eq!(step(&["in"], "{}").code, Some(2));
}

#[test]
fn the_program_does_the_step_by_whose_name_it_is_called() {
    let shop = Shop::open();
    let directory = tempfile::tempdir().unwrap();
    // As in the image: /opt/resource/check, in and out are links to the program.
    let dockerfile = deployed("concourse/Dockerfile");
    for name in ["check", "in", "out"] {
        assert!(dockerfile.contains(&format!("/opt/resource/{name}")), "{dockerfile}");
        symlink(env!("CARGO_BIN_EXE_burndown"), directory.path().join(name)).unwrap();
    }
    let call = |name: &str, arguments: &[&Path], request: Value| {
        finished(Command::new(directory.path().join(name)).args(arguments), &request.to_string())
    };
    let checked = call("check", &[], json!({"source": source(&shop)}));
    let found: Vec<Value> = serde_json::from_str(&checked.stdout).unwrap_or_else(|_| panic!("{checked:?}"));
    let place = tempfile::tempdir().unwrap();
    let got = call("in", &[place.path()], json!({"source": source(&shop), "version": found[0]}));
    assert_eq!((got.code, text(place.path(), "decision").as_str()), (Some(0), "open\n"), "{got:?}");
    assert_eq!(
        call("out", &[place.path()], json!({"source": source(&shop), "params": {"change": "upgrade"}})).code,
        Some(0)
    );
}

#[test]
fn the_pipeline_that_is_checked_in_asks_what_the_type_understands() {
    let (open, closed) = (Shop::open(), Shop::closed());
    let pipeline: Value = serde_yaml::from_str(&deployed("concourse/pipeline.yaml")).unwrap();
    let resources = pipeline["resources"].as_array().unwrap();
    let gate = resources.iter().find(|resource| resource["type"] == "burndown-gate").unwrap();
    let kinds = pipeline["resource_types"].as_array().unwrap();
    assert!(kinds.iter().any(|kind| kind["name"] == "burndown-gate" && kind["type"] == "registry-image"));
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_str().unwrap();
    // Variables are filled in by Concourse.
    let source = |shop: &Shop| {
        let mut source = gate["source"].clone();
        source["server"] = json!(shop.url());
        for key in ["username", "password"] {
            assert!(source[key].as_str().unwrap().starts_with("((burndown."), "{source}");
            source[key] = json!("");
        }
        source
    };
    assert_eq!((versions(&source(&open), &Value::Null).len(), versions(&source(&closed), &Value::Null).len()), (1, 0));
    let (mut gets, mut puts) = (0, 0);
    for one in pipeline["jobs"].as_array().unwrap().iter().flat_map(|job| job["plan"].as_array().unwrap()) {
        let version = json!({"decision": "open", "since": "2026-11-23T08:10:00Z"});
        let ask = |shop: &Shop| {
            let request =
                |version: &Value| json!({"source": source(shop), "params": one["params"], "version": version});
            match (one["get"] == gate["name"], one["put"] == gate["name"]) {
                (true, _) => step(&["in", place], &request(&version).to_string()).code,
                (_, true) => step(&["out", place], &request(&Value::Null).to_string()).code,
                _ => None,
            }
        };
        gets += usize::from(one["get"] == gate["name"]);
        puts += usize::from(one["put"] == gate["name"]);
        if one["get"] == gate["name"] || one["put"] == gate["name"] {
            assert_eq!((ask(&open), ask(&closed)), (Some(0), Some(1)), "{one}");
        }
    }
    assert_eq!((gets, puts), (1, 1));
}
