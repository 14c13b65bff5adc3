//! Reading a history, beside the one who writes it: by this process for its pages, or by another one for an export.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::file::{self, FileError};
use super::minutes::{Minutes, Stretch};
use super::slices;
use super::state::Counted;
use super::tables;
use super::writer::Shared;
use crate::history::{Causes, HistoryError, Slice, SloKey};
use crate::probe::ProbeKey;

/// How many reads may be going on at once, each with a connection of its own.
const READERS: usize = 4;

/// A probe may have run less often than it does now: a slice may be in use because of a run this long before, in
/// seconds.
pub(super) const LOOK_BACK: i64 = 86_400;

/// The connections of those who read.
pub(super) struct Readers {
    shared: Arc<Shared>,
    /// Those that nobody uses just now, each with the generation of its file.
    idle: Mutex<Vec<(u64, Connection)>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, idle: Mutex::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// The slices of an SLO, read on a thread that may wait for a disk.
    pub(super) async fn slices(
        self: Arc<Self>,
        key: SloKey,
        after: i64,
        until: i64,
    ) -> Result<Vec<Slice>, HistoryError> {
        self.on_a_thread(move |readers| readers.read(&key, after, until)).await
    }

    /// Why events of an SLO were bad, read in the same way.
    pub(super) async fn causes(self: Arc<Self>, key: SloKey, after: i64, until: i64) -> Result<Causes, HistoryError> {
        let causes = move |readers: &Self| {
            let (_, minutes) = readers.minutes(&key, after, until)?;
            Ok(minutes.map(|minutes| minutes.causes(after, until)).unwrap_or_default())
        };
        self.on_a_thread(causes).await
    }

    async fn on_a_thread<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&Self) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, HistoryError> {
        let unavailable = |error: &dyn std::fmt::Display| HistoryError::Unavailable(error.to_string());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|error| unavailable(&error))?;
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            read(&self)
        });
        read.await.map_err(|error| unavailable(&error))?
    }

    pub(super) fn read(&self, key: &SloKey, after: i64, until: i64) -> Result<Vec<Slice>, HistoryError> {
        let (counted, minutes) = self.minutes(key, after, until)?;
        Ok(minutes.map_or_else(Vec::new, |minutes| slices::of(&minutes, &counted, after, until)))
    }

    /// What an SLO counts, and the minutes that its slices in (`after`, `until`] are made of, if its probe ever ran.
    fn minutes(&self, key: &SloKey, after: i64, until: i64) -> Result<(Counted, Option<Minutes>), HistoryError> {
        let (counted, cells, span, uncommitted) = {
            let state = self.shared.lock();
            let counted = state.counted(key).cloned().ok_or_else(|| HistoryError::NotKept(key.clone()))?;
            let uncommitted = state.health.uncommitted;
            let cells = state.cells(&counted.probe);
            (counted, cells, state.span(), uncommitted)
        };
        let back = cells.as_ref().map_or(0, |(_, interval_ms, _)| slices::lately(*interval_ms, counted.step));
        let from = after.saturating_sub(back.max(LOOK_BACK));
        // While the disk fails, the newest minutes are in memory only.
        let open = cells.clone().filter(|_| uncommitted).map(|(_, _, cells)| cells);
        let read = self.with_connection(|connection| tables::minutes(connection, &counted.probe, from, until, open));
        let minutes = match (read, cells) {
            (Ok(minutes), _) => minutes,
            (Err(_), Some((offset_s, interval_ms, cells))) if uncommitted => {
                let stretches = cells.into_iter().map(|(at, cell)| Stretch::one(at, interval_ms, cell)).collect();
                Some(Minutes { offset_s, stretches, spans: Vec::new() })
            }
            (Err(error), _) => return Err(HistoryError::Unavailable(error.to_string())),
        };
        // What is written of it may be half a minute old.
        let with_span = |mut minutes: Minutes| {
            minutes.spans.push(span);
            minutes
        };
        Ok((counted, minutes.map(with_span)))
    }

    fn with_connection<T>(&self, read: impl FnOnce(&mut Connection) -> Result<T, FileError>) -> Result<T, FileError> {
        let generation = self.shared.generation.load(Ordering::SeqCst);
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|(of, _)| *of == generation);
            idle.pop()
        };
        let opened = match idle {
            Some((_, connection)) => Ok(connection),
            None => file::open_to_read(&self.shared.path),
        };
        let result = opened.and_then(|mut connection| {
            let result = read(&mut connection);
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((generation, connection));
            result
        });
        if let Err(FileError::Damaged(damage)) = &result {
            self.shared.lock().damage = Some((generation, damage.clone()));
            self.shared.wake();
        }
        result
    }
}

/// A history that is read from outside, whether or not somebody writes to it.
#[derive(Debug)]
pub struct Archive(Connection);

/// A probe of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedProbe {
    /// The probe.
    pub key: ProbeKey,
    /// Milliseconds from one run to the next, as far as the service knew it last.
    pub interval_ms: i64,
    /// The names of the SLOs that count its runs, as far as the service knew them last.
    pub slos: Vec<String>,
}

/// A minute of a probe in which it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedMinute {
    /// When it begins, in seconds of Unix time.
    pub begins: i64,
    /// Runs that met every expectation.
    pub good: u64,
    /// Runs that did not, by reason.
    pub failures: BTreeMap<Cow<'static, str>, u64>,
}

impl ArchivedMinute {
    /// Runs that did not meet every expectation.
    #[must_use]
    pub fn bad(&self) -> u64 {
        self.failures.values().sum()
    }
}

impl Archive {
    /// Opens the history in a directory.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn open(directory: &Path) -> Result<Self, FileError> {
        file::open_to_read(directory).map(Self)
    }

    /// Every probe that was ever counted, in order of names.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn probes(&self) -> Result<Vec<ArchivedProbe>, FileError> {
        tables::archived_probes(&self.0)
    }

    /// The minutes of a probe that begin in `from`..`until` (seconds of Unix time), in order. What a clock that was set
    /// back counted twice is added up.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn minutes(&mut self, probe: &ProbeKey, from: i64, until: i64) -> Result<Vec<ArchivedMinute>, FileError> {
        let Some(minutes) = tables::minutes(&mut self.0, probe, from, until, None)? else { return Ok(Vec::new()) };
        let mut by_time = BTreeMap::new();
        for Stretch { first, end, cell, .. } in minutes.stretches {
            for begins in (first..end).map(|minute| minutes.offset_s + 60 * minute) {
                by_time.entry(begins).or_insert_with(super::day::Cell::default).add(&cell);
            }
        }
        let inside = by_time.into_iter().filter(|(begins, _)| (from..until).contains(begins));
        Ok(inside.map(|(begins, cell)| ArchivedMinute { begins, good: cell.good, failures: cell.failures }).collect())
    }
}
