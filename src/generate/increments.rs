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
        let reset = self.fresh().join(Operator::Add, call("clamp_min", [seen, Expr::from(Decimal::ZERO)]));
        // So was one that is lower than before a gap that was longer than the look-back.
        let back = self.fresh().join(Operator::Less, self.remembered());
        self.with_births(grown.join(Operator::Or, reset).join(Operator::Or, back))
    }

    /// A `code="500"` child is born at its first failure; it counts from zero if its target was known.
    fn with_births(&self, increments: Expr) -> Expr {
        let target = [label::JOB.to_owned(), label::INSTANCE.to_owned()];
        let born = self.fresh().join(Operator::Unless, self.remembered());
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

    /// The same, if it was scraped since one evaluation before that: a counter cannot have fallen, come back or been
    /// born without a new sample, and looking at the new ones alone costs a fraction of the look-back.
    fn fresh(&self) -> Expr {
        self.lately("last_over_time")
    }

    /// One evaluation before that.
    fn before(&self, selector: &Selector) -> Expr {
        last_over(Series::new(selector.to_string()).ago(self.earlier()), self.timing.lookback)
    }

    /// The highest value between the two.
    fn highest(&self) -> Expr {
        self.lately("max_over_time")
    }

    /// What a function makes of the samples since one evaluation earlier.
    fn lately(&self, function: &'static str) -> Expr {
        let series = Series::new(self.series.to_string()).ago(self.timing.delay);
        call(function, [series.window(self.timing.interval).into()])
    }

    /// Some time within the half hour before that.
    fn remembered(&self) -> Expr {
        let series = Series::new(self.series.to_string());
        last_of(series.into(), REMEMBERED, REMEMBERED_STEP, self.earlier())
    }

    fn earlier(&self) -> Duration {
        self.timing.delay.plus(self.timing.interval)
    }
}

/// A native histogram as two counters, all events and those up to a threshold, looked at as [`Counter`] does.
///
/// Both are read through a subquery: over native histograms themselves, `last_over_time` of Prometheus 2.42 gives 0.
pub(super) struct NativeCounter<'a> {
    /// The histogram's series.
    pub histogram: &'a Selector,
    /// The upper bound of a good event.
    pub threshold: Decimal,
    /// I, D and R.
    pub timing: &'a RuleTiming,
}

impl NativeCounter<'_> {
    /// The increment of all events of every series.
    pub(super) fn total(&self) -> Expr {
        let grown = self.now(self.count()).join(Operator::Subtract, self.before(self.count()));
        let grown = grown.join(Operator::GreaterOrEqual, Expr::from(Decimal::ZERO));
        self.or_anew(grown, &self.count())
    }

    /// The increment of the good events of every series, interpolated within the bucket of the threshold.
    pub(super) fn good(&self) -> Expr {
        // What is interpolated may be off by a rounding error, so that resets are seen on the count.
        let grown = self.now(self.count()).join(Operator::GreaterOrEqual, self.before(self.count()));
        let difference = self.now(self.below()).join(Operator::Subtract, self.before(self.below()));
        let difference = call("clamp_min", [difference, Expr::from(Decimal::ZERO)]);
        self.or_anew(difference.join(Operator::And, grown), &self.below())
    }

    /// A histogram that was reset counts from zero, after what scrapes saw of it before; so does one that is born on a
    /// known target.
    fn or_anew(&self, grown: Expr, counted: &Expr) -> Expr {
        let now = || self.now(counted.clone());
        let target = [label::JOB.to_owned(), label::INSTANCE.to_owned()];
        let seen = self.highest(counted.clone()).join(Operator::Subtract, self.before(counted.clone()));
        let reset = now().join(Operator::Add, call("clamp_min", [seen, Expr::from(Decimal::ZERO)]));
        let remembered = last_of(self.count(), REMEMBERED, REMEMBERED_STEP, self.earlier());
        let born = now().join(Operator::Unless, remembered).join_on(Operator::And, &target, self.before(self.count()));
        grown.join(Operator::Or, reset).join(Operator::Or, born)
    }

    fn histogram(&self) -> Expr {
        Series::new(self.histogram.to_string()).into()
    }

    /// Everything that the histogram ever counted.
    fn count(&self) -> Expr {
        call("histogram_count", [self.histogram()])
    }

    /// How much of that is good; an empty histogram has no fraction but NaN, which the comparison drops.
    fn below(&self) -> Expr {
        let fraction = [Expr::from(Decimal::ZERO), Expr::from(self.threshold), self.histogram()];
        let good = call("histogram_fraction", fraction).join(Operator::Multiply, self.count());
        let good = good.join(Operator::GreaterOrEqual, Expr::from(Decimal::ZERO));
        good.join(Operator::Or, Expr::from(Decimal::ZERO).join(Operator::Multiply, self.count()))
    }

    fn now(&self, counted: Expr) -> Expr {
        self.lately(counted, self.timing.delay)
    }

    fn before(&self, counted: Expr) -> Expr {
        self.lately(counted, self.earlier())
    }

    /// Steps of one evaluation, so that the next evaluation goes on at the very step where this one stops.
    fn lately(&self, counted: Expr, offset: Duration) -> Expr {
        let step = self.timing.interval;
        last_of(counted, self.timing.lookback.max(step), step, offset)
    }

    /// The highest value between the two, as far as steps of a quarter of an evaluation see it.
    fn highest(&self, counted: Expr) -> Expr {
        let range = self.timing.interval;
        let step = Duration::from_millis(range.as_millis().div_ceil(4));
        let highest =
            call("max_over_time", [Expr::Subquery { inner: Box::new(counted), range, step, offset: Duration::ZERO }]);
        last_of(highest, range, range, self.timing.delay)
    }

    fn earlier(&self) -> Duration {
        self.timing.delay.plus(self.timing.interval)
    }
}

/// The newest value of an expression over a range.
fn last_of(inner: Expr, range: Duration, step: Duration, offset: Duration) -> Expr {
    call("last_over_time", [Expr::Subquery { inner: Box::new(inner), range, step, offset }])
}
