//! The minutes of one probe and day as one text: runs of minutes that are alike.
//!
//! The text is JSON, so that people can read it with their own tools: `[[0,17,2],[17,1,1,{"timeout":1}]]` says that
//! each of the 17 minutes from the first on had two good runs, and the one after it one good and one that failed.
//! Of a journey, the steps that failed stand behind the reasons.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::probe::outcome::Reason;

/// Minutes of a day.
pub(super) const MINUTES: i64 = 1_440;

/// Bad events by the name of their reason: a history may have been written by a version that knows more of them.
pub(super) type Failures = BTreeMap<Cow<'static, str>, u64>;

/// Failures by the step of a journey that failed.
pub(super) type Steps = BTreeMap<String, u64>;

/// What one minute of a probe holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// Runs that met every expectation.
    pub(super) good: u64,
    /// Runs that did not.
    pub(super) failures: Failures,
    /// Of a journey: which step failed, how often.
    pub(super) steps: Steps,
}

impl Cell {
    /// Adds what another cell holds.
    pub(super) fn add(&mut self, other: &Self) {
        self.good += other.good;
        for (reason, count) in &other.failures {
            *self.failures.entry(reason.clone()).or_default() += count;
        }
        for (step, count) in &other.steps {
            *self.steps.entry(step.clone()).or_default() += count;
        }
    }

    /// Counts one event.
    pub(super) fn count(&mut self, event: super::super::Event) {
        match event {
            super::super::Event::Good => self.good += 1,
            super::super::Event::Bad(reason) => {
                *self.failures.entry(Cow::Borrowed(reason.as_str())).or_default() += 1;
            }
        }
    }

    /// Bad events.
    pub(super) fn bad(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// The reason of a name, if this version knows it.
pub(super) fn reason(name: &str) -> Option<Reason> {
    Reason::ALL.into_iter().find(|reason| reason.as_str() == name)
}

/// Minutes that are alike: the first, how many, good events of each, bad events of each, and the steps that failed; where
/// a step did, an event is bad.
#[derive(Debug, Deserialize, Serialize)]
struct Alike(
    i64,
    i64,
    u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")] Failures,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")] Steps,
);

/// The text of a day's minutes, which are numbered from 0.
///
/// # Errors
/// Never, but for a failing allocator: every key is a text.
pub(super) fn encode(minutes: &BTreeMap<i64, Cell>) -> serde_json::Result<String> {
    let mut runs: Vec<Alike> = Vec::new();
    for (minute, cell) in minutes {
        match runs.last_mut() {
            Some(Alike(first, length, good, failures, steps))
                if *first + *length == *minute
                    && *good == cell.good
                    && *failures == cell.failures
                    && *steps == cell.steps =>
            {
                *length += 1;
            }
            _ => runs.push(Alike(*minute, 1, cell.good, cell.failures.clone(), cell.steps.clone())),
        }
    }
    serde_json::to_string(&runs)
}

/// The minutes that a text holds, in order: those that are alike, and what each of them holds.
///
/// # Errors
/// When it is not such a text.
pub(super) fn decode(text: &str) -> serde_json::Result<Vec<(Range<i64>, Cell)>> {
    let runs: Vec<Alike> = serde_json::from_str(text)?;
    let mut free = 0;
    let of_day = |Alike(first, length, good, failures, steps)| {
        let alike = first..first.saturating_add(length);
        // What overlaps or leaves the day can only come from damage, and would count twice or fill the memory.
        if alike.start < free || alike.is_empty() || alike.end > MINUTES {
            return Err(serde_json::Error::custom(format!("minutes {alike:?} of a day are out of place")));
        }
        free = alike.end;
        Ok((alike, Cell { good, failures, steps }))
    };
    runs.into_iter().map(of_day).collect()
}

/// Every minute that a text holds by itself.
///
/// # Errors
/// As [`decode`].
pub(super) fn decode_each(text: &str) -> serde_json::Result<BTreeMap<i64, Cell>> {
    let each = |(alike, cell): (Range<i64>, Cell)| alike.map(move |minute| (minute, cell.clone()));
    Ok(decode(text)?.into_iter().flat_map(each).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cell(good: u64, failures: &[(&'static str, u64)]) -> Cell {
        let failures = failures.iter().map(|(reason, count)| (Cow::Borrowed(*reason), *count)).collect();
        Cell { good, failures, ..Cell::default() }
    }

    #[test]
    fn steps_that_failed_stand_behind_the_reasons() {
        let mut failed = cell(0, &[("exit_code", 2)]);
        failed.steps.insert("push".to_owned(), 2);
        let day: BTreeMap<i64, Cell> = [(3, failed.clone()), (4, failed), (5, cell(0, &[("exit_code", 2)]))].into();
        let text = encode(&day).expect("a text");
        assert_eq!(text, r#"[[3,2,0,{"exit_code":2},{"push":2}],[5,1,0,{"exit_code":2}]]"#);
        assert_eq!(decode_each(&text).expect("minutes"), day);
    }

    #[test]
    fn a_steady_day_is_a_few_bytes() {
        let day: BTreeMap<i64, Cell> = (0..MINUTES).map(|minute| (minute, cell(2, &[]))).collect();
        assert_eq!(encode(&day).expect("a text"), "[[0,1440,2]]");
        let mut day = day;
        day.insert(17, cell(1, &[("timeout", 1)]));
        day.remove(&20);
        let text = encode(&day).expect("a text");
        assert_eq!(text, r#"[[0,17,2],[17,1,1,{"timeout":1}],[18,2,2],[21,1419,2]]"#);
        assert_eq!(decode(&text).expect("minutes").len(), 4);
        assert_eq!(decode_each(&text).expect("minutes"), day);
    }

    #[test]
    fn a_reason_of_a_later_version_stays() {
        let text = r#"[[3,1,0,{"eclipse":2}]]"#;
        let day = decode_each(text).expect("minutes");
        assert_eq!((day[&3].bad(), reason("eclipse"), reason("timeout")), (2, None, Some(Reason::Timeout)));
        assert_eq!(encode(&day).expect("a text"), text);
    }

    #[test]
    fn damage_is_told_and_fills_no_memory() {
        let damaged =
            ["", "[[3,1]]", "[[0,9000000000,1]]", "[[-1,2,1]]", "[[3,0,1]]", "[[3,2,1],[4,1,1]]", "[[1440,1,1]]"];
        for text in damaged {
            assert!(decode(text).is_err() && decode_each(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_day_comes_back(minutes in prop::collection::btree_map(0i64..MINUTES, (0u64..3, 0u64..3), 0..200)) {
            let day: BTreeMap<i64, Cell> = minutes
                .into_iter()
                .map(|(minute, (good, bad))| (minute, cell(good, if bad > 0 { &[("status", 1)] } else { &[] })))
                .collect();
            prop_assert_eq!(decode_each(&encode(&day).expect("a text")).expect("minutes"), day);
        }
    }
}
