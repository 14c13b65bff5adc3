//! One command of a journey: no shell, no inherited environment, and no process left behind.
//!
//! The program is looked up on the prober's own `PATH`, which the command itself does not get to see. What a command
//! prints counts as secret. It goes to `/dev/null`, unless a capture needs it or somebody asked for excerpts; then
//! it is read to its end, and a bounded part of it is kept.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdout, Command};

use super::excerpt::{self, Excerpt};
use super::outcome::Reason;
use super::progress::Fault;
use crate::spec::model::Template;
use crate::units;

/// How much of its standard output is searched for captures, in bytes. The rest is read and dropped.
const MAX_TEXT: usize = 1 << 20;

/// How much is read at once, in bytes.
const CHUNK: usize = 16 * 1024;

/// How long output is still read after the command and its group have ended: a process that left the group may hold
/// the other end open for ever.
const LAST_READ: Duration = Duration::from_millis(100);

/// Whether a command was started, and what is kept of what it prints.
#[derive(Default)]
pub(super) struct Output {
    keeps_text: bool,
    keeps_tails: bool,
    is_started: bool,
    text: Vec<u8>,
    stdout: Tail,
    stderr: Tail,
}

impl Output {
    /// Keeps the beginning of the standard output for captures, or the ends of both outputs for an excerpt.
    pub(super) fn keeping(text: bool, tails: bool) -> Self {
        Self { keeps_text: text, keeps_tails: tails, ..Self::default() }
    }

    /// Whether there was a process; before that, the prober reads what the command is to be given.
    pub(super) fn is_started(&self) -> bool {
        self.is_started
    }

    /// The beginning of the standard output, up to 1 MiB, if it was to be kept.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The end of what was printed, on standard error if anything was, if it was to be kept.
    pub(super) fn excerpt(&self) -> Option<Excerpt> {
        let tail = [&self.stderr.0, &self.stdout.0].into_iter().find(|tail| !tail.is_empty())?;
        Some(Excerpt::around(tail, tail.len(), tail.len()))
    }

    async fn read(&mut self, stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) {
        let text_limit = if self.keeps_text { MAX_TEXT } else { 0 };
        let from_stdout = |bytes: &[u8]| {
            let wanted = bytes.len().min(text_limit.saturating_sub(self.text.len()));
            self.text.extend_from_slice(bytes.get(..wanted).unwrap_or_default());
            if self.keeps_tails {
                self.stdout.add(bytes);
            }
        };
        tokio::join!(read_to_end(stdout, from_stdout), read_to_end(stderr, |bytes| self.stderr.add(bytes)));
    }
}

/// Reads a pipe until nobody holds its other end, so that its writer never waits.
async fn read_to_end(pipe: Option<impl AsyncRead + Unpin>, mut keep: impl FnMut(&[u8])) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        keep(buffer.get(..count).unwrap_or_default());
    }
}

/// The end of an output, at most twice as long as an excerpt.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn add(&mut self, bytes: &[u8]) {
        let last = bytes.len().saturating_sub(excerpt::MAX_BYTES);
        self.0.extend_from_slice(bytes.get(last..).unwrap_or_default());
        if self.0.len() > 2 * excerpt::MAX_BYTES {
            self.0.drain(..self.0.len() - excerpt::MAX_BYTES);
        }
    }
}

/// Runs a command to its end, with exactly the environment `env`, and keeps in `output` what it is to keep.
///
/// When the command has ended, or the future is dropped, every process of its group is killed: children
/// that outlive their parent end with it.
///
/// # Errors
///
/// [`Reason::ExitCode`] or [`Reason::Signal`] for how it ended; a fault of the prober when it cannot start.
pub(super) async fn run(words: &[OsString], env: &BTreeMap<&str, OsString>, output: &mut Output) -> Result<(), Fault> {
    let Some((typed, arguments)) = words.split_first() else {
        return Err(Fault::Prober("the command is empty".to_owned()));
    };
    let name = typed.to_string_lossy();
    let program = find(typed, std::env::var_os("PATH").as_deref())
        .ok_or_else(|| Fault::Prober(format!("`{name}` is not a program on the prober's PATH")))?;
    let pipe = |is_kept| if is_kept { Stdio::piped() } else { Stdio::null() };
    let mut child = Command::new(program)
        .arg0(typed)
        .args(arguments)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .stdout(pipe(output.keeps_text || output.keeps_tails))
        .stderr(pipe(output.keeps_tails))
        .process_group(0)
        .spawn()
        .map_err(|error| Fault::Prober(format!("`{name}` cannot be started: {error}")))?;
    let group = Group::led_by(child.id());
    output.is_started = true;
    let mut reading = pin!(output.read(child.stdout.take(), child.stderr.take()));
    let mut is_read = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = &mut reading, if !is_read => is_read = true,
        }
    };
    // The children that are left end here, and with them the other end of the pipes.
    drop(group);
    if !is_read {
        // Whoever holds a pipe still is not waited for.
        let _ = tokio::time::timeout(LAST_READ, reading).await;
    }
    judge(&name, status.map_err(|error| Fault::Prober(format!("`{name}` cannot be waited for: {error}")))?)
}

/// The fault of a command that was still running at its wall of `timeout`.
pub(super) fn timed_out(command: &[Template], timeout: units::Duration) -> Fault {
    let name = command.first().map(ToString::to_string).unwrap_or_default();
    Fault::Target(Reason::Timeout, format!("`{name}` did not end within {timeout}"))
}

fn judge(name: &str, status: ExitStatus) -> Result<(), Fault> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(Fault::Target(Reason::ExitCode, format!("`{name}` ended with code {code}"))),
        (None, Some(signal)) => Err(Fault::Target(Reason::Signal, format!("`{name}` was ended by signal {signal}"))),
        (None, None) => Err(Fault::Prober(format!("`{name}` ended in an unknown way"))),
    }
}

/// The program that a name stands for: itself if it is a path, or the first executable file of `path`.
fn find(typed: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    if Path::new(typed).components().count() != 1 {
        return Some(PathBuf::from(typed));
    }
    std::env::split_paths(path?).map(|directory| directory.join(typed)).find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// A process group that is killed when it goes out of scope.
struct Group(Option<Pid>);

impl Group {
    fn led_by(leader: Option<u32>) -> Self {
        Self(leader.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // An error says that no process of the group is left, which is what is wanted. The leader's
            // number cannot belong to another group yet: it was alive a moment ago, and numbers are given
            // out in turn.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path_or_where_it_says() {
        let path = OsString::from("/nonexistent:/bin:/usr/bin");
        assert_eq!(find(OsStr::new("sh"), Some(&path)), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find(OsStr::new("./sh"), Some(&path)), Some(PathBuf::from("./sh")));
        assert_eq!(find(OsStr::new("no-such-program"), Some(&path)), None);
        assert_eq!(find(OsStr::new("sh"), None), None);
    }
}
