//! What our parser accepts and Prometheus 2 does not: regular expressions that RE2 has no notion of, and
//! quoted names.
//!
//! The parser crate checks regular expressions with Rust's engine and reads the syntax of Prometheus 3. The
//! generated rules have to load into either, so both are held to what they share.

use promql_parser::label::{MatchOp, Matcher, Matchers};
use promql_parser::parser::Expr;
use regex_syntax::ast::{
    self, Ast, ClassUnicodeKind, Flag, FlagsItemKind, GroupKind, HexLiteralKind, LiteralKind, RepetitionKind,
    RepetitionRange,
};

use super::{PromqlError, newer};

/// How often RE2 lets an expression repeat, nested repetitions multiplied.
const MAX_REPEAT: u32 = 1_000;

/// Unicode classes that both engines know: the general categories and the most used scripts.
const CLASSES: [&str; 47] = [
    "L",
    "Ll",
    "Lm",
    "Lo",
    "Lt",
    "Lu",
    "M",
    "Mc",
    "Me",
    "Mn",
    "N",
    "Nd",
    "Nl",
    "No",
    "P",
    "Pc",
    "Pd",
    "Pe",
    "Pf",
    "Pi",
    "Po",
    "Ps",
    "S",
    "Sc",
    "Sk",
    "Sm",
    "So",
    "Z",
    "Zl",
    "Zp",
    "Zs",
    "C",
    "Cc",
    "Cf",
    "Co",
    "Latin",
    "Greek",
    "Cyrillic",
    "Han",
    "Hiragana",
    "Katakana",
    "Hangul",
    "Arabic",
    "Hebrew",
    "Thai",
    "Devanagari",
    "Armenian",
];

/// Checks that every Prometheus reads an expression that our parser has read.
///
/// # Errors
/// [`PromqlError::Syntax`] with the first thing that some would refuse.
pub(super) fn check(text: &str, expression: &Expr) -> Result<(), PromqlError> {
    if has_quoted_name(text) {
        return Err(PromqlError::Syntax("a name in quotes, which only Prometheus 3 reads".to_owned()));
    }
    check_parts(expression)
}

/// Whether a quote stands where braces hold the name of a label or metric.
fn has_quoted_name(text: &str) -> bool {
    let mut characters = text.chars();
    let (mut in_braces, mut previous) = (false, ' ');
    while let Some(c) = characters.next() {
        match c {
            '"' | '\'' | '`' if in_braces && matches!(previous, '{' | ',') => return true,
            '"' | '\'' | '`' => skip_string(&mut characters, c),
            '#' => drop(characters.find(|c| *c == '\n')),
            '{' => in_braces = true,
            '}' => in_braces = false,
            _ => {}
        }
        if !c.is_whitespace() {
            previous = c;
        }
    }
    false
}

/// Passes over a string whose opening quote was read.
fn skip_string(characters: &mut std::str::Chars<'_>, quote: char) {
    while let Some(c) = characters.next() {
        if c == quote {
            return;
        }
        if c == '\\' && quote != '`' {
            characters.next();
        }
    }
}

/// Checks every function and selector.
fn check_parts(expression: &Expr) -> Result<(), PromqlError> {
    each(expression, &mut |expression| match expression {
        Expr::VectorSelector(selector) => check_matchers(&selector.matchers).map_err(PromqlError::Syntax),
        Expr::MatrixSelector(matrix) => check_matchers(&matrix.vs.matchers).map_err(PromqlError::Syntax),
        Expr::Aggregate(aggregate) => newer::check_aggregation(aggregate),
        Expr::Call(call) => newer::check_call(call),
        _ => Ok(()),
    })
}

/// Calls `see` with every part of an expression until it fails, with a list of its own instead of recursion:
/// expressions nest deeply.
pub(super) fn each<E>(expression: &Expr, see: &mut dyn FnMut(&Expr) -> Result<(), E>) -> Result<(), E> {
    let mut rest = vec![expression];
    while let Some(expression) = rest.pop() {
        see(expression)?;
        match expression {
            Expr::Aggregate(aggregate) => {
                rest.push(&aggregate.expr);
                rest.extend(aggregate.param.as_deref());
            }
            Expr::Binary(binary) => rest.extend([&*binary.lhs, &*binary.rhs]),
            Expr::Call(call) => rest.extend(call.args.args.iter().map(|argument| &**argument)),
            Expr::Paren(paren) => rest.push(&paren.expr),
            Expr::Unary(unary) => rest.push(&unary.expr),
            Expr::Subquery(subquery) => rest.push(&subquery.expr),
            Expr::VectorSelector(_)
            | Expr::MatrixSelector(_)
            | Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::Extension(_) => {}
        }
    }
    Ok(())
}

fn check_matchers(matchers: &Matchers) -> Result<(), String> {
    matchers.matchers.iter().chain(matchers.or_matchers.iter().flatten()).try_for_each(check_matcher)
}

fn check_matcher(matcher: &Matcher) -> Result<(), String> {
    if !matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_)) {
        return Ok(());
    }
    // The parser crate has accepted it, after rewriting braces that this one may refuse.
    let Ok(tree) = ast::parse::Parser::new().parse(&matcher.value) else { return Ok(()) };
    ast::visit(&tree, Portability { repeat: vec![1] })
        .map_err(|what| format!("the regular expression `{}` has {what}, which Prometheus refuses", matcher.value))
}

/// Looks for what RE2 refuses; carries the product of the repetitions that are open.
struct Portability {
    repeat: Vec<u32>,
}

impl ast::Visitor for Portability {
    type Output = ();
    type Err = &'static str;

    fn finish(self) -> Result<(), Self::Err> {
        Ok(())
    }

    fn visit_pre(&mut self, tree: &Ast) -> Result<(), Self::Err> {
        match tree {
            Ast::Flags(set) => flags(&set.flags),
            Ast::Group(group) => match &group.kind {
                GroupKind::NonCapturing(set) => flags(set),
                GroupKind::CaptureName { starts_with_p: false, .. } => Err("a group `(?<name>`; write `(?P<name>`"),
                _ => Ok(()),
            },
            Ast::Literal(literal) => is_known(&literal.kind),
            Ast::ClassUnicode(class) => unicode_class(&class.kind),
            Ast::Repetition(repetition) => self.open(repetition),
            _ => Ok(()),
        }
    }

    fn visit_post(&mut self, tree: &Ast) -> Result<(), Self::Err> {
        if matches!(tree, Ast::Repetition(_)) {
            self.repeat.pop();
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
        match item {
            ast::ClassSetItem::Literal(literal) => is_known(&literal.kind),
            ast::ClassSetItem::Range(range) => is_known(&range.start.kind).and(is_known(&range.end.kind)),
            ast::ClassSetItem::Unicode(class) => unicode_class(&class.kind),
            _ => Ok(()),
        }
    }
}

impl Portability {
    fn open(&mut self, repetition: &ast::Repetition) -> Result<(), &'static str> {
        if matches!(&*repetition.ast, Ast::Repetition(_)) {
            return Err("a repetition of a repetition");
        }
        let count = match &repetition.op.kind {
            RepetitionKind::Range(RepetitionRange::Exactly(count) | RepetitionRange::AtLeast(count)) => *count,
            RepetitionKind::Range(RepetitionRange::Bounded(_, count)) => *count,
            _ => 1,
        };
        let product = self.repeat.last().copied().unwrap_or(1).saturating_mul(count.max(1));
        self.repeat.push(product);
        if product > MAX_REPEAT { Err("more than 1000 repetitions") } else { Ok(()) }
    }
}

fn flags(flags: &ast::Flags) -> Result<(), &'static str> {
    let is_foreign =
        |kind: &FlagsItemKind| matches!(kind, FlagsItemKind::Flag(Flag::Unicode | Flag::CRLF | Flag::IgnoreWhitespace));
    if flags.items.iter().any(|item| is_foreign(&item.kind)) {
        Err("a flag other than `i`, `m`, `s` and `U`")
    } else {
        Ok(())
    }
}

fn is_known(kind: &LiteralKind) -> Result<(), &'static str> {
    match kind {
        LiteralKind::HexFixed(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong)
        | LiteralKind::HexBrace(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong) => {
            Err("an escape `\\u` or `\\U`; write `\\x{…}`")
        }
        _ => Ok(()),
    }
}

fn unicode_class(kind: &ClassUnicodeKind) -> Result<(), &'static str> {
    let is_shared = match kind {
        ClassUnicodeKind::OneLetter(letter) => CLASSES.contains(&letter.to_string().as_str()),
        ClassUnicodeKind::Named(name) => CLASSES.contains(&name.as_str()),
        ClassUnicodeKind::NamedValue { .. } => false,
    };
    if is_shared { Ok(()) } else { Err("a Unicode class that RE2 may not know") }
}
