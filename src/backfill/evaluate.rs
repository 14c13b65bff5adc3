//! Evaluates the rules of one SLO at one time after another, as Prometheus does: in order, each result recorded before
//! the next rule reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::program::{Function, Node, Program, Rule};
use crate::prometheus::{Labels, Series};
use crate::promql::build::Operator;

/// Series with their values at one time. A name is no label here: rules never read one.
type Vector = Vec<(Arc<Labels>, f64)>;

/// What an expression gives.
enum Value {
    Scalar(f64),
    Vector(Vector),
}

/// Values by time, in Unix milliseconds.
type Points = Vec<(i64, f64)>;

/// The answers of Prometheus for one leaf, by time.
pub(super) struct Answers(Vec<(Arc<Labels>, Points)>);

impl Answers {
    /// From what a range query gave.
    pub(super) fn of(series: Vec<Series>) -> Self {
        Self(series.into_iter().map(|one| (Arc::new(unnamed(one.labels)), one.points)).collect())
    }

    fn at(&self, time: i64) -> Vector {
        let value = |points: &[(i64, f64)]| {
            let at = points.binary_search_by_key(&time, |(time, _)| *time).ok()?;
            points.get(at).map(|(_, value)| *value)
        };
        self.0.iter().filter_map(|(labels, points)| Some((Arc::clone(labels), value(points)?))).collect()
    }
}

fn unnamed(mut labels: Labels) -> Labels {
    labels.remove("__name__");
    labels
}

/// Everything that one record has recorded so far, as far back as it is read.
#[derive(Default)]
pub(super) struct Track {
    series: BTreeMap<Arc<Labels>, Points>,
    /// The rule and the labels of its result → those of the recorded series. Several rules may record one name.
    known: BTreeMap<(usize, Arc<Labels>), Arc<Labels>>,
}

/// The recorded series of one SLO.
pub(super) struct State {
    tracks: Vec<Track>,
}

impl State {
    /// Before anything was recorded.
    pub(super) fn new(program: &Program) -> Self {
        Self { tracks: program.records.iter().map(|_| Track::default()).collect() }
    }

    /// Evaluates a rule and records the result, which `see` is told of, at `time` in Unix milliseconds.
    pub(super) fn step(&mut self, rule: &Rule, leaves: &[Answers], time: i64, see: &mut impl FnMut(&Arc<Labels>, f64)) {
        let results = match self.evaluate(&rule.node, leaves, time) {
            Value::Scalar(value) => vec![(Arc::default(), value)],
            Value::Vector(vector) => vector,
        };
        let Some(track) = self.tracks.get_mut(rule.record) else { return };
        for (labels, value) in results {
            let labels = Arc::clone(track.known.entry((rule.number, labels)).or_insert_with_key(|(_, labels)| {
                let mut all = Labels::clone(labels);
                all.extend(rule.labels.iter().map(|(name, value)| (name.clone(), value.clone())));
                Arc::new(all)
            }));
            see(&labels, value);
            track.series.entry(labels).or_default().push((time, value));
        }
    }

    /// Forgets what no evaluation after `time` reads.
    pub(super) fn forget(&mut self, program: &Program, time: i64) {
        for (track, record) in self.tracks.iter_mut().zip(&program.records) {
            for points in track.series.values_mut() {
                let old = points.partition_point(|(at, _)| *at < time - record.kept);
                points.drain(..old);
            }
            track.series.retain(|_, points| !points.is_empty());
        }
    }

    fn evaluate(&self, node: &Node, leaves: &[Answers], time: i64) -> Value {
        match node {
            Node::Number(number) => Value::Scalar(*number),
            Node::Time => Value::Scalar(seconds(time)),
            Node::Leaf(leaf) => Value::Vector(leaves.get(*leaf).map(|answers| answers.at(time)).unwrap_or_default()),
            Node::Recorded { record, offset, .. } => Value::Vector(self.newest(*record, time - offset)),
            Node::Call { function, arguments } => self.call(*function, arguments, leaves, time),
            Node::Aggregate { is_count, by, inner } => {
                Value::Vector(aggregate(*is_count, by, vector(self.evaluate(inner, leaves, time))))
            }
            Node::Binary { operator, on, left, right } => {
                let (left, right) = (self.evaluate(left, leaves, time), self.evaluate(right, leaves, time));
                binary(*operator, on.as_deref(), left, right)
            }
        }
    }

    /// What was recorded at this very time: within a group an older sample is stale.
    fn newest(&self, record: usize, time: i64) -> Vector {
        let Some(track) = self.tracks.get(record) else { return Vector::new() };
        let last = |points: &[(i64, f64)]| points.last().filter(|(at, _)| *at == time).map(|(_, value)| *value);
        track.series.iter().filter_map(|(labels, points)| Some((Arc::clone(labels), last(points)?))).collect()
    }

    fn call(&self, function: Function, arguments: &[Node], leaves: &[Answers], time: i64) -> Value {
        if let [Node::Recorded { record, range: Some(range), offset }] = arguments {
            return Value::Vector(self.over_time(function, *record, time - offset - range, time - offset));
        }
        let mut values = arguments.iter().map(|argument| self.evaluate(argument, leaves, time));
        let Some(first) = values.next() else { return Value::Vector(Vector::new()) };
        let mut bound = || match values.next() {
            Some(Value::Scalar(bound)) => bound,
            _ => f64::NAN,
        };
        let map = |apply: &dyn Fn(f64) -> f64| match first {
            Value::Scalar(value) => Value::Vector(vec![(Arc::default(), apply(value))]),
            Value::Vector(vector) => {
                Value::Vector(vector.into_iter().map(|(labels, value)| (labels, apply(value))).collect())
            }
        };
        match function {
            Function::ClampMin => {
                let least = bound();
                map(&|value| value.max(least))
            }
            Function::ClampMax => {
                let most = bound();
                map(&|value| value.min(most))
            }
            Function::Clamp => {
                let (least, most) = (bound(), bound());
                map(&|value| value.max(least).min(most))
            }
            // The newest sample of a recorded series is one of this evaluation.
            Function::Timestamp => map(&|_| seconds(time)),
            _ => map(&|value| value),
        }
    }

    /// A function over the samples after `from` and up to `to`.
    #[allow(clippy::cast_precision_loss)] // counts of samples
    fn over_time(&self, function: Function, record: usize, from: i64, to: i64) -> Vector {
        let Some(track) = self.tracks.get(record) else { return Vector::new() };
        let apply = |points: &[(i64, f64)]| {
            let start = points.partition_point(|(at, _)| *at <= from);
            let end = points.partition_point(|(at, _)| *at <= to);
            let inside = points.get(start..end).filter(|inside| !inside.is_empty())?;
            let values = || inside.iter().map(|(_, value)| *value);
            Some(match function {
                Function::SumOverTime => values().sum(),
                Function::CountOverTime => inside.len() as f64,
                Function::MinOverTime => values().fold(f64::INFINITY, f64::min),
                _ => values().next_back()?,
            })
        };
        track.series.iter().filter_map(|(labels, points)| Some((Arc::clone(labels), apply(points)?))).collect()
    }
}

/// Milliseconds as the seconds that Prometheus counts in.
#[allow(clippy::cast_precision_loss)] // Unix milliseconds fit a double
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

fn vector(value: Value) -> Vector {
    match value {
        Value::Scalar(value) => vec![(Arc::default(), value)],
        Value::Vector(vector) => vector,
    }
}

fn projected(labels: &Labels, names: &[String]) -> Arc<Labels> {
    Arc::new(names.iter().filter_map(|name| Some((name.clone(), labels.get(name)?.clone()))).collect())
}

fn aggregate(is_count: bool, by: &[String], vector: Vector) -> Vector {
    let mut groups: BTreeMap<Arc<Labels>, f64> = BTreeMap::new();
    for (labels, value) in vector {
        *groups.entry(projected(&labels, by)).or_default() += if is_count { 1.0 } else { value };
    }
    groups.into_iter().collect()
}

fn binary(operator: Operator, on: Option<&[String]>, left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => Value::Scalar(apply(operator, left, right).unwrap_or(f64::NAN)),
        (Value::Vector(left), Value::Scalar(right)) => Value::Vector(
            left.into_iter().filter_map(|(labels, value)| Some((labels, apply(operator, value, right)?))).collect(),
        ),
        (Value::Scalar(left), Value::Vector(right)) => Value::Vector(
            right
                .into_iter()
                .filter_map(|(labels, value)| {
                    let result = apply(operator, left, value)?;
                    // A comparison that filters keeps the side that is a vector.
                    Some((labels, if filters(operator) { value } else { result }))
                })
                .collect(),
        ),
        (Value::Vector(left), Value::Vector(right)) => Value::Vector(joined(operator, on, left, right)),
    }
}

/// Two vectors, matched by the labels `on` or by all.
fn joined(operator: Operator, on: Option<&[String]>, left: Vector, right: Vector) -> Vector {
    let key = |labels: &Arc<Labels>| on.map_or_else(|| Arc::clone(labels), |names| projected(labels, names));
    let keyed =
        |vector: &Vector| vector.iter().map(|(labels, value)| (key(labels), *value)).collect::<BTreeMap<_, _>>();
    match operator {
        Operator::And => {
            let keys = keyed(&right);
            left.into_iter().filter(|(labels, _)| keys.contains_key(&key(labels))).collect()
        }
        Operator::Unless => {
            let keys = keyed(&right);
            left.into_iter().filter(|(labels, _)| !keys.contains_key(&key(labels))).collect()
        }
        Operator::Or => {
            let keys = keyed(&left);
            let added = right.into_iter().filter(|(labels, _)| !keys.contains_key(&key(labels)));
            left.into_iter().chain(added).collect()
        }
        _ => {
            let keys = keyed(&right);
            let joined = left.into_iter().filter_map(|(labels, value)| {
                let key = key(&labels);
                let other = keys.get(&key)?;
                Some((key, apply(operator, value, *other)?))
            });
            joined.collect()
        }
    }
}

/// Whether the operator is a comparison that keeps or drops what stands left of it.
const fn filters(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Equal | Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual
    )
}

/// Two numbers joined; nothing where a comparison drops them.
#[allow(clippy::float_cmp)] // as Prometheus compares
fn apply(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let truth = |is_true: bool| Some(f64::from(u8::from(is_true)));
    let kept = |is_true: bool| is_true.then_some(left);
    match operator {
        Operator::Add => Some(left + right),
        Operator::Subtract => Some(left - right),
        Operator::Multiply => Some(left * right),
        Operator::Divide => Some(left / right),
        Operator::Modulo => Some(left % right),
        Operator::Equal => kept(left == right),
        Operator::Less => kept(left < right),
        Operator::LessOrEqual => kept(left <= right),
        Operator::Greater => kept(left > right),
        Operator::GreaterOrEqual => kept(left >= right),
        Operator::LessBool => truth(left < right),
        Operator::LessOrEqualBool => truth(left <= right),
        Operator::GreaterBool => truth(left > right),
        Operator::GreaterOrEqualBool => truth(left >= right),
        Operator::Or | Operator::And | Operator::Unless => None,
    }
}
