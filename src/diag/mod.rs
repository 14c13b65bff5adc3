//! Diagnostics: what is wrong or worth saying, where it stands, and what would be right.
//!
//! A diagnostic has a stable [`Code`], a primary place with a label, and lines of help. Rooms that find
//! problems build diagnostics and go on; [`render`] turns them into text for people and [`json`] into
//! text for programs. Nothing here reads files or decides exit codes.

mod code;
pub mod json;
mod near;
mod place;
pub mod render;

use std::collections::BTreeMap;

pub use code::Code;
pub use near::nearest;

/// A file that diagnostics may point into.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as the user gave it, or `<stdin>`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// All files of one run. A [`Span`] says which one it points into.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

/// Which file of [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

impl Sources {
    /// Adds a file and returns its number.
    pub fn add(&mut self, source: Source) -> SourceId {
        let id = SourceId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(source);
        id
    }

    /// The file of that number.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.0.get(id.0 as usize)
    }

    /// Blanks a stretch of a file out, so that no rendering shows it: a secret that should not stand there.
    /// Lengths and line breaks stay.
    pub fn redact(&mut self, span: Span) {
        let Some(source) = self.0.get_mut(span.source.0 as usize) else { return };
        let Some(secret) = source.text.get(span.start..span.end) else { return };
        let blank: String =
            secret.bytes().map(|b| if matches!(b, b'\n' | b'\r') { char::from(b) } else { '*' }).collect();
        source.text.replace_range(span.start..span.end, &blank);
    }

    /// Where a span begins, as `FILE:LINE:COLUMN`.
    #[must_use]
    pub fn place_of(&self, span: Span) -> Option<String> {
        self.places_of(&[span]).pop().flatten()
    }

    /// Where each of many spans begins, as [`Self::place_of`] says it of one.
    #[must_use]
    pub fn places_of(&self, spans: &[Span]) -> Vec<Option<String>> {
        let mut lines: BTreeMap<SourceId, place::Lines<'_>> = BTreeMap::new();
        let place = |span: &Span| {
            let source = self.get(span.source)?;
            let lines = lines.entry(span.source).or_insert_with(|| place::Lines::of(source));
            let place::Position { line, column } = lines.position(span.start);
            Some(format!("{}:{line}:{column}", source.path))
        };
        spans.iter().map(place).collect()
    }

    /// Every file with its number, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.0.iter().enumerate().map(|(at, source)| (SourceId(u32::try_from(at).unwrap_or(u32::MAX)), source))
    }
}

/// A stretch of a file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which file.
    pub source: SourceId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// How serious a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The file cannot be used.
    Error,
    /// The file can be used, but this will surprise somebody; an error under `--strict`.
    Warning,
    /// Worth knowing.
    Note,
}

/// A place with a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
}

/// One thing to say about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// How serious it is.
    pub level: Level,
    /// One sentence without a full stop.
    pub message: String,
    /// Where it is; none when it concerns a whole run.
    pub primary: Option<Label>,
    /// Other places that explain it, such as the first of two equal names.
    pub secondary: Vec<Label>,
    /// What would be right, a line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic at the level of its code.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            level: code.level(),
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Says where it is.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label { span, text: text.into() });
        self
    }

    /// Points at another place that explains it.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }
}
