//! `burndown plan`.

mod table;

use std::io;

use jiff::Timestamp;

use super::moment::Moment;
use super::source::{Failure, Source, SourceArguments, asked};
use super::{Exit, output, prometheus};
use crate::gate::Gates;
use crate::gate::week::model::{self, ChangePlan, Verdict};
use crate::gate::week::{Coming, DAYS, MOST_DAYS};
use crate::units::Name;

/// Where a running service plans.
const PATH: &str = "api/v1/plan";

/// Says which changes of the files fit on which working day of the coming week, if nothing more fails.
///
/// Changes run one after the other, and what one of them spends is missing to those after it: what costs users least is
/// placed first, each as early as budgets and working hours allow. What does not fit is told why, and from when on it
/// would. Ends with 0 if every change fits, with 1 if one has to wait for longer, and with 3 if nobody knows.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only the changes of this service.
    #[arg(long, value_name = "NAME")]
    service: Option<Name>,
    /// How many days to look at, beginning with today.
    #[arg(long, value_name = "COUNT", default_value_t = DAYS,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_DAYS)))]
    days: u32,
    /// What the plan was then: how long ago, or a time.
    #[arg(long, value_name = "DURATION|TIME")]
    at: Option<Moment>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
    // Last, since the headings of its options are those of whatever follows.
    #[command(flatten)]
    source: SourceArguments,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// A table of days for each service.
    Human,
    /// One JSON document, as `/api/v1/plan` answers it; `--schema` describes it.
    Json,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    if arguments.source.schema {
        return output::json(&model::schema(), Exit::Success);
    }
    let runtime = prometheus::runtime().map_err(|error| Failure::refused(&error));
    match runtime.and_then(|runtime| runtime.block_on(ask(arguments))) {
        Ok(plan) => match arguments.output {
            Output::Human => output::results(&table::of(&plan, output::may_colour(&io::stdout())), exit(&plan)),
            Output::Json => output::json(&plan, exit(&plan)),
        },
        Err(failure) => failure.say(),
    }
}

async fn ask(arguments: &Arguments) -> Result<ChangePlan, Failure> {
    let now = Timestamp::now();
    let at = arguments.at.map(|at| Timestamp::from_millisecond(at.before(now))).transpose();
    let at = at.map_err(|error| Failure::refused(&error))?;
    let coming = Coming { service: arguments.service.clone(), days: arguments.days, at };
    match arguments.source.open()? {
        Source::Server(client) => asked(&client, PATH, &coming.pairs()).await,
        Source::History(plan, history) => {
            let gates = Gates::new(&plan, history);
            gates.coming(&coming, now).await.map_err(|error| Failure::refused(&error))
        }
    }
}

const fn exit(plan: &ChangePlan) -> Exit {
    match plan.verdict {
        Verdict::Fits => Exit::Success,
        Verdict::Waits => Exit::Failure,
        Verdict::Unknown => Exit::Unknown,
    }
}
