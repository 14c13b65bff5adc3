//! When runs are due: at fixed times, spread over the interval by the probe's name.
//!
//! It computes times and never waits for them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::ProbeKey;
use crate::units;

/// One moment on both clocks: the one that timers follow and the one that people read.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// The moment on the timers' clock.
    pub instant: Instant,
    /// The same moment in milliseconds of Unix time.
    pub unix_ms: u64,
}

impl Epoch {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self { instant: Instant::now(), unix_ms: u64::try_from(unix_ms()).unwrap_or_default() }
    }
}

/// Milliseconds of Unix time, now, as the machine's clock says.
pub(super) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// When the runs of one probe are due: run k at the first one plus k intervals, however long runs take.
///
/// The times of day depend on the probe's name and interval alone, so a restart keeps the rhythm, and a
/// prober that restarts often still gets to the runs of a long interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When the first run is due, less than an interval after the epoch.
    pub first: Instant,
    /// Time between two runs; never zero.
    pub interval: Duration,
}

impl Schedule {
    /// The schedule of a probe, as seen from `epoch`.
    #[must_use]
    pub fn new(key: &ProbeKey, interval: units::Duration, epoch: Epoch) -> Self {
        let interval_ms = interval.as_millis().max(1);
        let offset = spread(key) % interval_ms;
        let into = epoch.unix_ms % interval_ms;
        let wait = (offset + interval_ms - into) % interval_ms;
        Self { first: epoch.instant + Duration::from_millis(wait), interval: Duration::from_millis(interval_ms) }
    }
}

/// A number for a probe's name that is the same in every version and spreads evenly.
///
/// FNV-1a over `SERVICE/PROBE` (64 bits, <http://www.isthe.com/chongo/tech/comp/fnv/>), then MurmurHash3's
/// finalizer: on its own, FNV leaves names that differ in their last letter close together.
pub(super) fn spread(key: &ProbeKey) -> u64 {
    let text = key.to_string();
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(service: &str, probe: &str) -> ProbeKey {
        ProbeKey { service: service.parse().expect("a name"), probe: probe.parse().expect("a name") }
    }

    #[test]
    fn the_hash_is_the_same_in_every_version() {
        assert_eq!(spread(&key("tracker", "app")), 0x2dec_061a_37fd_600c);
        assert_eq!(spread(&key("tracker", "cf-push")), 0x98cb_9297_0ab8_7e7b);
    }

    #[test]
    fn similar_names_spread_over_the_interval() {
        let mut seconds = [0_u32; 30];
        for number in 0..3_000 {
            let offset = spread(&key("shop", &format!("page-{number}"))) % 30_000;
            seconds[usize::try_from(offset / 1_000).expect("small")] += 1;
        }
        assert!(seconds.iter().all(|count| (60..=140).contains(count)), "{seconds:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_keeps_the_rhythm() {
        let interval = units::Duration::from_secs(30);
        let instant = Instant::now();
        let before = Schedule::new(&key("a", "b"), interval, Epoch { instant, unix_ms: 1_700_000_000_123 });
        let later = Duration::from_millis(70_777);
        let restarted = Epoch { instant: instant + later, unix_ms: 1_700_000_070_900 };
        let after = Schedule::new(&key("a", "b"), interval, restarted);

        assert!(before.first - instant < interval.to_std());
        assert!(after.first - restarted.instant < interval.to_std());
        assert_eq!((after.first - before.first).as_millis() % 30_000, 0);
    }
}
