//! What `override` and `correct` share: which service is told, what it answers, and how entries are shown.

use std::path::PathBuf;

use serde_json::Value;
use url::Url;

use super::server::{self, ServerArguments};
use super::{Exit, output, prometheus};
use crate::history::audit::{Entry, EntryKind};
use crate::prometheus::{Client, Error};
use crate::serve::{Audit, Listed};
use crate::standing::model::Problem;
use crate::standing::words::date;

/// Where entries are withdrawn.
pub(super) const WITHDRAWALS: &str = "api/v1/withdrawals";

/// Which running service keeps the audit.
#[derive(Debug, clap::Args)]
#[group(id = "target", required = true, multiple = false, args = ["server", "socket"])]
pub(super) struct Target {
    /// Tell a running `burndown serve` that has TLS and users.
    #[arg(long, value_name = "URL")]
    server: Option<Url>,
    /// Tell a running `burndown serve` of this machine over its `--web.admin-socket`.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// How to say it.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Output {
    /// Sentences.
    Human,
    /// One JSON document, as the API answers it.
    Json,
}

/// Why nothing came of it: what is said, and how the command ends.
pub(super) type Failure = (String, Exit);

/// Runs what a command does, and ends with what came of it.
pub(super) fn run(command: impl AsyncFnOnce() -> Result<String, Failure>) -> Exit {
    let done = prometheus::runtime()
        .map_err(|error| (error.to_string(), Exit::Usage))
        .and_then(|runtime| runtime.block_on(command()));
    match done {
        Ok(text) => output::results(&text, Exit::Success),
        Err((message, exit)) => {
            output::messages(&format!("burndown: {}\n", output::clean(&message)));
            exit
        }
    }
}

impl Target {
    /// A client for it.
    ///
    /// # Errors
    /// What keeps it from being set up.
    pub(super) fn client(&self, access: &ServerArguments) -> Result<Client, Failure> {
        let client = match (&self.server, &self.socket) {
            (Some(url), _) => access.client(url),
            (None, Some(path)) => access.local(path),
            // The arguments see to it that there is one.
            (None, None) => return Err(("name a server or a socket".to_owned(), Exit::Usage)),
        };
        client.map_err(usage)
    }
}

fn usage(error: impl std::fmt::Display) -> Failure {
    (error.to_string(), Exit::Usage)
}

/// Sends an entry and gives back what was made of it.
///
/// # Errors
/// The service's own words where it refuses.
pub(super) async fn submit(client: &Client, path: &str, entry: &Value) -> Result<Entry, Failure> {
    let (status, body) = client.submit(path, entry).await.map_err(unanswered)?;
    if status == 201 {
        return client.parsed(path, &body).map_err(unanswered);
    }
    let said = serde_json::from_slice(&body).map(|problem: Problem| problem.message);
    let said = said.unwrap_or_else(|_| String::from_utf8_lossy(&body).trim().chars().take(500).collect());
    let exit = if status >= 500 { Exit::Unknown } else { Exit::Usage };
    Err((format!("{}: status {status}: {said}", client.whereabouts()), exit))
}

fn unanswered(error: Error) -> Failure {
    (server::unanswered(&error), Exit::Unknown)
}

/// Entries under a path, of some SLOs.
///
/// # Errors
/// When they cannot be asked for.
pub(super) async fn list(
    client: &Client,
    path: &str,
    service: Option<&str>,
    slo: Option<&str>,
) -> Result<Audit, Failure> {
    let pairs = [("service", service), ("slo", slo)];
    let pairs: Vec<_> = pairs.into_iter().filter_map(|(key, value)| Some((key, value?.to_owned()))).collect();
    client.document(path, &pairs).await.map_err(unanswered)
}

/// A document as JSON, or as `sentences` say it.
pub(super) fn shown<T: serde::Serialize>(document: &T, output: Output, sentences: impl FnOnce(&T) -> String) -> String {
    match output {
        Output::Human => sentences(document),
        Output::Json => serde_json::to_string_pretty(document).map_or_else(|_| String::new(), |text| text + "\n"),
    }
}

/// Every entry of a list in a sentence.
pub(super) fn lines(audit: &Audit) -> String {
    if audit.entries.is_empty() {
        return "there are none\n".to_owned();
    }
    let mut text: String = audit.entries.iter().map(line).collect();
    if audit.omitted > 0 {
        text.push_str(&format!("and {} older ones\n", audit.omitted));
    }
    text
}

fn line(listed: &Listed) -> String {
    let state = match listed.withdrawn_at {
        Some(at) => format!(" [withdrawn {}]", date(at)),
        None if listed.in_force => " [in force]".to_owned(),
        None => String::new(),
    };
    format!("{}{state}\n", sentence(&listed.entry))
}

/// An entry in a sentence.
pub(super) fn sentence(entry: &Entry) -> String {
    let Entry { id, service, slo, reason, by, authenticated, .. } = entry;
    let (from, until) = (date(entry.from), date(entry.until));
    let what = match entry.kind {
        EntryKind::Override => format!("the gate of {service}/{slo} is overridden until {until}"),
        EntryKind::Correction => format!("what {service}/{slo} spent from {from} to {until} does not count"),
        EntryKind::Maintenance => format!("maintenance of {service}/{slo} is planned from {from} to {until}"),
        EntryKind::Withdrawal => {
            let of = entry.withdraws.map(|id| format!(" {id}")).unwrap_or_default();
            format!("entry{of} of {service}/{slo} is withdrawn")
        }
    };
    output::clean(&format!("{id}: {what}, by {by} ({authenticated}) at {}: {reason}", date(entry.at)))
}
