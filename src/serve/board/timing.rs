//! How long the probe of an SLO took, phase by phase.

use std::time::Duration;

use crate::history::{BUCKETS, Counts};
use crate::probe::outcome::Phase;

/// The timings of a probe.
pub(super) struct Timing {
    /// How runs went so far.
    pub(super) summary: String,
    /// The phases of the last run, or the steps of a journey.
    pub(super) phases: Vec<Part>,
}

/// A part of a run.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) time: String,
    /// In percent of the longest.
    pub(super) share: f64,
}

impl Timing {
    /// What the counts of a probe say; none before its first run.
    pub(super) fn of(counts: &Counts) -> Option<Self> {
        let last = counts.last?;
        let steps = counts.steps.iter().filter_map(|(name, step)| Some((name.to_string(), step.last?)));
        let mut parts: Vec<(String, f64)> = steps.collect();
        if parts.is_empty() {
            parts = Phase::ALL.map(|phase| (phase.as_str().to_owned(), seconds(last.phases.get(phase)))).to_vec();
        }
        let longest = parts.iter().map(|(_, seconds)| *seconds).fold(f64::MIN_POSITIVE, f64::max);
        let part = |(name, seconds): (String, f64)| Part {
            name,
            time: time(seconds),
            share: (seconds / longest * 1_000.0).round() / 10.0,
        };
        Some(Self { summary: summary(counts), phases: parts.into_iter().map(part).collect() })
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn summary(counts: &Counts) -> String {
    let runs = counts.attempts();
    let verdict = if counts.last.is_some_and(|last| last.success) { "succeeded" } else { "failed" };
    let mean = counts.seconds / runs.max(1) as f64;
    let within = |share| within(counts, share).map_or_else(|| "more than 300 s".to_owned(), time);
    format!(
        "The last run {verdict}. Of {runs} runs, half took at most {}, 95 % at most {}; {} on average.",
        within(0.5),
        within(0.95),
        time(mean),
    )
}

/// The lowest bound of the histogram under which that share of all runs lies; none if it is above the last.
fn within(counts: &Counts, share: f64) -> Option<f64> {
    let wanted = counts.buckets.iter().sum::<u64>() as f64 * share;
    let mut seen = 0.0;
    BUCKETS.into_iter().zip(counts.buckets).find_map(|(bound, count)| {
        seen += count as f64;
        (seen >= wanted).then_some(bound)
    })
}

/// Seconds, with as many digits as say something: `0.4 ms`, `45 ms`, `1.3 s`, `25 s`.
fn time(seconds: f64) -> String {
    let (value, unit) = if seconds < 1.0 { (seconds * 1_000.0, "ms") } else { (seconds, "s") };
    let digits = usize::from(value < 10.0 && value.fract() > 0.0);
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_digits_that_say_something() {
        assert_eq!(
            [0.0, 0.0004, 0.045, 1.34, 25.2, 5.0].map(time),
            ["0 ms", "0.4 ms", "45 ms", "1.3 s", "25 s", "5 s"]
        );
    }

    #[test]
    fn shares_are_read_off_the_histogram() {
        let mut counts = Counts::default();
        assert!(Timing::of(&counts).is_none());
        counts.buckets[1] = 96;
        counts.buckets[15] = 4;
        assert_eq!(
            (within(&counts, 0.5), within(&counts, 0.95), within(&counts, 0.99)),
            (Some(0.01), Some(0.01), None)
        );
    }
}
