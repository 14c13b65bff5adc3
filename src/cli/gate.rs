//! `burndown gate`.

mod source;

use std::io;
use std::time::Duration as StdDuration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::moment::Moment;
use super::source::{Failure, SourceArguments};
use super::{Exit, output, prometheus};
use crate::gate::model::{self, Reason};
use crate::gate::{Answer, Planned, Question, SloAnswer};
use crate::standing::model::GateAnswer;
use crate::units::{Duration, Name};
pub(super) use source::Source;

/// How long passes between the first two looks of one who waits; twice as long between the next.
const FIRST_PAUSE: StdDuration = StdDuration::from_secs(1);

/// The longest such time: a look at 100 SLOs takes a Prometheus seconds.
const LONGEST_PAUSE: StdDuration = StdDuration::from_secs(30);

/// Says whether deployments may go on, and whether a planned change fits.
///
/// The worst SLO decides. Ends with 0 if it is open, with 1 if it is closed or the change does not fit, and with 3 if
/// nobody knows and an SLO holds while it is unknown.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only the SLOs of this service.
    #[arg(long, value_name = "NAME")]
    service: Option<Name>,
    /// Only SLOs of this name.
    #[arg(long, value_name = "NAME")]
    slo: Option<Name>,
    /// A change of the file that is to begin: it must fit the budgets of its service and its working hours.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["downtime", "duration"])]
    change: Option<Name>,
    /// How long users would notice a change that is in no file.
    #[arg(long, value_name = "DURATION", requires = "duration")]
    downtime: Option<Duration>,
    /// How long it would take.
    #[arg(long, value_name = "DURATION", requires = "downtime")]
    duration: Option<Duration>,
    /// What the answer was then: how long ago, or a time.
    #[arg(long, value_name = "DURATION|TIME", conflicts_with = "wait")]
    at: Option<Moment>,
    /// Replay every gate from its slices, also one of which Prometheus recorded that it was open all along.
    #[arg(long)]
    explain: bool,
    /// Wait for it to open, at most this long.
    #[arg(long, value_name = "DURATION")]
    wait: Option<Duration>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
    // Last, since the headings of its options are those of whatever follows.
    #[command(flatten)]
    source: SourceArguments,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// Sentences.
    Human,
    /// One JSON document, as `/api/v1/gate` answers it; `--schema` describes it.
    Json,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    if arguments.source.schema {
        return output::json(&model::schema(), Exit::Success);
    }
    let answer = prometheus::runtime()
        .map_err(|error| Failure::refused(&error))
        .and_then(|runtime| runtime.block_on(ask(arguments)));
    match answer {
        Ok(answer) => match arguments.output {
            Output::Human => output::results(&sentences(&answer, &io::stdout()), exit(&answer)),
            Output::Json => output::json(&answer, exit(&answer)),
        },
        Err(failure) => failure.say(),
    }
}

async fn ask(arguments: &Arguments) -> Result<Answer, Failure> {
    let question = question(arguments)?;
    answer(&Source::of(&arguments.source)?, &question, arguments.wait).await
}

/// The answer to a question, or the last one of those who wait for the gate to open.
///
/// # Errors
/// [`Failure`] if the question makes no sense.
pub(super) async fn answer(source: &Source, question: &Question, wait: Option<Duration>) -> Result<Answer, Failure> {
    let mut answer = source.ask(question).await?;
    let Some(wait) = wait else { return Ok(answer) };
    let deadline = Instant::now() + wait.to_std();
    let (mut pause, mut said) = (FIRST_PAUSE, String::new());
    while answer.decision != GateAnswer::Open && Instant::now() < deadline {
        if said != answer.message {
            said.clone_from(&answer.message);
            output::messages(&format!("burndown: waiting for at most {wait}: {said}\n"));
        }
        sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        answer = source.ask(question).await?;
    }
    Ok(answer)
}

fn question(arguments: &Arguments) -> Result<Question, Failure> {
    let change = Planned::of(arguments.change.clone(), arguments.downtime, arguments.duration);
    let at = arguments.at.map(|at| Timestamp::from_millisecond(at.before(Timestamp::now()))).transpose();
    Ok(Question {
        service: arguments.service.clone(),
        slo: arguments.slo.clone(),
        change: change.map_err(|error| Failure::refused(&error))?,
        at: at.map_err(|error| Failure::refused(&error))?,
        explain: arguments.explain,
    })
}

/// How a command ends that was to be let through.
pub(super) const fn exit(answer: &Answer) -> Exit {
    match answer.decision {
        GateAnswer::Open => Exit::Success,
        GateAnswer::Closed => Exit::Failure,
        GateAnswer::Unknown => Exit::Unknown,
    }
}

/// The decision with its reason, and below it every SLO with its own, for whoever reads `stream`.
pub(super) fn sentences(answer: &Answer, stream: &impl io::IsTerminal) -> String {
    let word = |decision: GateAnswer| match decision {
        GateAnswer::Open => "open",
        GateAnswer::Closed => "closed",
        GateAnswer::Unknown => "unknown",
    };
    let colours = output::may_colour(stream);
    let paint = |decision: GateAnswer, text: String| match decision {
        GateAnswer::Closed if colours => format!("\u{1b}[31m{text}\u{1b}[0m"),
        GateAnswer::Unknown if colours => format!("\u{1b}[33m{text}\u{1b}[0m"),
        _ => text,
    };
    let mut lines =
        vec![paint(answer.decision, format!("{}: {}", word(answer.decision), output::clean(&answer.message)))];
    // The reason for the decision says all of an SLO that is alone.
    let is_said = |slo: &SloAnswer| answer.slos.len() == 1 && answer.message.ends_with(&slo.message);
    for slo in answer.slos.iter().filter(|slo| !is_said(slo)) {
        let waived = if slo.reason == Reason::DryRun { " (dry run)" } else { "" };
        let text = format!("  {:7}  {}{waived}: {}", word(slo.decision), crate::gate::name(slo), slo.message);
        lines.push(paint(slo.decision, output::clean(&text)));
    }
    lines.join("\n") + "\n"
}
