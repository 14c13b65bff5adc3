//! A plain series selector, such as `http_requests_total{job="api"}`.

use std::fmt;

use promql_parser::parser::{Expr, VectorSelector};

use super::PromqlError;

/// A metric name with matchers, without range, offset, `@` or function, that selects at least one matcher
/// or name. It prints as valid PromQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: String,
}

impl Selector {
    /// The series of a metric with these label values.
    #[must_use]
    pub fn of(metric: &str, labels: &[(&str, &str)]) -> Self {
        let matchers: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
        Self { text: format!("{metric}{{{}}}", matchers.join(",")) }
    }

    /// Reads a selector.
    ///
    /// # Errors
    /// [`PromqlError::Syntax`] for text that is not PromQL, [`PromqlError::NotASelector`] for PromQL that
    /// is more than a selector.
    pub fn parse(text: &str) -> Result<Self, PromqlError> {
        Ok(Self { text: plain(text)?.to_string() })
    }

    /// The name of the metric, if one stands before the braces.
    #[must_use]
    pub fn metric(&self) -> Option<String> {
        plain(&self.text).ok()?.name
    }

    /// Each matcher beside the name, by its label, with the selector of the metric that has this matcher alone.
    #[must_use]
    pub fn matchers(&self) -> Vec<(String, Self)> {
        let Ok(parsed) = plain(&self.text) else { return Vec::new() };
        let name = parsed.name.unwrap_or_default();
        let matchers = parsed.matchers.matchers.iter();
        matchers.map(|one| (one.name.clone(), Self { text: format!("{name}{{{one}}}") })).collect()
    }

    /// The same selector without its matchers on a label.
    #[must_use]
    pub fn without(&self, label: &str) -> Self {
        let Ok(parsed) = plain(&self.text) else { return self.clone() };
        let matchers = parsed.matchers.matchers.iter().filter(|one| one.name != label);
        let matchers: Vec<String> = matchers.map(ToString::to_string).collect();
        let braces = if matchers.is_empty() { String::new() } else { format!("{{{}}}", matchers.join(",")) };
        Self { text: format!("{}{braces}", parsed.name.unwrap_or_default()) }
    }

    /// A text that was put together from a selector that was read.
    pub(super) fn checked(text: String) -> Self {
        Self { text }
    }
}

/// Reads a selector without range, offset, `@` and `or`.
pub(super) fn plain(text: &str) -> Result<VectorSelector, PromqlError> {
    let found = match super::parse(text)? {
        Expr::VectorSelector(selector) if selector.offset.is_some() => "an offset stands",
        Expr::VectorSelector(selector) if selector.at.is_some() => "an `@` modifier stands",
        Expr::VectorSelector(selector) if !selector.matchers.or_matchers.is_empty() => "an `or` of matchers stands",
        Expr::VectorSelector(selector) => return Ok(selector),
        Expr::MatrixSelector(_) | Expr::Subquery(_) => "a range stands",
        Expr::Call(_) => "a function call stands",
        Expr::Aggregate(_) => "an aggregation stands",
        Expr::NumberLiteral(_) => "a number stands",
        Expr::StringLiteral(_) => "a string stands",
        Expr::Unary(_) | Expr::Binary(_) | Expr::Paren(_) | Expr::Extension(_) => "an expression stands",
    };
    Err(PromqlError::NotASelector(found))
}

/// A label value in double quotes, as PromQL and Go read it.
#[must_use]
pub fn quote(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
