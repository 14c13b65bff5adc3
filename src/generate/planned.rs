//! What the rules of an SLO read and are, as values: for those who compare them with a live server or evaluate them.

use std::collections::BTreeMap;

use super::yaml::Rule;
use super::{events, rules};
use crate::promql::build::Expr;
use crate::promql::{Query, Selector};
use crate::slo::SloPlan;
use crate::slo::window::Tier;
use crate::spec::model::{CounterPair, Sli};
use crate::units::Duration;

/// A rule group as it is generated.
#[derive(Clone, Debug)]
pub struct PlannedGroup {
    /// Its name.
    pub name: String,
    /// Which of the two files holds it.
    pub tier: Tier,
    /// How often it is evaluated.
    pub interval: Duration,
    /// Its rules in order.
    pub rules: Vec<PlannedRule>,
}

impl PlannedGroup {
    /// Whether a loaded group of that name may be this one: what keeps both tiers under one name, an object or a namespace,
    /// adds the tier to it.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.name);
        rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('/') == Some(super::word(self.tier)))
    }
}

/// A rule as it is generated.
#[derive(Clone, Debug)]
pub struct PlannedRule {
    /// The name of the recorded series or alert.
    pub name: String,
    /// Whether it is an alert.
    pub is_alert: bool,
    /// Its expression.
    pub expr: Expr,
    /// The labels that it sets.
    pub labels: BTreeMap<String, String>,
}

/// The groups of one SLO that hold rules, the fast one first.
#[must_use]
pub fn groups(plan: &SloPlan) -> Vec<PlannedGroup> {
    let of_tier = |tier| {
        let group = rules::group(plan, tier);
        let rules: Vec<PlannedRule> = group.rules.into_iter().map(PlannedRule::from).collect();
        PlannedGroup { name: group.name, tier, interval: group.interval, rules }
    };
    [Tier::Fast, Tier::Slow].map(of_tier).into_iter().filter(|group| !group.rules.is_empty()).collect()
}

impl From<Rule> for PlannedRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Record(rule) => Self { name: rule.record, is_alert: false, expr: rule.expr, labels: rule.labels },
            Rule::Alert(rule) => Self { name: rule.alert, is_alert: true, expr: rule.expr, labels: rule.labels },
        }
    }
}

/// Raw series that an SLO reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Which.
    pub selector: Selector,
    /// What they are to the SLO.
    pub role: Role,
}

/// What raw series are to an SLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A counter without which nothing is counted.
    Counter,
    /// A counter that a clean service does not have, since its children are born with the first failure.
    Failures,
    /// The bucket of a histogram up to the threshold.
    Bucket,
    /// A value that is looked at, not counted up.
    Value,
    /// Something that a query of the file reads, in its own way.
    Queried,
}

/// The raw series that an SLO reads, the one that counts everything first.
#[must_use]
pub fn sources(plan: &SloPlan) -> Vec<Source> {
    let source = |role, selector: &Selector| Source { selector: selector.clone(), role };
    match &plan.slo.sli {
        Sli::Probe { .. } | Sli::Events { .. } => match events::counters(plan).map(|counters| counters.pair) {
            Some(CounterPair::BadTotal { bad, total }) => {
                vec![source(Role::Counter, &total), source(Role::Failures, &bad)]
            }
            Some(CounterPair::GoodTotal { good, total }) => {
                vec![source(Role::Counter, &total), source(Role::Counter, &good)]
            }
            Some(CounterPair::GoodBad { good, bad }) => {
                vec![source(Role::Counter, &good), source(Role::Failures, &bad)]
            }
            None => Vec::new(),
        },
        Sli::Latency { count, bucket, .. } => vec![source(Role::Counter, count), source(Role::Bucket, bucket)],
        Sli::NativeLatency { histogram, .. } => vec![source(Role::Counter, histogram)],
        Sli::Gauge { gauge, .. } => vec![source(Role::Value, gauge)],
        Sli::Ratio { error, .. } => vec![source(Role::Value, error)],
        Sli::Query { bad, total, .. } => {
            let read = |query: &Query| query.selectors().into_iter().map(|selector| source(Role::Queried, &selector));
            let mut all: Vec<Source> = read(total).collect();
            for one in read(bad).map(|one| Source { role: Role::Failures, ..one }) {
                if all.iter().all(|known| known.selector != one.selector) {
                    all.push(one);
                }
            }
            all
        }
    }
}
