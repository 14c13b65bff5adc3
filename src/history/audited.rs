//! A history whose slices are in one place and whose audit is in another: a Prometheus counts, and this service keeps
//! what people decide.

use std::sync::Arc;

use super::audit::Entries;
use super::{Groups, History, SloKey, Storage};
use crate::units::Duration;

/// Slices of one history with the audit of another.
#[derive(Clone)]
pub struct Audited {
    slices: Arc<dyn History>,
    audit: Arc<Storage>,
}

impl std::fmt::Debug for Audited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audited").field("audit", &self.audit).finish_non_exhaustive()
    }
}

impl Audited {
    /// Slices with the audit of `audit`.
    #[must_use]
    pub const fn new(slices: Arc<dyn History>, audit: Arc<Storage>) -> Self {
        Self { slices, audit }
    }
}

impl History for Audited {
    fn slice(&self, key: &SloKey) -> Duration {
        self.slices.slice(key)
    }

    fn groups<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Groups<'a> {
        Box::pin(async move {
            let mut groups = self.slices.groups(key, after, until).await?;
            for group in &mut groups {
                // What was recorded of the audit is what it said a moment ago.
                group.corrected = None;
            }
            Ok(groups)
        })
    }

    fn entries<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Entries<'a> {
        self.audit.entries(key, after, until)
    }
}
