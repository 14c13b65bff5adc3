//! `maintenance`: hours of every week in which something is expected to fail.
//!
//! The zone may be that of the working hours and the SLOs may stand in another file of the service, so that entries are
//! read first and given to their SLOs when everything else is read.

use jiff::tz::TimeZone;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::Name;

use super::super::keys;
use super::super::model::{Fleet, Maintenance, WorkingHours};
use super::super::raw::Node;
use super::super::read::{Reader, listed, nearest, quoted};
use super::calendar;

/// How many SLOs an error lists.
const MAX_LISTED: usize = 20;

/// An entry as the file has it.
pub(super) struct Draft {
    pub(super) name: Name,
    pub(super) span: Span,
    /// In the zone of the file's working hours if it has none of its own.
    hours: WorkingHours,
    has_zone: bool,
    /// Those that it is of; without, all of the service.
    slos: Option<Vec<(Name, Span)>>,
}

/// Reads an entry.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Draft> {
    let fields = reader.fields(node, "maintenance", &keys::MAINTENANCE)?;
    let name_node = reader.require(&fields, "name");
    let name = name_node.and_then(|node| reader.name(node, "the name of a maintenance"));
    let days = reader.require(&fields, "days").and_then(|node| calendar::days(reader, node));
    let from = reader.require(&fields, "from").and_then(|node| calendar::time(reader, node));
    let to = reader.require(&fields, "to").and_then(|node| calendar::time(reader, node));
    let has_zone = fields.get("timezone").is_some();
    let timezone = fields.get("timezone").map_or(Some(TimeZone::UTC), |node| calendar::zone(reader, node));
    let slos = match fields.get("slos") {
        None => Some(None),
        Some(node) => reader.filled_list(node, "`slos`").and_then(|nodes| {
            reader.each(nodes, |reader, node| Some((reader.name(node, "the name of an SLO")?, node.span))).map(Some)
        }),
    };
    let hours = WorkingHours { days: days?, from: from?, to: to?, timezone: timezone?, holidays: Vec::new() };
    if hours.from >= hours.to {
        let span = fields.get("to").map_or(fields.head(), |node| node.span);
        let problem = Diagnostic::new(Code::InvalidMaintenance, "the maintenance ends before it begins");
        reader.report(
            problem
                .at(span, "not later than `from`")
                .help("write a `to` later than `from`, and two entries for a night"),
        );
        return None;
    }
    Some(Draft { name: name?, span: name_node?.span, hours, has_zone, slos: slos? })
}

/// Gives the entries of a service to its SLOs, or reports why that cannot be.
pub(super) fn give(reader: &mut Reader, drafts: Vec<(Name, Draft)>, fleet: &mut Fleet) {
    for (service, mut draft) in drafts {
        let Some(service) = fleet.services.get_mut(&service) else { continue };
        if !draft.has_zone {
            let Some(working) = &service.working_hours else {
                let message = format!("nobody says in which time zone the maintenance `{}` is", draft.name);
                let problem = Diagnostic::new(Code::InvalidMaintenance, message).at(draft.span, "in no time zone");
                reader.report(problem.help(
                    "write a `timezone` such as `Europe/Dublin`, or `working_hours`, whose zone is used without one",
                ));
                continue;
            };
            draft.hours.timezone = working.timezone.clone();
        }
        let known: Vec<Name> = service.slos.keys().cloned().collect();
        let meant = match &draft.slos {
            None => known,
            Some(named) => named.iter().filter_map(|(name, span)| known_slo(reader, &known, name, *span)).collect(),
        };
        let maintenance = Maintenance { name: draft.name, hours: draft.hours };
        for name in meant {
            if let Some(slo) = service.slos.get_mut(&name) {
                slo.maintenance.push(maintenance.clone());
            }
        }
    }
}

/// A name of an SLO that there is.
fn known_slo(reader: &mut Reader, known: &[Name], name: &Name, span: Span) -> Option<Name> {
    if known.contains(name) {
        return Some(name.clone());
    }
    let known: Vec<&str> = known.iter().map(Name::as_str).take(MAX_LISTED).collect();
    let message = format!("there is no SLO {}", quoted(name.as_str()));
    let mut problem = Diagnostic::new(Code::UnknownSlo, message).at(span, "unknown SLO");
    if let Some(near) = nearest(name.as_str(), &known) {
        problem = problem.help(format!("did you mean `{near}`?"));
    }
    problem = match known.as_slice() {
        [] => problem.help("the service has no SLOs that can be read"),
        known => problem.help(format!("SLOs of the service: {}", listed(known))),
    };
    reader.report(problem);
    None
}
