//! What an expression gives where Prometheus has none of its series: nothing, as a rule, but a value where it ends in
//! `or vector(0)` or asks whether something is absent.
//!
//! Such a value looks like data. This says when there is one; what follows from it is decided elsewhere.

use promql_parser::parser::token;
use promql_parser::parser::{AggregateExpr, BinaryExpr, Call, Expr};

/// What a query gives without any data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutData {
    /// Nothing, so that missing data are missing.
    Nothing,
    /// 0 events, which its own series tell from events that are not known.
    Zero,
    /// Another value, or one that its text does not tell.
    Value,
}

/// Functions that keep 0 as it is; of one that is not here, a value is not known.
const KEEPING_ZERO: [&str; 22] = [
    "abs",
    "avg_over_time",
    "ceil",
    "delta",
    "deriv",
    "floor",
    "idelta",
    "increase",
    "irate",
    "label_join",
    "label_replace",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "rate",
    "round",
    "sgn",
    "sort",
    "sort_desc",
    "sqrt",
    "sum_over_time",
    "vector",
];

/// What an expression gives in a Prometheus that holds nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Given {
    Nothing,
    Number(f64),
    Unknown,
}

/// What a parsed query gives where no series is that it reads.
pub(super) fn without_data(expression: &Expr) -> WithoutData {
    match given(expression) {
        Given::Nothing => WithoutData::Nothing,
        Given::Number(0.0) => WithoutData::Zero,
        Given::Number(_) | Given::Unknown => WithoutData::Value,
    }
}

fn given(expression: &Expr) -> Given {
    match expression {
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => Given::Nothing,
        Expr::NumberLiteral(number) => Given::Number(number.val),
        Expr::Paren(paren) => given(&paren.expr),
        Expr::Subquery(subquery) => given(&subquery.expr),
        Expr::Unary(unary) => match given(&unary.expr) {
            Given::Number(number) => Given::Number(-number),
            other => other,
        },
        Expr::Aggregate(aggregate) => folded(aggregate),
        Expr::Call(call) => called(call),
        Expr::Binary(binary) => joined(binary),
        Expr::StringLiteral(_) | Expr::Extension(_) => Given::Unknown,
    }
}

/// An aggregation of a single value is that value, or is not known here.
fn folded(aggregate: &AggregateExpr) -> Given {
    const KEEPING: [token::TokenId; 4] = [token::T_SUM, token::T_AVG, token::T_MIN, token::T_MAX];
    match given(&aggregate.expr) {
        Given::Number(number) if KEEPING.contains(&aggregate.op.id()) => Given::Number(number),
        Given::Nothing => Given::Nothing,
        Given::Number(_) | Given::Unknown => Given::Unknown,
    }
}

fn called(call: &Call) -> Given {
    let name = call.func.name;
    let arguments: Vec<Given> = call.args.args.iter().map(|argument| given(argument)).collect();
    if name.starts_with("absent") || name == "scalar" {
        return Given::Unknown;
    }
    // Series may stand behind numbers, as in `histogram_quantile(0.9, …)`.
    if arguments.contains(&Given::Nothing) {
        return Given::Nothing;
    }
    match arguments.first() {
        Some(Given::Number(number)) if name == "vector" => Given::Number(*number),
        Some(Given::Number(0.0)) if KEEPING_ZERO.contains(&name) => Given::Number(0.0),
        _ => Given::Unknown,
    }
}

fn joined(binary: &BinaryExpr) -> Given {
    let (left, right) = (given(&binary.lhs), given(&binary.rhs));
    match (binary.op.id(), left, right) {
        (token::T_LOR, Given::Nothing, other) => other,
        (token::T_LUNLESS, left, Given::Nothing) => left,
        (token::T_LUNLESS, Given::Nothing, _) => Given::Nothing,
        (token::T_LOR | token::T_LUNLESS, Given::Unknown, _) | (token::T_LUNLESS, ..) => Given::Unknown,
        (token::T_LOR, number, _) => number,
        (_, Given::Nothing, _) | (_, _, Given::Nothing) => Given::Nothing,
        (token::T_LAND, left, _) => left,
        (operator, Given::Number(left), Given::Number(right)) => computed(operator, left, right, binary.return_bool()),
        (_, Given::Unknown, _) | (_, _, Given::Unknown) => Given::Unknown,
    }
}

/// Two numbers under an operator, of which comparisons give their left side or nothing unless they are `bool`.
fn computed(operator: token::TokenId, left: f64, right: f64, is_bool: bool) -> Given {
    let compared = |holds: bool| match (is_bool, holds) {
        (true, holds) => Given::Number(f64::from(u8::from(holds))),
        (false, true) => Given::Number(left),
        (false, false) => Given::Nothing,
    };
    match operator {
        token::T_ADD => Given::Number(left + right),
        token::T_SUB => Given::Number(left - right),
        token::T_MUL => Given::Number(left * right),
        token::T_DIV => Given::Number(left / right),
        token::T_GTR => compared(left > right),
        token::T_GTE => compared(left >= right),
        token::T_LSS => compared(left < right),
        token::T_LTE => compared(left <= right),
        _ => Given::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fallback_answers_without_data() {
        for (text, expected) in [
            ("sum(rate(x[5m]))", WithoutData::Nothing),
            ("sum by (a) (rate(x[5m])) / 2", WithoutData::Nothing),
            ("1 - avg_over_time(x[5m])", WithoutData::Nothing),
            ("sum(x) or sum(y)", WithoutData::Nothing),
            ("label_replace(sum(x), \"a\", \"b\", \"\", \"\")", WithoutData::Nothing),
            ("histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))", WithoutData::Nothing),
            ("sum(x) + (sum(y) or vector(0))", WithoutData::Nothing),
            ("vector(1) and x", WithoutData::Nothing),
            ("(sum(x) or vector(0)) > 0", WithoutData::Nothing),
            ("sum(rate(x[5m])) or vector(0)", WithoutData::Zero),
            ("sum((sum(rate(x[5m])) OR on() vector(0)))", WithoutData::Zero),
            ("(sum(x) or vector(0)) + (sum(y) or vector(0))", WithoutData::Zero),
            ("sum_over_time(((x or vector(0)) > bool 0.5)[5m:1m])", WithoutData::Zero),
            ("label_replace(x or vector(0), \"a\", \"b\", \"\", \"\")", WithoutData::Zero),
            ("vector(0) unless x", WithoutData::Zero),
            ("(x or vector(2)) * 0", WithoutData::Zero),
            ("sum(x) or vector(1)", WithoutData::Value),
            ("absent(x)", WithoutData::Value),
            ("max_over_time(absent(x)[5m:1m])", WithoutData::Value),
            ("count(x or vector(0))", WithoutData::Value),
            ("count_over_time(vector(0)[5m:1m])", WithoutData::Value),
            ("(sum(x) or vector(0)) / (sum(y) or vector(0))", WithoutData::Value),
            ("vector(time())", WithoutData::Value),
            ("vector(scalar(x))", WithoutData::Value),
            ("-(x or vector(3))", WithoutData::Value),
        ] {
            let expression = promql_parser::parser::parse(text).expect(text);
            assert_eq!(without_data(&expression), expected, "{text}");
        }
    }
}
