//! How long the server keeps samples, against the windows of the SLOs.

use super::optional;
use crate::diag::{Code, Diagnostic};
use crate::prometheus::{Client, Error};
use crate::slo::SloPlan;
use crate::slo::window::SLICE;
use crate::units::Duration;

/// The flag that sets it.
const FLAG: &str = "storage.tsdb.retention.time";

/// How long the server keeps samples.
pub(super) enum Retention {
    /// This long.
    For(Duration),
    /// Longer than any window.
    Forever,
    /// It does not say, or keeps samples up to a size.
    Unknown(String),
}

impl Retention {
    /// Asks for it: what the running server says, else its flag.
    pub(super) async fn of(client: &Client) -> Result<Self, Error> {
        if let Some(info) = optional(client.runtime_info().await)?
            && !info.storage_retention.is_empty()
        {
            return Ok(Self::read(&info.storage_retention));
        }
        let flag = optional(client.flags().await)?.and_then(|flags| flags.get(FLAG).cloned());
        Ok(match flag.as_deref() {
            None | Some("" | "0s") => Self::Unknown("it does not say how long it keeps samples".to_owned()),
            Some(text) => Self::read(text),
        })
    }

    /// Reads `15d`, `15d or 10GiB`, `1y`.
    fn read(text: &str) -> Self {
        let parts = || text.split(" or ").map(str::trim);
        if let Some(time) = parts().find_map(|part| part.parse::<Duration>().ok()).filter(|time| !time.is_zero()) {
            return Self::For(time);
        }
        // A year is a unit that files of SLOs do not have, and longer than any window.
        if parts().any(|part| part.split_once('y').is_some_and(|(years, _)| years.parse::<u32>().is_ok())) {
            return Self::Forever;
        }
        Self::Unknown(format!("it keeps samples up to a size, {text}"))
    }

    /// Whether the window of an SLO is covered, with a slice to spare.
    pub(super) fn check(&self, slo: &SloPlan) -> Option<Diagnostic> {
        let (name, window) = (&slo.slo.name, slo.slo.window);
        let needed = window.plus(SLICE);
        match self {
            Self::Forever => None,
            Self::For(kept) if *kept >= needed => None,
            Self::For(kept) => {
                let days = needed.ceil_to(Duration::from_days(1));
                let message = format!("Prometheus keeps samples for {kept}, the window of SLO `{name}` is {window}");
                let problem = Diagnostic::new(Code::RetentionTooShort, message);
                let problem = problem.at(slo.slo.window_span, "older events would leave the budget");
                Some(problem.help(format!("start Prometheus with `--{FLAG}={days}` or more, or shorten the window")))
            }
            Self::Unknown(why) => {
                let message = format!("nobody knows whether Prometheus covers the window of SLO `{name}`");
                let note = Diagnostic::new(Code::RetentionUnknown, message).at(slo.slo.window_span, why);
                Some(note.help(format!("see to it that samples are kept for {needed} or more")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_read() {
        for (text, days) in [("15d", 15), ("15d or 10GiB", 15), ("2w", 14), ("360h", 15)] {
            let Retention::For(time) = Retention::read(text) else { panic!("{text}") };
            assert_eq!(time, Duration::from_days(days), "{text}");
        }
        assert!(matches!(Retention::read("100y"), Retention::Forever));
        assert!(matches!(Retention::read("1y6d or 10GiB"), Retention::Forever));
        assert!(matches!(Retention::read("10GiB"), Retention::Unknown(_)));
    }
}
