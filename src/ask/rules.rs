//! Whether the rules that the server evaluates are those that the file generates.

use super::at_slo;
use crate::diag::{Code, Diagnostic};
use crate::generate::planned::{self, PlannedGroup, PlannedRule};
use crate::prometheus::{LiveRule, RuleGroup};
use crate::promql::same;
use crate::slo::SloPlan;

/// How many rules are named.
const NAMED: usize = 3;

/// How the rules of an SLO are loaded.
pub(super) struct State {
    /// Whether every group is.
    pub(super) is_loaded: bool,
    /// What is to be said about it.
    pub(super) findings: Vec<Diagnostic>,
}

/// Compares the groups of an SLO with those that are loaded.
pub(super) fn check(loaded: &[RuleGroup], slo: &SloPlan) -> State {
    let planned = planned::groups(slo);
    let pairs: Vec<_> = planned.iter().map(|group| (group, counterpart(loaded, group))).collect();
    let missing = pairs.iter().filter(|(_, live)| live.is_none()).count();
    let mut findings = Vec::new();
    if missing > 0 {
        let message = format!("Prometheus does not evaluate the rules of SLO `{}`", slo.slo.name);
        let label = format!("{missing} of its {} groups are not loaded", pairs.len());
        let help = "run `burndown generate`, name the files under `rule_files` and reload Prometheus";
        findings.push(at_slo(Code::RulesNotLoaded, slo, message, label).help(help));
    }
    for (planned, live) in pairs.iter().filter_map(|(planned, live)| Some((planned, (*live)?))) {
        findings.extend(interval(slo, planned, live));
        findings.extend(stale(slo, planned, live));
        findings.extend(failing(slo, live));
    }
    State { is_loaded: missing == 0, findings }
}

/// The loaded group that has most of the rules: both tiers share a name in files, and files may have been renamed.
fn counterpart<'l>(loaded: &'l [RuleGroup], planned: &PlannedGroup) -> Option<&'l RuleGroup> {
    let shared = |live: &RuleGroup| planned.rules.iter().filter(|rule| live.rules.iter().any(is_of(rule))).count();
    let same_name = loaded.iter().filter(|live| planned.is_called(&live.name));
    same_name
        .map(|live| (shared(live), live))
        .filter(|(count, _)| *count > 0)
        .max_by_key(|(count, _)| *count)
        .map(|(_, live)| live)
}

/// Whether a loaded rule has the name and kind of a planned one.
fn is_of(planned: &PlannedRule) -> impl Fn(&LiveRule) -> bool {
    |live| live.name == planned.name && (live.kind == "alerting") == planned.is_alert
}

fn interval(slo: &SloPlan, planned: &PlannedGroup, live: &RuleGroup) -> Option<Diagnostic> {
    let wanted = planned.interval;
    ((live.interval - wanted.as_secs_f64()).abs() > 1e-6).then(|| {
        let message = format!("Prometheus evaluates the rules of SLO `{}` every {}s", slo.slo.name, live.interval);
        at_slo(Code::RulesInterval, slo, message, format!("they count what happened in {wanted}"))
            .help(format!("keep `interval: {wanted}` in the group `{}`, or set `rules.interval`", live.name))
    })
}

fn stale(slo: &SloPlan, planned: &PlannedGroup, live: &RuleGroup) -> Option<Diagnostic> {
    let mut unused: Vec<&LiveRule> = live.rules.iter().collect();
    let mut take = |wanted: &dyn Fn(&LiveRule) -> bool| {
        let at = unused.iter().position(|rule| wanted(rule))?;
        Some(unused.remove(at))
    };
    // Several alerts share a name, so equal ones find each other first.
    let unequal: Vec<&PlannedRule> = planned
        .rules
        .iter()
        .filter(|rule| {
            let text = rule.expr.flat();
            take(&|live| is_of(rule)(live) && same(&text, &live.query)).is_none()
        })
        .collect();
    let (different, missing): (Vec<_>, Vec<_>) = unequal.into_iter().partition(|rule| take(&is_of(rule)).is_some());
    let names = |rules: &[&PlannedRule]| rules.iter().map(|rule| rule.name.clone()).collect::<Vec<_>>();
    let left: Vec<String> = unused.iter().map(|rule| rule.name.clone()).collect();
    let parts = [("different", names(&different)), ("missing", names(&missing)), ("no longer generated", left)];
    let parts: Vec<String> = parts.iter().filter_map(|(what, names)| listed(what, names)).collect();
    (!parts.is_empty()).then(|| {
        let message = format!("Prometheus evaluates other rules for SLO `{}` than this file generates", slo.slo.name);
        at_slo(Code::RulesStale, slo, message, parts.join("; "))
            .help(format!("run `burndown generate` again, replace `{}` and reload Prometheus", live.file))
    })
}

fn listed(what: &str, names: &[String]) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("{what}: {}{more}", shown.join(", ")))
}

fn failing(slo: &SloPlan, live: &RuleGroup) -> Option<Diagnostic> {
    let rule = live.rules.iter().find(|rule| rule.health == "err")?;
    let message = format!("Prometheus fails to evaluate `{}` of SLO `{}`", rule.name, slo.slo.name);
    Some(at_slo(Code::RulesFailing, slo, message, rule.last_error.clone()))
}
