//! `sli`: what is counted.

use rust_decimal::Decimal;

use crate::diag::{Code, Diagnostic, Span};
use crate::promql::{Histogram, PromqlError, Query, Selector};
use crate::units::LabelName;

use super::super::keys;
use super::super::model::{Comparison, Condition, CounterPair, FirstSample, Sli};
use super::super::raw::Node;
use super::super::read::{Complaint, Fields, Reader, quoted};
use super::names::Catalog;
use super::{File, labels};

/// The kinds of indicators.
const KINDS: [&str; 6] = ["probe", "events", "latency", "gauge", "ratio", "query"];

/// The words for how a good sample of a gauge compares.
pub(super) const COMPARISONS: [(&str, Comparison); 4] = [
    ("below", Comparison::Below),
    ("at_most", Comparison::AtMost),
    ("above", Comparison::Above),
    ("at_least", Comparison::AtLeast),
];

/// Labels that split an SLO into groups, each with its place.
pub(super) type Groups = Vec<(LabelName, Span)>;

/// Reads what is counted, with the places of the labels that split it into groups.
pub(super) fn read(reader: &mut Reader, node: &Node, file: &File<'_>, catalog: &mut Catalog) -> Option<(Sli, Groups)> {
    let fields = reader.fields(node, "an SLI", &keys::SLI)?;
    match reader.one_of(&fields, &KINDS)? {
        ("probe", node) => {
            let probe = reader.name(node, "the name of a probe")?;
            let interval = catalog.use_probe(reader, file.service.as_ref(), &probe, node.span)?;
            Some((Sli::Probe { probe, interval }, Vec::new()))
        }
        ("events", node) => events(reader, node),
        ("latency", node) => latency(reader, node),
        ("gauge", node) => gauge(reader, node),
        ("ratio", node) => ratio(reader, node),
        (_, node) => query(reader, node),
    }
}

fn events(reader: &mut Reader, node: &Node) -> Option<(Sli, Groups)> {
    let fields = reader.fields(node, "`events`", &keys::EVENTS)?;
    let counters = counters(reader, &fields);
    let groups = groups(reader, &fields);
    let first_sample = first_sample(reader, &fields);
    let groups = groups?;
    Some((Sli::Events { counters: counters?, by: names(&groups), first_sample: first_sample? }, groups))
}

/// The two counters of three that are given.
fn counters(reader: &mut Reader, fields: &Fields<'_>) -> Option<CounterPair> {
    let is_given = |key| fields.key_span(key).is_some();
    match (is_given("good"), is_given("bad"), is_given("total")) {
        (true, true, true) => {
            let span = fields.key_span("good").unwrap_or(fields.head());
            let message = "`events` has `good`, `bad` and `total` at once";
            let problem = Diagnostic::new(Code::OneOf, message).at(span, "two of them say it all");
            reader.report(problem.help("keep two of them"));
            None
        }
        (true, true, false) => {
            let good = promql(reader, fields, "good", Selector::parse);
            let bad = promql(reader, fields, "bad", Selector::parse);
            Some(CounterPair::GoodBad { good: good?, bad: bad? })
        }
        (true, false, _) => {
            let good = promql(reader, fields, "good", Selector::parse);
            let total = promql(reader, fields, "total", Selector::parse);
            Some(CounterPair::GoodTotal { good: good?, total: total? })
        }
        (false, ..) => {
            let bad = promql(reader, fields, "bad", Selector::parse);
            let total = promql(reader, fields, "total", Selector::parse);
            Some(CounterPair::BadTotal { bad: bad?, total: total? })
        }
    }
}

fn latency(reader: &mut Reader, node: &Node) -> Option<(Sli, Groups)> {
    let fields = reader.fields(node, "`latency`", &keys::LATENCY)?;
    let histogram = promql(reader, &fields, "histogram", Histogram::parse);
    let threshold = reader.require(&fields, "threshold").and_then(|node| reader.positive_duration(node, "`threshold`"));
    let is_native = fields.get("native").map_or(Some(false), |node| reader.flag(node, "`native`"));
    let groups = groups(reader, &fields);
    let first_sample = first_sample(reader, &fields);
    if let (Some(true), Some(span)) = (is_native, fields.key_span("first_sample")) {
        let problem = Diagnostic::new(Code::OneOf, "a native histogram has no `first_sample`");
        reader.report(problem.at(span, "means nothing here").help("leave it out: Prometheus counts native histograms"));
        return None;
    }
    let (histogram, threshold, groups) = (histogram?, threshold?.as_secs(), groups?);
    let by = names(&groups);
    let sli = if is_native? {
        Sli::NativeLatency { histogram: histogram.native(), threshold, by }
    } else {
        let (count, bucket) = (histogram.count(), histogram.bucket(threshold));
        Sli::Latency { count, bucket, threshold, by, first_sample: first_sample? }
    };
    Some((sli, groups))
}

fn gauge(reader: &mut Reader, node: &Node) -> Option<(Sli, Groups)> {
    let fields = reader.fields(node, "`gauge`", &keys::GAUGE)?;
    let gauge = promql(reader, &fields, "metric", Selector::parse);
    let words = COMPARISONS.map(|(word, _)| word);
    let is_compared = words.iter().any(|word| fields.key_span(word).is_some());
    let good = if is_compared { condition(reader, &fields, &words).map(Some) } else { Some(None) };
    let groups = groups(reader, &fields)?;
    Some((Sli::Gauge { gauge: gauge?, good: good?, by: names(&groups) }, groups))
}

fn condition(reader: &mut Reader, fields: &Fields<'_>, words: &[&str]) -> Option<Condition> {
    let (word, node) = reader.one_of(fields, words)?;
    let (_, comparison) = COMPARISONS.into_iter().find(|(known, _)| *known == word)?;
    let text = reader.text(node, &format!("`{word}`"))?;
    let bound = Decimal::from_str_exact(text).map(|bound| bound.normalize()).map_err(|_| Complaint {
        message: format!("{} is not a number", quoted(text)),
        help: "write a decimal number in the unit of the metric, such as `100` or `0.5`".to_owned(),
    });
    Some(Condition { comparison, bound: reader.accept(node.span, Code::InvalidNumber, bound)? })
}

fn ratio(reader: &mut Reader, node: &Node) -> Option<(Sli, Groups)> {
    let fields = reader.fields(node, "`ratio`", &keys::RATIO)?;
    let error = promql(reader, &fields, "error", Selector::parse);
    let groups = groups(reader, &fields)?;
    Some((Sli::Ratio { error: error?, by: names(&groups) }, groups))
}

fn query(reader: &mut Reader, node: &Node) -> Option<(Sli, Groups)> {
    let fields = reader.fields(node, "`query`", &keys::QUERY)?;
    let bad = promql(reader, &fields, "bad", Query::parse);
    let total = promql(reader, &fields, "total", Query::parse);
    let groups = groups(reader, &fields)?;
    Some((Sli::Query { bad: bad?, total: total?, by: names(&groups) }, groups))
}

fn groups(reader: &mut Reader, fields: &Fields<'_>) -> Option<Groups> {
    fields.get("by").map_or(Some(Vec::new()), |node| labels::by(reader, node))
}

fn first_sample(reader: &mut Reader, fields: &Fields<'_>) -> Option<FirstSample> {
    let words = [("count", FirstSample::Count), ("ignore", FirstSample::Ignore)];
    fields.get("first_sample").map_or(Some(FirstSample::Count), |node| reader.choice(node, "`first_sample`", &words))
}

fn names(groups: &Groups) -> Vec<LabelName> {
    groups.iter().map(|(name, _)| name.clone()).collect()
}

fn promql<T>(
    reader: &mut Reader,
    fields: &Fields<'_>,
    key: &str,
    parse: fn(&str) -> Result<T, PromqlError>,
) -> Option<T> {
    let node = reader.require(fields, key)?;
    let text = reader.text(node, &format!("`{key}`"))?;
    reader.accept(node.span, Code::InvalidPromql, parse(text).map_err(Complaint::from))
}
