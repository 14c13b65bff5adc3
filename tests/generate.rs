//! Generated rules and proofs against promtool.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::burndown::{Finished, run};
use crate::support::promtool::{check_rules, test_rules};

/// An SLO file of one SLO of every kind, for a window and objective.
fn every_kind(window: &str, objective: &str, extra: &str) -> String {
    format!(
        r#"version: burndown/v1
service: shop
labels: {{team: "a {{{{ brace }}}}"}}
window: {window}
{extra}
probes:
  - name: app
    interval: 30s
    timeout: 10s
    http: {{url: "https://shop.example.com/"}}
slos:
  - {{name: probed, objective: {objective}, sli: {{probe: app}}}}
  - name: counted
    objective: {objective}
    sli:
      events:
        bad: 'http_requests_total{{job="api",code=~"5.."}}'
        total: 'http_requests_total{{job="api"}}'
        by: [route]
  - name: separate
    objective: {objective}
    sli: {{events: {{bad: errors_total, total: 'requests_total{{kind!=""}}'}}}}
  - name: queried
    objective: {objective}
    sli: {{query: {{bad: 'sum(rate(x_errors[$window]))', total: 'sum(rate(x_total[$window]))'}}}}
"#
    )
}

/// The SLO of a probe alone.
fn first_slo(every_kind: &str) -> String {
    every_kind.split("  - name: counted").next().unwrap().to_owned()
}

/// Writes an SLO file and generates everything from it.
fn generate(directory: &Path, text: &str) -> (Finished, PathBuf) {
    let file = directory.join("slo.yaml");
    let output = directory.join("out");
    fs::write(&file, text).unwrap();
    (run(["generate".as_ref(), file.as_os_str(), "--output".as_ref(), output.as_os_str()]), output)
}

/// The files of a directory in order of their names.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Every file below a directory with its bytes.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let below = ["rules", "tests", "alertmanager"].map(|kind| files(&directory.join(kind))).concat();
    below.into_iter().filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Runs promtool over everything that was generated, two files at a time.
fn assert_proved(output: &Path) {
    for rules in files(&output.join("rules")) {
        let judged = check_rules(&rules);
        assert!(judged.passed, "{}: {}", rules.display(), judged.output);
    }
    let left = Mutex::new(files(&output.join("tests")));
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(test) = { left.lock().unwrap().pop() } {
                    let judged = test_rules(&test);
                    if !judged.passed {
                        failed.lock().unwrap().push(format!("{}: {}", test.display(), judged.output));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_examples_prove_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let finished = run(["generate".as_ref(), examples.as_ref(), "--output".as_ref(), directory.path().as_os_str()]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_proved(directory.path());
}

#[test]
fn every_kind_proves_itself_for_short_and_long_windows() {
    let minutes = "alerting: {windows: [{severity: page, long: 10m, short: 2m, factor: 4}, {severity: ticket, long: 30m, short: 5m, budget: 60%}]}";
    let quick = "rules: {interval: 5s, delay: 5s, lookback: 20s}\n";
    for (window, objective, extra) in
        [("1h", "90", format!("{quick}{minutes}")), ("36h", "95", String::new()), ("90d", "99.99", String::new())]
    {
        let directory = tempfile::tempdir().unwrap();
        let (finished, output) = generate(directory.path(), &every_kind(window, objective, &extra));
        assert_eq!(finished.code, Some(0), "{window} {objective}: {}", finished.stderr);
        assert_proved(&output);
    }
}

/// What differs between these windows and objectives and the others is the same for every kind.
#[test]
fn a_probe_proves_itself_for_shrunken_pairs_and_a_lenient_objective() {
    for (window, objective) in [("5d", "99.95"), ("30d", "50")] {
        let directory = tempfile::tempdir().unwrap();
        let (finished, output) = generate(directory.path(), &first_slo(&every_kind(window, objective, "")));
        assert_eq!(finished.code, Some(0), "{window} {objective}: {}", finished.stderr);
        assert_proved(&output);
    }
}

/// A query that is 0 where a series is missing: its rules count it while any of its series is there, so that its proofs,
/// of which one takes all series away, hold. Of a query that says more than 0 without data, nothing can be proved.
#[test]
fn a_query_that_falls_back_to_zero_proves_itself() {
    let queries = [
        ("both", "sum(rate(x_errors[$window])) or vector(0)", "sum(rate(x_total[$window])) or vector(0)", ""),
        (
            "added",
            "(sum(rate(x_errors[$window])) or vector(0)) + (sum(rate(y_errors[$window])) or vector(0))",
            "(sum(rate(x_total[$window])) or vector(0)) + (sum(rate(y_total[$window])) or vector(0))",
            "",
        ),
        (
            "grouped",
            "sum by (route) (rate(x_errors[$window])) or vector(0)",
            "sum by (route) (rate(x_total[$window])) or vector(0)",
            ", by: [route]",
        ),
        ("constant", "sum_over_time(absent(x_total)[$window:1m])", "sum(rate(x_total[$window]))", ""),
    ];
    let quick = "rules: {interval: 5s, delay: 5s, lookback: 20s}\nalerting: {windows: [{severity: page, long: 10m, short: 2m, factor: 4}]}\n";
    for (window, extra) in [("1h", quick), ("36h", "")] {
        let mut text = format!("version: burndown/v1\nservice: shop\nwindow: {window}\n{extra}slos:\n");
        for (name, bad, total, by) in queries {
            let sli = format!("{{query: {{bad: '{bad}', total: '{total}'{by}}}}}");
            writeln!(text, "  - {{name: {name}, objective: 95, sli: {sli}}}").unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let (finished, output) = generate(directory.path(), &text);
        assert_eq!(finished.code, Some(0), "{window}: {}", finished.stderr);
        assert_proved(&output);
        let proofs: String =
            files(&output.join("tests")).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        for (name, ..) in queries {
            let is_proved = proofs.contains(&format!("shop/{name}: an outage"));
            assert_eq!(is_proved, name != "constant", "{window}: {name}");
        }
        assert_eq!(proofs.matches("missing data is neither good nor bad").count(), if window == "1h" { 0 } else { 3 });
    }
}

/// The SLOs of the kinds that [`every_kind`] leaves out, with everything that a file may say of alerts.
const OPTIONS: &str = r#"version: burndown/v1
service: shop
labels: {team: "a {{ brace }}"}
alerting:
  runbook: https://wiki.example.com/shop
  windows:
    - {severity: page, long: 30m, short: 5m, factor: 10}
    - {severity: ticket, long: 12h, short: 1h, factor: 4}
  page: {for: 2m, keep_firing_for: 4m, labels: {severity: critical, channel: "{{ phone }}"}, annotations: {impact: "{{ $labels.slo }} at {{ $value }}"}}
  ticket: {keep_firing_for: 15m}
  alerts:
    burn: {name: ShopBurns, labels: {area: checkout}}
    exhausted: {severity: page, for: 0s, annotations: {ask: product}}
    data_missing: {name: ShopIsSilent, for: 0s, keep_firing_for: 2h}
    gate_closed: {disable: true}
    rules_failing: {name: ShopRulesFail}
    watchdog: {disable: true}
slos:
  - name: latency
    objective: 99
    sli: {latency: {histogram: 'request_seconds{job="api"}', threshold: 300ms, by: [route]}}
  - {name: native, objective: 99, sli: {latency: {histogram: request_seconds, threshold: 1s, native: true}}}
  - name: gauge
    objective: 99
    sli: {gauge: {metric: probe_success, by: [instance]}}
    labels: {team: night}
    alerting: {runbook: "https://wiki.example.com/{{gauge}}", ticket: {disable: true}}
  - name: queue
    objective: 99
    sli: {gauge: {metric: queue_length, at_most: 100}}
    alerting: {page: {for: 30m}, alerts: {burn: {for: 3m, keep_firing_for: 0s}}}
  - {name: ratio, objective: 99, sli: {ratio: {error: 'job:errors:ratio'}}}
  - name: slices
    objective: 99
    budgeting: {timeslices: {slice: 1m, target: 95}}
    sli: {events: {good: 'jobs_total{result="ok"}', bad: 'jobs_total{result="failed"}'}}
"#;

#[test]
fn the_other_kinds_prove_themselves_with_every_option_of_alerts() {
    let directory = tempfile::tempdir().unwrap();
    let (finished, output) = generate(directory.path(), OPTIONS);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_proved(&output);
}

/// The alerts of an SLO, or of the service, by name; the burn-rate alerts with their long window.
fn alerts(output: &Path, group: &str) -> BTreeMap<String, Value> {
    let mut alerts = BTreeMap::new();
    for path in files(&output.join("rules")) {
        let file: Value = serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let groups = file["groups"].as_array().unwrap().iter().filter(|found| found["name"] == group);
        for rule in groups.flat_map(|group| group["rules"].as_array().unwrap()) {
            let Some(name) = rule["alert"].as_str() else { continue };
            let window = rule["labels"]["long_window"].as_str();
            let name = window.map_or_else(|| name.to_owned(), |window| format!("{name} {window}"));
            assert!(alerts.insert(name, rule.clone()).is_none(), "two of one name in {group}");
        }
    }
    alerts
}

#[test]
fn what_a_file_says_of_alerts_is_what_they_carry() {
    let directory = tempfile::tempdir().unwrap();
    let (finished, output) = generate(directory.path(), OPTIONS);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let names = |group: &str| alerts(&output, group).into_keys().collect::<Vec<_>>();
    let all = ["ErrorBudgetExhausted", "ShopBurns 12h", "ShopBurns 30m", "ShopIsSilent"];
    assert_eq!(names("burndown/shop/latency"), all);
    // Tickets are left out, and what became a page is not one any more.
    assert_eq!(names("burndown/shop/gauge"), ["ErrorBudgetExhausted", "ShopBurns 30m"]);
    // What this SLO, the first by name, says for itself reaches no alert of the whole service.
    assert_eq!(names("burndown/shop"), ["ShopRulesFail"]);

    let latency = alerts(&output, "burndown/shop/latency");
    let page = &latency["ShopBurns 30m"];
    assert_eq!((&page["for"], &page["keep_firing_for"]), (&json!("2m"), &json!("4m")));
    let (open, close) = ("{{ \"{{\" }}", "}}");
    let team = format!("a {open} brace {close}");
    let labels = json!({
        "area": "checkout", "channel": format!("{open} phone {close}"), "severity": "critical",
        "team": team, "slo": "latency", "slo_service": "shop",
        "long_window": "30m", "short_window": "5m",
    });
    assert_eq!(page["labels"], labels);
    let annotations = &page["annotations"];
    assert_eq!(annotations["impact"], "{{ $labels.slo }} at {{ $value }}");
    assert_eq!(annotations["runbook_url"], "https://wiki.example.com/shop");

    let ticket = &latency["ShopBurns 12h"];
    assert_eq!((&ticket["for"], &ticket["keep_firing_for"]), (&Value::Null, &json!("15m")));
    assert_eq!((&ticket["labels"]["severity"], &ticket["labels"]["channel"]), (&json!("ticket"), &Value::Null));
    let exhausted = &latency["ErrorBudgetExhausted"];
    assert_eq!((&exhausted["for"], &exhausted["labels"]["severity"]), (&Value::Null, &json!("critical")));
    assert_eq!(exhausted["annotations"]["ask"], "product");
    assert_eq!(latency["ShopIsSilent"]["keep_firing_for"], "2h");

    let gauge = alerts(&output, "burndown/shop/gauge");
    let page = &gauge["ShopBurns 30m"];
    assert_eq!(page["annotations"]["runbook_url"], "https://wiki.example.com/%7B%7Bgauge%7D%7D");
    assert_eq!(page["labels"]["team"], "night");
    let failing = &alerts(&output, "burndown/shop")["ShopRulesFail"];
    assert_eq!(failing["annotations"]["runbook_url"], "https://wiki.example.com/shop");
    assert_eq!(failing["labels"]["team"], team);
    let queue = alerts(&output, "burndown/shop/queue");
    let page = &queue["ShopBurns 30m"];
    assert_eq!((&page["for"], &page["keep_firing_for"]), (&json!("3m"), &Value::Null));
}

#[test]
fn a_damaged_rule_fails_its_proof() {
    for (file, right, wrong) in [
        ("shop.fast", "> 0.144)", "> 0.2)"),
        ("shop.fast", "> 0.06)", "> 0.03)"),
        ("shop.fast", "[3599999ms]", "[1799999ms]"),
        ("shop.slow", "> 0.03)", "> 0.06)"),
        ("shop.slow", "> 0.01)", "> 0.005)"),
        ("shop.slow", "* 300", "* 299"),
        ("shop.slow", "> bool 0", "> bool -100000"),
        ("shop.slow", "[899999ms]", "[15d]"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let text = every_kind("30d", "99", "");
        let (finished, output) = generate(directory.path(), &first_slo(&text));
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        let path = output.join(format!("rules/{file}.yaml"));
        let rules = fs::read_to_string(&path).unwrap();
        assert!(rules.contains(right), "{right:?} is not in {file}:\n{rules}");
        fs::write(&path, rules.replace(right, wrong)).unwrap();
        let judged = test_rules(&output.join(format!("tests/{file}.test.yaml")));
        assert!(!judged.passed, "{right:?} became {wrong:?} and promtool saw nothing");
    }
}

#[test]
fn the_same_files_give_the_same_bytes_in_any_order() {
    let directory = tempfile::tempdir().unwrap();
    let one = directory.path().join("one.yaml");
    let two = directory.path().join("two.yaml");
    fs::write(&one, every_kind("30d", "99.9", "")).unwrap();
    fs::write(&two, every_kind("7d", "99", "").replace("service: shop", "service: other")).unwrap();
    let generate = |paths: [&Path; 2], output: &str| {
        let output = directory.path().join(output);
        let finished = run(["generate".as_ref(), paths[0], paths[1], "--output".as_ref(), output.as_path()]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        let inside = contents(&output).into_iter();
        inside.map(|(path, bytes)| (path.file_name().unwrap().to_owned(), bytes)).collect::<Vec<_>>()
    };
    let first = generate([&one, &two], "a");
    assert_eq!(first.len(), 9);
    assert_eq!(first, generate([&two, &one], "b"));
}

#[test]
fn no_number_has_float_noise() {
    for objective in ["99.9", "99.95", "99.99", "99", "95", "90", "33.3", "99.999"] {
        let directory = tempfile::tempdir().unwrap();
        let (finished, output) = generate(directory.path(), &every_kind("30d", objective, "gate: {resume_at: 5%}"));
        assert_eq!(finished.code, Some(0), "{objective}: {}", finished.stderr);
        for (path, bytes) in contents(&output) {
            let text = String::from_utf8(bytes).unwrap();
            for word in text.split(|c: char| !c.is_ascii_digit() && c != '.') {
                let noisy = word.contains("00000000") && word != "0.000000001" || word.contains("99999999");
                assert!(!noisy, "{objective}: {word} in {}", path.display());
            }
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let (_, output) = generate(directory.path(), &every_kind("30d", "99.95", ""));
    let rules = fs::read_to_string(output.join("rules/shop.slow.yaml")).unwrap();
    assert!(rules.contains("vector(0.0005)") && rules.contains("vector(0.9995)") && rules.contains("vector(1296)"));
}

#[test]
fn a_failing_file_leaves_the_earlier_output_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let good = every_kind("30d", "99.9", "");
    let (finished, output) = generate(directory.path(), &good);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let before = contents(&output);

    let (finished, _) = generate(directory.path(), &good.replace("objective: 99.9", "objective: 100"));
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("leaves no error budget"), "{}", finished.stderr);
    assert_eq!(contents(&output), before);

    // A place that cannot be written: nothing of the new files appears, not even those that could be.
    let in_the_way = output.join("tests/shop.slow.test.yaml");
    fs::remove_file(&in_the_way).unwrap();
    fs::create_dir(&in_the_way).unwrap();
    let (finished, _) = generate(directory.path(), &good.replace("objective: 99.9", "objective: 99"));
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("cannot write"), "{}", finished.stderr);
    fs::remove_dir(&in_the_way).unwrap();
    let untouched: Vec<_> = before.iter().filter(|(path, _)| *path != in_the_way).cloned().collect();
    assert_eq!(contents(&output), untouched);
}

#[test]
fn check_tells_fresh_from_stale_and_prune_removes_what_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let (_, output) = generate(directory.path(), &every_kind("30d", "99.9", ""));
    let file = directory.path().join("slo.yaml");
    let again =
        |option: &str| run(["generate".as_ref(), file.as_path(), "--output".as_ref(), &output, option.as_ref()]);
    assert_eq!(again("--check").code, Some(0));

    fs::write(&file, every_kind("30d", "99.5", "").replace("service: shop", "service: store")).unwrap();
    fs::write(output.join("rules/mine.yaml"), "groups: []\n").unwrap();
    let stale = again("--check");
    assert_eq!(stale.code, Some(1));
    assert!(stale.stdout.contains("missing: ") && stale.stdout.contains("no longer generated: "), "{}", stale.stdout);
    let kept = again("--only=rules,tests");
    assert!(kept.stderr.contains("shop.fast.yaml was generated before"), "{}", kept.stderr);
    assert_eq!(again("--prune").code, Some(0));
    assert_eq!(again("--check").code, Some(0));
    let names: Vec<_> = files(&output.join("rules")).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["mine.yaml", "store.fast.yaml", "store.slow.yaml"]);
}

#[test]
fn an_slo_without_a_page_pair_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (finished, output) = generate(directory.path(), &every_kind("1h", "90", "gate: {resume_at: 1m}"));
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("error[no-page-pair]"), "{}", finished.stderr);
    assert!(!output.exists());
}

#[test]
fn names_that_could_collide_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let slo = |service: &str, slo: &str| {
        format!(
            "version: burndown/v1\nservice: {service}\nslos: [{{name: {slo}, objective: 99, sli: {{events: {{bad: b_total, total: t_total}}}}}}]\n"
        )
    };
    fs::create_dir(directory.path().join("in")).unwrap();
    fs::write(directory.path().join("in/1.yaml"), slo("a-b", "c")).unwrap();
    fs::write(directory.path().join("in/2.yaml"), slo("a", "b-c")).unwrap();
    let output = directory.path().join("out");
    let finished = run(["generate".as_ref(), directory.path().join("in").as_path(), "-o".as_ref(), &output]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let groups: Vec<String> = files(&output.join("rules"))
        .iter()
        .flat_map(|path| fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| line.starts_with("- name: "))
        .collect();
    assert_eq!(
        groups,
        [
            "- name: burndown/a-b/c",
            "- name: burndown/a-b/c",
            "- name: burndown/a-b",
            "- name: burndown/a/b-c",
            "- name: burndown/a/b-c",
            "- name: burndown/a",
        ]
    );
}
