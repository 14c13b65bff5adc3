//! Journeys with real commands: how they end, what they get to see, and what is left of them.

mod captures;
mod output;
mod secrets;
mod site;
mod tracker;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burndown::probe::Prober;
use burndown::probe::outcome::Outcome;
use rustls::RootCertStore;
use tempfile::TempDir;

use super::program::{Program, lines_until, wait_for};
use super::{MARGIN, first, run, words};
use crate::support::target::{Target, answers};

/// A place for what commands leave behind, and a prober that keeps its directories in a place of its own.
struct Yard {
    notes: TempDir,
    run_dirs: TempDir,
    prober: Prober,
}

impl Yard {
    fn new() -> Self {
        let run_dirs = tempfile::tempdir().expect("a directory");
        let prober = Prober::new(RootCertStore::empty(), run_dirs.path().to_owned()).expect("a prober");
        Self { notes: tempfile::tempdir().expect("a directory"), run_dirs, prober }
    }

    fn note(&self, name: &str) -> PathBuf {
        self.notes.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.note(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs a journey of 600 ms with these steps and this cleanup, where commands find the notes in `$N`.
    async fn journey(&self, steps: &str, cleanup: &str) -> Outcome {
        let outcome = run(&self.prober, &first(&self.probe(steps, cleanup))).await;
        assert_eq!(fs::read_dir(self.run_dirs.path()).expect("reads").count(), 0, "the run's directory is left");
        outcome
    }

    fn probe(&self, steps: &str, cleanup: &str) -> String {
        self.probe_of("600ms", steps, cleanup)
    }

    /// The same with another timeout.
    fn probe_of(&self, timeout: &str, steps: &str, cleanup: &str) -> String {
        format!(
            "  - name: first\n    interval: 30s\n    timeout: {timeout}\n    journey:\n      \
             env: {{N: \"{}\", D: \"${{run_dir}}\"}}\n      steps: [{steps}]\n      cleanup: [{cleanup}]\n",
            self.notes.path().display()
        )
    }

    /// Runs a journey with more time than it needs: nothing in it is to hang.
    async fn calm(&self, steps: &str, cleanup: &str) -> Outcome {
        let outcome = run(&self.prober, &first(&self.probe_of("20s", steps, cleanup))).await;
        assert_eq!(fs::read_dir(self.run_dirs.path()).expect("reads").count(), 0, "the run's directory is left");
        outcome
    }
}

/// A step that runs a shell script.
fn sh(name: &str, script: &str) -> String {
    format!("{{name: {name}, run: [sh, -c, \"{script}\"]}}")
}

#[tokio::test]
async fn commands_end_in_many_ways() {
    let yard = Yard::new();
    for (script, word, part) in [
        ("exit 0", "success", ""),
        ("exit 3", "exit_code", "step `one`: `sh` ended with code 3"),
        ("kill -9 $$", "signal", "`sh` was ended by signal 9"),
        ("sleep 60", "timeout", "`sh` did not end within 600ms"),
        ("trap '' TERM INT HUP; sleep 60; sleep 60", "timeout", ""),
        ("while :; do echo output without end; done", "timeout", ""),
        ("head -c 50000000 /dev/zero; head -c 50000000 /dev/zero >&2", "success", ""),
        ("read line", "exit_code", "code 1"),
    ] {
        let mut outcome = yard.journey(&sh("one", script), "").await;
        let (found, detail) = words(&outcome.verdict);
        assert!(found == word && detail.contains(part), "{script}: {found} ({detail})");
        // The wall is measured again where the machine may have been busy with something else.
        for _ in 0..3 {
            if outcome.duration >= Duration::from_millis(600) + MARGIN {
                outcome = yard.journey(&sh("one", script), "").await;
            }
        }
        assert!(outcome.duration < Duration::from_millis(600) + MARGIN, "{script}: {:?}", outcome.duration);
    }
}

#[tokio::test]
async fn what_the_prober_lacks_does_not_count() {
    let yard = Yard::new();
    for (step, part) in [
        ("{name: one, run: [no-such-program]}", "`no-such-program` is not a program on the prober's PATH"),
        ("{name: one, run: [/etc/passwd]}", "cannot be started"),
        ("{name: one, run: [\"true\"], env: {X: {env: BURNDOWN_NOT_SET}}}", "`BURNDOWN_NOT_SET` is not set"),
    ] {
        let outcome = yard.journey(step, "").await;
        let (found, detail) = words(&outcome.verdict);
        assert!(found == "internal" && detail.contains(part), "{step}: {found} ({detail})");
    }
    let nowhere = Prober::new(RootCertStore::empty(), "/nonexistent".into()).expect("a prober");
    let outcome = run(&nowhere, &first(&yard.probe(&sh("one", "exit 0"), ""))).await;
    assert_eq!(words(&outcome.verdict).0, "internal");
}

#[tokio::test]
async fn the_first_failing_step_ends_the_journey() {
    let yard = Yard::new();
    let target = Target::plain(answers(200, "ok")).await;
    let request =
        format!("{{name: two, http: {{url: \"{}\", expect: {{body: {{contains: nope}}}}}}}}", target.url("http", "/"));
    let steps = [sh("one", "exit 0"), request, sh("three", "touch $N/three")].join(", ");
    let outcome = yard.journey(&steps, "").await;

    assert_eq!(words(&outcome.verdict), ("body", "step `two`: the body does not contain `nope`"));
    let found: Vec<_> =
        outcome.steps.iter().map(|step| (step.name.as_str(), step.verdict.as_ref().map(|v| words(v).0))).collect();
    assert_eq!(found, [("one", Some("success")), ("two", Some("body")), ("three", None)]);
    assert!(!yard.note("three").exists());
}

#[tokio::test]
async fn a_wall_counts_only_once_the_command_has_started() {
    let yard = Yard::new();
    fs::write(yard.note("secret"), "s3cret").expect("writes");
    // More files than can be read before the wall, which is there already.
    let secrets: String = (0..50).map(|n| format!("S{n}: {{file: {}}}, ", yard.note("secret").display())).collect();
    for (env, word, part) in [
        ("A: b", "timeout", "step `one`: `sleep` did not end within 600ms"),
        (secrets.as_str(), "internal", "step `one`: the secrets that the file names could not be read within 600ms"),
    ] {
        let probe = first(&yard.probe(&format!("{{name: one, run: [sleep, \"9\"], env: {{{env}}}}}"), ""));
        let run = yard.prober.begin(&probe);
        let outcome = run.execute(tokio::time::Instant::now()).await;
        assert_eq!(words(&outcome.verdict), (word, part));
        assert_eq!(run.clean_up().await, []);
    }
}

#[tokio::test]
async fn a_step_has_a_timeout_of_its_own() {
    let yard = Yard::new();
    let outcome = yard.journey("{name: one, run: [sleep, \"60\"], timeout: 100ms}", "").await;
    assert_eq!(words(&outcome.verdict), ("timeout", "step `one`: `sleep` did not end within 100ms"));
    assert!(outcome.duration < Duration::from_millis(100) + MARGIN, "{outcome:?}");
}

#[tokio::test]
async fn a_command_sees_only_what_the_file_names() {
    let yard = Yard::new();
    let secret = yard.note("secret");
    fs::write(&secret, "s3cret\n").expect("writes");
    let step = format!(
        "{{name: one, run: [cp, /proc/self/environ, \"{}\"], env: {{A: plain, S: {{file: \"{}\"}}}}}}",
        yard.note("environ").display(),
        secret.display()
    );
    assert_eq!(words(&yard.journey(&step, "").await.verdict), ("success", ""));

    let environ = yard.read("environ");
    let mut variables: Vec<&str> = environ.split_terminator('\0').collect();
    variables.sort_unstable();
    let [a, d, n, s] = variables[..] else { panic!("{variables:?}") };
    assert!(d.starts_with("D=/") && d.contains("/burndown-run-"), "{d}");
    assert_eq!((a, s), ("A=plain", "S=s3cret"));
    assert!(n.starts_with("N=/"), "{n}");
}

#[tokio::test]
async fn the_runs_directory_is_private_and_shared_by_its_steps() {
    let yard = Yard::new();
    let steps = [sh("one", "stat -c %a $D > $N/mode; touch $D/mark"), sh("two", "test -f $D/mark")].join(", ");
    let outcome = yard.journey(&steps, &sh("delete", "test -f $D/mark && touch $N/cleaned")).await;
    assert_eq!(words(&outcome.verdict), ("success", ""));
    assert_eq!(yard.read("mode"), "700\n");
    assert!(yard.note("cleaned").exists());
}

#[tokio::test]
async fn cleanup_always_runs_and_never_counts() {
    for (script, word) in [("exit 0", "success"), ("exit 1", "exit_code"), ("sleep 60", "timeout")] {
        let yard = Yard::new();
        let cleanup = [
            sh("fails", "exit 9"),
            "{name: hangs, run: [sleep, \"60\"], timeout: 200ms}".to_owned(),
            sh("deletes", "sleep 0.3; touch $N/cleaned"),
        ]
        .join(", ");
        let started = Instant::now();
        let outcome = yard.journey(&sh("one", script), &cleanup).await;
        assert_eq!(words(&outcome.verdict).0, word);
        assert!(yard.note("cleaned").exists(), "{script}");
        assert!(started.elapsed() >= outcome.duration + Duration::from_millis(500), "{script}");
    }
}

#[test]
fn a_cleanup_that_fails_again_and_again_is_said_once() {
    let (notes, probes) = {
        let yard = Yard::new();
        let cleanup = sh("delete", "echo >> $N/runs; test ! -e $N/stuck");
        let text = yard.probe(&sh("one", "exit 0"), &cleanup).replace("interval: 30s", "interval: 600ms");
        (yard.notes, text)
    };
    let [stuck, runs] = ["stuck", "runs"].map(|name| notes.path().join(name));
    fs::write(&stuck, "").expect("writes");
    let program = Program::start(&probes, &[], &[]);
    wait_for(&program.log, "cleanup failed probe=shop/first step=delete reason=\"exit_code\"");
    let count = || fs::read_to_string(&runs).map_or(0, |text| text.len());
    let (before, deadline) = (count(), Instant::now() + Duration::from_secs(20));
    while count() < before + 3 {
        assert!(Instant::now() < deadline, "the journey no longer runs");
        std::thread::sleep(Duration::from_millis(50));
    }
    fs::remove_file(&stuck).expect("removes");
    let lines = lines_until(&program.log, "cleans up again probe=shop/first");
    assert_eq!(lines.len(), 1, "{lines:#?}");
}

#[tokio::test]
async fn children_do_not_outlive_the_command() {
    let yard = Yard::new();
    let forks = "sleep 300 & echo $! > $N/child; (sleep 300 & echo $! > $N/grandchild; sleep 300) & ";
    for (rest, word) in [("sleep 0.1", "success"), ("sleep 300", "timeout"), ("sleep 0.1; exit 7", "exit_code")] {
        let outcome = yard.journey(&sh("one", &format!("{forks}{rest}")), "").await;
        assert_eq!(words(&outcome.verdict).0, word, "{:?}", outcome.verdict);
        for child in ["child", "grandchild"] {
            wait_for_end(yard.read(child).trim()).await;
        }
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_nothing() {
    let yard = Yard::new();
    let probe = first(&yard.probe(&sh("one", "echo $$ > $N/leader; sleep 300 & echo $! > $N/child; sleep 300"), ""));
    let run = yard.prober.begin(&probe);
    let wall = tokio::time::Instant::now() + Duration::from_secs(60);
    let broken_off = tokio::time::timeout(Duration::from_millis(300), run.execute(wall)).await;
    assert!(broken_off.is_err());
    wait_for_end(yard.read("leader").trim()).await;
    wait_for_end(yard.read("child").trim()).await;
    drop(run);
    assert_eq!(fs::read_dir(yard.run_dirs.path()).expect("reads").count(), 0);
}

/// Waits until a process is gone, or is a zombie that only waits to be counted.
async fn wait_for_end(process: &str) {
    let stat = Path::new("/proc").join(process).join("stat");
    for _ in 0..200 {
        match fs::read_to_string(&stat) {
            Ok(text) if !text.contains(") Z ") => tokio::time::sleep(Duration::from_millis(10)).await,
            _ => return,
        }
    }
    panic!("process {process} is still there");
}
