//! One command of a journey: no shell, no inherited environment, no output, and no process left behind.
//!
//! The program is looked up on the prober's own `PATH`, which the command itself does not get to see. What
//! a command prints goes to `/dev/null`: it counts as secret, and the kernel drains it without end.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use super::outcome::Reason;
use super::progress::Fault;
use crate::units;

/// Runs a command to its end, with exactly the environment `env`.
///
/// When the command has ended, or the future is dropped, every process of its group is killed: children
/// that outlive their parent end with it.
///
/// # Errors
///
/// [`Reason::ExitCode`] or [`Reason::Signal`] for how it ended; a fault of the prober when it cannot start.
pub(super) async fn run(words: &[OsString], env: &BTreeMap<&str, OsString>) -> Result<(), Fault> {
    let Some((typed, arguments)) = words.split_first() else {
        return Err(Fault::Prober("the command is empty".to_owned()));
    };
    let name = typed.to_string_lossy();
    let program = find(typed, std::env::var_os("PATH").as_deref())
        .ok_or_else(|| Fault::Prober(format!("`{name}` is not a program on the prober's PATH")))?;
    let mut child = Command::new(program)
        .arg0(typed)
        .args(arguments)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| Fault::Prober(format!("`{name}` cannot be started: {error}")))?;
    let _group = Group::led_by(child.id());
    let status =
        child.wait().await.map_err(|error| Fault::Prober(format!("`{name}` cannot be waited for: {error}")))?;
    judge(&name, status)
}

/// The fault of a command that was still running at its wall of `timeout`.
pub(super) fn timed_out(command: &[String], timeout: units::Duration) -> Fault {
    let name = command.first().map(String::as_str).unwrap_or_default();
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
