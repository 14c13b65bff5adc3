//! Files of `docs/` that are written from the program, and kept current.

use std::fs;

use crate::house::root;

/// Compares a file with what it should be, or writes it where `BURNDOWN_DOCS` is set, as `make generate` does.
pub(super) fn is_current(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var_os("BURNDOWN_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    if let Some(line) = first_difference(&found, text) {
        panic!("{}:{line} is stale: run `make generate`", path.display());
    }
}

/// The number of the first line in which two texts differ.
fn first_difference(found: &str, wanted: &str) -> Option<usize> {
    if found == wanted {
        return None;
    }
    let same = found.lines().zip(wanted.lines()).take_while(|(found, wanted)| found == wanted).count();
    Some(same + 1)
}

#[test]
fn a_difference_is_found() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
    assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
    assert_eq!(first_difference("a", "a\n"), Some(2));
}
