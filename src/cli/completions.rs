//! `burndown completions`.

use clap_complete::Shell;

use super::{Exit, output};

/// Writes the completions of a shell to standard output.
///
/// For bash in this terminal: `source <(burndown completions bash)`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell that is to read them.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, mut program: clap::Command) -> Exit {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, name, &mut script);
    output::results(&String::from_utf8_lossy(&script), Exit::Success)
}
