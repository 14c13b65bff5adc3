//! Loading SLO files for a command: the one place where every room's findings come together.

use std::io;
use std::path::PathBuf;

use crate::diag::{Diagnostic, Level, render};
use crate::spec::{self, Loaded};

use super::{Exit, output};

/// Reads files and gathers everything there is to say about them.
///
/// Rooms that look at a valid fleet add their diagnostics here, so that `check` shows what `generate` and
/// `serve` refuse.
pub(super) fn load(paths: &[PathBuf]) -> Loaded {
    spec::load(paths)
}

/// Reads files that a command is about to use. Errors and warnings go to standard error; errors end the
/// command.
pub(super) fn usable(paths: &[PathBuf]) -> Result<Loaded, Exit> {
    let loaded = load(paths);
    let worth_saying: Vec<Diagnostic> =
        loaded.diagnostics.iter().filter(|diagnostic| diagnostic.level != Level::Note).cloned().collect();
    let colour = output::may_colour(&io::stderr());
    output::messages(&render::render(&worth_saying, &loaded.sources, colour));
    if loaded.has_errors() { Err(Exit::Usage) } else { Ok(loaded) }
}
