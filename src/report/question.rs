//! What a report is asked for, and the same as the query of an address.

use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::NoReport;
use crate::units::Name;

/// A report is about this many days unless somebody asks for others.
const DAYS: i64 = 7;

/// No history keeps so much, and nobody reads it at once.
pub(super) const MOST_DAYS: i64 = 400;

/// What somebody wants a report about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only the SLOs of this service.
    pub service: Option<Name>,
    /// Only SLOs of this name.
    pub slo: Option<Name>,
    /// When the period begins; a week before its end unless somebody says.
    pub since: Option<Timestamp>,
    /// When it ends; now unless somebody says.
    pub until: Option<Timestamp>,
}

/// Why a query asks for no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// A key that means nothing.
    #[error("`{0}` is nothing that a report is asked for: say service, slo, since or until")]
    UnknownKey(String),
    /// A value that cannot be read.
    #[error("`{key}={value}` cannot be read: {why}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// Why not.
        why: String,
    },
}

impl Asked {
    /// Reads the query of an address. A key that means nothing is refused.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub fn read(query: Option<&str>) -> Result<Self, QuestionError> {
        let mut asked = Self::default();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match key.as_ref() {
                "service" => asked.service = Some(read("service", &value)?),
                "slo" => asked.slo = Some(read("slo", &value)?),
                "since" => asked.since = Some(read("since", &value)?),
                "until" => asked.until = Some(read("until", &value)?),
                _ => return Err(QuestionError::UnknownKey(key.into_owned())),
            }
        }
        Ok(asked)
    }

    /// The same as keys and values.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("service", self.service.as_ref().map(ToString::to_string)),
            ("slo", self.slo.as_ref().map(ToString::to_string)),
            ("since", self.since.map(|since| since.to_string())),
            ("until", self.until.map(|until| until.to_string())),
        ];
        pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    /// The period at `now`, in seconds of Unix time.
    pub(super) fn period(&self, now: Timestamp) -> Result<(i64, i64), NoReport> {
        let until = self.until.unwrap_or(now);
        if until > now {
            return Err(NoReport::Future(until));
        }
        let week_before = until.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::MIN);
        let since = self.since.unwrap_or(week_before);
        let length = until.as_second().saturating_sub(since.as_second());
        if length <= 0 {
            return Err(NoReport::NoTime { since, until });
        }
        if length > MOST_DAYS * 86_400 {
            return Err(NoReport::TooLong { since, until });
        }
        Ok((since.as_second(), until.as_second()))
    }

    pub(super) fn means(&self, service: &Name, slo: &Name) -> bool {
        self.service.as_ref().is_none_or(|wanted| wanted == service)
            && self.slo.as_ref().is_none_or(|wanted| wanted == slo)
    }
}

fn read<T: std::str::FromStr>(key: &'static str, value: &str) -> Result<T, QuestionError>
where
    T::Err: std::fmt::Display,
{
    let failed = |error: T::Err| QuestionError::Value { key, value: value.to_owned(), why: error.to_string() };
    value.parse().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn a_query_asks_for_what_the_question_asks() {
        for query in ["", "service=shop&slo=front&since=2026-11-16T09%3A00%3A00Z&until=2026-11-23T09%3A00%3A00Z"] {
            let asked = Asked::read(Some(query)).expect(query);
            let written: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(asked.pairs()).finish();
            assert_eq!(written, query);
        }
        let said = |query: &str| Asked::read(Some(query)).expect_err(query).to_string();
        assert!(said("from=now").starts_with("`from` is nothing that a report is asked for"));
        assert!(said("since=yesterday").starts_with("`since=yesterday` cannot be read: "));
    }

    #[test]
    fn a_period_is_a_week_and_has_a_length() {
        let now = at("2026-11-23T09:00:00Z");
        let period = |since: Option<&str>, until: Option<&str>| {
            Asked { since: since.map(at), until: until.map(at), ..Asked::default() }.period(now)
        };
        let monday = now.as_second();
        assert_eq!(period(None, None), Ok((monday - 7 * 86_400, monday)));
        assert_eq!(period(None, Some("2026-11-20T09:00:00Z")), Ok((monday - 10 * 86_400, monday - 3 * 86_400)));
        for (since, until) in [("2026-11-23T09:00:00Z", None), ("2026-11-21T09:00:00Z", Some("2026-11-20T09:00:00Z"))] {
            assert!(matches!(period(Some(since), until), Err(NoReport::NoTime { .. })), "{since}");
        }
        assert!(matches!(period(None, Some("2026-11-23T09:00:01Z")), Err(NoReport::Future(_))));
        assert!(matches!(period(Some("2020-11-23T09:00:01Z"), None), Err(NoReport::TooLong { .. })));
    }
}
