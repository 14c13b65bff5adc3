//! The page of one SLO: a page for each window that SLOs have, so that the time it shows is that window.

use std::collections::{BTreeMap, BTreeSet};

use super::annotations::Annotations;
use super::dashboard::{Dashboard, Page};
use super::layout::{Layout, Placed};
use super::panel::{Cell, Panel, Property};
use super::query::{self, Counted, Scope};
use super::target::Target;
use super::thresholds::{Mapping, Thresholds};
use super::units::{Decimals, Unit};
use super::variables::Variable;
use super::{Set, palette};
use crate::names::{Record, label};
use crate::promql::build::{Operator, call};
use crate::slo::SloPlan;
use crate::slo::window::{SLICE, Tier};
use crate::units::{Duration, LabelName};

/// The least share of a window that the current error ratio is taken over to say when a budget runs out.
const LATEST_SHARE: u64 = 12;

/// The longest time that it is taken over.
const LATEST: Duration = Duration::from_hours(1);

/// The uid of the page for a window, or for what Grafana puts in its place.
pub(super) fn uid(prefix: &str, window: &str) -> String {
    format!("{prefix}-slo-{window}")
}

/// A page for each window.
pub(super) fn pages(set: &Set<'_>) -> Vec<Dashboard> {
    let mut windows: BTreeMap<Duration, Vec<&SloPlan>> = BTreeMap::new();
    for plan in &set.plans {
        windows.entry(plan.slo.window).or_default().push(plan);
    }
    windows.into_iter().map(|(window, plans)| page(set, window, &plans)).collect()
}

/// What the panels of a page share.
struct Shared {
    scope: Scope,
    counted: Counted,
    decimals: Decimals,
    /// The legend of a group: the values of its labels.
    group: String,
    /// The labels that tell groups apart.
    by: Vec<String>,
    /// How far back the error ratio reaches that says when a budget runs out.
    latest: Duration,
}

impl Shared {
    fn of(window: Duration, plans: &[&SloPlan]) -> Self {
        let labels: BTreeSet<&LabelName> = plans.iter().flat_map(|plan| plan.slo.sli.by()).collect();
        let evaluation = plans.iter().map(|plan| plan.slo.rules.interval).max().unwrap_or(SLICE);
        let (bad, total, every) = match Tier::of(window) {
            Tier::Fast => (Record::BadIncrease, Record::TotalIncrease, evaluation),
            Tier::Slow => (Record::BadIncrease5m, Record::TotalIncrease5m, SLICE),
        };
        let share = Duration::from_millis(window.as_millis() / LATEST_SHARE);
        Self {
            scope: Scope::one_slo(labels.iter().copied()),
            counted: Counted { window, bad, total, every },
            decimals: Decimals::of(plans.iter().copied()),
            group: labels.iter().map(|name| format!(" {{{{{name}}}}}")).collect(),
            by: labels.iter().map(ToString::to_string).collect(),
            latest: share.min(LATEST).max(every),
        }
    }
}

fn page(set: &Set<'_>, window: Duration, plans: &[&SloPlan]) -> Dashboard {
    let shared = Shared::of(window, plans);
    let own_window = format!("{}=\"{window}\"", label::WINDOW);
    let info = format!("{}{{{own_window}}}", Record::Info.name());
    let info_of_service = format!("{}{{{own_window},{}=\"$service\"}}", Record::Info.name(), label::SERVICE);
    let groups = shared.scope.selector(Record::RemainingSeconds);
    let thresholds = shared.scope.selector(Record::BurnRateThreshold);
    let mut variables = vec![
        set.datasource(),
        Variable::one_of("service", "Service", &info, label::SERVICE),
        Variable::one_of("slo", "SLO", &info_of_service, label::SLO),
    ];
    variables.extend(shared.by.iter().map(|name| Variable::some_of(&query::group_variable(name), name, &groups, name)));
    variables.push(Variable::some_of(label::LONG_WINDOW, "Alert window", &thresholds, label::LONG_WINDOW));
    let fast = Tier::of(window) == Tier::Fast;
    Dashboard::from(Page {
        uid: uid(set.options.uid_prefix.as_str(), &window.to_string()),
        title: format!("SLO over {window}"),
        about: "One SLO: its burndown, what spent its budget, how fast it burns, and whether its gate is open.",
        tags: set.tags(),
        range: super::relative(window),
        refresh: if fast { "10s" } else { "5m" },
        variables,
        annotations: Annotations::of(&shared.scope),
        links: set.links(),
        panels: panels(&shared),
    })
}

fn panels(shared: &Shared) -> Vec<Placed> {
    let layout = Layout::default()
        .panel(4, 4, left(shared))
        .panel(4, 4, share_left(shared))
        .panel(4, 4, runs_out_in(shared))
        .panel(4, 4, burn_rate(shared))
        .panel(4, 4, gate(shared))
        .panel(4, 4, good(shared))
        .heading("Budget")
        .panel(24, 10, burndown(shared))
        .panel(12, 8, rolling(shared))
        .panel(12, 8, spent(shared))
        .heading("Burn rates against what alerts")
        .panel(24, 8, pair(shared))
        .heading("Errors and events")
        .panel(12, 8, ratios(shared))
        .panel(12, 8, events(shared))
        .panel(12, 8, groups(shared))
        .panel(12, 8, coverage(shared))
        .heading("Gate and alerts")
        .panel(12, 6, gate_timeline(shared))
        .panel(12, 6, alert_timeline(shared));
    layout.finish()
}

fn left(shared: &Shared) -> Panel {
    Panel::stat(
        "Budget left",
        "What is left of the error budget over the rolling window, of the worst group. At zero or below, stop what \
         can wait and repair what spent it; bad minutes come back as they leave the window. Where something was \
         corrected, the gate decides by the net beside it.",
        Unit::Seconds,
    )
    .decimals(shared.decimals.minutes)
    .thresholds(Thresholds::budget())
    .query(Target::instant(&query::all("min", shared.scope.groups(Record::RemainingSeconds)), "left"))
    .query(Target::instant(&query::least_net(&shared.scope), "net"))
}

fn share_left(shared: &Shared) -> Panel {
    Panel::stat(
        "Share left",
        "The same as a share of the whole budget. In its last quarter, weigh every change against what it may cost.",
        Unit::Ratio,
    )
    .decimals(1)
    .thresholds(Thresholds::share())
    .query(Target::instant(&query::all("min", shared.scope.groups(Record::RemainingRatio)), "left"))
}

fn runs_out_in(shared: &Shared) -> Panel {
    let description = format!(
        "How long the budget lasts if events go on failing as in the last {}. If that is less than the time a repair \
         takes, act now; `not burning` says that nothing failed.",
        shared.latest
    );
    let records = (shared.counted.bad, shared.counted.total);
    let expr = query::runs_out_in(&shared.scope, records, shared.latest);
    Panel::stat("Runs out in", &description, Unit::Seconds)
        .decimals(1)
        .no_value("not burning")
        .query(Target::instant(&expr, "lasts"))
}

fn burn_rate(shared: &Shared) -> Panel {
    Panel::stat(
        "Burn rate now",
        "How fast the budget goes over the shortest window: at 1 it lasts just as long as the SLO window. Above 1, \
         look below for how long it has been so; the alerts decide when somebody is called.",
        Unit::Number,
    )
    .decimals(2)
    .thresholds(Thresholds::always(palette::GOOD).then(1.0, palette::LOW))
    .query(Target::instant(&query::all("max", shared.scope.groups(Record::CurrentBurnRate)), "burn rate"))
}

fn gate(shared: &Shared) -> Panel {
    Panel::stat(
        "May we deploy?",
        "The gate of the worst group. Closed: wait until the budget is above the line at which it opens again. \
         Overridden: it would be closed, and somebody has it open. Unknown: find out why data are missing; `on_unknown` \
         of the SLO file says what pipelines do meanwhile.",
        Unit::Number,
    )
    .mappings(Mapping::gate())
    .thresholds(Thresholds::always(palette::UNKNOWN))
    .no_value("unknown")
    .query(Target::instant(&query::all("min", query::gate_state(&shared.scope)), "gate"))
}

fn good(shared: &Shared) -> Panel {
    Panel::stat(
        "Good over the window",
        "The share of good events over the window, of the worst group, beside what was promised. Below it, the budget \
         is spent.",
        Unit::Ratio,
    )
    .decimals(shared.decimals.percent)
    .named()
    .query(Target::instant(&query::good_over_window(&shared.scope), "good"))
    .query(Target::instant(&query::all("max", shared.scope.slos(Record::Objective)), "objective"))
}

/// The lines at which a gate closes and opens, and at which nothing is left.
fn with_lines(panel: Panel, scope: &Scope) -> Panel {
    let close = query::all("max", scope.slos(Record::GateCloseAt)).join(Operator::Greater, query::number(0));
    let resume = query::all("max", scope.slos(Record::GateResumeAt));
    panel
        .query(Target::over_time(&call("vector", [query::number(0)]), "nothing left"))
        .query(Target::over_time(&resume, "gate opens again"))
        .query(Target::over_time(&close, "gate closes"))
        .series("nothing left", Property::guide(palette::SPENT))
        .series("gate opens again", Property::guide(palette::GUIDE))
        .series("gate closes", Property::guide(palette::SPENT))
}

fn burndown(shared: &Shared) -> Panel {
    let description = format!(
        "A budget that was whole at the left edge and only goes down, of the group with the least left. Over {window}, \
         the time that this page shows at first, its right end is what is left now; over less, it shows what was spent \
         in that time. The window rolls, so no budget ends on a day: the dashed line is what even spending would leave \
         after one window. Explain every step down; if the line is below the dashed one, slow down.",
        window = shared.counted.window
    );
    let panel = Panel::graph("Burndown", &description, Unit::Seconds)
        .decimals(shared.decimals.minutes)
        .interval(shared.counted.every.to_string())
        .filled()
        .query(Target::over_time(&query::burndown(&shared.scope, &shared.counted), "burndown"))
        .query(Target::over_time(&query::even_spend(&shared.scope, shared.counted.window), "even spending"))
        .series("burndown", vec![Property::color(palette::PLAIN), Property::LineWidth(3)])
        .series("even spending", Property::guide(palette::UNKNOWN));
    with_lines(panel, &shared.scope)
}

fn rolling(shared: &Shared) -> Panel {
    let left = query::with_least_left(query::LINES, shared.scope.groups(Record::RemainingSeconds), &shared.scope);
    let net = query::with_least_left(query::LINES, query::net(&shared.scope), &shared.scope);
    let panel = Panel::graph(
        "Budget left over the rolling window",
        "What the gate looks at: what was left at each moment, of up to ten groups with the least; of a group of which \
         something was corrected, its net line. It also rises, when bad minutes leave the window. Below the line at \
         which the gate closes, deployments wait until it is above the one at which it opens again.",
        Unit::Seconds,
    )
    .decimals(shared.decimals.minutes)
    .interval(shared.counted.every.to_string())
    .query(Target::over_time(&left, &format!("left{}", shared.group)))
    .query(Target::over_time(&net, &format!("net{}", shared.group)))
    .series_like("/^left/", vec![Property::LineWidth(2)])
    .series_like("/^net/", vec![Property::LineWidth(3)]);
    with_lines(panel, &shared.scope)
}

fn spent(shared: &Shared) -> Panel {
    Panel::bars(
        "What spent it",
        "Budget that each bar cost, of the group with the least left; all bars of a window together are what it spent. \
         Every bar wants an explanation: a deployment, an outage, somebody else's outage.",
        Unit::Seconds,
    )
    .decimals(shared.decimals.minutes)
    .interval(shared.counted.every.to_string())
    .no_value("nothing was spent")
    .query(Target::over_time(&query::spent(&shared.scope, &shared.counted), &format!("spent{}", shared.group)))
    .series_like("/^spent/", vec![Property::color(palette::SPENT)])
}

fn pair(shared: &Shared) -> Panel {
    let short = format!("over {{{{{}}}}}", label::SHORT_WINDOW);
    let long = format!("over ${}", label::LONG_WINDOW);
    let limit = format!("{{{{{}}}}} above", label::SEVERITY);
    Panel::graph(
        &format!("Burn rate {long} and its short window"),
        "An alert fires while both lines are above the dashed one, if enough events failed. The long window says that \
         it matters, the short one that it is still going on: when only the long line is above, it is over.",
        Unit::Number,
    )
    .decimals(2)
    .min(0.0)
    .interval(shared.counted.every.to_string())
    .repeat(label::LONG_WINDOW)
    .query(Target::over_time(&query::long_burn_rate(&shared.scope), &long))
    .query(Target::over_time(&query::short_burn_rates(&shared.scope), &short))
    .query(Target::over_time(&query::burn_rate_thresholds(&shared.scope), &limit))
    .series_like("/ above$/", Property::guide(palette::SPENT))
}

fn ratios(shared: &Shared) -> Panel {
    let ratios = query::by("max", &[label::WINDOW], query::error_ratios(&shared.scope, label::WINDOW));
    let budget = query::all("max", shared.scope.slos(Record::ErrorBudgetRatio));
    Panel::graph(
        "Error ratio by window",
        "The share of bad events over each window that alerts look at, of the worst group. Above the dashed line events \
         fail faster than the objective allows.",
        Unit::Ratio,
    )
    .decimals(shared.decimals.percent)
    .min(0.0)
    .interval(shared.counted.every.to_string())
    .query(Target::over_time(&ratios, &format!("over {{{{{}}}}}", label::WINDOW)))
    .query(Target::over_time(&budget, "allowed"))
    .series("allowed", Property::guide(palette::SPENT))
}

fn events(shared: &Shared) -> Panel {
    let bad = query::events(&shared.scope, shared.counted.bad);
    let good = query::events(&shared.scope, shared.counted.total).join(Operator::Subtract, bad.clone());
    Panel::bars(
        "Events",
        "Good and bad events in each bar, over all groups. Few events make a ratio jumpy: one failure of ten is 10 %. No \
         events at all while people use the service means that they are not counted.",
        Unit::Count,
    )
    .interval(shared.counted.every.to_string())
    .query(Target::over_time(&good, "good"))
    .query(Target::over_time(&bad, "bad"))
    .series("good", vec![Property::color(palette::GOOD)])
    .series("bad", vec![Property::color(palette::SPENT)])
}

fn groups(shared: &Shared) -> Panel {
    let scope = &shared.scope;
    let least = query::lowest(query::ROWS, scope.groups(Record::RemainingSeconds));
    let only = |record| scope.groups(record).join(Operator::And, least.clone());
    let gate = query::gate_state(scope).join(Operator::And, least.clone());
    let mut columns: Vec<&str> = shared.by.iter().map(String::as_str).collect();
    columns.extend(["Value #A", "Value #B", "Value #C", "Value #D"]);
    Panel::table(
        "Groups",
        "Each group has a budget of its own; those with the least left come first. Choose one at the top of the page to \
         see its graphs alone.",
        "Left",
        false,
    )
    .query(Target::rows(&least))
    .query(Target::rows(&only(Record::CurrentBurnRate)))
    .query(Target::rows(&only(Record::Coverage)))
    .query(Target::rows(&gate))
    .columns(&columns, &["Time", "__name__", label::SERVICE, label::SLO])
    .series("Value #A", amount("Left", shared.decimals.minutes))
    .series("Value #B", vec![Property::Name("Burn rate now"), Property::Unit(Unit::Number), Property::Decimals(2)])
    .series("Value #C", vec![Property::Name("Observed"), Property::Unit(Unit::Ratio), Property::Decimals(1)])
    .series("Value #D", gate_column())
}

/// A column of an amount of budget.
pub(super) fn amount(name: &'static str, decimals: u32) -> Vec<Property> {
    vec![
        Property::Name(name),
        Property::Unit(Unit::Seconds),
        Property::Decimals(decimals),
        Property::Thresholds(Thresholds::budget()),
        Property::Cell(Cell::ColorText),
    ]
}

/// A column of gates.
pub(super) fn gate_column() -> Vec<Property> {
    vec![
        Property::Name("Gate"),
        Property::Unit(Unit::Number),
        Property::Mappings(Mapping::gate()),
        Property::Thresholds(Thresholds::always(palette::UNKNOWN)),
        Property::Cell(Cell::BACKGROUND),
    ]
}

fn coverage(shared: &Shared) -> Panel {
    Panel::graph(
        "Observed share",
        "How much of the window, or of the life of a younger SLO, was observed, of the worst group. Below the dashed \
         line the SLO is unknown and its gate follows `on_unknown`: find out which target or probe was away.",
        Unit::Ratio,
    )
    .decimals(1)
    .min(0.0)
    .max(1.0)
    .interval(shared.counted.every.to_string())
    .query(Target::over_time(&query::all("min", shared.scope.groups(Record::Coverage)), "observed"))
    .query(Target::over_time(&query::least_coverage(), "needed"))
    .series("observed", vec![Property::color(palette::PLAIN)])
    .series("needed", Property::guide(palette::SPENT))
}

fn gate_timeline(shared: &Shared) -> Panel {
    let states = query::with_least_left(query::LINES, query::gate_state(&shared.scope), &shared.scope);
    Panel::timeline(
        "Gate",
        "When deployments could go on, of up to ten groups with the least left. Closed spells that nobody noticed say \
         that no pipeline asks the gate.",
        Mapping::gate(),
    )
    .interval(shared.counted.every.to_string())
    .query(Target::over_time(&states, &format!("gate{}", shared.group)))
}

fn alert_timeline(shared: &Shared) -> Panel {
    let legend = format!("{{{{{}}}}} {{{{{}}}}}", label::ALERTNAME, label::LONG_WINDOW);
    // Slow alerts have a sample every five minutes.
    let interval = shared.counted.every.times(2);
    Panel::timeline(
        "Alerts",
        "When alerts of this SLO fired. One that fires again and again without anybody acting wants another threshold or \
         a repair.",
        Mapping::firing(),
    )
    .interval(interval.to_string())
    .no_value("no alert fired")
    .query(Target::over_time(&query::alerts_over_time(&shared.scope), &legend))
}
