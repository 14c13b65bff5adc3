//! An example of a series that a selector selects, for the proofs that are generated beside the rules.

use std::collections::BTreeMap;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, Expr, VectorSelector};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::Selector;

/// Values to try where no matcher names one.
const USUAL: [&str; 6] = ["example", "", "200", "0", "ok", "GET"];

/// The name of the metric, as a label.
const METRIC: &str = "__name__";

/// The labels of a series, `__name__` among them.
pub type Labels = BTreeMap<String, String>;

impl Selector {
    /// The labels of a series that this selects and `avoid` does not, if one can be found.
    #[must_use]
    pub fn example(&self, avoid: Option<&Self>) -> Option<Labels> {
        let wanted = self.parsed()?;
        let labels = satisfy(&wanted)?;
        let Some(avoid) = avoid else { return Some(labels) };
        let avoided = avoid.parsed()?;
        if !selects(&avoided, &labels) {
            return Some(labels);
        }
        avoided.iter().find_map(|matcher| {
            let value = candidates(&[matcher]).into_iter().find(|value| {
                let own = wanted.iter().filter(|one| one.name == matcher.name);
                !matcher.is_match(value) && own.clone().all(|one| one.is_match(value))
            })?;
            let mut labels = labels.clone();
            labels.insert(matcher.name.clone(), value);
            Some(labels)
        })
    }

    /// Whether this selects a series with these labels.
    #[must_use]
    pub fn selects(&self, labels: &Labels) -> bool {
        self.parsed().is_some_and(|matchers| selects(&matchers, labels))
    }

    /// The matchers, the metric's name among them.
    fn parsed(&self) -> Option<Vec<Matcher>> {
        let Ok(Expr::VectorSelector(VectorSelector { name, matchers, .. })) = parser::parse(&self.to_string()) else {
            return None;
        };
        let name = name.map(|name| Matcher::new(MatchOp::Equal, METRIC, &name));
        Some(matchers.matchers.into_iter().chain(name).collect())
    }
}

/// Whether every matcher matches; a label that is not there is empty.
fn selects(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.is_match(labels.get(&matcher.name).map_or("", String::as_str)))
}

/// A value for every label that a matcher names.
fn satisfy(matchers: &[Matcher]) -> Option<Labels> {
    let mut labels = Labels::new();
    for matcher in matchers {
        let own: Vec<_> = matchers.iter().filter(|one| one.name == matcher.name).collect();
        let value = candidates(&own).into_iter().find(|value| own.iter().all(|one| one.is_match(value)))?;
        labels.insert(matcher.name.clone(), value);
    }
    Some(labels)
}

/// Values that these matchers suggest, then the usual ones.
fn candidates(matchers: &[&Matcher]) -> Vec<String> {
    let named = matchers.iter().flat_map(|matcher| match &matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => Some(matcher.value.clone()),
        MatchOp::Re(_) | MatchOp::NotRe(_) => matched(&matcher.value),
    });
    named.chain(USUAL.map(str::to_owned)).collect()
}

/// A text that a regular expression matches.
fn matched(pattern: &str) -> Option<String> {
    let mut out = String::new();
    write_match(&regex_syntax::parse(pattern).ok()?, &mut out)?;
    Some(out)
}

fn write_match(hir: &Hir, out: &mut String) -> Option<()> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(class) => out.push(member(class)?),
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min.min(64) {
                write_match(&repetition.sub, out)?;
            }
        }
        HirKind::Capture(capture) => write_match(&capture.sub, out)?,
        HirKind::Concat(parts) => {
            for part in parts {
                write_match(part, out)?;
            }
        }
        HirKind::Alternation(parts) => write_match(parts.first()?, out)?,
    }
    Some(())
}

/// A readable member of a class: a digit or letter where there is one.
fn member(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let has = |c: char| class.iter().any(|range| range.start() <= c && c <= range.end());
    ('0'..='9')
        .chain('a'..='z')
        .chain('A'..='Z')
        .find(|c| has(*c))
        .or_else(|| class.iter().next().map(|range| range.start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(text: &str) -> Selector {
        Selector::parse(text).expect(text)
    }

    #[test]
    fn finds_bad_and_good_series_of_usual_selectors() {
        for (bad, total) in [
            (r#"http_requests_total{job="api",code=~"5.."}"#, r#"http_requests_total{job="api"}"#),
            (r#"http_requests_total{code!~"2..|3.."}"#, "http_requests_total"),
            (r#"grpc_server_handled_total{grpc_code!="OK"}"#, "grpc_server_handled_total"),
            ("errors_total", "requests_total"),
            (r#"x{code=~"(5..|429)",path!=""}"#, r#"x{path!=""}"#),
        ] {
            let (bad, total) = (selector(bad), selector(total));
            let failing = bad.example(None).expect("a bad series");
            assert!(bad.selects(&failing), "{bad}: {failing:?}");
            let good = total.example(Some(&bad)).expect("a good series");
            assert!(total.selects(&good) && !bad.selects(&good), "{total}: {good:?}");
        }
    }

    #[test]
    fn says_so_where_there_is_none() {
        assert_eq!(selector("x").example(Some(&selector("x"))), None);
    }
}
