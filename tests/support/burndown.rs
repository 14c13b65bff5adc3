//! The compiled program.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::process::Process;

/// How a run ended.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `burndown ARGUMENTS…` to its end, without input.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Finished {
    let output = command(arguments).stdin(Stdio::null()).output().expect("the compiled program starts");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
    }
}

/// Starts `burndown ARGUMENTS…` and leaves it running until it is dropped.
pub(crate) fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Process {
    Process::start(&mut command(arguments), "this repository")
}

/// The command as a test may change it further, with environment or directory.
pub(crate) fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_burndown"));
    command.args(arguments).env_remove("RUST_LOG").env("NO_COLOR", "1");
    // Every program keeps a history of its own, unless it is told where.
    static PROGRAMS: AtomicUsize = AtomicUsize::new(0);
    let number = PROGRAMS.fetch_add(1, Ordering::Relaxed);
    let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("state-{}-{number}", std::process::id()));
    // A process of the same number may have left one.
    let _ = fs::remove_dir_all(&state);
    command.env("STATE_DIRECTORY", state);
    command
}

/// Holds a JSON answer against the schema that its command publishes; gives back both.
#[track_caller]
pub(crate) fn described_by(command: &str, answer: &str) -> (Value, Value) {
    let schema: Value = serde_json::from_str(&run([command, "--schema"]).stdout).expect("a schema");
    let answer: Value = serde_json::from_str(answer).unwrap_or_else(|_| panic!("{command} gives {answer}"));
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let wrong: Vec<String> = validator.iter_errors(&answer).map(|error| format!("{error}")).collect();
    assert!(wrong.is_empty(), "{wrong:?} in {answer}");
    assert_eq!(keys(&answer), keys(&schema["properties"]), "what is said is described, and the other way round");
    assert_eq!(answer["schema_version"], 1);
    (answer, schema)
}

/// The keys of a JSON object.
#[track_caller]
pub(crate) fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().expect("an object").keys().cloned().collect()
}

/// Waits until the program says `http://ADDRESS/` in its output, and returns the address.
///
/// # Panics
/// If it does not `within` this time.
#[track_caller]
pub(crate) fn listening(process: &mut Process, within: Duration) -> SocketAddr {
    process.wait_for_line("an address", within, |line| {
        let (_, after) = line.split_once("http://")?;
        after.split('/').next()?.parse().ok()
    })
}

#[test]
fn the_program_says_its_version() {
    let finished = run(["--version"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.stdout, format!("burndown {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(run(["frobnicate"]).code, Some(2));
}

#[test]
fn an_address_is_found_in_the_output() {
    let mut process =
        Process::start(Command::new("sh").args(["-c", "echo at http://127.0.0.1:9/ now; sleep 60"]), "dash");
    assert_eq!(listening(&mut process, Duration::from_secs(10)), "127.0.0.1:9".parse().unwrap());
}
