//! What is proposed, in sentences for people.

use super::model::{ChangePlan, ServicePlan, Verdict, WaitReason, Waiting};
use crate::gate::model::Forecast;
use crate::standing::Local;
use crate::standing::words::{amount, minutes};

/// What the whole comes to.
pub(super) fn overall(services: &[ServicePlan]) -> String {
    let unknown: Vec<&str> =
        services.iter().filter(|one| one.verdict == Verdict::Unknown).map(|one| one.service.as_str()).collect();
    let waiting = services.iter().filter(|one| one.verdict == Verdict::Waits).map(|one| one.waits.len()).sum();
    let waits = match waiting {
        0 => None,
        1 => Some("1 change has to wait".to_owned()),
        count => Some(format!("{count} changes have to wait")),
    };
    let unknown = (!unknown.is_empty()).then(|| format!("nobody knows what fits for {}", unknown.join(", ")));
    let said: Vec<String> = waits.into_iter().chain(unknown).collect();
    if said.is_empty() { "every change fits".to_owned() } else { said.join("; ") }
}

/// What a service comes to.
pub(super) fn of_service(service: &ServicePlan) -> String {
    if let Some(waiting) = service.waits.iter().find(|waiting| waiting.reason == WaitReason::Unknown) {
        return format!("nothing can be proposed: {}", waiting.message);
    }
    let proposed = service.proposed().count();
    let all = proposed + service.waits.len();
    let fits = match (proposed, all) {
        (1, 1) => "the change fits".to_owned(),
        (_, 1) => "the change does not fit".to_owned(),
        (some, all) if some == all => format!("all {all} changes fit, one after the other"),
        (1, all) => format!("1 of {all} changes fits"),
        (some, all) => format!("{some} of {all} changes fit"),
    };
    let rests = match service.forecast {
        Forecast::Exact => "",
        Forecast::AssumesLast7DaysTraffic => " and the traffic of the last 7 days repeats",
    };
    format!("{fits}, if nothing more fails{rests}")
}

/// Why a change waits, and for how long. `note` is what the standing says of data that cannot be relied on.
pub(super) fn of_waiting(waiting: &Waiting, local: &Local, now: i64, note: Option<&str>) -> String {
    let slo = waiting.slo.as_deref().unwrap_or_default();
    let needed = amount(waiting.downtime_seconds);
    let why = match waiting.reason {
        WaitReason::Unknown => {
            return format!(
                "{slo}: {}, and it holds while it is unknown",
                note.unwrap_or("nobody knows how it stands")
            );
        }
        WaitReason::Hours => "no working day of that time is long enough".to_owned(),
        WaitReason::Closed => format!("the gate of {slo} is closed"),
        WaitReason::Budget => {
            let most = minutes(waiting.available_seconds.unwrap_or_default());
            format!("it needs {needed} minutes, and at most {most} may be spent of {slo}")
        }
        WaitReason::Others => "it fits alone, but not beside what is proposed".to_owned(),
    };
    match waiting.may_begin_at {
        Some(at) => format!("{why}; from {}", local.moment(at, now)),
        None => format!("{why}; it never will as things are"),
    }
}

/// Up to when the days of a plan go, in the zone of a service.
#[must_use]
pub fn until(plan: &ChangePlan, service: &ServicePlan) -> String {
    let last = plan.at.saturating_add(i64::from(plan.days.saturating_sub(1)).saturating_mul(86_400));
    Local::named(&service.timezone).day(last, plan.at)
}
