//! The `burndown` program: parse arguments, start logging, call one function of `cli`, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    burndown::cli::main().into()
}
