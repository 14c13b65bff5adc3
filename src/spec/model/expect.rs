//! What an answer must be.

use std::collections::BTreeMap;

use http::{HeaderName, Version};

use super::Condition;
use crate::units::{Duration, JsonPointer, Pattern};

/// What an HTTP answer must be. The rules are judged in this order, and the first that is not met is the reason.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpExpect {
    /// Accepted status codes, as inclusive ranges; `2xx` is 200 to 299, the default.
    pub status: Vec<(u16, u16)>,
    /// Accepted versions of HTTP; any if there are none.
    pub versions: Vec<Version>,
    /// Whether the answer must come with TLS, or must not.
    pub tls: Option<bool>,
    /// Rules for headers. Where a header repeats, one value has to be right and none may be wrong.
    pub headers: Vec<(HeaderName, ValueRules)>,
    /// Rules for the body.
    pub body: TextRules,
    /// Rules for values of the body, read as JSON.
    pub json: BTreeMap<JsonPointer, ValueRules>,
    /// The longest duration of the whole run that still counts as good, at most the timeout.
    pub within: Option<Duration>,
}

impl Default for HttpExpect {
    fn default() -> Self {
        Self {
            status: vec![(200, 299)],
            versions: Vec::new(),
            tls: None,
            headers: Vec::new(),
            body: TextRules::default(),
            json: BTreeMap::new(),
            within: None,
        }
    }
}

/// What a text must and must not hold. All of it has to be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextRules {
    /// Texts that must be in it.
    pub contains: Vec<String>,
    /// Texts that must not be in it.
    pub not_contains: Vec<String>,
    /// Expressions that must match somewhere.
    pub matches: Vec<Pattern>,
    /// Expressions that must match nowhere.
    pub not_matches: Vec<Pattern>,
}

impl TextRules {
    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a header, or a value of a JSON document, must be. All of it has to be met.
///
/// A value that is not there meets no rule but those of what must not be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueRules {
    /// Whether it must be there, or must not.
    pub present: Option<bool>,
    /// What it must be, as text; a JSON number by its value, and `true`, `false` and `null` by their names.
    pub equals: Option<String>,
    /// What its text must and must not hold.
    pub text: TextRules,
    /// How it must compare as a number.
    pub compares: Vec<Condition>,
}
