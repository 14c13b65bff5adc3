//! Whether two texts are the same expression, however each is written.

use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};

/// The longest expression that is compared by its meaning, as deep as the parser may go.
const MAX_BYTES: usize = 64 << 10;

/// The most levels of nesting that are compared by meaning.
const MAX_DEPTH: usize = 200;

/// Whether two texts are the same expression: white space, parentheses that change nothing, the writing of numbers,
/// durations and strings, and the order of matchers do not count. Texts that are no PromQL are the same if they hold the same words.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<String>();
    if words(one) == words(other) {
        return true;
    }
    match (tree(one), tree(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

fn tree(text: &str) -> Option<Expr> {
    let depth = text.chars().filter(|c| *c == '(').count();
    if text.len() > MAX_BYTES || depth > MAX_DEPTH {
        return None;
    }
    Some(bare(parser::parse(text).ok()?))
}

/// The expression without parentheses, whose structure the tree keeps.
fn bare(expression: Expr) -> Expr {
    match expression {
        Expr::Paren(paren) => bare(*paren.expr),
        Expr::Aggregate(mut aggregate) => {
            aggregate.expr = Box::new(bare(*aggregate.expr));
            aggregate.param = aggregate.param.map(|param| Box::new(bare(*param)));
            // `sum by () (x)` is how Prometheus prints `sum(x)`, and the other way round.
            if matches!(&aggregate.modifier, Some(LabelModifier::Include(labels)) if labels.labels.is_empty()) {
                aggregate.modifier = None;
            }
            Expr::Aggregate(aggregate)
        }
        Expr::Binary(mut binary) => {
            binary.lhs = Box::new(bare(*binary.lhs));
            binary.rhs = Box::new(bare(*binary.rhs));
            Expr::Binary(binary)
        }
        Expr::Call(mut call) => {
            call.args.args = call.args.args.into_iter().map(|argument| Box::new(bare(*argument))).collect();
            Expr::Call(call)
        }
        Expr::Unary(mut unary) => {
            unary.expr = Box::new(bare(*unary.expr));
            Expr::Unary(unary)
        }
        Expr::Subquery(mut subquery) => {
            subquery.expr = Box::new(bare(*subquery.expr));
            Expr::Subquery(subquery)
        }
        Expr::VectorSelector(selector) => Expr::VectorSelector(ordered(selector)),
        Expr::MatrixSelector(mut matrix) => {
            matrix.vs = ordered(matrix.vs);
            Expr::MatrixSelector(matrix)
        }
        other => other,
    }
}

/// The selector with its matchers in the order in which Prometheus prints them.
fn ordered(mut selector: VectorSelector) -> VectorSelector {
    selector.matchers.matchers.sort_by_cached_key(ToString::to_string);
    selector
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn writing_does_not_count_and_meaning_does() {
        for (one, other) in [
            ("sum by (a) (x)", "sum by(a)(x)"),
            ("(a + b)", "a + b"),
            ("x[1h]", "x[60m]"),
            ("x > 0.000000001", "x > 1e-09"),
            ("x{a='b'}", "x{a=\"b\"}"),
            ("(a - b >= 0) or c", "a - b >= 0 or c"),
            ("sum (x)", "sum(x)"),
            ("x{b=\"1\",a=\"2\"}[5999ms]", "x{a=\"2\",b=\"1\"}[5s999ms]"),
        ] {
            assert!(same(one, other), "{one} and {other}");
        }
        for (one, other) in
            [("(a + b) * c", "a + b * c"), ("x[1h]", "x[1m]"), ("x{a=\"b\"}", "x{a=~\"b\"}"), ("a b", "a")]
        {
            assert!(!same(one, other), "{one} and {other}");
        }
    }
}
