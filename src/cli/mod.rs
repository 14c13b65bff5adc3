//! The command line: arguments as typed, one thin file per subcommand, exit codes with meaning.

mod audit;
mod backfill;
mod check;
mod completions;
mod concourse;
mod correct;
mod demo;
mod gate;
mod generate;
mod health;
mod history;
mod import;
mod load;
mod logging;
mod man;
mod moment;
mod output;
mod overriding;
mod plan;
mod probe;
mod prometheus;
mod report;
mod schema;
mod serve;
mod server;
mod signals;
mod silence;
mod source;
mod status;
mod storage;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked, and the answer is yes.
    Success,
    /// It did what was asked, and the answer is no.
    Failure,
    /// The arguments or a file cannot be used.
    Usage,
    /// It did what was asked, and there is no answer.
    Unknown,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Unknown => 3,
        })
    }
}

/// One SLO file in: probes, Prometheus rules and alerts that prove themselves, and a board of error budgets.
#[derive(Debug, Parser)]
#[command(name = "burndown", version, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Generate(generate::Arguments),
    Import(import::Arguments),
    Backfill(backfill::Arguments),
    Serve(serve::Arguments),
    Probe(probe::Arguments),
    History(history::Arguments),
    Schema(schema::Arguments),
    Status(status::Arguments),
    Gate(gate::Arguments),
    Override(overriding::Arguments),
    Correct(correct::Arguments),
    Plan(plan::Arguments),
    Report(report::Arguments),
    Health(health::Arguments),
    Concourse(concourse::Arguments),
    Demo(demo::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Reads the arguments of the process and runs the command they name.
#[must_use]
pub fn main() -> Exit {
    match Arguments::parse_from(concourse::as_called(std::env::args_os())).command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Backfill(arguments) => backfill::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::History(arguments) => history::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Gate(arguments) => gate::run(&arguments),
        Command::Override(arguments) => overriding::run(&arguments),
        Command::Correct(arguments) => correct::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Concourse(arguments) => concourse::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
        Command::Man(arguments) => man::run(&arguments, Arguments::command()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_of_every_command_go_together() {
        super::Arguments::command().debug_assert();
    }
}
