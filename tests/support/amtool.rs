//! Debian's amtool.

use std::path::Path;
use std::process::Command;

use super::promtool::{Judgement, judge};

/// `amtool check-config FILE`.
pub(crate) fn check_config(file: &Path) -> Judgement {
    judge(Command::new("amtool").arg("check-config").arg(file), "prometheus-alertmanager")
}

/// The receiver to which a configuration sends an alert with these labels, as amtool sees it.
#[track_caller]
pub(crate) fn receiver(file: &Path, labels: &[&str]) -> String {
    let mut command = Command::new("amtool");
    command.args(["config", "routes", "test"]).arg(format!("--config.file={}", file.display())).args(labels);
    let judged = judge(&mut command, "prometheus-alertmanager");
    assert!(judged.passed, "{}", judged.output);
    // The answer comes first, then a warning that there is a file.
    judged.output.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn amtool_tells_good_from_bad() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("alertmanager.yaml");
    let routes = "[{receiver: b, matchers: ['x=\"y\"']}]";
    std::fs::write(&file, format!("route: {{receiver: a, routes: {routes}}}\nreceivers: [{{name: a}}, {{name: b}}]\n"))
        .unwrap();
    let judged = check_config(&file);
    assert!(judged.passed, "{}", judged.output);
    assert_eq!((receiver(&file, &["x=y"]), receiver(&file, &["x=z"])), ("b".to_owned(), "a".to_owned()));
    std::fs::write(&file, "route: {receiver: nobody}\nreceivers: [{name: a}]\n").unwrap();
    let judged = check_config(&file);
    assert!(!judged.passed && judged.output.contains("nobody"), "{}", judged.output);
}
