//! Expressions that the generators build: a small tree that prints as PromQL with the parentheses that
//! precedence needs, so that no generator ever joins texts.

use std::fmt::Write as _;

use rust_decimal::Decimal;

use crate::units::Duration;

/// A line longer than this is broken before its operators.
const LINE: usize = 110;

/// A PromQL expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number.
    Number(Decimal),
    /// A string.
    Text(String),
    /// A series selector with an optional range and offset.
    Series(Series),
    /// An expression over a range with a step, `(…)[1h:5m] offset 30s`.
    Subquery {
        /// What is evaluated.
        inner: Box<Expr>,
        /// The range.
        range: Duration,
        /// The step.
        step: Duration,
        /// The offset; none when zero.
        offset: Duration,
    },
    /// A function call.
    Call {
        /// The function.
        function: &'static str,
        /// Its arguments.
        arguments: Vec<Expr>,
    },
    /// An aggregation by labels; without labels, over everything.
    Aggregate {
        /// The operator, `sum` or `count`.
        operator: &'static str,
        /// The labels that are kept.
        by: Vec<String>,
        /// What is aggregated.
        inner: Box<Expr>,
    },
    /// Two operands and what joins them.
    Binary {
        /// The operator.
        operator: Operator,
        /// The labels that match, or all of them.
        on: Option<Vec<String>>,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// A whole expression of a file, already checked. It always prints in parentheses.
    Checked(String),
    /// A variable of a dashboard that stands for a number, replaced before Prometheus reads the expression.
    Variable(&'static str),
}

/// A series selector with an optional range and offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    selector: String,
    range: Option<Range>,
    at_end: bool,
    offset: Duration,
}

/// How much of the past a range selector holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    Fixed(Duration),
    /// A variable of a dashboard, replaced before Prometheus reads the expression.
    Variable(&'static str),
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the operator it prints as
pub enum Operator {
    Or,
    And,
    Unless,
    Equal,
    Less,
    LessOrEqual,
    LessBool,
    LessOrEqualBool,
    Greater,
    GreaterOrEqual,
    GreaterBool,
    GreaterOrEqualBool,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Operator {
    /// The operator as it is written.
    const fn text(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Unless => "unless",
            Self::Equal => "==",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::LessBool => "< bool",
            Self::LessOrEqualBool => "<= bool",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::GreaterBool => "> bool",
            Self::GreaterOrEqualBool => ">= bool",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }

    /// How strongly it binds; all operators here associate to the left.
    const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Equal
            | Self::Less
            | Self::LessOrEqual
            | Self::LessBool
            | Self::LessOrEqualBool
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::GreaterBool
            | Self::GreaterOrEqualBool => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide | Self::Modulo => 5,
        }
    }

    /// Whether it joins sets; in a long expression, operands that are not alike get parentheses for the reader.
    const fn is_set(self) -> bool {
        matches!(self, Self::Or | Self::And | Self::Unless)
    }
}

impl Series {
    /// A series by its selector text, which must be valid.
    #[must_use]
    pub fn new(selector: impl Into<String>) -> Self {
        Self { selector: selector.into(), range: None, at_end: false, offset: Duration::ZERO }
    }

    /// Over a range.
    #[must_use]
    pub fn range(mut self, range: Duration) -> Self {
        self.range = Some(Range::Fixed(range));
        self
    }

    /// Over the range that a variable of a dashboard stands for.
    #[must_use]
    pub fn range_variable(mut self, variable: &'static str) -> Self {
        self.range = Some(Range::Variable(variable));
        self
    }

    /// As it is at the end of the time that a graph shows, whatever the moment on it.
    #[must_use]
    pub fn at_end(mut self) -> Self {
        self.at_end = true;
        self
    }

    /// Over the samples of a window, whatever its edges: Prometheus 2 includes the left edge of a range and
    /// Prometheus 3 does not, so the range is a millisecond shorter and holds the same samples in both.
    #[must_use]
    pub fn window(self, window: Duration) -> Self {
        self.range(window.minus(Duration::from_millis(1)))
    }

    /// As it was `offset` ago.
    #[must_use]
    pub fn ago(mut self, offset: Duration) -> Self {
        self.offset = offset;
        self
    }

    /// The name of its metric.
    #[must_use]
    pub fn metric(&self) -> &str {
        self.selector.split('{').next().unwrap_or_default()
    }

    /// The range that it reads, if it is more than its newest sample, and how far it looks back from there.
    #[must_use]
    pub const fn reach(&self) -> (Option<Duration>, Duration) {
        match self.range {
            Some(Range::Fixed(range)) => (Some(range), self.offset),
            Some(Range::Variable(_)) | None => (None, self.offset),
        }
    }
}

impl From<Series> for Expr {
    fn from(series: Series) -> Self {
        Self::Series(series)
    }
}

impl From<Decimal> for Expr {
    fn from(number: Decimal) -> Self {
        Self::Number(number.normalize())
    }
}

/// `function(argument)`.
#[must_use]
pub fn call(function: &'static str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Call { function, arguments: arguments.into_iter().collect() }
}

/// `sum_over_time(series[window])`, edges as [`Series::window`] has them.
#[must_use]
pub fn sum_over(series: Series, window: Duration) -> Expr {
    call("sum_over_time", [series.window(window).into()])
}

/// `count_over_time(series[window])`, edges as [`Series::window`] has them.
#[must_use]
pub fn count_over(series: Series, window: Duration) -> Expr {
    call("count_over_time", [series.window(window).into()])
}

/// `last_over_time(series[range])`: the newest sample of a scraped series, for which the left edge does not matter.
#[must_use]
pub fn last_over(series: Series, range: Duration) -> Expr {
    call("last_over_time", [series.range(range).into()])
}

/// `last_over_time(series[window])`: whether there was a sample, edges as [`Series::window`] has them.
#[must_use]
pub fn seen_over(series: Series, window: Duration) -> Expr {
    call("last_over_time", [series.window(window).into()])
}

/// `sum by (labels) (inner)`.
#[must_use]
pub fn sum_by(by: &[String], inner: Expr) -> Expr {
    Expr::Aggregate { operator: "sum", by: by.to_vec(), inner: Box::new(inner) }
}

/// `max by (labels) (inner)`.
#[must_use]
pub fn max_by(by: &[String], inner: Expr) -> Expr {
    Expr::Aggregate { operator: "max", by: by.to_vec(), inner: Box::new(inner) }
}

impl Expr {
    /// This joined to another.
    #[must_use]
    pub fn join(self, operator: Operator, right: impl Into<Self>) -> Self {
        Self::Binary { operator, on: None, left: Box::new(self), right: Box::new(right.into()) }
    }

    /// This joined to another where the labels `on` agree.
    #[must_use]
    pub fn join_on(self, operator: Operator, on: &[String], right: impl Into<Self>) -> Self {
        Self::Binary { operator, on: Some(on.to_vec()), left: Box::new(self), right: Box::new(right.into()) }
    }

    /// Calls `see` with the metric name of every series that is read, apart from those inside a checked query of a file.
    pub fn each_metric(&self, see: &mut impl FnMut(&str)) {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Checked(_) | Self::Variable(_) => {}
            Self::Series(series) => see(series.metric()),
            Self::Subquery { inner, .. } | Self::Aggregate { inner, .. } => inner.each_metric(see),
            Self::Call { arguments, .. } => arguments.iter().for_each(|argument| argument.each_metric(see)),
            Self::Binary { left, right, .. } => {
                left.each_metric(see);
                right.each_metric(see);
            }
        }
    }

    /// The expression as text: on one line where it is short, broken before its operators where not.
    #[must_use]
    pub fn print(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    /// The expression on one line.
    #[must_use]
    pub fn flat(&self) -> String {
        let mut out = String::new();
        self.write_flat(&mut out);
        out
    }

    /// How strongly the outermost operator binds; 9 for what never needs parentheses.
    const fn precedence(&self) -> u8 {
        match self {
            Self::Binary { operator, .. } => operator.precedence(),
            _ => 9,
        }
    }

    fn write(&self, out: &mut String, indent: usize) {
        let flat = self.flat();
        if indent + flat.len() <= LINE {
            out.push_str(&flat);
            return;
        }
        match self {
            Self::Binary { operator, on, left, right } => {
                left.write_operand(out, indent, *operator, operator.precedence());
                break_line(out, indent);
                write_operator(out, *operator, on.as_deref());
                right.write_operand(out, indent, *operator, operator.precedence() + 1);
            }
            Self::Aggregate { operator, by, inner } => {
                write_aggregate(out, operator, by);
                write_block(out, inner, indent);
            }
            _ => out.push_str(&flat),
        }
    }

    /// Writes an operand of an operator, in a block of its own where precedence or a reader needs parentheses.
    fn write_operand(&self, out: &mut String, indent: usize, parent: Operator, precedence: u8) {
        let unlike = matches!(self, Self::Binary { operator, .. } if parent.is_set() && *operator != parent);
        if self.precedence() >= precedence && !unlike {
            self.write(out, indent);
        } else if indent + self.flat().len() + 2 <= LINE {
            let _ = write!(out, "({})", self.flat());
        } else {
            write_block(out, self, indent);
        }
    }

    fn write_flat(&self, out: &mut String) {
        match self {
            Self::Number(number) => push(out, number),
            Self::Variable(variable) => push(out, variable),
            Self::Text(text) => out.push_str(&super::quote(text)),
            Self::Series(series) => write_series(out, series),
            Self::Subquery { inner, range, step, offset } => {
                inner.write_flat_operand(out, 9);
                let _ = write!(out, "[{range}:{step}]");
                write_offset(out, *offset);
            }
            Self::Call { function, arguments } => {
                let _ = write!(out, "{function}(");
                for (at, argument) in arguments.iter().enumerate() {
                    if at > 0 {
                        out.push_str(", ");
                    }
                    argument.write_flat(out);
                }
                out.push(')');
            }
            Self::Aggregate { operator, by, inner } => {
                write_aggregate(out, operator, by);
                out.push('(');
                inner.write_flat(out);
                out.push(')');
            }
            Self::Binary { operator, on, left, right } => {
                left.write_flat_operand(out, operator.precedence());
                out.push(' ');
                write_operator(out, *operator, on.as_deref());
                right.write_flat_operand(out, operator.precedence() + 1);
            }
            Self::Checked(text) => {
                let _ = write!(out, "({text})");
            }
        }
    }

    fn write_flat_operand(&self, out: &mut String, precedence: u8) {
        if self.precedence() >= precedence {
            self.write_flat(out);
        } else {
            out.push('(');
            self.write_flat(out);
            out.push(')');
        }
    }
}

fn push(out: &mut String, value: impl std::fmt::Display) {
    let _ = write!(out, "{value}");
}

fn break_line(out: &mut String, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

/// `inner` in parentheses, on lines of its own.
fn write_block(out: &mut String, inner: &Expr, indent: usize) {
    out.push('(');
    break_line(out, indent + 2);
    inner.write(out, indent + 2);
    break_line(out, indent);
    out.push(')');
}

fn write_aggregate(out: &mut String, operator: &str, by: &[String]) {
    out.push_str(operator);
    if by.is_empty() {
        out.push(' ');
    } else {
        let _ = write!(out, " by ({}) ", by.join(", "));
    }
}

fn write_operator(out: &mut String, operator: Operator, on: Option<&[String]>) {
    out.push_str(operator.text());
    if let Some(on) = on {
        let _ = write!(out, " on ({})", on.join(", "));
    }
    out.push(' ');
}

fn write_series(out: &mut String, series: &Series) {
    out.push_str(&series.selector);
    match series.range {
        Some(Range::Fixed(range)) => push(out, format_args!("[{range}]")),
        Some(Range::Variable(variable)) => push(out, format_args!("[{variable}]")),
        None => {}
    }
    if series.at_end {
        out.push_str(" @ end()");
    }
    write_offset(out, series.offset);
}

fn write_offset(out: &mut String, offset: Duration) {
    if !offset.is_zero() {
        let _ = write!(out, " offset {offset}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str) -> Expr {
        Series::new(name).into()
    }

    #[test]
    fn parentheses_follow_precedence() {
        let sum = series("a").join(Operator::Add, series("b"));
        assert_eq!(sum.clone().join(Operator::Multiply, series("c")).flat(), "(a + b) * c");
        assert_eq!(series("c").join(Operator::Subtract, sum.clone()).flat(), "c - (a + b)");
        assert_eq!(sum.join(Operator::Subtract, series("c")).flat(), "a + b - c");
        let either = series("a").join(Operator::Or, series("b"));
        assert_eq!(either.join(Operator::And, series("c")).flat(), "(a or b) and c");
    }

    #[test]
    fn ranges_offsets_and_matching_print_as_prometheus_reads_them() {
        let last = last_over(Series::new("x{a=\"b\"}").ago(Duration::from_secs(30)), Duration::from_mins(2));
        assert_eq!(last.flat(), "last_over_time(x{a=\"b\"}[2m] offset 30s)");
        let matched = series("a").join_on(Operator::Unless, &["slo".to_owned()], series("b"));
        assert_eq!(matched.flat(), "a unless on (slo) b");
        let nothing = series("a").join_on(Operator::Or, &[], series("b"));
        assert_eq!(nothing.flat(), "a or on () b");
        let sub = Expr::Subquery {
            inner: Box::new(call("timestamp", [series("x")])),
            range: Duration::from_days(30),
            step: Duration::from_mins(5),
            offset: Duration::ZERO,
        };
        assert_eq!(sub.flat(), "timestamp(x)[30d:5m]");
    }

    #[test]
    fn what_a_dashboard_replaces_prints_as_it_is() {
        let over = call("sum_over_time", [Series::new("x").range_variable("$__interval").into()]);
        let since = call("time", []).join(Operator::GreaterBool, Expr::Variable("$__from"));
        let end = last_over(Series::new("y").at_end(), Duration::from_mins(11));
        let all = over.join(Operator::Multiply, since).join(Operator::And, end);
        assert_eq!(
            all.flat(),
            "sum_over_time(x[$__interval]) * (time() > bool $__from) and last_over_time(y[11m] @ end())"
        );
    }

    #[test]
    fn long_expressions_break_at_set_operators_and_still_parse() {
        let name = "a_metric_with_a_rather_long_name_that_fills_the_line{job=\"api\"}";
        let one = series(name).join(Operator::Greater, Expr::from(Decimal::ONE));
        let all = sum_by(&["route".to_owned()], one.clone().join(Operator::Or, one.clone()).join(Operator::Or, one));
        let text = all.print();
        assert!(text.lines().count() > 3, "{text}");
        let flat = promql_parser::parser::parse(&all.flat()).expect("valid");
        let broken = promql_parser::parser::parse(&text).expect("valid");
        // Parentheses that only help the reader are all that may differ.
        let bare = |expression: &promql_parser::parser::Expr| expression.to_string().replace(['(', ')'], "");
        assert_eq!(bare(&broken), bare(&flat));
    }
}
