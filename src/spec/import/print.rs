//! The tree of an SLO file as its text, with comments that say where each SLO comes from.
//!
//! It must not change a word: what it writes is read back and compared.

use std::fmt::Write as _;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_yaml::{FlowSeq, LitStr, SerializerOptions};

use crate::diag::render::harmless;

use super::super::raw::{Node, Value};

/// Keys whose values are numbers or flags; everything else is a text, though it may look like one.
const PLAIN: [&str; 10] =
    ["objective", "target", "factor", "below", "at_most", "above", "at_least", "disable", "native", "min_failures"];

/// Keys whose values are mappings of people's own words.
const OWN_WORDS: [&str; 2] = ["labels", "annotations"];

/// How texts are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As people would: plain where that is possible, in blocks where there are several lines.
    Readable,
    /// In quotes, for texts that no block can hold.
    Quoted,
}

impl Style {
    /// Every style, the best first.
    pub(super) const ALL: [Self; 2] = [Self::Readable, Self::Quoted];
}

/// A file as text: `comment`, the mapping `head`, and the SLOs, each with a comment of its own.
pub(super) fn file(comment: &[String], head: &Node, slos: &[(Vec<String>, Node)], style: Style) -> Option<String> {
    let mut text = comments(comment, "");
    text.push_str(&yaml(head, style)?);
    text.push_str("slos:\n");
    for (comment, slo) in slos {
        text.push_str(&comments(comment, "  "));
        let item = yaml(&Node { span: slo.span, value: Value::List(vec![slo.clone()]) }, style)?;
        for line in item.lines() {
            let indent = if line.is_empty() { "" } else { "  " };
            let _ = writeln!(text, "{indent}{line}");
        }
    }
    Some(text)
}

/// Lines of comment. Whatever they quote stays on its line.
fn comments(lines: &[String], indent: &str) -> String {
    let line =
        |line: &String| format!("{indent}# {}\n", harmless(&line.split_whitespace().collect::<Vec<_>>().join(" ")));
    lines.iter().map(line).collect()
}

fn yaml(node: &Node, style: Style) -> Option<String> {
    let quote_all = style == Style::Quoted;
    let options: SerializerOptions =
        serde_yaml::ser_options! { indent_step: 2, prefer_block_scalars: false, quote_all: quote_all };
    let mut text = String::new();
    serde_yaml::to_fmt_writer_with_options(&mut text, &Printed { node, role: Role::Structure }, options).ok()?;
    Some(text)
}

/// What a value is to the reader of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A part of the file's structure.
    Structure,
    /// A number or a flag.
    Plain,
    /// People's own words.
    OwnWords,
}

/// A tree as it is printed.
struct Printed<'a> {
    node: &'a Node,
    role: Role,
}

impl Serialize for Printed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.node.value {
            Value::Null => serializer.serialize_none(),
            Value::Scalar(text) => scalar(text, self.role, serializer),
            Value::List(nodes) => {
                let printed = |node| Printed { node, role: self.role };
                if nodes.iter().all(|node| matches!(node.value, Value::Scalar(_))) {
                    return FlowSeq(nodes.iter().map(printed).collect::<Vec<_>>()).serialize(serializer);
                }
                let mut list = serializer.serialize_seq(Some(nodes.len()))?;
                for node in nodes {
                    list.serialize_element(&printed(node))?;
                }
                list.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for entry in entries {
                    let role = match self.role {
                        Role::OwnWords => Role::OwnWords,
                        _ if OWN_WORDS.contains(&entry.key.as_str()) => Role::OwnWords,
                        _ if PLAIN.contains(&entry.key.as_str()) => Role::Plain,
                        _ => Role::Structure,
                    };
                    map.serialize_entry(&entry.key, &Printed { node: &entry.value, role })?;
                }
                map.end()
            }
        }
    }
}

fn scalar<S: Serializer>(text: &str, role: Role, serializer: S) -> Result<S::Ok, S::Error> {
    if role == Role::Plain {
        if let Ok(flag) = text.parse::<bool>() {
            return serializer.serialize_bool(flag);
        }
        if let Ok(number) = text.parse::<i64>()
            && number.to_string() == text
        {
            return serializer.serialize_i64(number);
        }
        // A double that prints as it was written holds it.
        if let Ok(number) = text.parse::<f64>()
            && number.is_finite()
            && number.to_string() == text
        {
            return serializer.serialize_f64(number);
        }
    }
    if text.contains('\n') {
        return LitStr(text).serialize(serializer);
    }
    serializer.serialize_str(text)
}
