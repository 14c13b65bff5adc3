//! The one thread that writes: it gathers what happened for a moment, commits it in one transaction, and only then has
//! it shown.
//!
//! While the disk fails it goes on trying, and counts are shown that are not written yet.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::clock::{Clock, Step};
use super::file::{Directory, FileError};
use super::state::State;
use super::tables;
use crate::history::counts::Counts;
use crate::history::{Committed, StorageState};
use crate::probe::ProbeKey;

/// How long events are gathered before they are committed. With the commit itself they are shown within 200 ms.
const GATHER: Duration = Duration::from_millis(100);

/// How often the writer looks up without being woken, for minutes that have settled.
const IDLE: Duration = Duration::from_secs(1);

/// Time between two attempts to write while the disk fails.
const RETRY: Duration = Duration::from_secs(1);

/// What the writer, the readers and those who record share.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// There is something to write, or to end.
    wake: Condvar,
    /// A flush is done.
    done: Condvar,
    /// One more each time a new file was begun, so that no reader keeps to the old one.
    pub(super) generation: AtomicU64,
    pub(super) shown: OnceLock<Arc<dyn Committed>>,
}

impl Shared {
    pub(super) fn new(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(State::new(clock.as_ref()));
        let (wake, done) = (Condvar::new(), Condvar::new());
        Self { path, clock, state, wake, done, generation: AtomicU64::new(0), shown: OnceLock::new() }
    }

    /// The state, also after a panic in another thread: every change of it is complete in itself.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until everything that was recorded before is written, or until that has failed once or taken too long.
    pub(super) fn flush(&self, within: Duration) {
        let deadline = Instant::now() + within;
        let mut state = self.lock();
        state.flushes.0 += 1;
        let wanted = state.flushes.0;
        self.wake();
        while state.flushes.1 < wanted {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (state, _) = self.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until there is something to do.
    fn wait(&self) {
        let state = self.lock();
        let is_idle = |state: &mut State| !state.is_dirty && !state.is_stopping && state.flushes.0 == state.flushes.1;
        let woken = self.wake.wait_timeout_while(state, IDLE, is_idle);
        let (state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        let may_gather = |state: &mut State| !state.is_stopping && state.flushes.0 == state.flushes.1;
        // How it ended does not matter: the next thing is to write.
        drop(self.wake.wait_timeout_while(state, GATHER, may_gather));
    }
}

/// The files while they can be used.
struct Files {
    directory: Directory,
    connection: Option<Connection>,
}

/// The writer.
pub(super) struct Writer {
    shared: Arc<Shared>,
    files: Option<Files>,
    /// Whether anything was shown already that is not from the files.
    has_begun: bool,
    retry_at: Option<Instant>,
    /// What was last said of the disk.
    said: Option<String>,
    told: Option<StorageState>,
}

impl Writer {
    /// Opens the files, so that counters go on from where they ended.
    ///
    /// # Errors
    /// Those that no waiting can help. A disk that fails is none: counting begins, and the writer goes on trying.
    pub(super) fn open(shared: Arc<Shared>) -> Result<Self, FileError> {
        let mut writer = Self { shared, files: None, has_begun: false, retry_at: None, said: None, told: None };
        match writer.ensure_open() {
            Err(error) if error.is_final() => return Err(error),
            Err(error) => writer.fail(&error),
            Ok(()) => {}
        }
        writer.has_begun = true;
        Ok(writer)
    }

    /// Writes until it is told to stop, and then once more.
    pub(super) fn run(mut self) {
        loop {
            self.shared.wait();
            let (wanted, stopping) = {
                let state = self.shared.lock();
                (state.flushes.0, state.is_stopping)
            };
            self.turn(stopping);
            self.shared.lock().flushes.1 = wanted;
            self.shared.done.notify_all();
            if stopping {
                return;
            }
        }
    }

    /// One commit, or one attempt at it.
    pub(super) fn turn(&mut self, now_or_never: bool) {
        let generation = self.shared.generation.load(Ordering::SeqCst);
        let found = self.shared.lock().damage.take().filter(|(of, _)| *of == generation);
        if let Some((_, damage)) = found.filter(|_| self.files.is_some()) {
            self.recover(&FileError::Damaged(damage));
        }
        if !now_or_never && self.retry_at.is_some_and(|at| Instant::now() < at) {
            self.show_uncommitted();
            return;
        }
        let written = self.ensure_open().and_then(|()| self.commit());
        match written {
            Ok(()) => {}
            Err(error @ FileError::Damaged(_)) => self.recover(&error),
            Err(error) => self.fail(&error),
        }
    }

    fn ensure_open(&mut self) -> Result<(), FileError> {
        if self.files.as_ref().is_some_and(|files| files.connection.is_some()) {
            return Ok(());
        }
        let directory = match self.files.take() {
            Some(files) => files.directory,
            None => Directory::take(&self.shared.path)?,
        };
        let opened = directory.open().and_then(|connection| Ok((tables::load(&connection)?, connection)));
        match opened {
            Ok((loaded, connection)) => {
                self.shared.lock().adopt(self.shared.clock.as_ref(), loaded, !self.has_begun);
                self.files = Some(Files { directory, connection: Some(connection) });
                Ok(())
            }
            Err(error @ FileError::Damaged(_)) => {
                self.files = Some(Files { directory, connection: None });
                self.set_aside(&error)?;
                self.ensure_open()
            }
            Err(error) => {
                // The lock stays with us.
                self.files = Some(Files { directory, connection: None });
                Err(error)
            }
        }
    }

    fn commit(&mut self) -> Result<(), FileError> {
        let Some(Files { directory, connection: Some(connection) }) = &mut self.files else { return Ok(()) };
        let Some((mut batch, step)) = self.shared.lock().take(self.shared.clock.as_ref()) else { return Ok(()) };
        say_step(step);
        if let Err(error) = tables::write(connection, &batch) {
            self.shared.lock().failed(batch);
            return Err(error);
        }
        let bytes = directory.bytes();
        let failed_before = {
            let mut state = self.shared.lock();
            state.health.bytes = bytes;
            state.written(std::mem::take(&mut batch.audit));
            std::mem::take(&mut state.health.uncommitted)
        };
        self.retry_at = None;
        if self.said.take().is_some() || failed_before {
            tracing::info!("the history can be written again");
        }
        self.show(batch.counters.into_iter().map(|(_, key, counts, _)| (key, counts)));
        self.tell();
        Ok(())
    }

    /// Counts a failure, says it once, and has shown what is not written.
    fn fail(&mut self, error: &FileError) {
        {
            let mut state = self.shared.lock();
            state.health.errors += 1;
            state.health.uncommitted = true;
            state.is_dirty = true;
            state.forget();
        }
        let text = error.to_string();
        if self.said.as_ref() != Some(&text) {
            tracing::error!(error = %text, "the history cannot be written; counting goes on in memory");
            self.said = Some(text);
        }
        self.retry_at = Some(Instant::now() + RETRY);
        self.show_uncommitted();
    }

    /// Sets damaged files aside and begins new ones with what is in memory.
    fn recover(&mut self, damage: &FileError) {
        if let Err(error) = self.set_aside(damage) {
            self.fail(&error);
        }
    }

    fn set_aside(&mut self, damage: &FileError) -> Result<(), FileError> {
        let Some(files) = &mut self.files else { return Ok(()) };
        // Closed first, so that nothing is written to it any more.
        files.connection = None;
        let mut state = self.shared.lock();
        let at = self.shared.clock.unix_ms().div_euclid(1_000);
        let aside = files.directory.set_aside(at)?;
        tracing::error!(error = %damage, aside = %aside.display(), "a damaged history was set aside; a new one begins");
        state.health.set_aside += 1;
        state.begin_anew();
        drop(state);
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn show_uncommitted(&mut self) {
        self.tell();
        let counts = self.shared.lock().dirty_counts();
        self.show(counts);
    }

    fn show(&self, counts: impl IntoIterator<Item = (ProbeKey, Counts)>) {
        let Some(shown) = self.shared.shown.get() else { return };
        for (probe, counts) in counts {
            shown.show(&probe, counts);
        }
    }

    /// Says how the history fares, if that has changed.
    fn tell(&mut self) {
        let health = self.shared.lock().health;
        if let Some(shown) = self.shared.shown.get().filter(|_| self.told != Some(health)) {
            shown.storage(health);
            self.told = Some(health);
        }
    }
}

/// Says that the machine's clock was set.
pub(super) fn say_step(step: Option<Step>) {
    if let Some(Step { by_ms }) = step {
        tracing::warn!(
            seconds = by_ms as f64 / 1_000.0,
            "the clock of this machine was set; the history goes on from there"
        );
    }
}
