//! Identifiers of Grafana: letters, digits, `-` and `_`, up to forty.

use std::fmt;
use std::str::FromStr;

/// The longest uid that Grafana takes.
const LENGTH: usize = 40;

/// The longest prefix, behind which `-slo-` and a window still fit.
const PREFIX_LENGTH: usize = 20;

/// The uid of a thing in Grafana.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uid(String);

/// What the uids of a set of pages begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UidPrefix(String);

/// Why a text is no uid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UidError {
    /// It has other characters, or none.
    #[error("a uid has letters, digits, `-` and `_`")]
    Characters,
    /// It is too long.
    #[error("at most {0} characters fit")]
    Long(usize),
}

fn checked(text: &str, longest: usize) -> Result<String, UidError> {
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(UidError::Characters);
    }
    if text.len() > longest {
        return Err(UidError::Long(longest));
    }
    Ok(text.to_owned())
}

impl FromStr for Uid {
    type Err = UidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        checked(text, LENGTH).map(Self)
    }
}

impl FromStr for UidPrefix {
    type Err = UidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        checked(text, PREFIX_LENGTH).map(Self)
    }
}

impl Default for UidPrefix {
    fn default() -> Self {
        Self("burndown".to_owned())
    }
}

impl UidPrefix {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for UidPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_those_of_grafana() {
        assert!("P1809F7CD0C75ACF3".parse::<Uid>().is_ok() && "team-a_1".parse::<UidPrefix>().is_ok());
        assert_eq!("".parse::<Uid>(), Err(UidError::Characters));
        assert_eq!("a b".parse::<UidPrefix>(), Err(UidError::Characters));
        assert_eq!("x".repeat(41).parse::<Uid>(), Err(UidError::Long(40)));
        assert_eq!("x".repeat(21).parse::<UidPrefix>(), Err(UidError::Long(20)));
    }
}
