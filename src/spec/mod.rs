//! The only place that reads SLO files: text → raw → validated model.
//!
//! | module | what it does |
//! |---|---|
//! | [`keys`] | the keys of the file, once, for the reader, the schema and the reference |
//! | [`schema`] | the keys as JSON Schema |
//! | `source` | paths and directories → texts, within bounds |
//! | `raw` | text → a tree that keeps every word and its place |
//! | `read` | the tree seen with a type in mind |
//! | `validate` | the tree → [`model`], collecting every error |
//! | [`import`] | other tools' files → trees of ours, validated like any other, and their text |
//! | [`model`] | what the files mean, with no string left that still has to be read |

pub mod import;
pub mod keys;
pub mod model;
mod raw;
mod read;
pub mod schema;
mod source;
mod validate;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::diag::{Code, Diagnostic, Level, Source, SourceId, Sources};

/// How many errors of one file are kept; a file that is no SLO file at all has one for each line.
const MAX_PROBLEMS_PER_FILE: usize = 100;

/// What a set of paths holds: the files, what they mean, and everything that is to be said about them.
#[derive(Debug)]
pub struct Loaded {
    /// The files that were read, for rendering. What should have been a secret is blanked out in them.
    pub sources: Sources,
    /// What the files mean; incomplete if there are errors.
    pub fleet: model::Fleet,
    /// What was found, in order of the files and of the places in them.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether anything is wrong, so that the fleet must not be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.level == Level::Error)
    }

    /// Whether a path could not be read at all, which is a mistake of the caller rather than of a file.
    #[must_use]
    pub fn has_unreadable(&self) -> bool {
        let is_unreadable = |code| matches!(code, Code::FileUnreadable | Code::NoSloFile);
        self.diagnostics.iter().any(|diagnostic| is_unreadable(diagnostic.code))
    }
}

/// Reads SLO files. A directory stands for each `*.yaml` and `*.yml` directly in it, `-` for standard input.
///
/// It never fails: whatever is wrong, with a path or in a file, becomes a diagnostic.
#[must_use]
pub fn load(paths: &[PathBuf]) -> Loaded {
    let mut problems = Vec::new();
    let (sources, readable) = source::read_all(paths, &mut problems);
    understand(sources, &readable, problems)
}

/// Reads an SLO file that is part of the program, as [`load`] reads one that is not.
#[must_use]
pub fn load_text(name: &str, text: &str) -> Loaded {
    let mut sources = Sources::default();
    let only = sources.add(Source { path: name.to_owned(), text: text.to_owned() });
    understand(sources, &[only], Vec::new())
}

/// What the readable files mean.
fn understand(mut sources: Sources, readable: &[SourceId], mut problems: Vec<Diagnostic>) -> Loaded {
    let mut trees = Vec::new();
    for (id, source) in readable.iter().filter_map(|id| Some((*id, sources.get(*id)?))) {
        trees.extend(raw::parse(id, &source.text, &mut problems));
    }
    let (fleet, found) = validate::fleet(&trees);
    problems.extend(found);
    for secret in trees.iter().flat_map(validate::exposed_secrets) {
        sources.redact(secret);
    }
    let diagnostics = within_bounds(in_order(problems), &sources);
    Loaded { sources, fleet, diagnostics }
}

/// Orders diagnostics by place, those without one first, and drops those that an alias repeats.
fn in_order(mut problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    problems.sort_by_key(|problem| problem.primary.as_ref().map(|label| label.span));
    problems.dedup();
    problems
}

/// Keeps the first problems of each file and level and says how many more there are, no louder than they are.
fn within_bounds(problems: Vec<Diagnostic>, sources: &Sources) -> Vec<Diagnostic> {
    let mut counts: BTreeMap<(SourceId, Level), usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for problem in problems {
        let source = problem.primary.as_ref().map(|label| label.span.source);
        let count = source.map_or(0, |id| {
            let count = counts.entry((id, problem.level)).or_default();
            *count += 1;
            *count
        });
        if count <= MAX_PROBLEMS_PER_FILE {
            kept.push(problem);
        }
    }
    for ((id, level), count) in counts {
        let more = count.saturating_sub(MAX_PROBLEMS_PER_FILE);
        if let Some(source) = sources.get(id).filter(|_| more > 0) {
            let message = format!("`{}` has {more} more problems", source.path);
            let more = Diagnostic::new(Code::TooManyErrors, message).help("mend the first ones and check again");
            kept.push(Diagnostic { level, ..more });
        }
    }
    kept
}
