//! A clock that a test holds in its hands.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use burndown::history::Clock;

/// Both clocks of a machine, which move together and only when they are told.
#[derive(Debug)]
pub(crate) struct TestClock {
    start_ms: i64,
    unix_ms: AtomicI64,
}

impl TestClock {
    /// A clock that stands at some seconds of Unix time.
    pub(crate) fn at(seconds: i64) -> Self {
        Self { start_ms: seconds * 1_000, unix_ms: AtomicI64::new(seconds * 1_000) }
    }

    /// Moves on to some seconds of Unix time.
    pub(crate) fn move_to(&self, seconds: i64) {
        self.unix_ms.store(seconds * 1_000, Ordering::SeqCst);
    }
}

thread_local! {
    /// What the other clock of the machine showed just now: one that was moved in between would look as if it was set.
    static SHOWN: Cell<Option<i64>> = const { Cell::new(None) };
}

impl Clock for TestClock {
    fn unix_ms(&self) -> i64 {
        SHOWN.take().unwrap_or_else(|| self.unix_ms.load(Ordering::SeqCst))
    }

    fn ticks(&self) -> Duration {
        let unix_ms = self.unix_ms.load(Ordering::SeqCst);
        SHOWN.set(Some(unix_ms));
        Duration::from_millis((unix_ms - self.start_ms).unsigned_abs())
    }
}

#[test]
fn it_moves_when_it_is_told() {
    let clock = TestClock::at(1_000);
    clock.move_to(1_060);
    assert_eq!((clock.unix_ms(), clock.ticks()), (1_060_000, Duration::from_secs(60)));
}
