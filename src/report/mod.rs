//! The report of a period for the people who meet about it: what was spent and came back, why, and what is to come.
//!
//! It says what [`crate::standing`] found, in the order of need, as Markdown, HTML or JSON. It must not decide whether a
//! deployment goes on, read files or know who asks: command, API and page say the same of the same period.

mod compose;
mod document;
mod html;
mod json;
mod markdown;
pub mod model;
mod question;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use crate::history::History;
use crate::slo::{Calendar, Plan, SloPlan};
use crate::standing::{Local, NoSuchSlo, Standings};
use crate::units::Name;

pub use html::{POLICY, render as html};
pub use json::{render as json, schema};
pub use markdown::render as markdown;
pub use question::{Asked, QuestionError};

use compose::POSTMORTEM_PERCENT;
use model::{Report, SCHEMA_VERSION, SloReport};

/// How many SLOs are read at once: a period may be months long.
const AT_ONCE: usize = 2;

/// Of so many outages of an SLO somebody looks up why they failed.
const EXPLAINED: usize = 50;

/// The SLOs of a plan over a history, for whoever reports on them.
#[derive(Clone, Debug)]
pub struct Reports {
    standings: Standings,
    calendars: Arc<BTreeMap<Name, Calendar>>,
}

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReport {
    /// No SLO is meant by it.
    #[error(transparent)]
    NoSuchSlo(#[from] NoSuchSlo),
    /// It ends before it begins.
    #[error("the period from {since} until {until} is none: `since` is not before `until`")]
    NoTime {
        /// When it would begin.
        since: Timestamp,
        /// When it would end.
        until: Timestamp,
    },
    /// It is longer than anything that is kept.
    #[error("the period from {since} until {until} is longer than {MOST_DAYS} days, and no history goes back so far", MOST_DAYS = question::MOST_DAYS)]
    TooLong {
        /// When it would begin.
        since: Timestamp,
        /// When it would end.
        until: Timestamp,
    },
    /// It ends in the future.
    #[error("{0} is still to come: a report ends with what was, and forecasts by itself")]
    Future(Timestamp),
}

impl Reports {
    /// Reports on every SLO of the plan over a history.
    #[must_use]
    pub fn new(plan: &Plan, history: Arc<dyn History>) -> Self {
        Self::over(Standings::new(plan, history), Arc::new(plan.calendars.clone()))
    }

    /// The same over standings that somebody else shows, too.
    #[must_use]
    pub const fn over(standings: Standings, calendars: Arc<BTreeMap<Name, Calendar>>) -> Self {
        Self { standings, calendars }
    }

    /// The report that somebody asked for at `now`.
    ///
    /// # Errors
    /// [`NoReport`]. That nobody knows how an SLO stands is no error but a part of the report.
    pub async fn of(&self, asked: &Asked, now: Timestamp) -> Result<Report, NoReport> {
        let (since, until) = asked.period(now)?;
        let meant = self.standings.plans().iter().filter(|plan| asked.means(&plan.slo.service, &plan.slo.name));
        let readings: Vec<_> = meant.map(|plan| self.slo(plan, since, until).boxed()).collect();
        if readings.is_empty() {
            return Err(self.standings.no_such(asked.service.as_ref(), asked.slo.as_ref()).into());
        }
        let mut slos: Vec<SloReport> = stream::iter(readings).buffered(AT_ONCE).collect().await;
        slos.sort_by(compose::by_need);
        Ok(Report { schema_version: SCHEMA_VERSION, since, until, postmortem_percent: POSTMORTEM_PERCENT, slos })
    }

    async fn slo(&self, plan: &SloPlan, since: i64, until: i64) -> SloReport {
        let calendar = self.calendars.get(&plan.slo.service);
        let local = Local::of(calendar.and_then(|calendar| calendar.hours.as_ref()));
        let past = self.standings.past(plan, since, until).await;
        let mut slo = compose::slo(plan, past, &local, until);
        if plan.slo.sli.probe_interval().is_some() {
            self.explain(plan, &mut slo).await;
        }
        slo
    }

    /// Looks up why the outages of a probe failed, the ones that come first.
    async fn explain(&self, plan: &SloPlan, slo: &mut SloReport) {
        for (number, spike) in std::mem::take(&mut slo.spikes).into_iter().enumerate() {
            let causes = match number < EXPLAINED && slo.missing.is_empty() {
                true => self.standings.causes(plan, spike.start, spike.end).await,
                false => Ok(crate::history::Causes::default()),
            };
            match causes {
                Ok(causes) => slo.spikes.push(spike.because_of(causes)),
                Err(error) => {
                    slo.missing.push(format!("why probes failed: {error}"));
                    slo.spikes.push(spike);
                }
            }
        }
    }
}
