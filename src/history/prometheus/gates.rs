//! Gates that were open all along, as the rules recorded them: a few samples where a replay reads two windows of slices.
//!
//! What was recorded is believed only where a replay can come to nothing else: the rules that are loaded are those of the
//! plan, every sample of the window is there, and the latch was never closed. Everything else is for the replay to say.

use std::collections::BTreeMap;

use super::{Prometheus, Source, check_clock, end, identity, seconds, unavailable};
use crate::history::{HistoryError, OpenGroup, SloKey};
use crate::names::Record;
use crate::prometheus::{Labels, Series};
use crate::slo::{SloPlan, budget};
use crate::spec::model::Resume;
use crate::units::Duration;

/// What is read of every group.
const OF_GROUP: [Record; 6] = [
    Record::GateLatch,
    Record::RemainingSeconds,
    Record::NetRemainingSeconds,
    Record::ObservedSeconds,
    Record::Coverage,
    Record::ObservedAt,
];

/// What tells whether the rules that are loaded are those of the plan.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    window: Duration,
    /// Recorded constants.
    constants: Vec<(Record, f64)>,
}

impl Rules {
    pub(super) fn of(plan: &SloPlan) -> Self {
        let mut constants = vec![
            (Record::Objective, budget::to_f64(plan.slo.objective.ratio())),
            (Record::ErrorBudgetSeconds, budget::to_f64(plan.budget_seconds)),
            (Record::GateCloseAt, budget::to_f64(plan.close_at)),
        ];
        if plan.slo.gate.resume == Resume::AtLevel {
            constants.push((Record::GateResumeAt, budget::to_f64(plan.resume_at)));
        }
        Self { window: plan.slo.window, constants }
    }
}

/// The newest sample of each recorded series of a group, with its time in Unix milliseconds.
type Newest = BTreeMap<String, (i64, f64)>;

impl Prometheus {
    /// The groups of an SLO if each of them was known and open in every slice of the window that ends with the newest
    /// evaluation, which is not older than a slice at `until`.
    pub(super) async fn read_open(&self, key: &SloKey, until: i64) -> Result<Option<Vec<OpenGroup>>, HistoryError> {
        let source = self.slos.get(key).ok_or_else(|| HistoryError::NotKept(key.clone()))?;
        let server = self.server().await?;
        check_clock(server, until)?;
        // Of a window that is not kept whole, the replay says that it is not known.
        if server.keeps.is_some_and(|keeps| keeps - keeps / 10 < seconds(source.rules.window)) {
            return Ok(None);
        }
        let stored = self.client.stored(&source.newest(key), until.saturating_mul(1_000)).await.map_err(unavailable)?;
        let Some((at, groups)) = source.evaluated(&stored) else { return Ok(None) };
        let whole = self.client.query(&source.always_open(key), Some(at)).await.map_err(unavailable)?;
        let slices = source.rules.window.count_of(source.slice);
        #[allow(clippy::cast_precision_loss)] // a number of slices
        let whole: BTreeMap<Labels, bool> =
            whole.iter().map(|sample| (source.group(&sample.labels), sample.value >= slices as f64)).collect();
        let is_whole = whole.len() == groups.len() && groups.keys().all(|labels| whole.get(labels) == Some(&true));
        Ok(is_whole.then(|| groups.into_values().collect()))
    }
}

impl Source {
    /// The samples of the newest evaluation.
    fn newest(&self, key: &SloKey) -> String {
        let constants = self.rules.constants.iter().map(|(record, _)| *record);
        let names: Vec<String> = OF_GROUP.into_iter().chain(constants).map(Record::name).collect();
        let range = self.slice.minus(Duration::from_millis(1));
        format!("{{__name__=~\"{}\",{}}}[{range}]", names.join("|"), identity(key))
    }

    /// In how many slices of the window the latch was open, if it never was closed.
    fn always_open(&self, key: &SloKey) -> String {
        let latch = Record::GateLatch.name();
        let range = self.rules.window.minus(Duration::from_millis(1));
        let latch = format!("{latch}{{{}}}[{range}]", identity(key));
        format!("min_over_time({latch}) * count_over_time({latch})")
    }

    /// The groups of the newest evaluation and its time in Unix milliseconds, if all of them were known and open and the
    /// rules are those of the plan.
    fn evaluated(&self, stored: &[Series]) -> Option<(i64, BTreeMap<Labels, OpenGroup>)> {
        let mut groups: BTreeMap<Labels, Newest> = BTreeMap::new();
        let mut constants = Newest::new();
        for series in stored {
            let name = series.labels.get("__name__")?;
            let newest = *series.points.last()?;
            let of_group = OF_GROUP.iter().any(|record| record.name() == *name);
            let series = if of_group { groups.entry(self.group(&series.labels)).or_default() } else { &mut constants };
            series.insert(name.clone(), newest);
        }
        let at = groups.values().flat_map(BTreeMap::values).map(|(at, _)| *at).max()?;
        let found = |samples: &Newest, record: Record| {
            samples
                .get(&record.name())
                .filter(|(then, value)| *then == at && value.is_finite())
                .map(|(_, value)| *value)
        };
        let is_same = |(record, wanted): &(Record, f64)| {
            found(&constants, *record).is_some_and(|found| (found - wanted).abs() <= wanted.abs() * 1e-9)
        };
        if !self.rules.constants.iter().all(is_same) {
            return None;
        }
        let open = |(labels, samples): (Labels, Newest)| {
            let is_open = found(&samples, Record::GateLatch)? > 0.0;
            found(&samples, Record::ObservedAt)?;
            let remaining = found(&samples, Record::RemainingSeconds)?;
            // What does not count of it is for the replay to say.
            if found(&samples, Record::NetRemainingSeconds).is_some_and(|net| (net - remaining).abs() > 1e-6) {
                return None;
            }
            let group = OpenGroup {
                labels: labels.clone(),
                at: end(at),
                remaining,
                observed: found(&samples, Record::ObservedSeconds)?,
                coverage: found(&samples, Record::Coverage)?,
            };
            is_open.then_some((labels, group))
        };
        let groups: BTreeMap<Labels, OpenGroup> = groups.into_iter().map(open).collect::<Option<_>>()?;
        Some((at, groups))
    }
}
