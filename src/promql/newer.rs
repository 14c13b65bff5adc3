//! What came to PromQL after Prometheus 2.42, which the generated rules still load into, and what left it since.
//!
//! The parser crate reads the language of today. The words of an expression are looked at before it is parsed, so
//! that the message is the same whether that crate knows them or not.

use promql_parser::parser::{AggregateExpr, Call};

use super::PromqlError;

/// Functions and aggregations that came later.
const NEWER: [&str; 18] = [
    "double_exponential_smoothing",
    "first_over_time",
    "histogram_avg",
    "histogram_quantiles",
    "histogram_stddev",
    "histogram_stdvar",
    "info",
    "limit_ratio",
    "limitk",
    "mad_over_time",
    "range",
    "sort_by_label",
    "sort_by_label_desc",
    "step",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
];

/// A function of 2.42 that 3 does not have.
const GONE: &str = "holt_winters";

/// The functions of 2.42 that 3 has too.
const FUNCTIONS: &str = "abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp \
    clamp_max clamp_min cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv exp \
    floor histogram_count histogram_fraction histogram_quantile histogram_sum hour idelta increase irate label_join \
    label_replace last_over_time ln log10 log2 max_over_time min_over_time minute month pi predict_linear \
    present_over_time quantile_over_time rad rate resets round scalar sgn sin sinh sort sort_desc sqrt stddev_over_time \
    stdvar_over_time sum_over_time tan tanh time timestamp vector year";

/// The aggregations of 2.42.
const AGGREGATIONS: &str = "avg bottomk count count_values group max min quantile stddev stdvar sum topk";

/// Words after which a list of labels stands in parentheses.
const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Units of a duration, in the order in which they stand.
const UNITS: [&str; 7] = ["y", "w", "d", "h", "m", "s", "ms"];

/// Looks for what not every Prometheus from 2.42 on reads, word by word.
///
/// # Errors
/// [`PromqlError::TooNew`] or [`PromqlError::Gone`] with the first of it.
pub(super) fn check_words(text: &str) -> Result<(), PromqlError> {
    let pieces = pieces(text);
    let mut rest = pieces.as_slice();
    while let [piece, after @ ..] = rest {
        rest = after;
        match (piece, after) {
            (Piece::Range(range), _) if range.split(':').any(is_newer_duration) => {
                return Err(too_new(format!("the range `[{range}]`")));
            }
            (
                Piece::Word("offset"),
                [Piece::Symbol('-'), Piece::Word(word), after @ ..] | [Piece::Word(word), after @ ..],
            ) if is_duration(word) => {
                rest = after;
            }
            (Piece::Word("offset"), _) => return Err(too_new("an `offset` that is not a plain duration".to_owned())),
            (Piece::Word(word), _) if is_duration(word) => return Err(too_new(format!("`{word}` as a number"))),
            (Piece::Word(word), [Piece::Symbol('('), after @ ..]) if GROUPINGS.contains(word) => {
                rest = grouping(after)?;
            }
            (Piece::Word(GONE), [Piece::Symbol('('), ..]) => return Err(PromqlError::Gone(GONE)),
            (Piece::Word(word), [Piece::Symbol('(') | Piece::Word("by" | "without"), ..]) if NEWER.contains(word) => {
                return Err(too_new(format!("`{word}`")));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks that 2.42 has a function that the parser crate knows.
pub(super) fn check_call(call: &Call) -> Result<(), PromqlError> {
    let name = call.func.name;
    if is_listed(FUNCTIONS, name) { Ok(()) } else { Err(too_new(format!("`{name}`"))) }
}

/// Checks that 2.42 has an aggregation that the parser crate knows.
pub(super) fn check_aggregation(aggregate: &AggregateExpr) -> Result<(), PromqlError> {
    let name = aggregate.op.to_string();
    if is_listed(AGGREGATIONS, &name) { Ok(()) } else { Err(too_new(format!("`{name}`"))) }
}

fn is_listed(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}

fn too_new(what: String) -> PromqlError {
    PromqlError::TooNew(what)
}

/// Passes over a list of labels, none of which may stand in quotes.
fn grouping<'p, 't>(pieces: &'p [Piece<'t>]) -> Result<&'p [Piece<'t>], PromqlError> {
    let mut rest = pieces;
    while let [piece, after @ ..] = rest {
        match piece {
            Piece::Text => return Err(too_new("a label in quotes".to_owned())),
            Piece::Symbol(')') => break,
            _ => rest = after,
        }
    }
    Ok(rest)
}

/// Whether a part of a range is one that 2.42 does not read: seconds without a unit, or an expression.
fn is_newer_duration(part: &str) -> bool {
    let part = part.trim();
    let is_operator = |c: char| c.is_ascii_whitespace() || matches!(c, '+' | '-' | '*' | '/' | '%' | '^' | '(' | ')');
    let is_known = |word: &str| {
        matches!(word, "step" | "range" | "min" | "max") || is_duration(word) || word.parse::<f64>().is_ok()
    };
    !part.is_empty() && !is_duration(part) && part.split(is_operator).filter(|word| !word.is_empty()).all(is_known)
}

/// Whether a word is a duration such as `1h30m`, longest unit first.
fn is_duration(word: &str) -> bool {
    let mut rest = word;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let unit = digits.get(..digits.find(|c: char| c.is_ascii_digit()).unwrap_or(digits.len())).unwrap_or_default();
        if digits.len() == rest.len() || !units.any(|known| *known == unit) {
            return false;
        }
        rest = digits.strip_prefix(unit).unwrap_or_default();
    }
    !word.is_empty()
}

/// A piece of an expression.
#[derive(Debug)]
enum Piece<'t> {
    /// A name, keyword, number or duration.
    Word(&'t str),
    /// A string.
    Text,
    /// What stands in brackets.
    Range(&'t str),
    /// Anything else.
    Symbol(char),
}

/// Cuts an expression into pieces, without white space, comments and what stands in braces.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut in_braces = false;
    while let Some(first) = rest.chars().next() {
        let (piece, after) = piece(rest, first);
        rest = after;
        match piece {
            Some(Piece::Symbol('{')) => in_braces = true,
            Some(Piece::Symbol('}')) => in_braces = false,
            Some(piece) if !in_braces => pieces.push(piece),
            _ => {}
        }
    }
    pieces
}

/// The first piece of a text that starts with `first`, and what follows it.
fn piece(text: &str, first: char) -> (Option<Piece<'_>>, &str) {
    let after = text.strip_prefix(first).unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.');
    match first {
        c if c.is_whitespace() => (None, after),
        '#' => (None, after.split_once('\n').map_or("", |(_, rest)| rest)),
        '"' | '\'' | '`' => (Some(Piece::Text), after_string(after, first)),
        '[' => {
            let (range, rest) = after.split_once(']').unwrap_or((after, ""));
            (Some(Piece::Range(range)), rest)
        }
        c if is_word(c) => {
            let rest = text.trim_start_matches(is_word);
            (text.strip_suffix(rest).map(Piece::Word), rest)
        }
        c => (Some(Piece::Symbol(c)), after),
    }
}

/// What follows a string whose opening quote was read.
fn after_string(text: &str, quote: char) -> &str {
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c == quote {
            break;
        }
        if c == '\\' && quote != '`' {
            characters.next();
        }
    }
    characters.as_str()
}
