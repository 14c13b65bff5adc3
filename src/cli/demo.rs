//! `burndown demo`.

use super::Exit;

/// Shows the main job on this machine: a failing target, its probe, and the budget going down.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

/// Runs the command.
pub(super) fn run(_arguments: &Arguments) -> Exit {
    Exit::Success
}
