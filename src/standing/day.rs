//! The SLI of a group day by day, in UTC.

use std::collections::BTreeMap;

use super::model::Day;
use super::sums::Sums;
use super::{rounded, seconds, words};
use crate::history::Slice;

/// A day in seconds.
const SECONDS: i64 = 86_400;

/// At least this many days are shown, where they were counted.
pub(super) const LEAST: i64 = 30;

/// Counts of one day.
#[derive(Clone, Copy, Default)]
struct Counts {
    bad: f64,
    total: f64,
    slices: u32,
}

/// The number of the day, since 1970, that holds the last moment of a slice that ends at `end`.
const fn of_slice(end: i64) -> i64 {
    end.saturating_sub(1).div_euclid(SECONDS)
}

/// The days up to that of the newest slice, oldest first: those of the window, and at least [`LEAST`].
pub(super) fn of(sums: &Sums<'_>, slices: &[Slice], group: &BTreeMap<String, String>) -> Vec<Day> {
    let last = of_slice(sums.at);
    let count = seconds(sums.plan.slo.window).div_euclid(SECONDS).max(LEAST);
    let first = last.saturating_sub(count - 1);
    let mut counts: BTreeMap<i64, Counts> = (first..=last).map(|day| (day, Counts::default())).collect();
    for slice in slices.iter().filter(|slice| slice.events.end <= sums.at) {
        if let Some(day) = counts.get_mut(&of_slice(slice.events.end)) {
            day.bad += slice.events.bad;
            day.total += slice.events.total;
            day.slices += 1;
        }
    }
    counts.into_iter().map(|(day, counts)| counts.day(day, sums, group)).collect()
}

impl Counts {
    fn day(self, day: i64, sums: &Sums<'_>, group: &BTreeMap<String, String>) -> Day {
        let ratio = (self.total > 0.0).then(|| self.bad / self.total);
        let observed = f64::from(self.slices) * sums.step.as_secs_f64();
        let moment = words::moment(day.saturating_mul(SECONDS));
        Day {
            date: moment.split('T').next().unwrap_or_default().to_owned(),
            sli: ratio.map(|ratio| rounded((1.0 - ratio) * 100.0, 6)),
            bad: rounded(self.bad, 6),
            total: rounded(self.total, 6),
            down_seconds: rounded(ratio.unwrap_or_default() * observed, 3),
            observed_seconds: rounded(observed, 3),
            group: group.clone(),
        }
    }
}

/// Of each day the group that did worst: the lowest SLI, and one that was seen before one that was not.
pub(super) fn worst(groups: Vec<Vec<Day>>) -> Vec<Day> {
    let mut groups = groups.into_iter();
    let mut worst = groups.next().unwrap_or_default();
    for days in groups {
        for day in days {
            let sli = |day: &Day| day.sli.unwrap_or(f64::INFINITY);
            if let Some(known) = worst.iter_mut().find(|known| known.date == day.date && sli(known) > sli(&day)) {
                *known = day;
            }
        }
    }
    worst
}
