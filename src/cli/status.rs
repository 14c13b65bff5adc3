//! `burndown status`.

mod table;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use super::prometheus::{self, AccessArguments};
use super::server::{ServerArguments, unanswered};
use super::{Exit, load, output};
use crate::diag;
use crate::history::Prometheus;
use crate::slo::Plan;
use crate::standing::Standings;
use crate::standing::model::{GateAnswer, SloState, Slos};

/// Where a running service says how SLOs stand.
const PATH: &str = "api/v1/slos";

/// Shows how SLOs stand: what is left of each budget, whether deployments may go on, what failed last.
///
/// What needs attention comes first. Ends with 0 if every gate is open, with 1 if one is closed, and with 3 if none is
/// closed but one is unknown and holds, or if nobody answers. A gate of a dry run never counts.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["server", "prometheus"]))]
pub(super) struct Arguments {
    /// SLO files, directories with `*.yaml` or `*.yml` files, or `-` for standard input; only with `--prometheus`.
    #[arg(value_name = "FILE|DIR", required_unless_present = "server", conflicts_with = "server")]
    paths: Vec<PathBuf>,
    /// Ask a running `burndown serve`.
    #[arg(long, value_name = "URL")]
    server: Option<Url>,
    /// Ask a Prometheus that evaluates the rules generated of these files.
    #[arg(long, value_name = "URL")]
    prometheus: Option<Url>,
    /// Only the SLOs of this service.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only SLOs of this name.
    #[arg(long, value_name = "NAME")]
    slo: Option<String>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
    #[command(flatten)]
    to_server: ServerArguments,
    #[command(flatten)]
    access: AccessArguments,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// A table.
    Human,
    /// One JSON document, as `/api/v1/slos` answers it.
    Json,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let plan = match &arguments.server {
        Some(_) => None,
        None => match load::planned(&arguments.paths) {
            Ok(planned) => Some(planned.plan),
            Err(exit) => return exit,
        },
    };
    let mut slos = match ask(arguments, plan.as_ref()) {
        Ok(slos) => slos,
        Err((message, exit)) => {
            output::messages(&format!("burndown: {message}\n"));
            return exit;
        }
    };
    let is_meant = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    let all = std::mem::take(&mut slos.slos);
    let meant =
        |state: &&SloState| is_meant(&arguments.service, &state.service) && is_meant(&arguments.slo, &state.slo);
    slos.slos = all.iter().filter(meant).cloned().collect();
    if slos.slos.is_empty() {
        output::messages(&format!("burndown: there is {}\n", missing(arguments, &all)));
        return Exit::Usage;
    }
    match arguments.output {
        Output::Human => output::results(&table::of(&slos, output::may_colour(&io::stdout())), exit(&slos.slos)),
        Output::Json => output::json(&slos, exit(&slos.slos)),
    }
}

/// What there is none of, and what may have been meant.
fn missing(arguments: &Arguments, all: &[SloState]) -> String {
    let near = |name: &str, known: Vec<&str>| match diag::nearest(name, &known) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    match (&arguments.service, &arguments.slo) {
        (Some(service), _) if all.iter().all(|state| state.service != *service) => {
            let known = all.iter().map(|state| state.service.as_str()).collect();
            format!("no service `{service}`{}", near(service, known))
        }
        (_, Some(slo)) => format!("no SLO `{slo}`{}", near(slo, all.iter().map(|state| state.slo.as_str()).collect())),
        _ => "no SLO at all".to_owned(),
    }
}

/// How SLOs stand, from wherever the arguments say, or why nobody knows.
fn ask(arguments: &Arguments, plan: Option<&Plan>) -> Result<Slos, (String, Exit)> {
    let usage = |error: &dyn std::fmt::Display| (error.to_string(), Exit::Usage);
    let runtime = prometheus::runtime().map_err(|error| usage(&error))?;
    match (&arguments.server, &arguments.prometheus, plan) {
        (Some(url), _, _) => {
            let client = arguments.to_server.client(url).map_err(|error| usage(&error))?;
            runtime.block_on(client.document(PATH, &[])).map_err(|error| (unanswered(&error), Exit::Unknown))
        }
        (None, Some(url), Some(plan)) => {
            let client = arguments.access.client(url).map_err(|error| usage(&error))?;
            let standings = Standings::new(plan, Arc::new(Prometheus::new(client, plan)));
            Ok(runtime.block_on(standings.list(jiff::Timestamp::now().as_second())))
        }
        // The arguments see to it that there is a source.
        _ => Err(usage(&"name a server or a Prometheus")),
    }
}

/// What the gates of SLOs come to.
fn exit(slos: &[SloState]) -> Exit {
    let counts =
        || slos.iter().filter(|state| state.overridden.is_none()).map(|state| &state.gate).filter(|gate| !gate.dry_run);
    if counts().any(|gate| gate.state == GateAnswer::Closed) {
        Exit::Failure
    } else if counts().any(|gate| gate.state == GateAnswer::Unknown && gate.holds_when_unknown) {
        Exit::Unknown
    } else {
        Exit::Success
    }
}
