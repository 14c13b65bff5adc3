//! Names of services, SLOs, probes and steps, and the names of Prometheus labels and alerts.

use std::fmt;
use std::str::FromStr;

/// The longest name that is accepted, so that `SERVICE.fast.yaml` fits every file system and a
/// Kubernetes object name stays valid.
const MAX_LEN: usize = 63;

/// The name of a service, SLO, probe or step: letters, digits, `-` and `_`, starting with a letter or digit.
///
/// It never holds a `/` or a `.`, which separate names in rule groups and file names, so two names
/// joined by either cannot collide.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was written.
    #[error("a name is missing")]
    Empty,
    /// A character that names do not have.
    #[error("`{found}` cannot stand in a name")]
    Character {
        /// The first character that does not fit.
        found: char,
        /// The text with every such character replaced.
        suggestion: String,
    },
    /// More than 63 characters.
    #[error("the name has {0} characters")]
    TooLong(usize),
}

impl NameError {
    /// What would be right, as one line of help.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Character { suggestion, .. } if !suggestion.is_empty() => {
                format!("write `{suggestion}`: names are letters, digits, `-` and `_`")
            }
            Self::Empty | Self::Character { .. } => "names are letters, digits, `-` and `_`".to_owned(),
            Self::TooLong(_) => format!("names have at most {MAX_LEN} characters"),
        }
    }
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let misfit =
            text.chars().find(|c| !fits(*c)).or_else(|| text.chars().next().filter(|c| !c.is_ascii_alphanumeric()));
        if let Some(found) = misfit {
            let replaced: String = text.chars().map(|c| if fits(c) { c } else { '-' }).collect();
            let suggestion = replaced.trim_matches(|c| c == '-' || c == '_').to_owned();
            return Err(NameError::Character { found, suggestion });
        }
        if text.len() > MAX_LEN {
            return Err(NameError::TooLong(text.len()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A Prometheus label name that a user may set: `[a-zA-Z_][a-zA-Z0-9_]*`, not starting with `__`.
///
/// The names that the generated rules give a meaning of their own are refused by [`crate::spec`], which
/// knows them from [`crate::names`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelName(Box<str>);

/// Why a text is not a label name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelNameError {
    /// Not of the form that Prometheus accepts.
    #[error("`{0}` is not a label name")]
    Malformed(String),
    /// Starts with `__`, which Prometheus keeps for itself.
    #[error("`{0}` is reserved by Prometheus")]
    Internal(String),
}

impl LabelNameError {
    /// What would be right, as one line of help.
    #[must_use]
    pub fn help(&self) -> String {
        "label names are letters, digits and `_`, and do not start with a digit or `__`".to_owned()
    }
}

impl LabelName {
    /// The label name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LabelName {
    type Err = LabelNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !is_identifier(text) {
            return Err(LabelNameError::Malformed(text.to_owned()));
        }
        if text.starts_with("__") {
            return Err(LabelNameError::Internal(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The name of an alert: `[a-zA-Z_][a-zA-Z0-9_]*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertName(Box<str>);

/// A text is not the name of an alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of an alert")]
pub struct AlertNameError(String);

impl AlertNameError {
    /// What would be right, as one line of help.
    #[must_use]
    pub fn help(&self) -> String {
        "names of alerts are letters, digits and `_`, and do not start with a digit, as in `BudgetBurnsFast`".to_owned()
    }
}

impl AlertName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AlertName {
    type Err = AlertNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_identifier(text) { Ok(Self(text.into())) } else { Err(AlertNameError(text.to_owned())) }
    }
}

impl fmt::Display for AlertName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AlertName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Whether a text is `[a-zA-Z_][a-zA-Z0-9_]*`.
fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    let first_fits = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first_fits && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_suggest_what_would_fit() {
        let error = "my app!".parse::<Name>().expect_err("a space is refused");
        assert_eq!(error.help(), "write `my-app`: names are letters, digits, `-` and `_`");
        assert!("-x".parse::<Name>().is_err());
        assert!("a/b".parse::<Name>().is_err());
        assert!("a.b".parse::<Name>().is_err());
        assert_eq!("a_b-C9".parse::<Name>().expect("fits").as_str(), "a_b-C9");
        assert_eq!("x".repeat(64).parse::<Name>(), Err(NameError::TooLong(64)));
    }

    #[test]
    fn label_names_are_those_of_prometheus() {
        assert!("team".parse::<LabelName>().is_ok());
        assert!("_x9".parse::<LabelName>().is_ok());
        assert_eq!("9x".parse::<LabelName>(), Err(LabelNameError::Malformed("9x".into())));
        assert_eq!("__x".parse::<LabelName>(), Err(LabelNameError::Internal("__x".into())));
    }
}
