//! Thresholds and value mappings: from which value on a colour holds, and the word that goes with it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::palette;

/// What is above zero: at zero itself a budget is spent.
const LEAST: f64 = 0.001;

/// Steps of colour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Thresholds {
    mode: &'static str,
    steps: Vec<Step>,
}

/// A colour from a value on; without one, from the lowest.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Step {
    color: &'static str,
    value: Option<f64>,
}

impl Thresholds {
    /// One colour, whatever the value.
    pub(super) fn always(color: &'static str) -> Self {
        Self { mode: "absolute", steps: vec![Step { color, value: None }] }
    }

    /// Another colour from a value on.
    pub(super) fn then(mut self, value: f64, color: &'static str) -> Self {
        self.steps.push(Step { color, value: Some(value) });
        self
    }

    /// Of an amount of budget: spent at zero and below.
    pub(super) fn budget() -> Self {
        Self::always(palette::SPENT).then(LEAST, palette::GOOD)
    }

    /// Of a share of a budget: low in its last quarter.
    pub(super) fn share() -> Self {
        Self::always(palette::SPENT).then(LEAST, palette::LOW).then(0.25, palette::GOOD)
    }

    /// Of a count of things that there should be none of.
    pub(super) fn none_wanted() -> Self {
        Self::always(palette::GOOD).then(1.0, palette::SPENT)
    }
}

/// Words for values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Mapping {
    #[serde(rename = "type")]
    kind: &'static str,
    options: BTreeMap<String, Meaning>,
}

/// What a value means.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Meaning {
    text: &'static str,
    color: &'static str,
    index: usize,
}

impl Mapping {
    fn of(values: &[(&str, &'static str, &'static str)]) -> Vec<Self> {
        let meaning = |(index, (value, text, color)): (usize, &(&str, &'static str, &'static str))| {
            ((*value).to_owned(), Meaning { text, color, index })
        };
        vec![Self { kind: "value", options: values.iter().enumerate().map(meaning).collect() }]
    }

    /// The gate, as [`super::query::gate_state`] counts it.
    pub(super) fn gate() -> Vec<Self> {
        Self::of(&[
            ("0", "closed", palette::SPENT),
            ("1", "unknown, held", palette::UNKNOWN),
            ("2", "unknown, allowed", palette::UNKNOWN),
            ("3", "overridden", palette::LOW),
            ("4", "open", palette::GOOD),
        ])
    }

    /// An alert, whose series is there and 1 while it fires.
    pub(super) fn firing() -> Vec<Self> {
        Self::of(&[("1", "firing", palette::SPENT)])
    }

    /// The verdict of a run.
    pub(super) fn verdict() -> Vec<Self> {
        Self::of(&[("0", "failed", palette::SPENT), ("1", "succeeded", palette::GOOD)])
    }
}
