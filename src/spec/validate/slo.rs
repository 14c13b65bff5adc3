//! An SLO: its promise, its window, and what it sets for itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Diagnostic, Span};
use crate::units::{Duration, LabelName, Objective};

use super::super::keys;
use super::super::model::{Alerting, Budgeting, Sli, Slo};
use super::super::raw::{Node, Value};
use super::super::read::{Fields, Reader};
use super::alerting::Scope;
use super::names::{Catalog, Kind};
use super::{File, alerting, budgeting, gate, labels, sli};

/// The window of an SLO whose file says none.
const WINDOW: Duration = Duration::from_days(30);

/// The shortest and the longest window.
const WINDOWS: (Duration, Duration) = (Duration::from_hours(1), Duration::from_days(90));

/// The length of the sums that windows are made of.
const SLICE: Duration = Duration::from_mins(5);

/// Reads an SLO of a file.
pub(super) fn read(reader: &mut Reader, node: &Node, file: &File<'_>, catalog: &mut Catalog) -> Option<Slo> {
    let fields = reader.fields(node, "an SLO", &keys::SLO)?;
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
    let sli = reader.require(&fields, "sli").and_then(|node| sli::read(reader, node, file, catalog));
    let budgeting = budgeting(reader, &fields, file, sli.as_ref().map(|(sli, _)| sli));
    let mut labels = file.labels.clone();
    labels.extend(fields.get("labels").and_then(|node| labels::plain(reader, node)).unwrap_or_default());
    let gate_draft = fields.get("gate").map(|node| gate::read(reader, node)).unwrap_or_default();
    let gate = gate::combine(file.gate, gate_draft);
    let draft =
        fields.get("alerting").map(|node| alerting::read(reader, node, file.rules, Scope::Slo)).unwrap_or_default();
    let length = window.map_or(WINDOW, |(window, _)| window);
    let (alerting, alerting_span) = alerting::combine(reader, file, &draft, length);
    let (sli, groups) = sli?;
    report_conflicts(reader, &labels, &alerting, &groups);
    let (objective, objective_span) = objective?;
    Some(Slo {
        service: service?.clone(),
        name: name?,
        description: description.map(str::to_owned),
        labels,
        objective,
        window: length,
        sli,
        budgeting,
        rules: file.rules?,
        alerting,
        gate,
        maintenance: Vec::new(),
        span: name_node?.span,
        objective_span,
        window_span: window.map_or(objective_span, |(_, span)| span),
        alerting_span,
    })
}

fn budgeting(reader: &mut Reader, fields: &Fields<'_>, file: &File<'_>, sli: Option<&Sli>) -> Budgeting {
    let given = fields.get("budgeting");
    let of_slo = given.and_then(|node| budgeting::read(reader, node, file.rules));
    let of_file = file.budgeting.filter(|_| given.is_none());
    budgeting::combine(reader, of_file, of_slo, sli.zip(fields.key_span("sli")))
}

/// A rolling window, with its place.
pub(super) fn window(reader: &mut Reader, node: &Node) -> Option<(Duration, Span)> {
    if let Value::Scalar(text) = &node.value
        && let Some((calendar, rolling)) = calendar(text)
    {
        let problem = Diagnostic::new(Code::InvalidWindow, format!("a window of {calendar} is a calendar window"));
        reader.report(problem.at(node.span, "budgets here are those of rolling windows").help(format!(
            "write `{rolling}`: on the first of a month a calendar window forgives every failure at once, a rolling one never"
        )));
        return None;
    }
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

/// What a calendar window is called, and the rolling one to use instead.
fn calendar(word: &str) -> Option<(&'static str, &'static str)> {
    let lower = word.to_lowercase();
    let number_of = |unit: char| word.strip_suffix(unit).is_some_and(|count| count.parse::<u32>().is_ok());
    match lower.trim_start_matches("calendar").trim_start_matches(['-', '_', ' ']) {
        "" if !lower.is_empty() => Some(("a month", "30d")),
        "month" | "monthly" | "months" => Some(("a month", "30d")),
        "quarter" | "quarterly" => Some(("a quarter", "90d")),
        "week" | "weekly" => Some(("a week", "7d")),
        "day" | "daily" => Some(("a day", "1d")),
        "year" | "yearly" | "annual" => Some(("a year", "90d")),
        _ if number_of('M') => Some(("months", "30d")),
        _ if number_of('Q') => Some(("quarters", "90d")),
        _ => None,
    }
}

/// Reports each label that tells groups apart and that the file also sets to one value for all of them.
fn report_conflicts(
    reader: &mut Reader,
    labels: &BTreeMap<LabelName, String>,
    alerting: &Alerting,
    groups: &[(LabelName, Span)],
) {
    let of_alerts = alerting.alerts.values().map(|alert| &alert.options);
    let options = [&alerting.page.options, &alerting.ticket.options].into_iter().chain(of_alerts);
    let set: BTreeSet<&LabelName> = labels.keys().chain(options.flat_map(|options| options.labels.keys())).collect();
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
