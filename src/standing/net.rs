//! What does not count against the budget of a group: as people said it, or as a Prometheus recorded it.

use std::borrow::Cow;

use crate::history::Group;
use crate::history::audit::{Entry, EntryKind};
use crate::slo::SloPlan;
use crate::slo::budget::{self, Slice, Tally};
use crate::slo::correction::{self, Correction};
use crate::units::Duration;

/// What does not count.
pub(super) enum Net<'a> {
    /// The bad events of these times.
    Said(Vec<Correction>),
    /// These seconds at these moments, from a Prometheus that scrapes whoever knows the times.
    Recorded(&'a [(i64, f64)]),
}

impl<'a> Net<'a> {
    /// Everything counts.
    pub(super) const fn nothing() -> Self {
        Self::Said(Vec::new())
    }

    /// What does not count of a group of an SLO that has these entries, and the maintenance of its file up to `now`.
    pub(super) fn of(group: &'a Group, entries: &[Entry], plan: &SloPlan, now: i64) -> Self {
        match &group.corrected {
            Some(recorded) => Self::Recorded(recorded),
            None => Self::Said(corrections(entries).chain(maintenance(plan, now)).collect()),
        }
    }

    /// What was spent in a window that ends at `at` but does not count, in seconds, as far as is known at `now`.
    pub(super) fn corrected(
        &self,
        events: &[Slice],
        step: Duration,
        window: Duration,
        tally: &Tally,
        (at, now): (i64, i64),
    ) -> f64 {
        match self {
            Self::Said(corrections) if corrections.is_empty() => 0.0,
            Self::Said(corrections) => {
                let excused = correction::in_window(events, step, window, corrections, (at, now));
                budget::spike_seconds(excused, tally)
            }
            Self::Recorded(points) => recorded(points, step, at),
        }
    }

    /// The same of the windows that end where the slices end; `tallies` are those of the slices up to now.
    pub(super) fn corrected_at_each_end(
        &self,
        events: &[Slice],
        step: Duration,
        window: Duration,
        tallies: &[(i64, Tally)],
        now: i64,
    ) -> Vec<f64> {
        match self {
            Self::Said(corrections) if corrections.is_empty() => vec![0.0; tallies.len()],
            Self::Said(corrections) => {
                let excused = correction::at_each_end(events, step, window, corrections, now);
                tallies.iter().zip(excused).map(|((_, tally), bad)| budget::spike_seconds(bad, tally)).collect()
            }
            Self::Recorded(points) => tallies.iter().map(|(end, _)| recorded(points, step, *end)).collect(),
        }
    }

    /// Whether it is known of which times all that is that does not count.
    pub(super) fn is_of_times(&self, events: &[Slice], step: Duration) -> bool {
        match self {
            Self::Said(_) => true,
            Self::Recorded(points) => events.last().is_none_or(|newest| recorded(points, step, newest.end) <= 0.0),
        }
    }

    /// The slices without what does not count, as far as is known when that was, for a look ahead.
    pub(super) fn events<'e>(&self, events: &'e [Slice], step: Duration, now: i64) -> Cow<'e, [Slice]> {
        match self {
            Self::Said(corrections) if !corrections.is_empty() => {
                Cow::Owned(correction::net(events, step, corrections, now))
            }
            Self::Said(_) | Self::Recorded(_) => Cow::Borrowed(events),
        }
    }
}

/// What was recorded in the slice that ends at `at`.
fn recorded(points: &[(i64, f64)], step: Duration, at: i64) -> f64 {
    let until = points.partition_point(|(end, _)| *end <= at);
    let last = points.get(..until).and_then(<[_]>::last);
    last.filter(|(end, _)| *end > at.saturating_sub(super::seconds(step))).map_or(0.0, |(_, seconds)| *seconds)
}

/// The corrections among entries of one SLO, with those that were withdrawn.
fn corrections(entries: &[Entry]) -> impl Iterator<Item = Correction> {
    let is_one = |entry: &&Entry| matches!(entry.kind, EntryKind::Correction | EntryKind::Maintenance);
    let correction = |entry: &Entry| Correction {
        from: entry.from,
        until: entry.until,
        said: entry.at,
        withdrawn: entry.withdrawn_at(entries),
    };
    entries.iter().filter(is_one).map(correction)
}

/// What comes back every week was always said.
fn maintenance(plan: &SloPlan, now: i64) -> impl Iterator<Item = Correction> {
    let after = now.saturating_sub(super::seconds(super::state::needed(plan)));
    let spans = plan.slo.maintenance.iter().flat_map(move |every_week| every_week.hours.spans(after, now));
    spans.map(|(from, until)| Correction { from, until, said: i64::MIN, withdrawn: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_mins(5);

    #[test]
    fn what_was_recorded_counts_in_its_own_slice() {
        let points = [(300, 10.0), (600, 20.0)];
        let at = |at| recorded(&points, STEP, at);
        assert_eq!([299, 300, 599, 600, 899, 900].map(at), [0.0, 10.0, 10.0, 20.0, 20.0, 0.0]);
    }

    #[test]
    fn seconds_without_their_times_cannot_be_seen_to_leave_the_window() {
        let slice = |end| Slice { end, bad: 1.0, total: 1.0 };
        let is_of_times = |points: &[(i64, f64)]| Net::Recorded(points).is_of_times(&[slice(300), slice(600)], STEP);
        assert!(Net::nothing().is_of_times(&[slice(300)], STEP));
        assert!(is_of_times(&[]) && is_of_times(&[(300, 10.0)]) && is_of_times(&[(600, 0.0)]));
        assert!(!is_of_times(&[(600, 10.0)]));
    }
}
