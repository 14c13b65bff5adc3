//! `burndown override`.

use serde_json::json;

use super::Exit;
use super::audit::{self, Failure, Output, Target, WITHDRAWALS};
use super::server::ServerArguments;
use crate::prometheus::Client;
use crate::units::{Duration, Name};

/// Where overrides are made and listed.
const OVERRIDES: &str = "api/v1/overrides";

/// Opens the gate of an SLO for a while, whatever its budget says; the audit records who did.
///
/// It ends by itself, after 7 days at most. Gate, board and rules say that they are overridden and what they would have
/// said. Ends with 0 if it was done, with 2 if it was refused, and with 3 if nobody answers.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["lasting", "withdraw", "list"]))]
pub(super) struct Arguments {
    /// The SLO.
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    slo: Option<Name>,
    /// Its service; may be left out where only one has such an SLO.
    #[arg(long, value_name = "NAME")]
    service: Option<Name>,
    /// For how long, from now on.
    #[arg(long = "for", value_name = "DURATION", id = "lasting", requires = "reason", requires = "by")]
    lasting: Option<Duration>,
    /// End the override that is in force.
    #[arg(long, requires = "reason", requires = "by")]
    withdraw: bool,
    /// List overrides, the newest first.
    #[arg(long)]
    list: bool,
    /// Why, in one line.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who says so. The audit also has who that was, as the service knows it.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    to_server: ServerArguments,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    audit::run(async || done(arguments).await)
}

async fn done(arguments: &Arguments) -> Result<String, Failure> {
    let client = arguments.target.client(&arguments.to_server)?;
    let (service, slo) = (arguments.service.as_ref().map(Name::as_str), arguments.slo.as_ref().map(Name::as_str));
    if arguments.list {
        let list = audit::list(&client, OVERRIDES, service, slo).await?;
        return Ok(audit::shown(&list, arguments.output, audit::lines));
    }
    let (reason, by) = (&arguments.reason, &arguments.by);
    let entry = match &arguments.lasting {
        Some(lasting) => {
            let entry = json!({"service": service, "slo": slo, "for": lasting.to_string(), "reason": reason, "by": by});
            audit::submit(&client, OVERRIDES, &entry).await?
        }
        None => {
            let id = in_force(&client, service, slo).await?;
            audit::submit(&client, WITHDRAWALS, &json!({"id": id, "reason": reason, "by": by})).await?
        }
    };
    Ok(audit::shown(&entry, arguments.output, |entry| audit::sentence(entry) + "\n"))
}

/// The number of the override that is in force.
async fn in_force(client: &Client, service: Option<&str>, slo: Option<&str>) -> Result<i64, Failure> {
    let list = audit::list(client, OVERRIDES, service, slo).await?;
    let mut found = list.entries.iter().filter(|listed| listed.in_force);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.entry.id),
        (None, _) => Err((format!("no override of {} is in force", slo.unwrap_or_default()), Exit::Usage)),
        (Some(_), Some(_)) => {
            Err(("overrides of several services are in force: say which with `--service`".to_owned(), Exit::Usage))
        }
    }
}
