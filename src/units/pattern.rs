//! A regular expression, compiled once, and a JSON pointer: how people say which part of an answer they mean.

use std::fmt;
use std::str::FromStr;

use regex::bytes::{Captures, Regex, RegexBuilder};

/// How much memory a compiled expression may take, in bytes. `\w{1000}` is larger than that.
const MAX_COMPILED: usize = 1 << 20;

/// How much memory the lazily built automaton of an expression may take while it searches, in bytes.
const MAX_AUTOMATON: usize = 1 << 20;

/// A regular expression in the syntax of the `regex` crate (that of RE2, as in Prometheus), which matches
/// anywhere in a text unless it is anchored, in time that is linear in the length of the text.
///
/// It searches bytes, so that an answer need not be UTF-8.
#[derive(Clone)]
pub struct Pattern(Regex);

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing was written; the empty expression matches every text.
    #[error("every text matches the empty expression")]
    Empty,
    /// Not of the syntax, with what is wrong in one line.
    #[error("this is not a regular expression: {0}")]
    Malformed(String),
    /// It takes more memory than any sensible expression.
    #[error("the expression is too large when compiled")]
    TooLarge,
}

impl PatternError {
    /// What would be right, as one line of help.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Empty => "write what the text must hold".to_owned(),
            Self::Malformed(_) => {
                "write RE2 syntax as in Prometheus, in single quotes: `'^v[0-9]+'`; look-around and back references do not exist in it".to_owned()
            }
            Self::TooLarge => "write smaller repetitions: `\\w{1000}` alone is too large".to_owned(),
        }
    }
}

impl Pattern {
    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the expression matches somewhere in `text`.
    #[must_use]
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }

    /// Where the expression matches first in `text`: first byte, and one past the last.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Option<(usize, usize)> {
        self.0.find(text).map(|found| (found.start(), found.end()))
    }

    /// What the first group matched, or the whole expression if it has no group.
    #[must_use]
    pub fn capture<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let captures = self.0.captures(text)?;
        let at = usize::from(self.groups() > 0);
        captures.get(at).map(|found| found.as_bytes())
    }

    /// Where the expression and its groups match first in `text`.
    #[must_use]
    pub fn captures<'t>(&self, text: &'t [u8]) -> Option<Captures<'t>> {
        self.0.captures(text)
    }

    /// The names of the groups that have one.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.0.capture_names().flatten()
    }

    /// How many groups capture something.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.0.captures_len().saturating_sub(1)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        let built = RegexBuilder::new(text).size_limit(MAX_COMPILED).dfa_size_limit(MAX_AUTOMATON).build();
        built.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
            // The parser draws the expression over several lines; the last one says what is wrong.
            error => {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                PatternError::Malformed(reason.trim_start_matches("error: ").to_owned())
            }
        })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A JSON pointer (RFC 6901), such as `/items/0/id`; the empty one is the whole document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JsonPointer(Box<str>);

/// Why a text is not a JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPointerError {
    /// It does not start with `/`.
    #[error("`{0}` is not a JSON pointer")]
    NoSlash(String),
    /// A `~` that stands neither for `~` nor for `/`.
    #[error("`~` stands alone in a JSON pointer")]
    Tilde,
}

impl JsonPointerError {
    /// What would be right, as one line of help.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoSlash(text) => {
                let path = text.trim_start_matches("$.").trim_start_matches('.').replace('.', "/");
                format!("a pointer (RFC 6901) starts with `/`, as in `/{path}`")
            }
            Self::Tilde => "write `~0` for `~` and `~1` for `/` inside of a key".to_owned(),
        }
    }
}

impl JsonPointer {
    /// The pointer as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JsonPointer {
    type Err = JsonPointerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(JsonPointerError::NoSlash(text.to_owned()));
        }
        if text.split('~').skip(1).any(|after| !after.starts_with(['0', '1'])) {
            return Err(JsonPointerError::Tilde);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_gives_its_first_group_or_all_of_it() {
        let capture = |pattern: &str, text: &str| {
            let pattern: Pattern = pattern.parse().expect("a pattern");
            pattern.capture(text.as_bytes()).map(|found| String::from_utf8_lossy(found).into_owned())
        };
        assert_eq!(capture("b+", "abbc").as_deref(), Some("bb"));
        assert_eq!(capture("a(b+)", "abbc").as_deref(), Some("bb"));
        assert_eq!(capture("(?:a)b", "abbc").as_deref(), Some("ab"));
        assert_eq!(capture("a(x)?b", "abbc"), None, "the group took no part");
        assert_eq!(capture("x", "abbc"), None);
        assert!("caf.".parse::<Pattern>().expect("a pattern").is_match(b"\xff caf\xc3\xa9"));
    }

    #[test]
    fn refuses_what_is_no_pattern_or_too_large() {
        assert_eq!("".parse::<Pattern>(), Err(PatternError::Empty));
        assert_eq!(r"\w{1000}".parse::<Pattern>(), Err(PatternError::TooLarge));
        let unclosed = "a(b".parse::<Pattern>().expect_err("refused");
        assert_eq!(unclosed, PatternError::Malformed("unclosed group".to_owned()));
        assert!(matches!("(?=a)".parse::<Pattern>(), Err(PatternError::Malformed(_))));
    }

    #[test]
    fn pointers_start_with_a_slash() {
        for text in ["", "/", "/a/0", "/a~1b/~0"] {
            assert_eq!(text.parse::<JsonPointer>().expect(text).as_str(), text);
        }
        assert_eq!("a".parse::<JsonPointer>(), Err(JsonPointerError::NoSlash("a".to_owned())));
        assert!(JsonPointerError::NoSlash("$.a.b".to_owned()).help().ends_with("`/a/b`"));
        for text in ["/~", "/a~2"] {
            assert_eq!(text.parse::<JsonPointer>(), Err(JsonPointerError::Tilde), "{text}");
        }
    }
}
