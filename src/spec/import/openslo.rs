//! Documents of OpenSLO, `openslo/v1alpha` and `openslo/v1`: SLOs, and the indicators and sources that they refer to.
//!
//! <https://github.com/OpenSLO/OpenSLO>. What they say of alerts is left out: it is not said in terms of budgets.

mod objective;
mod source;

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Span};

use super::super::raw::{Node, Value};
use super::super::read::{Fields, Reader, quoted};
use super::draft::Draft;
use super::names;
use super::tree::{Placed, scalar};
use super::{Drafts, Options};

/// The keys of every document.
const DOCUMENT: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

/// The keys of an SLO's specification, in both versions.
const SPEC: [&str; 10] = [
    "description",
    "service",
    "indicator",
    "indicatorRef",
    "timeWindow",
    "timeWindows",
    "budgetingMethod",
    "objectives",
    "alertPolicies",
    "timezone",
];

/// What documents may refer to by name.
#[derive(Default)]
struct Shared<'a> {
    /// Specifications of indicators.
    indicators: BTreeMap<&'a str, &'a Node>,
    /// Kinds of sources, such as `Prometheus`.
    sources: BTreeMap<&'a str, &'a str>,
}

/// The SLOs of documents, which may refer to each other.
pub(super) fn documents(reader: &mut Reader, nodes: &[&Node], options: &Options, drafts: &mut Drafts) {
    let shared = shared(nodes);
    for node in nodes {
        let Some(fields) = reader.foreign(node, "an OpenSLO document", &DOCUMENT) else { continue };
        let kind =
            reader.require(&fields, "kind").and_then(|node| Some(Placed::new(reader.text(node, "`kind`")?, node.span)));
        match kind.as_ref().map(|kind| kind.text.as_str()) {
            Some("SLO") => {
                let found = slo(reader, &fields, &shared, options);
                found.into_iter().for_each(|draft| drafts.push(reader, draft));
            }
            Some("SLI" | "DataSource" | "Service") | None => {}
            Some(other) => {
                let message = format!("the {} is left out", quoted(other));
                let span = fields.key_span("kind").unwrap_or(node.span);
                let problem =
                    Diagnostic::new(Code::ImportLeftOut, message).at(span, "no SLO and nothing that it counts");
                reader.report(problem.help("burndown alerts by the burn rate of each budget; `alerting` says how"));
            }
        }
    }
}

fn shared<'a>(nodes: &[&'a Node]) -> Shared<'a> {
    let mut shared = Shared::default();
    for node in nodes {
        let name = super::child(node, "metadata").and_then(|node| super::word(node, "name"));
        let (Some(name), Some(spec)) = (name, super::child(node, "spec")) else { continue };
        match super::word(node, "kind") {
            Some("SLI") => {
                shared.indicators.entry(name).or_insert(spec);
            }
            Some("DataSource") => {
                shared.sources.entry(name).or_insert(super::word(spec, "type").unwrap_or_default());
            }
            _ => {}
        }
    }
    shared
}

/// The places of what connects to a source, which may hold secrets.
pub(super) fn secrets(node: &Node) -> Option<&Node> {
    super::child(node, "spec").and_then(|spec| super::child(spec, "connectionDetails"))
}

/// The SLOs of one document, one for each objective.
fn slo(reader: &mut Reader, fields: &Fields<'_>, shared: &Shared<'_>, options: &Options) -> Vec<Draft> {
    let metadata = reader.require(fields, "metadata").and_then(|node| super::metadata(reader, node));
    let spec = reader.require(fields, "spec").and_then(|node| reader.foreign(node, "`spec`", &SPEC));
    let (Some(metadata), Some(spec)) = (metadata, spec) else { return Vec::new() };
    let name = super::object_name(reader, &metadata);
    let service = reader.require(&spec, "service");
    let service = service.and_then(|node| Some(Placed::new(reader.text(node, "`service`")?, node.span)));
    let labels = names::labels(reader, metadata.get("labels"), &[]);
    report_left_out(reader, &metadata, &spec);
    let (Some(name), Some(service)) = (name, service) else { return Vec::new() };
    let service = options.service.as_ref().map_or(service, |service| Placed::new(service.as_str(), name.span));
    let window = window(reader, &spec, options);
    let remark = display_name(&metadata);
    let description = super::description(reader, &spec);
    let format =
        if super::word_of(fields.get("apiVersion")) == Some("openslo/v1") { "OpenSLO v1" } else { "OpenSLO v1alpha" };
    let read = objective::all(reader, &spec, shared, &name);
    let Some(window) = window else { return Vec::new() };
    let drafts = read.into_iter().map(|read| Draft {
        service: service.clone(),
        name: read.name,
        format,
        remark: [remark.clone(), read.remark].into_iter().flatten().reduce(|one, other| format!("{one}: {other}")),
        service_labels: Vec::new(),
        labels: labels.clone(),
        description: description.clone(),
        objective: read.objective,
        window: window.clone(),
        sli: read.sli,
        budgeting: read.budgeting,
        alerting: None,
    });
    drafts.collect()
}

/// Says what of an SLO is not taken over.
fn report_left_out(reader: &mut Reader, metadata: &Fields<'_>, spec: &Fields<'_>) {
    if let Some(node) = metadata.get("annotations") {
        let problem = Diagnostic::new(Code::ImportLeftOut, "the annotations of an SLO are left out");
        reader.report(problem.at(node.span, "for other programs").help("`labels` are what burndown hands on"));
    }
    if let Some(Node { span, value: Value::List(policies) }) = spec.get("alertPolicies")
        && !policies.is_empty()
    {
        let problem = Diagnostic::new(Code::ImportLeftOut, "the alert policies of an SLO are left out");
        reader.report(
            problem
                .at(*span, "left out")
                .help("burndown alerts by the usual pairs of windows; `alerting.windows` sets others"),
        );
    }
}

/// What people call a thing.
fn display_name(fields: &Fields<'_>) -> Option<String> {
    super::word_of(fields.get("displayName")).map(str::to_owned)
}

/// The rolling window of an SLO.
fn window(reader: &mut Reader, spec: &Fields<'_>, options: &Options) -> Option<Node> {
    let Some(node) = spec.get("timeWindow").or_else(|| spec.get("timeWindows")) else {
        let window = options.window.map_or_else(|| "30d".to_owned(), |window| window.to_string());
        let problem = Diagnostic::new(Code::ImportNote, format!("the SLO has no window, so it has one of {window}"));
        reader.report(problem.at(spec.head(), "no `timeWindow`").help("`--window 28d` sets another one"));
        return Some(scalar(window, spec.head()));
    };
    let [one] = reader.filled_list(node, "the windows of an SLO")? else {
        let problem = Diagnostic::new(Code::ImportRefused, "the SLO has several windows");
        reader.report(
            problem
                .at(node.span, "several windows")
                .help("write one rolling window, such as `{duration: 30d, isRolling: true}`"),
        );
        return None;
    };
    let keys = ["duration", "count", "unit", "isRolling", "calendar"];
    let fields = reader.foreign(one, "a window", &keys)?;
    let is_rolling = fields.get("isRolling").and_then(|node| reader.flag(node, "`isRolling`"));
    let (text, span) = length(reader, &fields)?;
    let rolling = rolling(&text);
    if is_rolling == Some(false) || fields.get("calendar").is_some() {
        let span = ["calendar", "isRolling"].iter().find_map(|key| fields.key_span(key)).unwrap_or(one.span);
        let problem = Diagnostic::new(Code::ImportRefused, "the SLO has a calendar window");
        reader.report(problem.at(span, "budgets here are those of rolling windows").help(format!(
            "write `isRolling: true` and a `duration` such as `{}`, without `calendar`: on the first day of a calendar \
             window every failure is forgiven at once",
            rolling.as_deref().unwrap_or("30d")
        )));
        return None;
    }
    let Some(window) = rolling.filter(|window| *window != text) else { return Some(scalar(text, span)) };
    let message = format!("a window of {} becomes {window}", quoted(&text));
    let problem = Diagnostic::new(Code::ImportChanged, message).at(span, "not always as long");
    reader.report(problem.help("rolling windows are whole days"));
    Some(scalar(window, span))
}

/// How long a window is, in the shorthand of OpenSLO.
fn length(reader: &mut Reader, fields: &Fields<'_>) -> Option<(String, Span)> {
    if let Some(node) = fields.get("duration") {
        return Some((reader.text(node, "`duration`")?.to_owned(), node.span));
    }
    let (count, unit) = (reader.require(fields, "count"), reader.require(fields, "unit"));
    let units =
        [("Minute", "m"), ("Hour", "h"), ("Day", "d"), ("Week", "w"), ("Month", "M"), ("Quarter", "Q"), ("Year", "Y")];
    let (count, unit) = (count?, unit?);
    let text = reader.text(count, "`count`")?;
    Some((format!("{text}{}", reader.choice(unit, "`unit`", &units)?), count.span))
}

/// A rolling window of about the length of calendar units; days and weeks are what they are.
fn rolling(text: &str) -> Option<String> {
    let days = [('M', 30), ('Q', 90), ('Y', 365)].into_iter().find_map(|(unit, each)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(count.saturating_mul(each))
    });
    match days {
        Some(days) => Some(format!("{days}d")),
        None => text.ends_with(['d', 'w']).then(|| text.to_owned()),
    }
}
