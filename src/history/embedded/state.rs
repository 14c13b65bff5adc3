//! What is counted and not written yet: in memory, bounded, and ready to be written in one batch.
//!
//! It never touches a file. Counts are kept as they are and not as differences, so that a write that failed only has to
//! be made again.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::clock::{Clock, Moment, Step, Timeline, millis};
use super::day::{Cell, MINUTES};
use super::tables::{At, Batch, Fold, Loaded, ProbeRow, Span};
use crate::history::audit::{AuditError, Draft, Entry, EntryKind, MOST_ENTRIES, MOST_RECENT, RECENT_S};
use crate::history::counts::Counts;
use crate::history::{Event, SloKey, StorageState};
use crate::probe::ProbeKey;
use crate::probe::outcome::{Outcome, Verdict};
use crate::slo::window::{SLICE, Tier};
use crate::spec::model::{Budgeting, Fleet, Sli, Slo};
use crate::units::Duration;

/// Every slice is of minutes; those of a probe begin with its first event, and so do its slices of this length.
const SLICE_S: i64 = 300;

/// A minute this old changes no more, but for a run that took longer.
const SETTLED_S: i64 = 600;

/// Minutes move into the rows of their days when the oldest of a probe is this old.
const FOLD_S: i64 = 900;

/// At most so many probes are folded by one commit, so that none is long.
const MOST_FOLDS: usize = 20;

/// How often it is written that probes are being run, though no run ended.
const HEARTBEAT_S: i64 = 30;

/// How often probes that are in no file any more are looked at.
const PRUNE_S: i64 = 3_600;

/// Minutes that are kept in memory while the disk fails: a thousand probes for eight hours, in about 50 MB.
const MOST_CELLS: usize = 500_000;

/// What is kept at least.
const LEAST_RETENTION: Duration = Duration::from_days(35);

/// What an SLO counts.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    /// The probe.
    pub(super) probe: ProbeKey,
    /// The length of a slice in minutes.
    pub(super) step: i64,
    /// The length of a time slice in seconds, and the ratio of bad events above which it is bad.
    pub(super) timeslices: Option<(i64, Decimal)>,
}

impl Counted {
    /// What an SLO counts, if it counts the runs of a probe.
    pub(super) fn of(slo: &Slo) -> Option<Self> {
        let Sli::Probe { probe, .. } = &slo.sli else { return None };
        let probe = ProbeKey { service: slo.service.clone(), probe: probe.clone() };
        let step = if Tier::of(slo.window) == Tier::Slow { whole_seconds(SLICE) / 60 } else { 1 };
        let timeslices = match slo.budgeting {
            Budgeting::Occurrences => None,
            Budgeting::Timeslices { slice, target } => Some((whole_seconds(slice).max(1), Decimal::ONE - target)),
        };
        Some(Self { probe, step, timeslices })
    }
}

/// A probe that is or was counted.
#[derive(Debug, Default)]
struct Known {
    id: i64,
    interval_ms: i64,
    /// Where its minutes begin; unknown until it was first run.
    offset_s: Option<i64>,
    counts: Counts,
    /// When the counts changed last, in seconds of Unix time.
    changed: i64,
    in_fleet: bool,
    cells: BTreeMap<At, Cell>,
    row_is_dirty: bool,
    counts_are_dirty: bool,
    dirty_cells: BTreeSet<At>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct State {
    timeline: Timeline,
    probes: BTreeMap<ProbeKey, Known>,
    slos: BTreeMap<SloKey, Counted>,
    slos_are_dirty: bool,
    next_id: i64,
    retention_s: i64,
    span: Span,
    /// When it was last written that probes are being run, in seconds of Unix time.
    beat_at: i64,
    pruned_at: i64,
    /// Whether there is anything that is worth a commit of its own.
    pub(super) is_dirty: bool,
    pub(super) health: StorageState,
    /// The audit as it is kept, in order.
    audit: Vec<Entry>,
    /// Its entries that are not written yet.
    unwritten: Vec<Entry>,
    /// The number of the last entry that was ever tried.
    last_entry: i64,
    /// What a reader found damaged, in which generation of the file.
    pub(super) damage: Option<(u64, String)>,
    pub(super) is_stopping: bool,
    /// How many flushes were asked for, and how many are done.
    pub(super) flushes: (u64, u64),
}

impl State {
    /// Nothing yet, at this moment.
    pub(super) fn new(clock: &dyn Clock) -> Self {
        let mut timeline = Timeline::begin(clock);
        let now = seconds(timeline.now(clock).0);
        Self {
            timeline,
            probes: BTreeMap::new(),
            slos: BTreeMap::new(),
            slos_are_dirty: true,
            next_id: 1,
            retention_s: whole_seconds(LEAST_RETENTION),
            span: Span { id: 1, era: 0, since: now, until: now },
            beat_at: now,
            pruned_at: 0,
            is_dirty: true,
            health: StorageState::default(),
            audit: Vec::new(),
            unwritten: Vec::new(),
            last_entry: 0,
            damage: None,
            is_stopping: false,
            flushes: (0, 0),
        }
    }

    /// Counts what the probes of these files find from now on, and answers for their SLOs.
    ///
    /// Two of the longest windows are kept, since what is left of a budget at the beginning of its window depends on
    /// what was before.
    pub(super) fn serve(&mut self, fleet: &Fleet) {
        for known in self.probes.values_mut() {
            known.in_fleet = false;
        }
        self.slos.clear();
        let mut retention = LEAST_RETENTION;
        for service in fleet.services.values() {
            for probe in service.probes.values() {
                let known = self.known(&ProbeKey::of(probe));
                let interval_ms = i64::try_from(probe.interval.as_millis()).unwrap_or(i64::MAX);
                known.row_is_dirty |= known.interval_ms != interval_ms;
                (known.in_fleet, known.interval_ms) = (true, interval_ms);
            }
            for slo in service.slos.values() {
                let Some(counted) = Counted::of(slo) else { continue };
                retention = retention.max(slo.window.times(2));
                self.slos.insert(SloKey::of(slo), counted);
            }
        }
        self.retention_s = whole_seconds(retention);
        (self.slos_are_dirty, self.is_dirty) = (true, true);
    }

    /// What an SLO counts, if it counts the runs of a probe.
    pub(super) fn counted(&self, slo: &SloKey) -> Option<&Counted> {
        self.slos.get(slo)
    }

    /// The counts of a probe, whether or not they are written.
    pub(super) fn counts(&self, probe: &ProbeKey) -> Option<Counts> {
        self.probes.get(probe).map(|known| known.counts.clone())
    }

    /// The counts of every probe of the files.
    pub(super) fn all_counts(&self) -> Vec<(ProbeKey, Counts)> {
        let served = self.probes.iter().filter(|(_, known)| known.in_fleet);
        served.map(|(key, known)| (key.clone(), known.counts.clone())).collect()
    }

    /// The counts that are not written yet.
    pub(super) fn dirty_counts(&self) -> Vec<(ProbeKey, Counts)> {
        let dirty = self.probes.iter().filter(|(_, known)| known.counts_are_dirty);
        dirty.map(|(key, known)| (key.clone(), known.counts.clone())).collect()
    }

    /// The minutes of a probe that are in memory, where they begin, and how often it runs.
    pub(super) fn cells(&self, probe: &ProbeKey) -> Option<(i64, i64, BTreeMap<At, Cell>)> {
        let known = self.probes.get(probe)?;
        Some((known.offset_s?, known.interval_ms, known.cells.clone()))
    }

    /// The stretch of time in which probes are being run now.
    pub(super) const fn span(&self) -> Span {
        self.span
    }

    fn known(&mut self, key: &ProbeKey) -> &mut Known {
        let next_id = &mut self.next_id;
        self.probes.entry(key.clone()).or_insert_with(|| {
            let id = *next_id;
            *next_id += 1;
            Known { id, row_is_dirty: true, ..Known::default() }
        })
    }

    /// Takes in one run, which ended just now.
    pub(super) fn record(
        &mut self,
        clock: &dyn Clock,
        key: &ProbeKey,
        outcome: &Outcome,
        started_unix_ms: i64,
    ) -> Option<Step> {
        let (now, step) = self.look(clock);
        // Not when it was due, which the machine's clock may have said before it was set.
        let started = now.unix_ms.saturating_sub(millis(outcome.duration)).div_euclid(1_000);
        let known = self.known(key);
        known.counts.add(outcome, started_unix_ms);
        (known.changed, known.counts_are_dirty) = (seconds(now), true);
        let offset_s = *known.offset_s.get_or_insert(started.rem_euclid(SLICE_S));
        let event = match &outcome.verdict {
            Verdict::Success => Some(Event::Good),
            Verdict::Failed { reason, .. } => Some(Event::Bad(*reason)),
            Verdict::Skipped { .. } => None,
        };
        if let Some(event) = event {
            let at = At { era: now.era, minute: started.saturating_sub(offset_s).div_euclid(60) };
            let cell = known.cells.entry(at).or_default();
            cell.count(event);
            for step in outcome.failed_steps() {
                *cell.steps.entry(step.to_string()).or_default() += 1;
            }
            known.dirty_cells.insert(at);
        }
        self.is_dirty = true;
        step
    }

    /// Looks at the clock; one that was set ends the stretch of time that probes were run in.
    pub(super) fn look(&mut self, clock: &dyn Clock) -> (Moment, Option<Step>) {
        let (now, step) = self.timeline.now(clock);
        let at = seconds(now);
        if step.is_some() {
            self.span = Span { id: self.span.id + 1, era: now.era, since: at, until: at };
            self.is_dirty = true;
        }
        self.span.until = self.span.until.max(at);
        (now, step)
    }

    /// Goes on from what a history holds.
    ///
    /// Counts go on from there only if `from_the_start`: once others were shown, more would look as if it had happened
    /// just now. Minutes are added to those that are there in any case.
    pub(super) fn adopt(&mut self, clock: &dyn Clock, loaded: Loaded, from_the_start: bool) {
        let before = self.timeline;
        let last = loaded.span.map_or(i64::MIN, |span| span.until);
        self.timeline.resume(loaded.span.map_or(0, |span| span.era), last.saturating_mul(1_000));
        let eras = self.timeline.era() - before.era();
        self.next_id = loaded.probes.values().map(|probe| probe.id + 1).max().unwrap_or(1);
        for (key, known) in &mut self.probes {
            known.be_later(eras);
            if !loaded.probes.contains_key(key) {
                known.id = self.next_id;
                self.next_id += 1;
            }
            known.row_is_dirty = true;
        }
        for (key, probe) in loaded.probes {
            let known = self.probes.entry(key).or_default();
            known.id = probe.id;
            if !known.in_fleet {
                known.interval_ms = probe.interval_ms;
            }
            known.move_to(probe.offset_s);
            for (at, cell) in probe.cells {
                match known.cells.get_mut(&at) {
                    Some(there) => there.add(&cell),
                    None => drop(known.cells.insert(at, cell)),
                }
            }
            if from_the_start {
                (known.counts, known.changed) = (probe.counts, probe.changed);
            } else {
                known.counts_are_dirty = true;
            }
        }
        self.health = StorageState {
            errors: self.health.errors + loaded.facts.errors,
            set_aside: self.health.set_aside + loaded.facts.set_aside,
            forgotten: self.health.forgotten + loaded.facts.forgotten,
            ..self.health
        };
        self.adopt_audit(loaded.audit);
        self.continue_span(clock, loaded.span);
        self.is_dirty = true;
    }

    /// The audit of the file; where that is new, it gets what is known here.
    fn adopt_audit(&mut self, entries: Vec<Entry>) {
        if entries.is_empty() {
            self.unwritten = self.audit.clone();
            return;
        }
        // What waits was numbered without knowing these; whoever waits for it is told that it was not kept.
        self.unwritten.clear();
        self.last_entry = entries.iter().map(|entry| entry.id).fold(self.last_entry, i64::max);
        self.audit = entries;
    }

    /// The audit as it is kept, in order.
    pub(super) fn audit(&self) -> &[Entry] {
        &self.audit
    }

    /// Takes in an entry, which is kept once it is written; gives back its number.
    pub(super) fn enter(&mut self, clock: &dyn Clock, draft: &Draft) -> Result<i64, AuditError> {
        let (now, _) = self.look(clock);
        let known = || self.audit.iter().chain(&self.unwritten);
        if known().count() >= MOST_ENTRIES {
            return Err(AuditError::Full);
        }
        let is_recent = |entry: &&Entry| entry.is_of(&draft.slo) && entry.at > seconds(now).saturating_sub(RECENT_S);
        // What opens a gate may always be taken back.
        if draft.withdraws.is_none() && known().filter(is_recent).count() >= MOST_RECENT {
            return Err(AuditError::TooMany);
        }
        if let Some(id) = draft.withdraws {
            let is_there = known().any(|entry| entry.id == id && entry.kind != EntryKind::Withdrawal);
            if !is_there {
                return Err(AuditError::NoSuchEntry(id));
            }
            if known().any(|entry| entry.withdraws == Some(id)) {
                return Err(AuditError::Withdrawn(id));
            }
        }
        // One that was given up may have been written after all.
        self.last_entry += 1;
        let id = self.last_entry;
        self.unwritten.push(Entry::of(draft, id, seconds(now)));
        self.is_dirty = true;
        Ok(id)
    }

    /// The entry of a number if it is kept; else it is given up.
    pub(super) fn entered(&mut self, id: i64) -> Result<Entry, AuditError> {
        self.unwritten.retain(|entry| entry.id != id);
        self.audit.iter().find(|entry| entry.id == id).cloned().ok_or(AuditError::NotKept)
    }

    /// Entries were written.
    pub(super) fn written(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.unwritten.retain(|waiting| waiting.id != entry.id);
            if self.audit.iter().all(|kept| kept.id != entry.id) {
                self.audit.push(entry);
            }
        }
    }

    /// A short pause of the same era hides no slice, so that it begins no new row.
    fn continue_span(&mut self, clock: &dyn Clock, last: Option<Span>) {
        self.span.era = self.timeline.era();
        self.look(clock);
        let Some(last) = last else { return };
        let since_then = self.span.since.saturating_sub(last.until);
        if last.era == self.span.era && (-SLICE_S..60).contains(&since_then) {
            (self.span.id, self.span.since) = (last.id, last.since);
            self.span.until = self.span.until.max(last.until);
        } else {
            self.span.id += last.id;
        }
    }

    /// Everything has to be written again, to a new file.
    pub(super) fn begin_anew(&mut self) {
        for known in self.probes.values_mut() {
            (known.row_is_dirty, known.counts_are_dirty) = (true, true);
            known.dirty_cells = known.cells.keys().copied().collect();
        }
        (self.slos_are_dirty, self.is_dirty) = (true, true);
    }

    /// What is to be written now, if anything is. From here on it counts as written, unless it [`failed`](Self::failed).
    pub(super) fn take(&mut self, clock: &dyn Clock) -> Option<(Batch, Option<Step>)> {
        let (now, step) = self.look(clock);
        let now_s = seconds(now);
        let folds = self.take_folds(now);
        let is_due = now_s.saturating_sub(self.beat_at) >= HEARTBEAT_S || now_s < self.beat_at;
        if !self.is_dirty && folds.is_empty() && !is_due {
            return None;
        }
        let mut batch = Batch {
            probes: Vec::new(),
            slos: None,
            counters: Vec::new(),
            minutes: Vec::new(),
            folds,
            pruned: Vec::new(),
            gone: Vec::new(),
            span: self.span,
            oldest_span: now_s.saturating_sub(self.retention_s),
            facts: self.health,
            audit: self.unwritten.clone(),
        };
        if std::mem::take(&mut self.slos_are_dirty) {
            batch.slos = Some(self.slos.iter().map(|(key, slo)| (key.clone(), slo.probe.probe.clone())).collect());
        }
        for (key, known) in &mut self.probes {
            known.take(key, &mut batch);
        }
        if now_s.saturating_sub(self.pruned_at) >= PRUNE_S {
            self.pruned_at = now_s;
            self.prune(now_s, &mut batch);
        }
        (self.is_dirty, self.beat_at) = (false, now_s);
        Some((batch, step))
    }

    fn take_folds(&mut self, now: Moment) -> Vec<Fold> {
        let now_s = seconds(now);
        let oldest = now_s.saturating_sub(self.retention_s).div_euclid(60 * MINUTES);
        let number =
            |known: &Known, age: i64| now_s.saturating_sub(age + known.offset_s.unwrap_or_default()).div_euclid(60);
        let since = |known: &Known| {
            let (first, _) = known.cells.first_key_value()?;
            (first.era < now.era || first.minute < number(known, FOLD_S)).then_some(*first)
        };
        let mut due: Vec<_> = self.probes.iter_mut().filter_map(|probe| Some((since(probe.1)?, probe))).collect();
        // Who waits longest comes first: in order of names the last would never come while commits take long.
        due.sort_by_key(|(since, _)| *since);
        let fold = |(_, (key, known)): (At, (&ProbeKey, &mut Known))| {
            let still_open = known.cells.split_off(&At { era: now.era, minute: number(known, SETTLED_S) });
            let cells = std::mem::replace(&mut known.cells, still_open);
            known.dirty_cells.retain(|at| !cells.contains_key(at));
            Fold { id: known.id, key: key.clone(), interval_ms: known.interval_ms, cells, oldest_day: oldest }
        };
        due.into_iter().take(MOST_FOLDS).map(fold).collect()
    }

    /// Probes that are in no file any more: their minutes go as they get old, and their counters with the last of them.
    fn prune(&mut self, now_s: i64, batch: &mut Batch) {
        let oldest = now_s.saturating_sub(self.retention_s);
        for known in self.probes.values().filter(|known| !known.in_fleet) {
            batch.pruned.push((known.id, oldest.div_euclid(60 * MINUTES)));
        }
        let is_gone = |known: &Known| !known.in_fleet && known.cells.is_empty() && known.changed < oldest;
        batch.gone.extend(self.probes.values().filter(|known| is_gone(known)).map(|known| known.id));
        self.probes.retain(|_, known| !is_gone(known));
    }

    /// A batch was not written: all of it is still to be written. Returns how many minutes had to be forgotten.
    pub(super) fn failed(&mut self, batch: Batch) {
        self.slos_are_dirty |= batch.slos.is_some();
        for row in batch.probes {
            self.known(&row.key).row_is_dirty = true;
        }
        for (_, key, _, _) in batch.counters {
            self.known(&key).counts_are_dirty = true;
        }
        for (_, key, at, _) in batch.minutes {
            self.known(&key).dirty_cells.insert(at);
        }
        for fold in batch.folds {
            let known = self.known(&fold.key);
            for (at, cell) in fold.cells {
                known.cells.entry(at).or_default().add(&cell);
                known.dirty_cells.insert(at);
            }
        }
        self.pruned_at = 0;
        self.is_dirty = true;
        self.forget();
    }

    /// Keeps memory bounded while nothing can be written: the oldest minute of every probe goes, until few enough are
    /// left.
    pub(super) fn forget(&mut self) {
        let mut held: usize = self.probes.values().map(|known| known.cells.len()).sum();
        while held > MOST_CELLS {
            for known in self.probes.values_mut() {
                let Some((at, _)) = known.cells.pop_first() else { continue };
                known.dirty_cells.remove(&at);
                self.health.forgotten += 1;
                held = held.saturating_sub(1);
            }
        }
    }
}

impl Known {
    /// Puts what is to be written of this probe into a batch.
    fn take(&mut self, key: &ProbeKey, batch: &mut Batch) {
        // A probe that never ran has nothing to keep.
        let Some(offset_s) = self.offset_s else { return };
        if std::mem::take(&mut self.row_is_dirty) {
            let row = ProbeRow { id: self.id, key: key.clone(), interval_ms: self.interval_ms, offset_s };
            batch.probes.push(row);
        }
        if std::mem::take(&mut self.counts_are_dirty) {
            batch.counters.push((self.id, key.clone(), self.counts.clone(), self.changed));
        }
        for at in std::mem::take(&mut self.dirty_cells) {
            if let Some(cell) = self.cells.get(&at) {
                batch.minutes.push((self.id, key.clone(), at, cell.clone()));
            }
        }
    }

    /// Renumbers eras.
    fn be_later(&mut self, eras: i64) {
        let later = |at: &At| At { era: at.era + eras, ..*at };
        self.cells = self.cells.iter().map(|(at, cell)| (later(at), cell.clone())).collect();
        self.dirty_cells = self.dirty_cells.iter().map(later).collect();
    }

    /// Numbers minutes from where those in the file begin; each goes where its first second lies.
    fn move_to(&mut self, offset_s: i64) {
        let Some(before) = self.offset_s.replace(offset_s).filter(|before| *before != offset_s) else { return };
        let moved = |at: &At| At { minute: (60 * at.minute + before - offset_s).div_euclid(60), ..*at };
        for (at, cell) in std::mem::take(&mut self.cells) {
            self.cells.entry(moved(&at)).or_default().add(&cell);
        }
        self.dirty_cells = self.dirty_cells.iter().map(moved).collect();
    }
}

/// Whole seconds of Unix time.
const fn seconds(moment: Moment) -> i64 {
    moment.unix_ms.div_euclid(1_000)
}

/// Whole seconds of a duration.
fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.count_of(Duration::from_secs(1))).unwrap_or(i64::MAX)
}
