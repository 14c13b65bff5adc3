//! What the answer of an HTTP request must be.

use crate::diag::{Code, Diagnostic, Span};
use crate::units::Duration;

use super::super::model::HttpExpect;
use super::super::raw::{Node, Value};
use super::super::read::{Complaint, Fields, Reader, quoted};

/// Reads `expect:` of a request that `timeout` bounds, if that could be read.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<HttpExpect> {
    let fields = reader.fields(node, "`expect`", &["status", "body", "within"])?;
    let default = HttpExpect::default();
    let status = fields.get("status").map_or(Some(default.status), |node| statuses(reader, node));
    let body_contains = fields.get("body").map_or(Some(Vec::new()), |node| body(reader, node));
    let within = fields.get("within").map_or(Some(None), |node| within(reader, node, timeout).map(Some));
    Some(HttpExpect { status: status?, body_contains: body_contains?, within: within? })
}

fn statuses(reader: &mut Reader, node: &Node) -> Option<Vec<(u16, u16)>> {
    let nodes = match &node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        _ => reader.filled_list(node, "`status`")?,
    };
    reader.each(nodes, |reader, node| {
        let text = reader.text(node, "a status")?;
        let read = status(text).ok_or_else(|| Complaint {
            message: format!("{} is not a status", quoted(text)),
            help: "write a code from 100 to 599 such as `200`, a class such as `2xx`, or a range such as `200-204`"
                .to_owned(),
        });
        reader.accept(node.span, Code::InvalidStatus, read)
    })
}

/// `200`, `2xx` or `200-204`, as an inclusive range.
fn status(text: &str) -> Option<(u16, u16)> {
    let code = |text: &str| {
        let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|code| is_code && (100..=599).contains(code))
    };
    if let Some(class) = text.strip_suffix("xx") {
        let first = code(&format!("{class}00"))?;
        return Some((first, first + 99));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = (code(first)?, code(last)?);
    (range.0 <= range.1).then_some(range)
}

fn body(reader: &mut Reader, node: &Node) -> Option<Vec<String>> {
    let fields = reader.fields(node, "`body`", &["contains"])?;
    let node = reader.require(&fields, "contains")?;
    let nodes = match &node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        _ => reader.filled_list(node, "`contains`")?,
    };
    reader.each(nodes, |reader, node| {
        let text = reader.text(node, "a text of `contains`")?;
        if text.is_empty() {
            let problem = Diagnostic::new(Code::EmptyValue, "every body contains the empty text");
            reader.report(problem.at(node.span, "always there").help("write a text that only the right page has"));
            return None;
        }
        Some(text.to_owned())
    })
}

/// Reads `expect:` where `within` is all that can be expected.
pub(super) fn only_within(
    reader: &mut Reader,
    fields: &Fields<'_>,
    timeout: Option<Duration>,
) -> Option<Option<Duration>> {
    let Some(node) = fields.get("expect") else { return Some(None) };
    let fields = reader.fields(node, "`expect`", &["within"])?;
    fields.get("within").map_or(Some(None), |node| within(reader, node, timeout).map(Some))
}

/// Reads `within` of a run that `timeout` bounds.
pub(super) fn within(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<Duration> {
    let within = reader.positive_duration(node, "`within`")?;
    if let Some(timeout) = timeout.filter(|timeout| within > *timeout) {
        report_too_long(reader, node.span, within, timeout);
    }
    Some(within)
}

fn report_too_long(reader: &mut Reader, span: Span, within: Duration, timeout: Duration) {
    let message = format!("`within` is {within}, but the run is over after its timeout of {timeout}");
    let problem = Diagnostic::new(Code::WithinTooLong, message).at(span, "longer than the timeout");
    reader.report(problem.help(format!("write at most `{timeout}`, or a longer `timeout`")));
}
