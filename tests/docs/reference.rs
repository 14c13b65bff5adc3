//! The references in `docs/reference/` are written from the program: from its keys, names, codes and arguments.

mod cli;
mod diagnostics;
mod file;
mod metrics;
mod rules;

use std::fs;

use super::written;
use crate::house::root;

/// How every reference begins, so that nobody edits it.
fn head(title: &str, from: &str) -> String {
    format!("<!-- Written by `make generate` from {from}. Edit that instead. -->\n\n# {title}\n\n")
}

/// A table of Markdown.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
    text.push_str(&format!("|{}\n", "---|".repeat(head.len())));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        text.push_str(&line(&cells));
    }
    text
}

/// A word as code.
fn code(word: &str) -> String {
    format!("`{word}`")
}

/// What stands beside the variants of an enum, or the constants of a module, in a file of the source: the name of each
/// with its documentation in one line.
fn beside(path: &str, opening: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let body = text.split_once(opening).unwrap_or_else(|| panic!("{path} has no `{opening}`")).1;
    let mut found = Vec::new();
    let mut said = Vec::new();
    for line in body.lines().map(str::trim).skip(1).take_while(|line| !line.starts_with("impl ") && *line != "}") {
        if let Some(words) = line.strip_prefix("///") {
            said.push(words.trim());
        } else if !line.is_empty() && !line.starts_with('#') {
            found.push((line.to_owned(), std::mem::take(&mut said).join(" ")));
        }
    }
    assert!(found.iter().all(|(_, words)| !words.is_empty()), "{path}: `{opening}` has something without a word");
    found
}

/// The words beside the variants of an enum, by the names of the variants.
fn of_variants(path: &str, name: &str) -> Vec<(String, String)> {
    let opening = format!("pub enum {name} {{");
    let found = beside(path, &opening).into_iter();
    found.map(|(line, words)| (line.split(['(', ',', ' ']).next().unwrap().to_owned(), words)).collect()
}

#[test]
fn words_beside_names_are_found() {
    let reasons = of_variants("src/probe/outcome.rs", "Reason");
    assert_eq!(reasons[0], ("Resolve".to_owned(), "The name has no address.".to_owned()));
    assert!(reasons.len() > 15);
    let labels = beside("src/names.rs", "pub mod label {");
    assert!(
        labels.iter().any(|(line, words)| line.contains("\"slo_service\"") && words.contains("collide")),
        "{labels:?}"
    );
}

#[test]
fn tables_hold_any_text() {
    assert_eq!(table(&["a", "b"], [vec!["x|y".into(), "1\n2".into()]]), "| a | b |\n|---|---|\n| x\\|y | 1 2 |\n");
}
