//! `docs/reference/cli.md`, from what the program says of itself.

use super::{head, table, written};
use crate::support::burndown::run;

/// What every command may end with.
const EXITS: [(&str, &str); 4] = [
    (
        "0",
        "It did what was asked, and the answer is yes: no errors, files are fresh, the run was good, the gate is open.",
    ),
    ("1", "It did what was asked, and the answer is no: errors, stale files, a failed run, a closed gate."),
    ("2", "The arguments or a file cannot be used, or a server that was asked does not answer."),
    (
        "3",
        "It did what was asked, and there is no answer: an unknown budget that holds the gate, a fault of the prober.",
    ),
];

#[test]
fn the_reference_of_the_command_line_is_current() {
    let mut text = head("The command line", "what `--help` says");
    let exits = EXITS.iter().map(|(exit, words)| vec![(*exit).to_owned(), (*words).to_owned()]);
    text.push_str(&format!("Every command ends with one of these:\n\n{}\n", table(&["exit", "means"], exits)));
    let commands = commands(&[]);
    assert!(commands.len() > 8, "{commands:?}");
    for command in commands {
        text.push_str(&section(&[&command]));
    }
    written::is_current("docs/reference/cli.md", &text);
}

fn help(words: &[&str]) -> String {
    let shown = run(words.iter().copied().chain(["--help"]));
    assert_eq!(shown.code, Some(0), "{words:?}: {}", shown.stderr);
    shown.stdout
}

/// The commands below one.
fn commands(words: &[&str]) -> Vec<String> {
    let help = help(words);
    let Some((_, listed)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let listed = listed.split("\n\n").next().unwrap().lines();
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn section(words: &[&str]) -> String {
    let help: String = help(words).lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let mut text = format!("## burndown {}\n\n```text\n{help}```\n\n", words.join(" "));
    for below in commands(words) {
        let words: Vec<&str> = words.iter().copied().chain([below.as_str()]).collect();
        text.push_str(&section(&words));
    }
    text
}
