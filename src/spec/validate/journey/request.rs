//! A request of a step: one like that of a probe, whose path, query, headers and body may be filled in.
//!
//! The parts that are filled in are read here; everything else is read as for a probe.

use ::http::HeaderName;
use url::Url;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::Duration;

use super::super::super::model::{
    BodyTemplate, Escape, HeaderText, HttpProbe, Piece, StepRequest, TargetTemplate, Template,
};
use super::super::super::raw::{Entry, Node, Value};
use super::super::super::read::Reader;
use super::super::{http, secret};
use super::variables::{self, Scope};

/// A part of a URL that is filled in, and the word that holds its place while the URL is read.
type StandIns = Vec<(String, Piece)>;

/// Reads the request of a step that `timeout` bounds, if that could be read.
pub(super) fn read(
    reader: &mut Reader,
    node: &Node,
    timeout: Option<Duration>,
    scope: &mut Scope,
) -> Option<StepRequest> {
    let mut plain = node.clone();
    let mut parts = Parts { is_complete: true, ..Parts::default() };
    if let Value::Map(entries) = &mut plain.value {
        parts.take(reader, entries, scope);
    }
    let request = http::read(reader, &plain, timeout)?;
    let target = match &parts.url {
        None => None,
        Some((stand_ins, span)) => Some(target(reader, &request.url, stand_ins, *span)?),
    };
    if let (Some(span), true) = (parts.authorization, request.credentials.is_some()) {
        let problem = Diagnostic::new(Code::OneOf, "a header and credentials set `Authorization`").at(span, "this");
        reader.report(problem.help("keep one of them"));
    }
    let escape = escape(&request, &parts.headers);
    let body = parts.body.map(|text| BodyTemplate { text, escape });
    parts.is_complete.then_some(StepRequest { request, target, headers: parts.headers, body })
}

/// What is filled in.
#[derive(Default)]
struct Parts {
    url: Option<(StandIns, Span)>,
    headers: Vec<(HeaderName, Template)>,
    body: Option<Template>,
    /// Where a header `Authorization` stands that is filled in.
    authorization: Option<Span>,
    /// Whether all of it could be read.
    is_complete: bool,
}

impl Parts {
    /// Takes what is filled in out of a request, so that the rest can be read as that of a probe.
    fn take(&mut self, reader: &mut Reader, entries: &mut [Entry], scope: &mut Scope) {
        for entry in entries {
            let span = entry.value.span;
            match (entry.key.as_str(), &mut entry.value.value) {
                ("url", Value::Scalar(text)) if variables::is_template(text) => {
                    let template = scope.template(reader, text, span);
                    self.is_complete &= template.is_some();
                    if let Some(template) = template {
                        let (written, stand_ins) = stand_in(&template);
                        *text = written;
                        self.url = Some((stand_ins, span));
                    }
                }
                ("body", Value::Scalar(text)) if variables::is_template(text) => {
                    self.body = scope.template(reader, text, span);
                    self.is_complete &= self.body.is_some();
                }
                ("headers", Value::Map(headers)) => {
                    let (filled, plain) = std::mem::take(headers).into_iter().partition(is_filled_in);
                    *headers = plain;
                    for entry in &filled {
                        self.is_complete &= self.header(reader, entry, scope).is_some();
                    }
                }
                _ => {}
            }
        }
    }

    fn header(&mut self, reader: &mut Reader, entry: &Entry, scope: &mut Scope) -> Option<()> {
        let name = reader.accept(entry.key_span, Code::InvalidHeader, http::header_name(&entry.key));
        let mut templates = Vec::new();
        for node in values(&entry.value) {
            let text = reader.text(node, "the value of a header")?;
            templates.push((node.span, scope.template(reader, text, node.span)?));
        }
        let name = name?;
        if name == ::http::header::HOST {
            report_elsewhere(reader, entry.key_span, "`${…}` stands in the header `Host`");
            return None;
        }
        if name == ::http::header::AUTHORIZATION {
            self.authorization = Some(entry.key_span);
        }
        for (span, template) in templates {
            if secret::is_secret_header(name.as_str()) && template.captures().next().is_none() {
                http::report_plain_secret(reader, span);
                return None;
            }
            for piece in template.pieces() {
                if let Piece::Text(text) = piece {
                    reader.accept(span, Code::InvalidHeader, http::header_text(text))?;
                }
            }
            self.headers.push((name.clone(), template));
        }
        Some(())
    }
}

/// Whether a header has a value that is filled in.
fn is_filled_in(entry: &Entry) -> bool {
    values(&entry.value).iter().any(|node| matches!(&node.value, Value::Scalar(text) if variables::is_template(text)))
}

/// The values of a header: one, or a list.
fn values(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(nodes) => nodes,
        _ => std::slice::from_ref(node),
    }
}

/// The text with a word in the place of each part that is filled in. No text of the file holds these words.
fn stand_in(template: &Template) -> (String, StandIns) {
    let pieces = template.pieces();
    let mut stem = "capture".to_owned();
    while pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains(&stem))) {
        stem.push('x');
    }
    let mut written = String::new();
    let mut stand_ins = StandIns::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => written.push_str(text),
            Piece::RunDir | Piece::Capture(_) => {
                let word = format!("{stem}0{}z", stand_ins.len());
                written.push_str(&word);
                stand_ins.push((word, piece.clone()));
            }
        }
    }
    (written, stand_ins)
}

/// Where the parts stand that are filled in, which must be the path or the query.
fn target(reader: &mut Reader, url: &Url, stand_ins: &StandIns, span: Span) -> Option<TargetTemplate> {
    let target = TargetTemplate::split(url, stand_ins);
    if target.is_none() {
        report_elsewhere(reader, span, "`${…}` stands outside of the path and query of a URL");
    }
    target
}

/// Reports a request whose way could depend on an answer.
fn report_elsewhere(reader: &mut Reader, span: Span, message: &str) {
    let problem = Diagnostic::new(Code::InvalidCapture, message);
    let problem = problem.at(span, "an answer must not decide where the next request goes");
    reader.report(problem.help("write scheme, host and port as they are"));
}

/// How captures are written in the body, by the type that the file says it has.
fn escape(request: &HttpProbe, filled: &[(HeaderName, Template)]) -> Escape {
    let plain = request.headers.iter().filter_map(|(name, value)| match value {
        HeaderText::Plain(value) => Some((name, value.to_str().ok()?)),
        HeaderText::Secret(_) => None,
    });
    let filled = filled.iter().filter_map(|(name, text)| match text.pieces().first() {
        Some(Piece::Text(text)) => Some((name, text.as_str())),
        _ => None,
    });
    let content_type = plain.chain(filled).find(|(name, _)| *name == ::http::header::CONTENT_TYPE);
    let essence = content_type.and_then(|(_, value)| value.split(';').next()).unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => Escape::Percent,
        json if json == "application/json" || json.ends_with("+json") => Escape::Json,
        _ => Escape::None,
    }
}
