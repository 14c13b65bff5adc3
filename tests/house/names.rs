//! A name that leaves the program exists once, in `src/names.rs`.

use burndown::names::{Alert, Metric, Record, label};

use super::lexer::{self, Token};
use super::{File, assert_none, rust_files};

/// Where the names are.
const HOME: &str = "src/names.rs";

/// What every name of ours starts with, so that one that is not in the list yet is found too.
const PREFIXES: [&str; 5] = ["slo:", "slo_probe_", "slo_journey_", "burndown_build", "burndown_config"];

#[test]
fn no_name_is_spelled_out_elsewhere() {
    assert_none(&complaints(&rust_files("src")));
}

#[test]
fn a_name_that_is_spelled_out_is_found() {
    let bad = |text: &str| complaints(&[File { path: "src/serve/metrics.rs".into(), text: text.into() }]);
    for literal in [
        r#""slo_probe_attempts_total""#,
        r#""sum(slo:sli_error:ratio_rate5m) > 1""#,
        r##"r#"alertname="ErrorBudgetBurn""#"##,
        r#""slo_info""#,
        r#""slo_probe_new_thing""#,
        r#""by (slo_service)""#,
        r#"b"burndown_build_info""#,
    ] {
        assert_eq!(bad(&format!("const X: &str = {literal};")).len(), 1, "{literal}");
    }
    for fine in [
        "// slo_probe_attempts_total\n/// slo:objective:ratio\nfn f() {}",
        "const X: &str = \"the slo of a probe\";",
        "const X: &str = \"slo_information\";",
        "#[cfg(test)] mod tests { const X: &str = \"slo_probe_attempts_total\"; }",
    ] {
        assert_none(&bad(fine));
    }
}

#[test]
fn names_are_unique_and_well_formed() {
    let mut names = known();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "a name is used twice");
    for metric in Metric::ALL {
        let name = metric.name();
        assert!(name.starts_with("slo_") || name.starts_with("burndown_"), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert!(!metric.help().is_empty() && !metric.help().ends_with('.'), "{name}");
    }
}

/// Every name that must not be spelled out.
fn known() -> Vec<String> {
    let mut names: Vec<String> = Metric::ALL.iter().map(|metric| metric.name().to_owned()).collect();
    names.extend(Record::FIXED.iter().map(|record| record.name()));
    names.extend(Alert::ALL.iter().map(|alert| alert.name().to_owned()));
    names.extend([label::SERVICE, label::LONG_WINDOW, label::SHORT_WINDOW].map(str::to_owned));
    names
}

fn complaints(files: &[File]) -> Vec<String> {
    let known = known();
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path != HOME) {
        for placed in lexer::shipped(&file.text) {
            let Token::Text(text) = &placed.token else { continue };
            let spelled = known.iter().map(String::as_str).find(|name| has_word(text, name));
            let spelled = spelled.or_else(|| PREFIXES.into_iter().find(|prefix| has_prefix(text, prefix)));
            if let Some(name) = spelled {
                complaints.push(format!("{}:{}: `{name}` is spelled out: take it from {HOME}", file.path, placed.line));
            }
        }
    }
    complaints
}

/// Whether a character can stand in the middle of a name.
fn joins(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Whether `name` stands in `text` and is not part of a longer name.
fn has_word(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(joins) && !text[at + name.len()..].chars().next().is_some_and(joins)
    })
}

/// Whether a name that starts with `prefix` stands in `text`.
fn has_prefix(text: &str, prefix: &str) -> bool {
    text.match_indices(prefix).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(joins)
            && text[at + prefix.len()..].chars().next().is_some_and(joins)
    })
}
