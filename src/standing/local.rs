//! Moments on the clock of a place, as the people of a service read them.
//!
//! A time is never printed without its zone, so that nobody has to guess on which side of a change of the clock it was.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::spec::model::WorkingHours;

/// The clock of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local(TimeZone);

impl Local {
    /// The clock of Greenwich, for who says nothing else.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The clock that people at work look at; UTC where nobody says when they are.
    #[must_use]
    pub fn of(hours: Option<&WorkingHours>) -> Self {
        hours.map_or(Self::UTC, |hours| Self(hours.timezone.clone()))
    }

    /// The clock of a zone by its IANA name; UTC if it is not known here.
    #[must_use]
    pub fn named(zone: &str) -> Self {
        TimeZone::get(zone).map_or(Self::UTC, Self)
    }

    /// The IANA name of the zone.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The day of a moment in seconds of Unix time: `Mon 23 Nov`, with the year if it is not that of `now`.
    #[must_use]
    pub fn day(&self, at: i64, now: i64) -> String {
        let (moment, now) = (self.zoned(at), self.zoned(now));
        let format = if moment.year() == now.year() { "%a %-d %b" } else { "%a %-d %b %Y" };
        moment.strftime(format).to_string()
    }

    /// The same always with the year: `Mon 23 Nov 2026`.
    #[must_use]
    pub fn long_day(&self, at: i64) -> String {
        self.zoned(at).strftime("%a %-d %b %Y").to_string()
    }

    /// The time of day without its zone: `09:00`.
    #[must_use]
    pub fn time(&self, at: i64) -> String {
        self.zoned(at).strftime("%H:%M").to_string()
    }

    /// A moment: `Mon 23 Nov 09:00 GMT`.
    #[must_use]
    pub fn moment(&self, at: i64, now: i64) -> String {
        format!("{} {} {}", self.day(at, now), self.time(at), self.zone(at))
    }

    /// A stretch of time: `Mon 23 Nov 09:00–10:30 GMT`, with everything twice that differs.
    #[must_use]
    pub fn range(&self, from: i64, until: i64, now: i64) -> String {
        let (day, last) = (self.day(from, now), self.day(until, now));
        let (zone, after) = (self.zone(from), self.zone(until));
        let begin = if zone == after { self.time(from) } else { format!("{} {zone}", self.time(from)) };
        let end = if day == last { self.time(until) } else { format!("{last} {}", self.time(until)) };
        format!("{day} {begin}\u{2013}{end} {after}")
    }

    fn zone(&self, at: i64) -> String {
        self.zoned(at).strftime("%Z").to_string()
    }

    fn zoned(&self, at: i64) -> Zoned {
        // A moment outside of all calendars is the edge of them.
        Timestamp::from_second(at).unwrap_or(Timestamp::MAX).to_zoned(self.0.clone())
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect(text).as_second()
    }

    #[test]
    fn times_are_those_of_the_place() {
        let dublin = Local::named("Europe/Dublin");
        let now = at("2026-11-23T09:00:00Z");
        assert_eq!(dublin.moment(now, now), "Mon 23 Nov 09:00 GMT");
        assert_eq!(dublin.moment(at("2025-07-01T09:00:00Z"), now), "Tue 1 Jul 2025 10:00 IST");
        assert_eq!((dublin.name(), Local::named("Nowhere/Never").name()), ("Europe/Dublin", "UTC"));
        assert_eq!(Local::UTC.moment(now, now), "Mon 23 Nov 09:00 UTC");
    }

    #[test]
    fn an_hour_that_comes_twice_says_which_it_is() {
        let dublin = Local::named("Europe/Dublin");
        let now = at("2026-11-23T09:00:00Z");
        let range = |from: &str, until: &str| dublin.range(at(from), at(until), now);
        assert_eq!(range("2026-11-23T09:00:00Z", "2026-11-23T10:30:00Z"), "Mon 23 Nov 09:00–10:30 GMT");
        assert_eq!(range("2026-11-23T23:00:00Z", "2026-11-24T00:30:00Z"), "Mon 23 Nov 23:00–Tue 24 Nov 00:30 GMT");
        // Summer time ends on 25 October at one o'clock of Greenwich.
        assert_eq!(range("2026-10-25T00:30:00Z", "2026-10-25T01:10:00Z"), "Sun 25 Oct 01:30 IST–01:10 GMT");
        assert_eq!(range("2026-03-29T00:50:00Z", "2026-03-29T01:10:00Z"), "Sun 29 Mar 00:50 GMT–02:10 IST");
    }
}
