//! `burndown backfill`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use url::Url;

use super::moment::Moment;
use super::prometheus::{self, AccessArguments};
use super::{Exit, load, output};
use crate::backfill::{self, BLOCK, Progress, Span, Written};
use crate::slo::{Plan, SloPlan};

/// The directory below the output directory that takes the blocks of promtool.
const BLOCKS: &str = "blocks";

/// Fills the recorded series of new SLOs from the raw history that a Prometheus holds.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// SLO files, directories with `*.yaml` or `*.yml` files, or `-` for standard input.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// The Prometheus that holds the raw history.
    #[arg(long, value_name = "URL")]
    prometheus: Url,
    /// Where to write: one OpenMetrics file for every block of Prometheus.
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Fill only this SLO; may be given more than once.
    #[arg(long, value_name = "SERVICE/SLO")]
    slo: Vec<String>,
    /// From when on: how long ago, or a time. Usually as far back as the window of each SLO reaches.
    #[arg(long, value_name = "DURATION|TIME")]
    from: Option<Moment>,
    /// Until when, at most. An SLO whose rules run already is filled up to their first sample.
    #[arg(long, value_name = "DURATION|TIME", default_value = "0s")]
    to: Moment,
    /// Also turn the files into blocks with this promtool.
    #[arg(long, value_name = "PROGRAM")]
    promtool: Option<PathBuf>,
    #[command(flatten)]
    access: AccessArguments,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let plan = match load::planned(&arguments.paths) {
        Ok(loaded) => loaded.plan,
        Err(exit) => return exit,
    };
    produce(arguments, &plan).unwrap_or_else(|message| {
        output::messages(&format!("burndown: {message}\n"));
        Exit::Usage
    })
}

fn produce(arguments: &Arguments, plan: &Plan) -> Result<Exit, String> {
    let plans = wanted(plan, &arguments.slo)?;
    let now = Timestamp::now();
    let span = Span {
        from: arguments.from.map(|from| from.before(now)),
        to: arguments.to.before(now).min(now.as_millisecond()),
    };
    if span.from.is_some_and(|from| from >= span.to) {
        return Err("`--from` is not before `--to`".to_owned());
    }
    let client = arguments.access.client(&arguments.prometheus).map_err(|error| error.to_string())?;
    let runtime = prometheus::runtime().map_err(|error| format!("the runtime cannot be started: {error}"))?;
    let mut say = |progress: Progress<'_>| output::messages(&format!("burndown: {}\n", words(&progress)));
    let written = runtime
        .block_on(backfill::fill(&client, &plans, span, &arguments.output, &mut say))
        .map_err(|error| error.to_string())?;
    if written.files.is_empty() {
        return Ok(output::results("nothing to fill\n", Exit::Success));
    }
    let blocks = arguments.output.join(BLOCKS);
    if let Some(promtool) = &arguments.promtool {
        create_blocks(promtool, &written, &blocks)?;
    }
    Ok(output::results(&advice(arguments, &written, &blocks), Exit::Success))
}

/// The SLOs that are to be filled: all, or those that are named.
fn wanted<'p>(plan: &'p Plan, names: &[String]) -> Result<Vec<&'p SloPlan>, String> {
    if names.is_empty() {
        return Ok(plan.slos().collect());
    }
    let find = |name: &String| plan.slos().find(|slo| full_name(slo) == *name);
    names.iter().map(|name| find(name).ok_or_else(|| format!("no SLO is called `{name}`: write SERVICE/SLO"))).collect()
}

fn full_name(slo: &SloPlan) -> String {
    format!("{}/{}", slo.slo.service, slo.slo.name)
}

fn words(progress: &Progress<'_>) -> String {
    match progress {
        Progress::RecordedSince(slo, time) => {
            format!("{} is recorded since {} and filled up to there", full_name(slo), self::time(*time))
        }
        Progress::NothingToFill(slo) => format!(
            "{} is recorded for all that time, so nothing is filled; to fill it anew, delete its recorded series first",
            full_name(slo)
        ),
        Progress::Filled(slo, done, count) => format!("{}: {done} of {count} blocks", full_name(slo)),
    }
}

fn time(millis: i64) -> impl fmt::Display {
    Timestamp::from_millisecond(millis).unwrap_or_default()
}

/// The options of promtool that make one block of one file.
fn promtool_arguments() -> [String; 4] {
    let hours = BLOCK / 3_600_000;
    ["tsdb".into(), "create-blocks-from".into(), format!("--max-block-duration={hours}h"), "openmetrics".into()]
}

/// Runs promtool over every file. The blocks have their name only once all are there.
fn create_blocks(promtool: &Path, written: &Written, blocks: &Path) -> Result<(), String> {
    let partial = blocks.with_extension("partial");
    let failed = |error: std::io::Error| format!("{}: {error}", partial.display());
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(failed)?;
    }
    for file in &written.files {
        let output = Command::new(promtool).args(promtool_arguments()).arg(file).arg(&partial).output();
        let output = output.map_err(|error| format!("{} cannot be run: {error}", promtool.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} refuses {}: {}", promtool.display(), file.display(), said.trim()));
        }
    }
    std::fs::rename(&partial, blocks).map_err(failed)
}

/// What was written, and what to do with it.
fn advice(arguments: &Arguments, written: &Written, blocks: &Path) -> String {
    let directory = arguments.output.display();
    let count = written.files.len();
    let mut text = format!("{} samples in {count} files in {directory}\n", written.samples);
    if arguments.promtool.is_none() {
        let make = promtool_arguments().join(" ");
        text.push_str(&format!(
            "Make blocks of them:\n  for file in {directory}/*.{}; do promtool {make} \"$file\" {}; done\n",
            backfill::ENDING,
            blocks.display()
        ));
    }
    text.push_str(&format!(
        "Move them into the data directory of Prometheus, as its user:\n  mv {}/* STORAGE.TSDB.PATH/\n\
         It finds them within some minutes, or when it starts. They lie between other blocks: Prometheus before 2.39 needs\n\
         `--storage.tsdb.allow-overlapping-blocks`, and what is older than its retention it deletes.\n\
         Load the generated rules soon: what happens until then is neither good nor bad.\n",
        blocks.display()
    ));
    text
}
