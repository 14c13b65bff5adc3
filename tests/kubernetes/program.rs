//! The program, started with the very arguments of the container, in place of which only paths and the address change.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::objects::{kustomize, one};
use super::{example, full_chart, of_slos, plain_chart};
use crate::support::process::Process;
use crate::support::{burndown, http, port};

const SOON: Duration = Duration::from_secs(30);

/// Lays files out as the kubelet does: links to a directory that can be exchanged at once.
fn project(data: &Value, directory: &Path) {
    let version = directory.join("..2026_11_22_22_00_00.1");
    fs::create_dir_all(&version).unwrap();
    std::os::unix::fs::symlink("..2026_11_22_22_00_00.1", directory.join("..data")).unwrap();
    for (name, text) in data.as_object().unwrap() {
        // Nobody but this machine is asked.
        let text = text.as_str().unwrap().replace("https://my-app.example.com/", "https://localhost:9/");
        fs::write(version.join(name), text).unwrap();
        std::os::unix::fs::symlink(Path::new("..data").join(name), directory.join(name)).unwrap();
    }
}

/// Starts the container of some objects, and gives back the address to which its named port leads.
fn start(objects: &[Value], root: &Path) -> (Process, std::net::SocketAddr) {
    let container = &one(objects, "StatefulSet")["spec"]["template"]["spec"]["containers"][0];
    let mounted = |path: &str| {
        let mounts = container["volumeMounts"].as_array().unwrap();
        mounts.iter().find(|mount| mount["mountPath"] == path).unwrap_or_else(|| panic!("nothing is mounted at {path}"))
    };
    assert!(mounted("/etc/burndown/slos")["readOnly"] == true && mounted("/var/lib/burndown")["readOnly"].is_null());
    mounted("/tmp");
    project(&of_slos(objects)["data"], &root.join("slos"));
    let listening = format!("--web.listen-address=0.0.0.0:{}", container["ports"][0]["containerPort"]);
    let address = port::free();
    let arguments: Vec<String> = container["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|argument| {
            let argument = argument.as_str().unwrap();
            let argument = argument.replace(&listening, &format!("--web.listen-address={address}"));
            argument
                .replace("/etc/burndown/slos", root.join("slos").to_str().unwrap())
                .replace("/var/lib/burndown", root.join("history").to_str().unwrap())
        })
        .collect();
    assert!(arguments.contains(&format!("--web.listen-address={address}")), "{arguments:?} listens elsewhere");
    assert!(container["command"].is_null(), "the image says which program runs");
    (burndown::start(arguments), address)
}

#[test]
fn the_container_answers_where_kubernetes_and_prometheus_ask() {
    for objects in [kustomize(&example()), plain_chart(), full_chart()] {
        let directory = tempfile::tempdir().unwrap();
        let (mut process, address) = start(&objects, directory.path());
        let container = &one(&objects, "StatefulSet")["spec"]["template"]["spec"]["containers"][0];
        let port_name = &container["ports"][0]["name"];
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let get = &container[probe]["httpGet"];
            assert_eq!(get["port"], *port_name, "{probe}");
            let path = get["path"].as_str().unwrap();
            process
                .wait_until(probe, SOON, || http::get(address, path, &[]).ok().filter(|answer| answer.status == 200));
        }
        let endpoint = &one(&objects, "ServiceMonitor")["spec"]["endpoints"][0];
        let service = &one(&objects, "Service")["spec"]["ports"][0];
        assert_eq!((&endpoint["port"], &service["targetPort"]), (&service["name"], port_name));
        assert_eq!(service["port"], container["ports"][0]["containerPort"]);
        let metrics = http::get(address, endpoint["path"].as_str().unwrap(), &[]).unwrap();
        assert!(
            metrics.body.contains("slo_probe_attempts_total{slo_service=\"my-app\",probe=\"home\""),
            "{}",
            metrics.body
        );
        assert!(directory.path().join("history").is_dir(), "the history is not in the volume");

        // It ends in the time that it has, and in order.
        let grace = &one(&objects, "StatefulSet")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
        process.signal(rustix::process::Signal::TERM);
        process.wait(Duration::from_secs(grace.as_u64().unwrap()));
    }
}
