//! The log of a command that keeps running: to standard error, for people or as JSON.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, fmt};

/// How to log.
#[derive(Debug, clap::Args)]
pub(super) struct LogArguments {
    /// How log lines look.
    #[arg(long = "log.format", value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    format: Format,
    /// The least serious lines that are logged: off, error, warn, info, debug or trace.
    #[arg(long = "log.level", default_value = "info", value_name = "LEVEL")]
    level: LevelFilter,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A line of text.
    Human,
    /// A JSON object a line.
    Json,
}

impl LogArguments {
    /// Starts the log of this process.
    ///
    /// Other crates are heard from `warn` on only: what they say at finer levels may hold what was sent.
    ///
    /// # Errors
    /// When a log was started before.
    pub(super) fn start(&self) -> Result<(), TryInitError> {
        let lines = fmt::layer().with_writer(io::stderr).with_ansi(super::output::may_colour(&io::stderr()));
        let lines = match self.format {
            Format::Human => lines.boxed(),
            Format::Json => lines.json().flatten_event(true).boxed(),
        };
        let others = self.level.min(LevelFilter::WARN);
        let filter = Targets::new().with_default(others).with_target(env!("CARGO_CRATE_NAME"), self.level);
        tracing_subscriber::registry().with(lines.with_filter(filter)).try_init()
    }
}
