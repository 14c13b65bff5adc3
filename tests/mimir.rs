//! `burndown generate --format mimir`: namespaces for the ruler of Mimir or Cortex.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::burndown::{Finished, run};
use crate::support::promtool::check_rules;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

/// Writes the examples as one format.
fn generate(output: &Path, more: &[&str]) -> Finished {
    let arguments = ["generate".as_ref(), EXAMPLES.as_ref(), "--output".as_ref(), output.as_os_str()];
    run(arguments.into_iter().chain(more.iter().map(AsRef::as_ref)))
}

fn read(path: &Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The rules of a file, group by group.
fn rules(file: &Value) -> Vec<Value> {
    file["groups"].as_array().unwrap().iter().map(|group| group["rules"].clone()).collect()
}

#[test]
fn namespaces_hold_the_rules_of_both_files() {
    let directory = tempfile::tempdir().unwrap();
    let (plain, uploaded) = (directory.path().join("plain"), directory.path().join("uploaded"));
    assert_eq!(generate(&plain, &["--only", "rules"]).code, Some(0));
    let finished = generate(&uploaded, &["--format", "mimir", "--only", "rules"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let mut names: Vec<_> =
        fs::read_dir(uploaded.join("mimir")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["demo.yaml", "my-app.yaml", "network.yaml", "tracker.yaml"]);
    assert_eq!(fs::read_dir(&uploaded).unwrap().count(), 1);

    let mut namespaces = BTreeSet::new();
    for name in ["demo", "my-app", "network", "tracker"] {
        let path = uploaded.join(format!("mimir/{name}.yaml"));
        let file = read(&path);
        let keys: Vec<&String> = file.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["groups", "namespace"], "the tools know these keys");
        assert_eq!(file["namespace"], format!("burndown-{name}"));
        namespaces.insert(file["namespace"].to_string());

        let groups: Vec<&Value> = file["groups"].as_array().unwrap().iter().collect();
        let unique: BTreeSet<&str> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();
        assert_eq!(unique.len(), groups.len(), "{unique:?}");
        // The advice in the head of the file holds.
        assert!(groups.iter().all(|group| group["rules"].as_array().unwrap().len() <= 50));
        assert!(fs::read_to_string(&path).unwrap().contains("`ruler_max_rules_per_rule_group` of the tenant to 50"));

        let tier = |tier: &str| rules(&read(&plain.join(format!("rules/{name}.{tier}.yaml"))));
        assert_eq!(rules(&file), [tier("fast"), tier("slow")].concat());
        // To Prometheus it is a rule file once the namespace is gone.
        let text = fs::read_to_string(&path).unwrap();
        let extracted = directory.path().join("extracted.yaml");
        fs::write(&extracted, text.replace(&format!("namespace: burndown-{name}\n"), "")).unwrap();
        let judged = check_rules(&extracted);
        assert!(judged.passed, "{}", judged.output);
    }
    assert_eq!(namespaces.len(), 4);
}

#[test]
fn what_a_ruler_does_not_take_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |more: &[&str], said: &str| {
        let finished = generate(directory.path(), &[&["--format", "mimir"], more].concat());
        assert_eq!(finished.code, Some(2), "{more:?}");
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
    };
    refused(&["--only", "tests"], "promtool tests read rule files");
    refused(&["--only", "prometheus"], "a ruler reads no rule files");
    refused(&["--operator.label", "a=b"], "needs `--format operator`");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    assert_eq!(generate(directory.path(), &["--format", "mimir"]).code, Some(0));
    for kind in ["mimir", "alertmanager", "grafana"] {
        assert!(directory.path().join(kind).exists(), "{kind}");
    }
}
