//! Other tools' SLO files → SLO files, with everything that had to be said otherwise, or could not be said.
//!
//! | module | what it reads |
//! |---|---|
//! | `sloth` | `prometheus/v1` and `PrometheusServiceLevel` |
//! | `pyrra` | `ServiceLevelObjective` |
//! | `openslo` | `openslo/v1alpha` and `openslo/v1` |
//!
//! Each gives drafts, whose trees have the places of the file that was read; `gather` validates them as if they stood
//! in an SLO file, and writes the files. Nothing here touches the disk but the reading of the given paths.

mod draft;
mod gather;
mod indicator;
mod names;
mod openslo;
mod print;
mod pyrra;
mod sloth;
mod tree;

use std::collections::BTreeSet;
use std::path::PathBuf;

use rust_decimal::Decimal;

use crate::diag::{Code, Diagnostic, Level, Sources, Span};
use crate::promql::{MAX_BYTES, PromqlError};
use crate::units::{Duration, Name};

use super::raw::{self, Entry, Node, Value};
use super::read::{Fields, Reader, quoted};
use super::source;
use draft::Draft;
use tree::{Placed, scalar};

/// What other tools' files do not say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The service of every SLO, instead of what the files say.
    pub service: Option<Name>,
    /// The window of SLOs that have none of their own.
    pub window: Option<Duration>,
}

/// The longest description that is taken over, in bytes.
const MAX_DESCRIPTION: usize = 4 << 10;

/// Bound on what all SLOs hold together, in bytes of text and [`NODE_WEIGHT`] for each value: many may refer to one
/// indicator.
const MAX_WEIGHT: usize = 8 << 20;

/// What a value weighs besides its text.
const NODE_WEIGHT: usize = 32;

/// What came of files of other tools.
#[derive(Debug)]
pub struct Imported {
    /// The files that were read, for rendering.
    pub sources: Sources,
    /// The SLO files, each of one service, in the order in which the services came.
    pub files: Vec<SloFile>,
    /// What was found, in order of the files and of the places in them.
    pub diagnostics: Vec<Diagnostic>,
}

/// An SLO file that was made, and reads as it should.
#[derive(Debug)]
pub struct SloFile {
    /// The service that it holds.
    pub service: Name,
    /// How many SLOs it holds.
    pub slos: usize,
    /// Its text.
    pub text: String,
}

/// Reads files of other tools and makes SLO files of them. Paths are those of [`super::load`].
///
/// It never fails: whatever is wrong, with a path or in a file, becomes a diagnostic, and what is right is imported.
#[must_use]
pub fn import(paths: &[PathBuf], options: &Options) -> Imported {
    let mut problems = Vec::new();
    let (mut sources, readable) = source::read_all(paths, &mut problems);
    let mut documents = Vec::new();
    for (id, source) in readable.iter().filter_map(|id| Some((*id, sources.get(*id)?))) {
        let before = problems.len();
        let found = raw::documents(id, &source.text, &mut problems);
        // Half a file may say the opposite of the whole.
        if problems.len() > before {
            continue;
        }
        if found.is_empty() {
            let start = Span { source: id, start: 0, end: 0 };
            let problem = Diagnostic::new(Code::EmptyFile, "the file is empty").at(start, "nothing here");
            problems.push(problem.help("give a file of sloth, pyrra or OpenSLO"));
        }
        documents.extend(found);
    }
    for secret in documents.iter().filter_map(openslo::secrets) {
        redact(&mut sources, secret);
    }
    let mut reader = Reader { problems };
    let mut drafts = drafts(&mut reader, &documents, &mut Context { options, said: Said::default() });
    drafts.sort_by_key(|draft| draft.name.span);
    let files = gather::files(&mut reader, &drafts, options, &sources);
    let diagnostics = super::within_bounds(super::in_order(reader.problems), &sources);
    Imported { sources, files, diagnostics }
}

/// What the readers of documents share.
struct Context<'a> {
    options: &'a Options,
    said: Said,
}

/// What is true of many documents, and is said of the first of them.
#[derive(Default)]
struct Said {
    averages: bool,
    severities: bool,
    pairs: bool,
    object_labels: bool,
    services: BTreeSet<String>,
}

/// Blanks out every word of a value.
fn redact(sources: &mut Sources, node: &Node) {
    match &node.value {
        Value::Null => {}
        Value::Scalar(_) => sources.redact(node.span),
        Value::List(nodes) => nodes.iter().for_each(|node| redact(sources, node)),
        Value::Map(entries) => entries.iter().for_each(|entry| redact(sources, &entry.value)),
    }
}

/// The SLOs of all documents, whatever their format.
fn drafts(reader: &mut Reader, documents: &[Node], context: &mut Context<'_>) -> Vec<Draft> {
    let mut drafts = Drafts::default();
    let mut openslo = Vec::new();
    for node in documents.iter().flat_map(members) {
        match Format::of(node) {
            Ok(Format::Sloth) => sloth::file(reader, node, context, &mut drafts),
            Ok(Format::SlothObject) => sloth::object(reader, node, context, &mut drafts),
            Ok(Format::Pyrra) => {
                let draft = draft::whole(reader, |reader| pyrra::object(reader, node, context));
                draft.into_iter().for_each(|draft| drafts.push(reader, draft));
            }
            Ok(Format::OpenSlo) => openslo.push(node),
            Err(problem) => reader.report(*problem),
        }
    }
    openslo::documents(reader, &openslo, context.options, &mut drafts);
    drafts.list
}

/// The SLOs so far, within bounds.
#[derive(Default)]
struct Drafts {
    list: Vec<Draft>,
    weight: usize,
}

impl Drafts {
    /// Adds an SLO, unless all of them hold too much by then.
    fn push(&mut self, reader: &mut Reader, draft: Draft) {
        let before = self.weight;
        self.weight = self.weight.saturating_add(draft.weight());
        if self.weight <= MAX_WEIGHT {
            self.list.push(draft);
        } else if before <= MAX_WEIGHT {
            let message = "these SLOs hold too much once what they refer to is unfolded";
            let problem = Diagnostic::new(Code::TooComplex, message).at(draft.name.span, "the limit is reached here");
            reader.report(problem.help("import fewer files at once"));
        }
    }
}

/// The documents in a list of Kubernetes objects, or the document itself.
fn members(node: &Node) -> Vec<&Node> {
    let is_list = word(node, "kind").is_some_and(|kind| kind.ends_with("List"));
    match child(node, "items").filter(|_| is_list).map(|items| &items.value) {
        Some(Value::List(items)) => items.iter().collect(),
        _ => vec![node],
    }
}

/// The formats that are read.
enum Format {
    Sloth,
    SlothObject,
    Pyrra,
    OpenSlo,
}

impl Format {
    /// The format of a document, by what it says itself.
    fn of(node: &Node) -> Result<Self, Box<Diagnostic>> {
        let kind = word(node, "kind").unwrap_or_default();
        match (word(node, "version"), word(node, "apiVersion")) {
            (Some("prometheus/v1"), _) => Ok(Self::Sloth),
            (_, Some("sloth.slok.dev/v1")) if kind == "PrometheusServiceLevel" => Ok(Self::SlothObject),
            (_, Some("pyrra.dev/v1alpha1")) if kind == "ServiceLevelObjective" => Ok(Self::Pyrra),
            (_, Some("openslo/v1" | "openslo/v1alpha")) => Ok(Self::OpenSlo),
            (version, object) => Err(Box::new(unknown(node, version, object, kind))),
        }
    }
}

/// What is said of a document in another format.
fn unknown(node: &Node, version: Option<&str>, object: Option<&str>, kind: &str) -> Diagnostic {
    let named = ["version", "apiVersion"].iter().find_map(|key| child(node, key)).map(|node| node.span);
    let (message, help) = match (version, object) {
        (Some(version), _) if version.starts_with("burndown/") => {
            ("this is an SLO file already".to_owned(), "`burndown check` says whether it is a good one")
        }
        (Some(text), _) | (None, Some(text)) => {
            let kind = if kind.is_empty() { String::new() } else { format!(", kind {}", quoted(kind)) };
            (format!("the format {}{kind} is not known", quoted(text)), KNOWN)
        }
        (None, None) => ("this document does not say its format".to_owned(), KNOWN),
    };
    let span = named.or_else(|| first_key(node)).unwrap_or(node.span);
    Diagnostic::new(Code::ImportFormat, message).at(span, "not imported").help(help)
}

/// What a document of each format begins with.
const KNOWN: &str = "known are `version: prometheus/v1`, and `apiVersion: sloth.slok.dev/v1`, `pyrra.dev/v1alpha1`, \
                     `openslo/v1alpha` and `openslo/v1`";

fn first_key(node: &Node) -> Option<Span> {
    let Value::Map(entries) = &node.value else { return None };
    entries.first().map(|entry| entry.key_span)
}

/// The value of a key, whatever else there is.
fn child<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}

/// The word that a key has for its value.
fn word<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    word_of(child(node, key))
}

/// The word that a value is.
fn word_of(node: Option<&Node>) -> Option<&str> {
    match &node?.value {
        Value::Scalar(text) => Some(text),
        _ => None,
    }
}

/// The kind of an SLI that was made.
fn kind_of(sli: &Node) -> Option<&str> {
    let Value::Map(entries) = &sli.value else { return None };
    entries.first().map(|entry| entry.key.as_str())
}

/// A text as it stands.
fn text(reader: &mut Reader, node: &Node, what: &str) -> Option<Node> {
    reader.text(node, what).map(|text| scalar(text.trim(), node.span))
}

/// A description, unless it is a book.
fn description(reader: &mut Reader, fields: &Fields<'_>) -> Option<Node> {
    let node = text(reader, fields.get("description")?, "`description`")?;
    if word_of(Some(&node)).is_some_and(|text| text.len() > MAX_DESCRIPTION) {
        let problem = Diagnostic::new(Code::ImportLeftOut, "a description is left out");
        let problem = problem.at(node.span, format!("longer than {} KiB", MAX_DESCRIPTION >> 10));
        reader.report(
            problem.help("it would be a label of a series: write a sentence, and a link as `alerting.runbook`"),
        );
        return None;
    }
    Some(node)
}

/// A percentage as it stands, to the last decimal.
fn percent(reader: &mut Reader, node: &Node) -> Option<Node> {
    let text = reader.text(node, "the objective")?;
    let exact = Decimal::from_str_exact(text).map(|percent| percent.normalize().to_string());
    Some(scalar(exact.unwrap_or_else(|_| text.to_owned()), node.span))
}

/// PromQL in which a template leaves the range open, as sloth has it and OpenSLO took it over.
fn query(reader: &mut Reader, node: &Node) -> Option<Placed> {
    let mut rest = reader.text(node, "a query")?.trim();
    if rest.len() > MAX_BYTES {
        let error = PromqlError::TooLong(rest.len());
        return reader.accept(node.span, Code::InvalidPromql, Err(error.into()));
    }
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, behind) = after.split_once("}}").unwrap_or((after, ""));
        if action.trim_matches(['-', ' ', '\t', '\n']) != ".window" {
            let message = format!("a query holds the template `{{{{{}}}}}`", quoted(action).trim_matches('`'));
            let problem = Diagnostic::new(Code::ImportRefused, message).at(node.span, "not known");
            reader.report(problem.help("`{{.window}}` is the one that can be imported; write the rest out"));
            return None;
        }
        text.push_str(before);
        text.push_str("$window");
        rest = behind;
    }
    text.push_str(rest);
    Some(Placed::new(text, node.span))
}

/// The keys of an object's metadata. Those that a cluster sets say nothing of the SLO.
const METADATA: [&str; 14] = [
    "name",
    "namespace",
    "displayName",
    "labels",
    "annotations",
    "creationTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

fn metadata<'a>(reader: &mut Reader, node: &'a Node) -> Option<Fields<'a>> {
    reader.foreign(node, "`metadata`", &METADATA)
}

fn object_name(reader: &mut Reader, metadata: &Fields<'_>) -> Option<Placed> {
    let node = reader.require(metadata, "name")?;
    Some(Placed::new(reader.text(node, "`name`")?, node.span))
}

/// Says that labels of a Kubernetes object are those of no SLO, unless they begin with one of `handed_on`.
fn object_labels(reader: &mut Reader, fields: &Fields<'_>, handed_on: &[&str], said: &mut Said) {
    let Some(Node { value: Value::Map(entries), .. }) = fields.get("metadata").and_then(|node| child(node, "labels"))
    else {
        return;
    };
    let is_objects = |entry: &&Entry| !handed_on.iter().any(|prefix| entry.key.starts_with(prefix));
    if let Some(first) = entries.iter().find(is_objects).filter(|_| !std::mem::replace(&mut said.object_labels, true)) {
        let problem = Diagnostic::new(Code::ImportNote, "labels of the Kubernetes object are not labels of its SLOs");
        reader.report(problem.at(first.key_span, "of the object").help(
            "`burndown generate --format operator --operator.label KEY=VALUE` sets them on the objects that it writes",
        ));
    }
}

/// Whether a diagnostic means that something could not be imported.
fn is_error(problem: &Diagnostic) -> bool {
    problem.level == Level::Error
}
