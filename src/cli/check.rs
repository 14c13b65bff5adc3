//! `burndown check`.

use super::Exit;

/// Reads SLO files and says everything that is wrong with them, or worth knowing.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

/// Runs the command.
pub(super) fn run(_arguments: &Arguments) -> Exit {
    Exit::Success
}
