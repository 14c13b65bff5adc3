//! The embedded history: what probes found, in a database of this process's own, for weeks.
//!
//! Every run is counted in memory at once and written within 200 ms by one thread ([`writer`]), in one transaction with
//! the counters behind `/metrics`; readers have connections of their own. Nothing here judges or shows what is counted.

mod audit;
mod clock;
mod day;
mod file;
mod kept;
mod minutes;
mod read;
mod slices;
mod state;
mod tables;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::audit::{AuditError, Draft, Entries, Entry, of_range};
use super::{Causes, Committed, Counts, Group, Groups, History, SloKey, Told};
use crate::probe::outcome::Outcome;
use crate::probe::{ProbeKey, Recorder};
use crate::spec::model::Fleet;
use crate::units;

pub use clock::{Clock, SystemClock};
pub use file::FileError;
pub use kept::Kept;
pub use read::{Archive, ArchivedMinute, ArchivedProbe};

use read::Readers;
use writer::{Shared, Writer};

/// How long a stop waits for the last commit.
const LAST_COMMIT: Duration = Duration::from_secs(5);

/// A history in a directory, which is this process's alone. Dropping it commits what is left.
pub struct Storage {
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Storage {
    /// Opens the history in a directory, which is made if need be, for the probes and SLOs of a fleet.
    ///
    /// # Errors
    /// When another process has it, or a later version wrote it. A disk that fails is no error: counting goes on in
    /// memory until it can be written.
    pub fn open(directory: &Path, fleet: &Fleet) -> Result<Self, FileError> {
        Self::open_at(directory, fleet, Arc::new(SystemClock::default()))
    }

    /// The same on another clock.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_at(directory: &Path, fleet: &Fleet, clock: Arc<dyn Clock>) -> Result<Self, FileError> {
        let shared = Arc::new(Shared::new(directory.to_owned(), clock));
        shared.lock().serve(fleet);
        let writer = Writer::open(Arc::clone(&shared))?;
        let readers = Arc::new(Readers::new(Arc::clone(&shared)));
        let run = move || writer.run();
        let writer = thread::Builder::new().name("history".to_owned()).spawn(run);
        let writer = writer.map_err(|error| FileError::Io { path: PathBuf::from("a thread"), error })?;
        let storage = Self { shared, readers, writer: Mutex::new(Some(writer)) };
        storage.check_in_background();
        Ok(storage)
    }

    /// Looks through the whole database once, without keeping anybody waiting.
    fn check_in_background(&self) {
        let shared = Arc::clone(&self.shared);
        let check = move || {
            if let Err(FileError::Damaged(damage)) = file::verify(&shared.path) {
                shared.lock().damage = Some((0, damage));
                shared.wake();
            }
        };
        // Without a check, damage is found when it is read.
        let _ = thread::Builder::new().name("history-check".to_owned()).spawn(check);
    }

    /// Has everything shown that is kept from now on, beginning with all counts as they are. Works once.
    pub fn show_to(&self, shown: Arc<dyn Committed>) {
        let (counts, health) = {
            let state = self.shared.lock();
            (state.all_counts(), state.health)
        };
        for (probe, counts) in counts {
            shown.show(&probe, counts);
        }
        shown.storage(health);
        // Whoever comes second has been shown what there is, and no more.
        let _ = self.shared.shown.set(shown);
    }

    /// Serves other files from now on. Probes that are in none of them keep what was counted, and go on from there when
    /// they come back.
    pub fn serve(&self, fleet: &Fleet) {
        self.shared.lock().serve(fleet);
        self.shared.wake();
    }

    /// The counts of a probe, if it was ever run: where a probe that comes back goes on.
    #[must_use]
    pub fn counts(&self, probe: &ProbeKey) -> Option<Counts> {
        self.shared.lock().counts(probe)
    }

    /// Makes an entry of the audit, which is kept when this returns. Takes as long as the disk does.
    ///
    /// # Errors
    /// [`AuditError`]; then nothing was made.
    pub fn enter(&self, draft: &Draft) -> Result<Entry, AuditError> {
        let id = self.shared.lock().enter(self.shared.clock.as_ref(), draft)?;
        self.shared.flush(LAST_COMMIT);
        self.shared.lock().entered(id)
    }

    /// The whole audit, in order.
    #[must_use]
    pub fn audit(&self) -> Vec<Entry> {
        self.shared.lock().audit().to_vec()
    }

    /// Waits until everything that was recorded so far is written, or that has failed, `within` this time.
    pub fn flush(&self, within: Duration) {
        self.shared.flush(within);
    }

    /// Commits what is left and lets go of the directory. Nothing that is recorded later is written.
    pub fn close(&self) {
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        self.shared.flush(LAST_COMMIT);
        self.shared.lock().is_stopping = true;
        self.shared.wake();
        let deadline = std::time::Instant::now() + LAST_COMMIT;
        // A disk that hangs must not keep the process from ending.
        while !writer.is_finished() && std::time::Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        if writer.is_finished() {
            // It ended, if by a panic, which was said already.
            let _ = writer.join();
        }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.close();
    }
}

impl Recorder for Storage {
    fn record(&self, probe: &ProbeKey, outcome: &Outcome, started_unix_ms: i64) {
        let step = self.shared.lock().record(self.shared.clock.as_ref(), probe, outcome, started_unix_ms);
        self.shared.wake();
        writer::say_step(step);
    }
}

impl History for Storage {
    fn slice(&self, key: &SloKey) -> units::Duration {
        let step = self.shared.lock().counted(key).map_or(1, |counted| counted.step);
        units::Duration::from_mins(step.unsigned_abs())
    }

    fn groups<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Groups<'a> {
        let slices = Arc::clone(&self.readers).slices(key.clone(), after, until);
        Box::pin(async { Ok(vec![Group::whole(slices.await?)]) })
    }

    fn causes<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Told<'a, Causes> {
        Box::pin(Arc::clone(&self.readers).causes(key.clone(), after, until))
    }

    fn entries<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Entries<'a> {
        let entries = of_range(self.shared.lock().audit(), key, after, until);
        Box::pin(std::future::ready(Ok(entries)))
    }
}
