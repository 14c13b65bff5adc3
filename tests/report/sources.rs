//! Where a report is read: the same from a directory and from a service, and what is no question at all.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{self, UNTIL, report};
use crate::support::backfill::Past;
use crate::support::browser::Browser;
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
    let refused = run(["report", "--server", &server, "--slo", "cf-pusk"]);
    let said = "burndown: there is no SLO `cf-pusk`; did you mean `cf-push`?\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(2), said));
    assert_eq!(run(["report", "--server", "http://127.0.0.1:1"]).code, Some(3));
    // Nobody could be asked here either, and the report says so.
    let silent = run(["report", file.to_str().unwrap(), "--prometheus", "http://127.0.0.1:1"]);
    assert!(silent.code == Some(3) && silent.stdout.contains("the history cannot be read"), "{silent:?}");
}

/// The words that are broken in two, which take more than one line.
const BROKEN: &str = "
(() => {
  const broken = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    for (const word of node.textContent.matchAll(/[^\\s\\u2013\\/-]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (range.getClientRects().length > 1) broken.push(word[0]);
    }
  }
  return broken;
})()";

#[test]
fn a_phone_shows_every_word_whole() {
    let (directory, _) = fixture::kept();
    let path = directory.path().join("report.html");
    report(directory.path(), &["--until", UNTIL, "--format", "html", "--output", path.to_str().unwrap()]);
    let page = Browser::shared().page(390, 844);
    page.open(&format!("file://{}", path.display()));
    assert!(page.texts("td").len() > 20);
    assert_eq!(page.value(BROKEN), json!([]));
    assert_eq!(page.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), json!(true));
    // It would find some.
    page.value("document.querySelector('td').style.cssText = 'overflow-wrap: anywhere; display: block; width: 1em'");
    assert_ne!(page.value(BROKEN), json!([]));
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

/// Eight days of a probe as a Prometheus recorded them: one slice failed an hour ago, and a page fired for ten minutes.
fn recorded(now: i64) -> String {
    let identity = "slo_service=\"shop\",slo=\"front\"";
    let spike = now - 3_600;
    let mut text = String::new();
    for (name, value) in [
        ("slo:sli_bad:increase5m", (|_, is_bad| if is_bad { 3.0 } else { 0.0 }) as fn(i64, bool) -> f64),
        ("slo:sli_observed:timestamp_seconds", |at, _| at as f64),
        ("slo:sli_total:increase5m", |_, _| 5.0),
    ] {
        for back in (0..8 * 288).rev() {
            let at = now - back * 300;
            text.push_str(&format!("{name}{{{identity}}} {} {at}\n", value(at, at == spike)));
        }
    }
    // Three runs failed, all in one step.
    for (name, labels) in [
        ("slo_journey_step_failures_total", "reason=\"timeout\",step=\"push\""),
        ("slo_probe_failures_total", "reason=\"timeout\""),
    ] {
        for at in (now - 7_200..=now).step_by(30) {
            let count = ((at - (spike - 240)) / 60).clamp(0, 3);
            text.push_str(&format!("{name}{{slo_service=\"shop\",probe=\"front\",{labels}}} {count} {at}\n"));
        }
    }
    let alert = "alertname=\"ErrorBudgetBurn\",severity=\"page\",long_window=\"1h\",short_window=\"5m\"";
    for (state, from, until) in [("firing", spike, spike + 600), ("pending", spike - 600, spike)] {
        for at in (from..until).step_by(30) {
            text.push_str(&format!("ALERTS{{{alert},{identity},alertstate=\"{state}\"}} 1 {at}\n"));
        }
    }
    text + "# EOF\n"
}

#[test]
fn prometheus_tells_its_alerts_and_why_probes_failed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.yaml");
    let file = "version: burndown/v1\nservice: shop\nwindow: 7d\nprobes:\n  - {name: front, interval: 1m, http: {url: http://127.0.0.1:1/}}\nslos:\n  - {name: front, objective: 99, sli: {probe: front}}\n";
    std::fs::write(&path, file).unwrap();
    let now = jiff::Timestamp::now().as_second();
    let past = Past::of(&recorded(now));
    let prometheus = past.open();
    let url = format!("http://{}/", prometheus.address());
    let until = jiff::Timestamp::from_second(now).unwrap().to_string();
    let more = ["--prometheus", &url, "--until", &until, "--format", "json"];
    let said = run([["report", path.to_str().unwrap()].as_slice(), &more].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let made: Value = serde_json::from_str(&said.stdout).unwrap();
    let slo = &made["slos"][0];
    assert_eq!((&slo["missing"], &slo["alerts_from"]), (&json!([]), &json!("prometheus")), "{slo}");
    let spike = &slo["spikes"][0];
    assert_eq!((&spike["spent_seconds"], &spike["end"]), (&json!(180.0), &json!(now - 3_600)), "{spike}");
    let count = |of: &Value, name: &str| of[name].as_u64().unwrap_or_default();
    assert!((2..=4).contains(&count(&spike["reasons"], "timeout")), "{spike}");
    assert!((2..=4).contains(&count(&spike["steps"], "push")), "{spike}");
    let alerts = slo["alerts"].as_array().unwrap();
    assert_eq!(alerts.len(), 1, "what was pending did not fire: {slo}");
    let (from, until) = (alerts[0]["from"].as_i64().unwrap(), alerts[0]["until"].as_i64().unwrap());
    assert_eq!((&alerts[0]["alert"], &alerts[0]["severity"]), (&json!("ErrorBudgetBurn"), &json!("page")));
    assert!((0..=60).contains(&(from - (now - 3_600))), "{from} of {now}");
    // Without a marker of its end it is seen for the five minutes that Prometheus looks back.
    assert!((540..=960).contains(&(until - (now - 3_600))), "{until} of {now}");
}
