//! What the gate is asked, and the same as the query of an address.

use jiff::Timestamp;
use url::form_urlencoded;

use crate::slo::change::Need;
use crate::units::{Duration, Name};

/// What the query of an address may have.
const KEYS: &str = "service, slo, change, downtime, duration, at or explain";

/// What the gate is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Only the SLOs of this service.
    pub service: Option<Name>,
    /// Only SLOs of this name.
    pub slo: Option<Name>,
    /// What is planned, if anything.
    pub change: Option<Planned>,
    /// A moment of the past, instead of now.
    pub at: Option<Timestamp>,
    /// Whether every gate is replayed from its slices, also one of which it was recorded that it was open all along.
    pub explain: bool,
}

/// What is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// A change of the file; of each service its own of that name.
    Named(Name),
    /// A change that needs this.
    Needing(Need),
}

/// Why a query is no question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// A key that means nothing.
    #[error("`{key}` is nothing that is asked here: say {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The keys that mean something.
        known: &'static str,
    },
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
    /// Half of what a change needs, or two of them.
    #[error("say `change`, or both `downtime` and `duration`")]
    Change,
    /// A change that is shorter than its own downtime.
    #[error("a downtime of {} is longer than the change, which takes {}", .0.downtime, .0.duration)]
    Downtime(Need),
}

impl QuestionError {
    pub(super) fn unknown(key: &str, known: &'static str) -> Self {
        Self::UnknownKey { key: key.to_owned(), known }
    }
}

impl Planned {
    /// What is planned, from what was said of it.
    ///
    /// # Errors
    /// [`QuestionError::Change`] and [`QuestionError::Downtime`].
    pub fn of(
        name: Option<Name>,
        downtime: Option<Duration>,
        duration: Option<Duration>,
    ) -> Result<Option<Self>, QuestionError> {
        match (name, downtime, duration) {
            (None, None, None) => Ok(None),
            (Some(name), None, None) => Ok(Some(Self::Named(name))),
            (None, Some(downtime), Some(duration)) => {
                let need = Need { downtime, duration };
                if downtime > duration { Err(QuestionError::Downtime(need)) } else { Ok(Some(Self::Needing(need))) }
            }
            _ => Err(QuestionError::Change),
        }
    }
}

impl Question {
    /// Reads the query of an address. A key that means nothing is refused: a misspelt one would ask for more than was
    /// meant.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub fn read(query: Option<&str>) -> Result<Self, QuestionError> {
        let mut question = Self::default();
        let (mut change, mut downtime, mut duration) = (None, None, None);
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match key.as_ref() {
                "service" => question.service = Some(read("service", &value)?),
                "slo" => question.slo = Some(read("slo", &value)?),
                "change" => change = Some(read("change", &value)?),
                "downtime" => downtime = Some(read("downtime", &value)?),
                "duration" => duration = Some(read("duration", &value)?),
                "at" => question.at = Some(read("at", &value)?),
                "explain" => question.explain = read("explain", &value)?,
                _ => return Err(QuestionError::unknown(&key, KEYS)),
            }
        }
        question.change = Planned::of(change, downtime, duration)?;
        Ok(question)
    }

    /// The same as keys and values.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let mut add = |key, value: Option<String>| pairs.extend(value.map(|value| (key, value)));
        add("service", self.service.as_ref().map(ToString::to_string));
        add("slo", self.slo.as_ref().map(ToString::to_string));
        match &self.change {
            Some(Planned::Named(name)) => add("change", Some(name.to_string())),
            Some(Planned::Needing(need)) => {
                add("downtime", Some(need.downtime.to_string()));
                add("duration", Some(need.duration.to_string()));
            }
            None => {}
        }
        add("at", self.at.map(|at| at.to_string()));
        add("explain", self.explain.then(|| "true".to_owned()));
        pairs
    }

    /// What the SLOs of a service are asked: whether they are meant at all.
    pub(super) fn means(&self, service: &Name, slo: &Name) -> bool {
        self.service.as_ref().is_none_or(|wanted| wanted == service)
            && self.slo.as_ref().is_none_or(|wanted| wanted == slo)
    }
}

/// Reads the value of a key.
///
/// # Errors
/// [`QuestionError::Value`].
pub(super) fn read<T: std::str::FromStr>(key: &'static str, value: &str) -> Result<T, QuestionError>
where
    T::Err: std::fmt::Display,
{
    let failed = |error: T::Err| QuestionError::Value { key, value: value.to_owned(), why: error.to_string() };
    value.parse().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_asks_what_the_question_asks() {
        for query in [
            "",
            "service=shop&slo=front&change=upgrade",
            "downtime=5m&duration=4h&at=2026-11-19T10%3A00%3A00Z&explain=true",
        ] {
            let question = Question::read(Some(query)).expect(query);
            let written: String =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(question.pairs()).finish();
            assert_eq!(written, query);
        }
        assert_eq!(Question::read(None), Ok(Question::default()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let said = |query: &str| Question::read(Some(query)).expect_err(query).to_string();
        assert!(said("slos=front").starts_with("`slos` is nothing that is asked here: say service, "));
        assert!(said("explain=yes").starts_with("`explain=yes` cannot be read: "));
        assert!(said("at=yesterday").starts_with("`at=yesterday` cannot be read: "));
        assert!(said("downtime=5&duration=4h").starts_with("`downtime=5` cannot be read: "));
        assert_eq!(said("downtime=5m"), "say `change`, or both `downtime` and `duration`");
        assert_eq!(said("change=a&downtime=5m&duration=4h"), "say `change`, or both `downtime` and `duration`");
        assert_eq!(said("downtime=5h&duration=4h"), "a downtime of 5h is longer than the change, which takes 4h");
    }
}
