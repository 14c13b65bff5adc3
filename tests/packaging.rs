//! Everything around the program: manual, completions, unit, package, containers, and the builds of the forge.
//!
//! Files of `deploy/` are read as those who use them read them; what they say of the program is asked of the program.

mod compose;
mod container;
mod debian;
mod forge;
mod manual;
mod systemd;

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use super::house::root;
use super::support::burndown::Finished;
use super::support::python;

/// Runs a program of a Debian package to its end.
///
/// # Panics
/// If it is missing.
fn run<A: AsRef<OsStr>>(program: &str, package: &str, arguments: impl IntoIterator<Item = A>) -> Finished {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).env_remove("MANPATH").output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {program}: {error}; it is in the package {package}"));
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs a program from Python, as `scripts/peers` installs them, to its end.
fn run_python<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Finished {
    run(&python::program(program).to_string_lossy(), "tests/python/requirements.txt", arguments)
}

/// The text of a file of the repository.
fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
