//! Journeys: steps, what they take out of answers, and texts that are filled in when a step runs.

use std::collections::BTreeMap;
use std::fmt;

use http::HeaderName;
use url::Url;

use super::{HttpProbe, SecretSource};
use crate::units::{Duration, JsonPointer, Name, Pattern};

/// Steps that are run one after another; the first that fails ends the journey.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// Environment of every command; commands get no other. It holds no capture.
    pub env: BTreeMap<String, EnvValue>,
    /// The steps, at least one.
    pub steps: Vec<Step>,
    /// Steps that always run afterwards, outside the SLI.
    pub cleanup: Vec<Step>,
}

/// One step of a journey.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name, unique in the journey.
    pub name: Name,
    /// Its own timeout within that of the journey; a cleanup step always has one.
    pub timeout: Option<Duration>,
    /// What it does.
    pub action: StepAction,
    /// What it takes out of the answer or output for later steps, by names that are unique in the journey. The step
    /// fails if one of them is not there.
    pub captures: BTreeMap<Name, Capture>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAction {
    /// Runs a command without a shell.
    Run {
        /// Program and arguments, at least the program, which holds no capture.
        command: Vec<Template>,
        /// Environment on top of the journey's.
        env: BTreeMap<String, EnvValue>,
    },
    /// Sends an HTTP request.
    Http(Box<StepRequest>),
}

impl StepAction {
    /// Every text of the action that is filled in when it runs.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let (words, env, request) = match self {
            Self::Run { command, env } => (command.as_slice(), Some(env), None),
            Self::Http(request) => (&[][..], None, Some(request)),
        };
        let values = env.into_iter().flat_map(BTreeMap::values).filter_map(|value| match value {
            EnvValue::Plain(text) => Some(text),
            EnvValue::Secret(_) => None,
        });
        words.iter().chain(values).chain(request.into_iter().flat_map(|request| request.templates()))
    }
}

/// A value of a command's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvValue {
    /// Written in the file, to be filled in.
    Plain(Template),
    /// Named in the file, kept elsewhere.
    Secret(SecretSource),
}

/// A request of a step: that of a probe, with parts that are filled in when it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRequest {
    /// The request. Where a part below is filled in, what stands here instead of it is without meaning.
    pub request: HttpProbe,
    /// Path and query, if they are filled in. Scheme, host and port never are: targets come from the file alone.
    pub target: Option<TargetTemplate>,
    /// Headers that are filled in, on top of those of the request.
    pub headers: Vec<(HeaderName, Template)>,
    /// The body, if it is filled in.
    pub body: Option<BodyTemplate>,
}

impl StepRequest {
    fn templates(&self) -> impl Iterator<Item = &Template> {
        let target = self.target.iter().flat_map(|target| [Some(&target.path), target.query.as_ref()]).flatten();
        target.chain(self.headers.iter().map(|(_, text)| text)).chain(self.body.iter().map(|body| &body.text))
    }
}

/// The path and query of a URL, whose captures are percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTemplate {
    /// The path, encoded but for its captures.
    pub path: Template,
    /// The query, encoded but for its captures.
    pub query: Option<Template>,
}

impl TargetTemplate {
    /// Splits a URL that was read with `stand_ins` in the places of `pieces`. Nothing if one of them does not stand
    /// in the path or the query, in this order.
    #[must_use]
    pub fn split(url: &Url, stand_ins: &[(String, Piece)]) -> Option<Self> {
        let mut waiting = stand_ins;
        let path = split(url.path(), &mut waiting);
        let query = url.query().map(|query| split(query, &mut waiting));
        waiting.is_empty().then_some(Self { path, query })
    }
}

/// Splits a text at the stand-ins that it holds, and takes those from `waiting`.
fn split(text: &str, waiting: &mut &[(String, Piece)]) -> Template {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(((stand_in, piece), later)) = waiting.split_first() {
        let Some((before, after)) = rest.split_once(stand_in.as_str()) else { break };
        pieces.extend([Piece::Text(before.to_owned()), piece.clone()]);
        (rest, *waiting) = (after, later);
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Template::new(pieces)
}

/// The body of a request, with the way in which captures stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyTemplate {
    /// The text.
    pub text: Template,
    /// How a capture is written in it.
    pub escape: Escape,
}

/// How a value is written where it lands, so that it stays one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As it is.
    None,
    /// Percent-encoded, in URLs and forms.
    Percent,
    /// As the inside of a JSON string.
    Json,
}

/// A text in which `${…}` stands for what is known only when a step runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text of the file.
    Text(String),
    /// `${run_dir}`, the directory of the run.
    RunDir,
    /// `${name}`, what a step before has captured.
    Capture(Name),
}

impl Template {
    /// A text of these pieces; empty ones are left out.
    #[must_use]
    pub fn new(pieces: Vec<Piece>) -> Self {
        Self(pieces.into_iter().filter(|piece| !matches!(piece, Piece::Text(text) if text.is_empty())).collect())
    }

    /// The pieces, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The text, if nothing in it is to be filled in.
    #[must_use]
    pub fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The captures that it names.
    pub fn captures(&self) -> impl Iterator<Item = &Name> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Capture(name) => Some(name),
            Piece::Text(_) | Piece::RunDir => None,
        })
    }
}

impl fmt::Display for Template {
    /// Writes it as the file does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::RunDir => f.write_str("${run_dir}"),
            Piece::Capture(name) => write!(f, "${{{name}}}"),
        })
    }
}

/// What a step takes out of an answer or output. A [`CaptureSource::Text`] always has a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Where to look.
    pub source: CaptureSource,
    /// What to take of it: the first group, or the whole match. Without it, everything.
    pub pattern: Option<Pattern>,
}

/// Where a capture looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureSource {
    /// The body of an answer, or what a command writes to its standard output.
    Text,
    /// A string, number, `true` or `false` in that text, read as JSON.
    Json(JsonPointer),
    /// The first header of that name of an answer.
    Header(HeaderName),
}
