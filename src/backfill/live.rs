//! Since when the rules of an SLO record: what was recorded is not filled a second time.

use super::Error;
use super::program::{Program, TierProgram};
use crate::names::label;
use crate::prometheus::{Client, Range};
use crate::slo::SloPlan;

/// How far back Prometheus looks for the newest sample, and so how coarsely the first one is looked for.
const LOOK_BACK: i64 = 5 * 60 * 1000;

/// When the first sample that a tier recorded between `from` and `to` was, in Unix milliseconds.
pub(super) async fn first_sample(
    client: &Client,
    plan: &SloPlan,
    program: &Program,
    tier: &TierProgram,
    from: i64,
    to: i64,
) -> Result<Option<i64>, Error> {
    let names: Vec<&str> =
        tier.rules.iter().filter_map(|rule| program.records.get(rule.record)).map(|one| one.name.as_str()).collect();
    let (service, slo) = (label::SERVICE, label::SLO);
    let selector =
        format!("{{__name__=~\"{}\",{service}=\"{}\",{slo}=\"{}\"}}", names.join("|"), plan.slo.service, plan.slo.name);
    // One step further, so that a sample between the last step and `to` is seen.
    let range = Range { start: from, end: to + LOOK_BACK, step: LOOK_BACK };
    let found = client.query_range(&format!("count({selector})"), range).await?;
    let Some(seen) = found.iter().filter_map(|series| series.points.first()).map(|(time, _)| *time).min() else {
        return Ok(None);
    };
    let stored = client.stored(&format!("{selector}[6m]"), seen).await?;
    Ok(stored.iter().filter_map(|series| series.points.first()).map(|(time, _)| *time).min())
}
