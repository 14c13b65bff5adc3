//! Looks at the raw tree with a type in mind: the reader that every part of validation shares.
//!
//! Each function gives the value, or reports what is wrong and where and gives nothing, so that its caller
//! goes on and all errors of a file are found at once. What the values mean for each other is for
//! [`super::validate`].

use std::str::FromStr;

pub(super) use crate::diag::nearest;
use crate::diag::{Code, Diagnostic, Span};
use crate::promql::PromqlError;
use crate::units;

use super::keys::Mapping;
use super::raw::{Entry, Node, Value};

/// The longest text that is quoted whole in an error.
const MAX_QUOTED: usize = 80;

/// What is wrong with a text and what would be right.
pub(super) struct Complaint {
    /// One sentence without a full stop.
    pub(super) message: String,
    /// One line.
    pub(super) help: String,
}

macro_rules! complaint_from {
    ($($error:ty),+) => {
        $(impl From<$error> for Complaint {
            fn from(error: $error) -> Self {
                Self { message: error.to_string(), help: error.help() }
            }
        })+
    };
}

complaint_from!(
    units::DurationError,
    units::ObjectiveError,
    units::NameError,
    units::LabelNameError,
    units::AlertNameError,
    units::ByteSizeError,
    units::PatternError,
    units::JsonPointerError,
    PromqlError
);

/// Collects what is wrong while values are read.
#[derive(Default)]
pub(super) struct Reader {
    /// Everything that was found so far.
    pub(super) problems: Vec<Diagnostic>,
}

/// The keys of a mapping whose names are known.
pub(super) struct Fields<'a> {
    what: &'static str,
    head: Span,
    entries: &'a [Entry],
    has_unknown: bool,
    /// Known keys that an unknown one was probably meant to be.
    meant: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The value of a key, if it stands there and has one.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|entry| &entry.value).filter(|node| !matches!(node.value, Value::Null))
    }

    /// Where a key stands, if it does.
    pub(super) fn key_span(&self, key: &str) -> Option<Span> {
        self.entry(key).map(|entry| entry.key_span)
    }

    /// Where the mapping begins: its first key.
    pub(super) fn head(&self) -> Span {
        self.head
    }

    fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Reader {
    /// Reports a problem.
    pub(super) fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// Reports what is wrong with the text at `span`.
    pub(super) fn complain(&mut self, code: Code, span: Span, complaint: Complaint) {
        self.report(Diagnostic::new(code, complaint.message).at(span, refusal(code)).help(complaint.help));
    }

    /// Opens a mapping whose keys are `known`. Reports other keys, and keys without a value.
    pub(super) fn fields<'a>(
        &mut self,
        node: &'a Node,
        what: &'static str,
        known: &'static Mapping,
    ) -> Option<Fields<'a>> {
        let entries = self.entries(node, what)?;
        let (mut has_unknown, mut meant) = (false, Vec::new());
        for entry in entries {
            if !known.has(&entry.key) {
                has_unknown = true;
                meant.extend(self.unknown_key(entry, what, &known.names()));
            } else if matches!(entry.value.value, Value::Null) {
                let message = format!("`{}` has no value", entry.key);
                let help = "write a value, or leave the key out";
                self.report(Diagnostic::new(Code::EmptyValue, message).at(entry.key_span, "no value").help(help));
            }
        }
        let head = entries.first().map_or(node.span, |entry| entry.key_span);
        Some(Fields { what, head, entries, has_unknown, meant })
    }

    /// Opens a mapping of another tool's file whose keys are `known`, and says which others are left out.
    pub(super) fn foreign<'a>(
        &mut self,
        node: &'a Node,
        what: &'static str,
        known: &[&'static str],
    ) -> Option<Fields<'a>> {
        let entries = self.entries(node, what)?;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = format!("the key {} of {what} is left out", quoted(&entry.key));
            let problem = Diagnostic::new(Code::ImportLeftOut, message).at(entry.key_span, "not known");
            self.report(problem.help(format!("known keys: {}", listed(known))));
        }
        let head = entries.first().map_or(node.span, |entry| entry.key_span);
        Some(Fields { what, head, entries, has_unknown: false, meant: Vec::new() })
    }

    /// Opens a mapping whose keys are the file's own.
    pub(super) fn entries<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a [Entry]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            other => {
                self.wrong_type(node.span, other, what, Wanted::Mapping);
                None
            }
        }
    }

    /// Reports a key that is not known, and gives the one that was probably meant.
    fn unknown_key(&mut self, entry: &Entry, what: &str, known: &[&'static str]) -> Option<&'static str> {
        let mut problem = Diagnostic::new(Code::UnknownKey, format!("{what} has no key {}", quoted(&entry.key)))
            .at(entry.key_span, "unknown key");
        let near = nearest(&entry.key, known);
        if let Some(near) = near {
            problem = problem.help(format!("did you mean `{near}`?"));
        }
        let is_number = entry.key.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && matches!(entry.value.value, Value::Null) {
            problem = problem
                .help("if this belongs to the number before it: the decimal point is `.`, and `,` separates keys");
        }
        self.report(problem.help(format!("known keys: {}", listed(known))));
        near
    }

    /// The value of a key that must be there.
    pub(super) fn require<'a>(&mut self, fields: &Fields<'a>, key: &str) -> Option<&'a Node> {
        if fields.entry(key).is_none() && !fields.meant.contains(&key) {
            let message = format!("{} has no `{key}`", fields.what);
            let label = format!("`{key}` is missing");
            let help = format!("add `{key}:` to it");
            self.report(Diagnostic::new(Code::MissingKey, message).at(fields.head, label).help(help));
        }
        fields.get(key)
    }

    /// The one key of `kinds` that is given, with its value. Reports none and several.
    pub(super) fn one_of<'a, 'k>(&mut self, fields: &Fields<'a>, kinds: &[&'k str]) -> Option<(&'k str, &'a Node)> {
        let given: Vec<&str> = kinds.iter().copied().filter(|kind| fields.entry(kind).is_some()).collect();
        match given.as_slice() {
            [kind] => fields.get(kind).map(|node| (*kind, node)),
            [] => {
                // An unknown key has been reported already; it was probably meant to be one of these.
                if !fields.has_unknown {
                    let message = format!("{} has none of {}", fields.what, listed(kinds));
                    let help = format!("write exactly one of {}", listed(kinds));
                    self.report(Diagnostic::new(Code::OneOf, message).at(fields.head, "none of them").help(help));
                }
                None
            }
            [first, rest @ ..] => {
                let message = format!("{} has {} at once", fields.what, joined(&given));
                let mut problem = Diagnostic::new(Code::OneOf, message).help("keep one of them");
                for (key, label) in rest.iter().map(|key| (key, "and this")).chain([(first, "this")]) {
                    let span = fields.key_span(key).unwrap_or(fields.head);
                    problem =
                        if problem.primary.is_none() { problem.at(span, label) } else { problem.also(span, label) };
                }
                self.report(problem);
                None
            }
        }
    }

    /// A text; numbers and other words are texts too, as they were written.
    pub(super) fn text<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a str> {
        match &node.value {
            Value::Scalar(text) => Some(text),
            other => {
                self.wrong_type(node.span, other, what, Wanted::Single);
                None
            }
        }
    }

    /// The elements of a list.
    pub(super) fn list<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a [Node]> {
        match &node.value {
            Value::List(nodes) => Some(nodes),
            other => {
                self.wrong_type(node.span, other, what, Wanted::List);
                None
            }
        }
    }

    /// The elements of a list that has some.
    pub(super) fn filled_list<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a [Node]> {
        let nodes = self.list(node, what)?;
        if nodes.is_empty() {
            let problem = Diagnostic::new(Code::EmptyValue, format!("{what} is an empty list"));
            self.report(problem.at(node.span, "empty").help("write at least one element"));
            return None;
        }
        Some(nodes)
    }

    /// Reads a list element by element: nothing if one of them cannot be read.
    pub(super) fn each<T>(
        &mut self,
        nodes: &[Node],
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let found: Vec<Option<T>> = nodes.iter().map(|node| read(self, node)).collect();
        found.into_iter().collect()
    }

    /// A value that is written as one word.
    pub(super) fn word<T>(&mut self, node: &Node, what: &str, code: Code) -> Option<T>
    where
        T: FromStr,
        T::Err: Into<Complaint>,
    {
        let text = self.text(node, what)?;
        let read =
            if text.len() > 4 * MAX_QUOTED { Err(too_long(text, what)) } else { text.parse().map_err(Into::into) };
        self.accept(node.span, code, read)
    }

    /// Gives a value that was read, or reports why it could not be.
    pub(super) fn accept<T>(&mut self, span: Span, code: Code, read: Result<T, Complaint>) -> Option<T> {
        read.map_err(|complaint| self.complain(code, span, complaint)).ok()
    }

    /// A duration.
    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<units::Duration> {
        self.word(node, what, Code::InvalidDuration)
    }

    /// A duration longer than nothing.
    pub(super) fn positive_duration(&mut self, node: &Node, what: &str) -> Option<units::Duration> {
        let duration = self.duration(node, what)?;
        if duration.is_zero() {
            let problem = Diagnostic::new(Code::InvalidDuration, format!("{what} cannot be zero"));
            self.report(problem.at(node.span, "no time at all").help("write a duration such as `30s`"));
            return None;
        }
        Some(duration)
    }

    /// The name of a service, SLO, probe, step or change.
    pub(super) fn name(&mut self, node: &Node, what: &str) -> Option<units::Name> {
        self.word(node, what, Code::InvalidName)
    }

    /// One of a few words, each with what it stands for.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, what)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meaning);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let mut problem = Diagnostic::new(Code::UnknownValue, format!("{what} cannot be {}", quoted(text)));
        problem = problem.at(node.span, "unknown value");
        if let Some(near) = nearest(text, &known) {
            problem = problem.help(format!("did you mean `{near}`?"));
        }
        self.report(problem.help(format!("known values: {}", listed(&known))));
        None
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        self.choice(node, what, &[("true", true), ("false", false)])
    }

    fn wrong_type(&mut self, span: Span, found: &Value, what: &str, wanted: Wanted) {
        let found = match found {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        };
        let message = format!("{what} is {found}, where {} is wanted", wanted.noun());
        let help = match wanted {
            Wanted::Single => "write one word, or a text in quotes",
            Wanted::List => "write `[a, b]`, or each element on a line of its own after `- `",
            Wanted::Mapping => "write `key: value` on a line of its own, or `{key: value}`",
        };
        self.report(Diagnostic::new(Code::WrongType, message).at(span, format!("this is {found}")).help(help));
    }
}

/// The shapes of a value.
#[derive(Clone, Copy)]
enum Wanted {
    Single,
    List,
    Mapping,
}

impl Wanted {
    const fn noun(self) -> &'static str {
        match self {
            Self::Single => "a single value",
            Self::List => "a list",
            Self::Mapping => "a mapping of keys to values",
        }
    }
}

/// What is said right under a text that was refused.
const fn refusal(code: Code) -> &'static str {
    match code {
        Code::InvalidDuration => "not a duration",
        Code::InvalidObjective => "not an objective",
        Code::InvalidName => "not a name",
        Code::InvalidNumber => "not such a number",
        Code::InvalidShare => "not a share of the budget",
        Code::InvalidSize => "not a size",
        Code::InvalidUrl => "not a URL to probe",
        Code::InvalidPattern => "not a pattern",
        Code::InvalidExchange => "cannot be said",
        Code::InvalidTarget => "not a target",
        Code::InvalidStatus => "not a status",
        Code::InvalidTls => "not the name of a server",
        Code::InvalidHeader => "cannot be sent",
        Code::InvalidLabel => "not a label name",
        Code::InvalidTemplate => "not a template",
        _ => "refused",
    }
}

fn too_long(text: &str, what: &str) -> Complaint {
    let message = format!("{what} is a text of {} characters", text.chars().count());
    Complaint { message, help: "write one short word".to_owned() }
}

/// A text of the file as errors quote it: not longer than a line.
pub(super) fn quoted(text: &str) -> String {
    if text.chars().count() <= MAX_QUOTED {
        return format!("`{text}`");
    }
    let start: String = text.chars().take(MAX_QUOTED).collect();
    format!("`{start}…`")
}

/// Words as a sentence lists them.
pub(super) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Words as a sentence joins them: `a`, `b` and `c`.
fn joined(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} and `{last}`", listed(first)),
        words => listed(words),
    }
}
