//! A range of time with a step, cut into what one query may ask for.

/// The most points of one series in one answer: Prometheus refuses 11,000 and more.
pub const MAX_POINTS: i64 = 10_000;

/// Evaluations from `start` to `end`, both included, every `step`: Unix time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first evaluation.
    pub start: i64,
    /// No evaluation is later.
    pub end: i64,
    /// Time between two evaluations, at least 1.
    pub step: i64,
}

impl Range {
    /// How many evaluations it holds.
    #[must_use]
    pub fn count(self) -> i64 {
        if self.end < self.start { 0 } else { (self.end - self.start) / self.step.max(1) + 1 }
    }

    /// The same evaluations in ranges of at most [`MAX_POINTS`], in order.
    pub fn chunks(self) -> impl Iterator<Item = Self> {
        let (count, step) = (self.count(), self.step.max(1));
        (0..count.div_euclid(MAX_POINTS) + i64::from(count % MAX_POINTS > 0)).map(move |chunk| {
            let first = chunk * MAX_POINTS;
            let last = (first + MAX_POINTS).min(count) - 1;
            Self { start: self.start + first * step, end: self.start + last * step, step }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_hold_every_evaluation_once(start in 0..1_000_000i64, length in -10..400_000_000i64, step in 1..60_000i64) {
            let whole = Range { start, end: start + length, step };
            let chunks: Vec<_> = whole.chunks().collect();
            prop_assert_eq!(chunks.iter().map(|chunk| chunk.count()).sum::<i64>(), whole.count());
            prop_assert!(chunks.iter().all(|chunk| (1..=MAX_POINTS).contains(&chunk.count())));
            prop_assert!(chunks.windows(2).all(|pair| pair[0].end + step == pair[1].start));
        }
    }
}
