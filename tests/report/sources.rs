//! Where a report is read: the same from a directory and from a service, and what is no question at all.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{self, UNTIL, report};
use crate::support::burndown::{listening, run, start};
use crate::support::http;

#[test]
fn a_service_says_and_shows_the_same() {
    let (directory, file) = fixture::kept();
    let history = directory.path().join("history");
    let arguments = ["serve", file.to_str().unwrap(), "--web.listen-address", "127.0.0.1:0"];
    let mut process = start(arguments.iter().chain(&["--storage.path", history.to_str().unwrap()]));
    let address = listening(&mut process, Duration::from_secs(20));
    let server = format!("http://{address}");
    for format in ["markdown", "html", "json"] {
        let more = ["--until", UNTIL, "--format", format];
        let from_server = run([["report", "--server", &server].as_slice(), &more].concat());
        assert_eq!(from_server.code, Some(0), "{from_server:?}");
        assert!(from_server.stdout == report(directory.path(), &more).stdout, "{}", from_server.stdout);
    }

    // The page is the file, with a way back to the board.
    let page = http::get(address, &format!("/report?until={UNTIL}"), &[]).unwrap();
    let html = report(directory.path(), &["--until", UNTIL, "--format", "html"]).stdout;
    assert_eq!((page.status, page.body.replace(" <a href=\"/\">Board</a>", "") == html), (200, true), "{}", page.body);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(http::get(address, "/", &[]).unwrap().body.contains("<a href=\"/report\">"));

    for (query, status, code) in [
        ("since=2026-10-26T09:00:00Z&until=2026-10-26T09:00:00Z", 400, "bad_question"),
        ("from=now", 400, "bad_question"),
        ("until=2999-01-01T00:00:00Z", 400, "bad_question"),
        ("slo=cake", 404, "unknown_slo"),
    ] {
        let answer = http::get(address, &format!("/api/v1/report?{query}"), &[]).unwrap();
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{query}");
        assert_eq!(http::get(address, &format!("/report?{query}"), &[]).unwrap().status, 400, "{query}");
    }
    let refused = run(["report", "--server", &server, "--slo", "cake"]);
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(2), "burndown: there is no such SLO\n"));
    assert_eq!(run(["report", "--server", "http://127.0.0.1:1"]).code, Some(3));
}

#[test]
fn what_is_no_period_is_refused() {
    let (directory, _) = fixture::kept();
    let later = "2026-10-26T09:00:01Z";
    let refused = report(directory.path(), &["--since", later, "--until", UNTIL]);
    let said = "burndown: the period from 2026-10-26T09:00:01Z until 2026-10-26T09:00:00Z is none: `since` is not before \
                `until`\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(2), said));
    assert_eq!(report(directory.path(), &["--since", UNTIL, "--until", UNTIL]).code, Some(2));
    assert_eq!(report(directory.path(), &["--until", "2999-01-01T00:00:00Z"]).code, Some(2));
    assert_eq!(report(directory.path(), &["--since", "500d"]).code, Some(2));
    for wrong in [vec!["report"], vec!["report", "--server", "http://h", "--format", "pdf"]] {
        assert_eq!(run(&wrong).code, Some(2), "{wrong:?}");
    }
    // One SLO, and a period before anything was.
    let one: Value = serde_json::from_str(
        &report(directory.path(), &["--slo", "canary", "--until", "2026-01-31T00:00:00Z", "--format", "json"]).stdout,
    )
    .unwrap();
    let slo = &one["slos"][0];
    assert_eq!(
        (one["slos"].as_array().unwrap().len(), &slo["data"], &slo["spikes"]),
        (1, &json!("no_data"), &json!([]))
    );
    let nothing: BTreeMap<String, Value> = serde_json::from_value(slo["period"].clone()).unwrap();
    assert_eq!((&nothing["spent_seconds"], &nothing["returned_seconds"]), (&json!(0.0), &json!(0.0)));
}
