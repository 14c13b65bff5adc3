//! A clock that a test holds in its hands.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::clock::{Clock, millis};

/// Both clocks of a machine, which stand still unless they are moved.
#[derive(Debug)]
pub(super) struct ManualClock {
    unix_ms: AtomicI64,
    ticks_ms: AtomicU64,
}

impl ManualClock {
    /// Clocks that stand in the middle of a second of Unix time.
    pub(super) fn at(seconds: i64) -> Self {
        Self { unix_ms: AtomicI64::new(seconds * 1_000 + 500), ticks_ms: AtomicU64::new(0) }
    }

    /// Time passes on both.
    pub(super) fn pass(&self, time: Duration) {
        self.unix_ms.fetch_add(millis(time), Ordering::SeqCst);
        self.ticks_ms.fetch_add(millis(time).unsigned_abs(), Ordering::SeqCst);
    }

    /// Sets the one that can be set, forward or back.
    pub(super) fn set(&self, seconds: i64) {
        self.unix_ms.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn unix_ms(&self) -> i64 {
        self.unix_ms.load(Ordering::SeqCst)
    }

    fn ticks(&self) -> Duration {
        Duration::from_millis(self.ticks_ms.load(Ordering::SeqCst))
    }
}
