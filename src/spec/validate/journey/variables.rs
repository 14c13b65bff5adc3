//! `${…}` in the texts of a journey: what may be named where, and who uses what steps capture.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::Name;

use super::super::super::model::{Piece, Template};
use super::super::super::read::{Reader, nearest, quoted};

/// What stands for the directory of the run.
pub(super) const RUN_DIR: &str = "run_dir";

/// The captures of the steps that were read so far.
#[derive(Default)]
pub(super) struct Scope {
    captures: BTreeMap<Name, Known>,
}

/// A capture as later steps refer to it.
struct Known {
    span: Span,
    is_used: bool,
}

impl Scope {
    /// Takes the name of a capture, or reports why it cannot have it.
    pub(super) fn claim(&mut self, reader: &mut Reader, name: &Name, span: Span) {
        if name.as_str() == RUN_DIR {
            let problem = Diagnostic::new(Code::InvalidCapture, "`${run_dir}` is the directory of the run");
            reader.report(problem.at(span, "taken").help("give the capture another name"));
            return;
        }
        let Some(first) = self.captures.get(name) else {
            self.captures.insert(name.clone(), Known { span, is_used: false });
            return;
        };
        let problem = Diagnostic::new(Code::DuplicateName, format!("the journey captures `{name}` twice"));
        let problem = problem.at(span, "again here").also(first.span, "first here");
        reader.report(problem.help("give each capture of a journey a name of its own"));
    }

    /// Reads a text of a step, and notes which captures it uses.
    pub(super) fn template(&mut self, reader: &mut Reader, text: &str, span: Span) -> Option<Template> {
        let mut pieces = Vec::new();
        for part in parts(text) {
            let piece = match part {
                Part::Text(text) => Some(Piece::Text(text.to_owned())),
                Part::Name(RUN_DIR) => Some(Piece::RunDir),
                Part::Name(name) => self.capture(reader, name, span).map(Piece::Capture),
                Part::Open => {
                    let problem = Diagnostic::new(Code::UnknownCapture, "`${` is not closed");
                    let problem = problem.at(span, "no `}`").help("write `${name}`");
                    reader.report(problem.help("if it is meant as it stands, write `$${`"));
                    None
                }
            };
            pieces.push(piece);
        }
        pieces.into_iter().collect::<Option<Vec<_>>>().map(Template::new)
    }

    fn capture(&mut self, reader: &mut Reader, text: &str, span: Span) -> Option<Name> {
        let known = text.parse::<Name>().ok().and_then(|name| Some((self.captures.get_mut(&name)?, name)));
        if let Some((known, name)) = known {
            known.is_used = true;
            return Some(name);
        }
        let message = format!("{} is not known here", quoted(&format!("${{{text}}}")));
        let mut problem = Diagnostic::new(Code::UnknownCapture, message).at(span, "names nothing");
        let names: Vec<&str> = self.captures.keys().map(Name::as_str).chain([RUN_DIR]).collect();
        problem = match nearest(text, &names) {
            Some(near) => problem.help(format!("did you mean `${{{near}}}`?")),
            None => problem.help(
                "`${run_dir}` is a fresh directory for each run; other names are those that the steps before it `capture`",
            ),
        };
        reader.report(problem.help("if it is meant as it stands, write `$${`"));
        None
    }

    /// Reports each capture that no later step uses.
    pub(super) fn report_unused(&self, reader: &mut Reader) {
        for (name, known) in self.captures.iter().filter(|(_, known)| !known.is_used) {
            let problem = Diagnostic::new(Code::UnusedCapture, format!("no later step uses the capture `{name}`"));
            let help = format!(
                "write `${{{name}}}` where it belongs, or remove the capture; what an answer must hold is said under `expect`"
            );
            reader.report(problem.at(known.span, "never used").help(help));
        }
    }
}

/// Whether a text holds something to fill in, or `$${`.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("${")
}

/// A part of a text as it was written.
#[derive(Debug, PartialEq, Eq)]
enum Part<'t> {
    /// To be taken as it stands.
    Text(&'t str),
    /// What stands between `${` and `}`.
    Name(&'t str),
    /// A `${` without `}`.
    Open,
}

/// Splits a text at each `${name}`; `$${` stands for `${` itself.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            found.extend([Part::Text(before), Part::Text("${")]);
            rest = after;
            continue;
        }
        found.push(Part::Text(before));
        let Some((name, after)) = after.split_once('}') else {
            found.push(Part::Open);
            return found;
        };
        found.push(Part::Name(name));
        rest = after;
    }
    found.push(Part::Text(rest));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_at_its_names() {
        use Part::{Name, Open, Text};
        assert_eq!(parts("plain $x $"), [Text("plain $x $")]);
        assert_eq!(parts("a${b}c"), [Text("a"), Name("b"), Text("c")]);
        assert_eq!(parts("${a}${b}"), [Text(""), Name("a"), Text(""), Name("b"), Text("")]);
        assert_eq!(parts("a$${b}"), [Text("a"), Text("${"), Text("b}")]);
        assert_eq!(parts("a${b"), [Text("a"), Open]);
    }
}
