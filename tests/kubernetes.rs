//! deploy/kubernetes: what kustomize and Helm make of it, held against the published schemas, against each other, and
//! against the program that it starts.

mod objects;
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use objects::{complaints, helm, kustomize, lint, named, of_kind, one};

/// The directory that is tested.
fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes")
}

/// A team's directory in it.
fn example() -> PathBuf {
    deploy().join("overlays/example")
}

/// The arguments of Helm for the files of the example.
fn files_of_example() -> Vec<String> {
    let example = example().display().to_string();
    let set = |what: &str, file: &str| ["--set-file".to_owned(), format!("{what}={example}/{file}")];
    [
        set("slos.my-app\\.yaml", "slos/my-app.yaml"),
        set("rules.my-app", "operator/my-app.yaml"),
        set("dashboards.burndown-dashboard-fleet", "grafana/burndown-fleet.json"),
    ]
    .concat()
}

/// What Helm makes of the chart with the files of the example and of every option.
fn full_chart() -> Vec<Value> {
    let values = deploy().join("chart/ci/full-values.yaml").display().to_string();
    helm("burndown", &[files_of_example(), vec!["--values".to_owned(), values]].concat()).expect("the chart renders")
}

/// What it makes of no more than SLO files, rules and dashboards.
fn plain_chart() -> Vec<Value> {
    helm("burndown", &files_of_example()).expect("the chart renders")
}

/// How often each kind is there.
fn kinds(objects: &[Value]) -> Vec<(String, usize)> {
    let kinds: BTreeSet<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    kinds.into_iter().map(|kind| (kind.to_owned(), of_kind(objects, kind).len())).collect()
}

#[test]
fn kubernetes_knows_everything_that_kustomize_and_helm_make() {
    let (overlay, base) = (kustomize(&example()), kustomize(&deploy().join("base")));
    let count = |pairs: &[(&str, usize)]| pairs.iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect::<Vec<_>>();
    let of_service =
        [("NetworkPolicy", 1), ("Service", 1), ("ServiceAccount", 1), ("ServiceMonitor", 1), ("StatefulSet", 1)];
    assert_eq!(kinds(&base), count(&of_service));
    let mut expected = [&of_service[..], &[("ConfigMap", 5), ("Namespace", 1), ("PrometheusRule", 1)]].concat();
    expected.sort_unstable();
    assert_eq!(kinds(&overlay), count(&expected));

    let (plain, full) = (plain_chart(), full_chart());
    let mut expected = [&of_service[..], &[("ConfigMap", 2), ("PrometheusRule", 1)]].concat();
    expected.sort_unstable();
    assert_eq!(kinds(&plain), count(&expected));
    assert_eq!(kinds(&full), count(&expected));
    let all = [overlay, base, plain, full].concat();
    assert_eq!(complaints(&all), Vec::<String>::new());
    for object in &all {
        // What the API server takes of an object, and the operator of rules.
        let most = if object["kind"] == "PrometheusRule" { 512 << 10 } else { 1 << 20 };
        assert!(object.to_string().len() < most, "{}", object["metadata"]["name"]);
    }
}

#[test]
fn what_kubernetes_does_not_know_is_found() {
    let objects = kustomize(&example());
    let container = "/spec/template/spec/containers/0";
    let wrongs = [
        ("StatefulSet", format!("{container}/readinesProbe"), json!({})),
        ("StatefulSet", format!("{container}/ports/0/containerPort"), json!("9799")),
        ("StatefulSet", format!("{container}/securityContext/readOnlyRootFileSystem"), json!(true)),
        ("StatefulSet", "/spec/template/spec/securityContext/runAsNonRoot".to_owned(), json!("yes")),
        ("StatefulSet", "/spec/volumeClaimTemplates/0/spec/resources/request".to_owned(), json!({})),
        ("Service", "/spec/ports/0/targetport".to_owned(), json!("http")),
        ("NetworkPolicy", "/spec/ingress/0/form".to_owned(), json!([])),
        ("ConfigMap", "/data/number".to_owned(), json!(1)),
        ("ServiceMonitor", "/spec/endpoints/0/intervall".to_owned(), json!("15s")),
        ("ServiceMonitor", "/spec/endpoints/0/interval".to_owned(), json!("15 seconds")),
        ("PrometheusRule", "/spec/groups/0/rules/0/labels".to_owned(), json!(["a"])),
        ("PrometheusRule", "/spec/groups/0/evaluation_interval".to_owned(), json!("30s")),
        ("PrometheusRule", "/kind".to_owned(), json!("PrometheusRules")),
    ];
    let damaged: Vec<Value> = wrongs
        .iter()
        .map(|(kind, place, wrong)| {
            let mut object = of_kind(&objects, kind)[0].clone();
            let (parent, name) = place.rsplit_once('/').unwrap();
            object.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"))[name] = wrong.clone();
            object
        })
        .collect();
    let found = complaints(&damaged);
    for (number, (kind, place, _)) in wrongs.iter().enumerate() {
        let start = format!("{number}: ");
        assert!(found.iter().any(|line| line.starts_with(&start)), "{kind} {place}\n{found:#?}");
    }
}

#[test]
fn the_pod_keeps_to_the_restricted_standard() {
    for objects in [kustomize(&example()), plain_chart(), full_chart()] {
        let pod = &one(&objects, "StatefulSet")["spec"]["template"]["spec"];
        let security = &pod["securityContext"];
        assert_eq!(
            (&security["runAsNonRoot"], &security["seccompProfile"]["type"]),
            (&json!(true), &json!("RuntimeDefault"))
        );
        assert!(security["runAsUser"].as_u64() > Some(0) && security["runAsUser"] == security["fsGroup"]);
        // Of all settings of the kernel the standard allows this one, and a few more.
        assert_eq!(security["sysctls"][0]["name"], "net.ipv4.ping_group_range");
        assert_eq!(security["sysctls"].as_array().unwrap().len(), 1);
        assert_eq!((&pod["automountServiceAccountToken"], &pod["enableServiceLinks"]), (&json!(false), &json!(false)));
        for key in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
            assert!(pod[key].is_null(), "{key}");
        }
        let containers = pod["containers"].as_array().unwrap();
        assert_eq!((containers.len(), &pod["initContainers"]), (1, &Value::Null));
        let expected = json!({
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}
        });
        assert_eq!(containers[0]["securityContext"], expected);
        assert!(containers[0]["resources"]["limits"]["memory"].is_string());
        for volume in pod["volumes"].as_array().unwrap() {
            let kinds: Vec<&String> = volume.as_object().unwrap().keys().filter(|key| *key != "name").collect();
            assert!(["configMap", "emptyDir", "secret"].contains(&kinds[0].as_str()), "{volume}");
        }
    }
    let objects = kustomize(&example());
    let namespace = one(&objects, "Namespace");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
}

#[test]
fn the_chart_and_the_manifests_start_the_same_service() {
    let (overlay, chart) = (kustomize(&example()), plain_chart());
    let pod = |objects: &[Value]| {
        let set = one(objects, "StatefulSet");
        let mut pod = set["spec"]["template"]["spec"].clone();
        assert_eq!(pod["volumes"][0]["configMap"]["name"], of_slos(objects)["metadata"]["name"]);
        pod["volumes"][0].take();
        // Only a chart names it, and with the usual value.
        let policy = pod["containers"][0].as_object_mut().unwrap().remove("imagePullPolicy");
        assert!(policy.is_none_or(|policy| policy == "IfNotPresent"));
        let image = pod["containers"][0]["image"].take();
        assert!(image.as_str().unwrap().ends_with(&format!("burndown:{}", env!("CARGO_PKG_VERSION"))), "{image}");
        pod
    };
    assert_eq!(pod(&overlay), pod(&chart));
    for (kind, place) in [
        ("Service", "/spec/ports"),
        ("NetworkPolicy", "/spec/ingress"),
        ("ServiceMonitor", "/spec/endpoints"),
        ("ServiceMonitor", "/spec/sampleLimit"),
        ("ServiceMonitor", "/spec/bodySizeLimit"),
        ("ServiceMonitor", "/spec/labelLimit"),
        ("StatefulSet", "/spec/replicas"),
        ("PrometheusRule", "/spec"),
        ("ServiceAccount", "/automountServiceAccountToken"),
    ] {
        let part =
            |objects: &[Value]| one(objects, kind).pointer(place).unwrap_or_else(|| panic!("{kind}{place}")).clone();
        assert_eq!(part(&overlay), part(&chart), "{kind}{place}");
    }
    let claim = |objects: &[Value]| {
        let template = &one(objects, "StatefulSet")["spec"]["volumeClaimTemplates"][0];
        (template["metadata"]["name"].clone(), template["spec"].clone())
    };
    assert_eq!(claim(&overlay), claim(&chart));
    assert_eq!(of_slos(&overlay)["data"], of_slos(&chart)["data"]);
    // Selectors find the pods and the service.
    for objects in [&overlay, &chart] {
        let labels = &one(objects, "StatefulSet")["spec"]["template"]["metadata"]["labels"];
        for (kind, place) in [
            ("StatefulSet", "/spec/selector/matchLabels"),
            ("Service", "/spec/selector"),
            ("NetworkPolicy", "/spec/podSelector/matchLabels"),
            ("ServiceMonitor", "/spec/selector/matchLabels"),
        ] {
            let selector = one(objects, kind).pointer(place).and_then(Value::as_object).expect(kind);
            assert!(!selector.is_empty() && selector.iter().all(|(key, value)| labels[key] == *value), "{kind}");
        }
        let of_service = &one(objects, "Service")["metadata"]["labels"];
        let monitored = one(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"].as_object().unwrap();
        assert!(monitored.iter().all(|(key, value)| of_service[key] == *value));
        assert_eq!(one(objects, "StatefulSet")["spec"]["serviceName"], one(objects, "Service")["metadata"]["name"]);
    }
}

/// The object that holds the SLO files.
fn of_slos(objects: &[Value]) -> &Value {
    let holds = |object: &&Value| object["data"]["my-app.yaml"].is_string();
    let mut found = objects.iter().filter(|object| object["kind"] == "ConfigMap").filter(holds);
    let one = found.next().expect("an object with SLO files");
    assert!(found.next().is_none());
    one
}

#[test]
fn what_is_generated_stands_in_the_objects_as_it_is() {
    let directory = example();
    let overlay = kustomize(&directory);
    let text = |path: &str| fs::read_to_string(directory.join(path)).unwrap();
    assert_eq!(of_slos(&overlay)["data"]["my-app.yaml"], text("slos/my-app.yaml"));
    // The SLO file of the example is that of the tour.
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart.yaml");
    assert_eq!(text("slos/my-app.yaml"), fs::read_to_string(quickstart).unwrap());

    let rule: Value = serde_yaml::from_str(&text("operator/my-app.yaml")).unwrap();
    for objects in [&overlay, &plain_chart(), &full_chart()] {
        let found = one(objects, "PrometheusRule");
        assert_eq!((&found["spec"], &found["metadata"]["name"]), (&rule["spec"], &rule["metadata"]["name"]));
        assert_eq!(found["metadata"]["labels"]["release"], "prometheus");
    }
    let mut pages: Vec<String> = fs::read_dir(directory.join("grafana"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    pages.sort();
    assert_eq!(pages.len(), 4);
    for page in &pages {
        let holder = overlay.iter().find(|object| object["data"][page].is_string()).unwrap_or_else(|| panic!("{page}"));
        assert_eq!(holder["data"][page], text(&format!("grafana/{page}")));
        assert_eq!(holder["metadata"]["labels"]["grafana_dashboard"], "1", "{page}");
    }
    let chart = plain_chart();
    let fleet = named(&chart, "ConfigMap", "burndown-dashboard-fleet");
    assert_eq!(fleet["data"]["burndown-dashboard-fleet.json"], text("grafana/burndown-fleet.json"));
    assert_eq!(fleet["metadata"]["labels"]["grafana_dashboard"], "1");

    // The scrape job is that of the generated configuration of Prometheus.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/prometheus.yaml");
    let configuration: Value = serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let (job, monitor) = (&configuration["scrape_configs"][0], &one(&overlay, "ServiceMonitor")["spec"]);
    for (theirs, ours) in
        [("sample_limit", "sampleLimit"), ("label_limit", "labelLimit"), ("body_size_limit", "bodySizeLimit")]
    {
        assert_eq!(job[theirs], monitor[ours], "{ours}");
    }
}

#[test]
fn nothing_lies_beside_the_manifests_that_is_not_applied() {
    for (directory, places) in [(deploy().join("base"), &["."][..]), (example(), &[".", "operator", "slos"])] {
        let list = fs::read_to_string(directory.join("kustomization.yaml")).unwrap();
        for place in places {
            for entry in fs::read_dir(directory.join(place)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let path = if *place == "." { name.clone() } else { format!("{place}/{name}") };
                let is_listed = list.lines().any(|line| line.trim() == format!("- {path}"));
                assert!(is_listed || name == "kustomization.yaml" || !name.ends_with(".yaml"), "{path}");
            }
        }
    }
}

#[test]
fn other_slos_start_the_service_again() {
    let copy = tempfile::tempdir().unwrap();
    objects::copy_all(&deploy(), &copy.path().join("kubernetes"));
    let directory = copy.path().join("kubernetes/overlays/example");
    let template = |objects: &[Value]| one(objects, "StatefulSet")["spec"]["template"].clone();
    let before = kustomize(&directory);
    assert_eq!(template(&before), template(&kustomize(&example())));
    let file = directory.join("slos/my-app.yaml");
    let changed = fs::read_to_string(&file).unwrap().replace("99.9", "99.5");
    fs::write(&file, &changed).unwrap();
    let after = kustomize(&directory);
    assert_ne!(template(&before), template(&after));
    assert_eq!(template(&after)["spec"]["volumes"][0]["configMap"]["name"], of_slos(&after)["metadata"]["name"]);

    let same = template(&plain_chart());
    let other = ["--set-file".to_owned(), format!("slos.my-app\\.yaml={}", file.display())];
    let other = helm("burndown", &[files_of_example(), other.to_vec()].concat()).unwrap();
    assert_ne!(same["metadata"]["annotations"], template(&other)["metadata"]["annotations"]);
}

#[test]
fn the_chart_refuses_values_that_cannot_be_meant() {
    let values = ["--values".to_owned(), deploy().join("chart/ci/full-values.yaml").display().to_string()];
    for arguments in [files_of_example(), [files_of_example(), values.to_vec()].concat()] {
        let judged = lint(&arguments);
        assert!(judged.passed, "{}", judged.output);
    }
    let refused = |more: &[&str], said: &str| {
        let arguments = [files_of_example(), more.iter().map(|text| (*text).to_owned()).collect()].concat();
        let message = helm("burndown", &arguments).unwrap_err();
        assert!(message.contains(said), "{more:?}: {message}");
        assert!(!lint(&arguments).passed, "{more:?}");
    };
    refused(&["--set", "replicas=2"], "replicas is not allowed");
    refused(&["--set", "image.tags=x"], "tags is not allowed");
    refused(&["--set", "shard=0/2"], "shard: Does not match pattern");
    refused(&["--set", "extraArgs={serve}"], "extraArgs.0: Does not match pattern");
    refused(&["--set", "slos.my-app=x"], "slos");
    refused(&["--set", "storage.size=1"], "storage.size");
    refused(&["--set", "rules.x=groups"], "rules.x: Does not match pattern");
    // Without an SLO file there is nothing to run.
    let message = helm("burndown", &[]).unwrap_err();
    assert!(message.contains("slos: Must have at least 1 properties"), "{message}");
}

#[test]
fn releases_stand_beside_each_other() {
    let share = ["--set", "shard=2/2", "--set", "location=dublin"].map(str::to_owned);
    let objects = helm("probes-2", &[files_of_example(), share.to_vec()].concat()).unwrap();
    let set = one(&objects, "StatefulSet");
    assert_eq!(set["metadata"]["name"], "probes-2-burndown");
    let args: Vec<&str> = set["spec"]["template"]["spec"]["containers"][0]["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|argument| argument.as_str().unwrap())
        .collect();
    assert!(args.contains(&"--shard=2/2") && args.contains(&"--location=dublin"), "{args:?}");
    let others = plain_chart();
    let selector = |objects: &[Value]| one(objects, "Service")["spec"]["selector"].clone();
    assert_ne!(selector(&objects), selector(&others));
    for kind in ["StatefulSet", "Service", "ServiceAccount", "NetworkPolicy", "ServiceMonitor"] {
        let name = |objects: &[Value]| one(objects, kind)["metadata"]["name"].clone();
        assert_ne!(name(&objects), name(&others), "{kind}");
    }
    assert_ne!(of_slos(&objects)["metadata"]["name"], of_slos(&others)["metadata"]["name"]);
}
