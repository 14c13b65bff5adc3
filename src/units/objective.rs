//! An objective in percent, as an exact decimal: 99.9 leaves an error budget of 0.001 and never of
//! 0.0009999999999999432.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// The share of good events that is promised, in percent, strictly between 0 and 100.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Objective(Decimal);

/// Why a text is not an objective.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectiveError {
    /// Not a plain decimal number.
    #[error("`{0}` is not a number")]
    NotANumber(String),
    /// A comma where the decimal point belongs.
    #[error("`{0}` has a comma for its decimal point")]
    Comma(String),
    /// A percent sign, which the unit of the field implies.
    #[error("`{0}` has a percent sign")]
    PercentSign(String),
    /// At or above 100: there would be no budget.
    #[error("an objective of {0} leaves no error budget")]
    NoBudget(Decimal),
    /// At or below 0.
    #[error("an objective of {0} promises nothing")]
    Nothing(Decimal),
    /// More than ten decimals, beyond what a double in Prometheus can tell apart from 100 %.
    #[error("`{0}` has more than ten decimals")]
    TooFine(String),
}

impl ObjectiveError {
    /// What would be right, as one line of help.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Comma(text) => format!("write `{}`", text.replace(',', ".")),
            Self::PercentSign(text) => {
                format!("write `{}`: objectives are in percent already", text.trim_end_matches('%').trim_end())
            }
            Self::NoBudget(_) => "write a percentage below 100, such as 99.9".to_owned(),
            Self::NotANumber(_) | Self::Nothing(_) => "write a percentage between 0 and 100, such as 99.9".to_owned(),
            Self::TooFine(_) => "write at most ten decimals".to_owned(),
        }
    }
}

impl Objective {
    /// The objective in percent, for example 99.9.
    #[must_use]
    pub const fn percent(self) -> Decimal {
        self.0
    }

    /// The objective as a ratio, for example 0.999.
    #[must_use]
    pub fn ratio(self) -> Decimal {
        (self.0 / Decimal::ONE_HUNDRED).normalize()
    }

    /// The error budget b = 1 − objective as a ratio, for example 0.001.
    #[must_use]
    pub fn error_budget(self) -> Decimal {
        (Decimal::ONE - self.ratio()).normalize()
    }
}

impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = Decimal::from_str_exact(text).map_err(|_| {
            let owned = text.to_owned();
            if text.ends_with('%') {
                ObjectiveError::PercentSign(owned)
            } else if Decimal::from_str_exact(&text.replace(',', ".")).is_ok() {
                ObjectiveError::Comma(owned)
            } else {
                ObjectiveError::NotANumber(owned)
            }
        })?;
        let number = number.normalize();
        if number >= Decimal::ONE_HUNDRED {
            Err(ObjectiveError::NoBudget(number))
        } else if number <= Decimal::ZERO {
            Err(ObjectiveError::Nothing(number))
        } else if number.scale() > 10 {
            Err(ObjectiveError::TooFine(text.to_owned()))
        } else {
            Ok(Self(number))
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_exact_decimals() {
        for (text, budget) in [
            ("99.9", "0.001"),
            ("99.95", "0.0005"),
            ("99", "0.01"),
            ("90.0", "0.1"),
            ("99.999999", "0.00000001"),
            ("33.3", "0.667"),
        ] {
            let objective: Objective = text.parse().expect(text);
            assert_eq!(objective.error_budget().to_string(), budget, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_objective() {
        use ObjectiveError as E;
        assert_eq!("99,9".parse::<Objective>(), Err(E::Comma("99,9".into())));
        assert_eq!("99.9%".parse::<Objective>(), Err(E::PercentSign("99.9%".into())));
        assert_eq!("100".parse::<Objective>(), Err(E::NoBudget(Decimal::ONE_HUNDRED)));
        assert_eq!("0".parse::<Objective>(), Err(E::Nothing(Decimal::ZERO)));
        assert_eq!("-1".parse::<Objective>(), Err(E::Nothing(Decimal::NEGATIVE_ONE)));
        assert_eq!("high".parse::<Objective>(), Err(E::NotANumber("high".into())));
        assert!(matches!("99.99999999999".parse::<Objective>(), Err(E::TooFine(_))));
    }
}
