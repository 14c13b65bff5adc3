//! Which module may import which. Data flows one way, and branches never import each other.

use super::lexer::{self, Placed};
use super::{File, assert_none, rust_files};

/// A module, what it may import of the others, and why no more.
struct Layer {
    module: &'static str,
    may_import: &'static [&'static str],
    because: &'static str,
}

/// Every module of the crate, in the order in which data flows.
const LAYERS: [Layer; 18] = [
    Layer { module: "units", may_import: &[], because: "quantities are valid on their own" },
    Layer { module: "names", may_import: &["units"], because: "names do not behave" },
    Layer { module: "diag", may_import: &["units", "names"], because: "a message knows nothing of what found it" },
    Layer {
        module: "promql",
        may_import: &["units", "names", "diag"],
        because: "an expression knows nothing of the file that holds it",
    },
    Layer {
        module: "prometheus",
        may_import: &["units", "names", "diag", "promql"],
        because: "a client asks what it is told to ask",
    },
    Layer {
        module: "spec",
        may_import: &["units", "names", "diag", "promql"],
        because: "reading a file needs no mathematics",
    },
    Layer {
        module: "slo",
        may_import: &["units", "names", "diag", "promql", "spec"],
        because: "the mathematics is shared by all branches and knows none of them",
    },
    Layer {
        module: "generate",
        may_import: &["units", "names", "diag", "promql", "spec", "slo"],
        because: "rules come from the plan alone, never from a running service",
    },
    Layer {
        module: "ask",
        may_import: &["units", "names", "diag", "promql", "prometheus", "spec", "slo", "generate"],
        because: "a live server is compared with what would be generated",
    },
    Layer {
        module: "backfill",
        may_import: &["units", "names", "diag", "promql", "prometheus", "spec", "slo", "generate"],
        because: "the past is filled with what the generated rules would have recorded",
    },
    Layer {
        module: "probe",
        may_import: &["units", "names", "diag", "spec", "slo"],
        because: "a probe does not know who keeps or shows its outcome",
    },
    Layer {
        module: "history",
        may_import: &["units", "names", "diag", "prometheus", "spec", "slo", "probe"],
        because: "history keeps what probes found, or reads what Prometheus recorded, and does not know who reads it",
    },
    Layer {
        module: "standing",
        may_import: &["units", "names", "diag", "spec", "slo", "history"],
        because: "what is so does not depend on who shows it or decides by it",
    },
    Layer {
        module: "gate",
        may_import: &["units", "names", "diag", "spec", "slo", "history", "standing"],
        because: "a decision follows from standings, whoever asks for it",
    },
    Layer {
        module: "report",
        may_import: &["units", "names", "diag", "spec", "slo", "history", "standing"],
        because: "a report says what was found, and decides nothing",
    },
    Layer {
        module: "serve",
        may_import: &["units", "names", "diag", "spec", "slo", "probe", "history", "standing", "gate", "report"],
        because: "the server shows probes and history; rules are another branch",
    },
    Layer {
        module: "cli",
        may_import: &[
            "units",
            "names",
            "diag",
            "promql",
            "prometheus",
            "spec",
            "slo",
            "generate",
            "ask",
            "backfill",
            "probe",
            "history",
            "standing",
            "gate",
            "report",
            "serve",
        ],
        because: "the command line stands on top",
    },
    Layer { module: "main", may_import: &["cli"], because: "main is one call" },
];

/// A crate that only some modules may use, and why.
struct Owned {
    name: &'static str,
    by: &'static [&'static str],
    because: &'static str,
}

/// Crates with an owner.
const OWNED: [Owned; 9] = [
    Owned { name: "promql_parser", by: &["promql"], because: "one place knows the parser and its limits" },
    Owned { name: "granit_parser", by: &["spec"], because: "one place reads files, with its limits against bombs" },
    Owned {
        name: "serde_yaml",
        by: &["generate", "serve", "spec"],
        because: "one place writes rules, one reads the web configuration, and one writes SLO files that were imported",
    },
    Owned { name: "clap", by: &["cli", "generate"], because: "arguments are the command line's, but for their values" },
    Owned { name: "askama", by: &["report", "serve"], because: "only they make pages" },
    Owned { name: "tokio", by: &["probe", "history", "serve", "cli"], because: "everything else is pure" },
    Owned { name: "rusqlite", by: &["history"], because: "one place knows the tables" },
    Owned { name: "reqwest", by: &["prometheus"], because: "one place asks Prometheus, with its bounds" },
    Owned { name: "hyper", by: &["probe", "serve", "cli"], because: "everything else has no network" },
];

#[test]
fn modules_import_only_what_lies_below_them() {
    assert_none(&complaints(&rust_files("src")));
}

#[test]
fn every_row_of_the_table_is_a_module() {
    let files = rust_files("src");
    for layer in &LAYERS {
        assert!(files.iter().any(|file| top_module(&file.path) == layer.module), "no module `{}`", layer.module);
    }
}

#[test]
fn a_bad_import_is_found() {
    let bad = |path: &str, text: &str| complaints(&[File { path: path.into(), text: text.into() }]);
    assert_eq!(
        bad("src/generate/rules.rs", "//! Doc.\nuse crate::probe::Outcome;"),
        [
            "src/generate/rules.rs:2: `generate` imports `probe`: rules come from the plan alone, never from a running service"
        ]
    );
    assert_eq!(bad("src/units/name.rs", "fn f() { crate::spec::load() }").len(), 1);
    assert_eq!(bad("src/history/mod.rs", "use crate::{units::Name, serve::{Board, probe}, cli};").len(), 2);
    assert_eq!(bad("src/names.rs", "use super::spec::model;").len(), 1);
    assert_eq!(bad("src/slo/plan.rs", "use super::super::generate;").len(), 1);
    assert_eq!(bad("src/main.rs", "fn main() { burndown::serve::run() }").len(), 1);
    assert_eq!(bad("src/slo/plan.rs", "use tokio::time;").len(), 1);
    assert_eq!(bad("src/gossip/mod.rs", "").len(), 1);

    assert_none(&bad("src/serve/board.rs", "use crate::{history::History, units::Name};\n// crate::generate"));
    assert_none(&bad("src/slo/plan.rs", "use super::spec;"));
    assert_none(&bad("src/slo/plan.rs", "#[cfg(test)] mod tests { use crate::cli; }"));
}

fn complaints(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let module = top_module(&file.path);
        if module == "lib" {
            continue;
        }
        let tokens = lexer::shipped(&file.text);
        let Some(layer) = LAYERS.iter().find(|layer| layer.module == module) else {
            complaints.push(format!("{}: `{module}` has no row in the table of layers", file.path));
            continue;
        };
        for (imported, line) in imports(&file.path, &tokens) {
            if imported != module && !layer.may_import.contains(&imported) {
                let because = layer.because;
                complaints.push(format!("{}:{line}: `{module}` imports `{imported}`: {because}", file.path));
            }
        }
        for owned in OWNED.iter().filter(|owned| !owned.by.contains(&module)) {
            complaints.extend(tokens.windows(3).filter(|seen| is_path(seen, owned.name)).map(|seen| {
                let Owned { name, because, .. } = owned;
                format!("{}:{}: `{module}` uses the crate `{name}`: {because}", file.path, seen[0].line)
            }));
        }
    }
    complaints
}

/// `src/serve/board.rs` is in `serve`, `src/names.rs` is `names`.
fn top_module(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap_or(path);
    below.split(['/', '.']).next().unwrap_or(below)
}

/// How many modules lie between a file and the crate's root: 1 for `src/slo/mod.rs`, 2 for `src/slo/plan.rs`.
fn depth(path: &str) -> usize {
    path.matches('/').count() - usize::from(path.ends_with("/mod.rs"))
}

/// Whether the tokens start with `name ::`.
fn is_path(tokens: &[Placed], name: &str) -> bool {
    matches!(tokens, [first, second, third, ..]
        if first.is_word(name) && second.is_punct(':') && third.is_punct(':'))
}

/// The modules of the crate that a file names, each with its line.
fn imports(path: &str, tokens: &[Placed]) -> Vec<(&'static str, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let after_supers = skip_supers(tokens, at);
        let to_root = (after_supers - at) / 3 >= depth(path) && after_supers > at;
        let start = if is_path(&tokens[at..], "crate") || (path == "src/main.rs" && is_path(&tokens[at..], "burndown"))
        {
            Some(at + 3)
        } else {
            to_root.then_some(after_supers)
        };
        if let Some(start) = start {
            found.extend(heads(&tokens[start..]).filter_map(|head| {
                let module = LAYERS.iter().find(|layer| head.is_word(layer.module))?.module;
                Some((module, head.line))
            }));
        }
        at = after_supers.max(at + 1);
    }
    found
}

/// The place after every `super::` that follows `at`.
fn skip_supers(tokens: &[Placed], mut at: usize) -> usize {
    while is_path(&tokens[at..], "super") {
        at += 3;
    }
    at
}

/// The first names of the paths that follow: one, or each of a group in braces.
fn heads(tokens: &[Placed]) -> impl Iterator<Item = &Placed> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut expected = true;
    for token in tokens {
        if token.is_punct('{') {
            depth += 1;
        } else if token.is_punct('}') {
            depth = depth.saturating_sub(1);
        } else if token.is_punct(',') && depth == 1 {
            expected = true;
        } else if token.word().is_some() && expected {
            found.push(token);
            expected = false;
        }
        if depth == 0 {
            break;
        }
    }
    found.into_iter()
}
