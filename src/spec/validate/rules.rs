//! `rules`: how often, how late and how far back the generated rules look.

use crate::diag::{Code, Diagnostic};
use crate::units::Duration;

use super::super::keys;
use super::super::model::RuleTiming;
use super::super::raw::Node;
use super::super::read::Reader;

/// The length of the sums that long windows are made of, which the interval must fill evenly.
const SLICE: Duration = Duration::from_mins(5);

/// Reads the timing of the rules.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<RuleTiming> {
    let fields = reader.fields(node, "`rules`", &keys::RULES)?;
    let default = RuleTiming::default();
    let interval = fields.get("interval").map_or(Some(default.interval), |node| interval(reader, node));
    let delay = fields.get("delay").map_or(Some(default.delay), |node| reader.duration(node, "`delay`"));
    let lookback = fields.get("lookback").map_or(Some(default.lookback), |node| reader.duration(node, "`lookback`"));
    let timing = RuleTiming { interval: interval?, delay: delay?, lookback: lookback? };
    if timing.lookback < timing.interval {
        let key = if fields.get("lookback").is_some() { "lookback" } else { "interval" };
        let span = fields.get(key).map_or(fields.head(), |node| node.span);
        let message =
            format!("a `lookback` of {} is shorter than the `interval` of {}", timing.lookback, timing.interval);
        reader.report(
            Diagnostic::new(Code::InvalidRules, message)
                .at(span, "events between two looks would be lost")
                .help("write a `lookback` of at least two scrapes and some slack, and not below the `interval`"),
        );
        return None;
    }
    Some(timing)
}

fn interval(reader: &mut Reader, node: &Node) -> Option<Duration> {
    let interval = reader.duration(node, "`interval`")?;
    if interval >= Duration::from_secs(1) && SLICE.is_multiple_of(interval) {
        return Some(interval);
    }
    let problem = Diagnostic::new(Code::InvalidRules, format!("rules cannot be evaluated every {interval}"));
    reader.report(problem.at(node.span, "not such an interval").help(
        "write an interval from `1s` to `5m` that divides five minutes evenly, such as `15s`, `30s` or `1m`: long windows are made of 5-minute sums",
    ));
    None
}
