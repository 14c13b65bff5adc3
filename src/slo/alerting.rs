//! What a file says of an alert, resolved: its name, whom it calls, how long it waits, or that it is left out.

use crate::names::Alert;
use crate::spec::model::{AlertMeta, AlertOptions, Severity, Slo};
use crate::units::Duration;

/// An alert as the file wants it.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The value of `alertname`.
    pub name: String,
    /// Whom it calls.
    pub severity: Severity,
    /// The value of the label `severity`.
    pub severity_label: &'a str,
    /// How long its condition lasts before it fires.
    pub pending: Duration,
    /// How long it goes on firing after that.
    pub keep_firing_for: Duration,
    /// Labels and annotations of the file, each over the one before.
    pub options: Vec<&'a AlertOptions>,
}

/// What the file makes of an alert that usually calls `severity` after its condition lasted `pending`; none if the file
/// leaves it out.
#[must_use]
pub fn resolve(slo: &Slo, alert: Alert, severity: Severity, pending: Duration) -> Option<Wanted<'_>> {
    let rule = slo.alerting.alerts.get(&alert);
    let severity = rule.and_then(|rule| rule.severity).unwrap_or(severity);
    let meta = meta(slo, alert, severity);
    let options: Vec<&AlertOptions> = std::iter::once(&meta.options).chain(rule.map(|rule| &rule.options)).collect();
    if options.iter().any(|options| options.disable) {
        return None;
    }
    let last = |of: fn(&AlertOptions) -> Option<Duration>| options.iter().rev().find_map(|options| of(options));
    Some(Wanted {
        name: rule.and_then(|rule| rule.name.as_ref()).map_or_else(|| alert.name().to_owned(), ToString::to_string),
        severity,
        severity_label: &meta.severity,
        pending: last(|options| options.pending).unwrap_or(pending),
        keep_firing_for: last(|options| options.keep_firing_for).unwrap_or_default(),
        options,
    })
}

/// What the file says of all alerts of a severity; what an SLO says there for itself does not reach its neighbours.
fn meta(slo: &Slo, alert: Alert, severity: Severity) -> &AlertMeta {
    let alerting = &slo.alerting;
    match (severity, alert.is_of_service()) {
        (Severity::Page, false) => &alerting.page,
        (Severity::Ticket, false) => &alerting.ticket,
        (Severity::Page, true) => &alerting.of_service.page,
        (Severity::Ticket, true) => &alerting.of_service.ticket,
    }
}
