//! The coming week: which of the file's changes fit on which working day, from what may be spent if nothing more fails.
//!
//! The mathematics is that of [`crate::slo::week`]; here every SLO of a service limits its changes, but for one that
//! only reports, or that lets through while nobody knows how it stands.

pub mod model;
mod words;

use jiff::Timestamp;
use url::form_urlencoded;

use super::model::Forecast;
use super::question::{self, QuestionError};
use super::{Gates, NoAnswer};
use crate::slo::change::Need;
use crate::slo::week::{self, Course, Why};
use crate::slo::{Calendar, SloPlan};
use crate::standing::{Local, Prospect};
use crate::units::Name;
use model::{ChangePlan, PlanDay, PlannedChange, SCHEMA_VERSION, ServicePlan, Verdict, WaitReason, Waiting};

pub use words::until;

/// So many days are looked at unless somebody asks for others.
pub const DAYS: u32 = 7;

/// No window is longer, so that nothing that is spent now is still missing then.
pub const MOST_DAYS: u32 = 90;

/// What somebody wants to know of the coming days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coming {
    /// Only the changes of this service.
    pub service: Option<Name>,
    /// How many days, from 1 to [`MOST_DAYS`].
    pub days: u32,
    /// A moment of the past, instead of now.
    pub at: Option<Timestamp>,
}

impl Coming {
    /// Reads the query of an address.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub fn read(query: Option<&str>) -> Result<Self, QuestionError> {
        let mut coming = Self { service: None, days: DAYS, at: None };
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match key.as_ref() {
                "service" => coming.service = Some(question::read("service", &value)?),
                "days" => coming.days = question::read("days", &value)?,
                "at" => coming.at = Some(question::read("at", &value)?),
                _ => return Err(QuestionError::unknown(&key, "service, days or at")),
            }
        }
        if (1..=MOST_DAYS).contains(&coming.days) {
            return Ok(coming);
        }
        let why = format!("it is from 1 to {MOST_DAYS}");
        Err(QuestionError::Value { key: "days", value: coming.days.to_string(), why })
    }

    /// The same as keys and values.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let service = self.service.as_ref().map(|service| ("service", service.to_string()));
        let at = self.at.map(|at| ("at", at.to_string()));
        service.into_iter().chain([("days", self.days.to_string())]).chain(at).collect()
    }
}

impl Gates {
    /// What is proposed for the days that begin with that of `now`.
    ///
    /// # Errors
    /// [`NoAnswer`]. That nobody knows how an SLO stands is no error but an answer.
    pub async fn coming(&self, asked: &Coming, now: Timestamp) -> Result<ChangePlan, NoAnswer> {
        let at = asked.at.unwrap_or(now);
        if at > now {
            return Err(NoAnswer::Future(at));
        }
        let is_asked = |service: &Name| asked.service.as_ref().is_none_or(|wanted| wanted == service);
        if !self.standings().plans().iter().any(|plan| is_asked(&plan.slo.service)) {
            return Err(self.standings.no_such(asked.service.as_ref(), None).into());
        }
        let with_changes = self.calendars.iter().filter(|(_, calendar)| !calendar.changes.is_empty());
        let calendars: Vec<(&Name, &Calendar)> = with_changes.filter(|(service, _)| is_asked(service)).collect();
        if calendars.is_empty() {
            return Err(NoAnswer::NoChanges);
        }
        let is_meant = |plan: &SloPlan| calendars.iter().any(|(service, _)| **service == plan.slo.service);
        let prospects = self.standings().prospects(is_meant, at.as_second()).await;
        let of_service = |(service, calendar): &(&Name, &Calendar)| {
            let prospects = prospects.iter().filter(|prospect| prospect.state.service == service.as_str()).collect();
            Sight { calendar, prospects, at, days: asked.days }.plan(service)
        };
        let mut services: Vec<ServicePlan> = calendars.iter().map(of_service).collect();
        services.sort_by(|one, other| one.verdict.cmp(&other.verdict).then_with(|| one.service.cmp(&other.service)));
        Ok(ChangePlan {
            schema_version: SCHEMA_VERSION,
            at: at.as_second(),
            days: asked.days,
            verdict: services.first().map_or(Verdict::Fits, |service| service.verdict),
            message: words::overall(&services),
            services,
        })
    }
}

/// What is seen of the days to come of one service.
struct Sight<'a> {
    calendar: &'a Calendar,
    prospects: Vec<&'a Prospect>,
    at: Timestamp,
    days: u32,
}

impl Sight<'_> {
    fn plan(&self, service: &Name) -> ServicePlan {
        let hours = self.calendar.hours.as_ref();
        let limits = |prospect: &&&Prospect| !prospect.state.gate.dry_run;
        let holds = |prospect: &&Prospect| prospect.is_unknown && prospect.state.gate.holds_when_unknown;
        let limiting: Vec<&Prospect> = self.prospects.iter().filter(limits).copied().collect();
        let (days, waits) = match limiting.iter().find(|prospect| holds(prospect)) {
            Some(unknown) => (Vec::new(), self.unknown(unknown)),
            None => self.proposed(&limiting),
        };
        let is_exact = limiting.iter().all(|prospect| prospect.is_exact);
        let mut plan = ServicePlan {
            service: service.to_string(),
            verdict: match waits.first() {
                None => Verdict::Fits,
                Some(waiting) if waiting.reason == WaitReason::Unknown => Verdict::Unknown,
                Some(_) => Verdict::Waits,
            },
            message: String::new(),
            timezone: Local::of(hours).name().to_owned(),
            has_working_hours: hours.is_some(),
            forecast: if is_exact { Forecast::Exact } else { Forecast::AssumesLast7DaysTraffic },
            days,
            waits,
        };
        plan.message = words::of_service(&plan);
        plan
    }

    /// Nothing can be said of any change.
    fn unknown(&self, prospect: &Prospect) -> Vec<Waiting> {
        let waiting = |name: &Name| {
            let waiting = self.waiting(name, WaitReason::Unknown, Some(&prospect.state.slo));
            self.told(waiting, prospect.state.data_note.as_deref())
        };
        self.calendar.changes.keys().map(waiting).collect()
    }

    fn proposed(&self, limiting: &[&Prospect]) -> (Vec<PlanDay>, Vec<Waiting>) {
        let known: Vec<(&str, &Course)> =
            limiting.iter().filter_map(|one| Some((one.state.slo.as_str(), one.course.as_ref()?))).collect();
        let courses: Vec<Course> = known.iter().map(|(_, course)| (*course).clone()).collect();
        let slo = |course: usize| known.get(course).map(|(slo, _)| *slo);
        let changes: Vec<(&Name, Need)> = self.calendar.changes.iter().map(|(name, need)| (name, *need)).collect();
        let days = i32::try_from(self.days).unwrap_or(i32::MAX);
        let week = week::propose(&changes, self.calendar.hours.as_ref(), self.at, days, &courses);
        let day = |day: week::Day<&Name>| PlanDay {
            date: day.day.to_string(),
            begins_at: day.begins.as_second(),
            ends_at: day.ends.as_second(),
            available_seconds: day.available,
            slo: day.scarcest.and_then(slo).map(str::to_owned),
            left_seconds: day.left,
            fits: self.with_times(&day.fits),
            proposed: self.with_times(&day.proposed),
        };
        let waits = week.waits.into_iter().map(|(name, why, from)| {
            let (reason, course, available_seconds) = match why {
                Why::Hours => (WaitReason::Hours, None, None),
                Why::Closed { course } => (WaitReason::Closed, Some(course), None),
                Why::Budget { course, available } => (WaitReason::Budget, Some(course), Some(available)),
                Why::Others => (WaitReason::Others, None, None),
            };
            let may_begin_at = from.map(Timestamp::as_second);
            let waiting = self.waiting(name, reason, course.and_then(slo));
            self.told(Waiting { available_seconds, may_begin_at, ..waiting }, None)
        });
        let waits = waits.collect();
        (week.days.into_iter().map(day).collect(), waits)
    }

    fn with_times(&self, found: &[(&Name, Timestamp)]) -> Vec<PlannedChange> {
        let planned = |(name, begins): &(&Name, Timestamp)| {
            let need = self.calendar.changes.get(*name).copied().unwrap_or_default();
            PlannedChange {
                change: name.to_string(),
                downtime_seconds: need.downtime.as_secs_f64(),
                begins_at: begins.as_second(),
                ends_at: week::ends(*begins, need.duration).as_second(),
            }
        };
        found.iter().map(planned).collect()
    }

    /// A change that waits, to be told why.
    fn waiting(&self, name: &Name, reason: WaitReason, slo: Option<&str>) -> Waiting {
        let need = self.calendar.changes.get(name).copied().unwrap_or_default();
        Waiting {
            change: name.to_string(),
            downtime_seconds: need.downtime.as_secs_f64(),
            duration_seconds: need.duration.as_secs_f64(),
            reason,
            message: String::new(),
            slo: slo.map(str::to_owned),
            available_seconds: None,
            may_begin_at: None,
        }
    }

    fn told(&self, waiting: Waiting, note: Option<&str>) -> Waiting {
        let local = Local::of(self.calendar.hours.as_ref());
        Waiting { message: words::of_waiting(&waiting, &local, self.at.as_second(), note), ..waiting }
    }
}
