//! `docs/reference/diagnostics.md`, from the codes and from what the tests pin of them.

use std::fs;

use burndown::diag::{Code, Level};

use super::{head, written};
use crate::house::root;

#[test]
fn the_reference_of_diagnostics_is_current() {
    let mut text = head("Diagnostics", "the codes (`src/diag/code.rs`) and the renderings that tests pin");
    text.push_str("Everything that `burndown check` and `burndown import` may say, with an example of each. `--output json` carries the same codes.\n\n");
    let pinned = pinned();
    for code in Code::ALL {
        text.push_str(&section(*code, &pinned));
    }
    written::is_current("docs/reference/diagnostics.md", &text);
}

fn section(code: Code, pinned: &[String]) -> String {
    let level = match code.level() {
        Level::Error => "Error",
        Level::Warning => "Warning",
        Level::Note => "Note",
    };
    let (name, explanation) = (code.as_str(), code.explanation());
    let example = example(name, pinned).unwrap_or_else(|| panic!("no rendering of `{name}` is pinned"));
    format!("## {name}\n\n{level}. {explanation}\n\n```text\n{example}\n```\n\n")
}

/// Every rendering that is pinned, in the order of the files' names.
fn pinned() -> Vec<String> {
    let folders = ["tests/golden/check", "tests/golden/import"];
    let mut paths: Vec<_> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The shortest rendering of a code: from its first line to the empty one.
fn example(name: &str, pinned: &[String]) -> Option<String> {
    let marker = format!("[{name}]: ");
    let renderings = pinned.iter().flat_map(|text| text.split("\n\n")).filter_map(|part| {
        let at = part.lines().position(|line| line.contains(&marker))?;
        let lines: Vec<&str> = part.lines().skip(at).take_while(|line| !line.starts_with("---")).collect();
        Some(lines.join("\n"))
    });
    // Those without a place say less than those with one.
    renderings.min_by_key(|text| (!text.contains("-->"), text.len()))
}
