//! `burndown health`.

use url::Url;

use super::prometheus;
use super::server::ServerArguments;
use super::{Exit, output};

/// Where a running service says whether it runs probes.
const PATH: &str = "-/ready";

/// Says whether a running service runs its probes, for whoever restarts it otherwise.
///
/// Ends with 0 if it does, and with 1 if it does not, or nobody answers. Needs no other program, so that a container
/// with nothing but this one can have a health check.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The service.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9799/")]
    server: Url,
    #[command(flatten)]
    access: ServerArguments,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let client = match arguments.access.client(&arguments.server) {
        Ok(client) => client,
        Err(error) => return said(&error, Exit::Usage),
    };
    let runtime = match prometheus::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return said(&error, Exit::Usage),
    };
    match runtime.block_on(client.text(PATH)) {
        Ok(answer) => output::results(&answer, Exit::Success),
        Err(error) => said(&error, Exit::Failure),
    }
}

fn said(error: &dyn std::fmt::Display, exit: Exit) -> Exit {
    output::messages(&format!("burndown: {error}\n"));
    exit
}
