//! A duration in whole milliseconds, read and printed as Prometheus does (`30d`, `1h30m`, `299999ms`).

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Unit suffixes, longest unit first, each with its length in milliseconds.
///
/// Weeks are read (`2w`) and printed as days, so that one window has one name.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The longest duration that is accepted: ten years, far beyond any window and far from overflow.
const MAX_MILLIS: u64 = 3650 * 86_400_000;

/// A non-negative duration in whole milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(u64);

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing was written.
    #[error("a duration is missing")]
    Empty,
    /// A bare number such as `15`.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// A unit other than `ms`, `s`, `m`, `h`, `d` and `w`.
    #[error("`{unit}` is not a unit of time")]
    UnknownUnit {
        /// The text where a unit was expected.
        unit: String,
    },
    /// Not of the form `1h30m` at all: a sign, a fraction, spaces.
    #[error("`{0}` is not a duration")]
    Malformed(String),
    /// Units out of order or repeated, such as `5m1h`.
    #[error("the units of `{0}` are not in order")]
    Order(String),
    /// Longer than ten years.
    #[error("`{0}` is longer than ten years")]
    TooLong(String),
}

impl DurationError {
    /// What would be right, as one line of help.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoUnit(number) => {
                format!("write `{number}s` for seconds, `{number}m` for minutes or `{number}d` for days")
            }
            Self::Order(_) => "write the longest unit first and each once, as in `1h30m`".to_owned(),
            Self::TooLong(_) => "durations of up to `3650d` are accepted".to_owned(),
            Self::Empty | Self::UnknownUnit { .. } | Self::Malformed(_) => {
                "write whole numbers with a unit of `ms`, `s`, `m`, `h`, `d` or `w`, as in `30s` or `1h30m`".to_owned()
            }
        }
    }
}

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A duration of `millis` milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// A duration of `seconds` seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000)
    }

    /// A duration of `minutes` minutes.
    #[must_use]
    pub const fn from_mins(minutes: u64) -> Self {
        Self(minutes * 60_000)
    }

    /// A duration of `hours` hours.
    #[must_use]
    pub const fn from_hours(hours: u64) -> Self {
        Self(hours * 3_600_000)
    }

    /// A duration of `days` days of 24 hours.
    #[must_use]
    pub const fn from_days(days: u64) -> Self {
        Self(days * 86_400_000)
    }

    /// The length in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The length in seconds, exact to the millisecond.
    #[must_use]
    pub fn as_secs(self) -> Decimal {
        Decimal::new(i64::try_from(self.0).unwrap_or(i64::MAX), 3).normalize()
    }

    /// The length in seconds for arithmetic that is not exact anyway.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // ten years of milliseconds fit a double exactly
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// The same length as the standard library's type, for timers.
    #[must_use]
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    /// Whether this is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// [`Self::is_zero`] by reference, for serializers.
    #[must_use]
    pub const fn is_zero_ref(&self) -> bool {
        self.0 == 0
    }

    /// How many whole times `step` fits, 0 when `step` is zero.
    #[must_use]
    pub const fn count_of(self, step: Self) -> u64 {
        match self.0.checked_div(step.0) {
            Some(count) => count,
            None => 0,
        }
    }

    /// Whether this is a whole multiple of `step`.
    #[must_use]
    pub const fn is_multiple_of(self, step: Self) -> bool {
        step.0 != 0 && self.0.is_multiple_of(step.0)
    }

    /// The nearest multiple of `step`, at least one `step`; halves round up.
    #[must_use]
    pub const fn round_to(self, step: Self) -> Self {
        if step.0 == 0 {
            return self;
        }
        let steps = (self.0 + step.0 / 2) / step.0;
        Self(if steps == 0 { step.0 } else { steps * step.0 })
    }

    /// The smallest multiple of `step` that is not shorter than this.
    #[must_use]
    pub const fn ceil_to(self, step: Self) -> Self {
        if step.0 == 0 { self } else { Self(self.0.div_ceil(step.0) * step.0) }
    }

    /// The longest multiple of `step` that is not longer than this.
    #[must_use]
    pub const fn floor_to(self, step: Self) -> Self {
        match self.0.checked_div(step.0) {
            Some(count) => Self(count * step.0),
            None => self,
        }
    }

    /// This much longer.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// This much shorter, never below zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `count` times as long.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0 * count)
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(DurationError::Empty);
        }
        if text == "0" {
            return Ok(Self::ZERO);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let mut rest = text;
        let mut total: u64 = 0;
        let mut previous_unit = u64::MAX;
        while !rest.is_empty() {
            let (digits, after) = split_while(rest, |c| c.is_ascii_digit());
            if digits.is_empty() {
                return Err(DurationError::Malformed(text.to_owned()));
            }
            let (unit, after) = split_while(after, |c| !c.is_ascii_digit());
            let unit_millis = unit_millis(unit).ok_or_else(|| match unit {
                "" => DurationError::NoUnit(digits.to_owned()),
                other if other.chars().all(char::is_alphabetic) => {
                    DurationError::UnknownUnit { unit: other.to_owned() }
                }
                _ => DurationError::Malformed(text.to_owned()),
            })?;
            if unit_millis >= previous_unit {
                return Err(DurationError::Order(text.to_owned()));
            }
            previous_unit = unit_millis;
            total = digits
                .parse::<u64>()
                .ok()
                .and_then(|number| number.checked_mul(unit_millis))
                .and_then(|millis| total.checked_add(millis))
                .filter(|millis| *millis <= MAX_MILLIS)
                .ok_or_else(|| DurationError::TooLong(text.to_owned()))?;
            rest = after;
        }
        Ok(Self(total))
    }
}

/// `text` cut where `keep` stops holding.
fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !keep(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// The length of one `unit`, in milliseconds.
fn unit_millis(unit: &str) -> Option<u64> {
    if unit == "w" {
        return Some(7 * 86_400_000);
    }
    UNITS.iter().find(|(name, _)| *name == unit).map(|(_, millis)| *millis)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        // A range such as `299999ms` reads better as one number than as `4m59s999ms`.
        if !self.0.is_multiple_of(1_000) {
            return write!(f, "{}ms", self.0);
        }
        let mut rest = self.0;
        for (unit, millis) in UNITS {
            let count = rest / millis;
            rest %= millis;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_prometheus_reads() {
        for (text, millis) in [
            ("0", 0),
            ("1ms", 1),
            ("30s", 30_000),
            ("1h30m", 5_400_000),
            ("2w", 14 * 86_400_000),
            ("30d", 2_592_000_000),
            ("90d", 7_776_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_has_no_meaning() {
        use DurationError as E;
        let cases: [(&str, E); 8] = [
            ("", E::Empty),
            ("15", E::NoUnit("15".into())),
            ("1h15", E::NoUnit("15".into())),
            ("5x", E::UnknownUnit { unit: "x".into() }),
            ("1.5h", E::Malformed("1.5h".into())),
            ("-5m", E::Malformed("-5m".into())),
            ("5m1h", E::Order("5m1h".into())),
            ("99999999d", E::TooLong("99999999d".into())),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Duration>(), Err(error), "{text}");
        }
    }

    #[test]
    fn rounds_to_steps() {
        let step = Duration::from_secs(30);
        assert_eq!(Duration::from_secs(44).round_to(step), Duration::from_secs(30));
        assert_eq!(Duration::from_secs(45).round_to(step), Duration::from_secs(60));
        assert_eq!(Duration::from_secs(1).round_to(step), Duration::from_secs(30));
        assert_eq!(Duration::from_secs(31).ceil_to(step), Duration::from_secs(60));
        assert_eq!(Duration::from_secs(59).floor_to(step), Duration::from_secs(30));
    }

    proptest! {
        #[test]
        fn printing_and_reading_agree(millis in 0..=MAX_MILLIS) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            let _ = text.parse::<Duration>();
        }
    }
}
