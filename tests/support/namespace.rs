//! Namespaces for tests that need a network, or files, of their own: such a test runs its other half, in which it finds
//! itself again by an environment variable, in there.

use std::process::{Command, Output, Stdio};

/// Set in the process that runs within a namespace.
const INSIDE: &str = "BURNDOWN_TEST_INSIDE";

/// How a namespace can be made: by anybody where the system lets everybody, else by root.
const WAYS: [&[&str]; 2] = [&["--user", "--map-root-user"], &[]];

/// Whether this is the other half of the test with this whole name.
pub(crate) fn is_inside(test: &str) -> bool {
    std::env::var(INSIDE).is_ok_and(|inside| inside == test)
}

/// Runs the test with this whole name in namespaces of these kinds, as `unshare` calls them, after a line of shell and by
/// a `runner`, which may be empty.
///
/// # Panics
/// If no namespace can be made here, or the test fails in there.
pub(crate) fn run_inside(test: &str, kinds: &[&str], prepare: &str, runner: &str) {
    let in_namespace = |way: &[&str], script: &str| -> Output {
        let mut command = Command::new("unshare");
        command.args(way).args(kinds).args(["sh", "-c", script]).arg(std::env::current_exe().expect("a program"));
        command.env(INSIDE, test).stdin(Stdio::null()).output().expect("unshare runs; it is in the package util-linux")
    };
    let said = |output: &Output| {
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
    };
    let mut refused = String::new();
    let way = WAYS.into_iter().find(|way| {
        let output = in_namespace(way, prepare);
        refused += &said(&output);
        output.status.success()
    });
    let Some(way) = way else {
        panic!(
            "no namespace can be made here, so nothing can be said of {test}:\n{refused}\
             let users make namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, \
             kernel.apparmor_restrict_unprivileged_userns), or run the tests as root, in a container with \
             CAP_SYS_ADMIN and a writable /proc/sys; `ip` is in the package iproute2"
        );
    };
    let script = format!("{prepare} && exec {runner} \"$0\" --exact {test} --nocapture");
    let output = in_namespace(way, &script);
    let shown = said(&output);
    assert!(output.status.success() && shown.contains("1 passed"), "{runner}\n{shown}");
}
