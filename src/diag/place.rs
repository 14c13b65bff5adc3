//! Places: from bytes of a file to the lines and columns that people count, and to text that is safe to show.
//!
//! It must not fail: a span that lies outside of its file, or inside of a character, is moved to the nearest
//! place that exists.

use super::{Source, Span};

/// A line and column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The line.
    pub(super) line: usize,
    /// The column, in characters.
    pub(super) column: usize,
}

/// The lines of a file, found once for all its diagnostics.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// The bytes of each line without its line break; never empty.
    bounds: Vec<(usize, usize)>,
}

impl<'a> Lines<'a> {
    /// Finds the lines of a file: YAML breaks them at LF, CR LF and CR.
    pub(super) fn of(source: &'a Source) -> Self {
        let text = source.text.as_str();
        let mut bounds = Vec::new();
        let mut start = 0;
        let mut bytes = text.bytes().enumerate().peekable();
        while let Some((at, byte)) = bytes.next() {
            let is_pair = byte == b'\r' && bytes.peek().is_some_and(|(_, next)| *next == b'\n');
            if byte == b'\n' || byte == b'\r' {
                bounds.push((start, at));
                start = at + 1 + usize::from(is_pair);
                if is_pair {
                    bytes.next();
                }
            }
        }
        bounds.push((start, text.len()));
        Self { text, bounds }
    }

    /// The line of a byte, from 0.
    pub(super) fn index_of(&self, byte: usize) -> usize {
        self.bounds.partition_point(|(start, _)| *start <= byte).saturating_sub(1)
    }

    /// The text of a line without its line break, by number from 0.
    pub(super) fn text_of(&self, index: usize) -> &'a str {
        self.bounds.get(index).and_then(|(start, end)| self.text.get(*start..*end)).unwrap_or_default()
    }

    /// How many characters of its line stand before a byte.
    pub(super) fn characters_before(&self, byte: usize) -> usize {
        let Some((start, end)) = self.bounds.get(self.index_of(byte)) else { return 0 };
        let byte = byte.min(*end);
        let line = self.text.get(*start..*end).unwrap_or_default();
        match self.text.get(*start..byte) {
            Some(before) => before.chars().count(),
            // The byte lies inside of a character.
            None => line.char_indices().take_while(|(at, _)| start + at < byte).count(),
        }
    }

    /// The line and column of a byte.
    pub(super) fn position(&self, byte: usize) -> Position {
        Position { line: self.index_of(byte) + 1, column: self.characters_before(byte) + 1 }
    }

    /// The part of a span on its first line, in characters from the start of that line, as `(first, end)`.
    pub(super) fn characters_of(&self, span: Span) -> (usize, usize) {
        let index = self.index_of(span.start);
        let end_of_line = self.bounds.get(index).map_or(0, |(_, end)| *end);
        let first = self.characters_before(span.start);
        let end = self.characters_before(span.end.clamp(span.start, end_of_line.max(span.start)));
        (first, end.max(first))
    }
}

/// `text` with every character that could steer a terminal replaced, one for one, so that columns stay.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if is_harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Control characters other than tab, and those that reorder or hide text.
fn is_harmful(c: char) -> bool {
    let is_invisible = matches!(c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    (c.is_control() && c != '\t') || is_invisible
}
