//! The jobs for GitHub, GitLab and Jenkins: their shell against a real service, and their form against the schemas that
//! are published for them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{Shop, deployed, deployed_path};
use crate::support::burndown::Finished;
use crate::support::python;

/// A directory with `burndown` in it, as a runner has it on its PATH, and where a job writes its files.
struct Runner(TempDir);

impl Runner {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        symlink(env!("CARGO_BIN_EXE_burndown"), directory.path().join("burndown")).unwrap();
        Self(directory)
    }

    /// Runs a script as the shell of a runner does.
    fn run(&self, shell: &[&str], script: &str, variables: &[(&str, &str)]) -> Finished {
        let path = format!("{}:/usr/bin:/bin", self.0.path().display());
        let file = self.0.path().join("script");
        fs::write(&file, script).unwrap();
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(&file).current_dir(self.0.path()).env_clear().env("PATH", path);
        let output = command.envs(variables.iter().copied()).stdin(Stdio::null()).output().expect("the shell starts");
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap_or_default()
    }
}

/// A service that asks for a user.
fn guarded(failed: i64) -> (Shop, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let web = directory.path().join("web.yaml");
    let hash = bcrypt::hash("correct horse", 4).unwrap();
    fs::write(&web, format!("basic_auth_users: {{ci: '{hash}'}}\n")).unwrap();
    (Shop::start(failed, &["--web.config.file", web.to_str().unwrap()]), directory)
}

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

#[test]
fn the_step_of_github_passes_while_the_gate_is_open() {
    let action: Value = serde_yaml::from_str(&deployed("github/action.yml")).unwrap();
    let step = &action["runs"]["steps"][0];
    assert_eq!(step["shell"], "bash");
    // Every input is a variable of the script, and no input is a part of it.
    let script = step["run"].as_str().unwrap();
    assert!(!script.contains("${{"), "{script}");
    let inputs = action["inputs"].as_object().unwrap();
    let variables: Vec<&String> = step["env"].as_object().unwrap().keys().collect();
    assert_eq!(variables.len(), inputs.len(), "{variables:?}");
    for input in inputs.keys() {
        assert_eq!(step["env"][input.to_uppercase()], format!("${{{{ inputs.{input} }}}}"));
    }
    let run = |server: &str, more: &[(&str, &str)]| {
        let runner = Runner::new();
        let files = [("GITHUB_OUTPUT", "output"), ("GITHUB_STEP_SUMMARY", "summary"), ("SERVER", server)];
        let rest = ["SERVICE", "SLO", "CHANGE", "WAIT", "USERNAME", "PASSWORD"].map(|name| (name, ""));
        // As GitHub runs `shell: bash`.
        let shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail"];
        let finished = runner.run(&shell, script, &[&files, rest.as_slice(), more].concat());
        (finished.code, runner.file("output"), runner.file("summary"), finished)
    };
    let (open, closed) = (Shop::open(), Shop::closed());
    let asked = [("SERVICE", "shop"), ("SLO", "front")];
    let (code, output, summary, finished) = run(&open.url(), &asked);
    assert_eq!((code, output.as_str()), (Some(0), "decision=open\n"), "{finished:?}");
    assert!(summary.contains("```\nopen: deployments may go on"), "{summary}");
    let (code, output, summary, finished) = run(&closed.url(), &asked);
    assert_eq!((code, output.as_str()), (Some(1), "decision=closed\n"), "{finished:?}");
    assert!(summary.contains("closed: shop/front: −4.00 of 36 minutes"), "{summary}");
    assert!(finished.stdout.contains("closed: shop/front: "), "{finished:?}");
    let (code, output, ..) = run(NOBODY, &asked);
    assert_eq!((code, output.as_str()), (Some(3), "decision=unknown\n"));
    // Inputs are words, whatever stands in them.
    let (code, output, _, finished) =
        run(&open.url(), &[("SERVICE", "shop; touch broken"), ("SLO", "$(touch broken)")]);
    assert_eq!((code, output.as_str()), (Some(2), "decision=\n"), "{finished:?}");
    assert_eq!(run(&open.url(), &[("CHANGE", "upgrade"), ("WAIT", "1s")]).0, Some(0));
    assert_eq!(run(&open.url(), &[("CHANGE", "cake")]).0, Some(2));
    let (guarded, _files) = guarded(600);
    assert_eq!(run(&guarded.url(), &asked).0, Some(3));
    assert_eq!(run(&guarded.url(), &[("USERNAME", "ci"), ("PASSWORD", "correct horse")]).0, Some(0));
}

#[test]
fn the_workflow_of_github_asks_with_inputs_that_the_step_has() {
    let action: Value = serde_yaml::from_str(&deployed("github/action.yml")).unwrap();
    let workflow: Value = serde_yaml::from_str(&deployed("github/workflow.yaml")).unwrap();
    let steps = workflow["jobs"]["gate"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["uses"].as_str().unwrap().ends_with("/burndown-gate")).unwrap();
    for input in step["with"].as_object().unwrap().keys() {
        assert!(action["inputs"][input].is_object(), "the step has no input `{input}`");
    }
    assert_eq!(workflow["jobs"]["deploy"]["needs"], "gate");
}

#[test]
fn the_job_of_gitlab_succeeds_while_the_gate_is_open() {
    let included: Value = serde_yaml::from_str(&deployed("gitlab/gate.yaml")).unwrap();
    let job = &included[".burndown-gate"];
    let script = job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
    let script = script.collect::<Vec<_>>().join("\n");
    let project: Value = serde_yaml::from_str(&deployed("gitlab/gitlab-ci.yaml")).unwrap();
    assert_eq!(
        (&project["gate"]["extends"], &project["deploy"]["needs"][0]),
        (&".burndown-gate".into(), &"gate".into())
    );
    for variable in project["gate"]["variables"].as_object().unwrap().keys() {
        assert!(job["variables"][variable].is_string(), "the job has no variable `{variable}`");
    }
    let run = |server: &str, more: &[(&str, &str)]| {
        let defaults = job["variables"].as_object().unwrap().iter();
        let mut variables: Vec<(&str, &str)> =
            defaults.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        variables.extend([("BURNDOWN_SERVER", server)]);
        variables.extend(more);
        // A runner takes bash where there is one, and else any shell.
        let codes = [["bash", "-eo", "pipefail"].as_slice(), &["sh", "-e"]]
            .map(|shell| Runner::new().run(shell, &script, &variables).code);
        assert_eq!(codes[0], codes[1]);
        codes[0]
    };
    let (open, closed) = (Shop::open(), Shop::closed());
    let asked = [("BURNDOWN_SERVICE", "shop"), ("BURNDOWN_SLO", "front")];
    assert_eq!(
        (run(&open.url(), &asked), run(&closed.url(), &asked), run(NOBODY, &asked)),
        (Some(0), Some(1), Some(3))
    );
    assert_eq!(run(&closed.url(), &[("BURNDOWN_WAIT", "1s")]), Some(1));
    assert_eq!(run(&open.url(), &[("BURNDOWN_CHANGE", "upgrade")]), Some(0));
    assert_eq!(run(&open.url(), &[("BURNDOWN_SERVICE", "shop --wait 1s")]), Some(2));
    let (guarded, _files) = guarded(600);
    assert_eq!(run(&guarded.url(), &asked), Some(3));
    assert_eq!(run(&guarded.url(), &[("BURNDOWN_USERNAME", "ci"), ("BURNDOWN_PASSWORD", "correct horse")]), Some(0));
}

#[test]
fn the_stage_of_jenkins_passes_while_the_gate_is_open() {
    let file = deployed("jenkins/Jenkinsfile");
    let (_, after) = file.split_once("sh '''").expect("a script");
    let (script, _) = after.split_once("'''").expect("the end of the script");
    // In a Groovy text, a line that ends with a backslash goes on.
    let script = script.replace("\\\n", "");
    let set = |name: &str| {
        let (_, after) = file.split_once(&format!("{name} = '")).unwrap_or_else(|| panic!("no {name}"));
        after.split_once('\'').unwrap().0.to_owned()
    };
    assert_eq!((set("BURNDOWN_WAIT").as_str(), set("BURNDOWN_SERVER").as_str()), ("30m", "https://slo.example.com"));
    let service = set("BURNDOWN_SERVICE");
    let run = |server: &str, password: &str| {
        let variables = [
            ("BURNDOWN_SERVER", server),
            ("BURNDOWN_SERVICE", service.as_str()),
            ("BURNDOWN_WAIT", "1s"),
            ("BURNDOWN_USERNAME", "ci"),
            ("BURNDOWN_PASSWORD", password),
        ];
        // As Jenkins runs it.
        let finished = Runner::new().run(&["sh", "-xe"], &script, &variables);
        assert!(!finished.stderr.contains("correct horse"), "{finished:?}");
        finished.code
    };
    let ((open, _one), (closed, _other)) = (guarded(600), guarded(2_400));
    assert_eq!(run(&open.url(), "correct horse"), Some(0));
    assert_eq!(run(&closed.url(), "correct horse"), Some(1));
    assert_eq!((run(&open.url(), "wrong"), run(NOBODY, "correct horse")), (Some(3), Some(3)));
}

/// What a schema that is published says of a file.
fn complaints(schema: &str, file: &Path) -> Option<String> {
    let output = Command::new(python::program("check-jsonschema"))
        .args(["--builtin-schema", schema])
        .arg(file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (!output.status.success()).then_some(said)
}

#[test]
fn the_jobs_have_the_form_that_is_published() {
    for (schema, path, right, wrong) in [
        ("vendor.github-actions", "github/action.yml", "using: composite", "using: compsite"),
        (
            "vendor.github-workflows",
            "github/workflow.yaml",
            "    runs-on: ubuntu-latest\n    container",
            "    container",
        ),
        ("vendor.gitlab-ci", "gitlab/gate.yaml", "entrypoint: ['']", "entrypoint: 5"),
        ("vendor.gitlab-ci", "gitlab/gitlab-ci.yaml", "stage: gate", "stage: {gate: 1}"),
    ] {
        assert_eq!(complaints(schema, &deployed_path(path)), None, "{path}");
        // Nothing is asked of a job whose name begins with a dot.
        let text = deployed(path).replace("\n.burndown-gate:", "\nburndown-gate:");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("job.yaml");
        fs::write(&file, &text).unwrap();
        assert_eq!(complaints(schema, &file), None, "{path}");
        // What is wrong is found.
        assert!(text.contains(right), "{path} has no `{right}`");
        fs::write(&file, text.replacen(right, wrong, 1)).unwrap();
        assert!(complaints(schema, &file).is_some(), "nothing is wrong with `{wrong}` in {path}");
    }
}
