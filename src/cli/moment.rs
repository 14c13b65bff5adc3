//! A moment as people type it: how long ago, or a time.

use std::str::FromStr;

use jiff::Timestamp;

use crate::units::Duration;

/// How long ago, or a time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// That long before now.
    Ago(Duration),
    /// That time.
    At(Timestamp),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = || text.parse::<Timestamp>().map(Self::At);
        text.parse()
            .map(Self::Ago)
            .or_else(|_| time())
            .map_err(|_| "write a duration such as `30d`, or a time such as `2026-01-31T06:00:00Z`".to_owned())
    }
}

impl Moment {
    /// In Unix milliseconds.
    pub(super) fn before(self, now: Timestamp) -> i64 {
        match self {
            Self::Ago(time) => now.as_millisecond() - i64::try_from(time.as_millis()).unwrap_or(i64::MAX),
            Self::At(time) => time.as_millisecond(),
        }
    }
}
