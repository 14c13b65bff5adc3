//! What evaluating the recording rules of an SLO costs: each expression once, with Prometheus's own count.

use super::{at_slo, optional};
use crate::diag::{Code, Diagnostic};
use crate::generate::planned;
use crate::prometheus::{Client, Error};
use crate::slo::SloPlan;

/// Asks for every recorded expression once. Nothing if the server does not count samples.
#[allow(clippy::cast_precision_loss)] // counts of samples, shown rounded
pub(super) async fn check(client: &Client, slo: &SloPlan, is_loaded: bool) -> Result<Option<Diagnostic>, Error> {
    let (mut rate, mut rules, mut is_counted) = (0.0, 0, false);
    for group in planned::groups(slo) {
        for rule in group.rules.iter().filter(|rule| !rule.is_alert) {
            if let Some(Some(samples)) = optional(client.samples_read(&rule.expr.flat()).await)? {
                rate += samples as f64 / group.interval.as_secs_f64();
                is_counted = true;
            }
            rules += 1;
        }
    }
    Ok(is_counted.then(|| {
        let rate = if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") };
        let message = format!("the rules of SLO `{}` read {rate} samples a second", slo.slo.name);
        let label = format!("{rules} recording rules");
        let note = at_slo(Code::RulesCost, slo, message, label);
        if is_loaded { note } else { note.help("they will read more once they have recorded a whole window") }
    }))
}
