//! When people are at work: whether a change that begins at some moment ends within working hours, and when the next
//! one may begin. Local time with its daylight saving counts; it reads no clock.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::spec::model::WorkingHours;
use crate::units::Duration;

/// How far ahead a moment is looked for, in days: two years of holidays would be a mistake in the file.
const HORIZON_DAYS: i32 = 366;

/// The hours of one working day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The day, in the zone of the working hours.
    pub day: Date,
    /// When work begins.
    pub start: Timestamp,
    /// When it ends; a day on which the clock skips its end may be shorter than others.
    pub end: Timestamp,
}

impl WorkingHours {
    /// The hours of a day, none if it is a holiday or not a working day of the week.
    #[must_use]
    pub fn shift(&self, day: Date) -> Option<Shift> {
        if !self.days.contains(&day.weekday()) || self.holidays.contains(&day) {
            return None;
        }
        // A time that the clock skips is read an hour later, and one that it shows twice as the first of them.
        let at = |time| self.timezone.to_timestamp(day.to_datetime(time)).ok();
        let (start, end) = (at(self.from)?, at(self.to)?);
        (start < end).then_some(Shift { day, start, end })
    }

    /// The day that people at work call today at a moment.
    #[must_use]
    pub fn day_of(&self, moment: Timestamp) -> Date {
        self.timezone.to_datetime(moment).date()
    }

    /// Working days from the day of `from` on, the first of which may be over already.
    pub fn shifts(&self, from: Timestamp) -> impl Iterator<Item = Shift> + '_ {
        let first = self.day_of(from);
        (0..HORIZON_DAYS).filter_map(move |days| self.shift(first.checked_add(days.days()).ok()?))
    }

    /// The hours that touch (`after`, `until`), both in seconds of Unix time, as moments from and until when.
    #[must_use]
    pub fn spans(&self, after: i64, until: i64) -> Vec<(i64, i64)> {
        let Ok(from) = Timestamp::from_second(after) else { return Vec::new() };
        let spans = self.shifts(from).map(|shift| (shift.start.as_second(), shift.end.as_second()));
        spans.take_while(|(start, _)| *start < until).filter(|(_, end)| *end > after).collect()
    }

    /// The earliest moment at or after `from` at which a change of that length begins and ends in the same shift.
    ///
    /// None if it is longer than every shift of the next year.
    #[must_use]
    pub fn next_start(&self, from: Timestamp, duration: Duration) -> Option<Timestamp> {
        self.shifts(from).find_map(|shift| shift.start_for(from, duration))
    }
}

impl Shift {
    /// The latest moment of this shift at which a change of that length may begin, none if it is longer.
    #[must_use]
    pub fn latest_start(&self, duration: Duration) -> Option<Timestamp> {
        let length = SignedDuration::try_from(duration.to_std()).ok()?;
        self.end.checked_sub(length).ok().filter(|latest| *latest >= self.start)
    }

    /// The earliest moment of this shift at or after `from` at which a change of that length still ends within it.
    #[must_use]
    pub fn start_for(&self, from: Timestamp, duration: Duration) -> Option<Timestamp> {
        let start = self.start.max(from);
        self.latest_start(duration).filter(|latest| start <= *latest).map(|_| start)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use jiff::civil::{Time, Weekday};
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    /// From nine to five on every day from Monday to Friday, but for one.
    pub(in crate::slo) fn nine_to_five(timezone: TimeZone, holiday: Date) -> WorkingHours {
        WorkingHours {
            days: vec![Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday],
            from: Time::constant(9, 0, 0, 0),
            to: Time::constant(17, 0, 0, 0),
            timezone,
            holidays: vec![holiday],
        }
    }

    fn dublin() -> WorkingHours {
        nine_to_five(TimeZone::get("Europe/Dublin").expect("a zone"), Date::constant(2026, 3, 17))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn hours(count: u64) -> Duration {
        Duration::from_hours(count)
    }

    #[test]
    fn a_change_begins_and_ends_within_one_working_day() {
        let work = dublin();
        // Monday, 16 March 2026, is followed by a holiday; both are before the clocks change.
        for (from, duration, start) in [
            ("2026-03-16T08:00:00Z", 4, Some("2026-03-16T09:00:00Z")),
            ("2026-03-16T10:30:00Z", 4, Some("2026-03-16T10:30:00Z")),
            ("2026-03-16T13:00:00Z", 4, Some("2026-03-16T13:00:00Z")),
            ("2026-03-16T13:00:01Z", 4, Some("2026-03-18T09:00:00Z")),
            ("2026-03-20T16:00:00Z", 2, Some("2026-03-23T09:00:00Z")),
            ("2026-03-16T00:00:00Z", 8, Some("2026-03-16T09:00:00Z")),
            ("2026-03-16T00:00:00Z", 9, None),
        ] {
            assert_eq!(work.next_start(at(from), hours(duration)), start.map(at), "{from} {duration}h");
        }
    }

    #[test]
    fn the_hours_follow_the_clock_of_the_place() {
        let work = dublin();
        // Summer time begins on Sunday, 29 March 2026: nine o'clock is an hour earlier for everybody else.
        assert_eq!(work.next_start(at("2026-03-27T17:00:00Z"), hours(1)), Some(at("2026-03-30T08:00:00Z")));
        // The day on which the clock skips an hour has one hour less, and the day on which it repeats one, one more.
        let sunday = WorkingHours { days: vec![Weekday::Sunday], from: Time::MIN, ..dublin() };
        let length = |day| sunday.shift(day).map(|shift| shift.end.duration_since(shift.start).as_hours());
        assert_eq!(length(Date::constant(2026, 3, 22)), Some(17));
        assert_eq!(length(Date::constant(2026, 3, 29)), Some(16));
        assert_eq!(length(Date::constant(2026, 10, 25)), Some(18));
    }

    #[test]
    fn hours_of_a_stretch_of_time_are_those_of_the_place() {
        let nights = WorkingHours {
            days: vec![Weekday::Sunday],
            from: Time::constant(2, 0, 0, 0),
            to: Time::constant(4, 0, 0, 0),
            ..dublin()
        };
        let spans = |from: &str, until: &str| {
            let spans = nights.spans(at(from).as_second(), at(until).as_second());
            let text = |second| Timestamp::from_second(second).expect("a time").to_string();
            spans.into_iter().map(|(from, until)| [text(from), text(until)]).collect::<Vec<_>>()
        };
        // Summer time begins on 29 March at one o'clock, and ends on 25 October.
        assert_eq!(
            spans("2026-03-22T02:30:00Z", "2026-04-05T01:00:01Z"),
            [
                ["2026-03-22T02:00:00Z", "2026-03-22T04:00:00Z"],
                ["2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"],
                ["2026-04-05T01:00:00Z", "2026-04-05T03:00:00Z"],
            ]
        );
        assert_eq!(
            spans("2026-10-25T00:00:00Z", "2026-10-26T00:00:00Z"),
            [["2026-10-25T02:00:00Z", "2026-10-25T04:00:00Z"]]
        );
        assert_eq!(spans("2026-03-22T04:00:00Z", "2026-03-29T01:00:00Z"), [[""; 2]; 0]);
    }

    #[test]
    fn a_time_that_the_clock_skips_is_the_moment_after_it() {
        let night = WorkingHours {
            days: vec![Weekday::Sunday],
            from: Time::constant(1, 30, 0, 0),
            to: Time::constant(3, 0, 0, 0),
            ..dublin()
        };
        let shift = night.shift(Date::constant(2026, 3, 29)).expect("a shift");
        assert_eq!((shift.start, shift.end), (at("2026-03-29T01:30:00Z"), at("2026-03-29T02:00:00Z")));
    }

    proptest! {
        #[test]
        fn the_next_start_is_the_first(from in 1_767_225_600i64..1_798_761_600, minutes in 1u64..480) {
            let (work, duration) = (dublin(), Duration::from_mins(minutes));
            let from = Timestamp::from_second(from).expect("a time");
            let start = work.next_start(from, duration).expect("fits a shift");
            let fits = |moment: Timestamp| {
                let end = moment + SignedDuration::try_from(duration.to_std()).expect("short");
                work.shift(work.day_of(moment)).is_some_and(|shift| shift.start <= moment && end <= shift.end)
            };
            prop_assert!(start >= from && fits(start));
            let mut earlier = from;
            while earlier < start {
                prop_assert!(!fits(earlier), "{earlier} is before {start}");
                earlier += SignedDuration::from_mins(17);
            }
        }
    }
}
