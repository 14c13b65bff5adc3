//! What the audit means for each SLO, on `/metrics`: so that a Prometheus and its rules say what board and API say.
//!
//! An override is shown as the moment at which it ends, so that it ends there even if nobody is scraped any more. The
//! seconds that do not count are added up in the background, and not shown before they are known: a zero would close a
//! gate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use tokio::time::timeout;

use super::board::Board;
use super::encode::{self, Labels, Pairs};
use super::routes::App;
use crate::history::SloKey;
use crate::history::audit::{Entry, EntryKind, in_force};
use crate::names::{Metric, label};
use crate::slo::SloPlan;
use crate::spec::model::Fleet;
use crate::units::Name;

/// How often the seconds are added up: more often than anybody scrapes.
const PAUSE: Duration = Duration::from_secs(10);

/// Seconds that do not count, by the labels of the group.
type Corrected = Vec<(BTreeMap<String, String>, f64)>;

/// What the audit means for one SLO.
#[derive(Clone, Debug, Default, PartialEq)]
struct Row {
    /// Until when its gate is overridden, in seconds of Unix time.
    until: i64,
    /// None until it is known.
    corrected: Option<Corrected>,
}

/// What the audit means for each SLO.
#[derive(Debug)]
pub(super) struct AuditGauges {
    location: Option<String>,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    rows: BTreeMap<SloKey, Row>,
    /// Whether an audit was looked at; before that, and without one, nothing is overridden or corrected.
    is_of_audit: bool,
}

impl AuditGauges {
    /// Nothing to show yet.
    pub(super) fn new(location: Option<&Name>) -> Self {
        Self { location: location.map(ToString::to_string), shown: Mutex::default() }
    }

    /// Shows 0 for every SLO of a fleet, unless there is an audit.
    pub(super) fn serve(&self, fleet: &Fleet) {
        let nothing = || Row { until: 0, corrected: Some(vec![(BTreeMap::new(), 0.0)]) };
        let slos = fleet.services.values().flat_map(|service| service.slos.values());
        let mut shown = self.lock();
        if !shown.is_of_audit {
            shown.rows = slos.map(|slo| (SloKey::of(slo), nothing())).collect();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found in an audit before.
    fn known(&self) -> BTreeMap<SloKey, Row> {
        let shown = self.lock();
        if shown.is_of_audit { shown.rows.clone() } else { BTreeMap::new() }
    }

    fn rows(&self) -> BTreeMap<SloKey, Row> {
        self.lock().rows.clone()
    }

    fn show(&self, rows: BTreeMap<SloKey, Row>) {
        *self.lock() = Shown { rows, is_of_audit: true };
    }
}

/// Looks at the audit anew, again and again, until the app is gone.
pub(super) async fn keep(app: Weak<App>) {
    while let Some(app) = app.upgrade() {
        refresh(&app).await;
        // Whether something changed or the time is over, the next thing is to look.
        let _ = timeout(PAUSE, app.audited.notified()).await;
    }
}

/// Looks at the audit and shows what it means now.
pub(super) async fn refresh(app: &App) {
    let (Some(storage), Some(board)) = (&app.storage, app.files().0) else { return };
    let gauges = app.metrics.audit();
    let now = Timestamp::now().as_second();
    // First overrides, at once: the sums take longer.
    let audit = storage.audit();
    let mut rows = overrides(&board, &audit, &gauges.known(), now);
    gauges.show(rows.clone());
    for plan in board.standings().plans() {
        let key = SloKey::of(&plan.slo);
        if let Some(corrected) = corrected(&board, &audit, plan, now).await
            && let Some(row) = rows.get_mut(&key)
        {
            row.corrected = Some(corrected);
        }
    }
    gauges.show(rows);
}

/// A row for each SLO, with what was known of it.
fn overrides(board: &Board, audit: &[Entry], before: &BTreeMap<SloKey, Row>, now: i64) -> BTreeMap<SloKey, Row> {
    let row = |plan: &SloPlan| {
        let key = SloKey::of(&plan.slo);
        let entries: Vec<Entry> = audit.iter().filter(|entry| entry.is_of(&key)).cloned().collect();
        let until = in_force(&entries, now).map_or(0, |entry| entry.until);
        let corrected = before.get(&key).and_then(|row| row.corrected.clone());
        (key, Row { until, corrected })
    };
    board.standings().plans().iter().map(row).collect()
}

/// The seconds that do not count of an SLO; none while nobody knows.
async fn corrected(board: &Board, audit: &[Entry], plan: &SloPlan, now: i64) -> Option<Corrected> {
    let key = SloKey::of(&plan.slo);
    let corrects = |entry: &Entry| {
        entry.is_of(&key) && matches!(entry.kind, EntryKind::Correction | EntryKind::Maintenance) && entry.from <= now
    };
    if plan.slo.maintenance.is_empty() && !audit.iter().any(corrects) {
        return Some(vec![(BTreeMap::new(), 0.0)]);
    }
    let full = board.standings().one(key.service.as_str(), key.slo.as_str(), now).await?;
    if !full.detail.slo.data.is_read() {
        return None;
    }
    let groups = full.detail.groups.into_iter().map(|group| (group.group, group.budget.corrected_seconds));
    let mut corrected: Corrected = groups.collect();
    if corrected.iter().all(|(labels, _)| !labels.is_empty()) {
        corrected.push((BTreeMap::new(), 0.0));
    }
    Some(corrected)
}

impl Collector for AuditGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let rows = self.rows();
        if rows.is_empty() {
            return Ok(());
        }
        let now = Timestamp::now().as_second();
        let until = |row: &Row| if row.until > now { row.until as f64 } else { 0.0 };
        let name = Metric::GateOverrideUntil;
        let mut family = encode::family(&mut encoder, name.name(), name.help(), MetricType::Gauge)?;
        for (key, row) in &rows {
            let own = self.labels(key);
            encode::gauge_value(&mut family, Labels { common: &own, own: &[] }, until(row))?;
        }
        let name = Metric::CorrectedSeconds;
        let mut family = encode::family(&mut encoder, name.name(), name.help(), MetricType::Gauge)?;
        for (key, row) in &rows {
            let common = self.labels(key);
            for (group, seconds) in row.corrected.iter().flatten() {
                let names: Vec<String> = group.keys().map(|name| format!("{}{name}", label::GROUP)).collect();
                let own: Vec<(&str, &str)> =
                    names.iter().zip(group.values()).map(|(name, value)| (name.as_str(), value.as_str())).collect();
                encode::gauge_value(&mut family, Labels { common: &common, own: &own }, *seconds)?;
            }
        }
        Ok(())
    }
}

impl AuditGauges {
    fn labels<'a>(&'a self, key: &'a SloKey) -> Box<Pairs<'a>> {
        let of_slo = [(label::SERVICE, key.service.as_str()), (label::SLO, key.slo.as_str())];
        let location = self.location.as_deref().map(|location| (label::LOCATION, location));
        of_slo.into_iter().chain(location).collect()
    }
}
