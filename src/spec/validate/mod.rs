//! Raw → model: reads every file of a set, collects every error, and builds the fleet.
//!
//! One module per part of the file format. Services come together from several files, so names are claimed
//! and probes are looked up across all of them: probes are read first, then SLOs. No mathematics here.

mod alerting;
mod budgeting;
mod calendar;
mod chain;
mod dns;
mod expect;
mod gate;
mod grpc;
mod http;
mod icmp;
mod journey;
mod labels;
mod maintenance;
mod names;
mod probe;
mod rules;
mod secret;
mod sli;
mod slo;
mod target;
mod tcp;
mod template;
mod tls;
mod uplink;

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Span};
use crate::names::Alert;
use crate::units::{Duration, LabelName, Name};

use self::alerting::Scope;
use self::names::{Catalog, Kind};
use super::keys;
use super::model::{Budgeting, Fleet, RuleTiming, Service};
use super::raw::Node;
use super::read::{Fields, Reader, quoted};

/// The version of the format that is read.
const VERSION: &str = "burndown/v1";

/// What a file says for all its SLOs.
struct File<'a> {
    fields: Fields<'a>,
    /// The service; nothing if it could not be read.
    service: Option<Name>,
    labels: BTreeMap<LabelName, String>,
    window: Option<(Duration, Span)>,
    /// How the rules look; nothing if that could not be read.
    rules: Option<RuleTiming>,
    budgeting: Option<(Budgeting, Span)>,
    gate: gate::Draft,
    alerting: alerting::Draft,
}

/// Reads the trees of all files into one fleet, with everything that is wrong in them.
pub(super) fn fleet(trees: &[Node]) -> (Fleet, Vec<Diagnostic>) {
    let mut reader = Reader::default();
    let mut catalog = Catalog::default();
    let mut fleet = Fleet::default();
    let files: Vec<File<'_>> = trees.iter().filter_map(|tree| file(&mut reader, tree)).collect();
    for file in &files {
        probes(&mut reader, file, &mut catalog, &mut fleet);
        planning(&mut reader, file, &mut catalog, &mut fleet);
    }
    let maintained = maintained(&mut reader, &files, &mut catalog);
    for file in &files {
        slos(&mut reader, file, &mut catalog, &mut fleet);
    }
    maintenance::give(&mut reader, maintained, &mut fleet);
    service_alerts(&mut reader, &files, &mut fleet);
    report_disagreeing_rules(&mut reader, &files);
    catalog.report_unused(&mut reader);
    (fleet, reader.problems)
}

/// The places of secrets that should not stand in a file, so that no rendering shows them.
pub(super) fn exposed_secrets(tree: &Node) -> Vec<Span> {
    let mut found = Vec::new();
    secret::exposed(tree, &mut found);
    found
}

/// Reports files of one service whose rules would look at different intervals.
fn report_disagreeing_rules(reader: &mut Reader, files: &[File<'_>]) {
    let mut first: BTreeMap<&Name, (RuleTiming, Span)> = BTreeMap::new();
    for file in files {
        let is_set = file.fields.key_span("rules");
        // A file of defaults only, such as working hours, has no rules to look at anything.
        if is_set.is_none() && file.fields.get("slos").is_none() {
            continue;
        }
        let span = is_set.or_else(|| file.fields.key_span("service"));
        let (Some(name), Some(rules), Some(span)) = (&file.service, file.rules, span) else { continue };
        let (known, place) = *first.entry(name).or_insert((rules, span));
        if known != rules {
            let message = format!("the files of the service `{name}` disagree on `rules`");
            let problem = Diagnostic::new(Code::RulesDisagree, message).at(span, timing(rules));
            reader.report(
                problem
                    .also(place, timing(known))
                    .help("write the same `rules` in each file: the rules of a service share one evaluation interval"),
            );
        }
    }
}

/// The timing of rules in words.
fn timing(rules: RuleTiming) -> String {
    format!("interval {}, delay {}, lookback {}", rules.interval, rules.delay, rules.lookback)
}

/// Gives what a file says of the alerts of its whole service to every SLO of the service.
fn service_alerts(reader: &mut Reader, files: &[File<'_>], fleet: &mut Fleet) {
    let mut set: BTreeMap<(&Name, Alert), Span> = BTreeMap::new();
    for file in files {
        let Some(name) = &file.service else { continue };
        for (alert, rule, span) in file.alerting.of_service() {
            if let Some(first) = set.get(&(name, alert)) {
                let message = format!("an alert of the service `{name}` is set twice");
                let problem = Diagnostic::new(Code::ServiceAlert, message).at(span, "again here");
                reader.report(problem.also(*first, "first here").help("keep it in one of the service's files"));
                continue;
            }
            set.insert((name, alert), span);
            for slo in fleet.services.get_mut(name).into_iter().flat_map(|service| service.slos.values_mut()) {
                slo.alerting.alerts.insert(alert, rule.clone());
            }
        }
    }
}

/// Reads what a file says for all its SLOs.
fn file<'a>(reader: &mut Reader, tree: &'a Node) -> Option<File<'a>> {
    let fields = reader.fields(tree, "an SLO file", &keys::FILE)?;
    version(reader, &fields);
    let service = reader.require(&fields, "service").and_then(|node| reader.name(node, "the name of a service"));
    let labels = fields.get("labels").and_then(|node| labels::plain(reader, node)).unwrap_or_default();
    let window = fields.get("window").and_then(|node| slo::window(reader, node));
    let rules = fields.get("rules").map_or(Some(RuleTiming::default()), |node| rules::read(reader, node));
    let budgeting = fields.get("budgeting").and_then(|node| budgeting::read(reader, node, rules));
    let gate = fields.get("gate").map(|node| gate::read(reader, node)).unwrap_or_default();
    let alerting =
        fields.get("alerting").map(|node| alerting::read(reader, node, rules, Scope::File)).unwrap_or_default();
    Some(File { fields, service, labels, window, rules, budgeting, gate, alerting })
}

fn version(reader: &mut Reader, fields: &Fields<'_>) {
    let Some(node) = reader.require(fields, "version") else { return };
    match reader.text(node, "the version") {
        None | Some(VERSION) => {}
        Some(other) => reader.report(
            Diagnostic::new(Code::UnknownValue, format!("the version {} is not known", quoted(other)))
                .at(node.span, "unknown version")
                .help(format!("write `{VERSION}`")),
        ),
    }
}

/// The service that a file belongs to, if its name could be read.
fn service<'f>(file: &File<'_>, fleet: &'f mut Fleet) -> Option<&'f mut Service> {
    let name = file.service.clone()?;
    let new = || Service {
        name: name.clone(),
        probes: BTreeMap::new(),
        slos: BTreeMap::new(),
        changes: BTreeMap::new(),
        working_hours: None,
        uplink: None,
    };
    Some(fleet.services.entry(name.clone()).or_insert_with(new))
}

/// The elements of one of the file's lists.
fn elements<'a>(reader: &mut Reader, file: &File<'a>, key: &str) -> &'a [Node] {
    file.fields.get(key).and_then(|node| reader.list(node, &format!("`{key}`"))).unwrap_or_default()
}

fn probes(reader: &mut Reader, file: &File<'_>, catalog: &mut Catalog, fleet: &mut Fleet) {
    for node in elements(reader, file, "probes") {
        let probe = probe::read(reader, node, file.service.as_ref(), catalog);
        if let (Some(service), Some(probe)) = (service(file, fleet), probe) {
            service.probes.entry(probe.name.clone()).or_insert(probe);
        }
    }
}

fn planning(reader: &mut Reader, file: &File<'_>, catalog: &mut Catalog, fleet: &mut Fleet) {
    for node in elements(reader, file, "changes") {
        let change = calendar::change(reader, node);
        let Some(change) = change else { continue };
        catalog.claim(reader, Kind::Change, file.service.as_ref(), &change.name, change.span);
        if let Some(service) = service(file, fleet) {
            service.changes.entry(change.name.clone()).or_insert(change);
        }
    }
    uplink(reader, file, catalog, fleet);
    let Some(node) = file.fields.get("working_hours") else { return };
    let hours = calendar::working_hours(reader, node);
    let span = file.fields.key_span("working_hours").unwrap_or(node.span);
    catalog.claim_working_hours(reader, file.service.as_ref(), span);
    if let Some(service) = service(file, fleet) {
        service.working_hours = service.working_hours.take().or(hours);
    }
}

/// The planned maintenance of every file, by service.
fn maintained(reader: &mut Reader, files: &[File<'_>], catalog: &mut Catalog) -> Vec<(Name, maintenance::Draft)> {
    let mut drafts = Vec::new();
    for file in files {
        for node in elements(reader, file, "maintenance") {
            let Some(draft) = maintenance::read(reader, node) else { continue };
            catalog.claim(reader, Kind::Maintenance, file.service.as_ref(), &draft.name, draft.span);
            drafts.extend(file.service.clone().map(|service| (service, draft)));
        }
    }
    drafts
}

fn uplink(reader: &mut Reader, file: &File<'_>, catalog: &mut Catalog, fleet: &mut Fleet) {
    let Some(node) = file.fields.get("uplink") else { return };
    let uplink = uplink::read(reader, node);
    let span = file.fields.key_span("uplink").unwrap_or(node.span);
    catalog.claim_uplink(reader, file.service.as_ref(), span);
    if let Some(service) = service(file, fleet) {
        service.uplink = service.uplink.take().or(uplink);
    }
}

fn slos(reader: &mut Reader, file: &File<'_>, catalog: &mut Catalog, fleet: &mut Fleet) {
    for node in elements(reader, file, "slos") {
        let slo = slo::read(reader, node, file, catalog);
        if let (Some(service), Some(slo)) = (service(file, fleet), slo) {
            service.slos.entry(slo.name.clone()).or_insert(slo);
        }
    }
    // A file may hold only defaults that another one uses; its service exists all the same.
    let _ = service(file, fleet);
}
