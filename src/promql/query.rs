//! A query with `$window`, the escape hatch for indicators that no selector expresses.

use std::convert::Infallible;

use promql_parser::parser::Expr;
use promql_parser::parser::value::ValueType;

use super::{PromqlError, Selector, WithoutData, absence, portable};
use crate::units::Duration;

/// The variable that stands for the range.
pub(super) const WINDOW: &str = "$window";

/// A PromQL expression with `$window` where its range stands; valid for every duration put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    template: String,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// [`PromqlError::NoWindow`] without `$window`, [`PromqlError::Syntax`] if it is not PromQL with a
    /// duration in its place, [`PromqlError::WrongType`] if it gives a range or a string.
    pub fn parse(text: &str) -> Result<Self, PromqlError> {
        if !text.contains(WINDOW) {
            return Err(PromqlError::NoWindow);
        }
        let query = Self { template: text.trim().to_owned() };
        let expression = super::parse(&query.over(Duration::from_mins(5)))?;
        match expression.value_type() {
            ValueType::Vector => Ok(query),
            ValueType::Scalar => Err(PromqlError::WrongType("scalar")),
            ValueType::Matrix => Err(PromqlError::WrongType("range vector")),
            ValueType::String => Err(PromqlError::WrongType("string")),
        }
    }

    /// The expression with `window` in place of `$window`.
    #[must_use]
    pub fn over(&self, window: Duration) -> String {
        self.template.replace(WINDOW, &window.to_string())
    }

    /// What it gives where Prometheus has none of its series.
    #[must_use]
    pub fn without_data(&self) -> WithoutData {
        let Ok(expression) = super::parse(&self.over(Duration::from_mins(5))) else { return WithoutData::Nothing };
        match absence::without_data(&expression) {
            // Without series there is nothing that could be missing.
            WithoutData::Zero if self.selectors().is_empty() => WithoutData::Value,
            given => given,
        }
    }

    /// The series that it reads, each once, without ranges and offsets.
    #[must_use]
    pub fn selectors(&self) -> Vec<Selector> {
        let Ok(expression) = super::parse(&self.over(Duration::from_mins(5))) else { return Vec::new() };
        let mut found: Vec<Selector> = Vec::new();
        let Ok(()) = portable::each::<Infallible>(&expression, &mut |expression| {
            let series = match expression {
                Expr::VectorSelector(selector) => selector,
                Expr::MatrixSelector(matrix) => &matrix.vs,
                _ => return Ok(()),
            };
            let bare = promql_parser::parser::VectorSelector { offset: None, at: None, ..series.clone() };
            let selector = Selector::checked(bare.to_string());
            if !found.contains(&selector) {
                found.push(selector);
            }
            Ok(())
        });
        // A query is written from the outside in; a person reads its series from left to right.
        found.reverse();
        found
    }
}
