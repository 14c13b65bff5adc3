//! Where the board and the API of a service have their numbers from.

use std::sync::Arc;

use super::files::Content;
use crate::gate::Gates;
use crate::history::{Audited, History, Prometheus, Storage};
use crate::prometheus::Client;
use crate::serve::board::Board;
use crate::slo::Plan;

/// A Prometheus, which counts SLOs of every kind, or else this service's own history, which counts its probes.
pub(super) struct Shown {
    pub(super) prometheus: Option<Client>,
    pub(super) storage: Option<Arc<Storage>>,
}

impl Shown {
    /// The board of what the files say, where there is a history.
    pub(super) fn board(&self, content: &Content) -> Option<Board> {
        match (&self.prometheus, &self.storage) {
            (Some(client), _) => {
                let recorded: Arc<dyn History> = Arc::new(Prometheus::new(client.clone(), &content.plan));
                let history: Arc<dyn History> = match &self.storage {
                    Some(storage) => Arc::new(Audited::new(recorded, Arc::clone(storage))),
                    None => recorded,
                };
                Some(Board::new(Gates::new(&content.plan, history)))
            }
            (None, Some(storage)) => {
                // What other shards run is not counted here.
                let (plan, _) = Plan::of(&content.fleet);
                let history: Arc<dyn History> = Arc::clone(storage) as Arc<dyn History>;
                Some(Board::new(Gates::new(&plan, history)))
            }
            (None, None) => None,
        }
    }
}
