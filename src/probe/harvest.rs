//! What steps of a journey take out of answers and outputs for later steps.
//!
//! Captured values count as secret: they are handed to whoever fills in a text, and shown to nobody. What is said of
//! them is text of the file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use http::HeaderMap;

use super::json::{Json, NotJson};
use super::outcome::Reason;
use super::progress::Fault;
use crate::spec::model::{Capture, CaptureSource};
use crate::units::{JsonPointer, Name};

/// The longest value that is captured, in bytes: longer than any token, short enough for a header or an argument.
const MAX_VALUE: usize = 16 * 1024;

/// The captured values of one run.
#[derive(Default)]
pub(super) struct Values(BTreeMap<Name, String>);

impl Values {
    /// A captured value.
    ///
    /// # Errors
    ///
    /// [`Reason::Capture`] if no step of this run has captured it.
    pub(super) fn get(&self, name: &Name) -> Result<&str, Fault> {
        self.0.get(name).map(String::as_str).ok_or_else(|| failed(name, "was not made"))
    }

    /// Whether a step of this run has captured it.
    pub(super) fn holds(&self, name: &Name) -> bool {
        self.0.contains_key(name)
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What one step has to capture, and where it goes.
#[derive(Debug)]
pub(super) struct Harvest<'a> {
    /// The captures of the step.
    pub(super) wanted: &'a BTreeMap<Name, Capture>,
    /// The values of the run.
    pub(super) values: &'a mut Values,
}

impl Harvest<'_> {
    /// Whether the text of an answer or output has to be kept.
    pub(super) fn needs_text(&self) -> bool {
        self.wanted.values().any(|capture| !matches!(capture.source, CaptureSource::Header(_)))
    }

    /// Whether the headers of an answer have to be kept.
    pub(super) fn needs_headers(&self) -> bool {
        self.wanted.values().any(|capture| matches!(capture.source, CaptureSource::Header(_)))
    }

    /// Takes every capture out of an answer or output. `headers` are those of an answer.
    ///
    /// # Errors
    ///
    /// [`Reason::Capture`] for the first capture that is not there.
    pub(super) fn take(&mut self, headers: &HeaderMap, text: &[u8]) -> Result<(), Fault> {
        for (name, capture) in self.wanted {
            let found = match &capture.source {
                CaptureSource::Text => Cow::Borrowed(text),
                CaptureSource::Header(header) => match headers.get(header) {
                    Some(value) => Cow::Borrowed(value.as_bytes()),
                    None => return Err(failed(name, &format!("found no header `{header}`"))),
                },
                CaptureSource::Json(pointer) => Cow::Owned(scalar(name, text, pointer)?.into_bytes()),
            };
            let value = refine(name, capture, &found)?;
            self.values.0.insert(name.clone(), value);
        }
        Ok(())
    }
}

/// A text, number or truth value of a document as text.
fn scalar(name: &Name, document: &[u8], pointer: &JsonPointer) -> Result<String, Fault> {
    let found = Json::look_up(document, pointer).map_err(|NotJson| failed(name, "found no JSON"))?;
    found
        .filter(|value| *value != Json::Null)
        .and_then(|value| value.as_text())
        .ok_or_else(|| failed(name, &format!("found no text, number or truth value at `{pointer}`")))
}

/// What the pattern takes of what was found, if it can be used.
fn refine(name: &Name, capture: &Capture, found: &[u8]) -> Result<String, Fault> {
    let found = match &capture.pattern {
        None => found,
        Some(pattern) => pattern.capture(found).ok_or_else(|| failed(name, &format!("found no `{pattern}`")))?,
    };
    let why = match std::str::from_utf8(found) {
        Ok("") => "is empty",
        Ok(text) if text.len() > MAX_VALUE => "is longer than 16 KiB",
        Ok(text) if text.contains('\0') => "holds a NUL character",
        Ok(text) => return Ok(text.to_owned()),
        Err(_) => "is not UTF-8 text",
    };
    Err(failed(name, why))
}

fn failed(name: &Name, why: &str) -> Fault {
    Fault::Target(Reason::Capture, format!("the capture `{name}` {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(source: CaptureSource, pattern: &str, text: &[u8]) -> Result<String, String> {
        let pattern = (!pattern.is_empty()).then(|| pattern.parse().expect("a pattern"));
        let wanted = [("id".parse().expect("a name"), Capture { source, pattern })].into_iter().collect();
        let mut values = Values::default();
        let headers = [("x-id", "a-7")].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let taken = Harvest { wanted: &wanted, values: &mut values }.take(&headers.into_iter().collect(), text);
        match taken {
            Ok(()) => Ok(values.get(&"id".parse().expect("a name")).expect("is there").to_owned()),
            Err(Fault::Target(Reason::Capture, detail)) => Err(detail),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn takes_what_it_says_or_says_what_is_missing() {
        let json = |pointer: &str| CaptureSource::Json(pointer.parse().expect("a pointer"));
        let header = |name: &'static str| CaptureSource::Header(http::HeaderName::from_static(name));
        let long = vec![b'x'; MAX_VALUE + 1];
        let text = CaptureSource::Text;
        for (source, pattern, text, wanted) in [
            (text.clone(), r"id=(\d+)", &b"a id=12 id=13"[..], Ok("12")),
            (text.clone(), r"\d+", b"\xff 12", Ok("12")),
            (text.clone(), r"\d+", b"none", Err(r"the capture `id` found no `\d+`")),
            (text.clone(), "x(y?)", b"x", Err("the capture `id` is empty")),
            (text.clone(), "x+", &long, Err("the capture `id` is longer than 16 KiB")),
            (text.clone(), "x+", &long[1..], Ok(std::str::from_utf8(&long[1..]).expect("text"))),
            (text.clone(), "a.b", b"a\0b", Err("the capture `id` holds a NUL character")),
            (text, "(?-u:.)b", b"\xffb", Err("the capture `id` is not UTF-8 text")),
            (json("/a/0"), "", br#"{"a":["x y"]}"#, Ok("x y")),
            (json("/a"), "", br#"{"a":1.50}"#, Ok("1.5")),
            (json("/a"), "", br#"{"a":true}"#, Ok("true")),
            (json("/a"), "[0-9]+", br#"{"a":"v12"}"#, Ok("12")),
            (json("/a"), "", br#"{"a":{}}"#, Err("the capture `id` found no text, number or truth value at `/a`")),
            (json("/b"), "", br#"{"a":{}}"#, Err("the capture `id` found no text, number or truth value at `/b`")),
            (json("/a"), "", b"<html>", Err("the capture `id` found no JSON")),
            (header("x-id"), "", b"", Ok("a-7")),
            (header("x-id"), "-(.)", b"", Ok("7")),
            (header("etag"), "", b"", Err("the capture `id` found no header `etag`")),
        ] {
            let found = capture(source.clone(), pattern, text);
            assert_eq!(found.as_ref().map(String::as_str).map_err(String::as_str), wanted, "{source:?} {pattern}");
        }
    }

    #[test]
    fn values_are_not_shown() {
        let mut values = Values::default();
        values.0.insert("token".parse().expect("a name"), "s3cret".to_owned());
        assert_eq!(format!("{values:?}"), r#"{"token"}"#);
    }
}
