//! All SLOs on one page: a table with the worst first, and what is closed, spent, unknown or firing.

use super::annotations::Annotations;
use super::dashboard::{Dashboard, Page};
use super::layout::{Layout, Placed};
use super::links::DataLink;
use super::panel::{Cell, Panel, Property};
use super::query::{self, Scope};
use super::slo::{amount, gate_column};
use super::target::Target;
use super::thresholds::Thresholds;
use super::units::{Decimals, Unit};
use super::variables::Variable;
use super::{Set, palette};
use crate::names::{Record, label};
use crate::promql::build::{Expr, Operator, call};

/// What the page shows at first: what changed since yesterday.
const RANGE: &str = "24h";

/// The least time between two points, that of the slow group.
pub(super) const EVERY: &str = "5m";

/// The column that the table is sorted by.
const WORST_BY: &str = "Share left";

/// The page of the fleet.
pub(super) fn page(set: &Set<'_>) -> Dashboard {
    let scope = Scope::services();
    Dashboard::from(Page {
        uid: format!("{}-fleet", set.options.uid_prefix),
        title: "SLO fleet".to_owned(),
        about: "Every SLO with its budget, the worst first. A row leads to the burndown of its SLO.",
        tags: set.tags(),
        range: RANGE.to_owned(),
        refresh: "1m",
        variables: vec![set.datasource(), services()],
        annotations: Annotations::of(&scope),
        links: set.links(),
        panels: panels(set, &scope),
    })
}

/// The services of the fleet.
pub(super) fn services() -> Variable {
    Variable::some_of("service", "Service", &Record::Info.name(), label::SERVICE)
}

fn panels(set: &Set<'_>, scope: &Scope) -> Vec<Placed> {
    let decimals = Decimals::of(set.plans.iter().copied());
    let layout = Layout::default()
        .panel(4, 4, number_of_slos(scope))
        .panel(4, 4, closed(scope))
        .panel(4, 4, spent(scope))
        .panel(4, 4, unknown(scope))
        .panel(4, 4, firing(scope))
        .panel(4, 4, least(scope))
        .panel(24, 14, table(set, scope, decimals))
        .panel(12, 9, lowest(scope))
        .panel(12, 9, alerts(scope));
    layout.finish()
}

/// A count of SLOs of which there should be none.
fn none_wanted(title: &str, description: &str, expr: Expr) -> Panel {
    Panel::stat(title, description, Unit::Count)
        .decimals(0)
        .thresholds(Thresholds::none_wanted())
        .query(Target::instant(&query::count(expr), title))
}

fn number_of_slos(scope: &Scope) -> Panel {
    Panel::stat("SLOs", "How many SLOs are evaluated. One that is missing has no rules loaded.", Unit::Count)
        .decimals(0)
        .query(Target::instant(&query::count(scope.slos(Record::Objective)), "SLOs"))
}

fn closed(scope: &Scope) -> Panel {
    let state = query::worst("min", query::gate_state(scope));
    none_wanted(
        "Gates closed",
        "SLOs whose budget is spent and not yet back. Their pipelines wait; look in the table for when they can go on.",
        state.join(Operator::Equal, query::number(0)),
    )
}

fn spent(scope: &Scope) -> Panel {
    let left = query::worst("min", scope.groups(Record::RemainingSeconds));
    none_wanted(
        "Budgets spent",
        "SLOs with nothing left of their budget. Repair what spent it before the next change.",
        left.join(Operator::LessOrEqual, query::number(0)),
    )
}

/// The state of gates that are unknown.
fn unknown(scope: &Scope) -> Panel {
    let state = query::worst("min", query::gate_state(scope));
    let unknown = state.join(Operator::Greater, query::number(0)).join(Operator::Less, query::number(3));
    none_wanted(
        "Unknown",
        "SLOs of which too little was observed. Nobody knows whether users are happy: look for targets or probes that \
         are away.",
        unknown,
    )
    .thresholds(Thresholds::always(palette::GOOD).then(1.0, palette::UNKNOWN))
}

pub(super) fn firing(scope: &Scope) -> Panel {
    none_wanted(
        "Alerts firing",
        "Alerts of the SLOs that fire, each severity and window for itself. Somebody should be at work on each.",
        query::alerts(scope),
    )
}

fn least(scope: &Scope) -> Panel {
    Panel::stat(
        "Least left",
        "The smallest share of a budget that any SLO has left. In its last quarter, weigh every change of that service.",
        Unit::Ratio,
    )
    .decimals(1)
    .thresholds(Thresholds::share())
    .query(Target::instant(&query::all("min", scope.groups(Record::RemainingRatio)), "left"))
}

/// The queries of a table of SLOs, whatever its rows: window, objective, good share, left, share left, burn rate, gate.
fn rows(scope: &Scope) -> [Expr; 7] {
    let window = [label::SERVICE, label::SLO, label::WINDOW];
    [
        query::by("max", &window, scope.slos(Record::Info)),
        query::worst("max", scope.slos(Record::Objective)),
        query::good_over_window(scope),
        query::worst("min", scope.groups(Record::RemainingSeconds)),
        query::worst("min", scope.groups(Record::RemainingRatio)),
        query::worst("max", scope.groups(Record::CurrentBurnRate)),
        query::worst("min", query::gate_state(scope)),
    ]
}

/// A table of SLOs, of all or of those with the least left.
pub(super) fn slos(panel: Panel, set: &Set<'_>, scope: &Scope, few: Option<i64>, decimals: Decimals) -> Panel {
    let share = query::worst("min", scope.groups(Record::RemainingRatio));
    let chosen = few.map(|few| query::lowest(few, share));
    let narrowed = |rows: Expr| match &chosen {
        Some(chosen) => rows.join_on(Operator::And, &query::of_slo(), chosen.clone()),
        None => rows,
    };
    let link = || Property::Links(vec![DataLink::to_slo(set.options.uid_prefix.as_str())]);
    let columns = ["Value #E", "Value #D", "Value #G", "Value #F", "Value #C", "Value #B", label::WINDOW];
    let columns = [&[label::SERVICE, label::SLO], columns.as_slice()].concat();
    let panel = rows(scope).into_iter().fold(panel, |panel, expr| panel.query(Target::rows(&narrowed(expr))));
    let percent = |name| vec![Property::Name(name), Property::Unit(Unit::Ratio), Property::Decimals(decimals.percent)];
    let left = [amount("Left", decimals.minutes), vec![link()]].concat();
    panel
        .columns(&columns, &["Time", "Value #A"])
        .series(label::SERVICE, vec![Property::Name("Service")])
        .series(label::SLO, vec![Property::Name("SLO"), link()])
        .series(label::WINDOW, vec![Property::Name("Window")])
        .series("Value #B", percent("Objective"))
        .series("Value #C", percent("Good over the window"))
        .series("Value #D", left)
        .series("Value #E", share_column())
        .series("Value #F", burn_rate_column())
        .series("Value #G", gate_column())
}

fn share_column() -> Vec<Property> {
    vec![
        Property::Name(WORST_BY),
        Property::Unit(Unit::Ratio),
        Property::Decimals(1),
        Property::Min(0.0),
        Property::Max(1.0),
        Property::Thresholds(Thresholds::share()),
        Property::Cell(Cell::BAR),
    ]
}

fn burn_rate_column() -> Vec<Property> {
    vec![
        Property::Name("Burn rate now"),
        Property::Unit(Unit::Number),
        Property::Decimals(2),
        Property::Thresholds(Thresholds::always(palette::GOOD).then(1.0, palette::LOW)),
        Property::Cell(Cell::ColorText),
    ]
}

fn table(set: &Set<'_>, scope: &Scope, decimals: Decimals) -> Panel {
    let panel = Panel::table(
        "SLOs, the worst first",
        "Each SLO with the worst of its groups, sorted by the share of its budget that is left. Start with the first \
         row: its name leads to its burndown. A row without numbers has not been observed yet.",
        WORST_BY,
        false,
    );
    slos(panel.no_value("unknown"), set, scope, None, decimals)
}

/// Lines of the SLOs with the least left.
pub(super) fn lowest(scope: &Scope) -> Panel {
    let share = query::worst("min", scope.groups(Record::RemainingRatio));
    let at_end = query::worst("min", query::newest(scope.of_groups(Record::RemainingRatio).at_end()));
    let shown = share.join(Operator::And, query::lowest(query::LINES, at_end));
    let legend = format!("{{{{{}}}}} {{{{{}}}}}", label::SERVICE, label::SLO);
    Panel::graph(
        "Share left of the ten lowest budgets",
        "The ten SLOs with the least left now. A line that falls steeply is an outage, one that falls steadily wants a \
         repair, and one that rises recovers.",
        Unit::Ratio,
    )
    .decimals(1)
    .interval(EVERY)
    .query(Target::over_time(&shown, &legend))
}

fn alerts(scope: &Scope) -> Panel {
    let some = call("topk", [query::number(query::ROWS), query::alerts(scope)]);
    let columns = [label::SEVERITY, label::ALERTNAME, label::SERVICE, label::SLO, label::LONG_WINDOW];
    Panel::table(
        "Firing alerts",
        "What fires now or did in the last six minutes. Take the first page, then the others, then the tickets.",
        "Severity",
        false,
    )
    .no_value("")
    .query(Target::rows(&some))
    .columns(&columns, &["Time", "Value"])
    .series(label::SEVERITY, vec![Property::Name("Severity")])
    .series(label::ALERTNAME, vec![Property::Name("Alert")])
    .series(label::SERVICE, vec![Property::Name("Service")])
    .series(label::SLO, vec![Property::Name("SLO")])
    .series(label::LONG_WINDOW, vec![Property::Name("Window")])
    .series(label::PROBE, vec![Property::Name("Probe")])
}
