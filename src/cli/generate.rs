//! `burndown generate`.

use super::Exit;

/// Writes recording rules, alerts and their proofs for Prometheus.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

/// Runs the command.
pub(super) fn run(_arguments: &Arguments) -> Exit {
    Exit::Success
}
