//! The two formats of `/metrics`: which one a scraper asks for, and OpenMetrics turned into the text format.
//!
//! Sample lines are the same in both. What differs is the head of a family (`x_total` is the name of a
//! counter in the text format, and only the suffix of its sample in OpenMetrics) and the closing `# EOF`.

use std::fmt::{self, Write};

use http::HeaderMap;
use http::header::ACCEPT;

/// A format of `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// The Prometheus text format 0.0.4.
    Text,
}

impl Format {
    /// The value of the header `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The format that a request prefers: OpenMetrics only if it is named and nothing is preferred to it.
    ///
    /// A request that accepts neither gets the text format, as it does from every other exporter.
    #[must_use]
    pub fn asked_for(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let (mut open, mut text) = (0, 0);
        for range in values.flat_map(|value| value.split(',')).map(Range::read) {
            match range.media {
                "application/openmetrics-text" if matches!(range.version, None | Some("1.0.0" | "0.0.1")) => {
                    open = open.max(range.weight);
                }
                "text/plain" if matches!(range.version, None | Some("0.0.4")) => text = text.max(range.weight),
                _ => {}
            }
        }
        if open > 0 && open >= text { Self::OpenMetrics } else { Self::Text }
    }
}

/// One part of an `Accept` header.
struct Range<'a> {
    media: &'a str,
    version: Option<&'a str>,
    /// `q` in thousandths.
    weight: u32,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let mut range = Self { media: parts.next().unwrap_or_default(), version: None, weight: 1_000 };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim() {
                "version" => range.version = Some(value.trim().trim_matches('"')),
                "q" => range.weight = thousandths(value.trim()),
                _ => {}
            }
        }
        range
    }
}

/// A `q` value in thousandths; what is not one weighs nothing.
fn thousandths(text: &str) -> u32 {
    match text.parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1_000.0) as u32,
        _ => 0,
    }
}

/// Turns OpenMetrics that is written to it into the text format, line by line, for another writer.
#[derive(Debug)]
pub(super) struct TextFormat<'a, W> {
    writer: &'a mut W,
    state: State,
    /// The comment line so far.
    comment: String,
    /// The rest of the last HELP line: the name and its explanation.
    help: String,
}

/// Where in a line the writer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    LineStart,
    Sample,
    Comment,
}

impl<'a, W: Write> TextFormat<'a, W> {
    /// A translator in front of `writer`.
    pub(super) fn new(writer: &'a mut W) -> Self {
        Self { writer, state: State::LineStart, comment: String::new(), help: String::new() }
    }

    /// Takes in a whole comment line. A HELP waits for the TYPE that follows, which decides the name.
    fn end_comment(&mut self) -> fmt::Result {
        let line = std::mem::take(&mut self.comment);
        if let Some(help) = line.strip_prefix("# HELP ") {
            help.clone_into(&mut self.help);
            return Ok(());
        }
        let Some((stem, kind)) = line.strip_prefix("# TYPE ").and_then(|head| head.rsplit_once(' ')) else {
            return Ok(());
        };
        let suffix = if kind == "counter" { "_total" } else { "" };
        let kind = if kind == "unknown" { "untyped" } else { kind };
        let help = self.help.strip_prefix(stem).unwrap_or_default();
        writeln!(self.writer, "# HELP {stem}{suffix}{help}")?;
        writeln!(self.writer, "# TYPE {stem}{suffix} {kind}")
    }
}

impl<W: Write> Write for TextFormat<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive('\n') {
            if self.state == State::LineStart {
                self.state = if piece.starts_with('#') { State::Comment } else { State::Sample };
            }
            let (content, ends) = match piece.strip_suffix('\n') {
                Some(content) => (content, true),
                None => (piece, false),
            };
            match self.state {
                State::Comment => self.comment.push_str(content),
                State::Sample | State::LineStart => self.writer.write_str(piece)?,
            }
            if ends {
                if self.state == State::Comment {
                    self.end_comment()?;
                }
                self.state = State::LineStart;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_scraper_gets_what_it_prefers() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2";
        let cases = [
            (prometheus_2, Format::OpenMetrics),
            (prometheus_3, Format::OpenMetrics),
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html", Format::Text),
            ("text/plain", Format::Text),
            ("text/plain, application/openmetrics-text", Format::OpenMetrics),
            ("text/plain;q=0.9, application/openmetrics-text;q=0.8", Format::Text),
            ("application/openmetrics-text;q=0, text/plain;q=0.1", Format::Text),
            ("application/openmetrics-text; version=\"1.0.0\" ; q=0.3", Format::OpenMetrics),
            ("application/openmetrics-text;version=2.0.0", Format::Text),
            ("application/openmetrics-text;q=high", Format::Text),
        ];
        for (accept, format) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(Format::asked_for(&headers), format, "{accept}");
        }
        assert_eq!(Format::asked_for(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn heads_are_translated_and_samples_are_not() {
        let open = "# HELP runs Runs so far\n# TYPE runs counter\nruns_total{a=\"# TYPE \\n\"} 3\n\
                    # HELP up Whether up\n# TYPE up gauge\n# UNIT up seconds\nup 1\n# HELP x X\n# TYPE x unknown\nx 0\n# EOF\n";
        let text = "# HELP runs_total Runs so far\n# TYPE runs_total counter\nruns_total{a=\"# TYPE \\n\"} 3\n\
                    # HELP up Whether up\n# TYPE up gauge\nup 1\n# HELP x X\n# TYPE x untyped\nx 0\n";
        for size in [1, 3, open.len()] {
            let mut written = String::new();
            let mut translator = TextFormat::new(&mut written);
            for piece in open.as_bytes().chunks(size) {
                translator.write_str(std::str::from_utf8(piece).expect("ASCII")).expect("writes");
            }
            assert_eq!(written, text, "in pieces of {size}");
        }
    }
}
