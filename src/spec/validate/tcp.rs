//! A conversation over TCP.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::{ByteSize, Duration, Pattern};

use super::super::keys;
use super::super::model::{Expected, Group, SendPiece, TcpProbe, TlsSettings, Turn};
use super::super::raw::{Node, Value};
use super::super::read::{Complaint, Fields, Reader, quoted};
use super::secret::{self, TextOrSecret};
use super::{expect, target, tls};

/// The kinds of steps.
const KINDS: [&str; 3] = ["expect", "send", "starttls"];

/// How many bytes of a target are read when the file says nothing.
const MAX_READ: ByteSize = ByteSize::KIB_64;

/// What is known at a step of what came before it.
#[derive(Default)]
struct Before {
    /// How many groups the last pattern has; nothing before the first pattern.
    groups: Option<usize>,
    /// Whether a pattern could not be read, so that nobody knows what it captures.
    is_unsure: bool,
    /// The names of all groups so far.
    names: BTreeSet<String>,
    /// Where TLS began.
    tls: Option<Span>,
}

/// Reads a conversation that must end within `timeout`.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<TcpProbe> {
    let fields = reader.fields(node, "`tcp`", &keys::TCP)?;
    let address = target::endpoint(reader, &fields, "address", "mail.example.com:25");
    let ip = target::family(reader, &fields, address.as_ref().map(|address| &address.host));
    let tls = tls::optional(reader, &fields, "tls");
    let mut before = Before { tls: fields.key_span("tls"), ..Before::default() };
    let exchange = fields.get("exchange").map_or(Some(Vec::new()), |node| {
        let nodes = reader.filled_list(node, "`exchange`")?;
        reader.each(nodes, |reader, node| turn(reader, node, &mut before))
    });
    let max_read =
        fields.get("max_read").map_or(Some(MAX_READ), |node| reader.word(node, "`max_read`", Code::InvalidSize));
    let within = expect::only_within(reader, &fields, timeout);
    Some(TcpProbe {
        address: address?,
        ip: ip?,
        tls: tls?,
        exchange: exchange?,
        max_read_bytes: max_read?.as_bytes(),
        within: within?,
    })
}

fn turn(reader: &mut Reader, node: &Node, before: &mut Before) -> Option<Turn> {
    let fields = reader.fields(node, "a step of `exchange`", &keys::EXCHANGE)?;
    let (kind, value) = reader.one_of(&fields, &KINDS)?;
    if kind != "expect" {
        report_idle(reader, &fields);
    }
    match kind {
        "expect" => expected(reader, &fields, value, before).map(Turn::Expect),
        "send" => pieces(reader, value, before).map(Turn::Send),
        _ => starttls(reader, &fields, value, before).map(Turn::StartTls),
    }
}

/// Reports options of `expect` at another kind of step.
fn report_idle(reader: &mut Reader, fields: &Fields<'_>) {
    for key in ["not", "lines"] {
        if let Some(span) = fields.key_span(key) {
            let problem = Diagnostic::new(Code::InvalidExchange, format!("`{key}` belongs to an `expect`"));
            reader.report(problem.at(span, "nothing is waited for here").help("move it to the `expect`, or remove it"));
        }
    }
}

fn expected(reader: &mut Reader, fields: &Fields<'_>, node: &Node, before: &mut Before) -> Option<Expected> {
    let pattern: Option<Pattern> = reader.word(node, "`expect`", Code::InvalidPattern);
    let not = fields
        .get("not")
        .map_or(Some(None), |node| reader.word::<Pattern>(node, "`not`", Code::InvalidPattern).map(Some));
    let lines = fields.get("lines").map_or(Some(true), |node| reader.flag(node, "`lines`"));
    before.is_unsure |= pattern.is_none();
    let pattern = pattern?;
    before.groups = Some(pattern.groups());
    before.names.extend(pattern.group_names().map(str::to_owned));
    Some(Expected { pattern, not: not?, lines: lines? })
}

fn starttls(reader: &mut Reader, fields: &Fields<'_>, node: &Node, before: &mut Before) -> Option<TlsSettings> {
    let here = fields.key_span("starttls").unwrap_or(node.span);
    if let Some(first) = before.tls {
        let problem = Diagnostic::new(Code::InvalidExchange, "TLS begins twice on one connection");
        let problem = problem.at(here, "again here").also(first, "first here");
        reader.report(problem.help("keep `tls` for TLS from the first byte, or `starttls` for TLS from here on"));
    }
    before.tls = Some(here);
    tls::settings(reader, node)
}

/// What is sent: one piece, or a list of them.
fn pieces(reader: &mut Reader, node: &Node, before: &Before) -> Option<Vec<SendPiece>> {
    let nodes = match &node.value {
        Value::List(_) => reader.filled_list(node, "`send`")?,
        _ => std::slice::from_ref(node),
    };
    let pieces = reader.each(nodes, |reader, node| match secret::read(reader, node, "what is sent")? {
        TextOrSecret::Secret(source) => Some(vec![SendPiece::Secret(source)]),
        TextOrSecret::Text(text) => {
            let read = split(text, before);
            reader.accept(node.span, Code::InvalidExchange, read)
        }
    })?;
    let pieces = pieces.concat();
    if pieces.is_empty() {
        let problem = Diagnostic::new(Code::EmptyValue, "`send` sends nothing").at(node.span, "nothing");
        reader.report(problem.help("write what the target expects, as in `\"QUIT\\r\\n\"`"));
        return None;
    }
    Some(pieces)
}

/// A text with what earlier patterns captured in the place of `${1}` and `${name}`; `$${` stands for `${`.
fn split(text: &str, before: &Before) -> Result<Vec<SendPiece>, Complaint> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once("${") {
        if let Some(head) = head.strip_suffix('$') {
            plain.push_str(head);
            plain.push_str("${");
            rest = tail;
            continue;
        }
        let (name, after) = tail.split_once('}').ok_or_else(|| Complaint {
            message: "`${` is not closed".to_owned(),
            help: "write `${1}` for what a group matched, or `$${` for these two characters".to_owned(),
        })?;
        plain.push_str(head);
        if !plain.is_empty() {
            pieces.push(SendPiece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(SendPiece::Group(capture(name, before)?));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(SendPiece::Text(plain));
    }
    Ok(pieces)
}

fn capture(name: &str, before: &Before) -> Result<Group, Complaint> {
    if before.is_unsure {
        // The file is refused for its pattern already, and mending that may mend this too.
        return Ok(Group::Name(name.to_owned()));
    }
    let shown = quoted(&format!("${{{name}}}"));
    let Some(groups) = before.groups else {
        let help = "put the `expect` whose match it takes before this step".to_owned();
        return Err(Complaint { message: format!("{shown} stands before anything was expected"), help });
    };
    if let Ok(number) = name.parse::<usize>() {
        let message = format!("{shown} is no group of the last pattern, which has {groups}");
        let help = "put parentheses around what is to be taken; `${0}` is the whole match".to_owned();
        return if number <= groups { Ok(Group::Number(number)) } else { Err(Complaint { message, help }) };
    }
    if before.names.contains(name) {
        return Ok(Group::Name(name.to_owned()));
    }
    let help = "name a group of an earlier `expect`, as in `'^220 (?<host>[^ ]+)'` and `${host}`".to_owned();
    Err(Complaint { message: format!("{shown} is no group of an earlier pattern"), help })
}
