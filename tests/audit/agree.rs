//! A real service and a real Prometheus that scrapes it: rule, API and command say the same of what people decide.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::counting_target::CountingTarget;
use crate::support::prometheus::{Prometheus, Setup};
use crate::support::{burndown, http, port, wait};

const SOON: Duration = Duration::from_secs(40);

/// Six minutes of budget, and a gate that closes when three seconds of it are gone; and the same runs as Prometheus counts
/// them, by the instance that it scrapes, with a gate that stays open.
fn slo_file(url: &str) -> String {
    format!(
        "version: burndown/v1
service: shop
window: 1h
probes:
  - {{name: front, interval: 800ms, timeout: 700ms, http: {{url: '{url}'}}}}
slos:
  - {{name: front, objective: 90, sli: {{probe: front}}}}
  - name: scraped
    objective: 10
    gate: {{close_at: 0s, resume_at: 1s}}
    sli: {{events: {{bad: 'slo_probe_failures_total{{slo_service=\"shop\"}}', total: 'slo_probe_attempts_total{{slo_service=\"shop\"}}', by: [instance]}}}}
gate: {{close_at: 357s, resume_at: 359s}}
rules: {{interval: 1s, delay: 2s, lookback: 5s}}
alerting: {{page: {{disable: true}}, ticket: {{disable: true}}}}
"
    )
}

#[test]
fn rule_and_api_and_command_follow_people_and_agree() {
    let target = CountingTarget::start();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::write(path("shop.yaml"), slo_file(&target.url())).unwrap();
    let (file, socket, state) = (path("shop.yaml"), path("admin.sock"), path("state"));
    let generated =
        burndown::run(["generate", &file, "--only", "rules", "--output", directory.path().to_str().unwrap()]);
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    let address = port::free();
    let mut prometheus = Prometheus::start(&Setup {
        targets: vec![("burndown", address)],
        rules: ["fast", "slow"].map(|tier| directory.path().join(format!("rules/shop.{tier}.yaml"))).to_vec(),
        alertmanager: None,
    });
    let (url, listen) = (format!("http://{}/", prometheus.address()), address.to_string());
    let mut serve = burndown::start([
        "serve",
        &file,
        "--web.listen-address",
        &listen,
        "--web.admin-socket",
        &socket,
        "--storage.path",
        &state,
        "--prometheus",
        &url,
    ]);
    serve.wait_for_line("probes", SOON, |line| line.contains("running probes").then_some(()));
    let api = || http::get(address, "/api/v1/gate", &[]).unwrap().json();
    let decision = |answer: &Value| (answer["decision"].clone(), answer["reason"].clone());
    let asked_of = |slo: &str, command: &str, arguments: &[&str]| {
        let finished = burndown::run(
            [command, "--socket", &socket, "--slo", slo, "--reason", "a test", "--by", "Ann"].iter().chain(arguments),
        );
        assert_eq!(finished.code, Some(0), "{finished:?}");
    };
    let asked = |command: &str, arguments: &[&str]| asked_of("front", command, arguments);
    let from_prometheus = || -> Value {
        let finished = burndown::run(["gate", &file, "--prometheus", &url, "--output", "json"]);
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"))
    };
    let gate = "min(slo:deploy_gate:open)";
    let mut rule = |open: f64| prometheus.wait_for(gate, SOON, |value| value == open);
    let agreed = |wanted: (&str, &str)| {
        let is_so = |answer: Value| (decision(&answer) == (json!(wanted.0), json!(wanted.1))).then_some(answer);
        wait::until("the API", SOON, || is_so(api()), || api().to_string());
        wait::until("the command", SOON, || is_so(from_prometheus()), || from_prometheus().to_string())
    };

    rule(1.0);
    agreed(("open", "open"));
    target.break_it();
    rule(0.0);
    agreed(("closed", "closed"));
    target.mend_it();
    asked("override", &["--for", "1h"]);
    assert_eq!(decision(&api()), (json!("open"), json!("override")), "at once");
    rule(1.0);
    let answer = agreed(("open", "override"));
    // It began when it was made, or when that was scraped, and does not begin anew with every look.
    let since = api()["open_since"].as_i64().unwrap();
    let seen = answer["open_since"].as_i64().unwrap();
    assert!((since..since + 60).contains(&seen), "{since} {seen}");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(from_prometheus()["open_since"], seen);
    assert_eq!(api()["open_since"], since);
    assert_eq!((&answer["slos"][0]["would"], &answer["slos"][0]["override"]["by"]), (&json!("closed"), &json!("")));
    asked("override", &["--withdraw"]);
    rule(0.0);
    agreed(("closed", "closed"));

    // Until no run fails any more, and then all of it is given back.
    std::thread::sleep(Duration::from_secs(4));
    asked("correct", &["--from", "10m"]);
    rule(1.0);
    let answer = agreed(("open", "open"));
    let slo = answer["slos"].as_array().unwrap().iter().find(|slo| slo["slo"] == "front").unwrap();
    let seconds = |key: &str| slo[key].as_f64().unwrap();
    assert!(seconds("remaining_seconds") < 357.0, "the gross stays: {answer}");
    assert!((seconds("net_remaining_seconds") - 360.0).abs() < 0.5, "{answer}");
    let net = prometheus.value("min(slo:error_budget_net_remaining:seconds{slo=\"front\"})").unwrap();
    let gross = prometheus.value("min(slo:error_budget_remaining:seconds{slo=\"front\"})").unwrap();
    assert!((net - 360.0).abs() < 0.5 && gross < 357.0, "{net} {gross}");
    // A group by the instance that is scraped: the rule knows it from the service that is an instance itself.
    asked_of("scraped", "correct", &["--from", "10m"]);
    let own = format!("{{slo=\"scraped\",instance=\"{address}\"}}");
    let given_back = format!("slo:error_budget_net_remaining:seconds{own} - slo:error_budget_remaining:seconds{own}");
    let in_rule = prometheus.wait_for(&format!("sum({given_back})"), SOON, |seconds| seconds > 0.5);
    let answer = http::get(address, "/api/v1/gate?slo=scraped", &[]).unwrap().json();
    let slo = &answer["slos"][0];
    assert_eq!(slo["group"], json!({"instance": listen}), "{answer}");
    let in_answer = slo["corrected_seconds"].as_f64().unwrap();
    assert!((in_rule - in_answer).abs() < 0.5, "{in_rule} {in_answer}");
}
