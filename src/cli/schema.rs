//! `burndown schema`.

use crate::spec::schema;

use super::{Exit, output};

/// Writes the JSON Schema of the SLO file, for editors and for programs that write such files.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

/// Runs the command.
pub(super) fn run(_: &Arguments) -> Exit {
    output::json(&schema::schema(), Exit::Success)
}
