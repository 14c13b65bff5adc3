//! The gate: whether deployments go on, from how SLOs stand.
//!
//! The worst SLO decides, and of an SLO the worst group, each by the state machine of [`crate::slo::gate`] over its whole
//! history, so that no dip between two looks is missed. This room must not read files, wait for anything, or know who
//! asks: command, API and board get the same answer at the same moment.

mod decide;
pub mod model;
mod question;
pub mod week;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::history::History;
use crate::slo::change::Need;
use crate::slo::{Calendar, Plan, SloPlan};
use crate::standing::{NoSuchSlo, Outlook, Standings};
use crate::units::Name;

pub use model::{Answer, SloAnswer};
pub use question::{Planned, Question, QuestionError};
pub use words::{name, overrides};

/// The gates of a plan over a history.
#[derive(Clone, Debug)]
pub struct Gates {
    standings: Standings,
    calendars: Arc<BTreeMap<Name, Calendar>>,
}

/// Why there is no answer to a question that can be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No SLO is meant by it.
    #[error(transparent)]
    NoSuchSlo(#[from] NoSuchSlo),
    /// No service that is asked about has such a change.
    #[error("there is no change {0:?} under `changes` of the services that are asked about{known}", known = known(.1))]
    NoSuchChange(String, Vec<String>),
    /// No service that is asked about plans anything.
    #[error("the services that are asked about have no `changes` in their files")]
    NoChanges,
    /// What is to come cannot be replayed.
    #[error("{0} is still to come: the gate explains what was, and forecasts by itself")]
    Future(Timestamp),
}

fn known(names: &[String]) -> String {
    if names.is_empty() { ", which have none".to_owned() } else { format!(": they have {}", names.join(", ")) }
}

impl Gates {
    /// The gates of every SLO of the plan over a history.
    #[must_use]
    pub fn new(plan: &Plan, history: Arc<dyn History>) -> Self {
        Self { standings: Standings::new(plan, history), calendars: Arc::new(plan.calendars.clone()) }
    }

    /// How the same SLOs stand.
    #[must_use]
    pub const fn standings(&self) -> &Standings {
        &self.standings
    }

    /// What each service says of planned changes, and when people are at work there.
    #[must_use]
    pub fn calendars(&self) -> Arc<BTreeMap<Name, Calendar>> {
        Arc::clone(&self.calendars)
    }

    /// The answer to a question at `now`.
    ///
    /// # Errors
    /// [`NoAnswer`]. That nobody knows how an SLO stands is no error but an answer.
    pub async fn answer(&self, question: &Question, now: Timestamp) -> Result<Answer, NoAnswer> {
        let at = question.at.unwrap_or(now);
        if at > now {
            return Err(NoAnswer::Future(at));
        }
        // The past is explained by itself.
        let explain = question.explain || question.at.is_some();
        let needs = self.needs(question)?;
        let needed = |plan: &SloPlan| {
            let need = needs.get(&plan.slo.service).map_or(0.0, |(need, _)| need.downtime.as_secs_f64());
            question.means(&plan.slo.service, &plan.slo.name).then_some(need)
        };
        let outlooks = self.standings.outlooks(needed, at.as_second(), explain).await;
        Ok(decide::decide(question, outlooks.iter(), &needs, at))
    }

    /// The answer to a question about no change and no other moment from what is known of every SLO at `at`.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn answer_of<'a>(
        &self,
        question: &Question,
        known: impl Iterator<Item = &'a Outlook>,
        at: Timestamp,
    ) -> Result<Answer, NoAnswer> {
        let needs = self.needs(question)?;
        let means = |wanted: &Option<Name>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted.as_str() == name);
        let meant =
            known.filter(|outlook| means(&question.service, &outlook.service) && means(&question.slo, &outlook.slo));
        Ok(decide::decide(question, meant, &needs, at))
    }

    /// What a change needs of each service that is asked about, and when people are at work there.
    fn needs(&self, question: &Question) -> Result<Needs<'_>, NoAnswer> {
        let is_meant = |plan: &&SloPlan| question.means(&plan.slo.service, &plan.slo.name);
        let services: Vec<&Name> =
            self.standings.plans().iter().filter(is_meant).map(|plan| &plan.slo.service).collect();
        if services.is_empty() {
            return Err(self.standings.no_such(question.service.as_ref(), question.slo.as_ref()).into());
        }
        let calendars = || self.calendars.iter().filter(|(service, _)| services.contains(service));
        let of = |need: Need, calendar| (need, calendar);
        let needs: Needs<'_> = match &question.change {
            None => return Ok(BTreeMap::new()),
            Some(Planned::Needing(need)) => {
                calendars().map(|(service, calendar)| (service.clone(), of(*need, calendar))).collect()
            }
            Some(Planned::Named(name)) => calendars()
                .filter_map(|(service, calendar)| Some((service.clone(), of(*calendar.changes.get(name)?, calendar))))
                .collect(),
        };
        match &question.change {
            Some(Planned::Named(name)) if needs.is_empty() => {
                let known = calendars().flat_map(|(_, calendar)| calendar.changes.keys().map(ToString::to_string));
                Err(NoAnswer::NoSuchChange(name.to_string(), known.collect()))
            }
            _ => Ok(needs),
        }
    }
}

/// What is needed of the budgets of each service, and what the service says of changes.
type Needs<'a> = BTreeMap<Name, (Need, &'a Calendar)>;
