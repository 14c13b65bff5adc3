//! Whom the gate asks: a running service, or a history that it judges by itself.

use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::source::{self, Failure, SourceArguments, asked};
use crate::gate::{Answer, Gates, Question};
use crate::history::Prometheus;
use crate::prometheus::Client;
use crate::slo::Plan;

/// Where a running service answers for its gates.
const PATH: &str = "api/v1/gate";

/// Whoever is asked.
pub(in crate::cli) enum Source {
    Server(Client),
    Gates(Gates),
}

impl Source {
    /// Whom the arguments name.
    pub(super) fn of(arguments: &SourceArguments) -> Result<Self, Failure> {
        Ok(match arguments.open()? {
            source::Source::Server(client) => Self::server(client),
            source::Source::History(plan, history) => Self::Gates(Gates::new(&plan, history)),
        })
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
            Self::Gates(gates) => gates.answer(question, now).await.map_err(|error| Failure::refused(&error)),
            Self::Server(client) => match asked(client, PATH, &question.pairs()).await {
                Err(Failure::Unavailable(why)) => Ok(Answer::unavailable(now.as_second(), why)),
                answer => answer,
            },
        }
    }
}
