//! The log of a command that keeps running: to standard error, for people, for systemd's journal or as JSON.

use std::io;
use std::os::fd::AsFd;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format as Lines, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
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
    /// A line of text; for systemd's journal, without the time and with the level as its priority.
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
            Format::Human if is_journal(&io::stderr()) => lines.event_format(Journal::default()).boxed(),
            Format::Human => lines.boxed(),
            Format::Json => lines.json().flatten_event(true).boxed(),
        };
        let others = self.level.min(LevelFilter::WARN);
        let filter = Targets::new().with_default(others).with_target(env!("CARGO_CRATE_NAME"), self.level);
        tracing_subscriber::registry().with(lines.with_filter(filter)).try_init()
    }
}

/// Whether `stream` is systemd's journal, which says so by the device and inode of what it gave as output.
fn is_journal(stream: &impl AsFd) -> bool {
    let Ok(stat) = rustix::fs::fstat(stream) else { return false };
    std::env::var("JOURNAL_STREAM").is_ok_and(|given| given == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Lines for the journal: it keeps the time itself, and takes a number in front for the priority, see sd-daemon(3).
struct Journal(Lines<Full, ()>);

impl Default for Journal {
    fn default() -> Self {
        Self(Lines::default().without_time())
    }
}

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(line, "<{priority}>")?;
        self.0.format_event(context, line, event)
    }
}
