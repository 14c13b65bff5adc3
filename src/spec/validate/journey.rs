//! A journey: commands and requests, one after another, and what cleans up behind them.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::{Duration, Name};

use super::super::model::{EnvValue, Journey, Step, StepAction};
use super::super::raw::Node;
use super::super::read::{Complaint, Fields, Reader, nearest, quoted};
use super::http;
use super::secret::{self, TextOrSecret};

/// The timeout of a cleanup step that says none.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(60);

/// What `${…}` may name in the environment of a command.
const VARIABLES: [&str; 1] = ["run_dir"];

/// Where a step stands, which says what bounds it.
#[derive(Clone, Copy)]
enum Part {
    /// Within the timeout of the journey, if that could be read.
    Steps(Option<Duration>),
    /// Afterwards, with a timeout of its own.
    Cleanup,
}

/// Reads a journey that must end within `timeout`.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<Journey> {
    let fields = reader.fields(node, "`journey`", &["env", "steps", "cleanup"])?;
    let env = fields.get("env").map_or(Some(BTreeMap::new()), |node| environment(reader, node));
    let mut names = BTreeMap::new();
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
    Some(Journey { env: env?, steps: steps?, cleanup: cleanup? })
}

fn step(reader: &mut Reader, node: &Node, part: Part, names: &mut BTreeMap<Name, Span>) -> Option<Step> {
    let fields = reader.fields(node, "a step", &["name", "run", "http", "env", "timeout"])?;
    let name_node = reader.require(&fields, "name");
    let name = name_node.and_then(|node| reader.name(node, "the name of a step"));
    if let (Some(node), Some(name)) = (name_node, &name) {
        claim(reader, names, name, node.span);
    }
    let timeout = timeout(reader, &fields, part);
    let bound = timeout.flatten().or(match part {
        Part::Steps(journey) => journey,
        Part::Cleanup => None,
    });
    let action = action(reader, &fields, bound);
    Some(Step { name: name?, timeout: timeout?, action: action? })
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

fn action(reader: &mut Reader, fields: &Fields<'_>, timeout: Option<Duration>) -> Option<StepAction> {
    let env = fields.get("env").map(|node| (node, environment(reader, node)));
    let (kind, node) = reader.one_of(fields, &["run", "http"])?;
    if kind == "http" {
        if let Some((node, _)) = env {
            let problem = Diagnostic::new(Code::InvalidCommand, "a request has no environment")
                .at(node.span, "only commands have one");
            reader.report(problem.help("remove `env`; headers take `{env: NAME}` themselves"));
        }
        return http::read(reader, node, timeout).map(|http| StepAction::Http(Box::new(http)));
    }
    let command = command(reader, node);
    let env = env.map_or(Some(BTreeMap::new()), |(_, env)| env);
    Some(StepAction::Run { command: command?, env: env? })
}

fn command(reader: &mut Reader, node: &Node) -> Option<Vec<String>> {
    let nodes = reader.filled_list(node, "`run`")?;
    let words = reader.each(nodes, |reader, node| {
        let word = reader.text(node, "a word of a command")?;
        reader.accept(node.span, Code::InvalidCommand, without_nul(word))
    })?;
    if words.first().is_some_and(String::is_empty) {
        let problem = Diagnostic::new(Code::InvalidCommand, "the command has no program").at(node.span, "no program");
        reader.report(problem.help("write the program first, as in `[cf, push]`"));
        return None;
    }
    Some(words)
}

fn environment(reader: &mut Reader, node: &Node) -> Option<BTreeMap<String, EnvValue>> {
    let entries = reader.entries(node, "`env`")?;
    let mut found = Some(BTreeMap::new());
    for entry in entries {
        let name = reader.accept(entry.key_span, Code::InvalidCommand, secret::variable(&entry.key));
        let value = env_value(reader, &entry.value);
        match (&mut found, name, value) {
            (Some(all), Some(name), Some(value)) => {
                all.insert(name.to_owned(), value);
            }
            _ => found = None,
        }
    }
    found
}

fn env_value(reader: &mut Reader, node: &Node) -> Option<EnvValue> {
    match secret::read(reader, node, "the value of a variable")? {
        TextOrSecret::Secret(source) => Some(EnvValue::Secret(source)),
        TextOrSecret::Text(text) => {
            let read = without_nul(text).and_then(|text| known_variables(&text).map(|()| text));
            reader.accept(node.span, Code::InvalidCommand, read).map(EnvValue::Plain)
        }
    }
}

fn without_nul(text: &str) -> Result<String, Complaint> {
    if text.contains('\0') {
        let help = "remove it: programs cannot be handed one".to_owned();
        return Err(Complaint { message: "a text holds a NUL character".to_owned(), help });
    }
    Ok(text.to_owned())
}

/// Checks that each `${…}` names something that is filled in.
fn known_variables(text: &str) -> Result<(), Complaint> {
    for after in text.split("${").skip(1) {
        let name = after.split('}').next().unwrap_or_default();
        if !after.contains('}') || !VARIABLES.contains(&name) {
            let help = match nearest(name, &VARIABLES) {
                Some(near) => format!("did you mean `${{{near}}}`?"),
                None => "only `${run_dir}`, a fresh directory for each run, is filled in".to_owned(),
            };
            return Err(Complaint { message: format!("{} is not filled in", quoted(&format!("${{{name}}}"))), help });
        }
    }
    Ok(())
}
