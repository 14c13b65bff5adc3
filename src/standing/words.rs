//! Numbers and times as people read them on the board.

/// A minute in seconds.
const MINUTE: f64 = 60.0;

/// Seconds as minutes, with as many decimals as can be told apart on a wall: `5.80`, `43.2`, `129`.
#[must_use]
pub fn minutes(seconds: f64) -> String {
    let minutes = seconds / MINUTE;
    let digits = match minutes.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    // A minus sign for what rounds to zero would say that the budget is overspent.
    let text = format!("{minutes:.digits$}");
    if minutes < 0.0 && text.chars().all(|c| matches!(c, '-' | '0' | '.')) {
        text.replace('-', "")
    } else {
        minus(&text)
    }
}

/// Seconds as minutes without trailing zeros, for amounts that stand still: `6`, `43.2`, `4.32`.
#[must_use]
pub fn amount(seconds: f64) -> String {
    let text = minutes(seconds);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A percentage without trailing zeros, rounded down so that 99.9996 never reads as 100.
#[must_use]
pub fn percent(value: f64, digits: i32) -> String {
    let scale = 10_f64.powi(digits);
    minus(&((value * scale).floor() / scale).to_string())
}

/// A burn rate: `0`, `0.4`, `14.4`, `130`.
#[must_use]
pub fn rate(value: f64) -> String {
    let digits = usize::from(value < 100.0);
    let text = format!("{value:.digits$}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// A count of events, which may be a fraction.
#[must_use]
pub fn count(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// How long ago something was, in the largest unit that still says something.
#[must_use]
pub fn ago(seconds: i64) -> String {
    match seconds.max(0) {
        0 => "now".to_owned(),
        s if s < 120 => format!("{s} s ago"),
        s if s < 2 * 3_600 => format!("{} min ago", s / 60),
        s if s < 2 * 86_400 => format!("{} h ago", s / 3_600),
        s => format!("{} d ago", s / 86_400),
    }
}

/// A moment as machines and precise people read it; empty if it is outside of all calendars.
#[must_use]
pub fn moment(unix: i64) -> String {
    jiff::Timestamp::from_second(unix).map(|moment| moment.to_string()).unwrap_or_default()
}

/// The same as people read it: `2026-11-22 17:00:47 UTC`.
#[must_use]
pub fn date(unix: i64) -> String {
    moment(unix).replace('T', " ").replace('Z', " UTC")
}

/// The minus sign of typography, which stands as wide as a digit.
fn minus(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well_from_afar() {
        for (seconds, text) in
            [(2592.0, "43.2"), (348.0, "5.80"), (7740.0, "129"), (0.0, "0.00"), (-0.1, "0.00"), (-90.0, "−1.50")]
        {
            assert_eq!(minutes(seconds), text);
        }
        assert_eq!([amount(360.0), amount(2592.0), amount(0.0), amount(72_000.0)], ["6", "43.2", "0", "1200"]);
        assert_eq!((percent(99.9996, 3).as_str(), percent(100.0, 3).as_str()), ("99.999", "100"));
        assert_eq!((percent(90.0, 0).as_str(), percent(-12.5, 0).as_str()), ("90", "−13"));
        assert_eq!([rate(0.0), rate(14.4), rate(1000.0)], ["0", "14.4", "1000"]);
        assert_eq!([count(3.0), count(2.25)], ["3", "2.2"]);
    }

    #[test]
    fn times_say_how_long_ago() {
        let said: Vec<String> = [-5, 119, 120, 7200, 172_800].into_iter().map(ago).collect();
        assert_eq!(said, ["now", "119 s ago", "2 min ago", "2 h ago", "2 d ago"]);
        assert_eq!((moment(0).as_str(), date(0).as_str()), ("1970-01-01T00:00:00Z", "1970-01-01 00:00:00 UTC"));
    }
}
