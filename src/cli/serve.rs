//! `burndown serve`.

use super::Exit;

/// Runs the probes and serves what they count.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

/// Runs the command.
pub(super) fn run(_arguments: &Arguments) -> Exit {
    Exit::Success
}
