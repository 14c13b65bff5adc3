//! The usual shapes of expressions: `sum by (…) (rate(requests_total{…}[$window]))` and what is built from two of them.
//!
//! Files of other tools say with a whole expression what an SLO file says with the name of a counter. This finds the
//! counter, and nothing where the expression says anything more.

use promql_parser::label::MatchOp;
use promql_parser::parser::token::{self, TokenId};
use promql_parser::parser::{AggregateExpr, Expr, LabelModifier, MatrixSelector};
use rust_decimal::Decimal;

use super::histogram::BOUND;
use super::query::WINDOW;
use super::{Histogram, Selector};
use crate::units::Duration;

/// What stands for `$window` while an expression is read: a range that nobody writes.
const STAND_IN: Duration = Duration::from_millis(4_242_421);

/// Functions that give how much a counter grew, or that over its time.
const GROWING: [&str; 2] = ["rate", "increase"];

/// Aggregations that give one series for each group, without a parameter or with one that is a number.
const FOLDING: [TokenId; 8] = [
    token::T_SUM,
    token::T_AVG,
    token::T_MIN,
    token::T_MAX,
    token::T_COUNT,
    token::T_GROUP,
    token::T_STDDEV,
    token::T_QUANTILE,
];

/// How much counters grew, summed by labels: `sum by (…) (rate(COUNTER[RANGE]))`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The series of the counters.
    pub counter: Selector,
    /// The labels that are kept, in order.
    pub by: Vec<String>,
    /// The range that the expression fixes; none where it has `$window`.
    pub range: Option<Duration>,
    function: &'static str,
}

impl Growth {
    /// Whether both say how much over the same range and for the same groups, so that one is a share of the other.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.by, self.range, self.function) == (&other.by, other.range, other.function)
    }
}

/// The shape of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The growth of counters, with or without `or vector(0)`.
    Growth(Growth),
    /// One such growth less another.
    Difference(Growth, Growth),
}

/// The shape of an expression, if it is one of the usual ones.
#[must_use]
pub fn shape(text: &str) -> Option<Shape> {
    let expression = read(text)?;
    let expression = match bare(&expression) {
        // No bad event at all is zero of them.
        Expr::Binary(binary) if binary.op.id() == token::T_LOR && is_zero(&binary.rhs) => bare(&binary.lhs),
        other => other,
    };
    match expression {
        Expr::Binary(binary) if binary.op.id() == token::T_SUB && binary.modifier.is_none() => {
            Some(Shape::Difference(growth(&binary.lhs)?, growth(&binary.rhs)?))
        }
        other => growth(other).map(Shape::Growth),
    }
}

/// How many series an expression gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Groups {
    /// One at most.
    One,
    /// One for each value of these labels, in order.
    By(Vec<String>),
    /// That depends on what Prometheus has.
    Unknown,
}

/// How many series an expression gives, as far as its text says.
#[must_use]
pub fn groups(text: &str) -> Groups {
    read(text).map_or(Groups::Unknown, |expression| groups_of(&expression))
}

impl Histogram {
    /// The histogram and the bound of a bucket that a selector chooses.
    #[must_use]
    pub fn of_bucket(series: &Selector) -> Option<(Self, Decimal)> {
        let (histogram, bound) = bucket(series)?;
        Some((histogram, Decimal::from_str_exact(&bound).ok()?))
    }

    /// The histogram of which a selector chooses all events.
    #[must_use]
    pub fn of_count(series: &Selector) -> Option<Self> {
        let name = series.metric()?;
        match name.strip_suffix("_count") {
            Some(base) => Self::parse(&renamed(series, &name, base)).ok(),
            None => bucket(series).filter(|(_, bound)| bound == "+Inf").map(|(histogram, _)| histogram),
        }
    }
}

/// The histogram of a bucket, and what its `le` is equal to.
fn bucket(series: &Selector) -> Option<(Histogram, String)> {
    let name = series.metric()?;
    let base = name.strip_suffix("_bucket")?;
    let parsed = super::selector::plain(&series.to_string()).ok()?;
    let bounds: Vec<_> = parsed.matchers.matchers.iter().filter(|matcher| matcher.name == BOUND).collect();
    let [bound] = bounds.as_slice() else { return None };
    let is_equal = matches!(bound.op, MatchOp::Equal);
    let histogram = Histogram::parse(&renamed(&series.without(BOUND), &name, base)).ok()?;
    is_equal.then(|| (histogram, bound.value.clone()))
}

/// A selector with another name of its metric.
fn renamed(series: &Selector, name: &str, other: &str) -> String {
    let text = series.to_string();
    format!("{other}{}", text.strip_prefix(name).unwrap_or_default())
}

/// Parses an expression with the stand-in where its window is.
fn read(text: &str) -> Option<Expr> {
    super::parse(&text.replace(WINDOW, &STAND_IN.to_string())).ok()
}

/// An expression without the parentheses around it.
fn bare(mut expression: &Expr) -> &Expr {
    while let Expr::Paren(paren) = expression {
        expression = &paren.expr;
    }
    expression
}

/// Whether an expression is `vector(0)`.
fn is_zero(expression: &Expr) -> bool {
    let Expr::Call(call) = bare(expression) else { return false };
    let argument = call.args.args.first().map(|argument| bare(argument));
    call.func.name == "vector" && matches!(argument, Some(Expr::NumberLiteral(number)) if number.val == 0.0)
}

fn growth(expression: &Expr) -> Option<Growth> {
    let Expr::Aggregate(aggregate) = bare(expression) else { return None };
    let by = kept(aggregate).filter(|_| aggregate.op.id() == token::T_SUM)?;
    let Expr::Call(call) = bare(&aggregate.expr) else { return None };
    let function = GROWING.into_iter().find(|function| *function == call.func.name)?;
    let [argument] = call.args.args.as_slice() else { return None };
    let Expr::MatrixSelector(MatrixSelector { vs, range }) = bare(argument) else { return None };
    let counter = Selector::parse(&vs.to_string()).ok()?;
    let range = Duration::from_millis(u64::try_from(range.as_millis()).ok()?);
    Some(Growth { counter, by, range: Some(range).filter(|range| *range != STAND_IN), function })
}

/// The labels that an aggregation keeps, in order; nothing if it names those that it drops.
fn kept(aggregate: &AggregateExpr) -> Option<Vec<String>> {
    match &aggregate.modifier {
        None => Some(Vec::new()),
        Some(LabelModifier::Include(labels)) => {
            let mut labels = labels.labels.clone();
            labels.sort();
            labels.dedup();
            Some(labels)
        }
        Some(LabelModifier::Exclude(_)) => None,
    }
}

fn groups_of(expression: &Expr) -> Groups {
    match expression {
        Expr::NumberLiteral(_) => Groups::One,
        Expr::Paren(paren) => groups_of(&paren.expr),
        Expr::Unary(unary) => groups_of(&unary.expr),
        Expr::Subquery(subquery) => groups_of(&subquery.expr),
        Expr::Aggregate(aggregate) if FOLDING.contains(&aggregate.op.id()) => match kept(aggregate) {
            Some(labels) if labels.is_empty() => Groups::One,
            Some(labels) => Groups::By(labels),
            None => Groups::Unknown,
        },
        Expr::Call(call) if matches!(call.func.name, "vector" | "scalar" | "time") => Groups::One,
        Expr::Call(call) if matches!(call.func.name, "label_replace" | "label_join") => Groups::Unknown,
        Expr::Call(call) => together(call.args.args.iter().map(|argument| groups_of(argument))),
        Expr::Binary(binary) => together([groups_of(&binary.lhs), groups_of(&binary.rhs)]),
        Expr::Aggregate(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::StringLiteral(_)
        | Expr::Extension(_) => Groups::Unknown,
    }
}

/// What operands have in common: a single series beside groups leaves those groups where both are numbers, which no text
/// tells, so they must be the same or one of them a number.
fn together(operands: impl IntoIterator<Item = Groups>) -> Groups {
    let mut all = Groups::One;
    for groups in operands {
        all = match (all, groups) {
            (Groups::One, groups) => groups,
            (all, Groups::One) => all,
            (all, groups) if all == groups => all,
            _ => Groups::Unknown,
        };
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> String {
        let said = |growth: &Growth| {
            let range = growth.range.map(|range| range.to_string()).unwrap_or_default();
            format!("{} by {:?} {range}", growth.counter, growth.by)
        };
        match shape(text) {
            None => "none".to_owned(),
            Some(Shape::Growth(growth)) => said(&growth),
            Some(Shape::Difference(one, other)) => format!("{} less {}", said(&one), said(&other)),
        }
    }

    #[test]
    fn a_sum_of_a_rate_is_its_counter() {
        for (text, counter) in [
            ("sum(rate(x{a=\"b\"}[$window]))", "x{a=\"b\"} by [] "),
            ("(sum by (z, a) (increase(x[$window])))", "x by [\"a\", \"z\"] "),
            ("sum(rate(x[$window])) or vector(0)", "x by [] "),
            ("(sum(rate(x[$window])) OR on() vector(0))", "x by [] "),
            ("sum(rate(x[5m]))", "x by [] 5m"),
            ("(sum(rate(x[$window])) - sum(rate(y[$window])))", "x by []  less y by [] "),
        ] {
            assert_eq!(found(text), counter, "{text}");
        }
        for other in [
            "sum(rate(x[$window] offset 5m))",
            "sum(rate(x[$window:1m]))",
            "sum without (a) (rate(x[$window]))",
            "sum(irate(x[$window]))",
            "avg(rate(x[$window]))",
            "sum(rate(x[$window])) or vector(1)",
            "sum(rate(x[$window])) * 2",
            "rate(x[$window])",
            "sum(rate(x[$window])",
            "sum(rate(x[$window])) - ignoring (a) sum(rate(y[$window]))",
        ] {
            assert_eq!(found(other), "none", "{other}");
        }
    }

    #[test]
    fn groups_are_what_the_text_keeps() {
        let by = |labels: &[&str]| Groups::By(labels.iter().map(|label| (*label).to_owned()).collect());
        for (text, expected) in [
            ("1 - (sum(rate(a[$window])) / sum(rate(b[$window])))", Groups::One),
            ("sum_over_time((count(x < 0.75))[$window:]) OR on() vector(0)", Groups::One),
            ("sum by (b, a) (x) / sum by (a, b) (y)", by(&["a", "b"])),
            ("sum by (a) (x) / sum by (b) (y)", Groups::Unknown),
            ("rate(x[$window])", Groups::Unknown),
            ("topk(1, x)", Groups::Unknown),
            ("sum without (a) (x)", Groups::Unknown),
            ("no promql at all", Groups::Unknown),
        ] {
            assert_eq!(groups(text), expected, "{text}");
        }
    }

    #[test]
    fn a_bucket_and_a_count_are_one_histogram() {
        let series = |text: &str| Selector::parse(text).expect(text);
        let (histogram, bound) =
            Histogram::of_bucket(&series("h_seconds_bucket{le=\"0.4\",verb!=\"WATCH\"}")).expect("a bucket");
        assert_eq!(bound, Decimal::new(4, 1));
        assert_eq!(histogram.native().to_string(), "h_seconds{verb!=\"WATCH\"}");
        assert_eq!(Histogram::of_count(&series("h_seconds_count{verb!=\"WATCH\"}")), Some(histogram.clone()));
        assert_eq!(Histogram::of_count(&series("h_seconds_bucket{verb!=\"WATCH\",le=\"+Inf\"}")), Some(histogram));
        for other in ["h_seconds_bucket", "h_seconds_bucket{le=~\"0.4|5\"}", "h_seconds{le=\"0.4\"}", "{le=\"1\"}"] {
            assert_eq!(Histogram::of_bucket(&series(other)), None, "{other}");
        }
        assert_eq!(Histogram::of_count(&series("h_seconds_bucket{le=\"0.4\"}")), None);
    }
}
