//! An SLO: its promise, its window, and what is counted.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Span};
use crate::promql::{PromqlError, Query, Selector};
use crate::units::{Duration, LabelName, Objective};

use super::super::model::{Alerting, FirstSample, Sli, Slo};
use super::super::raw::Node;
use super::super::read::{Complaint, Fields, Reader};
use super::names::{Catalog, Kind};
use super::{File, alerting, gate, labels};

/// The window of an SLO whose file says none.
const WINDOW: Duration = Duration::from_days(30);

/// The shortest and the longest window.
const WINDOWS: (Duration, Duration) = (Duration::from_hours(1), Duration::from_days(90));

/// The length of the sums that windows are made of.
const SLICE: Duration = Duration::from_mins(5);

/// Reads an SLO of a file.
pub(super) fn read(reader: &mut Reader, node: &Node, file: &File<'_>, catalog: &mut Catalog) -> Option<Slo> {
    let keys = ["name", "description", "objective", "window", "sli", "alerting", "gate"];
    let fields = reader.fields(node, "an SLO", &keys)?;
    let service = file.service.as_ref();
    let name_node = reader.require(&fields, "name");
    let name = name_node.and_then(|node| reader.name(node, "the name of an SLO"));
    if let (Some(node), Some(name)) = (name_node, &name) {
        catalog.claim(reader, Kind::Slo, service, name, node.span);
    }
    let description = fields.get("description").and_then(|node| reader.text(node, "`description`"));
    let objective = reader.require(&fields, "objective").and_then(|node| {
        let objective = reader.word::<Objective>(node, "`objective`", Code::InvalidObjective)?;
        Some((objective, node.span))
    });
    let window = fields.get("window").and_then(|node| window(reader, node)).or(file.window);
    let sli = reader.require(&fields, "sli").and_then(|node| sli(reader, node, file, catalog));
    let gate_draft = fields.get("gate").map(|node| gate::read(reader, node)).unwrap_or_default();
    let gate = gate::combine(file.gate, gate_draft);
    let draft = fields.get("alerting").map(|node| alerting::read(reader, node, file.rules)).unwrap_or_default();
    let length = window.map_or(WINDOW, |(window, _)| window);
    let (alerting, alerting_span) = alerting::combine(reader, &file.alerting, &draft, length);
    let (sli, groups) = sli?;
    report_conflicts(reader, file, &alerting, &groups);
    let (objective, objective_span) = objective?;
    Some(Slo {
        service: service?.clone(),
        name: name?,
        description: description.map(str::to_owned),
        labels: file.labels.clone(),
        objective,
        window: length,
        sli,
        rules: file.rules?,
        alerting,
        gate,
        span: name_node?.span,
        objective_span,
        window_span: window.map_or(objective_span, |(_, span)| span),
        alerting_span,
    })
}

/// A rolling window, with its place.
pub(super) fn window(reader: &mut Reader, node: &Node) -> Option<(Duration, Span)> {
    let window: Duration = reader.duration(node, "`window`")?;
    let (shortest, longest) = WINDOWS;
    let (message, help) = if (shortest..=longest).contains(&window) {
        if window.is_multiple_of(SLICE) {
            return Some((window, node.span));
        }
        let near = window.round_to(SLICE);
        let message = format!("a window of {window} is not a multiple of five minutes");
        (message, format!("write `{near}`: windows are made of 5-minute sums"))
    } else {
        let edge = if window < shortest { "shorter than an hour" } else { "longer than 90 days" };
        (
            format!("a window of {window} is {edge}"),
            format!("write a window from `{shortest}` to `{longest}`, such as `30d`"),
        )
    };
    reader.report(Diagnostic::new(Code::InvalidWindow, message).at(node.span, "not such a window").help(help));
    None
}

/// What is counted, and the places of the labels that split it into groups.
type Counted = (Sli, Vec<(LabelName, Span)>);

fn sli(reader: &mut Reader, node: &Node, file: &File<'_>, catalog: &mut Catalog) -> Option<Counted> {
    let kinds = ["probe", "events", "query"];
    let fields = reader.fields(node, "an SLI", &kinds)?;
    match reader.one_of(&fields, &kinds)? {
        ("probe", node) => {
            let probe = reader.name(node, "the name of a probe")?;
            let interval = catalog.use_probe(reader, file.service.as_ref(), &probe, node.span)?;
            Some((Sli::Probe { probe, interval }, Vec::new()))
        }
        ("events", node) => events(reader, node),
        (_, node) => query(reader, node),
    }
}

fn events(reader: &mut Reader, node: &Node) -> Option<Counted> {
    let fields = reader.fields(node, "`events`", &["bad", "total", "by", "first_sample"])?;
    let bad = promql(reader, &fields, "bad", Selector::parse);
    let total = promql(reader, &fields, "total", Selector::parse);
    let groups = fields.get("by").map_or(Some(Vec::new()), |node| labels::by(reader, node));
    let words = [("count", FirstSample::Count), ("ignore", FirstSample::Ignore)];
    let first_sample = fields
        .get("first_sample")
        .map_or(Some(FirstSample::Count), |node| reader.choice(node, "`first_sample`", &words));
    let groups = groups?;
    Some((Sli::Events { bad: bad?, total: total?, by: names(&groups), first_sample: first_sample? }, groups))
}

fn query(reader: &mut Reader, node: &Node) -> Option<Counted> {
    let fields = reader.fields(node, "`query`", &["bad", "total", "by"])?;
    let bad = promql(reader, &fields, "bad", Query::parse);
    let total = promql(reader, &fields, "total", Query::parse);
    let groups = fields.get("by").map_or(Some(Vec::new()), |node| labels::by(reader, node))?;
    Some((Sli::Query { bad: bad?, total: total?, by: names(&groups) }, groups))
}

fn names(groups: &[(LabelName, Span)]) -> Vec<LabelName> {
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

/// Reports each label that tells groups apart and that the file also sets to one value for all of them.
fn report_conflicts(reader: &mut Reader, file: &File<'_>, alerting: &Alerting, groups: &[(LabelName, Span)]) {
    let set: BTreeSet<&LabelName> =
        file.labels.keys().chain(alerting.page.labels.keys()).chain(alerting.ticket.labels.keys()).collect();
    for (name, span) in groups.iter().filter(|(name, _)| set.contains(name)) {
        reader.report(
            Diagnostic::new(
                Code::LabelConflict,
                format!("the label `{name}` tells groups apart, and is also set for all of them"),
            )
            .at(*span, "groups would merge on alerts")
            .help("remove it from `by`, or from `labels`"),
        );
    }
}
