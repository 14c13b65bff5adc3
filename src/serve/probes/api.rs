//! The probes and their runs as JSON. Fields are only ever added; times are seconds of Unix time.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Filter, chosen};
use crate::probe::ProbeKey;
use crate::probe::view::RunView;
use crate::serve::runs::{Row, Table};

/// `/api/v1/probes`.
#[derive(Serialize, JsonSchema)]
pub(in crate::serve) struct Probes<'a> {
    /// Services whose uplink is down, so that runs that fail are skipped.
    uplinks_down: Vec<String>,
    /// The probes; what needs attention comes first.
    probes: Vec<Probe<'a>>,
}

/// One probe and what its last runs found. Times are seconds of Unix time.
#[derive(Serialize, JsonSchema)]
struct Probe<'a> {
    service: &'a str,
    probe: &'a str,
    kind: &'static str,
    interval_seconds: f64,
    timeout_seconds: f64,
    /// `success`, `failed`, `skipped`, or `unknown` before the first run.
    state: &'static str,
    reason: Option<&'static str>,
    detail: Option<String>,
    /// Since when runs have had this state and reason.
    since: Option<f64>,
    last_run_at: Option<f64>,
    last_duration_seconds: Option<f64>,
}

/// `/api/v1/probes/SERVICE/NAME/runs`.
#[derive(Serialize, JsonSchema)]
pub(in crate::serve) struct RunsOf<'a> {
    service: &'a str,
    probe: &'a str,
    /// The runs that are kept, the newest first.
    runs: Vec<RunView<'a>>,
}

/// The probes that `filter` chooses.
pub(in crate::serve) fn list(table: &Table, filter: &Filter<'_>) -> serde_json::Result<String> {
    let seconds = |unix_ms: i64| unix_ms as f64 / 1_000.0;
    let probes = chosen(table, filter).into_iter().map(|(key, row, state)| Probe {
        service: key.service.as_str(),
        probe: key.probe.as_str(),
        kind: row.kind,
        interval_seconds: row.interval.as_secs_f64(),
        timeout_seconds: row.timeout.as_secs_f64(),
        state: state.word,
        reason: state.reason,
        detail: state.detail,
        since: state.since_unix_ms.map(seconds),
        last_run_at: state.last_unix_ms.map(seconds),
        last_duration_seconds: state.duration.map(|duration| duration.as_secs_f64()),
    });
    let uplinks_down = table.down().into_iter().map(|name| name.to_string()).collect();
    serde_json::to_string(&Probes { uplinks_down, probes: probes.collect() })
}

/// The runs of one probe.
pub(in crate::serve) fn runs(key: &ProbeKey, row: &Row) -> serde_json::Result<String> {
    let kept = row.lock().clone();
    let runs = kept.newest_first().map(|run| RunView::new(&run.outcome, run.started_unix_ms)).collect();
    serde_json::to_string(&RunsOf { service: key.service.as_str(), probe: key.probe.as_str(), runs })
}
