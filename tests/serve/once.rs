//! `burndown probe`: one run, its exit code, and what it says.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::file;
use crate::support::burndown::{Finished, command, run};
use crate::support::target::{Act, Authority, Target, answers, sends};

/// Runs `burndown probe FILE NAME`.
fn probe(text: &str, name: &str, more: &[&str]) -> Finished {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.yaml");
    std::fs::write(&path, text).expect("writes");
    run(["probe", path.to_str().expect("UTF-8"), name].iter().chain(more))
}

fn http(name: &str, url: &str) -> String {
    format!("  - {{name: {name}, interval: 10s, timeout: 1s, http: {{url: \"{url}\"}}}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_good_failed_unusable_and_unknown_apart() {
    let good = Target::plain(answers(200, "ok")).await;
    let bad = Target::plain(answers(503, "")).await;
    let secret = "  - {name: secret, interval: 10s, timeout: 1s, \
                  http: {url: \"http://127.0.0.1:1/\", headers: {Authorization: {env: BURNDOWN_NOT_SET}}}}\n";
    let text =
        file(&(http("good", good.url("http", "/").as_str()) + &http("bad", bad.url("http", "/").as_str()) + secret));
    for (name, code, part) in [
        ("good", 0, "success\n"),
        ("shop/good", 0, "success\n"),
        ("bad", 1, "failed: status: status 503, expected 200-299\n"),
        ("secret", 3, "skipped: internal: the environment variable `BURNDOWN_NOT_SET` is not set\n"),
    ] {
        let finished = probe(&text, name, &[]);
        assert_eq!(finished.code, Some(code), "{name}: {finished:?}");
        assert!(finished.stdout.ends_with(part), "{name}: {}", finished.stdout);
    }
    let unknown = probe(&text, "god", &[]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""));
    assert!(
        unknown.stderr.contains("there is no probe `god`; there are shop/bad, shop/good, shop/secret"),
        "{unknown:?}"
    );
    assert_eq!(probe("version: burndown/v2\n", "good", &[]).code, Some(2));
    assert_eq!(good.connections(), 2);
}

#[test]
fn a_name_that_several_services_have_needs_its_service() {
    let directory = tempfile::tempdir().expect("a directory");
    for service in ["one", "two"] {
        let text = file(&http("app", "http://127.0.0.1:1/")).replace("service: shop", &format!("service: {service}"));
        std::fs::write(directory.path().join(format!("{service}.yaml")), text).expect("writes");
    }
    let path = directory.path().to_str().expect("UTF-8");
    let finished = run(["probe", path, "app"]);
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("write one of one/app, two/app"), "{}", finished.stderr);
    assert_eq!(run(["probe", path, "two/app"]).code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_shown_phase_by_phase_to_people_and_to_programs() {
    let authority = Authority::new();
    let secure = Target::tls(&authority.issue("127.0.0.1", 2080), answers(200, "ok")).await;
    let roots = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(roots.path(), authority.pem()).expect("writes");
    let slo = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    std::fs::write(slo.path(), file(&http("first", secure.url("https", "/").as_str()))).expect("writes");
    let path = slo.path().to_str().expect("UTF-8");
    let run = |more: &[&str]| {
        let output = command(["probe", path, "first"].iter().chain(more)).env("SSL_CERT_FILE", roots.path()).output();
        String::from_utf8(output.expect("runs").stdout).expect("UTF-8")
    };
    let said = run(&[]);
    let words: Vec<&str> = said.lines().map(|line| line.split_whitespace().next().unwrap_or_default()).collect();
    assert_eq!(
        words,
        ["shop/first", "resolve", "connect", "tls", "processing", "transfer", "total", "certificate", "success"]
    );
    assert!(said.contains("certificate valid until 2080-01-01T00:00:00Z, "), "{said}");

    let form: serde_json::Value = serde_json::from_str(&run(&["--output", "json"])).expect("JSON");
    assert_eq!((&form["schema_version"], &form["verdict"]), (&1.into(), &"success".into()));
    assert_eq!((&form["service"], &form["probe"], &form["kind"]), (&"shop".into(), &"first".into(), &"http".into()));
    assert_eq!(form["tls_not_after"], 3_471_292_800_i64);
    let phases: f64 = ["resolve", "connect", "tls", "processing", "transfer"]
        .iter()
        .map(|phase| form["phases"][phase].as_f64().unwrap_or_default())
        .sum();
    let total = form["duration_seconds"].as_f64().expect("a number");
    assert!(phases > 0.0 && phases <= total + 1e-5, "{form}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_shown_in_order() {
    let last = Target::plain(answers(200, "ok")).await;
    let to = |target: &Target| {
        let location = target.url("http", "/secret-path?token=x");
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    };
    let middle = Target::plain(vec![Act::ReadHead, sends(&to(&last))]).await;
    let first = Target::plain(vec![Act::ReadHead, sends(&to(&middle))]).await;
    let probes = format!(
        "  - {{name: first, interval: 10s, timeout: 1s, http: {{url: \"{}\", redirects: 5}}}}\n",
        first.url("http", "/")
    );
    let finished = probe(&file(&probes), "first", &[]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let shown: Vec<&str> =
        finished.stdout.lines().filter_map(|line| line.trim().strip_prefix("redirected to ")).collect();
    assert_eq!(shown.len(), 2, "{finished:?}");
    assert!(shown.iter().all(|host| host.contains("127.0.0.1")) && !finished.stdout.contains("token"), "{shown:?}");
    let form = probe(&file(&probes), "first", &["--output", "json"]).stdout;
    let form: serde_json::Value = serde_json::from_str(&form).expect("JSON");
    assert_eq!(form["redirects"].as_array().map(Vec::len), Some(2), "{form}");
}

#[test]
fn a_journey_shows_its_steps_and_is_cleaned_up() {
    let notes = tempfile::tempdir().expect("a directory");
    let cleaned = notes.path().join("cleaned");
    let journey = format!(
        "  - name: walk\n    interval: 10s\n    timeout: 2s\n    journey:\n      steps:\n        \
         - {{name: one, run: [sh, -c, \"exit 0\"]}}\n        - {{name: two, run: [sh, -c, \"exit 3\"]}}\n        \
         - {{name: three, run: [sh, -c, \"exit 0\"]}}\n      cleanup: [{{name: four, run: [touch, {}], env: {{PATH: /usr/bin:/bin}}}}]\n",
        cleaned.display()
    );
    let finished = probe(&file(&journey), "walk", &[]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let lines: Vec<&str> = finished.stdout.lines().map(str::trim).collect();
    assert!(lines.iter().any(|line| line.starts_with("one ") && line.ends_with("success")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("two ") && line.contains("failed: exit_code: ")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("three ") && line.ends_with("not reached")), "{lines:?}");
    assert!(cleaned.exists(), "the cleanup ran: {}", finished.stderr);

    let form = probe(&file(&journey), "walk", &["--output", "json"]).stdout;
    let form: serde_json::Value = serde_json::from_str(&form).expect("JSON");
    let verdicts: Vec<&str> =
        form["steps"].as_array().expect("a list").iter().filter_map(|step| step["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["success", "failed", "not_reached"]);
}

#[test]
fn a_signal_breaks_the_run_off_and_the_cleanup_still_runs() {
    let notes = tempfile::tempdir().expect("a directory");
    let (begun, cleaned) = (notes.path().join("begun"), notes.path().join("cleaned"));
    let journey = format!(
        "  - name: walk\n    interval: 1m\n    timeout: 1m\n    journey:\n      env: {{PATH: \"/usr/bin:/bin\"}}\n      \
         steps: [{{name: one, run: [sh, -c, \"touch {}; sleep 60\"]}}]\n      cleanup: [{{name: two, run: [touch, {}]}}]\n",
        begun.display(),
        cleaned.display()
    );
    let path = notes.path().join("shop.yaml");
    std::fs::write(&path, file(&journey)).expect("writes");
    let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(["probe", path.to_str().expect("UTF-8"), "walk"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !begun.exists() {
        assert!(Instant::now() < deadline, "it never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().expect("runs").success());
    assert_eq!(child.wait().expect("ends").code(), Some(1));
    assert!(cleaned.exists() && Instant::now() < deadline);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_of_the_file_does_not_steer_the_terminal() {
    let target = Target::plain(answers(200, "ok")).await;
    let expect = "expect: {body: {contains: \"\\e[2J\"}}";
    let probes = format!(
        "  - {{name: first, interval: 10s, timeout: 1s, http: {{url: \"{}\", {expect}}}}}\n",
        target.url("http", "/")
    );
    let finished = probe(&file(&probes), "first", &[]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stdout.contains("failed: body: ") && finished.stdout.contains("[2J"), "{finished:?}");
    assert!(finished.stdout.chars().all(|c| !c.is_control() || c == '\n'), "{finished:?}");
}
