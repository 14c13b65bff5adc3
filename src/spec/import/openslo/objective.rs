//! The objectives of an OpenSLO document, each of which is an SLO here, and what they are shares of.

use rust_decimal::Decimal;

use crate::diag::{Code, Diagnostic, Span};
use crate::promql::Selector;
use crate::units::Duration;

use super::super::super::raw::Node;
use super::super::super::read::{Complaint, Fields, Reader, quoted};
use super::super::draft::whole;
use super::super::indicator::{self, Counter, Counts};
use super::super::tree::{Placed, entry, mapping, scalar, single};
use super::super::{child, names};
use super::{Shared, source};

/// The keys of an objective, in both versions.
const OBJECTIVE: [&str; 8] =
    ["displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow", "ratioMetrics"];

/// How many objectives of one SLO are read.
const MAX_OBJECTIVES: usize = 100;

/// What a name ends with that is a counter.
const COUNTERS: [&str; 3] = ["_total", "_count", "_bucket"];

/// An objective that could be read.
pub(super) struct Objective {
    pub(super) name: Placed,
    /// What people call it.
    pub(super) remark: Option<String>,
    pub(super) objective: Node,
    pub(super) sli: Node,
    pub(super) budgeting: Option<Node>,
}

/// What a share is taken of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Occurrences,
    Timeslices,
    RatioTimeslices,
}

/// Every objective of an SLO that can be read.
pub(super) fn all(reader: &mut Reader, spec: &Fields<'_>, shared: &Shared<'_>, name: &Placed) -> Vec<Objective> {
    let methods = [
        ("Occurrences", Method::Occurrences),
        ("Timeslices", Method::Timeslices),
        ("RatioTimeslices", Method::RatioTimeslices),
    ];
    let method =
        reader.require(spec, "budgetingMethod").and_then(|node| reader.choice(node, "`budgetingMethod`", &methods));
    let nodes = reader.require(spec, "objectives").and_then(|node| reader.filled_list(node, "`objectives`"));
    let indicator = indicator_of(reader, spec, shared);
    let (Some(method), Some(nodes), Ok(indicator)) = (method, nodes, indicator) else { return Vec::new() };
    if let Some(beyond) = nodes.get(MAX_OBJECTIVES) {
        let message = format!("there are {} objectives of one indicator", nodes.len());
        let problem = Diagnostic::new(Code::ImportRefused, message).at(beyond.span, "one too many");
        reader.report(problem.help(format!("at most {MAX_OBJECTIVES} of them are imported; write several SLOs")));
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let place = (nodes.len() > 1).then_some(at + 1);
        found.extend(whole(reader, |reader| one(reader, node, method, indicator, shared, name, place)));
    }
    found
}

/// The indicator that a document has of its own or refers to; none where each objective has one, an error where there
/// should be one.
fn indicator_of<'a>(reader: &mut Reader, spec: &Fields<'a>, shared: &Shared<'a>) -> Result<Option<&'a Node>, ()> {
    if let Some(node) = spec.get("indicator") {
        // The older version has no `spec` around the metric.
        return Ok(Some(child(node, "spec").unwrap_or(node)));
    }
    let Some(node) = spec.get("indicatorRef") else { return Ok(None) };
    let name = reader.text(node, "`indicatorRef`").ok_or(())?;
    let found = shared.indicators.get(name).copied();
    if found.is_none() {
        let message = format!("the indicator {} is not in these files", quoted(name));
        let problem = Diagnostic::new(Code::ImportRefused, message).at(node.span, "not found");
        reader.report(problem.help("give the file with that SLI too"));
        return Err(());
    }
    Ok(found)
}

/// An objective, by itself or one of several.
fn one(
    reader: &mut Reader,
    node: &Node,
    method: Method,
    indicator: Option<&Node>,
    shared: &Shared<'_>,
    name: &Placed,
    place: Option<usize>,
) -> Option<Objective> {
    let fields = reader.foreign(node, "an objective", &OBJECTIVE)?;
    let objective = target(reader, &fields);
    let slices = slices(reader, &fields, method);
    let sli = sli(reader, &fields, indicator, shared, slices.as_ref());
    let remark = super::display_name(&fields);
    let name = match place {
        None => name.clone(),
        Some(number) => {
            let suffix = remark.as_ref().map(|text| names::nearest_name(text, "")).filter(|text| !text.is_empty());
            let text =
                suffix.map_or_else(|| format!("{}-{number}", name.text), |suffix| format!("{}-{suffix}", name.text));
            let message = format!("one of several objectives becomes an SLO of its own, {}", quoted(&text));
            reader.report(Diagnostic::new(Code::ImportNote, message).at(fields.head(), "this objective"));
            Placed::new(text, name.span)
        }
    };
    let budgeting = slices?.budgeting();
    Some(Objective { name, remark, objective: objective?, sli: sli?, budgeting })
}

/// The objective in percent, from a ratio or a percentage.
fn target(reader: &mut Reader, fields: &Fields<'_>) -> Option<Node> {
    match reader.one_of(fields, &["target", "targetPercent"])? {
        ("target", node) => percent_of_ratio(reader, node, "`target`"),
        (_, node) => super::super::percent(reader, node),
    }
}

/// A ratio in percent, to the last decimal.
fn percent_of_ratio(reader: &mut Reader, node: &Node, what: &str) -> Option<Node> {
    let text = reader.text(node, what)?;
    let percent = Decimal::from_str_exact(text).ok().and_then(|ratio| ratio.checked_mul(Decimal::ONE_HUNDRED));
    let percent = percent.ok_or_else(|| Complaint {
        message: format!("{what} cannot be {}", quoted(text)),
        help: "write a ratio between 0 and 1, such as `0.999`".to_owned(),
    });
    let percent = reader.accept(node.span, Code::InvalidNumber, percent)?;
    Some(scalar(percent.normalize().to_string(), node.span))
}

/// How time is cut, if it is.
enum Slices {
    None,
    /// Slices that are good or bad.
    Judged {
        window: Placed,
        target: Node,
        span: Span,
    },
    /// Slices whose ratios are averaged.
    Averaged(Duration),
}

impl Slices {
    fn budgeting(&self) -> Option<Node> {
        let Self::Judged { window, target, span } = self else { return None };
        let entries = vec![entry("slice", window.node()), entry("target", target.clone())];
        Some(single("timeslices", mapping(entries, *span)))
    }
}

fn slices(reader: &mut Reader, fields: &Fields<'_>, method: Method) -> Option<Slices> {
    if method == Method::Occurrences {
        for key in ["timeSliceTarget", "timeSliceWindow"] {
            if let Some(span) = fields.key_span(key) {
                let message = format!("`{key}` is left out: events are counted, and no slices of time");
                reader.report(Diagnostic::new(Code::ImportLeftOut, message).at(span, "means nothing here"));
            }
        }
        return Some(Slices::None);
    }
    let node = reader.require(fields, "timeSliceWindow")?;
    let text = reader.text(node, "`timeSliceWindow`")?;
    // A plain number is minutes.
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let window = Placed::new(if is_number { format!("{text}m") } else { text.to_owned() }, node.span);
    if method == Method::Timeslices {
        let target = reader.require(fields, "timeSliceTarget");
        let target = target.and_then(|node| percent_of_ratio(reader, node, "`timeSliceTarget`"))?;
        return Some(Slices::Judged { window, target, span: fields.head() });
    }
    if let Some(span) = fields.key_span("timeSliceTarget") {
        let message = "`timeSliceTarget` is left out: the ratios of slices are averaged, and not judged";
        reader.report(Diagnostic::new(Code::ImportLeftOut, message).at(span, "means nothing here"));
    }
    let slice =
        reader.accept(window.span, Code::InvalidDuration, window.text.parse::<Duration>().map_err(Complaint::from))?;
    if slice.is_zero() || !Duration::from_mins(5).is_multiple_of(slice) {
        let message = format!("slices of {slice} do not fill five minutes evenly");
        let problem = Diagnostic::new(Code::ImportRefused, message).at(window.span, "not such a slice");
        reader.report(problem.help("write a slice such as `1m` or `5m`: windows are made of 5-minute sums"));
        return None;
    }
    Some(Slices::Averaged(slice))
}

/// What an objective is a share of.
fn sli(
    reader: &mut Reader,
    fields: &Fields<'_>,
    indicator: Option<&Node>,
    shared: &Shared<'_>,
    slices: Option<&Slices>,
) -> Option<Node> {
    let (kind, node) = match (fields.get("ratioMetrics"), indicator) {
        (Some(node), _) => ("ratioMetric", node),
        (None, Some(node)) => {
            let kinds = ["ratioMetric", "thresholdMetric"];
            let known = ["ratioMetric", "thresholdMetric", "description", "metadata"];
            let fields = reader.foreign(node, "an indicator", &known)?;
            reader.one_of(&fields, &kinds)?
        }
        (None, None) => {
            let problem =
                Diagnostic::new(Code::MissingKey, "the SLO has no indicator").at(fields.head(), "counts nothing");
            reader.report(problem.help("add `indicator:` or `indicatorRef:` to its `spec`"));
            return None;
        }
    };
    if kind == "thresholdMetric" {
        return threshold(reader, fields, node, shared, slices?);
    }
    report_comparison(reader, fields, slices?);
    ratio(reader, node, shared, slices?)
}

/// `op` and `value` say nothing of a ratio, but for whether a slice must reach its target or pass it.
fn report_comparison(reader: &mut Reader, fields: &Fields<'_>, slices: &Slices) {
    let word = super::super::word_of(fields.get("op"));
    if let (Some("lt" | "lte"), Some(span)) | (Some(_), Some(span)) =
        (word, fields.key_span("value").and(fields.key_span("op")))
    {
        let message = "`op` and `value` are left out: a ratio of events is not compared with a value";
        reader.report(Diagnostic::new(Code::ImportLeftOut, message).at(span, "means nothing here"));
    } else if let (Some("gt"), Some(span), Slices::Judged { .. }) = (word, fields.key_span("op"), slices) {
        let message = "a slice of time that just reaches its target is good";
        reader.report(Diagnostic::new(Code::ImportNote, message).at(span, "`gt` would want more"));
    }
}

fn threshold(
    reader: &mut Reader,
    fields: &Fields<'_>,
    node: &Node,
    shared: &Shared<'_>,
    slices: &Slices,
) -> Option<Node> {
    let value = source::promql(reader, node, shared);
    let op = reader.require(fields, "op");
    let op = op.and_then(|node| Some(Placed::new(reader.text(node, "`op`")?, node.span)));
    let bound = reader.require(fields, "value").and_then(|node| bound(reader, node));
    if let Slices::Averaged(_) = slices {
        let problem = Diagnostic::new(Code::ImportRefused, "a value that is compared has no ratio to average");
        reader.report(problem.at(node.span, "no ratio").help("write `budgetingMethod: Occurrences`"));
        return None;
    }
    indicator::threshold(reader, &value?, &op?, &bound?)
}

/// A number with which values are compared.
fn bound(reader: &mut Reader, node: &Node) -> Option<Placed> {
    let text = reader.text(node, "`value`")?;
    let number = Decimal::from_str_exact(text).map_err(|_| Complaint {
        message: format!("`value` cannot be {}", quoted(text)),
        help: "write a decimal number in the unit of the metric, such as `0.5`".to_owned(),
    });
    let number = reader.accept(node.span, Code::InvalidNumber, number)?;
    Some(Placed::new(number.normalize().to_string(), node.span))
}

fn ratio(reader: &mut Reader, node: &Node, shared: &Shared<'_>, slices: &Slices) -> Option<Node> {
    let known = ["counter", "incremental", "good", "bad", "total", "raw", "rawType"];
    let fields = reader.foreign(node, "a ratio", &known)?;
    if let Some(raw) = fields.get("raw") {
        return stored(reader, &fields, raw, shared, slices);
    }
    let (kind, part) = reader.one_of(&fields, &["good", "bad"])?;
    let counts = if kind == "good" { Counts::Good } else { Counts::Bad };
    let part = source::promql(reader, part, shared);
    let total = reader.require(&fields, "total").and_then(|node| source::promql(reader, node, shared));
    let is_counter = fields.get("counter").or_else(|| fields.get("incremental"));
    let is_counter = is_counter.map(|node| reader.flag(node, "`counter`"));
    let (part, total) = (part?, total?);
    let selectors = (Selector::parse(&part.text).ok(), Selector::parse(&total.text).ok());
    let (Some(one), Some(other)) = selectors else { return expressions(reader, &part, counts, &total, slices) };
    let is_counter = match is_counter {
        Some(flag) => flag?,
        None => [one, other]
            .iter()
            .all(|series| series.metric().is_some_and(|name| COUNTERS.iter().any(|suffix| name.ends_with(suffix)))),
    };
    // A counter is read by its growth, a gauge by the sum of its samples.
    let function = if is_counter { "rate" } else { "sum_over_time" };
    if is_counter && !matches!(slices, Slices::Averaged(_)) {
        let part = Counter::read(reader, &part);
        let total = Counter::read(reader, &total);
        return Some(indicator::counters(&part?, counts, &total?, None));
    }
    let grown = |text: &Placed| Placed::new(format!("sum({function}({}[$window]))", text.text), text.span);
    expressions(reader, &grown(&part), counts, &grown(&total), slices)
}

/// A ratio of two expressions.
fn expressions(reader: &mut Reader, part: &Placed, counts: Counts, total: &Placed, slices: &Slices) -> Option<Node> {
    let Slices::Averaged(slice) = slices else { return indicator::events(reader, part, counts, total) };
    let text = indicator::mean_of_slices(&part.text, counts, &total.text, *slice);
    let message = format!("the ratio of each {slice} weighs the same, so it is read from queries over {slice}");
    let problem = Diagnostic::new(Code::ImportNote, message).at(part.span, "a mean of ratios");
    reader.report(problem.help("these need two scrapes within a slice"));
    indicator::ratio(reader, &Placed::new(text, part.span))
}

/// A ratio that is there already.
fn stored(reader: &mut Reader, fields: &Fields<'_>, raw: &Node, shared: &Shared<'_>, slices: &Slices) -> Option<Node> {
    let kinds = [("success", Counts::Good), ("failure", Counts::Bad)];
    let kind = reader.require(fields, "rawType").and_then(|node| reader.choice(node, "`rawType`", &kinds));
    let text = source::promql(reader, raw, shared)?;
    let is_series = Selector::parse(&text.text).is_ok();
    if let Slices::Judged { span, .. } = slices
        && !is_series
    {
        let problem =
            Diagnostic::new(Code::ImportRefused, "slices of time are judged by counters, or a ratio that is a series");
        reader.report(
            problem
                .at(text.span, "an expression")
                .also(*span, "slices of time")
                .help("record the ratio as a rule of its own, and name that"),
        );
        return None;
    }
    match kind? {
        Counts::Bad if is_series => indicator::ratio(reader, &text),
        Counts::Good if is_series && matches!(slices, Slices::Judged { .. }) => {
            let problem = Diagnostic::new(Code::ImportRefused, "slices of time are judged by ratios of failures");
            reader.report(
                problem
                    .at(text.span, "successes")
                    .help("record `1 - RATIO` as a rule of its own, with `rawType: failure`"),
            );
            None
        }
        kind => {
            let over_window =
                if text.text.contains("$window") { text.text.clone() } else { indicator::mean(&text.text) };
            let error = match kind {
                Counts::Good => format!("1 - {}", indicator::parenthesised(&over_window)),
                Counts::Bad => over_window,
            };
            indicator::ratio(reader, &Placed::new(error, text.span))
        }
    }
}
