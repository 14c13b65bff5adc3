//! A journey: commands and requests, one after another, and what cleans up behind them.

mod capture;
mod request;
mod variables;

use std::collections::BTreeMap;

use ::http::Method;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::{Duration, Name};

use super::super::keys;
use super::super::model::{EnvValue, Journey, Step, StepAction, Template};
use super::super::raw::Node;
use super::super::read::{Complaint, Fields, Reader};
use super::secret::{self, TextOrSecret};
use capture::Answers;
use variables::Scope;

/// The timeout of a cleanup step that says none.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(60);

/// Where a step stands, which says what bounds it.
#[derive(Clone, Copy)]
enum Part {
    /// Within the timeout of the journey, if that could be read.
    Steps(Option<Duration>),
    /// Afterwards, with a timeout of its own.
    Cleanup,
}

/// The names of a journey that were read so far.
#[derive(Default)]
struct Names {
    steps: BTreeMap<Name, Span>,
    scope: Scope,
}

/// Reads a journey that must end within `timeout`.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<Journey> {
    let fields = reader.fields(node, "`journey`", &keys::JOURNEY)?;
    let mut names = Names::default();
    let env = fields.get("env").map_or(Some(BTreeMap::new()), |node| environment(reader, node, &mut names.scope));
    let steps = reader
        .require(&fields, "steps")
        .and_then(|node| reader.filled_list(node, "`steps`"))
        .and_then(|nodes| reader.each(nodes, |reader, node| step(reader, node, Part::Steps(timeout), &mut names)));
    let cleanup = match fields.get("cleanup") {
        None => Some(Vec::new()),
        Some(node) => reader
            .list(node, "`cleanup`")
            .and_then(|nodes| reader.each(nodes, |reader, node| step(reader, node, Part::Cleanup, &mut names))),
    };
    let journey = Journey { env: env?, steps: steps?, cleanup: cleanup? };
    // Only now: a step that could not be read may have used them.
    names.scope.report_unused(reader);
    Some(journey)
}

fn step(reader: &mut Reader, node: &Node, part: Part, names: &mut Names) -> Option<Step> {
    let fields = reader.fields(node, "a step", &keys::STEP)?;
    let name_node = reader.require(&fields, "name");
    let name = name_node.and_then(|node| reader.name(node, "the name of a step"));
    if let (Some(node), Some(name)) = (name_node, &name) {
        claim(reader, &mut names.steps, name, node.span);
    }
    let timeout = timeout(reader, &fields, part);
    let bound = timeout.flatten().or(match part {
        Part::Steps(journey) => journey,
        Part::Cleanup => None,
    });
    let action = action(reader, &fields, bound, &mut names.scope);
    let answers = match &action {
        Some(StepAction::Http(request)) if request.request.method == Method::HEAD => Answers::Head,
        _ if fields.key_span("http").is_some() => Answers::Http,
        _ => Answers::Output,
    };
    let captures = fields
        .get("capture")
        .map_or(Some(BTreeMap::new()), |node| capture::read(reader, node, answers, &mut names.scope));
    Some(Step { name: name?, timeout: timeout?, action: action?, captures: captures? })
}

fn claim(reader: &mut Reader, names: &mut BTreeMap<Name, Span>, name: &Name, span: Span) {
    let Some(first) = names.get(name) else {
        names.insert(name.clone(), span);
        return;
    };
    let problem = Diagnostic::new(Code::DuplicateName, format!("the journey has two steps named `{name}`"));
    let problem = problem.at(span, "again here").also(*first, "first here");
    reader.report(problem.help("give each step of a journey a name of its own, cleanup included"));
}

/// The step's own timeout, if it has one; nothing if it could not be read.
fn timeout(reader: &mut Reader, fields: &Fields<'_>, part: Part) -> Option<Option<Duration>> {
    let Some(node) = fields.get("timeout") else {
        return Some(match part {
            Part::Steps(_) => None,
            Part::Cleanup => Some(CLEANUP_TIMEOUT),
        });
    };
    let timeout = reader.positive_duration(node, "`timeout`")?;
    if let Part::Steps(Some(journey)) = part
        && timeout > journey
    {
        let message = format!("the step may take {timeout}, but its journey is over after {journey}");
        let problem = Diagnostic::new(Code::TimeoutTooLong, message).at(node.span, "longer than the journey");
        reader.report(problem.help(format!("write at most `{journey}`, or a longer `timeout` of the probe")));
    }
    Some(Some(timeout))
}

fn action(
    reader: &mut Reader,
    fields: &Fields<'_>,
    timeout: Option<Duration>,
    scope: &mut Scope,
) -> Option<StepAction> {
    let env = fields.get("env").map(|node| (node, environment(reader, node, scope)));
    let (kind, node) = reader.one_of(fields, &["run", "http"])?;
    if kind == "http" {
        if let Some((node, _)) = env {
            let problem = Diagnostic::new(Code::InvalidCommand, "a request has no environment")
                .at(node.span, "only commands have one");
            reader.report(problem.help("remove `env`; headers take `{env: NAME}` themselves"));
        }
        return request::read(reader, node, timeout, scope).map(|request| StepAction::Http(Box::new(request)));
    }
    let command = command(reader, node, scope);
    let env = env.map_or(Some(BTreeMap::new()), |(_, env)| env);
    Some(StepAction::Run { command: command?, env: env? })
}

fn command(reader: &mut Reader, node: &Node, scope: &mut Scope) -> Option<Vec<Template>> {
    let nodes = reader.filled_list(node, "`run`")?;
    let words = reader.each(nodes, |reader, node| {
        let word = reader.text(node, "a word of a command")?;
        filled_in(reader, node, word, scope)
    })?;
    let (program, place) = (words.first()?, nodes.first()?.span);
    let problem = if program.pieces().is_empty() {
        let problem = Diagnostic::new(Code::InvalidCommand, "the command has no program").at(place, "no program");
        problem.help("write the program first, as in `[cf, push]`")
    } else if program.captures().next().is_some() {
        let problem = Diagnostic::new(Code::InvalidCapture, "a capture stands in the name of a program");
        let problem = problem.at(place, "an answer must not decide what is run");
        problem.help("write the program as it is; captures may stand in its arguments and environment")
    } else {
        return Some(words);
    };
    reader.report(problem);
    None
}

fn environment(reader: &mut Reader, node: &Node, scope: &mut Scope) -> Option<BTreeMap<String, EnvValue>> {
    let entries = reader.entries(node, "`env`")?;
    let mut found = Some(BTreeMap::new());
    for entry in entries {
        let name = reader.accept(entry.key_span, Code::InvalidCommand, secret::variable(&entry.key));
        let value = env_value(reader, &entry.value, scope);
        match (&mut found, name, value) {
            (Some(all), Some(name), Some(value)) => {
                all.insert(name.to_owned(), value);
            }
            _ => found = None,
        }
    }
    found
}

fn env_value(reader: &mut Reader, node: &Node, scope: &mut Scope) -> Option<EnvValue> {
    match secret::read(reader, node, "the value of a variable")? {
        TextOrSecret::Secret(source) => Some(EnvValue::Secret(source)),
        TextOrSecret::Text(text) => filled_in(reader, node, text, scope).map(EnvValue::Plain),
    }
}

/// A text that a program is handed.
fn filled_in(reader: &mut Reader, node: &Node, text: &str, scope: &mut Scope) -> Option<Template> {
    let text = reader.accept(node.span, Code::InvalidCommand, without_nul(text))?;
    scope.template(reader, &text, node.span)
}

fn without_nul(text: &str) -> Result<String, Complaint> {
    if text.contains('\0') {
        let help = "remove it: programs cannot be handed one".to_owned();
        return Err(Complaint { message: "a text holds a NUL character".to_owned(), help });
    }
    Ok(text.to_owned())
}
