//! The standing of SLOs: what a plan and a history make of each at one moment, for whoever shows or judges it.
//!
//! Server, status, gate and report all read it here, so that they say the same at the same moment. The mathematics is
//! that of [`crate::slo`]; this room puts it over slices, group by group, and lets the worst group decide. It must not
//! keep anything, know of servers or terminals, or decide whether a deployment goes on beyond the gate of each SLO.

mod day;
mod latched;
pub mod local;
pub mod model;
mod net;
mod nobody;
mod outage;
mod outlook;
pub mod past;
mod state;
mod sums;
pub mod words;

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};

use crate::history::audit::{self, Entry};
use crate::history::{Causes, Group, History, HistoryError, SloKey};
use crate::slo::{Plan, SloPlan};
use crate::units::Duration;

pub use local::Local;
use model::{Burndown, Data, Days, Outages, OverrideState, SloDetail, SloState, Slos};
pub use nobody::NoSuchSlo;
pub use outlook::{GroupOutlook, Outlook, Prospect};
pub use past::Past;
use state::Looked;

/// Slices shorter than this are not read for days, only for windows: nobody needs a month of seconds.
const SHORTEST_OF_DAYS: Duration = Duration::from_mins(1);

/// The colours in which a standing is shown, as CSS, with a class for each mood.
pub const PALETTE: &str = include_str!("palette.css");

/// How many SLOs are read at once.
const AT_ONCE: usize = 4;

/// The SLOs of a plan over a history.
#[derive(Clone)]
pub struct Standings {
    slos: Arc<[SloPlan]>,
    history: Arc<dyn History>,
}

impl fmt::Debug for Standings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standings").field("slos", &self.slos.len()).finish_non_exhaustive()
    }
}

/// One SLO at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Its numbers.
    pub state: SloState,
    /// Its remaining budget over the window.
    pub burndown: Burndown,
}

/// One SLO at one moment, with all there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Full {
    /// Its numbers and those of its groups.
    pub detail: SloDetail,
    /// What becomes of its gates.
    pub outlook: Outlook,
    /// Its remaining budget over the window.
    pub burndown: Burndown,
    /// When users were let down.
    pub outages: Outages,
    /// The SLI day by day.
    pub days: Days,
}

impl Standings {
    /// Every SLO of the plan over a history.
    #[must_use]
    pub fn new(plan: &Plan, history: Arc<dyn History>) -> Self {
        Self { slos: plan.slos().cloned().collect(), history }
    }

    /// The plans of the SLOs, in order of service and name.
    #[must_use]
    pub fn plans(&self) -> &[SloPlan] {
        &self.slos
    }

    /// The shortest slice of all SLOs: how often something can change.
    #[must_use]
    pub fn shortest_slice(&self) -> Option<Duration> {
        self.slos.iter().map(|plan| self.history.slice(&SloKey::of(&plan.slo))).min()
    }

    /// Every SLO at `now`, in seconds of Unix time; what needs attention comes first.
    ///
    /// More exactly each at the end of its last slice that is complete: one that is still being filled would count as
    /// time that was not observed.
    pub async fn all(&self, now: i64) -> Vec<Standing> {
        // Several at once, since a history may be far away; few, since each may be large.
        let readings: Vec<_> = self.slos.iter().map(|plan| self.standing(plan, now).boxed()).collect();
        let mut standings: Vec<Standing> = stream::iter(readings).buffer_unordered(AT_ONCE).collect().await;
        standings.sort_by(|one, other| SloState::by_attention(&one.state, &other.state));
        standings
    }

    /// The same as the API answers it.
    pub async fn list(&self, now: i64) -> Slos {
        Slos { at: now, slos: self.all(now).await.into_iter().map(|standing| standing.state).collect() }
    }

    /// One SLO at `now`, in seconds of Unix time; none if the plan has no such SLO.
    pub async fn one(&self, service: &str, slo: &str, now: i64) -> Option<Full> {
        let is_meant = |plan: &&SloPlan| plan.slo.service.as_str() == service && plan.slo.name.as_str() == slo;
        let plan = self.slos.iter().find(is_meant)?;
        let windows = state::needed(plan);
        let days = Duration::from_days(day::LEAST.unsigned_abs());
        let has_days = self.history.slice(&SloKey::of(&plan.slo)) >= SHORTEST_OF_DAYS;
        let read = self.read(plan, if has_days { windows.max(days) } else { windows }, now).await;
        Some(self.looked(plan, &read, now).full())
    }

    /// What becomes of the gates of some SLOs, as far as that can be said at `now`, in seconds of Unix time.
    ///
    /// `wanted` says which, and how many seconds of their budget somebody wants to spend at once, or zero. Gates of which
    /// it was recorded that they were open all along are taken from there; `explain` replays them, too.
    pub async fn outlooks(&self, wanted: impl Fn(&SloPlan) -> Option<f64>, now: i64, explain: bool) -> Vec<Outlook> {
        let wanted = self.slos.iter().filter_map(|plan| Some((plan, wanted(plan)?)));
        let readings: Vec<_> = wanted.map(|(plan, needed)| self.outlook(plan, needed, now, explain).boxed()).collect();
        stream::iter(readings).buffered(AT_ONCE).collect().await
    }

    async fn outlook(&self, plan: &SloPlan, needed: f64, now: i64, explain: bool) -> Outlook {
        if !explain {
            // Whatever is wrong with it is wrong with the slices as well, and told there.
            let key = SloKey::of(&plan.slo);
            let open = self.history.open_groups(&key, now).await.ok().flatten();
            if let Some(open) = open
                && let Ok(entries) = self.history.entries(&key, now, now.saturating_add(1)).await
            {
                let overridden = audit::in_force(&entries, now).map(OverrideState::of);
                if let Some(outlook) = latched::outlook(plan, open, overridden, needed) {
                    return outlook;
                }
            }
        }
        let read = self.read(plan, state::needed(plan), now).await;
        self.looked(plan, &read, now).outlook(needed)
    }

    /// What may be spent of the budgets of some SLOs from `now` on, in seconds of Unix time, if nothing more fails.
    pub async fn prospects(&self, is_meant: impl Fn(&SloPlan) -> bool, now: i64) -> Vec<Prospect> {
        let meant = self.slos.iter().filter(|plan| is_meant(plan));
        let readings: Vec<_> = meant.map(|plan| self.prospect(plan, now).boxed()).collect();
        stream::iter(readings).buffered(AT_ONCE).collect().await
    }

    async fn prospect(&self, plan: &SloPlan, now: i64) -> Prospect {
        let read = self.read(plan, state::needed(plan), now).await;
        self.looked(plan, &read, now).prospect()
    }

    /// What an SLO of the plan went through in (`since`, `until`], in seconds of Unix time.
    ///
    /// It is judged by two windows before the period, or before its end where those reach further, so that the gate is
    /// what it was.
    pub async fn past(&self, plan: &SloPlan, since: i64, until: i64) -> Past {
        let key = SloKey::of(&plan.slo);
        let window = seconds(plan.slo.window);
        let back = until.saturating_sub(since).saturating_add(window).max(window.saturating_mul(2));
        let read = self.read(plan, Duration::from_secs(back.unsigned_abs()), until).await;
        let from = until.saturating_sub(back);
        let mut past = Looked::back_to(from, plan, self.history.slice(&key), &read, until).past(since);
        if read.is_err() {
            // Why is said of its data already.
            return past;
        }
        match self.history.alerts(&key, since, until).await {
            Ok(alerts) => past.alerts = alerts,
            Err(error) => past.lacks("alerts", &error),
        }
        match self.history.entries(&key, since, until).await {
            Ok(entries) => past.entries = entries,
            Err(error) => past.lacks("decisions", &error),
        }
        past
    }

    /// Why an SLO failed in (`after`, `until`], in seconds of Unix time.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn causes(&self, plan: &SloPlan, after: i64, until: i64) -> Result<Causes, HistoryError> {
        self.history.causes(&SloKey::of(&plan.slo), after, until).await
    }

    async fn standing(&self, plan: &SloPlan, now: i64) -> Standing {
        let read = self.read(plan, state::needed(plan), now).await;
        self.looked(plan, &read, now).standing()
    }

    async fn read(&self, plan: &SloPlan, back: Duration, now: i64) -> Result<Read, HistoryError> {
        let key = SloKey::of(&plan.slo);
        let after = now.saturating_sub(seconds(back));
        let read = async {
            let groups = self.history.groups(&key, after, now).await?;
            // What somebody decides in this second holds in this second.
            let entries = self.history.entries(&key, after, now.saturating_add(1)).await?;
            Ok(Read { groups, entries })
        };
        let read = read.await;
        if let Err(error) = &read {
            tracing::warn!(slo = %key, %error, "there is no history of an SLO");
        }
        read
    }

    fn looked<'a>(&self, plan: &'a SloPlan, read: &'a Result<Read, HistoryError>, now: i64) -> Looked<'a> {
        Looked::new(plan, self.history.slice(&SloKey::of(&plan.slo)), read, now)
    }
}

/// What was read of one SLO.
struct Read {
    groups: Vec<Group>,
    /// What people decided about it.
    entries: Vec<Entry>,
}

impl From<&HistoryError> for Data {
    fn from(error: &HistoryError) -> Self {
        match error {
            HistoryError::Unavailable(_) => Self::Unavailable,
            HistoryError::NotKept(_) => Self::NotKept,
            HistoryError::Incomplete(_) => Self::Incomplete,
            HistoryError::RulesNotLoaded(_) => Self::RulesNotLoaded,
            HistoryError::ClockAhead { .. } => Self::ClockAhead,
        }
    }
}

/// A number without the noise of binary fractions.
fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// Whole seconds of a duration.
fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.count_of(Duration::from_secs(1))).unwrap_or(i64::MAX)
}
