//! Holds an answer against what the file expects of it.
//!
//! The order is that of [`HttpExpect`]: what comes first on the wire first, so that a wrong status is not read on.
//! Details say what the file expects, and nothing of what the target sent but its status and version.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode, Version};
use hyper::body::Incoming;

use super::super::excerpt::Excerpt;
use super::super::harvest::Harvest;
use super::super::json::{self, Json, NotJson};
use super::super::outcome::Reason;
use super::super::progress::Fault;
use super::body as bodies;
use crate::spec::model::{Comparison, Condition, HttpExpect, HttpProbe, TextRules, ValueRules};

/// Holds an answer against what the file expects, and takes out of it what later steps need. A piece of a body that is
/// not as expected goes to `excerpt`.
///
/// # Errors
///
/// The first rule that it does not meet; then [`Reason::Capture`] for what later steps would miss.
pub(super) async fn judge(
    answer: http::Response<Incoming>,
    tls: bool,
    probe: &HttpProbe,
    harvest: &mut Harvest<'_>,
    excerpt: &mut Option<Excerpt>,
) -> Result<(), Fault> {
    let expect = &probe.expect;
    head(expect, Head { status: answer.status(), version: answer.version(), tls, headers: answer.headers() })?;
    let headers = if harvest.needs_headers() { answer.headers().clone() } else { HeaderMap::new() };
    let is_kept = needs_body(expect) || harvest.needs_text();
    let content = bodies::read(answer, &probe.compression, probe.max_body_bytes, is_kept).await?;
    body(expect, &content).map_err(|(fault, piece)| {
        *excerpt = Some(piece);
        fault
    })?;
    harvest.take(&headers, &content)
}

/// What is known of an answer before its body.
#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    status: StatusCode,
    version: Version,
    /// Whether it came with TLS.
    tls: bool,
    headers: &'a HeaderMap,
}

/// Holds the head of an answer against what the file expects.
///
/// # Errors
///
/// The first rule that it does not meet.
fn head(expect: &HttpExpect, head: Head<'_>) -> Result<(), Fault> {
    let status = head.status.as_u16();
    if !expect.status.iter().any(|(low, high)| (*low..=*high).contains(&status)) {
        return failed(Reason::Status, format!("status {status}, expected {}", statuses(expect)));
    }
    if !expect.versions.is_empty() && !expect.versions.contains(&head.version) {
        let wanted = expect.versions.iter().map(|version| format!("{version:?}")).collect::<Vec<_>>().join(", ");
        return failed(Reason::HttpVersion, format!("{:?}, expected {wanted}", head.version));
    }
    match expect.tls {
        Some(true) if !head.tls => return failed(Reason::Tls, "the answer came without TLS".to_owned()),
        Some(false) if head.tls => return failed(Reason::Tls, "the answer came with TLS".to_owned()),
        _ => {}
    }
    for (name, rules) in &expect.headers {
        let values: Vec<Cow<'_, str>> =
            head.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        if let Err(why) = header(rules, &values) {
            return failed(Reason::Header, format!("the header `{name}` {why}"));
        }
    }
    Ok(())
}

/// Whether the body has to be kept.
fn needs_body(expect: &HttpExpect) -> bool {
    !expect.body.is_empty() || !expect.json.is_empty()
}

/// Holds a body against what the file expects.
///
/// # Errors
///
/// The first rule that it does not meet, with a piece of the body.
fn body(expect: &HttpExpect, body: &[u8]) -> Result<(), (Fault, Excerpt)> {
    let miss = |why: String, (start, end)| Err((Fault::Target(Reason::Body, why), Excerpt::around(body, start, end)));
    if let Err((why, place)) = text(&expect.body, body) {
        return miss(format!("the body {why}"), place.unwrap_or_default());
    }
    for (pointer, rules) in &expect.json {
        let why = match Json::look_up(body, pointer) {
            Err(NotJson) => "the body is not JSON".to_owned(),
            Ok(found) => match value(rules, found.as_ref()) {
                Ok(()) => continue,
                Err(why) => format!("the value at `{pointer}` {why}"),
            },
        };
        return miss(why, (0, 0));
    }
    Ok(())
}

fn failed(reason: Reason, detail: String) -> Result<(), Fault> {
    Err(Fault::Target(reason, detail))
}

fn statuses(expect: &HttpExpect) -> String {
    let range = |(low, high): &(u16, u16)| if low == high { low.to_string() } else { format!("{low}-{high}") };
    expect.status.iter().map(range).collect::<Vec<_>>().join(", ")
}

/// Holds the values of a header against its rules: one has to be right, and none may be wrong.
fn header(rules: &ValueRules, values: &[Cow<'_, str>]) -> Result<(), String> {
    presence(rules, !values.is_empty())?;
    for value in values {
        forbidden(&rules.text, value.as_bytes()).map_err(|(why, _)| why)?;
    }
    let mut missed = None;
    for value in values {
        match positive(rules, value, None) {
            Ok(()) => return Ok(()),
            Err(why) => missed = missed.or(Some(why)),
        }
    }
    missed.map_or(Ok(()), Err)
}

/// Holds a value of a document against its rules.
fn value(rules: &ValueRules, found: Option<&Json>) -> Result<(), String> {
    presence(rules, found.is_some())?;
    let Some(found) = found else { return Ok(()) };
    let only_present = ValueRules { present: rules.present, ..ValueRules::default() };
    if *rules == only_present {
        return Ok(());
    }
    let text = found.as_text().ok_or("is a list or an object")?;
    forbidden(&rules.text, text.as_bytes()).map_err(|(why, _)| why)?;
    positive(rules, &text, Some(found))
}

/// Whether a value is there or not as it must be. One without which rules could not be met must be there.
fn presence(rules: &ValueRules, is_present: bool) -> Result<(), String> {
    let text = &rules.text;
    let is_needed = rules.equals.is_some()
        || !rules.compares.is_empty()
        || !text.contains.is_empty()
        || !text.matches.is_empty()
        || rules.present == Some(true);
    match is_present {
        true if rules.present == Some(false) => Err("is there".to_owned()),
        false if is_needed => Err("is missing".to_owned()),
        _ => Ok(()),
    }
}

/// What a value must be.
fn positive(rules: &ValueRules, text: &str, json: Option<&Json>) -> Result<(), String> {
    if let Some(wanted) = &rules.equals {
        // 1.0 and 1 are the same number, and different texts.
        let is_same_number = matches!(json, Some(Json::Number(_)))
            && json::number(wanted).is_some_and(|wanted| json::number(text) == Some(wanted));
        if text != wanted && !is_same_number {
            return Err(format!("is not `{wanted}`"));
        }
    }
    required(&rules.text, text.as_bytes())?;
    rules.compares.iter().try_for_each(|condition| compares(*condition, text))
}

fn compares(condition: Condition, text: &str) -> Result<(), String> {
    let Condition { comparison, bound } = condition;
    let Some(number) = json::number(text) else { return Err("is not a number".to_owned()) };
    let (is_met, words) = match comparison {
        Comparison::Below => (number < bound, "below"),
        Comparison::AtMost => (number <= bound, "at most"),
        Comparison::Above => (number > bound, "above"),
        Comparison::AtLeast => (number >= bound, "at least"),
    };
    if is_met { Ok(()) } else { Err(format!("is not {words} {bound}")) }
}

/// Where a text holds what it must not.
type Place = Option<(usize, usize)>;

fn text(rules: &TextRules, text: &[u8]) -> Result<(), (String, Place)> {
    required(rules, text).map_err(|why| (why, None))?;
    forbidden(rules, text)
}

/// What a text must hold.
fn required(rules: &TextRules, text: &[u8]) -> Result<(), String> {
    if let Some(missing) = rules.contains.iter().find(|wanted| find(text, wanted).is_none()) {
        return Err(format!("does not contain `{missing}`"));
    }
    match rules.matches.iter().find(|pattern| !pattern.is_match(text)) {
        Some(missed) => Err(format!("does not match `{missed}`")),
        None => Ok(()),
    }
}

/// What a text must not hold.
fn forbidden(rules: &TextRules, text: &[u8]) -> Result<(), (String, Place)> {
    for unwanted in &rules.not_contains {
        if let Some(start) = find(text, unwanted) {
            return Err((format!("contains `{unwanted}`"), Some((start, start + unwanted.len()))));
        }
    }
    for pattern in &rules.not_matches {
        if let Some(place) = pattern.find(text) {
            return Err((format!("matches `{pattern}`"), Some(place)));
        }
    }
    Ok(())
}

/// Where `wanted` stands first in a text.
fn find(text: &[u8], wanted: &str) -> Option<usize> {
    memchr::memmem::find(text, wanted.as_bytes())
}
