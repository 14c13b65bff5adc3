//! Raw: what a file says, word for word, as a tree in which every key and value knows its place.
//!
//! Scalars keep their text as it was written (`99.9` never passes through a float), and nothing is decided
//! about types here: [`super::read`] looks at the tree with a type in mind. Keys that stand twice and
//! features of YAML that SLO files do not use are reported and skipped, so that the rest is still read; only
//! text that is no YAML at all ends the reading of a file.
//!
//! This is the only user of the YAML parser. serde's data model has no place for spans, for two errors at
//! once or for the text of a number, so the tree is built from the parser's events.

use std::collections::{BTreeMap, HashMap};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError};

use crate::diag::{Code, Diagnostic, SourceId, Span};

use super::read::quoted;

/// How deep lists and mappings may be nested. The format itself needs eight levels.
const MAX_DEPTH: usize = 32;

/// Bound on the unfolded tree, in bytes of text plus [`NODE_WEIGHT`] a value. It lets a full file of 1 MiB
/// pass, and stops an alias bomb long before memory is short.
const MAX_WEIGHT: usize = 8 << 20;

/// What a value weighs besides its text.
const NODE_WEIGHT: usize = 32;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it stands; for a block list or mapping, from its first line to its last.
    pub(super) span: Span,
    /// What it is.
    pub(super) value: Value,
}

/// What stands at a place of a file.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A text, number or whatever one word is, as written, without quotes and escapes.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, each key once.
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Where the key stands.
    pub(super) key_span: Span,
    /// The value.
    pub(super) value: Node,
}

/// Reads the one document of a file; nothing if it holds none that can be read.
pub(super) fn parse(source: SourceId, text: &str, problems: &mut Vec<Diagnostic>) -> Option<Node> {
    read(Builder::new(source, text, problems))?.finish()
}

/// Reads every document of a file that another tool's users wrote; none if the text breaks off.
pub(super) fn documents(source: SourceId, text: &str, problems: &mut Vec<Diagnostic>) -> Vec<Node> {
    let mut builder = Builder::new(source, text, problems);
    builder.has_several = true;
    read(builder).map(Builder::finish_all).unwrap_or_default()
}

/// Gives the builder every event of its text; nothing if the text breaks off.
fn read(mut builder: Builder<'_>) -> Option<Builder<'_>> {
    let text = builder.text;
    let mut options = granit_parser::options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    options.set_emit_comments(false);
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => {
                builder.refuse_tag(&event, &span);
                let span = builder.place(&span);
                builder.take(event, span)
            }
            Err(error) => Err(builder.refused(&error)),
        };
        if let Err(problem) = step {
            builder.problems.push(*problem);
            return None;
        }
    }
    Some(builder)
}

/// A list or mapping whose end has not come yet.
struct Open {
    start: Span,
    anchor: usize,
    weight: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, index: BTreeMap<String, Span>, key: Key },
}

/// What a mapping waits for.
enum Key {
    /// A key comes next.
    Next,
    /// The value of this key comes next.
    Of(String, Span),
    /// A value comes next whose key was refused.
    Refused,
}

/// Builds the tree from events, with a stack of its own instead of recursion.
struct Builder<'a> {
    source: SourceId,
    text: &'a str,
    problems: &'a mut Vec<Diagnostic>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
    documents: usize,
    /// Whether a file may hold more than one document.
    has_several: bool,
    /// Documents that have ended, where it may.
    ended: Vec<Node>,
    weight: usize,
}

type Step = Result<(), Box<Diagnostic>>;

impl<'a> Builder<'a> {
    fn new(source: SourceId, text: &'a str, problems: &'a mut Vec<Diagnostic>) -> Self {
        let (open, anchors) = (Vec::new(), HashMap::new());
        let (root, documents, has_several, ended) = (None, 0, false, Vec::new());
        Self { source, text, problems, open, anchors, root, documents, has_several, ended, weight: 0 }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let start = start.min(self.text.len());
        Span { source: self.source, start, end: end.clamp(start, self.text.len()) }
    }

    /// The parser's span as ours, without the white space that it counts at the end of block values.
    fn place(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or_default();
        let words = self.text.get(range.clone()).unwrap_or_default().trim_end().len();
        self.span(range.start, range.start + words)
    }

    fn refuse_tag(&mut self, event: &Event<'_>, span: &granit_parser::Span) {
        if let Some(tag) = event.tag() {
            let message = format!("the YAML tag {} means nothing here", quoted(&tag.original()));
            let place = self.place(&span.tag_span().unwrap_or(*span));
            let problem = Diagnostic::new(Code::YamlFeature, message).at(place, "tag");
            self.problems.push(problem.help("leave the tag out: types follow from the keys"));
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Step {
        match event {
            Event::DocumentStart(..) => self.document(span),
            Event::Scalar(text, style, anchor, _) => {
                let value = scalar(text.into_owned(), style);
                let weight = NODE_WEIGHT + span.end.saturating_sub(span.start);
                self.node(Node { span, value }, anchor, weight)
            }
            Event::SequenceStart(_, anchor, _) => self.start(span, anchor, Items::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let items = Items::Map { entries: Vec::new(), index: BTreeMap::new(), key: Key::Next };
                self.start(span, anchor, items)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn document(&mut self, span: Span) -> Step {
        self.documents += 1;
        self.ended.extend(self.root.take_if(|_| self.has_several));
        if self.documents == 1 || self.has_several {
            return Ok(());
        }
        Err(Box::new(
            Diagnostic::new(Code::SeveralDocuments, "a second YAML document starts here")
                .at(span, "second document")
                .help("write one document per file; several files and directories may be given"),
        ))
    }

    fn start(&mut self, start: Span, anchor: usize, items: Items) -> Step {
        self.open.push(Open { start, anchor, weight: NODE_WEIGHT, items });
        self.bear(NODE_WEIGHT, start)
    }

    fn end(&mut self, end: Span) -> Step {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let (value, last) = match open.items {
            Items::List(nodes) => {
                let last = nodes.last().map(|node| node.span.end);
                (Value::List(nodes), last)
            }
            Items::Map { entries, .. } => {
                let last = entries.last().map(|entry| entry.value.span.end.max(entry.key_span.end));
                (Value::Map(entries), last)
            }
        };
        // A flow collection ends with its bracket; a block one where its last value does.
        let closes = end.end > end.start;
        let end = if closes { end.end } else { last.unwrap_or(end.end) };
        let node = Node { span: self.span(open.start.start, end), value };
        self.attach(node, open.anchor, open.weight)
    }

    /// Adds a value that was read to the tree and to the account.
    fn node(&mut self, node: Node, anchor: usize, weight: usize) -> Step {
        self.bear(weight, node.span)?;
        self.attach(node, anchor, weight)
    }

    /// Charges `weight` to the account.
    fn bear(&mut self, weight: usize, span: Span) -> Step {
        self.weight += weight;
        if self.weight <= MAX_WEIGHT {
            return Ok(());
        }
        Err(Box::new(
            Diagnostic::new(Code::TooComplex, "the file holds too many values once its aliases are unfolded")
                .at(span, "the limit is reached here")
                .help("write several smaller files, and fewer aliases of aliases"),
        ))
    }

    /// Puts a finished value where it belongs.
    fn attach(&mut self, node: Node, anchor: usize, weight: usize) -> Step {
        if anchor != 0 {
            // The copy that aliases unfold from is held in memory too.
            self.bear(weight, node.span)?;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.weight += weight;
        match &mut open.items {
            Items::List(nodes) => nodes.push(node),
            Items::Map { entries, index, key } => match std::mem::replace(key, Key::Next) {
                Key::Next => *key = read_key(node, index, self.problems),
                Key::Of(name, key_span) => entries.push(Entry { key: name, key_span, value: node }),
                Key::Refused => {}
            },
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Step {
        match self.anchors.get(&anchor) {
            Some((node, weight)) => {
                let (node, weight) = (node.clone(), *weight);
                self.node(node, 0, weight)
            }
            None => Err(Box::new(
                Diagnostic::new(Code::YamlFeature, "an alias stands inside the value that it repeats")
                    .at(span, "this would never end")
                    .help("write the value out"),
            )),
        }
    }

    fn refused(&self, error: &ScanError) -> Box<Diagnostic> {
        let at = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
        let width = self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let span = self.span(at, at + width);
        let problem = match error.kind() {
            ErrorKind::RecursionLimitExceeded => {
                Diagnostic::new(Code::TooComplex, "lists and mappings are nested too deeply")
                    .at(span, "too deep")
                    .help(format!("SLO files need fewer than {MAX_DEPTH} levels"))
            }
            kind => Diagnostic::new(Code::InvalidYaml, format!("this is not YAML: {}", error.info()))
                .at(span, "the reader stops here")
                .help(yaml_help(kind)),
        };
        Box::new(problem)
    }

    fn finish(self) -> Option<Node> {
        let is_empty = self.root.as_ref().is_none_or(|root| matches!(root.value, Value::Null));
        if is_empty {
            let end = self.span(0, 0);
            self.problems.push(
                Diagnostic::new(Code::EmptyFile, "the file is empty")
                    .at(end, "nothing here")
                    .help("start with `version: burndown/v1`; `examples/quickstart.yaml` is the smallest useful file"),
            );
            return None;
        }
        self.root
    }
}

impl Builder<'_> {
    /// Every document that says something.
    fn finish_all(mut self) -> Vec<Node> {
        self.ended.extend(self.root);
        self.ended.retain(|root| !matches!(root.value, Value::Null));
        self.ended
    }
}

/// What usually helps when a text is no YAML.
fn yaml_help(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => "indent with spaces",
        ErrorKind::UnknownAnchor => "write the value out, or quote a text that starts with `*`",
        ErrorKind::UnclosedQuotedScalar => "close the quotes",
        ErrorKind::UnclosedFlowCollection { .. } => "close every `{` and `[`",
        _ => "look at the indentation, at brackets and quotes, and for a missing space after `:`",
    }
}

/// YAML 1.2 says which plain words mean nothing; everything else stays text.
fn scalar(text: String, style: ScalarStyle) -> Value {
    let is_null = style == ScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    if is_null { Value::Null } else { Value::Scalar(text) }
}

/// Looks at a key: a plain text that has not stood in this mapping before.
fn read_key(node: Node, index: &mut BTreeMap<String, Span>, problems: &mut Vec<Diagnostic>) -> Key {
    let Value::Scalar(name) = node.value else {
        problems.push(
            Diagnostic::new(Code::YamlFeature, "a key is a single word")
                .at(node.span, "not a word")
                .help("write `key: value`; a text that starts with `{` or `[` needs quotes"),
        );
        return Key::Refused;
    };
    if name == "<<" {
        problems.push(
            Diagnostic::new(Code::YamlFeature, "merge keys are not supported")
                .at(node.span, "merge key")
                .help("write the keys out, or repeat a whole value with an alias"),
        );
        return Key::Refused;
    }
    if let Some(first) = index.get(&name) {
        problems.push(
            Diagnostic::new(Code::DuplicateKey, format!("the key {} stands twice", quoted(&name)))
                .at(node.span, "again here")
                .also(*first, "first here")
                .help("keep one of the two"),
        );
        return Key::Refused;
    }
    index.insert(name.clone(), node.span);
    Key::Of(name, node.span)
}
