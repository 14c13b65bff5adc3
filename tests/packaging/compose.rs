//! The compose file: valid, confined, and its commands run as they stand, though not in containers.
//!
//! The network of the services is a network namespace in which their names are this machine, so that every port, name
//! and file is that of the compose file; only directories are elsewhere.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use super::{container, run, text};
use crate::house::root;
use crate::support::process::Process;
use crate::support::promtool::judge;
use crate::support::{burndown, http, namespace, wait};

const FILE: &str = "deploy/compose/compose.yaml";
const SLOS: &str = "deploy/compose/slos";

const SOON: Duration = Duration::from_secs(60);

/// The compose file as compose understands it: anchors and variables are resolved, paths are whole.
fn composed() -> Value {
    let path = root().join(FILE);
    let arguments = ["--file".as_ref(), path.as_os_str(), "--profile".as_ref(), "tools".as_ref(), "config".as_ref()];
    let found = run("docker-compose", "docker-compose", arguments);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    serde_yaml::from_str(&found.stdout).expect("YAML")
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|one| one.as_str().expect("a string").to_owned()).collect()
}

/// The services by name.
fn services(composed: &Value) -> Vec<(&str, &Value)> {
    let services = composed["services"].as_object().expect("services");
    services.iter().map(|(name, service)| (name.as_str(), service)).collect()
}

/// What is wrong with how a service is confined.
fn unconfined(service: &Value) -> Vec<&'static str> {
    let numeric = |user: &str| user.split(':').all(|id| id.parse::<u32>().is_ok()) && !user.starts_with("0");
    let is_ours = service["image"] == "burndown:local";
    let disabled = service["healthcheck"]["disable"] == true || service["healthcheck"]["test"][0] == "NONE";
    let rules = [
        (service["read_only"] == true, "its file system can be written to"),
        (strings(&service["cap_drop"]) == ["ALL"], "it has capabilities"),
        (strings(&service["security_opt"]).contains(&"no-new-privileges:true".to_owned()), "it may gain privileges"),
        (strings(&service["ports"]).iter().all(|port| port.starts_with("127.0.0.1:")), "others reach it"),
        (service["mem_limit"].is_string() || service["mem_limit"].is_number(), "its memory has no limit"),
        (service["cpus"].is_number() || service["cpus"].is_string(), "its processors have no limit"),
        (disabled || service["healthcheck"]["test"][0] == "CMD", "nobody looks after it"),
        // Our image has a user of its own; that is another test's.
        (is_ours || service["user"].as_str().is_some_and(numeric), "it may run as root"),
        (
            service["image"].as_str().and_then(|image| image.split_once(':')).is_some_and(|(_, tag)| tag != "latest"),
            "it may be another one tomorrow",
        ),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, wrong)| wrong).collect()
}

#[test]
fn every_service_is_confined() {
    let composed = composed();
    let services = services(&composed);
    let names: Vec<&str> = services.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    for (name, service) in &services {
        assert_eq!(unconfined(service), Vec::<&str>::new(), "{name}");
        let is_looked_after = service["healthcheck"]["test"][0] == "CMD";
        assert_eq!(is_looked_after, !["shop", "generate"].contains(name), "{name}");
    }
    let (_, grafana) = services.iter().find(|(name, _)| *name == "grafana").unwrap();
    assert_eq!(grafana["environment"]["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"], "true");
    assert_eq!(grafana["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"], "Viewer");
    let wrong = serde_json::json!({
        "image": "x:latest", "user": "0:0", "ports": ["9090:9090/tcp"], "healthcheck": {"test": ["CMD-SHELL", "x"]},
    });
    assert_eq!(unconfined(&wrong).len(), 9);
}

/// Where a service finds the files that it names.
struct Places {
    /// Directories within, and what they are here; the longest first.
    mounts: Vec<(String, PathBuf)>,
    /// What the named volumes are.
    _volumes: TempDir,
}

impl Places {
    fn of(service: &Value) -> Self {
        let volumes = tempfile::tempdir().unwrap();
        let mut mounts: Vec<(String, PathBuf)> = strings(&service["volumes"])
            .iter()
            .map(|volume| {
                let mut parts = volume.split(':');
                let (source, target) = (parts.next().unwrap(), parts.next().expect("a target"));
                let place = if source.starts_with('/') { source.into() } else { volumes.path().join(source) };
                (target.to_owned(), place)
            })
            .collect();
        mounts.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        Self { mounts, _volumes: volumes }
    }

    /// A word with a path of this machine in place of that within.
    fn mapped(&self, word: &str) -> String {
        let found = self.mounts.iter().find(|(target, _)| word.contains(target.as_str()));
        found.map_or_else(|| word.to_owned(), |(target, place)| word.replace(target, &place.to_string_lossy()))
    }
}

/// The words with which a service starts here.
fn command_line(service: &Value, program: &[&str], places: &Places) -> Vec<String> {
    let words = program.iter().map(|word| (*word).to_owned());
    words.chain(strings(&service["command"]).iter().map(|word| places.mapped(word))).collect()
}

/// The program, as our image starts it.
fn own() -> [&'static str; 1] {
    assert_eq!(container::entry_point("static"), ["/usr/bin/burndown"]);
    [env!("CARGO_BIN_EXE_burndown")]
}

#[test]
fn what_is_mounted_is_what_generate_writes_from_the_slo_files() {
    let composed = composed();
    let generate = &composed["services"]["generate"];
    let places = Places::of(generate);
    let words = command_line(generate, &own(), &places);
    // To write and to compare are the same but for two words.
    let mut compare: Vec<&str> = words[1..].iter().map(String::as_str).filter(|word| *word != "--prune").collect();
    compare.push("--check");
    let compared = burndown::run(&compare);
    assert_eq!(compared.code, Some(0), "run `make generate`\n{}{}", compared.stdout, compared.stderr);
    // The same for those who have the source.
    let below = |word: &String| word.replace(&format!("{}/", root().display()), "");
    let wanted = words[1..].iter().map(below).collect::<Vec<_>>().join(" ");
    let makefile = text("Makefile").replace("\\\n", " ");
    let lines = makefile.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert!(lines.into_iter().any(|line| line.ends_with(&wanted)), "`make generate` does not run `{wanted}`");
    for (name, service) in services(&composed) {
        for (target, place) in &Places::of(service).mounts {
            let is_here = !place.starts_with(root()) || place.exists();
            assert!(is_here, "{name} mounts {} at {target}, which is not there", place.display());
        }
    }
}

#[test]
fn prometheus_and_alertmanager_take_what_is_mounted() {
    let composed = composed();
    for (service, option, program, package) in [
        ("prometheus", "--config.file=", vec!["promtool", "check", "config"], "prometheus"),
        ("alertmanager", "--config.file=", vec!["amtool", "check-config"], "prometheus-alertmanager"),
    ] {
        let service = &composed["services"][service];
        let places = Places::of(service);
        let words = command_line(service, &[], &places);
        let file = words.iter().find_map(|word| word.strip_prefix(option)).expect("its configuration");
        let judged = judge(Command::new(program[0]).args(&program[1..]).arg(file), package);
        assert!(judged.passed, "{}", judged.output);
        assert!(!judged.output.contains("0 rule files") && !judged.output.contains("WARNING"), "{}", judged.output);
    }
}

#[test]
fn grafana_finds_its_dashboards_and_its_prometheus() {
    let composed = composed();
    let grafana = &composed["services"]["grafana"];
    let places = Places::of(grafana);
    let read = |path: &str| -> Value {
        let path = places.mapped(path);
        serde_yaml::from_str(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
    };
    let provider = read("/etc/grafana/provisioning/dashboards/burndown.yaml");
    let dashboards = provider["providers"][0]["options"]["path"].as_str().expect("a path");
    assert!(places.mounts.iter().any(|(target, place)| target == dashboards && place.ends_with("generated/grafana")));
    let home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str().expect("a path");
    assert!(home.starts_with(dashboards) && Path::new(&places.mapped(home)).exists(), "{home}");
    let sources = fs::read_dir(places.mapped("/etc/grafana/provisioning/datasources")).expect("data sources");
    let source = sources.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect::<String>();
    assert!(source.contains("http://prometheus:9090"), "{source}");
    assert!(composed["services"]["prometheus"].is_object());
}

/// A command by its words.
fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// Whether the health check of a service is content: our own program is run, of `wget` the address is asked.
fn is_healthy(service: &Value) -> bool {
    let test = strings(&service["healthcheck"]["test"]);
    if test[1] == "/usr/bin/burndown" {
        return burndown::run(&test[2..]).code == Some(0);
    }
    assert_eq!(test[1], "wget");
    let url: url::Url = test.last().unwrap().parse().expect("an address");
    let address = url.socket_addrs(|| None).expect("an address of this machine")[0];
    http::get(address, url.path(), &[]).is_ok_and(|answer| answer.status == 200)
}

#[test]
fn one_command_shows_the_whole_story() {
    const NAME: &str = "packaging::compose::one_command_shows_the_whole_story";
    if !namespace::is_inside(NAME) {
        let mut hosts = NamedTempFile::new().unwrap();
        let names = ["localhost", "shop", "burndown", "prometheus", "alertmanager", "grafana"];
        writeln!(hosts, "127.0.0.1 {}", names.join(" ")).unwrap();
        let prepare = format!("ip link set lo up && mount --bind {} /etc/hosts", hosts.path().display());
        return namespace::run_inside(NAME, &["--net", "--mount"], &prepare, "");
    }
    let composed = composed();
    let service = |name: &str| &composed["services"][name];
    let running: Vec<(Process, Places)> = [
        ("shop", own()[0], "this repository"),
        ("alertmanager", "prometheus-alertmanager", "prometheus-alertmanager"),
        ("burndown", own()[0], "this repository"),
        ("prometheus", "prometheus", "prometheus"),
    ]
    .into_iter()
    .map(|(name, program, package)| {
        let places = Places::of(service(name));
        let words = command_line(service(name), &[program], &places);
        let mut command = command(&words);
        command.env("STATE_DIRECTORY", places.mapped("/var/lib/burndown")).env("NO_COLOR", "1");
        (Process::start(&mut command, package), places)
    })
    .collect();
    let logs = || running.iter().map(|(process, _)| process.tail()).collect::<Vec<_>>().join("\n");
    for name in ["alertmanager", "burndown", "prometheus"] {
        wait::until(&format!("the health of {name}"), SOON, || is_healthy(service(name)).then_some(()), logs);
    }
    let prometheus = "127.0.0.1:9090".parse().unwrap();
    let ask = |path: &str| Some(http::get(prometheus, path, &[]).ok()?.json());
    wait::until(
        "both jobs to be up",
        SOON,
        || {
            let answer = ask("/api/v1/targets?state=active")?;
            let targets = answer["data"]["activeTargets"].as_array()?;
            (targets.len() == 2 && targets.iter().all(|target| target["health"] == "up")).then_some(())
        },
        logs,
    );
    // The budget of the hour is recorded, and the shop was closed at least once.
    let value = |query: &str| -> Option<f64> {
        let answer = ask(&format!("/api/v1/query?query={}", http::encode(query)))?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    };
    let remaining = "slo:error_budget_remaining:seconds{slo=\"open-this-hour\"}";
    let left = wait::until("a budget that shrinks", SOON, || value(remaining).filter(|left| *left < 360.0), logs);
    assert!(left > 0.0, "{left}");
    let managers = ask("/api/v1/alertmanagers").expect("an answer");
    assert_eq!(managers["data"]["activeAlertmanagers"][0]["url"], "http://alertmanager:9093/api/v2/alerts");
    // Retention, scrapes and rules suit the files, as the program itself sees it.
    let slos = root().join(SLOS);
    let checked = burndown::run([
        "check".as_ref(),
        slos.as_os_str(),
        "--prometheus".as_ref(),
        "http://prometheus:9090".as_ref(),
        "--strict".as_ref(),
    ]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
    let board = http::get("127.0.0.1:9799".parse().unwrap(), "/api/v1/slos", &[]).unwrap().json();
    assert_eq!(board["slos"].as_array().map(Vec::len), Some(2), "{board}");
}
