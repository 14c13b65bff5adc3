//! `burndown report`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tempfile::NamedTempFile;

use super::moment::Moment;
use super::source::{Failure, Source, SourceArguments, asked};
use super::{Exit, output, prometheus};
use crate::report::model::Report;
use crate::report::{self, Asked, Reports};
use crate::standing::model::Data;
use crate::units::Name;

/// Where a running service reports.
const PATH: &str = "api/v1/report";

/// Writes what a team has to know about the last week: what was spent and came back, every spike and why, the gate,
/// overrides and corrections, alerts, and what is to come.
///
/// What needs attention comes first. Times are those of the working hours of the files. Ends with 0 once the report is
/// written, whatever it says, and with 3 if nobody could be asked.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only the SLOs of this service.
    #[arg(long, value_name = "NAME")]
    service: Option<Name>,
    /// Only SLOs of this name.
    #[arg(long, value_name = "NAME")]
    slo: Option<Name>,
    /// When the period begins: how long ago, or a time. Without it a week before it ends.
    #[arg(long, value_name = "DURATION|TIME")]
    since: Option<Moment>,
    /// When it ends; now without it.
    #[arg(long, value_name = "DURATION|TIME")]
    until: Option<Moment>,
    /// The form of what is written.
    #[arg(long, value_enum, default_value_t = Format::Markdown, value_name = "FORMAT")]
    format: Format,
    /// The file to write, instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    // Last, since the headings of its options are those of whatever follows.
    #[command(flatten)]
    source: SourceArguments,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// For a wiki, an issue or a chat.
    Markdown,
    /// One file that needs nothing else, for a browser or a printer.
    Html,
    /// One JSON document, as `/api/v1/report` answers it; `--schema` describes it.
    Json,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    if arguments.source.schema {
        return output::json(&report::schema(), Exit::Success);
    }
    let runtime = prometheus::runtime().map_err(|error| Failure::refused(&error));
    let text = runtime.and_then(|runtime| runtime.block_on(ask(arguments))).and_then(|report| {
        let text = match arguments.format {
            Format::Markdown => Ok(report::markdown(&report)),
            Format::Html => report::html(&report, None).map_err(|error| Failure::refused(&error)),
            Format::Json => report::json(&report).map_err(|error| Failure::refused(&error)),
        };
        text.map(|text| (text, exit(&report)))
    });
    let written = text.and_then(|(text, exit)| match &arguments.output {
        None => Ok(output::results(&text, exit)),
        Some(path) => write(path, &text).map(|()| exit),
    });
    written.unwrap_or_else(Failure::say)
}

/// A report that knows of no SLO, since whoever knows did not answer, is written all the same.
fn exit(report: &Report) -> Exit {
    let is_silent = !report.slos.is_empty() && report.slos.iter().all(|slo| slo.data == Data::Unavailable);
    if is_silent { Exit::Unknown } else { Exit::Success }
}

async fn ask(arguments: &Arguments) -> Result<Report, Failure> {
    let now = Timestamp::now();
    let time = |moment: Option<Moment>| {
        let time = moment.map(|moment| Timestamp::from_millisecond(moment.before(now))).transpose();
        time.map_err(|error| Failure::refused(&error))
    };
    let wanted = Asked {
        service: arguments.service.clone(),
        slo: arguments.slo.clone(),
        since: time(arguments.since)?,
        until: time(arguments.until)?,
    };
    match arguments.source.open()? {
        Source::Server(client) => asked(&client, PATH, &wanted.pairs()).await,
        Source::History(plan, history) => {
            Reports::new(&plan, history).of(&wanted, now).await.map_err(|error| Failure::refused(&error))
        }
    }
}

/// Writes a file, which has its name only once all of it is written.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = NamedTempFile::new_in(directory).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).map_err(|error| Failure::refused(&format!("{}: {error}", path.display())))
}
