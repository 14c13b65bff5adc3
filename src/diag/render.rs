//! Diagnostics as text for people, in the look that rustc made familiar.
//!
//! Whatever a file or a path holds, no control character of it reaches the terminal, and no place in it, odd
//! as it may be, makes rendering fail.

use std::collections::BTreeMap;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level as Look, Renderer, Snippet};

pub use super::place::harmless;

use super::place::Lines;
use super::{Diagnostic, Label, Level, SourceId, Sources, Span};

/// How far apart two marked lines may be for the lines between them to be shown.
const CONTEXT_LINES: usize = 2;

/// How many characters of a line behind its last mark are handed over at most.
const MAX_LINE: usize = 4096;

/// Renders diagnostics, one after another, each followed by an empty line.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let lines: BTreeMap<SourceId, Lines<'_>> = sources.iter().map(|(id, source)| (id, Lines::of(source))).collect();
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[group(diagnostic, sources, &lines)]));
        text.push_str("\n\n");
    }
    text
}

fn look(level: Level) -> Look<'static> {
    match level {
        Level::Error => Look::ERROR,
        Level::Warning => Look::WARNING,
        Level::Note => Look::NOTE,
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &Sources, lines: &BTreeMap<SourceId, Lines<'_>>) -> Group<'a> {
    let title = look(diagnostic.level).primary_title(harmless(&diagnostic.message)).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    for (source, labels) in labels_by_source(diagnostic) {
        if let (Some(file), Some(lines)) = (sources.get(source), lines.get(&source)) {
            group = group.element(snippet(&file.path, lines, &labels));
        }
    }
    for line in &diagnostic.help {
        group = group.element(Look::HELP.message(harmless(line)));
    }
    group
}

/// The labels of each file, that of the primary place first.
fn labels_by_source(diagnostic: &Diagnostic) -> Vec<(SourceId, Vec<(AnnotationKind, &Label)>)> {
    let primary = diagnostic.primary.iter().map(|label| (AnnotationKind::Primary, label));
    let secondary = diagnostic.secondary.iter().map(|label| (AnnotationKind::Context, label));
    let mut files: Vec<(SourceId, Vec<_>)> = Vec::new();
    for (kind, label) in primary.chain(secondary) {
        match files.iter_mut().find(|(source, _)| *source == label.span.source) {
            Some((_, labels)) => labels.push((kind, label)),
            None => files.push((label.span.source, vec![(kind, label)])),
        }
    }
    files
}

/// The marked lines of one file. Lines that are not shown are handed over empty, which keeps the numbers
/// right and the work small.
fn snippet(
    path: &str,
    lines: &Lines<'_>,
    labels: &[(AnnotationKind, &Label)],
) -> Snippet<'static, Annotation<'static>> {
    let marked: Vec<usize> = labels.iter().map(|(_, label)| lines.index_of(label.span.start)).collect();
    let first = marked.iter().copied().min().unwrap_or(0);
    let last = marked.iter().copied().max().unwrap_or(0);
    let mut text = String::new();
    let mut annotations = Vec::new();
    for index in first..=last {
        if marked.iter().any(|line| line.abs_diff(index) <= CONTEXT_LINES) {
            let here = labels.iter().filter(|(_, label)| lines.index_of(label.span.start) == index);
            let line = Excerpt::of(lines, index, here.clone().map(|(_, label)| label.span));
            for (kind, label) in here {
                let (start, end) = line.bytes_of(lines, label.span);
                let range = text.len() + start..text.len() + end;
                annotations.push(kind.span(range).label(harmless(&label.text)));
            }
            text.push_str(&line.text);
        }
        if index < last {
            text.push('\n');
        }
    }
    Snippet::source(text).path(harmless(path)).line_start(first + 1).annotations(annotations)
}

/// A line as it is shown.
struct Excerpt {
    text: String,
}

impl Excerpt {
    /// A line without harmful characters; of an absurdly long one, what stands far behind its last mark is
    /// left out.
    fn of(lines: &Lines<'_>, index: usize, marks: impl Iterator<Item = Span>) -> Self {
        let whole = lines.text_of(index);
        if whole.len() <= MAX_LINE {
            return Self { text: harmless(whole) };
        }
        let last = marks.map(|span| lines.characters_of(span).0).max().unwrap_or(0);
        Self { text: harmless(&whole.chars().take(last + MAX_LINE).collect::<String>()) }
    }

    /// The bytes of this text at which a span stands.
    fn bytes_of(&self, lines: &Lines<'_>, span: Span) -> (usize, usize) {
        let (first, end) = lines.characters_of(span);
        let byte = |character: usize| self.text.char_indices().nth(character).map_or(self.text.len(), |(at, _)| at);
        (byte(first), byte(end))
    }
}
