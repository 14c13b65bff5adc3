//! The rules of the house: layers, names, lints, project files.
//!
//! These tests read the source as text. They must not test behaviour, and each check is also run on a small
//! bad example, so that a check that cannot fail is noticed.

mod generated;
mod layers;
mod lexer;
mod names;
mod project;

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
struct File {
    /// Its path below the root, with `/` between the parts.
    path: String,
    /// Its whole text.
    text: String,
}

/// Every Rust file below `directory`, in order of their paths.
fn rust_files(directory: &str) -> Vec<File> {
    let mut paths = Vec::new();
    collect(&root().join(directory), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no Rust file below {directory}");
    paths
        .into_iter()
        .map(|path| File {
            text: fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            path: path.strip_prefix(root()).unwrap().to_string_lossy().into_owned(),
        })
        .collect()
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// Fails with every complaint on a line of its own.
#[track_caller]
pub(crate) fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
