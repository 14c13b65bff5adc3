//! Whom the gate asks: a running service, or a history that it judges by itself.

use std::sync::Arc;

use jiff::Timestamp;

use super::Arguments;
use crate::cli::{Exit, load, storage};
use crate::gate::{Answer, Gates, Question};
use crate::history::{Kept, Prometheus};
use crate::prometheus::{Client, Error};
use crate::slo::Plan;
use crate::standing::model::Problem;

/// Where a running service answers for its gates.
const PATH: &str = "api/v1/gate";

/// Statuses by which a service says that the question cannot be answered, however often it is asked.
const REFUSALS: [u16; 2] = [400, 404];

/// Why there is no answer at all.
pub(in crate::cli) enum Failure {
    /// What is to be said about it.
    Said(String),
    /// It was said already.
    Exit(Exit),
}

/// Whoever is asked.
pub(in crate::cli) enum Source {
    Server(Client),
    Gates(Gates),
}

impl Source {
    /// Whom the arguments name.
    pub(super) fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let said = |error: &dyn std::fmt::Display| Failure::Said(error.to_string());
        if let Some(url) = &arguments.server {
            return arguments.to_server.client(url).map(Self::server).map_err(|error| said(&error));
        }
        let plan = load::planned(&arguments.paths).map_err(Failure::Exit)?.plan;
        match (&arguments.prometheus, &arguments.storage) {
            (Some(url), _) => {
                let client = arguments.access.client(url).map_err(|error| said(&error))?;
                Ok(Self::prometheus(client, &plan))
            }
            (None, directory) => {
                let usual =
                    || storage::usual_place().ok_or_else(|| said(&"name a server, a Prometheus or a directory"));
                let directory = directory.clone().map_or_else(usual, Ok)?;
                let kept = Kept::open(&directory, &plan).map_err(|error| said(&error))?;
                Ok(Self::Gates(Gates::new(&plan, Arc::new(kept))))
            }
        }
    }

    /// A running service.
    pub(in crate::cli) const fn server(client: Client) -> Self {
        Self::Server(client)
    }

    /// A Prometheus that evaluates the rules of a plan.
    pub(in crate::cli) fn prometheus(client: Client, plan: &Plan) -> Self {
        Self::Gates(Gates::new(plan, Arc::new(Prometheus::new(client, plan))))
    }

    /// Asks once. That nobody could be asked is an answer; that the question makes no sense is none.
    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, Failure> {
        let now = Timestamp::now();
        match self {
            Self::Gates(gates) => gates.answer(question, now).await.map_err(|error| Failure::Said(error.to_string())),
            Self::Server(client) => match client.document(PATH, &question.pairs()).await {
                Ok(answer) => Ok(answer),
                Err(Error::Status { status, said, body, .. }) if REFUSALS.contains(&status) => {
                    let problem = serde_json::from_str(&body).map(|problem: Problem| problem.message);
                    Err(Failure::Said(problem.unwrap_or(said)))
                }
                Err(error) => Ok(Answer::unavailable(now.as_second(), error.to_string())),
            },
        }
    }
}
