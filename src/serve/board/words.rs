//! More words of the pages: lengths of time, days and moments that fit a narrow place.

use jiff::Timestamp;

use crate::units::Duration;

/// A length of time in the two largest units that say something: `45 s`, `25 min`, `3 h 20 min`, `2 d 4 h`.
pub(super) fn length(seconds: f64) -> String {
    let whole = seconds.max(0.0).round();
    let (days, hours, minutes) = ((whole / 86_400.0).floor(), (whole / 3_600.0).floor(), (whole / 60.0).floor());
    let rest = |all: f64, unit: f64, part: f64| ((whole - all * unit) / part).floor();
    let two = |first: String, rest: f64, unit: &str| match rest > 0.0 {
        true => format!("{first} {rest:.0} {unit}"),
        false => first,
    };
    if days >= 1.0 {
        two(format!("{days:.0} d"), rest(days, 86_400.0, 3_600.0), "h")
    } else if hours >= 1.0 {
        two(format!("{hours:.0} h"), rest(hours, 3_600.0, 60.0), "min")
    } else if minutes >= 10.0 {
        format!("{minutes:.0} min")
    } else if minutes >= 1.0 {
        two(format!("{minutes:.0} min"), rest(minutes, 60.0, 1.0), "s")
    } else if whole < 1.0 && seconds > 0.0 {
        "under 1 s".to_owned()
    } else {
        format!("{whole:.0} s")
    }
}

/// The window of an SLO after "the last", as people say it who know no SLO: `30 days`, `hour`.
pub(super) fn window(window: Duration) -> String {
    let units =
        [("day", Duration::from_days(1)), ("hour", Duration::from_hours(1)), ("minute", Duration::from_mins(1))];
    let whole = units.into_iter().find(|(_, unit)| unit.times(window.count_of(*unit)) == window);
    whole.map_or_else(
        || window.to_string(),
        |(word, unit)| match window.count_of(unit) {
            1 => word.to_owned(),
            count => format!("{count} {word}s"),
        },
    )
}

/// A moment as people read it in a table: `21 Nov 13:05`; with seconds where they matter.
pub(super) fn short(unix: i64, seconds: bool) -> String {
    formatted(unix, if seconds { "%-d %b %H:%M:%S" } else { "%-d %b %H:%M" })
}

/// The time of a day: `13:05`; with seconds where they matter.
pub(super) fn clock(unix: i64, seconds: bool) -> String {
    formatted(unix, if seconds { "%H:%M:%S" } else { "%H:%M" })
}

/// The day of a moment: `21 Nov`.
pub(super) fn day(unix: i64) -> String {
    formatted(unix, "%-d %b")
}

/// A date such as `2026-11-21` as `21 Nov`.
pub(super) fn day_of(date: &str) -> String {
    let read: Option<jiff::civil::Date> = date.parse().ok();
    read.map_or_else(|| date.to_owned(), |date| date.strftime("%-d %b").to_string())
}

/// A span of time on one day or more: `21 Nov 13:05 – 13:30`.
pub(super) fn span(start: i64, end: i64) -> String {
    let seconds = start % 60 != 0 || end % 60 != 0;
    let end = if day(start) == day(end) { clock(end, seconds) } else { short(end, seconds) };
    format!("{} \u{2013} {end}", short(start, seconds))
}

/// A reason or another word of the API as people read it.
pub(super) fn plain(word: &str) -> String {
    word.replace('_', " ")
}

/// Where there is nothing to say.
pub(super) const NOTHING: &str = "\u{2013}";

/// Empty if the moment is outside of all calendars.
fn formatted(unix: i64, format: &str) -> String {
    Timestamp::from_second(unix).map(|moment| moment.strftime(format).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units_at_most() {
        let said = [0.0, 0.4, 45.0, 90.0, 120.0, 1500.0, 12_000.0, 7_200.0, 187_200.0, 172_800.0].map(length);
        assert_eq!(
            said,
            ["0 s", "under 1 s", "45 s", "1 min 30 s", "2 min", "25 min", "3 h 20 min", "2 h", "2 d 4 h", "2 d"]
        );
    }

    #[test]
    fn windows_are_said_in_whole_units() {
        let said = [Duration::from_days(30), Duration::from_hours(1), Duration::from_mins(90), Duration::from_secs(90)];
        assert_eq!(said.map(window), ["30 days", "hour", "90 minutes", "1m30s"]);
    }

    #[test]
    fn moments_are_short() {
        assert_eq!(
            (short(0, false).as_str(), clock(3_661, true).as_str(), day(86_400).as_str()),
            ("1 Jan 00:00", "01:01:01", "2 Jan")
        );
        assert_eq!(
            (span(0, 300).as_str(), span(86_100, 86_400).as_str()),
            ("1 Jan 00:00 – 00:05", "1 Jan 23:55 – 2 Jan 00:00")
        );
        assert_eq!(span(1, 300), "1 Jan 00:00:01 – 00:05:00");
        assert_eq!((day_of("2026-11-21").as_str(), day_of("soon").as_str()), ("21 Nov", "soon"));
    }
}
