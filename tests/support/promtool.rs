//! Debian's promtool.

use std::path::Path;
use std::process::Command;

/// How a program judged a file.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    pub(crate) passed: bool,
    /// Everything that it said.
    pub(crate) output: String,
}

/// `promtool check rules FILE`.
pub(crate) fn check_rules(file: &Path) -> Judgement {
    promtool(&["check", "rules"], file)
}

/// `promtool test rules FILE`; paths in the file are relative to it.
pub(crate) fn test_rules(file: &Path) -> Judgement {
    promtool(&["test", "rules"], file)
}

/// `promtool check config FILE`, with the rule files that it names.
pub(crate) fn check_config(file: &Path) -> Judgement {
    promtool(&["check", "config"], file)
}

fn promtool(arguments: &[&str], file: &Path) -> Judgement {
    judge(Command::new("promtool").args(arguments).arg(file), "prometheus")
}

/// Runs a program that judges a file.
///
/// # Panics
/// If the program is missing, with the Debian `package` that has it.
pub(crate) fn judge(command: &mut Command, package: &str) -> Judgement {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output =
        output.unwrap_or_else(|error| panic!("cannot start {name}: {error}; it is in the Debian package {package}"));
    let text = [output.stdout, output.stderr].concat();
    Judgement { passed: output.status.success(), output: String::from_utf8_lossy(&text).into_owned() }
}

#[test]
fn promtool_tells_good_from_bad() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let rules = write("rules.yaml", "groups: [{name: g, rules: [{record: double, expr: 2 * up}]}]");
    let broken = write("broken.yaml", "groups: [{name: g, rules: [{record: double, expr: 2 *}]}]");
    let test = |value: u8| {
        format!(
            "rule_files: [rules.yaml]\ntests: [{{input_series: [{{series: up, values: '1 1'}}], \
             promql_expr_test: [{{expr: double, eval_time: 1m, exp_samples: [{{labels: double, value: {value}}}]}}]}}]"
        )
    };
    assert!(check_rules(&rules).passed);
    assert!(!check_rules(&broken).passed);
    let configured = |rules: &str| check_config(&write("prometheus.yaml", &format!("rule_files: [{rules}]")));
    assert!(configured("rules.yaml").passed && !configured("broken.yaml").passed);
    let good = test_rules(&write("good.test.yaml", &test(2)));
    assert!(good.passed, "{}", good.output);
    let bad = test_rules(&write("bad.test.yaml", &test(3)));
    assert!(!bad.passed && bad.output.contains("FAILED"), "{}", bad.output);
}
