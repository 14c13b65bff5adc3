//! Objects as kustomize and Helm write them, and what the published schemas say of them.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::promtool::Judgement;

/// Where the schemas are.
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kubernetes");

/// The version of Kubernetes that the chart is told of.
const KUBERNETES: &str = "1.30.0";

/// A program that `scripts/peers` built.
fn tool(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/go").join(name);
    assert!(path.exists(), "{name} is missing: run scripts/peers, which builds it with Go");
    Command::new(path)
}

/// Runs a program to its end.
fn finish(command: &mut Command) -> (bool, String, String) {
    let output = command.stdin(Stdio::null()).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// What kustomize makes of a directory.
#[track_caller]
pub(super) fn kustomize(directory: &Path) -> Vec<Value> {
    let (passed, said, wrong) = finish(tool("kustomize").arg("build").arg(directory));
    assert!(passed, "{wrong}");
    // Warnings of fields that will be gone.
    assert_eq!(wrong, "");
    documents(&said)
}

/// What Helm makes of the chart, or why it makes nothing.
pub(super) fn helm(release: &str, arguments: &[String]) -> Result<Vec<Value>, String> {
    let mut command = tool("helm");
    command.args(["template", release]).arg(chart()).args(["--kube-version", KUBERNETES]).args(arguments);
    let (passed, said, wrong) = finish(&mut command);
    if passed { Ok(documents(&said)) } else { Err(wrong) }
}

/// What Helm says of the chart itself.
pub(super) fn lint(arguments: &[String]) -> Judgement {
    let (passed, said, wrong) = finish(tool("helm").arg("lint").arg(chart()).arg("--strict").args(arguments));
    Judgement { passed, output: said + &wrong }
}

fn chart() -> PathBuf {
    super::deploy().join("chart")
}

/// The objects of a stream of YAML.
fn documents(text: &str) -> Vec<Value> {
    let documents =
        text.split("\n---\n").filter(|part| part.lines().any(|line| !line.is_empty() && !line.starts_with(['#', '-'])));
    documents.map(|part| serde_yaml::from_str(part.trim_start_matches("---\n")).expect("YAML")).collect()
}

/// The objects of a kind.
pub(super) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The one object of a kind.
#[track_caller]
pub(super) fn one<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found = of_kind(objects, kind);
    assert_eq!(found.len(), 1, "{kind}");
    found[0]
}

/// The object of a kind and name.
#[track_caller]
pub(super) fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = of_kind(objects, kind).into_iter().find(|object| object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// Copies a directory with everything in it.
pub(super) fn copy_all(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &place);
        } else {
            fs::copy(&path, place).unwrap();
        }
    }
}

/// What is wrong with objects, each line with the number of its object first: by the schemas, which know patterns and what
/// is required, and by the types of the same packages, which know every field.
pub(super) fn complaints(objects: &[Value]) -> Vec<String> {
    let modules = Path::new(HERE).join("node_modules");
    assert!(modules.join("kubernetes-models").exists(), "run scripts/peers, which installs the schemas of Kubernetes");
    let mut found = of_schemas(objects);
    found.extend(of_types(objects, &modules));
    found.sort();
    found
}

fn of_schemas(objects: &[Value]) -> Vec<String> {
    let mut command = Command::new("node");
    command.arg("check.mjs").current_dir(HERE).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("node is missing: it is in the Debian package nodejs");
    let text = serde_json::to_string(objects).unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn of_types(objects: &[Value], modules: &Path) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    for (number, object) in objects.iter().enumerate() {
        // What nobody knows the schemas have found.
        let Some(module) = module(object) else { continue };
        let (kind, json) = (object["kind"].as_str().unwrap(), serde_json::to_string_pretty(object).unwrap());
        let mut text = String::new();
        writeln!(text, "import type {{ I{kind} }} from '{module}';\nexport const object: I{kind} = {json};").unwrap();
        fs::write(directory.path().join(format!("object{number}.ts")), text).unwrap();
    }
    fs::copy(Path::new(HERE).join("tsconfig.json"), directory.path().join("tsconfig.json")).unwrap();
    std::os::unix::fs::symlink(modules, directory.path().join("node_modules")).unwrap();
    let compiler = modules.join("typescript/bin/tsc");
    let output = Command::new("node").arg(compiler).args(["--project", "."]).current_dir(directory.path()).output();
    let output = output.expect("node is missing: it is in the Debian package nodejs");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.success(), said.is_empty(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let numbered = |line: &str| {
        let (number, rest) = line.strip_prefix("object")?.split_once(".ts")?;
        Some(format!("{number}: {rest}"))
    };
    said.lines().map(|line| numbered(line).unwrap_or_else(|| line.to_owned())).collect()
}

/// The module that has the type of an object.
fn module(object: &Value) -> Option<&'static str> {
    Some(match (object["apiVersion"].as_str()?, object["kind"].as_str()?) {
        ("v1", "ConfigMap" | "Namespace" | "Service" | "ServiceAccount") => "kubernetes-models/v1",
        ("apps/v1", "StatefulSet") => "kubernetes-models/apps/v1",
        ("networking.k8s.io/v1", "NetworkPolicy") => "kubernetes-models/networking.k8s.io/v1",
        ("monitoring.coreos.com/v1", "PrometheusRule" | "ServiceMonitor") => {
            "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"
        }
        _ => return None,
    })
}
