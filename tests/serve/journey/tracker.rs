//! The `cf push` journey of `examples/tracker.yaml`, run as it is written by the compiled program, with a `cf` that does
//! what it is told.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::site::{Site, page};
use super::wait_for_end;
use crate::support::process::Process;
use crate::support::{burndown, http};

/// Stands in for the Cloud Foundry command line: notes its call, holds its environment against what the file says,
/// and does what `plan.SUBCOMMAND` beside it says.
const CF: &str = r#"#!/bin/sh
here=${0%/*}
echo "$*" >> "$here/calls"
[ -d "$CF_HOME" ] && [ -z "$PATH_OF_THE_PROBER$HOME" ] || exit 90
case $1 in
auth)
    [ "$CF_USERNAME" = canary ] && [ "$CF_PASSWORD" = "$(/bin/cat "$here/password")" ] || exit 91
    echo session > "$CF_HOME/config" ;;
*)
    [ -f "$CF_HOME/config" ] || exit 92
    [ -z "$CF_PASSWORD" ] || exit 93 ;;
esac
[ -f "$here/plan.$1" ] && . "$here/plan.$1"
exit 0
"#;

/// How long a scenario may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One run of the program with a `cf` of its own.
struct Scene {
    directory: TempDir,
    process: Process,
    address: SocketAddr,
}

impl Scene {
    /// Starts the program; `plan` is a subcommand of `cf` and what it does.
    fn start(site: &Site, plan: Option<(&str, &str)>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let write = |name: &str, text: &str| fs::write(at(name), text).expect("writes");
        fs::create_dir(at("tmp")).expect("makes");
        write("password", "pa55word\n");
        write("cf", CF);
        fs::set_permissions(at("cf"), fs::Permissions::from_mode(0o755)).expect("sets");
        if let Some((subcommand, script)) = plan {
            write(&format!("plan.{subcommand}"), script);
        }
        write("tracker.yaml", &example(site, &at("password")));
        let arguments = ["serve", "tracker.yaml", "--web.listen-address", "127.0.0.1:0", "--log.level", "trace"];
        let mut command = burndown::command(arguments);
        command.current_dir(directory.path()).env("PATH", directory.path()).env("TMPDIR", at("tmp"));
        command.env("CANARY_USER", "canary").env("HOME", "/").env("PATH_OF_THE_PROBER", "secret");
        let mut process = Process::start(&mut command, "this repository");
        let address = burndown::listening(&mut process, PATIENCE);
        Self { directory, process, address }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Waits for the metrics after at least this many runs of the journey.
    fn after(&mut self, runs: u64) -> String {
        let address = self.address;
        self.process.wait_until("runs of the journey", PATIENCE, || {
            let text = http::get(address, "/metrics", &[]).ok()?.body;
            (value(&text, "slo_probe_attempts_total", "")? >= runs as f64).then_some(text)
        })
    }
}

/// The example with what is elsewhere on this machine, and runs that come more often.
fn example(site: &Site, password: &Path) -> String {
    let mut text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tracker.yaml")).expect("reads");
    let password = password.to_str().expect("UTF-8");
    for (from, to, times) in [
        ("https://tracker.example.com/signin", site.url("/signin").as_str(), 1),
        ("https://canary.example.com/", site.url("/").as_str(), 2),
        ("/run/secrets/cf", password, 1),
        ("interval: 10m", "interval: 2s", 1),
        ("timeout: 2m ", "timeout: 2s ", 1),
    ] {
        assert_eq!(text.matches(from).count(), times, "{from}");
        text = text.replace(from, to);
    }
    text
}

/// The value of a series of the journey; `labels` stand behind those of the probe.
fn value(text: &str, metric: &str, labels: &str) -> Option<f64> {
    let series = format!("{metric}{{slo_service=\"tracker\",probe=\"cf-push\"{labels}}} ");
    text.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
}

/// What becomes of each step in every run: success, a failure with its reason, or not reached.
type Steps = [&'static str; 3];

/// A subcommand of `cf` and what it does, and what becomes of each step.
type Case = (Option<(&'static str, &'static str)>, Steps);

const NAMES: Steps = ["login", "push", "serve"];

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_is_counted_at_its_step() {
    let site = Site::start(vec![page("/signin", "Sign in"), page("/", "ok")]).await;
    let broken = Site::start(vec![page("/signin", "Sign in"), page("/", "Application Error")]).await;
    let cases: [Case; 8] = [
        (None, ["success", "success", "success"]),
        (Some(("auth", "exit 1")), ["exit_code", "", ""]),
        (Some(("auth", "echo \"$CF_PASSWORD\"; echo \"$CF_PASSWORD\" >&2; exit 1")), ["exit_code", "", ""]),
        (Some(("push", "exit 9")), ["success", "exit_code", ""]),
        (Some(("push", "kill -KILL $$")), ["success", "signal", ""]),
        (Some(("push", "trap '' TERM INT HUP; /bin/sleep 300; /bin/sleep 300")), ["success", "timeout", ""]),
        (Some(("push", "while :; do echo output without end; done")), ["success", "timeout", ""]),
        (Some(("push", "/bin/sleep 300 & echo $! >> \"$here/children\"")), ["success", "success", "success"]),
    ];
    let scenes: Vec<(Scene, Case)> = cases.into_iter().map(|case| (Scene::start(&site, case.0), case)).collect();
    let mut scenes: Vec<(Scene, Steps)> = scenes.into_iter().map(|(scene, (_, steps))| (scene, steps)).collect();
    scenes.push((Scene::start(&broken, None), ["success", "success", "body"]));
    for (mut scene, steps) in scenes {
        let text = scene.after(2);
        check_counts(&text, steps);
        let log = scene.process.log();
        assert!(!log.contains("pa55word") && !log.contains("output without end"), "{log}");
        scene.process.signal(Signal::TERM);
        assert_eq!(scene.process.wait(PATIENCE).code(), Some(0));
        check_what_is_left(&scene, steps).await;
    }
}

/// Holds the counts of every step against what becomes of it in every run.
fn check_counts(text: &str, steps: Steps) {
    let of = |metric: &str, labels: &str| value(text, metric, labels).unwrap_or_else(|| panic!("{metric} in\n{text}"));
    let runs = of("slo_probe_attempts_total", "");
    let failed = steps.iter().find(|word| !matches!(**word, "success" | ""));
    assert_eq!(of("slo_probe_successes_total", ""), if failed.is_none() { runs } else { 0.0 });
    if let Some(reason) = failed {
        assert_eq!(of("slo_probe_failures_total", &format!(",reason=\"{reason}\"")), runs, "{text}");
    }
    for (name, word) in NAMES.into_iter().zip(steps) {
        let step = format!(",step=\"{name}\"");
        let is = |condition: bool| if condition { runs } else { 0.0 };
        assert_eq!(of("slo_journey_step_attempts_total", &step), is(!word.is_empty()), "{name}\n{text}");
        assert_eq!(of("slo_journey_step_successes_total", &step), is(word == "success"), "{name}\n{text}");
        assert_eq!(of("slo_journey_step_not_reached_total", &step), is(word.is_empty()), "{name}\n{text}");
        if !matches!(word, "success" | "") {
            let reason = format!("{step},reason=\"{word}\"");
            assert_eq!(of("slo_journey_step_failures_total", &reason), runs, "{name}\n{text}");
        }
        let seconds = value(text, "slo_journey_step_duration_seconds", &step);
        match word {
            "" => assert_eq!(seconds, None, "{name}\n{text}"),
            "timeout" => assert!(seconds.is_some_and(|seconds| (1.5..2.5).contains(&seconds)), "{name}\n{text}"),
            _ => assert!(seconds.is_some_and(|seconds| seconds < 2.0), "{name}\n{text}"),
        }
    }
}

/// Nothing of a run is left, and each was cleaned up behind.
async fn check_what_is_left(scene: &Scene, steps: Steps) {
    assert_eq!(fs::read_dir(scene.path("tmp")).expect("reads").count(), 0, "a run's directory is left");
    let calls = fs::read_to_string(scene.path("calls")).expect("reads");
    let count = |call: &str| calls.lines().filter(|line| *line == call).count();
    let runs = count("auth");
    assert!(runs >= 2 && count("delete -f -r canary") == runs, "{calls}");
    assert_eq!(count("push canary"), if steps[0] == "success" { runs } else { 0 }, "{calls}");
    for child in fs::read_to_string(scene.path("children")).unwrap_or_default().lines() {
        wait_for_end(child).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_left_is_gone_after_the_next_start() {
    let site = Site::start(vec![page("/signin", "Sign in"), page("/", "ok")]).await;
    let hangs = Some(("push", "echo $$ >> \"$here/children\"; exec /bin/sleep 300"));
    let mut scene = Scene::start(&site, hangs);
    let tmp = scene.path("tmp");
    let dirs = || fs::read_dir(&tmp).expect("reads").count();
    scene.process.wait_until("a run", PATIENCE, || (dirs() > 0).then_some(()));
    let calls = scene.path("calls");
    let pushed = || fs::read_to_string(&calls).is_ok_and(|calls| calls.contains("push"));
    scene.process.wait_until("a push", PATIENCE, || pushed().then_some(()));

    // Another instance of the same user leaves the directories of living ones alone.
    let mut beside = burndown::command(["serve", "tracker.yaml", "--web.listen-address", "127.0.0.1:0"]);
    beside.current_dir(scene.directory.path()).env("PATH", "/nonexistent").env("TMPDIR", &tmp);
    let mut second = Process::start(&mut beside, "this repository");
    burndown::listening(&mut second, PATIENCE);
    assert!(!second.log().contains("removed the directories"), "{}", second.log());
    drop(second);

    scene.process.signal(Signal::KILL);
    scene.process.wait(PATIENCE);
    assert_eq!(dirs(), 1);
    let mut third = Process::start(&mut beside, "this repository");
    third.wait_for_line("the sweep", PATIENCE, |line| line.contains("removed the directories of runs").then_some(()));
    assert_eq!(dirs(), 0);
    for child in fs::read_to_string(scene.path("children")).unwrap_or_default().lines() {
        // Nobody could end what a killed process had started; here the test does.
        let child = child.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a process");
        let _ = rustix::process::kill_process(child, Signal::KILL);
    }
}
