//! Building the tree of an SLO file out of what another tool's file says.
//!
//! Every value keeps the place in that file from which it comes, so that whatever validation says of the tree is said
//! of the words that people wrote.

use crate::diag::Span;

use super::super::raw::{Entry, Node, Value};

/// A text with the place from which it comes.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    /// The text.
    pub(super) text: String,
    /// Where it stands.
    pub(super) span: Span,
}

impl Placed {
    /// A text with its place.
    pub(super) fn new(text: impl Into<String>, span: Span) -> Self {
        Self { text: text.into(), span }
    }

    /// The value.
    pub(super) fn node(&self) -> Node {
        scalar(self.text.clone(), self.span)
    }
}

/// A single value.
pub(super) fn scalar(text: impl Into<String>, span: Span) -> Node {
    Node { span, value: Value::Scalar(text.into()) }
}

/// A list.
pub(super) fn list(nodes: Vec<Node>, span: Span) -> Node {
    Node { span, value: Value::List(nodes) }
}

/// A mapping.
pub(super) fn mapping(entries: Vec<Entry>, span: Span) -> Node {
    Node { span, value: Value::Map(entries) }
}

/// A mapping of one key.
pub(super) fn single(key: &str, value: Node) -> Node {
    let span = value.span;
    mapping(vec![entry(key, value)], span)
}

/// A key with its value, in the place of the value.
pub(super) fn entry(key: impl Into<String>, value: Node) -> Entry {
    Entry { key: key.into(), key_span: value.span, value }
}

/// Whether two trees say the same, wherever they stand.
pub(super) fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Null, Value::Null) => true,
        (Value::Scalar(one), Value::Scalar(other)) => one == other,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| one.key == other.key && same(&one.value, &other.value))
        }
        _ => false,
    }
}
