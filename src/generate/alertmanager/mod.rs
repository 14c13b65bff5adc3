//! Alertmanager's configuration: pages, tickets and the watchdog go apart, and one outage is one page.
//!
//! Only the reader knows how to reach anybody: the receivers are those of a file of the reader, or else names alone. Burn-rate
//! alerts are told by their window labels and not by their name, so that no other alert is ever muted.

mod notice;
mod receivers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::civil::{Time, Weekday};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::alerts::NOBODY;
use super::yaml::{self, display};
use super::{Artifact, Kind};
use crate::names::label;
use crate::promql::quote;
use crate::slo::{Plan, SloPlan};
use crate::spec::model::{Maintenance, Severity, WorkingHours};
use crate::units::Duration;

pub use receivers::{Receivers, ReceiversError};

/// What the file says of itself, below the line that every generated file begins with.
const ADVICE: &str = "\
# The receivers `page`, `ticket` and `watchdog` are names alone until you say where they go: in a file with `receivers`
# for `burndown generate --alertmanager.receivers FILE`. Or take `routes`, `inhibit_rules` and `templates` into the
# configuration that you have.
";

/// What the file says of itself where the receivers are known.
const FILLED: &str = "# The receivers are those of the file that `--alertmanager.receivers` named.\n";

/// What a plan does not say of those who are told.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How they are reached, if that is known.
    pub receivers: Option<Receivers>,
    /// Where people find the board, for links to it.
    pub board: Option<Url>,
}

/// A page waits this long for the other groups of its outage.
const PAGE_WAIT: Duration = Duration::from_secs(10);

/// A ticket waits this long, so that an outage that pages a little later opens none.
const TICKET_WAIT: Duration = Duration::from_mins(5);

/// How often a group that changed is told again.
const GROUP_INTERVAL: Duration = Duration::from_mins(5);

/// How often a page that goes on is repeated.
const PAGE_AGAIN: Duration = Duration::from_hours(4);

/// How often a ticket is; Alertmanager forgets after five days what it has sent.
const TICKET_AGAIN: Duration = Duration::from_days(1);

/// How often a dead man's switch hears that all is well.
const WATCHDOG_AGAIN: Duration = Duration::from_mins(5);

/// How often Alertmanager looks whether that time has come.
const WATCHDOG_LOOK: Duration = Duration::from_mins(1);

/// Alertmanager's configuration, as far as it is written here.
#[derive(Debug, Serialize)]
struct Configuration {
    #[serde(skip_serializing_if = "Option::is_none")]
    global: Option<Value>,
    templates: Vec<Value>,
    route: Root,
    receivers: Vec<Value>,
    inhibit_rules: Vec<Inhibition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    time_intervals: Vec<Named>,
}

/// The top of the routing tree, which also has whatever is not of an SLO.
#[derive(Debug, Serialize)]
struct Root {
    receiver: &'static str,
    routes: Vec<Route>,
}

/// A branch of the routing tree; the first that matches takes an alert.
#[derive(Debug, Serialize)]
struct Route {
    receiver: &'static str,
    matchers: Vec<String>,
    group_by: Vec<String>,
    #[serde(serialize_with = "display")]
    group_wait: Duration,
    #[serde(serialize_with = "display")]
    group_interval: Duration,
    #[serde(serialize_with = "display")]
    repeat_interval: Duration,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mute_time_intervals: Vec<String>,
}

/// Hours of the week under a name, in which a route that names them notifies nobody.
#[derive(Debug, Serialize)]
struct Named {
    name: String,
    time_intervals: Vec<Hours>,
}

/// Hours of some days of the week, in the time of a place.
#[derive(Debug, Serialize)]
struct Hours {
    weekdays: Vec<&'static str>,
    times: Vec<Times>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

/// From when until when on a day, as `02:00`.
#[derive(Debug, Serialize)]
struct Times {
    start_time: String,
    end_time: String,
}

/// Targets are muted while a source fires that has equal labels. A label that both lack is equal.
#[derive(Clone, Debug, Serialize)]
struct Inhibition {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    equal: Vec<String>,
}

/// The configuration for all services of a plan with its templates; nothing if it has no SLO.
pub(super) fn artifacts(plan: &Plan, options: &Options) -> Result<Vec<Artifact>, yaml::Error> {
    let plans: Vec<&SloPlan> = plan.slos().collect();
    if plans.is_empty() {
        return Ok(Vec::new());
    }
    let path = PathBuf::from(Kind::Alertmanager.directory()).join("alertmanager.yaml");
    let advice = if options.receivers.is_some() { FILLED } else { ADVICE };
    let receivers = options.receivers.clone().unwrap_or_default();
    let text = yaml::print_with(advice, &configuration(&plans, receivers))?;
    Ok(vec![Artifact { path, text }, notice::artifact(options.board.as_ref())])
}

fn configuration(plans: &[&SloPlan], told: Receivers) -> Configuration {
    let outage = outage(plans);
    let inhibit_rules = [inhibitions_of_tickets(plans, &outage), inhibitions_of_pages(plans, &outage)].concat();
    let templates = std::iter::once(Value::from(notice::PATH)).chain(told.templates).collect();
    let time_intervals = time_intervals(plans);
    let route = Root { receiver: TICKET, routes: routes(plans, outage) };
    Configuration { global: told.global, templates, route, receivers: told.receivers, inhibit_rules, time_intervals }
}

/// The receiver of pages.
const PAGE: &str = "page";

/// The receiver of tickets.
const TICKET: &str = "ticket";

/// The receiver of alerts that always fire: something that complains when it hears nothing.
const WATCHDOG: &str = "watchdog";

/// The labels that all alerts of one outage share, and that no two outages do: the SLO and its group.
fn outage(plans: &[&SloPlan]) -> Vec<String> {
    let by: BTreeSet<String> = plans.iter().flat_map(|plan| super::rules::by(plan)).collect();
    [label::SERVICE, label::SLO].map(str::to_owned).into_iter().chain(by).collect()
}

/// What calls somebody at night to `page`, what calls nobody to `watchdog`, everything else of an SLO to `ticket`.
fn routes(plans: &[&SloPlan], outage: Vec<String>) -> Vec<Route> {
    let mut group_by = outage;
    group_by.push(label::SEVERITY.to_owned());
    let ours = format!("{}!=\"\"", label::SERVICE);
    let words: BTreeSet<&str> = plans.iter().map(|plan| severity(plan, Severity::Page)).collect();
    let page = |matchers, mute_time_intervals| Route {
        receiver: PAGE,
        matchers,
        group_by: group_by.clone(),
        group_wait: PAGE_WAIT,
        group_interval: GROUP_INTERVAL,
        repeat_interval: PAGE_AGAIN,
        mute_time_intervals,
    };
    let muted = maintained(plans).into_iter().map(|(matchers, names)| page(matchers, names));
    let pages = words.into_iter().map(|word| page(vec![ours.clone(), is(label::SEVERITY, word)], Vec::new()));
    let tickets = Route {
        receiver: TICKET,
        matchers: vec![ours.clone()],
        group_by: group_by.clone(),
        group_wait: TICKET_WAIT,
        group_interval: GROUP_INTERVAL,
        repeat_interval: TICKET_AGAIN,
        mute_time_intervals: Vec::new(),
    };
    let watchdogs = Route {
        receiver: WATCHDOG,
        matchers: vec![ours.clone(), is(label::SEVERITY, NOBODY)],
        group_by: vec![label::SERVICE.to_owned()],
        group_wait: Duration::ZERO,
        group_interval: WATCHDOG_LOOK,
        repeat_interval: WATCHDOG_AGAIN,
        mute_time_intervals: Vec::new(),
    };
    muted.chain(pages).chain([watchdogs, tickets]).collect()
}

/// What selects the pages of SLOs that have maintenance, and the names of its hours.
///
/// SLOs of a service with the same maintenance share a route.
fn maintained(plans: &[&SloPlan]) -> Vec<(Vec<String>, Vec<String>)> {
    let mut alike: BTreeMap<(String, &str, Vec<String>), Vec<String>> = BTreeMap::new();
    for plan in plans.iter().filter(|plan| !plan.slo.maintenance.is_empty()) {
        let names = plan.slo.maintenance.iter().map(|maintenance| interval(plan, maintenance)).collect();
        let key = (plan.slo.service.to_string(), severity(plan, Severity::Page), names);
        alike.entry(key).or_default().push(plan.slo.name.to_string());
    }
    let route = |((service, word, names), slos): ((String, &str, Vec<String>), Vec<String>)| {
        // Names hold nothing that means something to a regular expression.
        let of_slos = format!("{}=~{}", label::SLO, quote(&slos.join("|")));
        (vec![is(label::SERVICE, &service), of_slos, is(label::SEVERITY, word)], names)
    };
    alike.into_iter().map(route).collect()
}

/// The hours of all maintenance, each once.
fn time_intervals(plans: &[&SloPlan]) -> Vec<Named> {
    let mut named: BTreeMap<String, Hours> = BTreeMap::new();
    for plan in plans {
        for maintenance in &plan.slo.maintenance {
            named.entry(interval(plan, maintenance)).or_insert_with(|| Hours::of(&maintenance.hours));
        }
    }
    named.into_iter().map(|(name, hours)| Named { name, time_intervals: vec![hours] }).collect()
}

/// The name of the hours of a maintenance; names hold no `/`, so two never collide.
fn interval(plan: &SloPlan, maintenance: &Maintenance) -> String {
    format!("burndown/{}/{}", plan.slo.service, maintenance.name)
}

impl Hours {
    fn of(hours: &WorkingHours) -> Self {
        let time = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
        let times = vec![Times { start_time: time(hours.from), end_time: time(hours.to) }];
        // Without a place, Alertmanager means UTC.
        let location = hours.timezone.iana_name().map(str::to_owned);
        Self { weekdays: hours.days.iter().copied().map(weekday).collect(), times, location }
    }
}

/// A day of the week as Alertmanager names it.
const fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

/// A page mutes the burn-rate tickets of its outage. Other tickets say something that no page says.
fn inhibitions_of_tickets(plans: &[&SloPlan], equal: &[String]) -> Vec<Inhibition> {
    let pairs = plans.iter().map(|plan| (severity(plan, Severity::Page), severity(plan, Severity::Ticket)));
    // Where both have the same word, nothing tells them apart, and nothing may be muted.
    let pairs: BTreeSet<_> = pairs.filter(|(page, ticket)| page != ticket).collect();
    pairs
        .into_iter()
        .map(|(page, ticket)| Inhibition {
            source_matchers: vec![is(label::SEVERITY, page), burns()],
            target_matchers: vec![is(label::SEVERITY, ticket), burns()],
            equal: equal.to_vec(),
        })
        .collect()
}

/// The page pair with the shorter window mutes those with longer ones: they see a fast outage later, and forget it
/// later, and would only say again what has been said.
fn inhibitions_of_pages(plans: &[&SloPlan], equal: &[String]) -> Vec<Inhibition> {
    let mut seen = BTreeSet::new();
    for plan in plans {
        let pages = || plan.pairs.iter().filter(|pair| pair.severity == Severity::Page);
        for short in pages() {
            let longer = pages().filter(|pair| pair.long > short.long);
            seen.extend(longer.map(|pair| (severity(plan, Severity::Page), short.long, pair.long)));
        }
    }
    seen.into_iter()
        .map(|(word, short, long)| Inhibition {
            source_matchers: vec![is(label::SEVERITY, word), is(label::LONG_WINDOW, &short.to_string())],
            target_matchers: vec![is(label::SEVERITY, word), is(label::LONG_WINDOW, &long.to_string())],
            equal: equal.to_vec(),
        })
        .collect()
}

/// The word that the file has for a severity.
fn severity(plan: &SloPlan, severity: Severity) -> &str {
    match severity {
        Severity::Page => &plan.slo.alerting.page.severity,
        Severity::Ticket => &plan.slo.alerting.ticket.severity,
    }
}

/// Only burn-rate alerts have windows.
fn burns() -> String {
    format!("{}!=\"\"", label::LONG_WINDOW)
}

fn is(name: &str, value: &str) -> String {
    format!("{name}={}", quote(value))
}
