//! What Concourse asks for: the source of a resource, the version it knows, the parameters of a step.
//!
//! Strict as SLO files are: an unknown key is refused, since a misspelt one would ask for more than was meant, and all
//! problems are told at once.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Map, Value};
use url::Url;

use super::read::Object;
use crate::gate::{Planned, Question};
use crate::prometheus::{Access, Error, Secret};
use crate::units::Duration;

/// How long one question to a server may take unless the source says it.
pub(super) const SERVER_TIMEOUT: Duration = Duration::from_secs(10);

/// The same for a Prometheus.
pub(super) const PROMETHEUS_TIMEOUT: Duration = Duration::from_mins(2);

const REQUEST: [&str; 3] = ["source", "version", "params"];
const SOURCE: [&str; 11] = [
    "server",
    "prometheus",
    "files",
    "service",
    "slo",
    "username",
    "password",
    "token",
    "ca_cert",
    "headers",
    "timeout",
];
const PARAMS: [&str; 4] = ["change", "downtime", "duration", "wait"];
const GET_PARAMS: [&str; 5] = ["change", "downtime", "duration", "wait", "require_open"];

/// A request that can be answered.
#[derive(Debug)]
pub(super) struct Request {
    /// Who is asked.
    pub(super) place: Place,
    /// How to get in.
    pub(super) access: Credentials,
    /// How long one question may take, if that is said.
    pub(super) timeout: Option<Duration>,
    /// What is asked.
    pub(super) question: Question,
    /// How long to wait for the gate to open.
    pub(super) wait: Option<Duration>,
    /// Whether the step fails unless the gate is open.
    pub(super) require_open: bool,
    /// The version that Concourse knows, or wants.
    pub(super) version: Option<Map<String, Value>>,
}

/// Who is asked.
#[derive(Debug)]
pub(super) enum Place {
    /// A running `burndown serve`.
    Server(Url),
    /// A Prometheus that evaluates the rules of these SLO files.
    Prometheus {
        /// Its address.
        url: Url,
        /// The files, in the image of the resource type.
        files: Vec<PathBuf>,
    },
}

/// How to get in. Concourse hands over what its credential manager holds; it is kept for one question and never shown.
#[derive(Default)]
pub(super) struct Credentials {
    user: Option<(String, Secret)>,
    token: Option<Secret>,
    ca_cert: Option<String>,
    headers: Vec<(String, String)>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Credentials {
    /// What a client takes.
    ///
    /// # Errors
    /// [`Error`] if a certificate or header cannot be used.
    pub(super) fn open(&self) -> Result<Access, Error> {
        let mut access = Access::default();
        if let Some((user, password)) = &self.user {
            access = access.basic(user, password)?;
        }
        if let Some(token) = &self.token {
            access = access.bearer(token)?;
        }
        if let Some(pem) = &self.ca_cert {
            access = access.trusting_text(pem)?;
        }
        for (name, value) in &self.headers {
            access = access.header(&format!("{name}={value}"))?;
        }
        Ok(access)
    }
}

impl Request {
    /// A request of `check`.
    pub(super) fn check(text: &[u8]) -> Result<Self, Vec<String>> {
        read(text, &[])
    }

    /// A request of `in`.
    pub(super) fn get(text: &[u8]) -> Result<Self, Vec<String>> {
        let request = read(text, &GET_PARAMS)?;
        if request.version.is_none() {
            return Err(vec!["`version` is missing: Concourse says which one it wants".to_owned()]);
        }
        Ok(request)
    }

    /// A request of `out`.
    pub(super) fn put(text: &[u8]) -> Result<Self, Vec<String>> {
        let request = read(text, &PARAMS)?;
        // The version of a put is that of the answer.
        Ok(Self { version: None, ..request })
    }
}

/// Reads a request whose `params` may have these keys.
fn read(text: &[u8], params: &[&str]) -> Result<Request, Vec<String>> {
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| vec![format!("standard input is not the JSON of a request: {error}")])?;
    let Value::Object(mut request) = value else {
        return Err(vec!["standard input is no JSON object".to_owned()]);
    };
    let mut problems = Vec::new();
    let unknown = request.keys().filter(|key| !REQUEST.contains(&key.as_str()));
    problems.extend(unknown.map(|key| format!("the request has an unknown key `{}`", key.escape_debug())));
    let version = version(&mut request, &mut problems);
    let (question, wait, require_open) = asked(&mut request, params, &mut problems);
    let mut source = Object::of(&mut request, "source", &SOURCE, &mut problems);
    let question = Question { service: source.read("service"), slo: source.read("slo"), ..question };
    let (access, timeout) = (credentials(&mut source), source.read("timeout"));
    let place = place(&mut source);
    match place {
        Some(place) if problems.is_empty() => {
            Ok(Request { place, access, timeout, question, wait, require_open, version })
        }
        _ => Err(problems),
    }
}

/// What the parameters of a step ask.
fn asked(
    request: &mut Map<String, Value>,
    known: &[&str],
    problems: &mut Vec<String>,
) -> (Question, Option<Duration>, bool) {
    let mut params = Object::of(request, "params", known, problems);
    let change = Planned::of(params.read("change"), params.read("downtime"), params.read("duration"));
    let change = change.unwrap_or_else(|error| {
        params.problem(&format!("make no question: {error}"));
        None
    });
    let (wait, require_open) = (params.read("wait"), params.flag("require_open").unwrap_or(true));
    (Question { change, ..Question::default() }, wait, require_open)
}

/// The version, which Concourse gives back as it got it.
fn version(request: &mut Map<String, Value>, problems: &mut Vec<String>) -> Option<Map<String, Value>> {
    match request.remove("version")? {
        Value::Null => None,
        Value::Object(version) if version.values().all(Value::is_string) => Some(version),
        _ => {
            problems.push("`version` is no object of texts".to_owned());
            None
        }
    }
}

fn place(source: &mut Object<'_>) -> Option<Place> {
    let (server, prometheus) = (source.read("server"), source.read("prometheus"));
    let files = source.texts("files");
    match (server, prometheus) {
        (Some(url), None) if files.is_empty() => return Some(Place::Server(url)),
        (None, Some(url)) if !files.is_empty() => {
            return Some(Place::Prometheus { url, files: files.into_iter().map(PathBuf::from).collect() });
        }
        _ => source.problem("names who is asked: `server`, or `prometheus` with the SLO `files` of its rules"),
    }
    None
}

fn credentials(source: &mut Object<'_>) -> Credentials {
    let (username, password) = (source.text("username"), source.text("password"));
    let token = source.text("token").map(Secret::given);
    let user = match (username, password) {
        (Some(username), Some(password)) => Some((username, Secret::given(password))),
        (None, None) => None,
        _ => {
            source.problem("has half of a user: give `username` and `password`");
            None
        }
    };
    if user.is_some() && token.is_some() {
        source.problem("has a user and a `token`: give one of them");
    }
    Credentials { user, token, ca_cert: source.text("ca_cert"), headers: source.pairs("headers") }
}
