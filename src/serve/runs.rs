//! The last runs of every probe, in memory: what `/probes` and its API show.
//!
//! Failures are kept longer than other runs, since they are what people come to look at. Nothing here judges a run,
//! and nothing survives the process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::probe::outcome::{Outcome, Verdict};
use crate::probe::{ProbeKey, Recorder};
use crate::spec::model::{Fleet, Probe};
use crate::units::{Duration, Name};

/// How many runs of one probe are kept at most: a fifth of them the newest ones, the rest older failures.
const MOST: usize = 50;

/// How many are kept at least, however many probes there are: two of them the newest ones.
const LEAST: usize = 5;

/// How many runs of all probes together are kept. With 10,000 probes that leaves each of them the fewest; a run
/// takes some 300 bytes.
const TOTAL: usize = 50_000;

/// The longest detail that is kept, in bytes; a file may hold longer texts for bodies to contain.
const MAX_DETAIL: usize = 400;

/// How many runs of one probe are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    newest: usize,
    failures: usize,
}

impl Share {
    fn of(probes: usize) -> Self {
        let share = (TOTAL / probes.max(1)).clamp(LEAST, MOST);
        let newest = (share / 5).max(2);
        Self { newest, failures: share - newest }
    }
}

/// The last runs of every probe.
#[derive(Debug)]
pub(super) struct Runs {
    table: RwLock<Arc<Table>>,
    /// Whether pieces of what failed bodies and commands said are kept, up to 1 KiB each.
    keeps_excerpts: bool,
}

/// The probes of one fleet.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Every probe.
    pub(super) probes: BTreeMap<ProbeKey, Row>,
    /// Services whose uplink is down.
    down: Mutex<BTreeSet<Name>>,
    share: Share,
}

/// One probe.
#[derive(Debug)]
pub(super) struct Row {
    /// What kind it is, as a file writes it.
    pub(super) kind: &'static str,
    /// Time between two runs.
    pub(super) interval: Duration,
    /// The wall of a run.
    pub(super) timeout: Duration,
    /// Shared with the row of the same probe in the fleet before.
    kept: Arc<Mutex<Kept>>,
}

/// What is kept of one probe, each part from the oldest to the newest.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// Failures that are no longer among the newest runs.
    failures: VecDeque<Run>,
    newest: VecDeque<Run>,
    /// Since when runs have had the verdict and the reason of the last one, in milliseconds of Unix time.
    pub(super) since_unix_ms: Option<i64>,
}

/// One run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// When it was due or started, in milliseconds of Unix time.
    pub(super) started_unix_ms: i64,
    /// What it found.
    pub(super) outcome: Outcome,
}

impl Runs {
    /// No run yet of the probes of a fleet.
    pub(super) fn new(fleet: &Fleet, keeps_excerpts: bool) -> Self {
        let runs = Self { table: RwLock::default(), keeps_excerpts };
        runs.reload(fleet);
        runs
    }

    /// The probes as they are now.
    pub(super) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Recorder for Runs {
    fn record(&self, probe: &ProbeKey, outcome: &Outcome, started_unix_ms: i64) {
        let table = self.table();
        if let Some(row) = table.probes.get(probe) {
            row.lock().add(Run { started_unix_ms, outcome: shortened(outcome, self.keeps_excerpts) }, table.share);
        }
    }

    fn uplink(&self, service: &Name, is_up: bool) {
        let table = self.table();
        let mut down = table.down.lock().unwrap_or_else(PoisonError::into_inner);
        if is_up {
            down.remove(service)
        } else {
            down.insert(service.clone())
        };
    }

    fn reload(&self, fleet: &Fleet) {
        let before = self.table();
        let probes = fleet.services.values().flat_map(|service| service.probes.values());
        let probes: BTreeMap<ProbeKey, Row> = probes
            .map(|probe| {
                let key = ProbeKey::of(probe);
                let row = Row::new(probe, before.probes.get(&key));
                (key, row)
            })
            .collect();
        let mut down = before.down();
        down.retain(|name| fleet.services.get(name).is_some_and(|service| service.uplink.is_some()));
        let table = Table { share: Share::of(probes.len()), probes, down: Mutex::new(down) };
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }
}

impl Table {
    /// The services whose uplink is down.
    pub(super) fn down(&self) -> BTreeSet<Name> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Row {
    fn new(probe: &Probe, before: Option<&Self>) -> Self {
        let kept = before.map(|row| Arc::clone(&row.kept)).unwrap_or_default();
        Self { kind: probe.kind.as_str(), interval: probe.interval, timeout: probe.timeout, kept }
    }

    /// What is kept of the probe. Nothing else waits for it but a run that ends.
    pub(super) fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn add(&mut self, run: Run, share: Share) {
        let is_news = self.last().is_none_or(|last| !is_alike(&last.outcome.verdict, &run.outcome.verdict));
        if is_news {
            self.since_unix_ms = Some(run.started_unix_ms);
        }
        while self.newest.len() >= share.newest {
            let Some(oldest) = self.newest.pop_front() else { break };
            if matches!(oldest.outcome.verdict, Verdict::Failed { .. }) {
                push(&mut self.failures, oldest);
            }
        }
        while self.failures.len() > share.failures {
            self.failures.pop_front();
        }
        push(&mut self.newest, run);
    }

    /// The newest run.
    pub(super) fn last(&self) -> Option<&Run> {
        self.newest.back()
    }

    /// Every run that is kept, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Run> {
        self.newest.iter().rev().chain(self.failures.iter().rev())
    }
}

/// Adds a run without the spare room that a growing queue takes: there are many queues, and all of them are short.
fn push(queue: &mut VecDeque<Run>, run: Run) {
    if queue.len() == queue.capacity() {
        queue.reserve_exact(1);
    }
    queue.push_back(run);
}

/// Whether two verdicts say the same, whatever their details.
fn is_alike(one: &Verdict, other: &Verdict) -> bool {
    match (one, other) {
        (Verdict::Success, Verdict::Success) => true,
        (Verdict::Failed { reason, .. }, Verdict::Failed { reason: other, .. }) => reason == other,
        (Verdict::Skipped { reason, .. }, Verdict::Skipped { reason: other, .. }) => reason == other,
        _ => false,
    }
}

/// The outcome with details of a bounded length, and without an excerpt unless that is to be kept.
fn shortened(outcome: &Outcome, keeps_excerpts: bool) -> Outcome {
    let mut outcome = outcome.clone();
    if !keeps_excerpts {
        outcome.excerpt = None;
    }
    let verdicts =
        std::iter::once(&mut outcome.verdict).chain(outcome.steps.iter_mut().filter_map(|step| step.verdict.as_mut()));
    for verdict in verdicts {
        if let Verdict::Failed { detail, .. } | Verdict::Skipped { detail, .. } = verdict
            && detail.len() > MAX_DETAIL
        {
            let end = (0..=MAX_DETAIL).rev().find(|at| detail.is_char_boundary(*at)).unwrap_or_default();
            detail.truncate(end);
            detail.push('…');
            detail.shrink_to_fit();
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::outcome::Reason;

    const SHARE: Share = Share { newest: 2, failures: 3 };

    fn run(at: i64, verdict: Verdict) -> Run {
        Run { started_unix_ms: at, outcome: Outcome::of(verdict) }
    }

    fn failed(detail: &str) -> Verdict {
        Verdict::Failed { reason: Reason::Status, detail: detail.into() }
    }

    fn times(kept: &Kept) -> Vec<i64> {
        kept.newest_first().map(|run| run.started_unix_ms).collect()
    }

    #[test]
    fn failures_outlive_successes_and_everything_is_bounded() {
        let mut kept = Kept::default();
        for at in 0..10 {
            kept.add(run(at, if at % 2 == 0 { failed("x") } else { Verdict::Success }), SHARE);
        }
        assert_eq!(times(&kept), [9, 8, 6, 4, 2]);
        for at in 10..100 {
            kept.add(run(at, Verdict::Success), SHARE);
        }
        assert_eq!(times(&kept), [99, 98, 8, 6, 4]);
        assert_eq!(kept.since_unix_ms, Some(9));
        for at in 100..200 {
            kept.add(run(at, failed("y")), SHARE);
        }
        assert_eq!(times(&kept), [199, 198, 197, 196, 195]);
        assert_eq!(kept.since_unix_ms, Some(100));
        assert!(kept.newest.capacity() <= 2 && kept.failures.capacity() <= 4);
    }

    #[test]
    fn all_probes_together_keep_no_more_than_their_total() {
        for probes in [0, 1, 10, 1_000, 1_001, 3_333, 10_000] {
            let Share { newest, failures } = Share::of(probes);
            assert!(newest >= 2 && failures > newest, "{probes}");
            assert!(newest + failures <= MOST && probes * (newest + failures) <= TOTAL, "{probes}");
        }
        assert_eq!(Share::of(50_000), Share { newest: 2, failures: 3 });
    }

    #[test]
    fn a_long_detail_is_cut_between_two_characters() {
        let shown = shortened(&run(0, failed(&"ä".repeat(1_000))).outcome, false);
        let Verdict::Failed { detail, .. } = shown.verdict else { panic!("failed") };
        assert_eq!(detail, format!("{}…", "ä".repeat(MAX_DETAIL / 2)));
    }
}
