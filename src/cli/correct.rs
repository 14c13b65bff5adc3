//! `burndown correct`.

use jiff::Timestamp;
use serde_json::json;
use url::Url;

use super::audit::{self, Failure, Output, Target, WITHDRAWALS};
use super::moment::Moment;
use super::server::ServerArguments;
use super::silence::Alertmanager;
use super::{Exit, output};
use crate::history::audit::Entry;
use crate::units::Name;

/// Where corrections are made and listed.
const CORRECTIONS: &str = "api/v1/corrections";

/// Takes what an SLO spent in a time out of its net budget, by which the gate decides; the gross stays visible.
///
/// A time that is still to begin is planned maintenance. The audit records who said so. Ends with 0 if it was done, with
/// 2 if it was refused, and with 3 if nobody answers.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["from", "withdraw", "list"]))]
pub(super) struct Arguments {
    /// The SLO.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["list", "withdraw"])]
    slo: Option<Name>,
    /// Its service; may be left out where only one has such an SLO.
    #[arg(long, value_name = "NAME")]
    service: Option<Name>,
    /// From when: how long ago, or a time. A time that is still to come plans maintenance.
    #[arg(long, value_name = "DURATION|TIME", requires = "reason", requires = "by")]
    from: Option<Moment>,
    /// Until when; without it, until now.
    #[arg(long, value_name = "DURATION|TIME", requires = "from")]
    to: Option<Moment>,
    /// Have this Alertmanager silence the pages of planned maintenance while it lasts; with `--withdraw`, end that silence.
    #[arg(long, value_name = "URL", conflicts_with = "list")]
    alertmanager: Option<Url>,
    /// What pages have as `severity`, where the file renames it.
    #[arg(long = "alertmanager.severity", value_name = "WORD", default_value = "page")]
    severity: String,
    /// Have the entry of this number no longer count. A silence that was made for it ends only where `--alertmanager` says
    /// who has it.
    #[arg(long, value_name = "NUMBER", requires = "reason", requires = "by")]
    withdraw: Option<i64>,
    /// List corrections and planned maintenance, the newest first.
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
    let (reason, by) = (&arguments.reason, &arguments.by);
    let entry = match (arguments.withdraw, arguments.from) {
        (Some(id), _) => {
            let entry = json!({"id": id, "reason": reason, "by": by});
            let entry = audit::submit(&client, WITHDRAWALS, &entry).await?;
            if let Some(url) = &arguments.alertmanager {
                end_silence(arguments, url, id, &entry).await?;
            }
            entry
        }
        (None, Some(from)) => {
            let now = Timestamp::now();
            if arguments.alertmanager.is_some() && from.before(now) <= now.as_millisecond() {
                return Err(("only maintenance that is still to begin is silenced".to_owned(), Exit::Usage));
            }
            let (from, to) = (time(from, now)?, arguments.to.map(|to| time(to, now)).transpose()?);
            let entry = json!({"service": service, "slo": slo, "from": from, "to": to, "reason": reason, "by": by});
            let entry = audit::submit(&client, CORRECTIONS, &entry).await?;
            if let Some(url) = &arguments.alertmanager {
                silence(arguments, url, &entry).await?;
            }
            entry
        }
        (None, None) => {
            let list = audit::list(&client, CORRECTIONS, service, slo).await?;
            return Ok(audit::shown(&list, arguments.output, audit::lines));
        }
    };
    Ok(audit::shown(&entry, arguments.output, |entry| audit::sentence(entry) + "\n"))
}

/// Has an Alertmanager silence the pages of planned maintenance.
async fn silence(arguments: &Arguments, url: &Url, entry: &Entry) -> Result<(), Failure> {
    let failed = |why: String| {
        let message = format!("entry {} was made, but its pages are not silenced: {why}", entry.id);
        (message, Exit::Unknown)
    };
    let alertmanager = Alertmanager::open(url, &arguments.to_server).map_err(failed)?;
    alertmanager.silence(entry, &arguments.severity).await.map_err(failed)
}

/// Has an Alertmanager end the silence of maintenance that is withdrawn.
async fn end_silence(arguments: &Arguments, url: &Url, withdrawn: i64, withdrawal: &Entry) -> Result<(), Failure> {
    let failed = |why: String| {
        let message =
            format!("entry {withdrawn} is withdrawn, but its silence does not end: {why}: end it in Alertmanager");
        (message, Exit::Unknown)
    };
    let alertmanager = Alertmanager::open(url, &arguments.to_server).map_err(failed)?;
    if alertmanager.end(withdrawal).await.map_err(failed)? == 0 {
        output::messages(&format!("burndown: {url} has no silence of entry {withdrawn} that could end\n"));
    }
    Ok(())
}

/// A moment as the API takes it.
fn time(moment: Moment, now: Timestamp) -> Result<String, Failure> {
    let time = Timestamp::from_millisecond(moment.before(now)).map_err(|error| (error.to_string(), Exit::Usage))?;
    Ok(time.to_string())
}
