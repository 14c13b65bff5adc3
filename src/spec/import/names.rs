//! Names and labels of other tools, brought into the grammar of SLO files. Every change is said.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Diagnostic, Span};
use crate::names::label;
use crate::units::{AlertName, LabelName, Name};

use super::super::raw::{Entry, Node, Value};
use super::super::read::{Reader, quoted};
use super::tree::{Placed, entry, scalar};

/// The longest name, in characters; a number may have to follow it.
const MAX_NAME: usize = 63;

/// How many labels are read of one mapping; Prometheus servers refuse series with far fewer.
const MAX_LABELS: usize = 100;

/// The name nearest to a text; `fallback` where nothing of it fits.
pub(super) fn nearest_name(text: &str, fallback: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let replaced: String = text.trim().chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let trimmed = replaced.trim_matches(['-', '_']);
    let cut: String = trimmed.chars().take(MAX_NAME).collect();
    let name = cut.trim_end_matches(['-', '_']);
    if name.parse::<Name>().is_ok() { name.to_owned() } else { fallback.to_owned() }
}

/// `name` with a number behind it, within the longest name.
fn numbered(name: &str, number: usize) -> String {
    let suffix = format!("-{number}");
    let kept: String = name.chars().take(MAX_NAME - suffix.len()).collect();
    format!("{kept}{suffix}")
}

/// Names that are taken, and how often each was wanted.
#[derive(Default)]
pub(super) struct Taken {
    names: BTreeSet<String>,
    wanted: BTreeMap<String, usize>,
}

impl Taken {
    /// Takes a name, or the first of it with a number that is free.
    pub(super) fn take(&mut self, name: &str) -> String {
        // Numbers go on where they ended, so that many equal names do not take ever longer.
        let count = self.wanted.entry(name.to_owned()).or_insert(0);
        loop {
            *count += 1;
            let candidate = if *count == 1 { name.to_owned() } else { numbered(name, *count) };
            if self.names.insert(candidate.clone()) {
                return candidate;
            }
        }
    }
}

/// Says that a name became another one.
pub(super) fn renamed(what: &str, from: &Placed, to: &str, why: &str) -> Diagnostic {
    Diagnostic::new(Code::ImportRenamed, format!("{what} {} becomes `{to}`", quoted(&from.text)))
        .at(from.span, why)
        .help("alerts, dashboards and deployments that use the old name need the new one")
}

/// The name of an alert.
pub(super) fn alert_name(reader: &mut Reader, node: &Node) -> Option<Node> {
    let text = reader.text(node, "the name of an alert")?;
    if text.parse::<AlertName>().is_ok() {
        return Some(scalar(text, node.span));
    }
    let name = identifier(text)?;
    reader.report(renamed("the alert", &Placed::new(text, node.span), &name, "not the name of an alert here"));
    Some(scalar(name, node.span))
}

/// A text with everything that no label or alert has in its name replaced by `_`.
fn identifier(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let replaced: String = text.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    let name = replaced.trim_start_matches('_');
    let starts = if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name.to_owned() };
    starts.parse::<LabelName>().is_ok().then_some(starts)
}

/// Labels of another tool's file, without those that SLO files do not have. `allowed` are reserved ones that may stand
/// here all the same.
pub(super) fn labels(reader: &mut Reader, node: Option<&Node>, allowed: &[&str]) -> Vec<Entry> {
    let Some(entries) = node.and_then(|node| reader.entries(node, "`labels`")) else { return Vec::new() };
    if entries.len() > MAX_LABELS {
        let problem = Diagnostic::new(Code::ImportRefused, format!("there are {} labels", entries.len()));
        let span = entries.first().map_or_else(|| node.map(|node| node.span), |first| Some(first.key_span));
        let problem = span.into_iter().fold(problem, |problem, span| problem.at(span, "the first of them"));
        reader.report(
            problem.help(format!("at most {MAX_LABELS} labels are imported: no Prometheus keeps more of a series")),
        );
        return Vec::new();
    }
    let mut found: Vec<Entry> = Vec::new();
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    for one in entries {
        let (Some(name), Some(value)) = (label_name(reader, one, allowed), label_value(reader, one)) else { continue };
        if let Some(first) = names.insert(name.clone(), one.key_span) {
            let message = format!("the label {} is left out", quoted(&one.key));
            let problem = Diagnostic::new(Code::ImportLeftOut, message).at(one.key_span, format!("it is `{name}` too"));
            reader.report(problem.also(first, "this one is kept").help("give it another name"));
            continue;
        }
        found.push(Entry { key: name, key_span: one.key_span, value });
    }
    found
}

fn label_name(reader: &mut Reader, one: &Entry, allowed: &[&str]) -> Option<String> {
    let key = one.key.as_str();
    let left_out = |why: &str| {
        Diagnostic::new(Code::ImportLeftOut, format!("the label {} is left out", quoted(key))).at(one.key_span, why)
    };
    if label::RESERVED.contains(&key) && !allowed.contains(&key) {
        reader.report(left_out("the rules set it themselves").help("give it another name"));
        return None;
    }
    if key.parse::<LabelName>().is_ok() {
        return Some(key.to_owned());
    }
    let Some(name) = identifier(key).filter(|name| !label::RESERVED.contains(&name.as_str())) else {
        reader.report(left_out("not a label name").help("give it another name"));
        return None;
    };
    reader.report(renamed("the label", &Placed::new(key, one.key_span), &name, "not a label name"));
    Some(name)
}

/// The text of a label. One of several values becomes one text.
fn label_value(reader: &mut Reader, one: &Entry) -> Option<Node> {
    let text = match &one.value.value {
        Value::Scalar(text) if !text.is_empty() => return Some(scalar(text.clone(), one.value.span)),
        Value::Scalar(_) | Value::Null => {
            let message = format!("the label {} is left out", quoted(&one.key));
            let problem = Diagnostic::new(Code::ImportLeftOut, message).at(one.key_span, "it has no value");
            reader.report(problem.help("Prometheus takes the empty text for no label"));
            return None;
        }
        Value::List(nodes) => {
            let texts: Option<Vec<&str>> = nodes.iter().map(|node| reader.text(node, "the value of a label")).collect();
            texts?.join(",")
        }
        Value::Map(_) => {
            return reader.text(&one.value, "the value of a label").map(|text| scalar(text, one.value.span));
        }
    };
    let message = format!("the values of the label {} become one text", quoted(&one.key));
    let problem = Diagnostic::new(Code::ImportChanged, message).at(one.value.span, "several values");
    reader.report(problem.help(format!("it is `{text}` now: a label has one value")));
    Some(scalar(text, one.value.span))
}

/// Annotations of alerts, which are templates of Prometheus in every tool.
pub(super) fn annotations(reader: &mut Reader, node: Option<&Node>) -> Vec<Entry> {
    let Some(entries) = node.and_then(|node| reader.entries(node, "`annotations`")) else { return Vec::new() };
    let mut found = Vec::new();
    for one in entries {
        let Some(text) = reader.text(&one.value, "an annotation").map(str::to_owned) else { continue };
        let name = if one.key.parse::<LabelName>().is_ok() { Some(one.key.clone()) } else { identifier(&one.key) };
        match name {
            Some(name) if name == one.key => {}
            Some(name) => {
                let from = Placed::new(&one.key, one.key_span);
                reader.report(renamed("the annotation", &from, &name, "not the name of an annotation here"));
                found.push(entry(name, scalar(text, one.value.span)));
                continue;
            }
            None => {
                let message = format!("the annotation {} is left out", quoted(&one.key));
                reader.report(Diagnostic::new(Code::ImportLeftOut, message).at(one.key_span, "not such a name"));
                continue;
            }
        }
        found.push(entry(one.key.clone(), scalar(text, one.value.span)));
    }
    found
}

/// Entries of both, those of `over` where a key stands in both.
pub(super) fn merged(under: &[Entry], over: &[Entry]) -> Vec<Entry> {
    let kept = under.iter().filter(|one| over.iter().all(|other| other.key != one.key));
    kept.chain(over).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_the_nearest_that_fits() {
        for (text, name) in
            [("shop", "shop"), ("my shop/api.v2", "my-shop-api-v2"), ("--x__", "x"), ("日本", "slo"), ("", "slo")]
        {
            assert_eq!(nearest_name(text, "slo"), name, "{text}");
        }
        let long = nearest_name(&"x".repeat(80), "slo");
        assert_eq!(long.len(), 63);
        assert!(numbered(&long, 12).parse::<Name>().is_ok());
        let mut taken = Taken::default();
        let names = ["a", "a-2", "a", "a", &long, &long].map(|name| taken.take(name));
        assert_eq!(names, ["a", "a-2", "a-3", "a-4", &long, &format!("{}-2", "x".repeat(61))]);
        assert_eq!(identifier("slo_foo-bar.9"), Some("slo_foo_bar_9".to_owned()));
        assert_eq!(identifier("9x"), Some("_9x".to_owned()));
        assert_eq!(identifier("é"), None);
    }
}
