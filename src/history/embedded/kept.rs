//! The history of another process as slices, for a command that judges by it while that process goes on writing.
//!
//! It never writes and takes no lock; what is not committed yet is not seen.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::file::{self, FileError};
use super::minutes::Minutes;
use super::state::Counted;
use super::{audit, read, slices, tables};
use crate::history::audit::{Entries, Entry, of_range};
use crate::history::{Causes, Group, Groups, History, HistoryError, Slice, SloKey, Told};
use crate::slo::Plan;
use crate::units::Duration;

/// What a service kept of the SLOs of a plan.
pub struct Kept {
    connection: Mutex<Connection>,
    slos: BTreeMap<SloKey, Counted>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("slos", &self.slos.len()).finish_non_exhaustive()
    }
}

impl Kept {
    /// Opens the history in a directory.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn open(directory: &Path, plan: &Plan) -> Result<Self, FileError> {
        let slos = plan.slos().filter_map(|plan| Some((SloKey::of(&plan.slo), Counted::of(&plan.slo)?))).collect();
        Ok(Self { connection: Mutex::new(file::open_to_read(directory)?), slos })
    }

    /// The whole audit, in order.
    ///
    /// # Errors
    /// [`HistoryError::Unavailable`].
    pub fn audit(&self) -> Result<Vec<Entry>, HistoryError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        audit::load(&connection).map_err(|error| HistoryError::Unavailable(error.to_string()))
    }

    fn slices(&self, key: &SloKey, after: i64, until: i64) -> Result<Vec<Slice>, HistoryError> {
        let (counted, minutes) = self.minutes(key, after.saturating_sub(read::LOOK_BACK), until)?;
        Ok(minutes.map_or_else(Vec::new, |minutes| slices::of(&minutes, counted, after, until)))
    }

    fn minutes(&self, key: &SloKey, from: i64, until: i64) -> Result<(&Counted, Option<Minutes>), HistoryError> {
        let counted = self.slos.get(key).ok_or_else(|| HistoryError::NotKept(key.clone()))?;
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let minutes = tables::minutes(&mut connection, &counted.probe, from, until, None);
        Ok((counted, minutes.map_err(|error| HistoryError::Unavailable(error.to_string()))?))
    }
}

impl History for Kept {
    fn slice(&self, key: &SloKey) -> Duration {
        Duration::from_mins(self.slos.get(key).map_or(1, |counted| counted.step).unsigned_abs())
    }

    fn groups<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Groups<'a> {
        // A command has nothing else to do while it reads.
        Box::pin(async move { Ok(vec![Group::whole(self.slices(key, after, until)?)]) })
    }

    fn entries<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Entries<'a> {
        Box::pin(async move { Ok(of_range(&self.audit()?, key, after, until)) })
    }

    fn causes<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Told<'a, Causes> {
        Box::pin(async move {
            let (_, minutes) = self.minutes(key, after, until)?;
            Ok(minutes.map(|minutes| minutes.causes(after, until)).unwrap_or_default())
        })
    }
}
