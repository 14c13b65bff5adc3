//! Diagnostics as JSON, for editors and pipelines.
//!
//! Lines and columns count from 1, columns in characters; offsets are bytes from the start of the file (after
//! a byte order mark, if it has one). New fields may come; the version changes when one goes or changes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::place::Lines;
use super::{Diagnostic, Label, Level, SourceId, Sources};

/// The version of this form.
pub const SCHEMA_VERSION: u32 = 1;

/// One diagnostic, ready to be serialised.
#[derive(Debug, Serialize)]
pub struct JsonDiagnostic<'a> {
    code: &'static str,
    level: &'static str,
    message: &'a str,
    #[serde(flatten)]
    primary: Option<JsonPlace<'a>>,
    secondary: Vec<JsonPlace<'a>>,
    help: &'a [String],
}

#[derive(Debug, Serialize)]
struct JsonPlace<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    start_byte: usize,
    end_byte: usize,
    label: &'a str,
}

/// The diagnostics in the form that is documented above.
#[must_use]
pub fn diagnostics<'a>(diagnostics: &'a [Diagnostic], sources: &'a Sources) -> Vec<JsonDiagnostic<'a>> {
    let lines: BTreeMap<SourceId, Lines<'_>> = sources.iter().map(|(id, source)| (id, Lines::of(source))).collect();
    let place = |label: &'a Label| place(label, sources, &lines);
    diagnostics
        .iter()
        .map(|diagnostic| JsonDiagnostic {
            code: diagnostic.code.as_str(),
            level: match diagnostic.level {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Note => "note",
            },
            message: &diagnostic.message,
            primary: diagnostic.primary.as_ref().and_then(place),
            secondary: diagnostic.secondary.iter().filter_map(place).collect(),
            help: &diagnostic.help,
        })
        .collect()
}

fn place<'a>(label: &'a Label, sources: &'a Sources, lines: &BTreeMap<SourceId, Lines<'_>>) -> Option<JsonPlace<'a>> {
    let (source, lines) = (sources.get(label.span.source)?, lines.get(&label.span.source)?);
    let (start, end) = (lines.position(label.span.start), lines.position(label.span.end));
    Some(JsonPlace {
        file: &source.path,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        start_byte: label.span.start,
        end_byte: label.span.end,
        label: &label.text,
    })
}
