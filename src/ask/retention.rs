//! How long the server keeps samples, against the windows of the SLOs.

use crate::diag::{Code, Diagnostic};
use crate::prometheus::{RETENTION_FLAG, Retention};
use crate::slo::SloPlan;
use crate::slo::window::SLICE;
use crate::units::Duration;

/// Whether the window of an SLO is covered, with a slice to spare.
pub(super) fn check(retention: &Retention, slo: &SloPlan) -> Option<Diagnostic> {
    let (name, window) = (&slo.slo.name, slo.slo.window);
    let needed = window.plus(SLICE);
    match retention {
        Retention::Forever => None,
        Retention::For(kept) if *kept >= needed => None,
        Retention::For(kept) => {
            let days = needed.ceil_to(Duration::from_days(1));
            let message = format!("Prometheus keeps samples for {kept}, the window of SLO `{name}` is {window}");
            let problem = Diagnostic::new(Code::RetentionTooShort, message);
            let problem = problem.at(slo.slo.window_span, "older events would leave the budget");
            Some(
                problem
                    .help(format!("start Prometheus with `--{RETENTION_FLAG}={days}` or more, or shorten the window")),
            )
        }
        Retention::Unknown(why) => {
            let message = format!("nobody knows whether Prometheus covers the window of SLO `{name}`");
            let note = Diagnostic::new(Code::RetentionUnknown, message).at(slo.slo.window_span, why);
            Some(note.help(format!("see to it that samples are kept for {needed} or more")))
        }
    }
}
