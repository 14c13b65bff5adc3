//! `burndown history`.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tempfile::NamedTempFile;

use super::moment::Moment;
use super::{Exit, output, storage};
use crate::history::{Archive, ArchivedMinute, ArchivedProbe, FileError};
use crate::names::{Metric, label};
use crate::units::Name;

/// How long a counter is written on after a run, in intervals of its probe.
const INTERVALS: i64 = 3;

/// The shortest such time, in seconds: what the generated rules look back over.
const LEAST: i64 = 300;

/// What `burndown serve` has kept.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Export(Export),
}

/// Writes what was counted in every minute, also while `burndown serve` runs.
///
/// As OpenMetrics, it is the counters of the probe service at the end of every minute, from 0 on, which `promtool tsdb
/// create-blocks-from openmetrics` takes.
#[derive(Debug, clap::Args)]
struct Export {
    /// Where the history is. Without it: `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/burndown`, else
    /// `~/.local/state/burndown`.
    #[arg(long = "storage.path", value_name = "DIR")]
    storage: Option<PathBuf>,
    /// The form of what is written.
    #[arg(long, value_enum, default_value_t = Format::Csv, value_name = "FORMAT")]
    format: Format,
    /// Only the probes of this service.
    #[arg(long, value_name = "NAME")]
    service: Option<Name>,
    /// Only the probe that this SLO counts.
    #[arg(long, value_name = "NAME")]
    slo: Option<Name>,
    /// From when on: how long ago, or a time.
    #[arg(long, value_name = "DURATION|TIME")]
    since: Option<Moment>,
    /// Until when.
    #[arg(long, value_name = "DURATION|TIME")]
    until: Option<Moment>,
    /// The file to write, instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A line for every minute of a probe.
    Csv,
    /// The counters at the end of every minute.
    Openmetrics,
}

/// Why nothing was exported, or not all.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("there is no usual place for the history: say where it is with `--storage.path DIR`")]
    NoPlace,
    #[error("`--since` is not before `--until`")]
    NoTime,
    #[error(transparent)]
    History(#[from] FileError),
    #[error("{path}: {error}")]
    Output { path: PathBuf, error: std::io::Error },
    /// Standard output ended; why was said already, if it is worth it.
    #[error("standard output ended")]
    Ended(Exit),
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let Command::Export(arguments) = &arguments.command;
    match export(arguments) {
        Ok(()) => Exit::Success,
        Err(ExportError::Ended(exit)) => exit,
        Err(error) => {
            output::messages(&format!("burndown: {error}\n"));
            Exit::Usage
        }
    }
}

fn export(arguments: &Export) -> Result<(), ExportError> {
    let now = Timestamp::now();
    let seconds = |moment: Moment| moment.before(now).div_euclid(1_000);
    let since = arguments.since.map_or(0, seconds);
    let until = arguments.until.map_or(i64::from(u32::MAX), seconds);
    if since >= until {
        return Err(ExportError::NoTime);
    }
    let path = arguments.storage.clone().or_else(storage::usual_place).ok_or(ExportError::NoPlace)?;
    let archive = Archive::open(&path)?;
    let wanted = |probe: &ArchivedProbe| {
        let of_service = arguments.service.as_ref().is_none_or(|service| *service == probe.key.service);
        let of_slo = |slo: &Name| probe.slos.iter().any(|name| name == slo.as_str());
        of_service && arguments.slo.as_ref().is_none_or(of_slo)
    };
    let probes = archive.probes()?.into_iter().filter(wanted).collect();
    let mut source = Source { archive, probes, since, until };
    let mut sink = Sink::open(arguments.output.as_deref())?;
    match arguments.format {
        Format::Csv => source.csv(&mut sink)?,
        Format::Openmetrics => source.openmetrics(&mut sink)?,
    }
    sink.close()
}

/// What is exported.
struct Source {
    archive: Archive,
    probes: Vec<ArchivedProbe>,
    /// Seconds of Unix time.
    since: i64,
    until: i64,
}

impl Source {
    fn minutes(&mut self, probe: &ArchivedProbe) -> Result<Vec<ArchivedMinute>, ExportError> {
        Ok(self.archive.minutes(&probe.key, self.since, self.until)?)
    }

    fn csv(&mut self, sink: &mut Sink) -> Result<(), ExportError> {
        sink.write("service,probe,begins,good,bad,failures\n")?;
        for probe in self.probes.clone() {
            let mut text = String::new();
            for minute in self.minutes(&probe)? {
                let begins = Timestamp::from_second(minute.begins).unwrap_or_default();
                let failures: Vec<String> =
                    minute.failures.iter().map(|(reason, count)| format!("{}={count}", plain(reason))).collect();
                let (service, name) = (&probe.key.service, &probe.key.probe);
                let (good, bad) = (minute.good, minute.bad());
                // Writing to a text cannot fail.
                let _ = writeln!(text, "{service},{name},{begins},{good},{bad},{}", failures.join(";"));
            }
            sink.write(&text)?;
        }
        Ok(())
    }

    /// One family after the other, as the format wants it.
    fn openmetrics(&mut self, sink: &mut Sink) -> Result<(), ExportError> {
        for metric in [Metric::ProbeAttempts, Metric::ProbeSuccesses, Metric::ProbeFailures] {
            let name = metric.name();
            let stem = name.strip_suffix("_total").unwrap_or(name);
            sink.write(&format!("# HELP {stem} {}\n# TYPE {stem} counter\n", metric.help()))?;
            for probe in self.probes.clone() {
                let minutes = self.minutes(&probe)?;
                let labels = [(label::SERVICE, probe.key.service.as_str()), (label::PROBE, probe.key.probe.as_str())];
                let labels = labels.map(|(name, value)| format!("{name}=\"{value}\"")).join(",");
                let lasting = (probe.interval_ms.saturating_mul(INTERVALS) / 1_000).max(LEAST);
                let series = |labels: &str, count: &dyn Fn(&ArchivedMinute) -> u64| {
                    samples(&format!("{name}{{{labels}}}"), &minutes, lasting, count)
                };
                match metric {
                    Metric::ProbeAttempts => sink.write(&series(&labels, &|one| one.good + one.bad()))?,
                    Metric::ProbeSuccesses => sink.write(&series(&labels, &|one| one.good))?,
                    _ => {
                        for reason in reasons(&minutes) {
                            let labels = format!("{labels},{}=\"{}\"", label::REASON, plain(&reason));
                            let count = |one: &ArchivedMinute| one.failures.get(reason.as_str()).copied().unwrap_or(0);
                            sink.write(&series(&labels, &count))?;
                        }
                    }
                }
            }
        }
        sink.write("# EOF\n")
    }
}

/// Every reason of some minutes, in order.
fn reasons(minutes: &[ArchivedMinute]) -> Vec<String> {
    let mut reasons: Vec<String> =
        minutes.iter().flat_map(|minute| minute.failures.keys()).map(ToString::to_string).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

/// A reason without anything that could end a field or a label.
fn plain(reason: &str) -> String {
    reason.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// A counter at the end of every minute, beginning with 0 at the start of the first one. Between two runs it is written
/// on for `lasting` seconds, as `/metrics` would have shown it.
fn samples(series: &str, minutes: &[ArchivedMinute], lasting: i64, count: &dyn Fn(&ArchivedMinute) -> u64) -> String {
    let mut text = String::new();
    let mut value = 0;
    let mut last = None;
    let mut write = |value: u64, at: i64| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{series} {value} {at}");
    };
    for minute in minutes {
        match last {
            None => write(0, minute.begins),
            Some(last) => {
                for at in (last..).step_by(60).skip(1).take_while(|at| *at <= minute.begins.min(last + lasting)) {
                    write(value, at);
                }
                if minute.begins > last + lasting {
                    write(value, minute.begins);
                }
            }
        }
        value += count(minute);
        write(value, minute.begins + 60);
        last = Some(minute.begins + 60);
    }
    text
}

/// Where an export goes. A file has its name only once all of it is written.
enum Sink {
    Standard,
    File { path: PathBuf, file: BufWriter<NamedTempFile> },
}

impl Sink {
    fn open(path: Option<&Path>) -> Result<Self, ExportError> {
        let Some(path) = path else { return Ok(Self::Standard) };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(directory);
        let file = file.map_err(|error| ExportError::Output { path: path.to_owned(), error })?;
        Ok(Self::File { path: path.to_owned(), file: BufWriter::new(file) })
    }

    fn write(&mut self, text: &str) -> Result<(), ExportError> {
        match self {
            Self::Standard => output::more(text).map_err(ExportError::Ended),
            Self::File { path, file } => {
                file.write_all(text.as_bytes()).map_err(|error| ExportError::Output { path: path.clone(), error })
            }
        }
    }

    fn close(self) -> Result<(), ExportError> {
        let Self::File { path, file } = self else { return Ok(()) };
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error);
        let persisted = file.and_then(|file| file.persist(&path).map_err(|error| error.error));
        persisted.map(drop).map_err(|error| ExportError::Output { path, error })
    }
}
