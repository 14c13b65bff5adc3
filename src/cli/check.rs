//! `burndown check`.

mod meaning;

use std::io;
use std::path::PathBuf;

use serde::Serialize;
use url::Url;

use crate::ask;
use crate::diag::{Diagnostic, Level, json, render};
use crate::slo::Plan;
use crate::spec::Loaded;

use super::load::Planned;
use super::prometheus::AccessArguments;
use super::{Exit, load, output, prometheus};

/// Reads SLO files and says everything that is wrong with them, or worth knowing.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// SLO files, directories with `*.yaml` or `*.yml` files, or `-` for standard input.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
    /// Fail on warnings too.
    #[arg(long)]
    strict: bool,
    /// Also ask this Prometheus: does it have what the SLOs count, keep and scrape it as the rules need it, evaluate
    /// these rules, and what do they cost.
    #[arg(long, value_name = "URL")]
    prometheus: Option<Url>,
    #[command(flatten)]
    access: AccessArguments,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// Text with the source lines.
    Human,
    /// One JSON document.
    Json,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let Planned { mut loaded, plan } = load::load(&arguments.paths);
    // What a file means is said only of files that can be used.
    let plan = if loaded.has_errors() { Plan::default() } else { plan };
    if let Some(url) = arguments.prometheus.as_ref().filter(|_| !loaded.has_errors()) {
        match ask(arguments, url, &plan) {
            Ok(findings) => loaded.diagnostics.extend(findings),
            Err(message) => {
                // Half an answer would look like a whole one, so there is none.
                output::messages(&format!("burndown: {message}\n"));
                return Exit::Usage;
            }
        }
    }
    let summary = Summary::of(&loaded);
    let text = match arguments.output {
        Output::Human => human(&loaded, &plan, &summary),
        Output::Json => as_json(&loaded, &plan, &summary),
    };
    output::results(&text, summary.exit(&loaded, arguments.strict))
}

/// What the live Prometheus shows.
fn ask(arguments: &Arguments, url: &Url, plan: &Plan) -> Result<Vec<Diagnostic>, String> {
    let client = arguments.access.client(url).map_err(|error| error.to_string())?;
    let runtime = prometheus::runtime().map_err(|error| format!("the runtime cannot be started: {error}"))?;
    runtime.block_on(ask::ask(&client, plan)).map_err(|error| error.to_string())
}

/// How much there is, and how much is wrong with it.
#[derive(Debug, Serialize)]
struct Summary {
    services: usize,
    slos: usize,
    probes: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
}

impl Summary {
    fn of(loaded: &Loaded) -> Self {
        let services = &loaded.fleet.services;
        let count = |level| loaded.diagnostics.iter().filter(|diagnostic| diagnostic.level == level).count();
        Self {
            services: services.len(),
            slos: services.values().map(|service| service.slos.len()).sum(),
            probes: services.values().map(|service| service.probes.len()).sum(),
            errors: count(Level::Error),
            warnings: count(Level::Warning),
            notes: count(Level::Note),
        }
    }

    fn exit(&self, loaded: &Loaded, strict: bool) -> Exit {
        if loaded.has_unreadable() {
            Exit::Usage
        } else if self.errors > 0 || (strict && self.warnings > 0) {
            Exit::Failure
        } else {
            Exit::Success
        }
    }

    /// What was found, such as `2 errors, 1 warning`.
    fn findings(&self) -> String {
        let counts = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")];
        let found: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count, noun)).collect();
        if found.is_empty() { "no problems".to_owned() } else { found.join(", ") }
    }

    /// What was read, such as `1 service, 3 SLOs, 2 probes`.
    fn content(&self) -> String {
        [(self.services, "service"), (self.slos, "SLO"), (self.probes, "probe")]
            .map(|(count, noun)| counted(count, noun))
            .join(", ")
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn human(loaded: &Loaded, plan: &Plan, summary: &Summary) -> String {
    let mut text = render::render(&loaded.diagnostics, &loaded.sources, output::may_colour(&io::stdout()));
    text.push_str(&meaning::human(plan));
    let paths: Vec<&str> = loaded.sources.iter().map(|(_, source)| source.path.as_str()).collect();
    if let Some(name) = match paths.as_slice() {
        [path] if !loaded.has_unreadable() => Some(render::harmless(path)),
        [] | [_] => None,
        paths => Some(counted(paths.len(), "file")),
    } {
        text.push_str(&name);
        text.push_str(": ");
    }
    if summary.errors == 0 {
        text.push_str(&summary.content());
        text.push_str(": ");
    }
    text.push_str(&summary.findings());
    text.push('\n');
    text
}

/// The document of `--output json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema_version: u32,
    summary: &'a Summary,
    diagnostics: Vec<json::JsonDiagnostic<'a>>,
    /// What each budget means; empty if there are errors.
    slos: Vec<meaning::JsonSlo<'a>>,
}

fn as_json(loaded: &Loaded, plan: &Plan, summary: &Summary) -> String {
    let diagnostics = json::diagnostics(&loaded.diagnostics, &loaded.sources);
    let document = Document { schema_version: json::SCHEMA_VERSION, summary, diagnostics, slos: meaning::json(plan) };
    // Serialising strings and numbers to memory cannot fail.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}
