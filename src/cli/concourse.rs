//! `burndown concourse`: the gate as a Concourse resource type, without a shell.
//!
//! A version is an opening of the gate, by its budget or by an override, so that `trigger: true` starts a job when the gate
//! opens and never when it closes. Requests come on standard input and may hold credentials, which no message repeats.

mod read;
mod request;

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::gate::{self, Source};
use super::source::Failure;
use super::{Exit, load, output, prometheus};
use crate::gate::model::Reason;
use crate::gate::{Answer, name};
use crate::prometheus::Client;
use crate::standing::model::GateAnswer;
use crate::standing::words;
use request::{Place, Request};

/// The largest request that is read, in bytes.
const MAX_REQUEST: u64 = 1024 * 1024;

/// The names under which Concourse calls a resource type.
const CALLED: [&str; 3] = ["check", "in", "out"];

/// Speaks the protocol of a Concourse resource type: a request on standard input, an answer on standard output.
///
/// Called as /opt/resource/check, in or out, the program does the same. A `check` gives a version for every opening of the
/// gate, by its budget or by an override; `in` asks it, writes the answer to the directory and fails unless it is open;
/// `out` asks whether a change fits and fails unless it does.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, clap::Subcommand)]
enum Step {
    /// Say which versions there are: none while the gate is not open.
    Check,
    /// Ask the gate and write its answer.
    In {
        /// Where to write it.
        directory: PathBuf,
    },
    /// Ask whether a change fits.
    Out {
        /// Where the artifacts of the build are; none is read.
        directory: PathBuf,
    },
}

/// The arguments of a process: if Concourse called it, those of the subcommand that it means.
pub(super) fn as_called(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let called = arguments.first().and_then(|program| Path::new(program).file_name()?.to_str().map(str::to_owned));
    if let Some(called) = called.filter(|called| CALLED.contains(&called.as_str())) {
        let own = ["burndown", "concourse", called.as_str()].map(OsString::from);
        arguments.splice(..1, own);
    }
    arguments
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let step = &arguments.step;
    let answered = request(step).and_then(|request| {
        let runtime = prometheus::runtime().map_err(|error| Failure::Refused(error.to_string()))?;
        let answer = runtime.block_on(gate::answer(&source(&request)?, &request.question, request.wait))?;
        Ok((request, answer))
    });
    let done = answered.and_then(|(request, answer)| match step {
        Step::Check => check(&request, &answer),
        Step::In { directory } => write(directory, &answer).and_then(|()| passed(&request, &answer)),
        Step::Out { .. } => passed(&request, &answer),
    });
    match done {
        Ok(document) => output::results(&format!("{document}\n"), Exit::Success),
        Err(failure) => failure.say(),
    }
}

/// Reads what Concourse asks for.
fn request(step: &Step) -> Result<Request, Failure> {
    let mut text = Vec::new();
    let read = io::stdin().lock().take(MAX_REQUEST + 1).read_to_end(&mut text);
    read.map_err(|error| Failure::Refused(format!("standard input cannot be read: {error}")))?;
    if text.len() as u64 > MAX_REQUEST {
        return Err(Failure::Refused(format!("the request has more than {MAX_REQUEST} bytes")));
    }
    let directory = match step {
        Step::Check => None,
        Step::In { directory } | Step::Out { directory } => Some(directory),
    };
    if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
        return Err(Failure::Refused(format!("{} is no directory", directory.display())));
    }
    let read = match step {
        Step::Check => Request::check(&text),
        Step::In { .. } => Request::get(&text),
        Step::Out { .. } => Request::put(&text),
    };
    read.map_err(|problems| Failure::Refused(problems.join("\nburndown: ")))
}

/// Whom the request says to ask.
fn source(request: &Request) -> Result<Source, Failure> {
    let client = |url, timeout| {
        let access = request.access.open().map_err(|error| Failure::Refused(error.to_string()))?;
        Client::new(url, &access, request.timeout.unwrap_or(timeout).to_std())
            .map_err(|error| Failure::Refused(error.to_string()))
    };
    match &request.place {
        Place::Server(url) => Ok(Source::server(client(url, request::SERVER_TIMEOUT)?)),
        Place::Prometheus { url, files } => {
            let plan = load::planned(files).map_err(Failure::Exit)?.plan;
            Ok(Source::prometheus(client(url, request::PROMETHEUS_TIMEOUT)?, &plan))
        }
    }
}

/// Every version from the one that is known: another one if the gate has opened since.
fn check(request: &Request, answer: &Answer) -> Result<Value, Failure> {
    if answer.reason == Reason::Unavailable && answer.slos.is_empty() {
        // That nobody could be asked is for people to see; it is no state of the gate.
        output::messages(&format!("burndown: {}\n", answer.message));
        return Err(Failure::Exit(Exit::Unknown));
    }
    if answer.decision != GateAnswer::Open {
        output::messages(&format!("burndown: there is no version while the gate is not open: {}\n", answer.message));
        return Ok(json!([]));
    }
    let known = request.version.as_ref().and_then(|version| Some((version, since(version)?)));
    Ok(match (known, answer.open_since) {
        (None, since) => json!([version(since.unwrap_or(answer.at))]),
        (Some((known, before)), Some(since)) if since > before => json!([known, version(since)]),
        (Some((known, _)), _) => json!([known]),
    })
}

/// The version that an opening at this moment is, in seconds of Unix time.
fn version(since: i64) -> Value {
    let since = Timestamp::from_second(since).unwrap_or(Timestamp::MIN);
    json!({"decision": "open", "since": since.to_string()})
}

/// When the opening of a version was, if it is one.
fn since(version: &Map<String, Value>) -> Option<i64> {
    let since = version.get("since")?.as_str()?.parse::<Timestamp>().ok()?;
    Some(since.as_second())
}

/// Writes the answer, and the parts of it that a task wants to read without a parser.
fn write(directory: &Path, answer: &Answer) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(answer).map_err(|error| Failure::Refused(error.to_string()))?;
    let moment = answer.reopens_at.map(moment).unwrap_or_default();
    let files = [
        ("answer.json", text),
        ("decision", word(&json!(answer.decision))),
        ("reason", word(&json!(answer.reason))),
        ("message", answer.message.clone()),
        ("reopens_at", moment),
    ];
    for (name, text) in files {
        let path = directory.join(name);
        std::fs::write(&path, text + "\n")
            .map_err(|error| Failure::Refused(format!("{} cannot be written: {error}", path.display())))?;
    }
    Ok(())
}

/// The version and what is to be said about it, or the failure of a step that must not pass.
fn passed(request: &Request, answer: &Answer) -> Result<Value, Failure> {
    output::messages(&gate::sentences(answer, &io::stderr()));
    if answer.decision != GateAnswer::Open && request.require_open {
        return Err(Failure::Exit(gate::exit(answer)));
    }
    let own = || match answer.decision {
        GateAnswer::Open => version(answer.open_since.unwrap_or(answer.at)),
        decision => json!({"decision": decision, "since": moment(answer.at)}),
    };
    let version = request.version.clone().map_or_else(own, Value::Object);
    Ok(json!({"version": version, "metadata": metadata(answer)}))
}

/// What the page of a build shows.
fn metadata(answer: &Answer) -> Value {
    let mut pairs = vec![
        ("decision", word(&json!(answer.decision))),
        ("reason", word(&json!(answer.reason))),
        ("message", answer.message.clone()),
    ];
    if let Some(slo) = answer.slos.first() {
        pairs.push(("slo", name(slo)));
        let (remaining, total) = (words::minutes(slo.remaining_seconds), words::amount(slo.total_seconds));
        pairs.push(("remaining", format!("{remaining} of {total} minutes")));
    }
    pairs.extend(answer.reopens_at.map(|at| ("reopens_at", moment(at))));
    pairs.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

/// The word that stands for a value in JSON.
fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A moment in seconds of Unix time, as programs read it.
fn moment(at: i64) -> String {
    Timestamp::from_second(at).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_program_says_what_concourse_wants() {
        let called = |words: &[&str]| {
            let arguments = as_called(words.iter().map(OsString::from));
            arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(called(&["/opt/resource/in", "/tmp/build/get"]), "burndown concourse in /tmp/build/get");
        assert_eq!(called(&["check"]), "burndown concourse check");
        assert_eq!(called(&["/usr/bin/burndown", "check", "x.yaml"]), "/usr/bin/burndown check x.yaml");
        assert_eq!(called(&["checks", "x"]), "checks x");
    }
}
