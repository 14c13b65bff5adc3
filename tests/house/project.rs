//! The files of the project: heads, lints, codes, readme, build entry points, nothing that ties it to a place.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use burndown::diag::Code;

use super::{File, assert_none, root, rust_files};

#[test]
fn every_file_says_what_it_is_for() {
    let mut files = rust_files("src");
    files.extend(rust_files("tests"));
    assert_none(&headless(&files));
    assert_eq!(headless(&[File { path: "src/x.rs".into(), text: "use std::fs;\n".into() }]).len(), 1);
    assert_eq!(headless(&[File { path: "src/x.rs".into(), text: "//!\nuse std::fs;\n".into() }]).len(), 1);
}

fn headless(files: &[File]) -> Vec<String> {
    files
        .iter()
        .filter(|file| file.text.lines().next().is_none_or(|line| line.strip_prefix("//! ").is_none()))
        .map(|file| format!("{}: does not start with `//! ` and what the file is for", file.path))
        .collect()
}

#[test]
fn every_exception_from_a_lint_has_its_reason() {
    assert_none(&unreasoned(&rust_files("src")));
    let bad = |text: &str| unreasoned(&[File { path: "src/x.rs".into(), text: text.into() }]).len();
    assert_eq!(bad("#[allow(clippy::panic)]\nfn f() {}"), 1);
    assert_eq!(bad("#[allow(clippy::panic)] // a bug in the caller\nfn f() {}"), 0);
    assert_eq!(bad("#[allow(clippy::panic, reason = \"a bug in the caller\")]\nfn f() {}"), 0);
}

fn unreasoned(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let exception = ["#[allow(", "#![allow(", "#[expect(", "#![expect("].iter().any(|a| line.contains(a));
            if exception && !line.contains("reason = ") && !line.contains("// ") {
                complaints.push(format!("{}:{}: no reason for this exception", file.path, number + 1));
            }
        }
    }
    complaints
}

#[test]
fn the_lints_are_in_force() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for lint in [
        "unsafe_code = \"forbid\"",
        "unwrap_used = \"deny\"",
        "expect_used = \"deny\"",
        "panic = \"deny\"",
        "print_stdout = \"deny\"",
        "print_stderr = \"deny\"",
        "dbg_macro = \"deny\"",
        "exit = \"deny\"",
        "indexing_slicing = \"deny\"",
        "iter_over_hash_type = \"deny\"",
        "string_slice = \"deny\"",
    ] {
        assert!(manifest.lines().any(|line| line == lint), "Cargo.toml lost `{lint}`");
    }
}

#[test]
fn codes_are_unique_and_in_kebab_case() {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_none(&odd_codes(&codes));
    assert_eq!(odd_codes(&["a-b", "a-b", "A", "a--b", "a_b", "-a"]).len(), 5);
    for code in Code::ALL {
        assert!(!code.explanation().is_empty(), "{} has no explanation", code.as_str());
    }
}

fn odd_codes(codes: &[&str]) -> Vec<String> {
    let kebab = |code: &str| {
        code.split('-')
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
    };
    let mut seen = BTreeSet::new();
    codes
        .iter()
        .filter(|code| !kebab(code) || !seen.insert(**code))
        .map(|code| format!("`{code}` is not in kebab case, or there twice"))
        .collect()
}

#[test]
fn the_build_entry_is_one_line() {
    let script = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert_eq!(script, "#!/usr/bin/env bash\nexec make test\n");
    assert_eq!(mode(".ci/run"), "100755");
    assert_eq!(mode("scripts/peers"), "100755");
}

#[test]
fn the_last_thing_that_make_test_runs_is_the_tests_against_real_peers() {
    // Run by `make test` itself, this is a make within a make, which says where it comes and goes.
    let mut make = Command::new("make");
    make.args(["--dry-run", "--no-print-directory", "test"]).env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    let output = make.current_dir(root()).output();
    let output = output.expect("make is missing: apt-get install make");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("clippy --all-targets --locked -- -D warnings"), "{text}");
    assert!(text.contains("fmt --check"), "{text}");
    assert_eq!(text.lines().last(), Some("</dev/null cargo test --locked --test all"));
}

/// The mode with which git tracks a file.
fn mode(path: &str) -> String {
    git(&["ls-files", "--stage", "--", path]).split(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn the_lock_file_and_the_licence_are_committed() {
    for path in ["Cargo.lock", "LICENSE", "README.md", "CHANGELOG.md", "deny.toml", "rustfmt.toml", "clippy.toml"] {
        assert_eq!(mode(path), "100644", "{path} is not committed");
    }
}

#[test]
fn the_readme_shows_commands_that_exist() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let commands = console_lines(&readme);
    assert!(commands.iter().any(|command| command == "cargo run --release -- demo"), "{commands:?}");
    assert!(commands.iter().any(|command| command == "make test"), "{commands:?}");
    assert_none(&commands.iter().filter_map(|command| refused(command)).collect::<Vec<_>>());

    assert!(refused("burndown frobnicate x.yaml").is_some());
    assert!(refused("burndown check --frobnicate examples").is_some());
    assert!(refused("burndown check examples/no-such-file.yaml").is_some());
    assert!(refused("make frobnicate").is_some());
    assert!(refused("make").is_none());
}

/// The lines that a reader is to type: those that start with `$ ` in blocks of kind `console`.
fn console_lines(markdown: &str) -> Vec<String> {
    let mut inside = false;
    let mut commands = Vec::new();
    for line in markdown.lines() {
        if line.starts_with("```") {
            inside = line.starts_with("```console");
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            commands.push(command.split(" #").next().unwrap_or(command).trim().to_owned());
        }
    }
    commands
}

/// Why a command of the readme would not work, if so.
fn refused(command: &str) -> Option<String> {
    let own = command.strip_prefix("burndown ").or_else(|| command.strip_prefix("cargo run --release -- "));
    let mut words = command.split_whitespace();
    match (words.next(), own) {
        (_, Some(arguments)) => refused_arguments(arguments),
        (Some("make"), _) => {
            let made = Command::new("make").arg("--dry-run").args(words).current_dir(root()).output();
            (!made.expect("make is missing: apt-get install make").status.success())
                .then(|| format!("`{command}`: no such target"))
        }
        (Some("promtool" | "prometheus" | "sh"), _) => None,
        _ => Some(format!("`{command}`: this test does not know the program")),
    }
}

fn refused_arguments(arguments: &str) -> Option<String> {
    let mut words = arguments.split_whitespace();
    let subcommand = words.next()?;
    let help = Command::new(env!("CARGO_BIN_EXE_burndown")).args([subcommand, "--help"]).output().unwrap();
    if !help.status.success() {
        return Some(format!("`{subcommand}` is no subcommand"));
    }
    let help = String::from_utf8(help.stdout).unwrap();
    words.find_map(|word| {
        let unknown_option = word.starts_with('-') && !help.contains(word.split('=').next().unwrap_or(word));
        let missing_file = word.starts_with("examples") && !root().join(word).exists();
        (unknown_option || missing_file).then(|| format!("`{subcommand}` does not take `{word}`, or it does not exist"))
    })
}

#[test]
fn no_tracked_file_names_a_registry_or_a_machine() {
    let tracked: Vec<File> = git(&["ls-files", "-z"])
        .split('\0')
        .filter(|path| !path.is_empty())
        .filter_map(|path| Some(File { path: path.into(), text: fs::read_to_string(root().join(path)).ok()? }))
        .collect();
    assert!(tracked.len() > 20, "only {} tracked files", tracked.len());
    assert_none(&placed(&tracked));
    for host in foreign() {
        let file = File { path: "Dockerfile".into(), text: format!("RUN fetch https://{host}/x\n") };
        assert_eq!(placed(&[file]).len(), 1, "{host}");
    }
}

/// Hosts of package registries and paths of one machine, put together here so that this file has none.
fn foreign() -> Vec<String> {
    let hosts =
        ["index.crates", "static.crates", "deb.debian", "registry.npmjs", "pypi", "proxy.golang", "snapshot.debian"];
    let ends = ["io", "io", "org", "org", "org", "org", "org"];
    let mut found: Vec<String> = hosts.iter().zip(ends).map(|(host, end)| format!("{host}.{end}")).collect();
    found.extend([["/ro", "ot/"].concat(), ["/wo", "rk/"].concat(), ["/ho", "me/"].concat()]);
    found
}

fn placed(files: &[File]) -> Vec<String> {
    let foreign = foreign();
    files
        .iter()
        .flat_map(|file| {
            let found = foreign.iter().filter(|text| file.text.contains(text.as_str()));
            found.map(|text| format!("{}: holds `{text}`", file.path)).collect::<Vec<_>>()
        })
        .collect()
}

/// What git says about the repository.
pub(super) fn git(arguments: &[&str]) -> String {
    // A build machine may own the files as somebody else than the one who runs the tests.
    let output = Command::new("git")
        .args(["-c", "safe.directory=*"])
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null())
        .output();
    let output = output.expect("git is missing: apt-get install git");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
