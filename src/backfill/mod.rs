//! The past of an SLO: what its recording rules would have recorded, from the raw history that a Prometheus holds.
//!
//! `promtool tsdb create-blocks-from rules` never sees its own output, and so needs a pass for every level of
//! dependency with the blocks loaded in between, and cannot fill the latch, which reads its own past. Here Prometheus
//! evaluates only what reads raw series, over its HTTP API, and the rest follows in one pass.

mod evaluate;
mod live;
mod program;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::prometheus::{self, Client, Labels, Range};
use crate::slo::SloPlan;
use evaluate::{Answers, State};
use program::{Program, TierProgram};
use write::Files;
pub use write::{BLOCK, ENDING};

/// Why the past cannot be filled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Prometheus does not answer.
    #[error(transparent)]
    Prometheus(#[from] prometheus::Error),
    /// A rule that only Prometheus can evaluate; no generated rule is one.
    #[error("this rule cannot be evaluated here: {0}")]
    Unsupported(String),
    /// A file cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The directory holds files of another backfill.
    #[error("{} is there already: give an empty directory", .0.display())]
    Occupied(PathBuf),
}

/// What is to be filled, in Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// From when on; without it, as far back as the window of each SLO reaches.
    pub from: Option<i64>,
    /// Until when, at most now.
    pub to: i64,
}

/// What there is to say while it runs.
#[derive(Clone, Debug)]
pub enum Progress<'a> {
    /// The SLO is recorded since then, in Unix milliseconds, and filled up to there.
    RecordedSince(&'a SloPlan, i64),
    /// The SLO is recorded since the beginning, so that nothing is filled.
    NothingToFill(&'a SloPlan),
    /// So many of so many stretches of the SLO's time are filled.
    Filled(&'a SloPlan, usize, usize),
}

/// What a backfill wrote.
#[derive(Clone, Debug)]
pub struct Written {
    /// The files in order of time.
    pub files: Vec<PathBuf>,
    /// How many samples they hold.
    pub samples: u64,
}

/// Fills the past of SLOs with files below `directory`, SLO by SLO and stretch by stretch.
///
/// # Errors
/// [`Error`]; nothing that looks complete is left behind then.
pub async fn fill(
    client: &Client,
    plans: &[&SloPlan],
    span: Span,
    directory: &Path,
    progress: &mut impl FnMut(Progress<'_>),
) -> Result<Written, Error> {
    let mut files = Files::begin(directory)?;
    for plan in plans {
        let program = Program::of(plan)?;
        let from = span.from.unwrap_or(span.to - program::millis(plan.slo.window));
        let mut ranges = Vec::new();
        let mut since: Option<i64> = None;
        for tier in &program.tiers {
            let live = live::first_sample(client, plan, &program, tier, from, span.to).await?;
            since = since.into_iter().chain(live).min();
            ranges.push(range(tier.interval, from, span.to, live));
        }
        if ranges.iter().all(|range| range.count() == 0) {
            progress(Progress::NothingToFill(plan));
            continue;
        }
        if let Some(since) = since {
            progress(Progress::RecordedSince(plan, since));
        }
        fill_one(client, plan, &program, &ranges, &mut files, progress).await?;
    }
    let (files, samples) = files.complete()?;
    Ok(Written { files, samples })
}

/// The evaluations of a tier: on the grid of the rules that run already and before their first sample, so that windows
/// over both hold every event once.
fn range(interval: i64, from: i64, to: i64, live: Option<i64>) -> Range {
    let phase = live.map_or(0, |live| live.rem_euclid(interval));
    let end = live.map_or(to, |live| to.min(live - interval));
    let start = from + (phase - from).rem_euclid(interval);
    Range { start, end: end - (end - phase).rem_euclid(interval), step: interval }
}

/// Fills one SLO: every stretch of time tier by tier, since the slow tier reads the fast one.
async fn fill_one(
    client: &Client,
    plan: &SloPlan,
    program: &Program,
    ranges: &[Range],
    files: &mut Files,
    progress: &mut impl FnMut(Progress<'_>),
) -> Result<(), Error> {
    let mut state = State::new(program);
    let first = ranges.iter().filter(|range| range.count() > 0).map(|range| range.start.div_euclid(BLOCK)).min();
    let last = ranges.iter().filter(|range| range.count() > 0).map(|range| range.end.div_euclid(BLOCK)).max();
    let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
    let count = usize::try_from(last - first + 1).unwrap_or_default();
    for (done, block) in (first..=last).enumerate() {
        let (start, end) = (block * BLOCK, (block + 1) * BLOCK - 1);
        let mut recorded = Recorded::new();
        for (tier, range) in program.tiers.iter().zip(ranges) {
            let inside = within(*range, start, end);
            let leaves = ask(client, tier, inside).await?;
            evaluate_all(&mut state, tier, &leaves, inside, &mut recorded);
        }
        let series = recorded.iter().filter_map(|((record, labels), points)| {
            Some((program.records.get(*record)?.name.as_str(), labels, points.as_slice()))
        });
        files.add(start, series)?;
        state.forget(program, end);
        progress(Progress::Filled(plan, done + 1, count));
    }
    Ok(())
}

/// The evaluations of a range from `start` to `end`.
fn within(range: Range, start: i64, end: i64) -> Range {
    let step = range.step;
    let first = start.max(range.start);
    Range { start: first + (range.start - first).rem_euclid(step), end: end.min(range.end), step }
}

/// What was recorded in one stretch of time, by record and labels.
type Recorded = BTreeMap<(usize, Arc<Labels>), Vec<(i64, f64)>>;

async fn ask(client: &Client, tier: &TierProgram, range: Range) -> Result<Vec<Answers>, Error> {
    let mut leaves = Vec::new();
    for leaf in &tier.leaves {
        leaves.push(Answers::of(client.query_range(leaf, range).await?));
    }
    Ok(leaves)
}

fn evaluate_all(state: &mut State, tier: &TierProgram, leaves: &[Answers], range: Range, recorded: &mut Recorded) {
    for evaluation in 0..range.count() {
        let time = range.start + evaluation * range.step;
        for rule in &tier.rules {
            state.step(rule, leaves, time, &mut |labels, value| {
                recorded.entry((rule.record, Arc::clone(labels))).or_default().push((time, value));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_that_of_the_rules_that_run() {
        let range = |live| super::range(30_000, 100_000, 1_000_000, live);
        assert_eq!(range(None), Range { start: 120_000, end: 990_000, step: 30_000 });
        assert_eq!(range(Some(507_123)), Range { start: 117_123, end: 477_123, step: 30_000 });
        assert_eq!(range(Some(107_123)).count(), 0);
    }

    #[test]
    fn stretches_hold_every_evaluation_once() {
        let whole = Range { start: 117_123, end: 477_123, step: 30_000 };
        let parts = [(0, 199_999), (200_000, 399_999), (400_000, 599_999)];
        let count: i64 = parts.iter().map(|(start, end)| within(whole, *start, *end).count()).sum();
        assert_eq!(count, whole.count());
    }
}
