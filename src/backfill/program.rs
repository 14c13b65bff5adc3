//! The recording rules of one SLO as a program: what has to be asked of Prometheus, and what follows from the answers.
//!
//! A part of an expression that reads raw series, and nothing that the SLO records, is a *leaf*: Prometheus evaluates
//! it. Everything above the leaves reads recorded series only and is evaluated here, so that no pass has to be loaded
//! before the next, and a rule that reads its own past has one.

use std::collections::BTreeMap;

use super::Error;
use crate::generate::planned::{self, PlannedGroup};
use crate::promql::build::{Expr, Operator, Series};
use crate::slo::SloPlan;
use crate::slo::budget::to_f64;
use crate::slo::window::Tier;
use crate::units::Duration;

/// How far back Prometheus looks for the newest sample.
const LOOK_BACK: i64 = 5 * 60 * 1000;

/// The rules of an SLO.
pub(super) struct Program {
    /// The names of the recorded series.
    pub(super) records: Vec<Record>,
    /// The tiers in the order in which they are evaluated: the slow one reads the fast one.
    pub(super) tiers: Vec<TierProgram>,
}

/// A recorded metric.
pub(super) struct Record {
    /// Its name.
    pub(super) name: String,
    /// How far back it is read, in milliseconds.
    pub(super) kept: i64,
    tier: Tier,
}

/// The rules of one tier.
pub(super) struct TierProgram {
    /// How often it is evaluated, in milliseconds.
    pub(super) interval: i64,
    /// What is asked of Prometheus.
    pub(super) leaves: Vec<String>,
    /// The rules in order.
    pub(super) rules: Vec<Rule>,
}

/// A rule.
pub(super) struct Rule {
    /// Its number in its group.
    pub(super) number: usize,
    /// Which of the records it writes.
    pub(super) record: usize,
    /// What it evaluates.
    pub(super) node: Node,
    /// The labels that it sets.
    pub(super) labels: BTreeMap<String, String>,
}

/// An expression over leaves and recorded series.
pub(super) enum Node {
    Number(f64),
    /// The time of the evaluation in seconds.
    Time,
    /// What Prometheus answered.
    Leaf(usize),
    /// A recorded series: its newest sample, or those of a range; milliseconds.
    Recorded {
        record: usize,
        range: Option<i64>,
        offset: i64,
    },
    Call {
        function: Function,
        arguments: Vec<Node>,
    },
    Aggregate {
        is_count: bool,
        by: Vec<String>,
        inner: Box<Node>,
    },
    Binary {
        operator: Operator,
        on: Option<Vec<String>>,
        left: Box<Node>,
        right: Box<Node>,
    },
}

/// A function of PromQL, as far as rules over recorded series use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    SumOverTime,
    CountOverTime,
    MinOverTime,
    LastOverTime,
    Timestamp,
    Vector,
    Clamp,
    ClampMin,
    ClampMax,
}

impl Program {
    /// The program of an SLO.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an expression that only Prometheus can evaluate, which no generated rule is.
    pub(super) fn of(plan: &SloPlan) -> Result<Self, Error> {
        let groups = planned::groups(plan);
        let mut records: Vec<Record> = Vec::new();
        for group in &groups {
            for rule in group.rules.iter().filter(|rule| !rule.is_alert) {
                if records.iter().all(|known| known.name != rule.name) {
                    records.push(Record { name: rule.name.clone(), kept: LOOK_BACK, tier: group.tier });
                }
            }
        }
        let mut compiler = Compiler { records, leaves: Vec::new() };
        let tiers = groups.iter().map(|group| compiler.tier(group)).collect::<Result<_, _>>()?;
        Ok(Self { records: compiler.records, tiers })
    }
}

struct Compiler {
    records: Vec<Record>,
    leaves: Vec<String>,
}

/// What an expression reads.
#[derive(Clone, Copy, Default)]
struct Reads {
    raw: bool,
    recorded: bool,
}

impl Compiler {
    fn tier(&mut self, group: &PlannedGroup) -> Result<TierProgram, Error> {
        let mut rules = Vec::new();
        for rule in group.rules.iter().filter(|rule| !rule.is_alert) {
            let node = self.node(&rule.expr, group.tier)?;
            let Some(record) = self.record(&rule.name) else { continue };
            rules.push(Rule { number: rules.len(), record, node, labels: rule.labels.clone() });
        }
        Ok(TierProgram { interval: millis(group.interval), leaves: std::mem::take(&mut self.leaves), rules })
    }

    fn record(&self, name: &str) -> Option<usize> {
        self.records.iter().position(|record| record.name == name)
    }

    fn reads(&self, expr: &Expr) -> Reads {
        let either =
            |one: Reads, other: Reads| Reads { raw: one.raw || other.raw, recorded: one.recorded || other.recorded };
        match expr {
            Expr::Number(_) | Expr::Text(_) | Expr::Variable(_) => Reads::default(),
            Expr::Checked(_) => Reads { raw: true, recorded: false },
            Expr::Series(series) => {
                let recorded = self.record(series.metric()).is_some();
                Reads { raw: !recorded, recorded }
            }
            Expr::Subquery { inner, .. } | Expr::Aggregate { inner, .. } => self.reads(inner),
            Expr::Call { arguments, .. } => {
                arguments.iter().map(|argument| self.reads(argument)).fold(Reads::default(), either)
            }
            Expr::Binary { left, right, .. } => either(self.reads(left), self.reads(right)),
        }
    }

    fn node(&mut self, expr: &Expr, tier: Tier) -> Result<Node, Error> {
        let reads = self.reads(expr);
        if reads.raw && !reads.recorded {
            return Ok(Node::Leaf(self.leaf(expr.flat())));
        }
        let unsupported = || Error::Unsupported(expr.flat());
        match expr {
            Expr::Number(number) => Ok(Node::Number(to_f64(*number))),
            Expr::Series(series) => self.recorded(series, tier).ok_or_else(unsupported),
            Expr::Call { function: "time", .. } => Ok(Node::Time),
            Expr::Call { function, arguments } => {
                let function = function_of(function).ok_or_else(unsupported)?;
                let arguments = arguments.iter().map(|one| self.node(one, tier)).collect::<Result<_, _>>()?;
                Ok(Node::Call { function, arguments })
            }
            Expr::Aggregate { operator, by, inner } => {
                let inner = Box::new(self.node(inner, tier)?);
                Ok(Node::Aggregate { is_count: *operator == "count", by: by.clone(), inner })
            }
            Expr::Binary { operator, on, left, right } => {
                let (left, right) = (Box::new(self.node(left, tier)?), Box::new(self.node(right, tier)?));
                Ok(Node::Binary { operator: *operator, on: on.clone(), left, right })
            }
            Expr::Text(_) | Expr::Checked(_) | Expr::Variable(_) | Expr::Subquery { .. } => Err(unsupported()),
        }
    }

    fn leaf(&mut self, text: String) -> usize {
        self.leaves.iter().position(|known| *known == text).unwrap_or_else(|| {
            self.leaves.push(text);
            self.leaves.len() - 1
        })
    }

    /// A recorded series. The newest sample is only read within a group, where it is that of this very evaluation.
    fn recorded(&mut self, series: &Series, tier: Tier) -> Option<Node> {
        let index = self.record(series.metric())?;
        let (range, offset) = series.reach();
        let (range, offset) = (range.map(millis), millis(offset));
        let record = self.records.get_mut(index)?;
        if range.is_none() && record.tier != tier {
            return None;
        }
        record.kept = record.kept.max(range.unwrap_or(LOOK_BACK) + offset);
        Some(Node::Recorded { record: index, range, offset })
    }
}

fn function_of(name: &str) -> Option<Function> {
    Some(match name {
        "sum_over_time" => Function::SumOverTime,
        "count_over_time" => Function::CountOverTime,
        "min_over_time" => Function::MinOverTime,
        "last_over_time" => Function::LastOverTime,
        "timestamp" => Function::Timestamp,
        "vector" => Function::Vector,
        "clamp" => Function::Clamp,
        "clamp_min" => Function::ClampMin,
        "clamp_max" => Function::ClampMax,
        _ => return None,
    })
}

/// A duration in milliseconds.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
