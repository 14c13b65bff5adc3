//! PromQL: the only user of the parser crate. Selectors and queries that a file may hold, and the printing
//! of the expressions that the generators build.
//!
//! What promtool refuses is refused here, so that a generated file always loads.

mod absence;
pub mod build;
mod example;
mod histogram;
mod newer;
mod portable;
mod query;
mod same;
mod selector;
mod shape;

use promql_parser::parser::{self, Expr};

pub use absence::WithoutData;
pub use example::Labels;
pub use histogram::Histogram;
pub use query::Query;
pub use same::same;
pub use selector::{Selector, quote};
pub use shape::{Groups, Growth, Shape, groups, shape};

/// The longest expression that is read. The parser calls itself for every level of nesting; the deepest
/// expression of this length takes about a third of a thread's stack of 2 MiB, without optimisation.
pub const MAX_BYTES: usize = 8 << 10;

/// Parses an expression of bounded length that Prometheus 2 and 3 read.
fn parse(text: &str) -> Result<Expr, PromqlError> {
    if text.len() > MAX_BYTES {
        return Err(PromqlError::TooLong(text.len()));
    }
    newer::check_words(text)?;
    let expression = parser::parse(text).map_err(PromqlError::Syntax)?;
    portable::check(text, &expression)?;
    Ok(expression)
}

/// Why a text is not the PromQL that was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromqlError {
    /// The parser refuses it, with its words.
    #[error("invalid PromQL: {0}")]
    Syntax(String),
    /// So long that reading it could exhaust the stack.
    #[error("the expression has {0} bytes")]
    TooLong(usize),
    /// Not every Prometheus reads it that the generated rules are for.
    #[error("{0} needs a newer Prometheus than 2.42")]
    TooNew(String),
    /// Prometheus 3 does not have it any more.
    #[error("`{0}` is gone in Prometheus 3")]
    Gone(&'static str),
    /// It is valid, but not a plain selector such as `http_requests_total{job="api"}`.
    #[error("{0} where a plain selector is wanted")]
    NotASelector(&'static str),
    /// One series of a histogram where the histogram is wanted.
    #[error("`{name}` is one series of a histogram, where its base name is wanted")]
    HistogramSeries {
        /// The name of the series.
        name: String,
        /// The name without what it ends with.
        base: String,
    },
    /// A histogram with a matcher on `le`.
    #[error("a matcher on `le` stands where a whole histogram is wanted")]
    HistogramBucket,
    /// A histogram without a name before its braces.
    #[error("the histogram has no name")]
    HistogramNoName,
    /// A query without `$window`.
    #[error("the query has no `$window`")]
    NoWindow,
    /// A query that is not an instant vector or scalar.
    #[error("the query gives a {0}, where an instant vector is wanted")]
    WrongType(&'static str),
}

impl PromqlError {
    /// What would be right, as one line of help.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Syntax(_) => "`promtool` refuses it too; try the expression in Prometheus first".to_owned(),
            Self::TooLong(_) => format!("expressions have at most {MAX_BYTES} bytes; record a part of it as a rule of its own"),
            Self::TooNew(_) | Self::Gone(_) => {
                "the generated rules load in every Prometheus from 2.42 on; write it without, or record it as a rule of your own".to_owned()
            }
            Self::NotASelector(_) => {
                "write a metric name with matchers, as in `http_requests_total{job=\"api\"}`; the rules add ranges, rates and sums".to_owned()
            }
            Self::HistogramSeries { base, .. } => format!("write `{base}`; the rules add `_count` and `_bucket`"),
            Self::HistogramBucket => "remove it: the rules choose the bucket by `threshold`".to_owned(),
            Self::HistogramNoName => "write its name before the braces, as in `http_request_duration_seconds{job=\"api\"}`".to_owned(),
            Self::NoWindow => "write `$window` where the range stands, as in `sum(rate(errors_total[$window]))`".to_owned(),
            Self::WrongType(_) => "write an expression such as `sum(rate(errors_total[$window]))`".to_owned(),
        }
    }
}
