//! Manual pages and completions, as `man` and the shells read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::run;
use crate::support::burndown;

/// Every command that the program says it has.
fn commands() -> BTreeSet<String> {
    let help = burndown::run(["--help"]).stdout;
    let listed = help.split_once("Commands:\n").expect("commands").1.split_once("\n\n").expect("an end").0;
    let names = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_page_that_renders_without_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let written = burndown::run(["man".as_ref(), "--output".as_ref(), directory.path().as_os_str()]);
    assert_eq!((written.code, written.stderr.as_str()), (Some(0), ""));
    let commands = commands();
    assert!(commands.contains("serve") && commands.contains("man"), "{commands:?}");
    let pages: BTreeSet<String> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let wanted = commands.iter().map(|command| format!("burndown-{command}.1")).chain(["burndown.1".to_owned()]);
    assert!(wanted.clone().all(|page| pages.contains(&page)), "{pages:?}");
    for page in &pages {
        let (shown, warnings) = shown(&directory.path().join(page));
        assert_eq!(warnings, "", "{page}");
        let name = page.trim_end_matches(".1");
        assert!(shown.starts_with(&format!("{name}(1) User Commands {name}(1) NAME {name} - ")), "{shown}");
        assert!(shown.contains("SYNOPSIS burndown") && shown.ends_with(&format!("{name}(1)")), "{shown}");
    }
    let (serve, _) = shown(&directory.path().join("burndown-serve.1"));
    for part in ["--web.listen-address <ADDRESS>", "127.0.0.1:9799", "SIGHUP reads the files again"] {
        assert!(serve.contains(part), "no {part} in\n{serve}");
    }
    let broken = directory.path().join("broken.1");
    fs::write(&broken, ".TH x 1\n.SH NAME\n.nonsense\nx \\fZy\n").unwrap();
    assert!(shown(&broken).1.contains("nonsense"), "a warning would not be seen");
}

/// What `man` shows of a page, with one space between words, and its warnings.
fn shown(page: &Path) -> (String, String) {
    let arguments = ["--warnings=w", "--encoding=UTF-8", "--no-hyphenation", "--local-file"].map(AsRef::as_ref);
    let shown = run("man", "man-db", arguments.into_iter().chain([page.as_os_str()]));
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    // A hyphen is one of several characters.
    let text = shown.stdout.replace(['\u{2010}', '\u{2212}'], "-");
    (text.split_whitespace().collect::<Vec<_>>().join(" "), shown.stderr)
}

/// What bash offers after these words, the last of which is not complete.
fn offered(script: &str, words: &[&str]) -> Vec<String> {
    let words = words.iter().map(|word| format!("'{word}' ")).collect::<String>();
    // What a user's Tab does: the function that `complete` named for the program is called with the words so far.
    let driver = format!(
        "{script}\nset -u\nCOMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
         function=$(complete -p burndown | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
         \"$function\" burndown \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    );
    let output = Command::new("bash").args(["--norc", "-c", &driver]).output().expect("bash runs");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let script = burndown::run(["completions", "bash"]).stdout;
    let commands = commands();
    let first: BTreeSet<String> = offered(&script, &["burndown", ""]).into_iter().collect();
    assert!(commands.is_subset(&first), "{first:?} without some of {commands:?}");
    assert_eq!(offered(&script, &["burndown", "ser"]), ["serve"]);
    assert_eq!(offered(&script, &["burndown", "serve", "--storage"]), ["--storage.path"]);
    assert_eq!(offered(&script, &["burndown", "serve", "--log.format", "js"]), ["json"]);
    assert_eq!(offered(&script, &["burndown", "serve", "--frobnicate"]), [""]);
}

#[test]
fn every_shell_has_completions() {
    // Who can be run here reads them; of the others it is known that they hold every command.
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let written = burndown::run(["completions", shell]);
        assert_eq!((written.code, written.stderr.as_str()), (Some(0), ""), "{shell}");
        for command in commands() {
            assert!(written.stdout.contains(&command), "{shell} does not know {command}");
        }
    }
    assert_eq!(burndown::run(["completions", "tcsh"]).code, Some(2));
}
