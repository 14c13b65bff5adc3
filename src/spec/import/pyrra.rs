//! Files of pyrra: the Kubernetes object `ServiceLevelObjective`, which its other forms hold too.

use crate::diag::{Code, Diagnostic, Span};
use crate::names::label;
use crate::promql::Histogram;

use super::super::raw::{Entry, Node};
use super::super::read::{Complaint, Fields, Reader};
use super::Context;
use super::draft::{self, Draft};
use super::indicator::{self, Counter, Counts};
use super::names;
use super::tree::{Placed, entry, list, mapping, scalar, single};

/// Labels and annotations of the object that are those of its alerts begin with this.
const PREFIX: &str = "pyrra.dev/";

/// The keys of a specification.
const SPEC: [&str; 6] = ["description", "target", "window", "indicator", "alerting", "partial_response_strategy"];

/// The SLO of an object.
pub(super) fn object(reader: &mut Reader, node: &Node, context: &mut Context<'_>) -> Option<Draft> {
    let known = ["apiVersion", "kind", "metadata", "spec", "status"];
    let fields = reader.foreign(node, "a ServiceLevelObjective", &known)?;
    super::object_labels(reader, &fields, &[PREFIX], &mut context.said);
    let metadata = reader.require(&fields, "metadata").and_then(|node| super::metadata(reader, node))?;
    let name = super::object_name(reader, &metadata)?;
    let spec = reader.require(&fields, "spec").and_then(|node| reader.foreign(node, "`spec`", &SPEC))?;
    let objective = reader.require(&spec, "target").and_then(|node| super::percent(reader, node));
    let window = reader.require(&spec, "window").and_then(|node| super::text(reader, node, "`window`"));
    let sli = reader.require(&spec, "indicator").and_then(|node| sli(reader, node));
    let description = super::description(reader, &spec);
    if let Some(span) = spec.get("partial_response_strategy").map(|node| node.span) {
        let problem = Diagnostic::new(Code::ImportLeftOut, "the strategy for partial responses is left out");
        reader.report(problem.at(span, "only the ruler of Thanos knows it"));
    }
    let annotations = propagated(&metadata, "annotations");
    let annotations = names::annotations(reader, annotations.as_ref());
    let alerting = alerting(reader, &spec, annotations, name.span);
    let labels = propagated(&metadata, "labels");
    let labels = names::labels(reader, labels.as_ref(), &[]);
    let service = service(reader, &metadata, &name, context);
    say_what_differs(reader, name.span, context);
    Some(Draft {
        service,
        name,
        format: "pyrra ServiceLevelObjective",
        remark: None,
        service_labels: Vec::new(),
        labels,
        description,
        objective: objective?,
        window: window?,
        sli: sli?,
        budgeting: None,
        alerting,
    })
}

/// The service to which an SLO goes: pyrra has none.
fn service(reader: &mut Reader, metadata: &Fields<'_>, name: &Placed, context: &mut Context<'_>) -> Placed {
    if let Some(service) = &context.options.service {
        return Placed::new(service.as_str(), name.span);
    }
    let namespace = metadata.get("namespace");
    let namespace = namespace.and_then(|node| Some(Placed::new(reader.text(node, "`namespace`")?, node.span)));
    let (service, why) = match namespace {
        Some(namespace) => (namespace, "its namespace"),
        None => (name.clone(), "its own name"),
    };
    if !context.said.services.insert(service.text.clone()) {
        return service;
    }
    let message = format!("pyrra has no services, so this SLO belongs to one with {why}");
    let problem = Diagnostic::new(Code::ImportNote, message).at(service.span, "the service");
    reader.report(problem.help("`--service NAME` sets another one"));
    service
}

/// Labels or annotations of the object that pyrra hands on, under their names without the prefix.
fn propagated(metadata: &Fields<'_>, key: &str) -> Option<Node> {
    let node = metadata.get(key)?;
    let super::Value::Map(entries) = &node.value else { return None };
    let handed_on = entries.iter().filter_map(|one| {
        let key = one.key.strip_prefix(PREFIX)?.to_owned();
        Some(Entry { key, key_span: one.key_span, value: one.value.clone() })
    });
    Some(mapping(handed_on.collect(), node.span))
}

/// What means something else in every file of pyrra.
fn say_what_differs(reader: &mut Reader, span: Span, context: &mut Context<'_>) {
    if std::mem::replace(&mut context.said.pairs, true) {
        return;
    }
    let message = "pyrra's pairs of windows, with factors 14, 7, 2 and 1, become the usual ones of burndown";
    let problem = Diagnostic::new(Code::ImportNote, message).at(span, "alerts come at other times");
    reader.report(problem.help("`burndown check` says when each pair alerts; `alerting.windows` sets others"));
}

fn sli(reader: &mut Reader, node: &Node) -> Option<Node> {
    let kinds = ["ratio", "latency", "latencyNative", "bool_gauge"];
    let fields = reader.foreign(node, "`indicator`", &kinds)?;
    match reader.one_of(&fields, &kinds)? {
        ("ratio", node) => {
            let fields = reader.foreign(node, "`ratio`", &["errors", "total", "grouping"])?;
            let (errors, total) = (counter(reader, &fields, "errors"), counter(reader, &fields, "total"));
            let by = grouping(reader, &fields);
            Some(indicator::counters(&errors?, Counts::Bad, &total?, by))
        }
        ("latency", node) => {
            let fields = reader.foreign(node, "`latency`", &["success", "total", "grouping"])?;
            let (success, total) = (counter(reader, &fields, "success"), counter(reader, &fields, "total"));
            let by = grouping(reader, &fields);
            let sli = indicator::counters(&success?, Counts::Good, &total?, by);
            if super::kind_of(&sli) != Some("latency") {
                let message = "the two series are not of one histogram in seconds, so they are counted as they stand";
                let problem = Diagnostic::new(Code::ImportNote, message).at(node.span, "counters and no histogram");
                reader.report(problem.help("the same labels besides `le` would make it a `latency`"));
            }
            Some(sli)
        }
        ("latencyNative", node) => native(reader, node),
        (_, node) => {
            let fields = reader.foreign(node, "`bool_gauge`", &["metric", "grouping"])?;
            let metric = reader.require(&fields, "metric").and_then(|node| super::text(reader, node, "`metric`"));
            let by = grouping(reader, &fields);
            Some(single("gauge", mapping([entry("metric", metric?)].into_iter().chain(by).collect(), node.span)))
        }
    }
}

fn native(reader: &mut Reader, node: &Node) -> Option<Node> {
    let fields = reader.foreign(node, "`latencyNative`", &["total", "latency", "grouping"])?;
    let total = metric(reader, &fields, "total");
    let threshold = reader.require(&fields, "latency").and_then(|node| super::text(reader, node, "`latency`"));
    let by = grouping(reader, &fields);
    let total = total?;
    let histogram = Histogram::parse(&total.text).map_err(Complaint::from);
    reader.accept(total.span, Code::InvalidPromql, histogram)?;
    let entries =
        [entry("histogram", total.node()), entry("threshold", threshold?), entry("native", scalar("true", node.span))];
    Some(single("latency", mapping(entries.into_iter().chain(by).collect(), node.span)))
}

/// The series under `KEY.metric`.
fn metric(reader: &mut Reader, fields: &Fields<'_>, key: &str) -> Option<Placed> {
    let node = reader.require(fields, key)?;
    let fields = reader.foreign(node, "a query", &["metric"])?;
    let node = reader.require(&fields, "metric")?;
    Some(Placed::new(reader.text(node, "`metric`")?.trim(), node.span))
}

fn counter(reader: &mut Reader, fields: &Fields<'_>, key: &str) -> Option<Counter> {
    let text = metric(reader, fields, key)?;
    Counter::read(reader, &text)
}

/// Labels that tell groups apart.
fn grouping(reader: &mut Reader, fields: &Fields<'_>) -> Option<Entry> {
    let node = fields.get("grouping")?;
    let nodes = reader.list(node, "`grouping`")?;
    let labels: Vec<Node> =
        nodes.iter().filter_map(|node| super::text(reader, node, "a label of `grouping`")).collect();
    (!labels.is_empty()).then(|| entry("by", list(labels, node.span)))
}

/// How pyrra names its alerts, which there are, and the severities that routes know.
fn alerting(reader: &mut Reader, spec: &Fields<'_>, annotations: Vec<Entry>, span: Span) -> Option<Node> {
    let known = ["disabled", "burnrates", "absent", "name", "absentName"];
    let fields = spec.get("alerting").and_then(|node| reader.foreign(node, "`alerting`", &known));
    let fields = fields.as_ref();
    let get = |key: &str| fields.and_then(|fields| fields.get(key));
    let mut is = |key: &str, value: bool| {
        get(key).is_some_and(|node| reader.flag(node, "the switch of an alert") == Some(value))
    };
    if is("disabled", true) {
        let off = || vec![entry("disable", scalar("true", span))];
        return draft::alerting(vec![("page", off()), ("ticket", off())], span);
    }
    let (no_burn, no_absent) = (is("burnrates", false), is("absent", false));
    let mut alerts = Vec::new();
    for (alert, is_off, name) in [("burn", no_burn, "name"), ("data_missing", no_absent, "absentName")] {
        let mut entries = Vec::new();
        if is_off {
            entries.push(entry("disable", scalar("true", span)));
        }
        let name = get(name).filter(|_| !is_off).and_then(|node| names::alert_name(reader, node));
        entries.extend(name.map(|name| entry("name", name)));
        if alert == "burn" && !is_off && !annotations.is_empty() {
            entries.push(entry("annotations", mapping(annotations.clone(), span)));
        }
        if !entries.is_empty() {
            alerts.push(entry(alert, mapping(entries, span)));
        }
    }
    // The severities under which pyrra's alerts are routed.
    let severity = |word: &str| vec![entry("labels", single(label::SEVERITY, scalar(word, span)))];
    draft::alerting(vec![("page", severity("critical")), ("ticket", severity("warning")), ("alerts", alerts)], span)
}
