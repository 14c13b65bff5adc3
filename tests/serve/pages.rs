//! `/probes`, its API and `/config`: what they show, to whom, and what they never show.

use std::process::Command;
use std::time::{Duration, Instant};

use super::file;
use super::program::{Program, body, http, idle, json, status};
use crate::support::target::{Target, answers, refusing};

/// Waits until a probe has run.
fn wait_for_run(program: &Program, probe: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let series = format!("slo_probe_attempts_total{{slo_service=\"shop\",probe=\"{probe}\"}}");
    while program.value(&series) == Some(0.0) {
        assert!(Instant::now() < deadline, "{probe} never ran");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_runs_are_shown_with_reason_and_detail() {
    let good = Target::plain(answers(200, "ok")).await;
    let bad = refusing().await;
    let journey = "  - name: walk\n    interval: 300ms\n    timeout: 300ms\n    journey:\n      steps:\n        \
                   - {name: one, run: [sh, -c, \"exit 3\"]}\n        - {name: two, run: [sh]}\n";
    let probes = http("good", "200ms", good.url("http", "/").as_str())
        + &http("bad", "200ms", &format!("http://{bad}/"))
        + &http("never", "30d", "http://127.0.0.1:1/")
        + journey;
    let program = Program::start(&probes, &[], &[]);
    ["good", "bad", "walk"].iter().for_each(|probe| wait_for_run(&program, probe));

    let list = json(&program.get("/api/v1/probes", ""));
    let of = |key: &str| -> Vec<String> {
        let probes = list["probes"].as_array().expect("a list");
        probes.iter().map(|probe| probe[key].as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(of("probe"), ["bad", "walk", "never", "good"], "what needs attention comes first");
    assert_eq!(of("state"), ["failed", "failed", "unknown", "success"]);
    assert_eq!(of("reason"), ["connect", "exit_code", "-", "-"]);
    assert_eq!(of("kind"), ["http", "journey", "http", "http"]);
    assert_eq!(list["probes"][0]["interval_seconds"], 0.2);
    assert!(list["probes"][0]["since"].as_f64() <= list["probes"][0]["last_run_at"].as_f64());

    let runs = json(&program.get("/api/v1/probes/shop/walk/runs", ""));
    let run = &runs["runs"][0];
    assert_eq!((&run["verdict"], &run["reason"]), (&"failed".into(), &"exit_code".into()));
    assert!(run["detail"].as_str().is_some_and(|detail| detail.contains("step `one`")), "{run}");
    assert_eq!(run["steps"][1]["verdict"], "not_reached");
    // A name that only one service has needs no service.
    let short = json(&program.get("/api/v1/probes/walk/runs", ""));
    assert_eq!(short["service"], "shop");
    assert!(json(&program.get("/api/v1/probes/good/runs", ""))["runs"][0]["phases"]["connect"].is_number());
    assert_eq!(json(&program.get("/api/v1/probes/never/runs", ""))["runs"], serde_json::json!([]));

    let page = program.get("/probes", "");
    assert!(body(&page).contains("4 probes: 2 failed, 1 unknown, 1 success"), "{page}");
    let page = program.get("/probes/shop/walk", "");
    assert!(body(&page).contains("one: <span class=\"state\">failed</span> exit_code"), "{page}");
    assert!(body(&program.get("/probes/shop/never", "")).contains("It has not run yet."));
    // Everybody finds the way there and back.
    for (path, link) in [
        ("/", "<a href=\"/probes\">"),
        ("/probes", "href=\"/\">Board</a>"),
        ("/probes/shop/walk", "href=\"/\">Board</a>"),
    ] {
        assert!(body(&program.get(path, "")).contains(link), "no {link} on {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_finds_probes_by_name_kind_reason_and_state() {
    let bad = refusing().await;
    let probes = http("Front-page", "30d", "http://127.0.0.1:1/") + &http("cart", "200ms", &format!("http://{bad}/"));
    let program = Program::start(&probes, &[], &[]);
    wait_for_run(&program, "cart");
    let found = |query: &str| -> Vec<String> {
        let list = json(&program.get(&format!("/api/v1/probes{query}"), ""));
        let probes = list["probes"].as_array().expect("a list");
        probes.iter().filter_map(|probe| probe["probe"].as_str()).map(str::to_owned).collect()
    };
    assert_eq!(found(""), ["cart", "Front-page"]);
    assert_eq!(found("?q=front"), ["Front-page"]);
    assert_eq!(found("?q=SHOP%2Fca"), ["cart"]);
    assert_eq!(found("?q=connect"), ["cart"]);
    assert_eq!(found("?q=http"), ["cart", "Front-page"]);
    assert_eq!(found("?state=unknown&q=+"), ["Front-page"]);
    assert_eq!(found("?state=failed&q=front"), [] as [&str; 0]);
    assert_eq!(found("?target=http://127.0.0.1/&module=x"), ["cart", "Front-page"], "nothing takes a target");
    let page = program.get("/probes?q=front&state=unknown", "");
    assert!(page.contains("/probes/shop/Front-page") && !page.contains("/probes/shop/cart"));
    assert!(page.contains("<option value=\"unknown\" selected>") && page.contains("value=\"front\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_text_and_pages_load_nothing() {
    let target = Target::plain(answers(200, "ok")).await;
    let evil = "<script>alert(1)</script>\\\" onload=x '";
    let probe = format!(
        "  - {{name: first, interval: 200ms, timeout: 200ms, http: {{url: \"{}\", expect: {{body: {{contains: \"{evil}\"}}}}}}}}\n",
        target.url("http", "/")
    );
    let program = Program::start(&probe, &[], &[]);
    wait_for_run(&program, "first");
    for path in ["/probes", "/probes/shop/first", "/probes?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&state=%22%3E"] {
        let page = program.get(path, "");
        assert_eq!(status(&page), "200", "{path}");
        assert!(!page.contains("<script") && !page.contains("alert(1)</") && !page.contains("\" onload"), "{page}");
        let head = page.split_once("\r\n\r\n").expect("a head").0.to_lowercase();
        let policy = head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).expect("a policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{policy}");
        assert!(head.contains("x-content-type-options: nosniff") && head.contains("referrer-policy: no-referrer"));
        for outside in ["src=", "http://", "https://", "@import", "url(", "rel=\"stylesheet\""] {
            assert!(!body(&page).contains(outside), "{path} holds {outside}\n{page}");
        }
    }
    assert!(body(&program.get("/probes/shop/first", "")).contains("&#60;script&#62;"));
    let runs = json(&program.get("/api/v1/probes/first/runs", ""));
    assert!(runs["runs"][0]["detail"].as_str().is_some_and(|detail| detail.contains("<script>")), "{runs}");
}

#[test]
fn a_name_of_several_services_and_no_name_at_all() {
    let directory = tempfile::tempdir().expect("a directory");
    for service in ["one", "two"] {
        let text = file(&idle()).replace("service: shop", &format!("service: {service}"));
        std::fs::write(directory.path().join(format!("{service}.yaml")), text).expect("writes");
    }
    let program = Program::start_file(&file(&idle()), &[directory.path().to_str().expect("UTF-8")], &[]);
    let several = program.get("/api/v1/probes/first/runs", "");
    assert_eq!((status(&several).as_str(), several.contains("one/first\nshop/first\ntwo/first\n")), ("409", true));
    assert_eq!(status(&program.get("/api/v1/probes/two/first/runs", "")), "200");
    assert_eq!(status(&program.get("/probes/two/first", "")), "200");
    for path in [
        "/api/v1/probes/nope/runs",
        "/api/v1/probes/three/first/runs",
        "/api/v1/probes/one/first",
        "/api/v1/probes/",
        "/api/v1/probes//runs",
        "/probes/",
        "/probes/one/first/",
        "/probes/http://127.0.0.1/",
        "/probesx",
        "/probe",
        "/probe?target=http://127.0.0.1/",
    ] {
        assert_eq!(status(&program.get(path, "")), "404", "{path}");
    }
}

#[test]
fn secrets_are_on_no_page_and_in_no_log() {
    let secret = "hunter2-of-the-test";
    let probe = "  - {name: first, interval: 200ms, timeout: 200ms, http: {url: \"http://127.0.0.1:1/\", \
                 headers: {Authorization: {env: BURNDOWN_TEST_SECRET}}}}\n";
    let mut program = Program::start(probe, &["--log.level", "trace"], &[("BURNDOWN_TEST_SECRET", secret)]);
    wait_for_run(&program, "first");
    let config = program.get("/config", "");
    assert!(body(&config).contains("Authorization: {env: BURNDOWN_TEST_SECRET}"), "{config}");
    assert!(config.contains("content-type: text/plain"));
    for path in
        ["/", "/config", "/metrics", "/probes", "/probes/shop/first", "/api/v1/probes", "/api/v1/probes/first/runs"]
    {
        let answer = program.get(path, "");
        assert_eq!(status(&answer), "200", "{path}");
        assert!(!answer.contains(secret), "{path}");
    }
    program.signal("TERM");
    program.wait(Duration::from_secs(10));
    let log: Vec<String> = program.log.iter().collect();
    assert!(!log.is_empty() && log.iter().all(|line| !line.contains(secret)));
}

#[test]
fn a_name_of_the_outside_is_answered_on_loopback_once_it_is_given() {
    let ask = |program: &Program, host: &str| {
        status(&program.send(&format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")))
    };
    let program = Program::start(&idle(), &["--web.external-url", "https://slo.example.com"], &[]);
    for (host, wanted) in [
        ("localhost", "200"),
        ("slo.example.com", "200"),
        ("SLO.example.com:8443", "200"),
        ("other.example.com", "403"),
        ("slo.example.com.evil.example", "403"),
    ] {
        assert_eq!(ask(&program, host), wanted, "{host}");
    }
    for url in ["slo.example.com", "ftp://slo.example.com/", "https://slo.example.com/prefix/"] {
        let output = Command::new(env!("CARGO_BIN_EXE_burndown"))
            .args(["serve", "x.yaml", "--web.external-url", url])
            .output()
            .expect("runs");
        assert_eq!(output.status.code(), Some(2), "{url}");
    }
}

#[test]
fn an_address_that_leaves_the_interface_open_is_refused_with_one_that_does_not() {
    for address in [":9799", "localhost:9799", "9799", "127.0.0.1:99999"] {
        let output = Command::new(env!("CARGO_BIN_EXE_burndown"))
            .args(["serve", "x.yaml", "--web.listen-address", address])
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains("or `0.0.0.0:9799` for every interface"), "{said}");
    }
}

#[test]
fn several_addresses_are_listened_on_each_by_its_own_rule() {
    let program = Program::start(&idle(), &["--web.listen-address", "0.0.0.0:0", "--log.format", "json"], &[]);
    let started: serde_json::Value = serde_json::from_str(&program.started).expect("JSON");
    assert_eq!(started["probes"], 1);
    let ports: Vec<u16> = program.addresses.iter().map(std::net::SocketAddr::port).collect();
    assert_eq!(ports.len(), 2);
    let ask = |port: u16, host: &str| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("connects");
        let request = format!("GET /-/healthy HTTP/1.0\r\nHost: {host}\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).expect("sends");
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).expect("reads");
        status(&answer)
    };
    assert_eq!(ask(ports[0], "any.example.com"), "403", "bound to loopback");
    assert_eq!(ask(ports[1], "any.example.com"), "200", "bound to every address, a scraper may use any name");
}

#[test]
fn every_probe_runs_in_exactly_one_shard() {
    let probes: String = (0..40).map(|n| http(&format!("p-{n}"), "30d", "http://127.0.0.1:1/")).collect();
    let mut seen = Vec::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let program = Program::start(&probes, &["--shard", shard], &[]);
        let list = json(&program.get("/api/v1/probes", ""));
        let found = list["probes"].as_array().expect("a list").iter().filter_map(|probe| probe["probe"].as_str());
        let found: Vec<String> = found.map(str::to_owned).collect();
        assert!((5..=25).contains(&found.len()), "{shard}: {}", found.len());
        seen.extend(found);
    }
    seen.sort();
    let mut all: Vec<String> = (0..40).map(|n| format!("p-{n}")).collect();
    all.sort();
    assert_eq!(seen, all);
    for shard in ["0/3", "4/3", "x"] {
        let output = Command::new(env!("CARGO_BIN_EXE_burndown")).args(["serve", "x.yaml", "--shard", shard]).output();
        assert_eq!(output.expect("runs").status.code(), Some(2), "{shard}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_body_said_is_shown_only_where_that_is_turned_on() {
    let target = Target::plain(answers(200, "<b>words of the body</b>")).await;
    let probe = format!(
        "  - {{name: first, interval: 200ms, timeout: 200ms, http: {{url: \"{}\", expect: {{body: {{contains: other}}}}}}}}\n",
        target.url("http", "/")
    );
    for (arguments, is_shown) in [(&[] as &[&str], false), (&["--web.body-excerpts"], true)] {
        let mut program = Program::start(&probe, arguments, &[]);
        wait_for_run(&program, "first");
        let runs = json(&program.get("/api/v1/probes/first/runs", ""));
        let excerpt = runs["runs"][0]["excerpt"].as_str();
        assert_eq!(excerpt, is_shown.then_some("<b>words of the body</b>"), "{runs}");
        let page = program.get("/probes/shop/first", "");
        assert_eq!(page.contains("words of the body"), is_shown, "{page}");
        assert!(!page.contains("<b>words"), "{page}");
        program.signal("TERM");
        program.wait(Duration::from_secs(10));
        assert!(program.log.iter().all(|line| !line.contains("words of the body")));
    }
    // Whoever runs a probe by hand asked for it.
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.yaml");
    std::fs::write(&path, file(&probe)).expect("writes");
    let said = crate::support::burndown::run(["probe", path.to_str().expect("UTF-8"), "first"]);
    assert!(said.stdout.contains("  what it said\n    <b>words of the body</b>\nfailed: body: "), "{said:?}");
}
