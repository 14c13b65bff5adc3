//! Files of sloth: `prometheus/v1`, and the Kubernetes object `PrometheusServiceLevel` that says the same.

use crate::diag::{Code, Diagnostic, Span};
use crate::names::label;

use super::super::raw::{Entry, Node};
use super::super::read::{Fields, Reader, quoted};
use super::draft::{self, Draft, whole};
use super::indicator::{self, Counts};
use super::names;
use super::tree::{Placed, entry, mapping, scalar};
use super::{Context, Drafts, child};

/// The window of every SLO unless sloth is started with another one.
const WINDOW: &str = "30d";

/// How the two forms spell what they share.
struct Words {
    format: &'static str,
    spec: &'static [&'static str],
    plugins: &'static str,
    error: &'static str,
    total: &'static str,
    raw: &'static str,
    page: &'static str,
    ticket: &'static str,
}

/// A file.
const FILE: Words = Words {
    format: "sloth prometheus/v1",
    spec: &["version", "service", "labels", "slos", "slo_plugins"],
    plugins: "slo_plugins",
    error: "error_query",
    total: "total_query",
    raw: "error_ratio_query",
    page: "page_alert",
    ticket: "ticket_alert",
};

/// A Kubernetes object.
const OBJECT: Words = Words {
    format: "sloth PrometheusServiceLevel",
    spec: &["service", "labels", "slos", "sloPlugins"],
    plugins: "sloPlugins",
    error: "errorQuery",
    total: "totalQuery",
    raw: "errorRatioQuery",
    page: "pageAlert",
    ticket: "ticketAlert",
};

/// The keys of an SLO.
const SLO: [&str; 9] =
    ["name", "description", "objective", "labels", "infoLabels", "sli", "alerting", "interval", "plugins"];

/// The SLOs of a file.
pub(super) fn file(reader: &mut Reader, node: &Node, context: &mut Context<'_>, drafts: &mut Drafts) {
    specification(reader, node, &FILE, context, drafts);
}

/// The SLOs of a Kubernetes object.
pub(super) fn object(reader: &mut Reader, node: &Node, context: &mut Context<'_>, drafts: &mut Drafts) {
    let known = ["apiVersion", "kind", "metadata", "spec", "status"];
    let Some(fields) = reader.foreign(node, "a PrometheusServiceLevel", &known) else { return };
    super::object_labels(reader, &fields, &[], &mut context.said);
    let Some(spec) = reader.require(&fields, "spec") else { return };
    specification(reader, spec, &OBJECT, context, drafts);
}

fn specification(reader: &mut Reader, node: &Node, words: &Words, context: &mut Context<'_>, drafts: &mut Drafts) {
    let Some(fields) = reader.foreign(node, "a specification of sloth", words.spec) else { return };
    let service = reader.require(&fields, "service");
    let service = service.and_then(|node| Some(Placed::new(reader.text(node, "`service`")?, node.span)));
    let labels = names::labels(reader, fields.get("labels"), &[]);
    left_out_plugins(reader, &fields, words.plugins);
    let nodes = reader.require(&fields, "slos").and_then(|node| reader.filled_list(node, "`slos`"));
    let (Some(service), Some(nodes)) = (service, nodes) else { return };
    for node in nodes {
        if let Some(draft) = whole(reader, |reader| slo(reader, node, words, &service, &labels, context)) {
            say_what_differs(reader, node, &draft, context);
            drafts.push(reader, draft);
        }
    }
}

/// What means something else in every file of sloth.
fn say_what_differs(reader: &mut Reader, node: &Node, draft: &Draft, context: &mut Context<'_>) {
    let span = draft.name.span;
    // A ratio that is given as one is averaged here too.
    let counts_events = child(node, "sli").is_some_and(|sli| child(sli, "events").is_some());
    if counts_events && !std::mem::replace(&mut context.said.averages, true) {
        let message =
            "sloth averages error ratios of five minutes over the window, and burndown counts every event alike";
        let problem =
            Diagnostic::new(Code::ImportNote, message).at(span, "its budget may differ where traffic is uneven");
        reader.report(
            problem
                .help(format!("its window is that of `--window`, or {WINDOW}: sloth is told on its own command line")),
        );
    }
    let is_disabled = |key| child(draft.alerting.as_ref()?, key).and_then(|node| child(node, "disable"));
    if is_disabled("page").and(is_disabled("ticket")).is_none()
        && !std::mem::replace(&mut context.said.severities, true)
    {
        let severity = label::SEVERITY;
        let message = format!("sloth's alerts carry the label `sloth_severity`, and burndown's carry `{severity}`");
        let problem = Diagnostic::new(Code::ImportNote, message).at(span, "routes may match on it");
        reader.report(problem.help("`alerting.page.labels` and `alerting.ticket.labels` set labels of alerts"));
    }
}

/// Reports plugins that are to change what sloth generates.
fn left_out_plugins(reader: &mut Reader, fields: &Fields<'_>, key: &str) {
    let Some(node) = fields.get(key) else { return };
    let Some(plugins) = reader.foreign(node, "the plugins", &["overridePrevious", "chain"]) else { return };
    let chain = plugins.get("chain").and_then(|node| reader.list(node, "`chain`")).unwrap_or_default();
    let ids: Vec<String> = chain
        .iter()
        .filter_map(|node| {
            let fields = reader.foreign(node, "a plugin", &["id", "config", "priority"])?;
            let id = reader.require(&fields, "id")?;
            reader.text(id, "`id`").map(quoted)
        })
        .collect();
    let span = fields.key_span(key).unwrap_or(node.span);
    let message = format!("plugins of sloth are left out: {}", ids.join(", "));
    let problem = Diagnostic::new(Code::ImportLeftOut, message).at(span, "they cannot be run here");
    reader.report(problem.help("what they add to the rules, add to the SLO file or to rules of your own"));
}

fn slo(
    reader: &mut Reader,
    node: &Node,
    words: &Words,
    service: &Placed,
    service_labels: &[Entry],
    context: &Context<'_>,
) -> Option<Draft> {
    let fields = reader.foreign(node, "an SLO", &SLO)?;
    let name = reader.require(&fields, "name");
    let name = name.and_then(|node| Some(Placed::new(reader.text(node, "`name`")?, node.span)));
    let objective = reader.require(&fields, "objective").and_then(|node| super::percent(reader, node));
    let sli = reader.require(&fields, "sli").and_then(|node| sli(reader, node, words));
    let labels = names::labels(reader, fields.get("labels"), &[]);
    let info = names::labels(reader, fields.get("infoLabels"), &[]);
    if let Some(first) = info.first() {
        let message = "labels of the information series are labels of the SLO here, and so on its alerts too";
        reader.report(Diagnostic::new(Code::ImportChanged, message).at(first.key_span, "on alerts too"));
    }
    left_out_plugins(reader, &fields, "plugins");
    if let Some(span) = fields.key_span("interval") {
        let problem = Diagnostic::new(Code::ImportLeftOut, "the evaluation intervals of one SLO are left out");
        reader.report(problem.at(span, "an interval of its own").help("`rules.interval` sets that of a whole service"));
    }
    let alerting = fields.get("alerting").and_then(|node| alerting(reader, node, words));
    let description = super::description(reader, &fields);
    let (name, objective, sli) = (name?, objective?, sli?);
    Some(Draft {
        service: service.clone(),
        window: scalar(
            context.options.window.map_or_else(|| WINDOW.to_owned(), |window| window.to_string()),
            name.span,
        ),
        name,
        format: words.format,
        remark: None,
        service_labels: service_labels.to_vec(),
        labels: names::merged(&info, &labels),
        description,
        objective,
        sli,
        budgeting: None,
        alerting,
    })
}

fn sli(reader: &mut Reader, node: &Node, words: &Words) -> Option<Node> {
    let kinds = ["events", "raw", "plugin"];
    let fields = reader.foreign(node, "`sli`", &kinds)?;
    match reader.one_of(&fields, &kinds)? {
        ("events", node) => {
            let fields = reader.foreign(node, "`events`", &[words.error, words.total])?;
            let error = reader.require(&fields, words.error).and_then(|node| super::query(reader, node));
            let total = reader.require(&fields, words.total).and_then(|node| super::query(reader, node));
            indicator::events(reader, &error?, Counts::Bad, &total?)
        }
        ("raw", node) => {
            let fields = reader.foreign(node, "`raw`", &[words.raw])?;
            let error = reader.require(&fields, words.raw).and_then(|node| super::query(reader, node))?;
            indicator::ratio(reader, &error)
        }
        (_, node) => {
            refuse_plugin(reader, node);
            None
        }
    }
}

/// A plugin is a program of sloth's that gives the queries.
fn refuse_plugin(reader: &mut Reader, node: &Node) {
    let Some(fields) = reader.foreign(node, "`plugin`", &["id", "options"]) else { return };
    let Some(id) = reader.require(&fields, "id") else { return };
    let Some(text) = reader.text(id, "`id`") else { return };
    let message = format!("the indicator is what the plugin {} gives, which only sloth can run", quoted(text));
    let problem = Diagnostic::new(Code::ImportRefused, message).at(id.span, "a plugin of sloth");
    reader.report(problem.help(
        "run `sloth generate`, and write the error and total queries that it gives under `events` in place of `plugin`",
    ));
}

/// Labels and annotations of alerts, and which there are.
fn alerting(reader: &mut Reader, node: &Node, words: &Words) -> Option<Node> {
    let known = ["name", "labels", "annotations", words.page, words.ticket];
    let fields = reader.foreign(node, "`alerting`", &known)?;
    let name = fields.get("name").and_then(|node| names::alert_name(reader, node));
    let labels = names::labels(reader, fields.get("labels"), &[label::SEVERITY]);
    let annotations = names::annotations(reader, fields.get("annotations"));
    let page = fields.get(words.page).map(|node| alert(reader, node)).unwrap_or_default();
    let ticket = fields.get(words.ticket).map(|node| alert(reader, node)).unwrap_or_default();
    let mut burn: Vec<Entry> = name.into_iter().map(|name| entry("name", name)).collect();
    // What sloth says of all its alerts is said of burn rates; the other alerts here have words of their own, unless one
    // severity overrides some of it.
    let is_split = !page.annotations.is_empty() || !ticket.annotations.is_empty();
    if !is_split && !annotations.is_empty() {
        burn.push(entry("annotations", mapping(annotations.clone(), node.span)));
    }
    let common = if is_split { annotations } else { Vec::new() };
    let burn = if burn.is_empty() { Vec::new() } else { vec![entry("burn", mapping(burn, node.span))] };
    let parts = vec![
        ("page", page.entries(&labels, &common, node.span)),
        ("ticket", ticket.entries(&labels, &common, node.span)),
        ("alerts", burn),
    ];
    draft::alerting(parts, node.span)
}

/// What a file says of the alerts of one severity.
#[derive(Default)]
struct Alert {
    disable: Option<Node>,
    labels: Vec<Entry>,
    annotations: Vec<Entry>,
}

impl Alert {
    /// The same in our words, on top of what is said of both severities.
    fn entries(self, labels: &[Entry], annotations: &[Entry], span: Span) -> Vec<Entry> {
        if let Some(disable) = self.disable {
            return vec![entry("disable", disable)];
        }
        let part = |key: &str, entries: Vec<Entry>| (!entries.is_empty()).then(|| entry(key, mapping(entries, span)));
        let labels = part("labels", names::merged(labels, &self.labels));
        labels.into_iter().chain(part("annotations", names::merged(annotations, &self.annotations))).collect()
    }
}

fn alert(reader: &mut Reader, node: &Node) -> Alert {
    let Some(fields) = reader.foreign(node, "an alert", &["disable", "labels", "annotations"]) else {
        return Alert::default();
    };
    let disabled = fields.get("disable").filter(|node| reader.flag(node, "`disable`") == Some(true));
    Alert {
        disable: disabled.map(|node| scalar("true", node.span)),
        labels: names::labels(reader, fields.get("labels"), &[label::SEVERITY]),
        annotations: names::annotations(reader, fields.get("annotations")),
    }
}
