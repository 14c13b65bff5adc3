//! Other tools' SLO files: what comes of them, what is said of it, and that it means the same.

mod command;
mod formats;
mod hostile;
mod meaning;

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::burndown::{Finished, run};

/// Files of every format, good and bad, by name.
const FILES: [(&str, &str); 9] = [
    ("sloth", include_str!("import/files/sloth.yaml")),
    ("sloth-objects", include_str!("import/files/sloth-objects.yaml")),
    ("sloth-bad", include_str!("import/files/sloth-bad.yaml")),
    ("pyrra", include_str!("import/files/pyrra.yaml")),
    ("pyrra-bad", include_str!("import/files/pyrra-bad.yaml")),
    ("openslo", include_str!("import/files/openslo.yaml")),
    ("openslo-alpha", include_str!("import/files/openslo-alpha.yaml")),
    ("openslo-bad", include_str!("import/files/openslo-bad.yaml")),
    ("burndown", "version: burndown/v1\nservice: shop\n"),
];

/// A file of [`FILES`].
fn file(name: &str) -> &'static str {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text).expect("a file of this name")
}

/// A directory in which a test works.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs the program; its paths are shown without the directory.
    fn run(&self, arguments: &[&str]) -> Finished {
        let place = format!("{}/", self.directory.path().display());
        let finished = run(arguments.iter().map(|argument| argument.replace("@/", &place)));
        let bare = |text: String| text.replace(&place, "");
        let finished = Finished { code: finished.code, stdout: bare(finished.stdout), stderr: bare(finished.stderr) };
        assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
        finished
    }

    /// What `burndown check` says of an imported text, which must be good.
    fn check(&self, text: &str) {
        let path = self.write("checked.yaml", text);
        assert_good(&path, text);
    }
}

#[track_caller]
fn assert_good(path: &Path, text: &str) {
    let checked = run(["check".as_ref(), path.as_os_str()]);
    assert_eq!(checked.code, Some(0), "{}{}\n{text}", checked.stdout, checked.stderr);
}
