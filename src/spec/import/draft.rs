//! An SLO of another tool on its way into an SLO file.

use crate::diag::{Diagnostic, Level, Span};

use super::super::raw::{Entry, Node, Value};
use super::super::read::Reader;
use super::NODE_WEIGHT;
use super::tree::{Placed, entry, mapping, scalar};

/// An SLO as its tool names it, with the parts of ours that it becomes.
#[derive(Debug)]
pub(super) struct Draft {
    /// The service, in that tool's words.
    pub(super) service: Placed,
    /// The SLO, in that tool's words.
    pub(super) name: Placed,
    /// The format in which it stood.
    pub(super) format: &'static str,
    /// What is said of it nowhere else, for people.
    pub(super) remark: Option<String>,
    /// Labels of its whole service.
    pub(super) service_labels: Vec<Entry>,
    /// Labels of its own.
    pub(super) labels: Vec<Entry>,
    /// What it promises, in words.
    pub(super) description: Option<Node>,
    /// The objective in percent.
    pub(super) objective: Node,
    /// The rolling window.
    pub(super) window: Node,
    /// What is counted.
    pub(super) sli: Node,
    /// What the objective is a share of, unless it is events.
    pub(super) budgeting: Option<Node>,
    /// How it alerts, unless as usual.
    pub(super) alerting: Option<Node>,
}

impl Draft {
    /// The SLO as its file will hold it, under this name and with these labels.
    pub(super) fn slo(&self, name: &str, labels: Vec<Entry>) -> Node {
        let span = self.name.span;
        let labels = (!labels.is_empty()).then(|| entry("labels", mapping(labels, span)));
        let part = |key: &str, node: &Option<Node>| node.clone().map(|node| entry(key, node));
        let entries = [
            Some(entry("name", scalar(name, span))),
            part("description", &self.description),
            labels,
            Some(entry("objective", self.objective.clone())),
            Some(entry("window", self.window.clone())),
            Some(entry("sli", self.sli.clone())),
            part("budgeting", &self.budgeting),
            part("alerting", &self.alerting),
        ];
        mapping(entries.into_iter().flatten().collect(), span)
    }
}

impl Draft {
    /// What it holds, in bytes of text and some for each value.
    pub(super) fn weight(&self) -> usize {
        let labels = self.service_labels.iter().chain(&self.labels).map(|label| label.key.len() + weight(&label.value));
        let parts = [Some(&self.sli), self.description.as_ref(), self.budgeting.as_ref(), self.alerting.as_ref()];
        labels.sum::<usize>() + parts.into_iter().flatten().map(weight).sum::<usize>()
    }
}

fn weight(node: &Node) -> usize {
    NODE_WEIGHT
        + match &node.value {
            Value::Null => 0,
            Value::Scalar(text) => text.len(),
            Value::List(nodes) => nodes.iter().map(weight).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.key.len() + weight(&entry.value)).sum(),
        }
}

/// How alerts behave, key by key; nothing where all is as usual.
pub(super) fn alerting(parts: Vec<(&str, Vec<Entry>)>, span: Span) -> Option<Node> {
    let filled = parts.into_iter().filter(|(_, entries)| !entries.is_empty());
    let entries: Vec<Entry> = filled.map(|(key, entries)| entry(key, mapping(entries, span))).collect();
    (!entries.is_empty()).then(|| mapping(entries, span))
}

/// Reads one SLO: nothing if anything in it is an error, which has then been reported.
pub(super) fn whole<T>(reader: &mut Reader, read: impl FnOnce(&mut Reader) -> Option<T>) -> Option<T> {
    let before = reader.problems.len();
    let found = read(reader)?;
    let is_error = |problem: &Diagnostic| problem.level == Level::Error;
    (!reader.problems.iter().skip(before).any(is_error)).then_some(found)
}
