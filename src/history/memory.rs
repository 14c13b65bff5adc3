//! History in memory: gone with the process, bounded by a number of slices per SLO.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Event, Group, Groups, History, Slice, SloKey};
use crate::probe::outcome::Reason;
use crate::slo::budget;
use crate::units::Duration;

/// Counts of the newest slices of each SLO. Slices follow each other from the first event of the SLO on.
#[derive(Debug)]
pub struct Memory {
    /// The length of a slice in seconds, at least 1.
    step: i64,
    /// How many slices of one SLO are kept.
    most: usize,
    counts: Mutex<BTreeMap<SloKey, BTreeMap<i64, Counts>>>,
}

/// Counts of one slice.
#[derive(Clone, Debug, Default)]
struct Counts {
    good: u64,
    failures: BTreeMap<Reason, u64>,
}

impl Memory {
    /// A history of slices of that length (whole seconds, at least one) that keeps at least `retention` of every SLO.
    #[must_use]
    pub fn new(slice: Duration, retention: Duration) -> Self {
        let second = Duration::from_secs(1);
        let slice = slice.ceil_to(second).max(second);
        let step = i64::try_from(slice.count_of(second)).unwrap_or(i64::MAX);
        // One more: the newest slice is still being filled.
        let most = retention.ceil_to(slice).count_of(slice).saturating_add(1);
        Self { step, most: usize::try_from(most).unwrap_or(usize::MAX), counts: Mutex::default() }
    }

    /// Counts one event at `at`, in seconds of Unix time.
    pub fn record(&self, key: &SloKey, at: i64, event: Event) {
        let mut counts = self.lock();
        let slices = counts.entry(key.clone()).or_default();
        // A slice that the first event fell into the middle of would count as observed before anything was.
        let start = slices.first_key_value().map_or(at, |(end, _)| *end);
        let into = at.saturating_sub(start).rem_euclid(self.step);
        let end = at.saturating_sub(into).saturating_add(self.step);
        let slice = slices.entry(end).or_default();
        match event {
            Event::Good => slice.good += 1,
            Event::Bad(reason) => *slice.failures.entry(reason).or_default() += 1,
        }
        // By number and not by age, so that a clock that jumps ahead and back forgets nothing.
        while slices.len() > self.most {
            slices.pop_first();
        }
    }

    /// The counts, also after a panic in another thread: every change of them is complete in itself.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SloKey, BTreeMap<i64, Counts>>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History for Memory {
    fn slice(&self, _key: &SloKey) -> Duration {
        Duration::from_secs(self.step.unsigned_abs())
    }

    fn groups<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Groups<'a> {
        let counts = self.lock();
        let inside = (after < until)
            .then(|| counts.get(key))
            .flatten()
            .into_iter()
            .flat_map(|slices| slices.range(after.saturating_add(1)..=until));
        let slices = inside.map(|(end, counts)| counts.slice(*end)).collect();
        Box::pin(std::future::ready(Ok(vec![Group::whole(slices)])))
    }
}

impl Counts {
    #[allow(clippy::cast_precision_loss)] // events of one slice, far below 2^53
    fn slice(&self, end: i64) -> Slice {
        let bad: u64 = self.failures.values().sum();
        let events = budget::Slice { end, bad: bad as f64, total: (bad + self.good) as f64 };
        Slice { events, failures: self.failures.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(slo: &str) -> SloKey {
        SloKey { service: "shop".parse().expect("a name"), slo: slo.parse().expect("a name") }
    }

    fn minute(retention: u64) -> Memory {
        Memory::new(Duration::from_mins(1), Duration::from_mins(retention))
    }

    async fn slices(memory: &Memory, slo: &str, after: i64, until: i64) -> Vec<Slice> {
        let mut groups = memory.groups(&key(slo), after, until).await.expect("memory always answers");
        assert_eq!(groups.len(), 1);
        groups.pop().expect("one group").slices
    }

    async fn all(memory: &Memory, slo: &str) -> Vec<(i64, f64, f64)> {
        let slices = slices(memory, slo, i64::MIN, i64::MAX).await;
        slices.into_iter().map(|slice| (slice.events.end, slice.events.bad, slice.events.total)).collect()
    }

    #[tokio::test]
    async fn a_slice_without_runs_is_missing_and_one_without_failures_is_not() {
        let memory = minute(60);
        memory.record(&key("a"), 0, Event::Good);
        memory.record(&key("a"), 59, Event::Bad(Reason::Status));
        memory.record(&key("a"), 120, Event::Good);
        memory.record(&key("b"), 60, Event::Good);
        assert_eq!(all(&memory, "a").await, [(60, 1.0, 2.0), (180, 0.0, 1.0)]);
        assert_eq!(all(&memory, "b").await, [(120, 0.0, 1.0)]);
        assert_eq!(all(&memory, "never").await, []);
    }

    #[tokio::test]
    async fn no_slice_begins_before_the_first_event() {
        for begin in 0..60 {
            let memory = minute(60);
            for second in 0..180 {
                memory.record(&key("a"), begin + second, Event::Good);
            }
            assert_eq!(all(&memory, "a").await, [60, 120, 180].map(|end| (begin + end, 0.0, 60.0)));
        }
    }

    #[tokio::test]
    async fn a_range_is_open_at_its_start_and_closed_at_its_end() {
        let memory = minute(60);
        for minute in 0..4 {
            memory.record(&key("a"), minute * 60, Event::Good);
        }
        let read = async |after, until| slices(&memory, "a", after, until).await.len();
        assert_eq!(read(60, 180).await, 2);
        assert_eq!(read(59, 179).await, 2);
        assert_eq!(read(180, 180).await, 0);
        assert_eq!(read(240, 60).await, 0);
    }

    #[tokio::test]
    async fn failures_keep_their_reasons() {
        let memory = minute(60);
        for reason in [Reason::Timeout, Reason::Status, Reason::Timeout] {
            memory.record(&key("a"), 1, Event::Bad(reason));
        }
        let slices = slices(&memory, "a", 0, 61).await;
        let failures = &slices.first().expect("one slice").failures;
        assert_eq!(failures, &BTreeMap::from([(Reason::Timeout, 2), (Reason::Status, 1)]));
    }

    #[tokio::test]
    async fn memory_is_bounded_and_survives_a_jump_of_the_clock() {
        let memory = minute(10);
        for minute in 0..100 {
            memory.record(&key("a"), minute * 60, Event::Good);
        }
        let kept = all(&memory, "a").await;
        assert_eq!((kept.len(), kept.first().map(|slice| slice.0)), (11, Some(90 * 60)));
        memory.record(&key("a"), 1_000_000, Event::Good);
        memory.record(&key("a"), 99 * 60, Event::Good);
        assert_eq!(all(&memory, "a").await.len(), 11);
    }

    #[test]
    fn slices_have_whole_seconds() {
        let length = |millis| Memory::new(Duration::from_millis(millis), Duration::from_hours(1)).slice(&key("a"));
        assert_eq!(length(0), Duration::from_secs(1));
        assert_eq!(length(1_500), Duration::from_secs(2));
        assert_eq!(length(60_000), Duration::from_mins(1));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_invented(times in prop::collection::vec((-5_000_i64..5_000, any::<bool>()), 0..200)) {
            let memory = Memory::new(Duration::from_secs(7), Duration::from_hours(24));
            for (at, good) in &times {
                memory.record(&key("a"), *at, if *good { Event::Good } else { Event::Bad(Reason::Body) });
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let slices = runtime.block_on(all(&memory, "a"));
            prop_assert_eq!(slices.iter().map(|slice| slice.2).sum::<f64>() as usize, times.len());
            prop_assert_eq!(
                slices.iter().map(|slice| slice.1).sum::<f64>() as usize,
                times.iter().filter(|(_, good)| !good).count()
            );
            let first = times.first().map_or(0, |(at, _)| *at);
            prop_assert!(slices.iter().all(|slice| (slice.0 - first) % 7 == 0));
        }
    }
}
