//! The webhook for Flagger's confirm hooks, and the canary that is checked in.

use serde_json::json;

use super::{Shop, deployed};
use crate::support::http;

const PATH: &str = "/api/v1/gate/flagger";

fn ask(shop: &Shop, body: &str) -> (u16, String) {
    let answer = http::post(shop.address, PATH, &[("Content-Type", "application/json")], body).unwrap();
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"), "{answer:?}");
    (answer.status, answer.body)
}

/// What Flagger 1.38 sends at a confirm hook.
fn hook(metadata: &serde_json::Value) -> String {
    json!({
        "name": "podinfo", "namespace": "test", "phase": "Progressing", "checksum": "85d557f47b",
        "metadata": metadata,
    })
    .to_string()
}

#[test]
fn a_canary_goes_on_while_the_gate_is_open() {
    let shop = Shop::open();
    let (status, said) = ask(&shop, &hook(&json!({"service": "shop", "slo": "front"})));
    assert_eq!(status, 200, "{said}");
    assert!(said.starts_with("deployments may go on"), "{said}");
    assert_eq!(ask(&shop, &hook(&json!({"service": "shop", "change": "upgrade"}))).0, 200);
    // Of 36 minutes, 26 are left.
    let (status, said) = ask(&shop, &hook(&json!({"downtime": "30m", "duration": "1h"})));
    assert_eq!(status, 409, "{said}");
    assert!(said.contains("may be spent and 30 are needed"), "{said}");
    // Flagger sends null where there are no metadata.
    assert_eq!(ask(&shop, &hook(&json!(null))).0, 200);
    assert_eq!(ask(&shop, "{\"name\": \"podinfo\", \"namespace\": \"test\"}").0, 200);
}

#[test]
fn it_waits_while_the_gate_is_closed_and_is_told_why() {
    let shop = Shop::closed();
    let (status, said) = ask(&shop, &hook(&json!({"service": "shop", "slo": "front"})));
    assert_eq!(status, 409);
    assert!(said.starts_with("shop/front: −4.00 of 36 minutes remain; closed since "), "{said}");
}

#[test]
fn what_is_no_hook_is_refused() {
    let shop = Shop::open();
    for (body, status, said) in [
        (hook(&json!({"servce": "shop"})), 400, "unknown key `servce`: did you mean `service`?"),
        (hook(&json!({"at": "2026-01-01T00:00:00Z"})), 400, "unknown key `at`: they take service, slo, change"),
        (hook(&json!({"service": 1})), 400, "This is no hook of Flagger: "),
        (hook(&json!({"slo": "frint"})), 404, "there is no SLO `frint`; did you mean `front`?"),
        (hook(&json!({"slo": ""})), 400, "cannot be read"),
        (hook(&json!({"change": "cake"})), 404, "there is no change \"cake\""),
        (hook(&json!({"downtime": "5m"})), 400, "say `change`, or both"),
        ("{}".to_owned(), 400, "missing field `name`"),
        ("[]".to_owned(), 400, "This is no hook of Flagger: "),
        (String::new(), 400, "This is no hook of Flagger: "),
        (hook(&json!({"service": "x".repeat(20_000)})), 413, "16 KiB"),
    ] {
        let (found, text) = ask(&shop, &body);
        assert_eq!(found, status, "{text}");
        assert!(text.contains(said), "{said} in {text}");
    }
    let get = http::get(shop.address, PATH, &[]).unwrap();
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    // Any other path takes none.
    assert_eq!(http::post(shop.address, "/api/v1/gate", &[], "{}").unwrap().status, 413);
}

#[test]
fn the_document_describes_the_hook() {
    let shop = Shop::open();
    let document = http::get(shop.address, "/api/v1/openapi.json", &[]).unwrap().json();
    let schema = &document["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let validator = jsonschema::draft202012::new(schema).unwrap();
    let sent = |metadata: serde_json::Value| serde_json::from_str(&hook(&metadata)).unwrap();
    assert!(validator.is_valid(&sent(json!({"service": "shop"}))));
    assert!(!validator.is_valid(&sent(json!({"servce": "shop"}))));
    for status in ["200", "400", "404", "409", "413", "503"] {
        assert!(document["paths"][PATH]["post"]["responses"][status].is_object(), "{status}");
    }
}

#[test]
fn the_hooks_of_the_canary_that_is_checked_in_are_answered() {
    let (open, closed) = (Shop::open(), Shop::closed());
    let canary: serde_json::Value = serde_yaml::from_str(&deployed("flagger/canary.yaml")).unwrap();
    let hooks = canary["spec"]["analysis"]["webhooks"].as_array().unwrap();
    let kinds: Vec<&str> = hooks.iter().map(|hook| hook["type"].as_str().unwrap()).collect();
    // A rollback hook would roll back while the gate is open.
    assert_eq!(kinds, ["confirm-rollout", "confirm-promotion"]);
    for one in hooks {
        assert!(one["url"].as_str().unwrap().ends_with(PATH), "{one}");
        let body = hook(&one["metadata"]);
        assert_eq!((ask(&open, &body).0, ask(&closed, &body).0), (200, 409), "{one}");
    }
}
