//! Labels and annotations of a file, and the labels that split an SLO into groups.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Span};
use crate::names::label;
use crate::units::LabelName;

use super::super::raw::{Entry, Node, Value};
use super::super::read::{Complaint, Reader, quoted};
use super::template;

/// Labels of a file, an SLO or an alert.
pub(super) fn plain(reader: &mut Reader, node: &Node) -> Option<BTreeMap<LabelName, String>> {
    let entries = reader.entries(node, "`labels`")?;
    Some(collect(reader, entries, |reader, entry, name| is_label(reader, entry, name, &[])))
}

/// The labels of all alerts of one severity, which may rename it.
pub(super) fn of_severity(reader: &mut Reader, node: &Node) -> Option<BTreeMap<LabelName, String>> {
    let entries = reader.entries(node, "`labels`")?;
    Some(collect(reader, entries, |reader, entry, name| is_label(reader, entry, name, &[label::SEVERITY])))
}

/// Annotations of some alerts.
pub(super) fn annotations(reader: &mut Reader, node: &Node) -> Option<BTreeMap<LabelName, String>> {
    let entries = reader.entries(node, "`annotations`")?;
    Some(collect(reader, entries, |reader, entry, _| match &entry.value.value {
        Value::Scalar(text) => reader.accept(entry.value.span, Code::InvalidTemplate, template::check(text)).is_some(),
        _ => true,
    }))
}

fn collect(
    reader: &mut Reader,
    entries: &[Entry],
    accepts: impl Fn(&mut Reader, &Entry, &LabelName) -> bool,
) -> BTreeMap<LabelName, String> {
    let mut found = BTreeMap::new();
    for entry in entries {
        let name = name(reader, &entry.key, entry.key_span).filter(|name| accepts(reader, entry, name));
        let text = reader.text(&entry.value, &format!("the value of {}", quoted(&entry.key)));
        if let (Some(name), Some(text)) = (name, text) {
            found.insert(name, text.to_owned());
        }
    }
    found
}

/// Whether a label may be set, to this value.
fn is_label(reader: &mut Reader, entry: &Entry, name: &LabelName, allowed: &[&str]) -> bool {
    let is_empty = matches!(&entry.value.value, Value::Scalar(text) if text.is_empty());
    if is_empty {
        let problem = Diagnostic::new(Code::InvalidLabel, format!("the label `{name}` has the empty text"));
        let problem = problem.at(entry.value.span, "Prometheus takes this for no label");
        reader.report(problem.help("write a text, or leave the label out"));
    }
    is_free(reader, name, entry.key_span, allowed) && !is_empty
}

/// The labels that split an SLO into groups, each with its place.
pub(super) fn by(reader: &mut Reader, node: &Node) -> Option<Vec<(LabelName, Span)>> {
    let nodes = reader.filled_list(node, "`by`")?;
    let names = reader.each(nodes, |reader, node| {
        let text = reader.text(node, "a label of `by`")?;
        let name = name(reader, text, node.span)?;
        is_free(reader, &name, node.span, &[]).then_some((name, node.span))
    })?;
    let mut seen: BTreeMap<&LabelName, Span> = BTreeMap::new();
    for (name, span) in &names {
        if let Some(first) = seen.insert(name, *span) {
            let problem = Diagnostic::new(Code::DuplicateName, format!("`by` names the label `{name}` twice"));
            reader.report(problem.at(*span, "again here").also(first, "first here").help("name each label once"));
        }
    }
    Some(names)
}

fn name(reader: &mut Reader, text: &str, span: Span) -> Option<LabelName> {
    let read = text.parse::<LabelName>().map_err(|error| {
        let mut complaint = Complaint::from(error);
        if text.chars().count() > 80 {
            complaint.message = format!("{} is not a label name", quoted(text));
        }
        complaint
    });
    reader.accept(span, Code::InvalidLabel, read)
}

/// Whether a file may use this label; reports it if the rules set it themselves.
fn is_free(reader: &mut Reader, name: &LabelName, span: Span, allowed: &[&str]) -> bool {
    let is_reserved = label::RESERVED.contains(&name.as_str()) && !allowed.contains(&name.as_str());
    if is_reserved {
        let mut problem = Diagnostic::new(Code::ReservedLabel, format!("the label `{name}` is set by the rules"))
            .at(span, "reserved")
            .help("give it another name");
        if name.as_str() == label::SEVERITY {
            problem =
                problem.help("the severity of alerts is set in `alerting.page.labels` and `alerting.ticket.labels`");
        }
        reader.report(problem);
    }
    !is_reserved
}
