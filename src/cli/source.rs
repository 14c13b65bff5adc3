//! The options that say where SLOs are read, for commands that look at all of them: a running service, a Prometheus, or
//! what a service keeps in a directory.

use std::path::PathBuf;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use url::Url;

use super::prometheus::AccessArguments;
use super::server::{ServerArguments, foreign, unanswered};
use super::{Exit, load, output, storage};
use crate::history::{History, Kept, Prometheus};
use crate::prometheus::{Client, Error};
use crate::slo::Plan;
use crate::standing::model::Problem;

/// Statuses by which a service says that the question cannot be answered, however often it is asked.
const REFUSALS: [u16; 2] = [400, 404];

/// Where SLOs are read.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").args(["server", "prometheus", "storage", "schema"]))]
pub(super) struct SourceArguments {
    /// SLO files, directories with `*.yaml` or `*.yml` files, or `-` for standard input; not with `--server`.
    #[arg(value_name = "FILE|DIR", required_unless_present_any = ["server", "schema"],
        conflicts_with_all = ["server", "schema"])]
    paths: Vec<PathBuf>,
    /// Ask a running `burndown serve`.
    #[arg(long, value_name = "URL")]
    server: Option<Url>,
    /// Ask a Prometheus that evaluates the rules generated of these files.
    #[arg(long, value_name = "URL")]
    prometheus: Option<Url>,
    /// Read what a `burndown serve` keeps in this directory, also while it runs. Without any source: the usual place, which
    /// is `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/burndown`, else `~/.local/state/burndown`.
    #[arg(long = "storage.path", value_name = "DIR", id = "storage")]
    storage: Option<PathBuf>,
    /// Write the JSON Schema of the JSON answer, and nothing else.
    #[arg(long)]
    pub(super) schema: bool,
    #[command(flatten)]
    to_server: ServerArguments,
    #[command(flatten)]
    access: AccessArguments,
}

/// Where SLOs are read.
pub(super) enum Source {
    /// A running service answers by itself.
    Server(Client),
    /// A history, over which this process judges.
    History(Plan, Arc<dyn History>),
}

/// Why there is no answer at all.
pub(super) enum Failure {
    /// The question cannot be answered, for this reason.
    Refused(String),
    /// Nobody who knows could be asked, for this reason.
    Unavailable(String),
    /// It was said already.
    Exit(Exit),
}

impl Failure {
    /// That a question cannot be answered.
    pub(super) fn refused(error: &dyn std::fmt::Display) -> Self {
        Self::Refused(error.to_string())
    }

    /// Says why, if that was not said yet.
    pub(super) fn say(self) -> Exit {
        let (message, exit) = match self {
            Self::Refused(message) => (message, Exit::Usage),
            Self::Unavailable(message) => (message, Exit::Unknown),
            Self::Exit(exit) => return exit,
        };
        output::messages(&format!("burndown: {}\n", output::clean(&message)));
        exit
    }
}

impl SourceArguments {
    /// What the arguments name.
    pub(super) fn open(&self) -> Result<Source, Failure> {
        if let Some(url) = &self.server {
            return self.to_server.client(url).map(Source::Server).map_err(|error| Failure::refused(&error));
        }
        let plan = load::planned(&self.paths).map_err(Failure::Exit)?.plan;
        let history: Arc<dyn History> = match (&self.prometheus, &self.storage) {
            (Some(url), _) => {
                let client = self.access.client(url).map_err(|error| Failure::refused(&error))?;
                Arc::new(Prometheus::new(client, &plan))
            }
            (None, directory) => {
                let usual = || {
                    storage::usual_place()
                        .ok_or_else(|| Failure::refused(&"name a server, a Prometheus or a directory"))
                };
                let directory = directory.clone().map_or_else(usual, Ok)?;
                Arc::new(Kept::open(&directory, &plan).map_err(|error| Failure::refused(&error))?)
            }
        };
        Ok(Source::History(plan, history))
    }
}

/// What a running service answers under a path.
pub(super) async fn asked<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    query: &[(&'static str, String)],
) -> Result<T, Failure> {
    client.document(path, query).await.map_err(|error| match error {
        // What is quoted for people is cut short, so that the whole of it is read.
        Error::Status { url, status, said, body } if REFUSALS.contains(&status) => {
            let problem = serde_json::from_str(&body).map(|problem: Problem| problem.message);
            Failure::Refused(problem.unwrap_or_else(|_| foreign(&url, status, &said)))
        }
        error => Failure::Unavailable(unanswered(&error)),
    })
}
