//! What the answer of an HTTP request must be.

use std::collections::BTreeMap;

use ::http::{HeaderName, Version};
use rust_decimal::Decimal;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::{Duration, JsonPointer, Pattern};

use super::super::keys::{self, Mapping};
use super::super::model::{Condition, HttpExpect, TextRules, ValueRules};
use super::super::raw::{Node, Value};
use super::super::read::{Complaint, Fields, Reader, listed, quoted};
use super::sli::COMPARISONS;

/// How HTTP versions are written.
const VERSIONS: [(&str, Version); 3] = [("1.0", Version::HTTP_10), ("1.1", Version::HTTP_11), ("2", Version::HTTP_2)];

/// Reads `expect:` of a request that `timeout` bounds, if that could be read.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<HttpExpect> {
    let fields = reader.fields(node, "`expect`", &keys::HTTP_EXPECT)?;
    let default = HttpExpect::default();
    let status = fields.get("status").map_or(Some(default.status), |node| statuses(reader, node));
    let versions = fields.get("version").map_or(Some(Vec::new()), |node| versions(reader, node));
    let tls = fields.get("tls").map_or(Some(None), |node| reader.flag(node, "`tls`").map(Some));
    let headers = fields.get("headers").map_or(Some(Vec::new()), |node| headers(reader, node));
    let body = fields.get("body").map_or(Some(TextRules::default()), |node| body(reader, node));
    let json = fields.get("json").map_or(Some(BTreeMap::new()), |node| json(reader, node));
    let within = fields.get("within").map_or(Some(None), |node| within(reader, node, timeout).map(Some));
    Some(HttpExpect {
        status: status?,
        versions: versions?,
        tls: tls?,
        headers: headers?,
        body: body?,
        json: json?,
        within: within?,
    })
}

fn statuses(reader: &mut Reader, node: &Node) -> Option<Vec<(u16, u16)>> {
    let nodes = one_or_more(reader, node, "`status`")?;
    reader.each(nodes, |reader, node| {
        let text = reader.text(node, "a status")?;
        let read = status(text).ok_or_else(|| Complaint {
            message: format!("{} is not a status", quoted(text)),
            help: "write a code from 100 to 599 such as `200`, a class such as `2xx`, or a range such as `200-204`"
                .to_owned(),
        });
        let codes = reader.accept(node.span, Code::InvalidStatus, read)?;
        if is_interim(codes) {
            let problem =
                Diagnostic::new(Code::InvalidExpectation, format!("no answer has the status {}", quoted(text)));
            let problem = problem.at(node.span, "only announces an answer, and is passed over");
            reader.report(problem.help("write a code from 200 to 599, or `101` for a switch to another protocol"));
            return None;
        }
        Some(codes)
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

/// Whether a range only holds what comes before an answer (RFC 9110, section 15.2). 101 is followed by none.
fn is_interim((first, last): (u16, u16)) -> bool {
    last < 200 && !(first..=last).contains(&101)
}

/// One element without brackets, or a list.
fn one_or_more<'a>(reader: &mut Reader, node: &'a Node, what: &str) -> Option<&'a [Node]> {
    match &node.value {
        Value::Scalar(_) => Some(std::slice::from_ref(node)),
        _ => reader.filled_list(node, what),
    }
}

fn versions(reader: &mut Reader, node: &Node) -> Option<Vec<Version>> {
    let nodes = one_or_more(reader, node, "`version`")?;
    reader.each(nodes, |reader, node| reader.choice(node, "a version of HTTP", &VERSIONS))
}

fn headers(reader: &mut Reader, node: &Node) -> Option<Vec<(HeaderName, ValueRules)>> {
    let entries = reader.entries(node, "`headers`")?;
    let read = entries.iter().map(|entry| {
        let name = HeaderName::from_bytes(entry.key.as_bytes()).map_err(|_| Complaint {
            message: format!("{} is not a header", quoted(&entry.key)),
            help: "write a header name such as `Content-Type`".to_owned(),
        });
        let name = reader.accept(entry.key_span, Code::InvalidHeader, name);
        let rules = value_rules(reader, &entry.value, "a header of `expect`");
        Some((name?, rules?))
    });
    // Every header is read, so that all of their errors are found.
    read.collect::<Vec<_>>().into_iter().collect()
}

fn json(reader: &mut Reader, node: &Node) -> Option<BTreeMap<JsonPointer, ValueRules>> {
    let entries = reader.entries(node, "`json`")?;
    let read = entries.iter().map(|entry| {
        let pointer = reader.accept(entry.key_span, Code::InvalidPattern, entry.key.parse().map_err(Complaint::from));
        let rules = value_rules(reader, &entry.value, "a value of `json`");
        Some((pointer?, rules?))
    });
    read.collect::<Vec<_>>().into_iter().collect()
}

fn body(reader: &mut Reader, node: &Node) -> Option<TextRules> {
    let fields = reader.fields(node, "`body`", &keys::TEXT_RULES)?;
    let rules = text_rules(reader, &fields)?;
    if rules.is_empty() {
        report_no_rule(reader, node, &keys::TEXT_RULES);
        return None;
    }
    Some(rules)
}

fn text_rules(reader: &mut Reader, fields: &Fields<'_>) -> Option<TextRules> {
    let [contains, not_contains] = ["contains", "not_contains"].map(|key| texts(reader, fields, key));
    let [matches, not_matches] = ["matches", "not_matches"].map(|key| match fields.get(key) {
        None => Some(Vec::new()),
        Some(node) => one_or_more(reader, node, &format!("`{key}`")).and_then(|nodes| reader.each(nodes, pattern)),
    });
    Some(TextRules { contains: contains?, not_contains: not_contains?, matches: matches?, not_matches: not_matches? })
}

fn texts(reader: &mut Reader, fields: &Fields<'_>, key: &str) -> Option<Vec<String>> {
    let Some(node) = fields.get(key) else { return Some(Vec::new()) };
    let nodes = one_or_more(reader, node, &format!("`{key}`"))?;
    reader.each(nodes, |reader, node| {
        let text = reader.text(node, &format!("a text of `{key}`"))?;
        if text.is_empty() {
            let problem = Diagnostic::new(Code::EmptyValue, "every text contains the empty text");
            reader.report(problem.at(node.span, "always there").help("write a text that only the right page has"));
            return None;
        }
        Some(text.to_owned())
    })
}

/// Rules for a header, or for a value of a document.
fn value_rules(reader: &mut Reader, node: &Node, what: &'static str) -> Option<ValueRules> {
    let fields = reader.fields(node, what, &keys::VALUE_RULES)?;
    let present = fields.get("present").map_or(Some(None), |node| reader.flag(node, "`present`").map(Some));
    let equals =
        fields.get("equals").map_or(Some(None), |node| reader.text(node, "`equals`").map(|text| Some(text.to_owned())));
    let text = text_rules(reader, &fields);
    let compares = COMPARISONS.map(|(word, comparison)| match fields.get(word) {
        None => Some(None),
        Some(node) => bound(reader, node, word).map(|bound| Some(Condition { comparison, bound })),
    });
    let compares = compares.into_iter().collect::<Option<Vec<_>>>();
    let compares = compares.map(|all| all.into_iter().flatten().collect());
    let rules = ValueRules { present: present?, equals: equals?, text: text?, compares: compares? };
    if rules == ValueRules::default() {
        report_no_rule(reader, node, &keys::VALUE_RULES);
        return None;
    }
    let absent = ValueRules { present: Some(false), ..ValueRules::default() };
    if rules.present == Some(false) && rules != absent {
        let problem = Diagnostic::new(Code::InvalidExpectation, "what must not be there can meet no other rule");
        let place = fields.key_span("present").unwrap_or(node.span);
        reader.report(problem.at(place, "must not be there").help("keep `present: false`, or the other rules"));
        return None;
    }
    Some(rules)
}

fn bound(reader: &mut Reader, node: &Node, word: &str) -> Option<Decimal> {
    let text = reader.text(node, &format!("`{word}`"))?;
    let bound = Decimal::from_str_exact(text).map(|bound| bound.normalize()).map_err(|_| Complaint {
        message: format!("{} is not a number", quoted(text)),
        help: "write a decimal number such as `100` or `0.5`".to_owned(),
    });
    reader.accept(node.span, Code::InvalidNumber, bound)
}

fn report_no_rule(reader: &mut Reader, node: &Node, keys: &Mapping) {
    // A key without a value, or an unknown one, has been reported already.
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        let problem = Diagnostic::new(Code::InvalidExpectation, "nothing is expected here");
        reader.report(problem.at(node.span, "no rule").help(format!("write one or more of {}", listed(&keys.names()))));
    }
}

/// Reports rules for the body of an answer that has none.
pub(super) fn report_no_body(reader: &mut Reader, node: &Node, method: Span) {
    let Value::Map(entries) = &node.value else { return };
    for entry in entries.iter().filter(|entry| matches!(entry.key.as_str(), "body" | "json")) {
        let message = format!("`{}` is expected of an answer to `HEAD`, which has no body", entry.key);
        let problem =
            Diagnostic::new(Code::InvalidExpectation, message).at(entry.key_span, "there is nothing to look at");
        reader.report(problem.also(method, "because of this").help("write `method: GET`, or remove the rules"));
    }
}

/// Reads `expect:` where `within` is all that can be expected.
pub(super) fn only_within(
    reader: &mut Reader,
    fields: &Fields<'_>,
    timeout: Option<Duration>,
) -> Option<Option<Duration>> {
    let Some(node) = fields.get("expect") else { return Some(None) };
    let fields = reader.fields(node, "`expect`", &keys::ONLY_WITHIN)?;
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

/// A regular expression.
pub(super) fn pattern(reader: &mut Reader, node: &Node) -> Option<Pattern> {
    let text = reader.text(node, "a regular expression")?;
    reader.accept(node.span, Code::InvalidPattern, text.parse().map_err(Complaint::from))
}

/// A JSON pointer.
pub(super) fn pointer(reader: &mut Reader, node: &Node) -> Option<JsonPointer> {
    let text = reader.text(node, "a JSON pointer")?;
    reader.accept(node.span, Code::InvalidPattern, text.parse().map_err(Complaint::from))
}
