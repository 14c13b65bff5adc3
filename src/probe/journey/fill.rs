//! Fills in the texts of a step: commands, environment and requests with the run's directory and captured values.
//!
//! A value stays one value wherever it lands: one argument, one header, one segment of a path. What cannot is refused
//! as the fault of whoever said it, and never quoted.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::harvest::Values;
use super::super::outcome::Reason;
use super::super::progress::Fault;
use crate::spec::model::{Escape, HeaderText, HttpProbe, Piece, RequestBody, StepRequest, TargetTemplate, Template};

/// Everything but the characters that RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is known when a step runs.
#[derive(Clone, Copy)]
pub(super) struct Filling<'a> {
    pub(super) run_dir: &'a Path,
    pub(super) values: &'a Values,
}

impl Filling<'_> {
    /// The words of a command.
    ///
    /// # Errors
    ///
    /// A missing capture, or one at the head of an argument that would turn it into an option.
    pub(super) fn words(&self, command: &[Template]) -> Result<Vec<OsString>, Fault> {
        let mut words = Vec::with_capacity(command.len());
        let mut may_be_option = true;
        for template in command {
            let word = self.text(template)?;
            if let (true, Some(Piece::Capture(name))) = (may_be_option, template.pieces().first())
                && word.as_bytes().starts_with(b"-")
            {
                return Err(unfit(name.as_str(), "would be an option of the command; write `--` before it"));
            }
            may_be_option &= word != OsStr::new("--");
            words.push(word);
        }
        Ok(words)
    }

    /// A text as a program is handed it.
    ///
    /// # Errors
    ///
    /// A missing capture.
    pub(super) fn text(&self, template: &Template) -> Result<OsString, Fault> {
        let mut filled = OsString::new();
        for piece in template.pieces() {
            match piece {
                Piece::Text(text) => filled.push(text),
                Piece::RunDir => filled.push(self.run_dir),
                Piece::Capture(name) => filled.push(self.values.get(name)?),
            }
        }
        Ok(filled)
    }

    /// A request as it is sent.
    ///
    /// # Errors
    ///
    /// A missing capture, or one that cannot stand in its place.
    pub(super) fn request(&self, step: &StepRequest) -> Result<HttpProbe, Fault> {
        let mut request = step.request.clone();
        if let Some(target) = &step.target {
            self.target(&mut request, target)?;
        }
        for (name, template) in &step.headers {
            request.headers.push((name.clone(), HeaderText::Plain(self.header(name, template)?)));
        }
        if let Some(body) = &step.body {
            request.body = Some(RequestBody::Text(self.escaped(&body.text, body.escape)?));
        }
        Ok(request)
    }

    fn target(&self, request: &mut HttpProbe, target: &TargetTemplate) -> Result<(), Fault> {
        let path = self.escaped(&target.path, Escape::Percent)?;
        let query = target.query.as_ref().map(|query| self.escaped(query, Escape::Percent)).transpose()?;
        request.url.set_path(&path);
        request.url.set_query(query.as_deref());
        // A segment of `.` or `..` would climb out of the path that the file says.
        if request.url.path() != path {
            let name = target.path.captures().next().map_or("run_dir", |name| name.as_str());
            return Err(unfit(name, "cannot be a segment of a path"));
        }
        Ok(())
    }

    fn header(&self, name: &HeaderName, template: &Template) -> Result<HeaderValue, Fault> {
        let text = self.escaped(template, Escape::None)?;
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| Fault::Target(Reason::Capture, format!("a capture cannot stand in the header `{name}`")))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn escaped(&self, template: &Template, escape: Escape) -> Result<String, Fault> {
        let mut filled = String::new();
        for piece in template.pieces() {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::RunDir => push(&mut filled, &self.run_dir.to_string_lossy(), escape),
                Piece::Capture(name) => push(&mut filled, self.values.get(name)?, escape),
            }
        }
        Ok(filled)
    }
}

fn push(text: &mut String, value: &str, escape: Escape) {
    match escape {
        Escape::None => text.push_str(value),
        Escape::Percent => text.extend(utf8_percent_encode(value, RESERVED)),
        Escape::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            // A JSON string is never shorter than its two quotes.
            text.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
        }
    }
}

fn unfit(name: &str, why: &str) -> Fault {
    Fault::Target(Reason::Capture, format!("the capture `{name}` {why}"))
}
