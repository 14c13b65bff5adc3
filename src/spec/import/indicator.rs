//! What another tool counts, as an SLI.
//!
//! An expression of the usual shape becomes the counters in it, whose every event is then counted once; anything else
//! becomes a query that stays as it is.

use rust_decimal::Decimal;

use crate::diag::{Code, Diagnostic, Span};
use crate::promql::{self, Groups, Growth, Histogram, Query, Selector, Shape};
use crate::units::Duration;

use super::super::raw::{Entry, Node};
use super::super::read::Reader;
use super::tree::{Placed, entry, list, mapping, scalar, single};

/// What stands for the range of a query.
const WINDOW: &str = "$window";

/// How often an expression without a range is looked at within a window.
const STEP: &str = "1m";

/// What the numerator of a ratio counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// Good events.
    Good,
    /// Bad events.
    Bad,
}

/// Two expressions over a range, one of which is a share of the other.
pub(super) fn events(reader: &mut Reader, part: &Placed, counts: Counts, total: &Placed) -> Option<Node> {
    if let Some(sli) = counted(reader, part, counts, total) {
        return Some(sli);
    }
    for side in [part, total] {
        if !side.text.contains(WINDOW) {
            reader.report(without_range(side.span));
            return None;
        }
    }
    let whole = parenthesised(&total.text);
    let bad = match counts {
        Counts::Bad => part.clone(),
        // No good event at all is zero of them, and not nothing to say.
        Counts::Good => {
            let good = parenthesised(&part.text);
            Placed::new(format!("{whole} - ({good} or {whole} * 0)"), part.span)
        }
    };
    Some(query(reader, &bad, total, [part, total]))
}

fn without_range(span: Span) -> Diagnostic {
    Diagnostic::new(Code::ImportRefused, "a query without a range cannot be read over every window")
        .at(span, "the same over every window")
        .help("write `{{.window}}` where its range stands, as in `sum(rate(errors_total[{{.window}}]))`")
}

/// The SLI of two expressions of the usual shape.
fn counted(reader: &mut Reader, part: &Placed, counts: Counts, total: &Placed) -> Option<Node> {
    let Some(Shape::Growth(all)) = promql::shape(&total.text) else { return None };
    let (share, counts) = match promql::shape(&part.text)? {
        Shape::Growth(share) => (share, counts),
        // All events less the good ones are the bad ones, and the other way round.
        Shape::Difference(whole, rest) if whole == all && counts == Counts::Bad => (rest, Counts::Good),
        Shape::Difference(whole, rest) if whole == all => (rest, Counts::Bad),
        Shape::Difference(..) => return None,
    };
    if !share.is_like(&all) {
        return None;
    }
    if let Some(range) = all.range {
        let message = format!("the range of {range} is not needed: every event is counted once, over every window");
        reader.report(Diagnostic::new(Code::ImportNote, message).at(part.span, "its counter is what is read"));
    }
    let by = labels_of(&all.by, total.span);
    Some(counters(&Counter::of(share, part.span), counts, &Counter::of(all, total.span), by))
}

/// A counter, with the place from which it comes.
pub(super) struct Counter {
    series: Selector,
    span: Span,
}

impl Counter {
    fn of(growth: Growth, span: Span) -> Self {
        Self { series: growth.counter, span }
    }

    /// A counter that stands in a file as a plain selector; reports what is none.
    pub(super) fn read(reader: &mut Reader, text: &Placed) -> Option<Self> {
        let series = reader.accept(text.span, Code::InvalidPromql, Selector::parse(&text.text).map_err(Into::into))?;
        Some(Self { series, span: text.span })
    }

    fn node(&self) -> Node {
        scalar(self.series.to_string(), self.span)
    }
}

/// Two counters, or the histogram that they are of.
pub(super) fn counters(part: &Counter, counts: Counts, total: &Counter, by: Option<Entry>) -> Node {
    if let Some(latency) = latency(part, counts, total, by.clone()) {
        return latency;
    }
    let key = match counts {
        Counts::Good => "good",
        Counts::Bad => "bad",
    };
    let entries = [entry(key, part.node()), entry("total", total.node())];
    single("events", mapping(entries.into_iter().chain(by).collect(), part.span))
}

/// The SLI of the bucket and the count of one histogram of seconds.
fn latency(part: &Counter, counts: Counts, total: &Counter, by: Option<Entry>) -> Option<Node> {
    let (histogram, bound) = Histogram::of_bucket(&part.series).filter(|_| counts == Counts::Good)?;
    if Histogram::of_count(&total.series)? != histogram || !histogram.name().ends_with("_seconds") {
        return None;
    }
    let threshold = milliseconds(bound)?;
    let entries = [
        entry("histogram", scalar(histogram.native().to_string(), total.span)),
        entry("threshold", scalar(threshold.to_string(), part.span)),
    ];
    Some(single("latency", mapping(entries.into_iter().chain(by).collect(), part.span)))
}

/// Seconds as a duration, where whole milliseconds hold them.
fn milliseconds(seconds: Decimal) -> Option<Duration> {
    let millis = seconds * Decimal::ONE_THOUSAND;
    let whole = u64::try_from(millis).ok().filter(|whole| *whole > 0 && Decimal::from(*whole) == millis)?;
    Some(Duration::from_millis(whole))
}

/// `by` with these labels, unless there are none.
pub(super) fn labels_of(labels: &[String], span: Span) -> Option<Entry> {
    let nodes: Vec<Node> = labels.iter().map(|label| scalar(label.clone(), span)).collect();
    (!nodes.is_empty()).then(|| entry("by", list(nodes, span)))
}

/// A query, grouped as both of the expressions are from which it is made.
fn query(reader: &mut Reader, bad: &Placed, total: &Placed, sides: [&Placed; 2]) -> Node {
    // Validation says what is no query at all.
    let is_query = [bad, total].iter().all(|side| Query::parse(&side.text).is_ok());
    let by = match sides.map(|side| promql::groups(&side.text)) {
        [Groups::One, Groups::One] => None,
        [Groups::By(one), Groups::By(other)] if one == other => labels_of(&one, total.span),
        _ if !is_query => None,
        _ => {
            let message = "this query may give several series, which are added up";
            let place = sides
                .into_iter()
                .find(|side| promql::groups(&side.text) != Groups::One)
                .map_or(bad.span, |side| side.span);
            let problem = Diagnostic::new(Code::ImportChanged, message).at(place, "as many as Prometheus has");
            reader
                .report(problem.help(
                    "if each is to have a budget of its own, sum them by their labels and name those under `by`",
                ));
            None
        }
    };
    let entries = [entry("bad", bad.node()), entry("total", total.node())];
    single("query", mapping(entries.into_iter().chain(by).collect(), bad.span))
}

/// An error ratio that an expression gives over a range, or that is there as a series.
///
/// Each five minutes weigh the same, as in a mean of ratios; with nothing to divide by, nothing is bad.
pub(super) fn ratio(reader: &mut Reader, error: &Placed) -> Option<Node> {
    if !error.text.contains(WINDOW) {
        if Selector::parse(&error.text).is_ok() {
            return Some(single("ratio", single("error", error.node())));
        }
        reader.report(without_range(error.span));
        return None;
    }
    let clamped = format!("clamp_min({}, 0)", block(&error.text));
    let bad = Placed::new(format!("{clamped} >= 0"), error.span);
    let total = Placed::new(format!("{clamped} >= bool 0"), error.span);
    Some(query(reader, &bad, &total, [error, error]))
}

/// The mean of a ratio that is there at every moment, over a range.
pub(super) fn mean(ratio: &str) -> String {
    format!("avg(avg_over_time({}[{WINDOW}:{STEP}]))", parenthesised(ratio))
}

/// The mean error ratio of slices of time, each of which weighs the same however much happens in it.
pub(super) fn mean_of_slices(part: &str, counts: Counts, total: &str, slice: Duration) -> String {
    let over = |text: &str| parenthesised(&text.replace(WINDOW, &slice.to_string()));
    let (part, total) = (over(part), over(total));
    let share = format!("({part} or {total} * 0) / {total}");
    let error = match counts {
        Counts::Bad => share,
        Counts::Good => format!("1 - {share}"),
    };
    // A slice in which nothing happens has no ratio, and is left out of the mean.
    format!("avg_over_time((clamp_min({error}, 0) >= 0)[{WINDOW}:{slice}])")
}

/// A value that is good while it compares with a bound: samples of a series, or looks at an expression.
pub(super) fn threshold(reader: &mut Reader, value: &Placed, comparison: &Placed, bound: &Placed) -> Option<Node> {
    let (word, bad_if) = match comparison.text.as_str() {
        "lt" => ("below", ">="),
        "lte" => ("at_most", ">"),
        "gt" => ("above", "<="),
        "gte" => ("at_least", "<"),
        _ => {
            reader.report(
                Diagnostic::new(Code::UnknownValue, format!("`op` cannot be `{}`", comparison.text))
                    .at(comparison.span, "unknown value")
                    .help("known values: `lt`, `lte`, `gt`, `gte`"),
            );
            return None;
        }
    };
    if Selector::parse(&value.text).is_ok() {
        let entries = vec![entry("metric", value.node()), entry(word, bound.node())];
        return Some(single("gauge", mapping(entries, value.span)));
    }
    if value.text.contains(WINDOW) {
        let message = "a value over the window is not compared with a threshold at each moment";
        let problem = Diagnostic::new(Code::ImportRefused, message).at(value.span, "one value for the whole window");
        reader.report(problem.help("write a fixed range such as `[5m]` in its place"));
        return None;
    }
    let whole = parenthesised(&value.text);
    let looks = |what: String| Placed::new(format!("sum(count_over_time({what}[{WINDOW}:{STEP}]))"), value.span);
    // A look that finds nothing to compare, such as a quantile of no events, is none.
    let (bad, total) = (looks(format!("({whole} {bad_if} {})", bound.text)), looks(format!("({whole} >= -Inf)")));
    let message = format!("this expression is looked at every {STEP}");
    reader.report(Diagnostic::new(Code::ImportNote, message).at(value.span, "each look is one event"));
    Some(query(reader, &bad, &total, [&bad, &total]))
}

/// An expression in parentheses; where it may end with a comment, the closing one stands on a line of its own.
pub(super) fn parenthesised(text: &str) -> String {
    format!("({})", block(text))
}

fn block(text: &str) -> String {
    let text = text.trim();
    if text.contains(['#', '\n']) { format!("\n{text}\n") } else { text.to_owned() }
}
