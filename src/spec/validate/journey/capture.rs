//! `capture:` of a step: what it takes out of an answer or output for later steps.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::{Name, Pattern};

use super::super::super::keys;
use super::super::super::model::{Capture, CaptureSource};
use super::super::super::raw::{Entry, Node};
use super::super::super::read::{Complaint, Fields, Reader};
use super::super::{expect, http};
use super::variables::Scope;

/// What a step gets to read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// An HTTP answer.
    Http,
    /// The answer to `HEAD`, which has no body.
    Head,
    /// The output of a command.
    Output,
}

/// Reads the captures of a step, and takes their names even if the rest is wrong.
pub(super) fn read(
    reader: &mut Reader,
    node: &Node,
    answers: Answers,
    scope: &mut Scope,
) -> Option<BTreeMap<Name, Capture>> {
    let entries = reader.entries(node, "`capture`")?;
    let mut found = Some(BTreeMap::new());
    for entry in entries {
        let name = reader.accept(entry.key_span, Code::InvalidName, entry.key.parse().map_err(Complaint::from));
        if let Some(name) = &name {
            scope.claim(reader, name, entry.key_span);
        }
        match (&mut found, name, capture(reader, entry, answers)) {
            (Some(all), Some(name), Some(capture)) => {
                all.insert(name, capture);
            }
            _ => found = None,
        }
    }
    found
}

fn capture(reader: &mut Reader, entry: &Entry, answers: Answers) -> Option<Capture> {
    let fields = reader.fields(&entry.value, "a capture", &keys::CAPTURE)?;
    let pattern = match fields.get("regex") {
        None => Some(None),
        Some(node) => pattern(reader, node).map(Some),
    };
    let source = source(reader, &fields, answers);
    Some(Capture { source: source?, pattern: pattern? })
}

fn source(reader: &mut Reader, fields: &Fields<'_>, answers: Answers) -> Option<CaptureSource> {
    let has_source = fields.key_span("json").is_some() || fields.key_span("header").is_some();
    if !has_source && fields.key_span("regex").is_some() {
        return match (answers, fields.key_span("regex")) {
            (Answers::Head, Some(span)) => no_body(reader, span),
            _ => Some(CaptureSource::Text),
        };
    }
    // Without any of the three, the complaint lists all of them.
    let kinds: &[&str] = if has_source { &["json", "header"] } else { &["json", "header", "regex"] };
    let (kind, node) = reader.one_of(fields, kinds)?;
    if kind == "json" && answers == Answers::Head {
        return no_body(reader, fields.key_span(kind).unwrap_or(node.span));
    }
    if kind == "json" {
        return expect::pointer(reader, node).map(CaptureSource::Json);
    }
    if answers == Answers::Output {
        no_headers(reader, fields.key_span(kind).unwrap_or(node.span));
        return None;
    }
    let text = reader.text(node, "`header`")?;
    reader.accept(node.span, Code::InvalidHeader, http::header_name(text)).map(CaptureSource::Header)
}

fn no_body<T>(reader: &mut Reader, span: Span) -> Option<T> {
    let problem = Diagnostic::new(Code::InvalidCapture, "the answer to `HEAD` has no body");
    reader.report(problem.at(span, "could never be captured").help("write `header`, or send another `method`"));
    None
}

fn no_headers(reader: &mut Reader, span: Span) {
    let problem = Diagnostic::new(Code::InvalidCapture, "the output of a command has no headers");
    reader.report(problem.at(span, "only answers have them").help("write `regex` or `json`"));
}

/// An expression that says clearly what is captured: with one group at most.
fn pattern(reader: &mut Reader, node: &Node) -> Option<Pattern> {
    let pattern = expect::pattern(reader, node)?;
    if pattern.groups() > 1 {
        let message = format!("the expression has {} groups, where one says what is captured", pattern.groups());
        let problem = Diagnostic::new(Code::InvalidCapture, message).at(node.span, "which of them?");
        reader.report(problem.help("write `(?:…)` for the groups that only hold things together"));
        return None;
    }
    Some(pattern)
}
