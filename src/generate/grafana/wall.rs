//! A board for a screen without a keyboard: nothing to choose, few things, large.

use super::annotations::Annotations;
use super::dashboard::{Dashboard, Page};
use super::fleet;
use super::layout::{Layout, Placed};
use super::panel::Panel;
use super::query::{self, Scope};
use super::target::Target;
use super::thresholds::{Mapping, Thresholds};
use super::units::{Decimals, Unit};
use super::{Set, palette};
use crate::names::Record;

/// How many SLOs can be read from across a room.
const ROWS: i64 = 8;

/// The page of the wall.
pub(super) fn page(set: &Set<'_>) -> Dashboard {
    let scope = Scope::services();
    Dashboard::from(Page {
        uid: format!("{}-wall", set.options.uid_prefix),
        title: "SLO wall".to_owned(),
        about: "For a screen without a keyboard, with `?kiosk` behind its address. To show one service, add \
                `&var-service=NAME`.",
        tags: set.tags(),
        range: "24h".to_owned(),
        refresh: "1m",
        variables: vec![set.datasource().hidden(), fleet::services().hidden()],
        annotations: Annotations::of(&scope),
        links: Vec::new(),
        panels: panels(set, &scope),
    })
}

fn panels(set: &Set<'_>, scope: &Scope) -> Vec<Placed> {
    let decimals = Decimals::of(set.plans.iter().copied());
    let worst = Panel::table(
        "Least budget left",
        "The eight SLOs with the smallest share of their budget left, of each the worst group. Read it every morning: \
         what is first costs the next deployment.",
        "Share left",
        false,
    );
    let layout = Layout::default()
        .panel(8, 6, gate(scope))
        .panel(8, 6, least(scope))
        .panel(8, 6, fleet::firing(scope).glaring())
        .panel(24, 14, fleet::slos(worst.large().no_value("unknown"), set, scope, Some(ROWS), decimals))
        .panel(24, 9, fleet::lowest(scope));
    layout.finish()
}

fn gate(scope: &Scope) -> Panel {
    Panel::stat(
        "May we deploy?",
        "The worst gate of all. Closed: look below for whose it is. Unknown: somebody has to find out why data are \
         missing.",
        Unit::Number,
    )
    .mappings(Mapping::gate())
    .thresholds(Thresholds::always(palette::UNKNOWN))
    .no_value("unknown")
    .glaring()
    .query(Target::instant(&query::all("min", query::gate_state(scope)), "gate"))
}

fn least(scope: &Scope) -> Panel {
    Panel::stat(
        "Least left",
        "The smallest share of a budget that any SLO has left. At zero or below, stop what can wait.",
        Unit::Ratio,
    )
    .decimals(0)
    .thresholds(Thresholds::share())
    .glaring()
    .query(Target::instant(&query::all("min", scope.groups(Record::RemainingRatio)), "left"))
}
