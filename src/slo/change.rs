//! Planned changes: whether the budget and the working day allow one now.
//!
//! A change fits if its downtime leaves no less than the level at which the gate closes, and if it ends within working
//! hours. It reads no clock. What fits in the days to come is said by [`super::week`].

use jiff::Timestamp;

use crate::spec::model::WorkingHours;
use crate::units::Duration;

/// What a change needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::calendar::tests::nine_to_five;
    use jiff::civil::Date;
    use jiff::tz::TimeZone;

    const UPGRADE: Need = Need { downtime: Duration::from_mins(5), duration: Duration::from_hours(4) };
    const NOTHING: Need = Need { downtime: Duration::ZERO, duration: Duration::from_hours(9) };

    fn hours() -> WorkingHours {
        nine_to_five(TimeZone::UTC, Date::constant(2026, 11, 25))
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
}
