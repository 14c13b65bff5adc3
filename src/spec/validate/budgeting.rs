//! `budgeting`: what the objective is a share of. A file sets it for all its SLOs, and each SLO may override it.

use rust_decimal::Decimal;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::Duration;

use super::super::keys;
use super::super::model::{Budgeting, RuleTiming, Sli};
use super::super::raw::{Node, Value};
use super::super::read::{Complaint, Reader, quoted};

/// The length of the sums that windows are made of, which slices must fill evenly.
const SUM: Duration = Duration::from_mins(5);

/// Reads a way of budgeting, with its place.
pub(super) fn read(reader: &mut Reader, node: &Node, rules: Option<RuleTiming>) -> Option<(Budgeting, Span)> {
    if let Value::Scalar(text) = &node.value {
        if text == "occurrences" {
            return Some((Budgeting::Occurrences, node.span));
        }
        let problem = Diagnostic::new(Code::UnknownValue, format!("`budgeting` cannot be {}", quoted(text)));
        reader.report(
            problem
                .at(node.span, "unknown value")
                .help("write `occurrences`, or `{timeslices: {slice: 1m, target: 95}}`"),
        );
        return None;
    }
    let fields = reader.fields(node, "`budgeting`", &keys::BUDGETING)?;
    let timeslices = reader.require(&fields, "timeslices")?;
    let fields = reader.fields(timeslices, "`timeslices`", &keys::TIMESLICES)?;
    let slice = reader.require(&fields, "slice").and_then(|node| slice(reader, node, rules));
    let target = reader.require(&fields, "target").and_then(|node| target(reader, node));
    Some((Budgeting::Timeslices { slice: slice?, target: target? }, node.span))
}

/// How an SLO is budgeted: as it says itself, else as its file says, else by occurrences. `sli` is what it counts,
/// with its place.
pub(super) fn combine(
    reader: &mut Reader,
    file: Option<(Budgeting, Span)>,
    slo: Option<(Budgeting, Span)>,
    sli: Option<(&Sli, Span)>,
) -> Budgeting {
    let Some((budgeting, span)) = slo.or(file) else { return Budgeting::Occurrences };
    if let (Budgeting::Timeslices { slice, .. }, Some((sli, place))) = (budgeting, sli)
        && let Some((message, help)) = unfit(slice, sli)
    {
        let problem = Diagnostic::new(Code::InvalidTimeslices, message).at(place, "this SLI");
        reader.report(problem.also(span, "timeslices are set here").help(help));
    }
    budgeting
}

/// Why an SLI cannot be judged by slices of this length, and what would be right.
fn unfit(slice: Duration, sli: &Sli) -> Option<(String, String)> {
    match sli {
        Sli::Query { .. } => Some((
            "a `query` has no timeslices".to_owned(),
            "write `budgeting: occurrences` for this SLO, or another kind of SLI: slices are judged by increments, and \
             a query is evaluated over whole windows"
                .to_owned(),
        )),
        // A slice without a run is good, so an outage would spoil only some of the slices.
        Sli::Probe { interval, .. } if *interval > slice => Some((
            format!("a slice of {slice} is shorter than the {interval} from one run of the probe to the next"),
            "write a longer slice, of up to `5m`, run the probe more often, or write `budgeting: occurrences` for this SLO"
                .to_owned(),
        )),
        _ => None,
    }
}

fn slice(reader: &mut Reader, node: &Node, rules: Option<RuleTiming>) -> Option<Duration> {
    let slice = reader.positive_duration(node, "`slice`")?;
    let interval = rules?.interval;
    if slice.is_multiple_of(interval) && SUM.is_multiple_of(slice) {
        return Some(slice);
    }
    let (message, help) = if SUM.is_multiple_of(slice) {
        (
            format!("a slice of {slice} is not a multiple of the rule interval of {interval}"),
            format!(
                "write a multiple of `{interval}`, or set `rules.interval`: a slice is a whole number of increments"
            ),
        )
    } else {
        (
            format!("slices of {slice} do not fill five minutes evenly"),
            "write a slice such as `30s`, `1m` or `5m`: windows are made of 5-minute sums".to_owned(),
        )
    };
    reader.report(Diagnostic::new(Code::InvalidTimeslices, message).at(node.span, "not such a slice").help(help));
    None
}

/// A percentage above 0 and up to 100, as a ratio.
fn target(reader: &mut Reader, node: &Node) -> Option<Decimal> {
    let text = reader.text(node, "`target`")?;
    let percent = Decimal::from_str_exact(text)
        .ok()
        .filter(|percent| *percent > Decimal::ZERO && *percent <= Decimal::ONE_HUNDRED);
    let ratio = percent.map(|percent| (percent / Decimal::ONE_HUNDRED).normalize()).ok_or_else(|| Complaint {
        message: format!("`target` cannot be {}", quoted(text)),
        help: "write the percentage of good events that makes a slice good, above 0 and up to 100, such as `95`"
            .to_owned(),
    });
    reader.accept(node.span, Code::InvalidNumber, ratio)
}
