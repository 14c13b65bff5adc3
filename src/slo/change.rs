//! Planned changes: whether the budget and the working day allow one now, and on which of the coming days it fits.
//!
//! A change fits if its downtime leaves no less than the level at which the gate closes, and if it ends within working
//! hours. It reads no clock.

use jiff::Timestamp;
use jiff::civil::Date;

use super::calendar::Shift;
use crate::spec::model::WorkingHours;
use crate::units::Duration;

/// How many days a proposal covers.
const WEEK: i32 = 7;

/// What a change needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// How long users notice it.
    pub downtime: Duration,
    /// How long it takes.
    pub duration: Duration,
}

/// Why a change does not fit now. Several may hold at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Obstacle {
    /// Its downtime would leave less than the gate's closing level.
    Budget {
        /// What may be spent, in seconds; not below zero.
        available: f64,
        /// What it needs, in seconds.
        needed: f64,
    },
    /// It would not begin and end within one working day.
    Hours {
        /// When it may begin; none if it is longer than every working day.
        next: Option<Timestamp>,
    },
}

/// Seconds that a change may spend of `remaining` before the gate closes at `close_at`, both in seconds.
#[must_use]
pub fn available(remaining: f64, close_at: f64) -> f64 {
    (remaining - close_at).max(0.0)
}

/// What stands in the way of a change that begins at `now` with so many seconds available.
#[must_use]
pub fn obstacles(need: Need, available: f64, hours: Option<&WorkingHours>, now: Timestamp) -> Vec<Obstacle> {
    let needed = need.downtime.as_secs_f64();
    let budget = (needed > available).then_some(Obstacle::Budget { available, needed });
    let hours = hours.and_then(|hours| {
        let next = hours.next_start(now, need.duration);
        (next != Some(now)).then_some(Obstacle::Hours { next })
    });
    budget.into_iter().chain(hours).collect()
}

/// A day of the coming week and what fits on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Day<T> {
    /// The day, in the zone of the working hours.
    pub day: Date,
    /// What may be spent when work begins, in seconds.
    pub available: f64,
    /// The changes that fit on it, each taken alone, with the earliest moment.
    pub fits: Vec<(T, Timestamp)>,
    /// Those that do not, with what may be spent at the end of the day, in seconds, or none if the day is too short.
    pub waits: Vec<(T, Option<f64>)>,
}

/// What fits on which working day of the week that begins at `now`, each change taken alone.
///
/// `available` says what may be spent at a moment if nothing more fails, in seconds. It must not fall with time, which
/// holds while nothing fails; a change begins as soon as its downtime is there, to the minute.
pub fn week<T: Copy>(
    changes: &[(T, Need)],
    hours: &WorkingHours,
    now: Timestamp,
    available: impl Fn(Timestamp) -> f64,
) -> Vec<Day<T>> {
    let last = hours.day_of(now).saturating_add(jiff::Span::new().days(WEEK));
    let shifts = hours.shifts(now).take_while(|shift| shift.day < last).filter(|shift| shift.end > now);
    shifts.map(|shift| day(changes, &shift, now, &available)).collect()
}

fn day<T: Copy>(changes: &[(T, Need)], shift: &Shift, now: Timestamp, available: &impl Fn(Timestamp) -> f64) -> Day<T> {
    let begins = shift.start.max(now);
    let mut day = Day { day: shift.day, available: available(begins), fits: Vec::new(), waits: Vec::new() };
    for (change, need) in changes {
        let Some(latest) = shift.latest_start(need.duration).filter(|latest| *latest >= begins) else {
            day.waits.push((*change, None));
            continue;
        };
        let enough = |moment: Timestamp| available(moment) >= need.downtime.as_secs_f64();
        match earliest(begins, latest, enough) {
            Some(start) => day.fits.push((*change, start)),
            None => day.waits.push((*change, Some(available(latest)))),
        }
    }
    day
}

/// The first moment from `from` to `to` for which something holds that goes on holding, to the minute.
fn earliest(from: Timestamp, to: Timestamp, holds: impl Fn(Timestamp) -> bool) -> Option<Timestamp> {
    if holds(from) {
        return Some(from);
    }
    if !holds(to) {
        return None;
    }
    let (mut not_yet, mut holding) = (from.as_second(), to.as_second());
    while holding - not_yet > 60 {
        let middle = not_yet + (holding - not_yet) / 2;
        match Timestamp::from_second(middle) {
            Ok(moment) if !holds(moment) => not_yet = middle,
            _ => holding = middle,
        }
    }
    Timestamp::from_second(holding).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Time, Weekday};
    use jiff::tz::TimeZone;

    const UPGRADE: Need = Need { downtime: Duration::from_mins(5), duration: Duration::from_hours(4) };
    const PATCH: Need = Need { downtime: Duration::from_mins(1), duration: Duration::from_hours(3) };
    const NOTHING: Need = Need { downtime: Duration::ZERO, duration: Duration::from_hours(9) };

    fn hours() -> WorkingHours {
        WorkingHours {
            days: vec![Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday],
            from: Time::constant(9, 0, 0, 0),
            to: Time::constant(17, 0, 0, 0),
            timezone: TimeZone::UTC,
            holidays: vec![Date::constant(2026, 11, 25)],
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn both_the_budget_and_the_working_day_may_stand_in_the_way() {
        let monday = at("2026-11-23T10:00:00Z");
        let late = at("2026-11-23T14:00:00Z");
        assert_eq!(obstacles(UPGRADE, 300.0, Some(&hours()), monday), []);
        assert_eq!(
            obstacles(UPGRADE, 299.0, Some(&hours()), monday),
            [Obstacle::Budget { available: 299.0, needed: 300.0 }]
        );
        assert_eq!(
            obstacles(UPGRADE, 0.0, Some(&hours()), late),
            [
                Obstacle::Budget { available: 0.0, needed: 300.0 },
                Obstacle::Hours { next: Some(at("2026-11-24T09:00:00Z")) }
            ]
        );
        assert_eq!(obstacles(NOTHING, 0.0, Some(&hours()), monday), [Obstacle::Hours { next: None }]);
        assert_eq!(obstacles(UPGRADE, 300.0, None, late), []);
        assert_eq!((available(700.0, 60.0), available(-5.0, 0.0)), (640.0, 0.0));
    }

    #[test]
    fn a_week_says_what_fits_on_which_day() {
        // On Monday at noon 30 seconds are left, and half a second comes back every minute.
        let now = at("2026-11-23T12:00:00Z");
        let returns = |moment: Timestamp| 30.0 + (moment.as_second() - now.as_second()) as f64 / 120.0;
        let week = week(&[("upgrade", UPGRADE), ("patch", PATCH), ("nothing", NOTHING)], &hours(), now, returns);
        let days: Vec<String> = week.iter().map(|day| day.day.to_string()).collect();
        assert_eq!(days, ["2026-11-23", "2026-11-24", "2026-11-26", "2026-11-27"]);
        let fits: Vec<Vec<_>> = week.iter().map(|day| day.fits.clone()).collect();
        assert_eq!(fits[0], [("patch", at("2026-11-23T13:00:00Z"))]);
        assert_eq!(week[0].waits, [("upgrade", Some(60.0)), ("nothing", None)]);
        assert_eq!(fits[1], [("upgrade", at("2026-11-24T09:00:00Z")), ("patch", at("2026-11-24T09:00:00Z"))]);
        assert!((week[1].available - 660.0).abs() < 1e-9, "{}", week[1].available);
    }

    #[test]
    fn what_is_over_today_is_not_proposed() {
        let evening = at("2026-11-23T17:00:00Z");
        let week = week(&[("patch", PATCH)], &hours(), evening, |_| 1000.0);
        assert_eq!(week.first().map(|day| day.day), Some(Date::constant(2026, 11, 24)));
    }
}
