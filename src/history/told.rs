//! What a history can tell of a stretch of time besides how many events were bad: why they were, and which alerts fired.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use super::HistoryError;

/// Something that a history is asked for, or why it cannot tell.
pub type Told<'a, T> = Pin<Box<dyn Future<Output = Result<T, HistoryError>> + Send + 'a>>;

/// Why events were bad, as far as a history knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// Runs that failed, by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Of a journey: runs that failed, by the step that did.
    pub steps: BTreeMap<String, u64>,
}

/// A stretch of time in which an alert fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// The labels of the alert, with its name among them.
    pub labels: BTreeMap<String, String>,
    /// When it was first seen firing, in seconds of Unix time.
    pub from: i64,
    /// When it was last seen firing.
    pub until: i64,
}

/// The alerts that a history keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FiredAlerts {
    /// When each fired, in order of time.
    pub fired: Vec<Fired>,
    /// How exact these times are, in seconds.
    pub step: i64,
}
