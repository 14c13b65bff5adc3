//! Whoever answers as no `burndown serve` of this version does: every command says so, and what to do.

use crate::support::burndown::run;
use crate::support::listener::{Listener, Reply};

/// The commands that ask a service, and where.
const ASKING: [(&[&str], &str); 5] = [
    (&["gate"], "gate"),
    (&["plan"], "plan"),
    (&["report"], "report"),
    (&["status"], "slos"),
    (&["override", "--list"], "overrides"),
];

/// What the command of [`ASKING`] says, and with which code it ends.
fn said(command: &[&str], server: &str) -> (Option<i32>, String) {
    let finished = run(command.iter().copied().chain(["--server", server]));
    (finished.code, finished.stdout + &finished.stderr)
}

#[test]
fn an_answer_of_another_version_is_said_to_be_one() {
    // What a service said before there were overrides, and what is no service at all.
    let old = "{\"schema_version\": 1, \"at\": 1900000000, \"decision\": \"open\", \"reason\": \"open\"}";
    for (body, detail) in [(old, "missing field"), ("<!doctype html>", "expected value at line 1 column 1")] {
        let server = Listener::start(move |_| Reply::text(200, body), |_| {});
        let url = format!("http://{}/", server.address());
        for (command, path) in ASKING {
            let (code, said) = said(command, &url);
            let words = format!("does not answer as burndown {} does: {detail}", env!("CARGO_PKG_VERSION"));
            assert!(said.contains(&words) && said.contains(&format!("{url}api/v1/{path}")), "{command:?}: {said}");
            assert!(said.contains("upgrade it or this command, whichever is older"), "{command:?}: {said}");
            assert_eq!(code, Some(3), "{command:?}: {said}");
        }
    }
}

#[test]
fn a_service_without_the_path_is_said_to_be_another() {
    let server = Listener::start(|_| Reply::text(404, "404 page not found"), |_| {});
    let url = format!("http://{}/", server.address());
    for (command, _) in &ASKING[..3] {
        let (code, said) = said(command, &url);
        assert!(said.contains("does: status 404, `404 page not found`; name a running"), "{command:?}: {said}");
        assert_eq!(code, Some(2), "{command:?}: {said}");
    }
}
