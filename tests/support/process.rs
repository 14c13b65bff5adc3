//! A child program: its output goes to a file, and it ends with its owner.

use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use super::wait;

/// How many lines of a log a failure shows.
const TAIL: usize = 40;

/// A running child program, killed and reaped when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: NamedTempFile,
}

impl Process {
    /// Starts `command` without input, with both outputs in one log.
    ///
    /// # Panics
    /// If the program is missing, with the Debian `package` that has it.
    pub(crate) fn start(command: &mut Command, package: &str) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let log = NamedTempFile::new().expect("a temporary file");
        let handle = |log: &NamedTempFile| Stdio::from(File::options().append(true).open(log.path()).expect("the log"));
        let child = command.stdin(Stdio::null()).stdout(handle(&log)).stderr(handle(&log)).spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot start {name}: {error}; it is in {package}"));
        Self { name, child, log }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it wrote so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log.path()).expect("the log")).into_owned()
    }

    /// The last lines of the log, with the program's name.
    pub(crate) fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        format!("--- the last lines of {}\n{tail}", self.name)
    }

    /// Waits until `look` finds something.
    ///
    /// # Panics
    /// If that takes longer than `within`, or if the program ends meanwhile; the message shows its log.
    #[track_caller]
    pub(crate) fn wait_until<T>(&mut self, what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
        let Self { child, .. } = self;
        let mut ended = None;
        let found = wait::until(
            what,
            within,
            || {
                look().map(Some).or_else(|| {
                    ended = child.try_wait().expect("the state of a child");
                    ended.map(|_| None)
                })
            },
            || format!("--- its log\n{}", String::from_utf8_lossy(&fs::read(self.log.path()).expect("the log"))),
        );
        found.unwrap_or_else(|| panic!("ended with {ended:?} before {what}\n{}", self.tail()))
    }

    /// Waits until the log has a line for which `pick` finds something.
    #[track_caller]
    pub(crate) fn wait_for_line<T>(&mut self, what: &str, within: Duration, pick: impl Fn(&str) -> Option<T>) -> T {
        let path = self.log.path().to_owned();
        let look = || {
            let log = fs::read(&path).expect("the log");
            // The last line may be half written.
            String::from_utf8_lossy(&log)
                .split_inclusive('\n')
                .filter_map(|line| line.strip_suffix('\n'))
                .find_map(&pick)
        };
        self.wait_until(what, within, look)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the child is there until it is reaped");
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// If that takes longer than `within`.
    #[track_caller]
    pub(crate) fn wait(&mut self, within: Duration) -> ExitStatus {
        let Self { name, child, log } = self;
        let log = log.path();
        wait::until(
            &format!("the end of {name}"),
            within,
            || child.try_wait().expect("the state of a child"),
            || String::from_utf8_lossy(&fs::read(log).expect("the log")).into_owned(),
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do but to reap it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn output_and_exit_code_are_kept() {
    let mut process = Process::start(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), "dash");
    assert_eq!(process.wait(Duration::from_secs(10)).code(), Some(3));
    assert_eq!(process.log(), "out\nerr\n");
}

#[test]
fn a_signal_arrives_and_a_line_is_found() {
    let script = "trap 'echo caught; exit 0' INT; echo ready; while :; do sleep 0.05; done";
    let mut process = Process::start(Command::new("sh").args(["-c", script]), "dash");
    process.wait_for_line("ready", Duration::from_secs(10), |line| (line == "ready").then_some(()));
    process.signal(Signal::INT);
    assert!(process.wait(Duration::from_secs(10)).success());
    assert!(process.log().ends_with("caught\n"));
}

#[test]
fn nothing_is_left_behind() {
    let process = Process::start(Command::new("sleep").arg("600"), "coreutils");
    let pid = process.child.id();
    drop(process);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
#[should_panic(expected = "cannot start no-such-program")]
fn a_missing_program_is_named() {
    Process::start(&mut Command::new("no-such-program"), "the package no-such-package");
}

#[test]
#[should_panic(expected = "why it failed")]
fn an_early_end_shows_the_log() {
    let mut process = Process::start(Command::new("sh").args(["-c", "echo why it failed; exit 1"]), "dash");
    process.wait_until("a miracle", Duration::from_secs(10), || None::<()>);
}

#[test]
fn a_program_is_known_by_its_number() {
    let process = Process::start(Command::new("sleep").arg("60"), "coreutils");
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).expect("a running process");
    assert!(stat.starts_with(&process.id().to_string()), "{stat}");
}
