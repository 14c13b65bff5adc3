//! How many events happened since the last evaluation, from counters: whole counts, no extrapolation.
//!
//! Why each branch is there is said where it is built; a simpler form loses events.

use rust_decimal::Decimal;

use crate::names::label;
use crate::promql::Selector;
use crate::promql::build::{Expr, Operator, Series, call, last_over};
use crate::spec::model::{FirstSample, RuleTiming};
use crate::units::Duration;

/// How far back a series that is seen again may have been seen before: one that vanished for longer is new.
const REMEMBERED: Duration = Duration::from_mins(30);

/// Steps of that look back.
const REMEMBERED_STEP: Duration = Duration::from_mins(5);

/// A counter, looked at as it was D ago and one evaluation before that.
pub(super) struct Counter<'a> {
    /// The counter's series.
    pub series: &'a Selector,
    /// Series that show whether a target was there one evaluation earlier: a series born on a known target counts
    /// from zero, while a target that is seen for the first time does not add its whole past.
    pub known: &'a Selector,
    /// Whether a series born on a known target counts at all.
    pub first_sample: FirstSample,
    /// I, D and R.
    pub timing: &'a RuleTiming,
}

impl Counter<'_> {
    /// The increment of every series of a plain counter.
    pub(super) fn increments(&self) -> Expr {
        // A plain `x - x offset I` would lose the events around every failed scrape, which leaves a staleness marker.
        let grown = self.now().join(Operator::Subtract, self.before(self.series));
        let grown = grown.join(Operator::GreaterOrEqual, Expr::from(Decimal::ZERO));
        // A counter that fell was reset and counts from zero, after what scrapes saw of it before it fell.
        let seen = self.highest().join(Operator::Subtract, self.before(self.series));
        let reset = self.now().join(Operator::Add, call("clamp_min", [seen, Expr::from(Decimal::ZERO)]));
        // So was one that is lower than before a gap that was longer than the look-back.
        let back = self.now().join(Operator::Less, self.remembered());
        self.with_births(grown.join(Operator::Or, reset).join(Operator::Or, back))
    }

    /// The increment of every native histogram, as a histogram. Resets are seen on its count.
    pub(super) fn histogram_increments(&self) -> Expr {
        let count = |histogram| call("histogram_count", [histogram]);
        let grown = count(self.now()).join(Operator::GreaterOrEqual, count(self.before(self.series)));
        let difference = self.now().join(Operator::Subtract, self.before(self.series));
        let difference = difference.join(Operator::And, grown);
        let reset = self.now().join(Operator::And, self.before(self.series));
        self.with_births(difference.join(Operator::Or, reset))
    }

    /// A `code="500"` child is born at its first failure; it counts from zero if its target was known.
    fn with_births(&self, increments: Expr) -> Expr {
        let target = [label::JOB.to_owned(), label::INSTANCE.to_owned()];
        let born = self.now().join(Operator::Unless, self.remembered());
        match self.first_sample {
            FirstSample::Ignore => increments,
            FirstSample::Count => {
                increments.join(Operator::Or, born.join_on(Operator::And, &target, self.before(self.known)))
            }
        }
    }

    /// D ago: a sample that is being scraped while the rule runs is invisible now and would be past one
    /// evaluation later.
    fn now(&self) -> Expr {
        last_over(Series::new(self.series.to_string()).ago(self.timing.delay), self.timing.lookback)
    }

    /// One evaluation before that.
    fn before(&self, selector: &Selector) -> Expr {
        last_over(Series::new(selector.to_string()).ago(self.earlier()), self.timing.lookback)
    }

    /// The highest value between the two.
    fn highest(&self) -> Expr {
        let series = Series::new(self.series.to_string()).ago(self.timing.delay);
        call("max_over_time", [series.window(self.timing.interval).into()])
    }

    /// Some time within the half hour before that.
    fn remembered(&self) -> Expr {
        let inner = Box::new(Series::new(self.series.to_string()).into());
        let offset = self.earlier();
        call("last_over_time", [Expr::Subquery { inner, range: REMEMBERED, step: REMEMBERED_STEP, offset }])
    }

    fn earlier(&self) -> Duration {
        self.timing.delay.plus(self.timing.interval)
    }
}
