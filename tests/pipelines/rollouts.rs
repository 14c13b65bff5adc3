//! The analysis for Argo Rollouts: what its conditions make of real answers, and its form against the published types.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Shop, deployed};
use crate::support::burndown::{listening, start};
use crate::support::http;

/// Where the types are.
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kubernetes");

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&deployed(path)).unwrap()
}

/// What Argo Rollouts makes of a measurement: a failure before a success, and neither is inconclusive.
fn phase(metric: &Value, result: &Value) -> &'static str {
    // Of the language of conditions the template needs no more than this.
    let holds = |condition: &Value| {
        let wanted = condition.as_str().unwrap().strip_prefix("result == \"").and_then(|rest| rest.strip_suffix('"'));
        result == wanted.unwrap_or_else(|| panic!("this test does not understand {condition}"))
    };
    match (holds(&metric["failureCondition"]), holds(&metric["successCondition"])) {
        (true, _) => "Failed",
        (_, true) => "Successful",
        _ => "Inconclusive",
    }
}

#[test]
fn a_rollout_goes_on_is_aborted_or_pauses_as_the_gate_says() {
    let template = yaml("argo-rollouts/analysistemplate.yaml");
    let metric = &template["spec"]["metrics"][0];
    let web = &metric["provider"]["web"];
    let field = web["jsonPath"].as_str().unwrap().strip_prefix("{$.").and_then(|path| path.strip_suffix('}')).unwrap();
    let measure = |server: &str, address| {
        let url = web["url"].as_str().unwrap().replace("{{args.server}}", server).replace("{{args.service}}", "shop");
        assert!(!url.contains("{{"), "{url}");
        let answer = http::get(address, url.strip_prefix(server).unwrap(), &[]).unwrap();
        assert_eq!(answer.status, 200, "Argo takes any other status for an error: {answer:?}");
        phase(metric, &answer.json()[field])
    };
    let (open, closed) = (Shop::open(), Shop::closed());
    assert_eq!(measure(&open.url(), open.address), "Successful");
    assert_eq!(measure(&closed.url(), closed.address), "Failed");

    // A service that has seen nothing yet.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.yaml");
    fs::write(
        &file,
        super::FILE
            .replace("{url}", "http://127.0.0.1:1/")
            .replace("interval: 30s", "interval: 30m")
            .replace("window: 6h", "window: 30d"),
    )
    .unwrap();
    let mut process = start(["serve", file.to_str().unwrap(), "--web.listen-address", "127.0.0.1:0"]);
    let address = listening(&mut process, std::time::Duration::from_secs(20));
    assert_eq!(measure(&format!("http://{address}"), address), "Inconclusive");

    // The steps of the rollout give what the template asks for.
    let rollout = yaml("argo-rollouts/rollout.yaml");
    let steps = rollout["spec"]["strategy"]["canary"]["steps"].as_array().unwrap();
    let analyses: Vec<&Value> =
        steps.iter().map(|step| &step["analysis"]).filter(|analysis| !analysis.is_null()).collect();
    assert_eq!((analyses.len(), &steps[0]["analysis"]), (2, analyses[0]));
    for analysis in analyses {
        assert_eq!(analysis["templates"][0]["templateName"], template["metadata"]["name"]);
        let given: Vec<&Value> = analysis["args"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        let wanted = template["spec"]["args"].as_array().unwrap().iter();
        let wanted: Vec<&Value> = wanted.filter(|one| one["value"].is_null()).map(|one| &one["name"]).collect();
        assert_eq!(given, wanted);
    }
}

/// What the compiler says of objects as these kinds of Argo Rollouts.
fn complaints(objects: &[(&str, Value)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    for (number, (kind, object)) in objects.iter().enumerate() {
        let module = format!("@kubernetes-models/argo-rollouts/argoproj.io/v1alpha1/{kind}");
        let object = serde_json::to_string_pretty(object).unwrap();
        let text = format!("import type {{ I{kind} }} from '{module}';\nexport const object: I{kind} = {object};\n");
        fs::write(directory.path().join(format!("object{number}.ts")), text).unwrap();
    }
    fs::copy(Path::new(HERE).join("tsconfig.json"), directory.path().join("tsconfig.json")).unwrap();
    let modules = Path::new(HERE).join("node_modules");
    assert!(modules.join("typescript").exists(), "run scripts/peers, which installs the types of Kubernetes objects");
    std::os::unix::fs::symlink(&modules, directory.path().join("node_modules")).unwrap();
    let compiler = modules.join("typescript/bin/tsc");
    let output = Command::new("node").arg(compiler).args(["--project", "."]).current_dir(directory.path()).output();
    let output = output.expect("node is missing: it is in the Debian package nodejs");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.success(), said.is_empty(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn the_objects_are_what_argo_publishes_as_its_types() {
    let (template, rollout) = (yaml("argo-rollouts/analysistemplate.yaml"), yaml("argo-rollouts/rollout.yaml"));
    assert_eq!(complaints(&[("AnalysisTemplate", template.clone()), ("Rollout", rollout)]), "");
    let wrongs = [
        ("/spec/metrics/0/provider/web/jsonpath", Value::from("{$.decision}")),
        ("/spec/metrics/0/provider/web/timeoutSeconds", Value::from("20")),
        ("/spec/metrics/0/succesCondition", Value::from("result == 'open'")),
        ("/kind", Value::from("AnalysisTemplates")),
    ];
    let damaged = wrongs.clone().map(|(place, wrong)| {
        let mut damaged = template.clone();
        let (parent, name) = place.rsplit_once('/').unwrap();
        damaged.pointer_mut(parent).unwrap()[name] = wrong;
        ("AnalysisTemplate", damaged)
    });
    let said = complaints(&damaged);
    for (number, (place, _)) in wrongs.iter().enumerate() {
        assert!(said.contains(&format!("object{number}.ts(")), "nothing was found wrong with {place}: {said}");
    }
}
