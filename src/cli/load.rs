//! Loading SLO files for a command: the one place where every room's findings come together.

use std::io;
use std::path::PathBuf;

use crate::diag::{Diagnostic, Level, render};
use crate::slo::Plan;
use crate::spec::{self, Loaded};

use super::{Exit, output};

/// SLO files with their plan.
pub(super) struct Planned {
    /// The files and what they say.
    pub loaded: Loaded,
    /// What that means; to be used only if no diagnostic is an error.
    pub plan: Plan,
}

/// Reads files and gathers everything there is to say about them.
///
/// Rooms that look at a valid fleet add their diagnostics here, so that `check` shows what `generate` and
/// `serve` refuse.
pub(super) fn load(paths: &[PathBuf]) -> Planned {
    plan(spec::load(paths))
}

/// Adds the plan of files, and what it shows.
fn plan(mut loaded: Loaded) -> Planned {
    let (plan, mut findings) = Plan::of(&loaded.fleet);
    if loaded.has_errors() {
        // What is worth knowing about a file follows once it can be read.
        findings.retain(|finding| finding.level == Level::Error);
    }
    loaded.diagnostics.extend(findings);
    Planned { loaded, plan }
}

/// Reads files that a command is about to use. Errors and warnings go to standard error; errors end the
/// command.
pub(super) fn planned(paths: &[PathBuf]) -> Result<Planned, Exit> {
    usable(load(paths))
}

/// The same for an SLO file that is part of the program.
pub(super) fn planned_text(name: &str, text: &str) -> Result<Planned, Exit> {
    usable(of_text(name, text))
}

/// An SLO file that was made by the program, with everything there is to say about it.
pub(super) fn of_text(name: &str, text: &str) -> Planned {
    plan(spec::load_text(name, text))
}

/// Says what is wrong, and gives back what can be used.
fn usable(planned: Planned) -> Result<Planned, Exit> {
    let loaded = &planned.loaded;
    let worth_saying: Vec<Diagnostic> =
        loaded.diagnostics.iter().filter(|diagnostic| diagnostic.level != Level::Note).cloned().collect();
    let colour = output::may_colour(&io::stderr());
    output::messages(&render::render(&worth_saying, &loaded.sources, colour));
    if loaded.has_errors() { Err(Exit::Usage) } else { Ok(planned) }
}
