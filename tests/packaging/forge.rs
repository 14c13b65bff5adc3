//! The builds of the forge: valid, with no more rights than they need, and of commands that exist here.
//!
//! They cannot run here; what they run is targets of the Makefile, which can.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{container, run_python, text};
use crate::house::root;

const WORKFLOWS: [&str; 2] = [".github/workflows/ci.yml", ".github/workflows/release.yml"];

fn is_valid(path: &Path) -> Result<(), String> {
    let schema = ["--builtin-schema", "vendor.github-workflows"].map(AsRef::as_ref);
    let found = run_python("check-jsonschema", schema.into_iter().chain([path.as_os_str()]));
    if found.code == Some(0) { Ok(()) } else { Err(found.stdout + &found.stderr) }
}

fn read(path: &str) -> Value {
    serde_yaml::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The jobs of a workflow with their names.
fn jobs(workflow: &Value) -> Vec<(&str, &Value)> {
    workflow["jobs"].as_object().expect("jobs").iter().map(|(name, job)| (name.as_str(), job)).collect()
}

fn steps(job: &Value) -> &[Value] {
    job["steps"].as_array().map_or(&[], Vec::as_slice)
}

/// What is wrong with the rights of a job.
fn complaints(job: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    if !job["timeout-minutes"].is_u64() {
        complaints.push("it may run for ever".to_owned());
    }
    for step in steps(job) {
        let Some(action) = step["uses"].as_str() else { continue };
        if action.split_once("@v").is_none_or(|(_, version)| version.parse::<u32>().is_err()) {
            complaints.push(format!("{action} has no version"));
        }
        if action.starts_with("actions/checkout@") && step["with"]["persist-credentials"] != false {
            complaints.push("whatever it runs can push".to_owned());
        }
    }
    // Checked out by another user than the container's; without this line git, and what asks it, fails there.
    let may_ask_git =
        steps(job).iter().filter_map(|step| step["run"].as_str()).any(|run| run.contains("safe.directory"));
    if !job["container"].is_null() && !may_ask_git {
        complaints.push("git refuses the directory".to_owned());
    }
    let rights = job["permissions"].as_object().into_iter().flatten();
    let writes: BTreeSet<&str> = rights.filter(|(_, right)| *right == "write").map(|(name, _)| name.as_str()).collect();
    // Who may write runs nothing that a change could bring along.
    let runs_the_source = steps(job).iter().filter_map(|step| step["run"].as_str()).any(|run| run.contains("make "));
    if !writes.is_empty() && runs_the_source {
        complaints.push(format!("it runs the source and may write {writes:?}"));
    }
    complaints
}

#[test]
fn workflows_are_valid_and_have_few_rights() {
    for path in WORKFLOWS {
        assert_eq!(is_valid(&root().join(path)), Ok(()), "{path}");
        let workflow = read(path);
        assert_eq!(workflow["permissions"], serde_json::json!({"contents": "read"}), "{path}");
        for (name, job) in jobs(&workflow) {
            assert_eq!(complaints(job), [""; 0], "{name} of {path}");
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let wrong = directory.path().join("wrong.yml");
    fs::write(&wrong, text(WORKFLOWS[0]).replace("runs-on: ubuntu-24.04", "runs-at: ubuntu-24.04")).unwrap();
    assert!(is_valid(&wrong).is_err_and(|said| said.contains("runs-at")), "a wrong workflow would not be noticed");
    let wrong: Value = serde_yaml::from_str(
        "container: debian\npermissions: {contents: write}\nsteps: [{uses: actions/checkout@main}, {run: make test}]\n",
    )
    .unwrap();
    assert_eq!(complaints(&wrong).len(), 5);
}

/// Every command of every `run` of a workflow, one a line.
fn commands(workflow: &Value) -> Vec<String> {
    let scripts = jobs(workflow).into_iter().flat_map(|(_, job)| steps(job)).filter_map(|step| step["run"].as_str());
    scripts.flat_map(str::lines).map(|line| line.trim().to_owned()).collect()
}

/// Whether make knows the target.
fn is_made(target: &str) -> bool {
    let mut make = Command::new("make");
    make.args(["--dry-run", target]).env_remove("MAKEFLAGS").env_remove("MAKELEVEL").current_dir(root());
    make.output().expect("make runs").status.success()
}

#[test]
fn what_workflows_run_is_there() {
    let mut made = WORKFLOWS.map(|_| BTreeSet::new());
    for (path, made) in WORKFLOWS.into_iter().zip(&mut made) {
        let workflow = read(path);
        for (_, job) in jobs(&workflow) {
            for script in steps(job).iter().filter_map(|step| step["run"].as_str()) {
                let parsed = Command::new("bash").args(["-n", "-c", script]).output().expect("bash runs");
                assert!(parsed.status.success(), "{script}\n{}", String::from_utf8_lossy(&parsed.stderr));
            }
            let file = steps(job).iter().filter_map(|step| step["with"]["file"].as_str());
            assert!(file.into_iter().all(|file| root().join(file).exists()));
        }
        for command in commands(&workflow) {
            let words: Vec<&str> = command.split_whitespace().collect();
            if words.first() == Some(&"make") {
                assert!(is_made(words[1]), "{path}: {command}");
                made.insert(words[1].to_owned());
            }
            let scripts = words.iter().filter(|word| word.starts_with("scripts/"));
            scripts.for_each(|script| assert!(root().join(script).exists(), "{path}: {command}"));
        }
    }
    let [every_change, release] = made;
    let wanted = ["test", "deny", "static", "deb", "sbom", "unit"].map(str::to_owned);
    assert_eq!(every_change, wanted.into_iter().collect(), "one of them is run by nobody, or another one is");
    assert!(release.is_subset(&every_change), "a release would be the first to run one of {release:?}");
    assert!(!is_made("frobnicate"));
}

/// What make says of a target where no program can be found.
fn made_without_programs(target: &str) -> (Option<i32>, String) {
    let alone = ["-c", "make=$(command -v make); PATH=/no-such-directory \"$make\" \"$0\"", target];
    let mut shell = Command::new("sh");
    let output = shell.args(alone).env_remove("MAKEFLAGS").env_remove("MAKELEVEL").current_dir(root()).output();
    let output = output.expect("a shell runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_program_that_is_missing_is_named_before_anything_is_built() {
    for (target, program, from) in [
        ("deny", "cargo-deny", "cargo install --locked cargo-deny"),
        ("sbom", "cargo-cyclonedx", "cargo install --locked cargo-cyclonedx"),
        ("deb", "cargo-deb", "cargo install --locked cargo-deb"),
        ("unit", "debootstrap", "apt-get install debootstrap"),
    ] {
        let (code, said) = made_without_programs(target);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("{program} is missing: {from}\n")), "{said}");
    }
}

#[test]
fn every_image_is_built_and_released() {
    let dockerfile = container::stages(&text("deploy/container/Dockerfile"));
    for path in WORKFLOWS {
        let workflow = read(path);
        let targets = |matrix: &Value| {
            let plain = matrix["target"].as_array().into_iter().flatten();
            let included = matrix["include"].as_array().into_iter().flatten().map(|one| &one["target"]);
            plain.chain(included).map(|target| target.as_str().expect("a name").to_owned()).collect::<BTreeSet<_>>()
        };
        let builds = |job: &Value| steps(job).iter().any(|step| step["with"]["file"] == "deploy/container/Dockerfile");
        let jobs = jobs(&workflow);
        let (_, job) = jobs.iter().find(|(_, job)| builds(job)).expect("a job that builds images");
        let built = targets(&job["strategy"]["matrix"]);
        assert_eq!(built, container::TARGETS.map(str::to_owned).into_iter().collect(), "{path}");
        assert!(built.iter().all(|target| dockerfile.contains_key(target)), "{path}");
    }
}
