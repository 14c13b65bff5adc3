//! How many events happened since the last evaluation, from counters: whole counts, no extrapolation.
//!
//! Why each branch is there is said where it is built; a simpler form loses events.

use crate::names::label;
use crate::promql::Selector;
use crate::promql::build::{Expr, Operator, Series, call, last_over, sum_by};
use crate::spec::model::{FirstSample, RuleTiming};
use crate::units::Duration;

/// How far back a series that is seen again may have been seen before: one that vanished for longer is new.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Steps of that look back.
const REMEMBERED_STEP: Duration = Duration::from_mins(5);

/// The increments of `counter`, summed by `by`.
///
/// `known` selects the series that show whether a target was there one evaluation earlier: a series born on a
/// known target counts from zero, while a target that is seen for the first time does not add its whole past.
pub(super) fn increments(
    counter: &Selector,
    known: &Selector,
    first_sample: FirstSample,
    by: &[String],
    timing: &RuleTiming,
) -> Expr {
    let look = Look { timing };
    // A plain `x - x offset I` would lose the events around every failed scrape, which leaves a staleness marker.
    let grown = look.now(counter).join(Operator::Subtract, look.before(counter));
    let grown = grown.join(Operator::GreaterOrEqual, Expr::from(rust_decimal::Decimal::ZERO));
    // A counter that fell was reset and counts from zero, after what scrapes saw of it before it fell.
    let seen = look.highest(counter).join(Operator::Subtract, look.before(counter));
    let seen = call("clamp_min", [seen, Expr::from(rust_decimal::Decimal::ZERO)]);
    let reset = look.now(counter).join(Operator::Add, seen);
    // So was one that is lower than before a gap that was longer than the look-back.
    let back = look.now(counter).join(Operator::Less, look.remembered(counter));
    let all = grown.join(Operator::Or, reset).join(Operator::Or, back);
    let all = match first_sample {
        FirstSample::Ignore => all,
        FirstSample::Count => all.join(Operator::Or, look.born(counter, known)),
    };
    sum_by(by, all)
}

/// Looks at a counter as it was D ago, and one evaluation before that.
struct Look<'a> {
    timing: &'a RuleTiming,
}

impl Look<'_> {
    /// D ago: a sample that is being scraped while the rule runs is invisible now and would be past one
    /// evaluation later.
    fn now(&self, counter: &Selector) -> Expr {
        let series = Series::new(counter.to_string()).ago(self.timing.delay);
        last_over(series, self.timing.lookback)
    }

    /// One evaluation before that.
    fn before(&self, counter: &Selector) -> Expr {
        let series = Series::new(counter.to_string()).ago(self.timing.delay.plus(self.timing.interval));
        last_over(series, self.timing.lookback)
    }

    /// The highest value between the two.
    fn highest(&self, counter: &Selector) -> Expr {
        let series = Series::new(counter.to_string()).ago(self.timing.delay);
        call("max_over_time", [series.window(self.timing.interval).into()])
    }

    /// Some time within the hour before that.
    fn remembered(&self, counter: &Selector) -> Expr {
        call(
            "last_over_time",
            [Expr::Subquery {
                inner: Box::new(Series::new(counter.to_string()).into()),
                range: REMEMBERED,
                step: REMEMBERED_STEP,
                offset: self.timing.delay.plus(self.timing.interval),
            }],
        )
    }

    /// A `code="500"` child is born at its first failure; it counts from zero if its target was known.
    fn born(&self, counter: &Selector, known: &Selector) -> Expr {
        let target = [label::JOB.to_owned(), label::INSTANCE.to_owned()];
        self.now(counter).join(Operator::Unless, self.remembered(counter)).join_on(
            Operator::And,
            &target,
            self.before(known),
        )
    }
}
