//! The shapes of answers, as Prometheus 2.42 and 3 give them. Fields that only one of them has are optional.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// The labels of a series.
pub type Labels = BTreeMap<String, String>;

/// A series with its value at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The labels, `__name__` among them.
    pub labels: Labels,
    /// Unix time in milliseconds.
    pub time: i64,
    /// The value.
    pub value: f64,
}

/// A series with its values over a range of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels, `__name__` among them.
    pub labels: Labels,
    /// Unix time in milliseconds, and the value, in order of time.
    pub points: Vec<(i64, f64)>,
}

/// The envelope of every answer.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) status: String,
    pub(super) data: Option<T>,
    #[serde(rename = "errorType", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) error: String,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
}

/// What a query over a range gives.
#[derive(Debug, Deserialize)]
pub(super) struct MatrixData {
    pub(super) result: Vec<RawSeries>,
}

/// What a query gives.
#[derive(Debug, Deserialize)]
pub(super) struct QueryData {
    #[serde(default)]
    pub(super) result: serde_json::Value,
    pub(super) stats: Option<Stats>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stats {
    pub(super) samples: Option<SampleStats>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SampleStats {
    #[serde(rename = "totalQueryableSamples")]
    pub(super) total: Option<u64>,
}

/// One series of a vector or matrix. Histograms, which neither holds here, are left out.
#[derive(Debug, Deserialize)]
pub(super) struct RawSeries {
    #[serde(default)]
    pub(super) metric: Labels,
    pub(super) value: Option<(f64, Number)>,
    #[serde(default)]
    pub(super) values: Vec<(f64, Number)>,
}

/// A value, which is text in JSON, such as `1.5`, `NaN` or `+Inf`. A month of slices has many: none is copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NumberText)
    }
}

struct NumberText;

impl Visitor<'_> for NumberText {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number as text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
        text.parse().map(Number).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl RawSeries {
    pub(super) fn sample(self) -> Option<Sample> {
        let (time, value) = point(self.value?);
        Some(Sample { labels: self.metric, time, value })
    }

    pub(super) fn series(self) -> Series {
        Series { points: self.values.into_iter().map(point).collect(), labels: self.metric }
    }
}

/// A point in Unix milliseconds.
#[allow(clippy::cast_possible_truncation)] // Unix milliseconds fit both
fn point((time, Number(value)): (f64, Number)) -> (i64, f64) {
    ((time * 1000.0).round() as i64, value)
}

/// What `/api/v1/status/buildinfo` says.
#[derive(Clone, Debug, Deserialize)]
pub struct BuildInfo {
    /// Such as `2.42.0`.
    pub version: String,
}

/// What `/api/v1/status/runtimeinfo` says.
#[derive(Clone, Debug, Deserialize)]
pub struct RuntimeInfo {
    /// Such as `15d`, `10GiB` or `15d or 10GiB`.
    #[serde(rename = "storageRetention", default)]
    pub storage_retention: String,
}

/// What `/api/v1/targets` says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Targets {
    #[serde(rename = "activeTargets", default)]
    pub(super) active: Vec<Target>,
}

/// A target that is scraped.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    /// Its labels, `job` and `instance` among them.
    #[serde(default)]
    pub labels: Labels,
    /// How often it is scraped, such as `15s`.
    #[serde(rename = "scrapeInterval", default)]
    pub scrape_interval: String,
}

/// What `/api/v1/rules` says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rules {
    #[serde(default)]
    pub(super) groups: Vec<RuleGroup>,
}

/// A rule group that is loaded.
#[derive(Clone, Debug, Deserialize)]
pub struct RuleGroup {
    /// Its name.
    pub name: String,
    /// The file that holds it.
    #[serde(default)]
    pub file: String,
    /// How often it is evaluated, in seconds.
    #[serde(default)]
    pub interval: f64,
    /// Its rules in order.
    #[serde(default)]
    pub rules: Vec<LiveRule>,
}

/// A rule that is loaded.
#[derive(Clone, Debug, Deserialize)]
pub struct LiveRule {
    /// The name of the recorded series or alert.
    pub name: String,
    /// Its expression, as Prometheus prints it.
    #[serde(default)]
    pub query: String,
    /// `recording` or `alerting`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// `ok`, `err` or `unknown`.
    #[serde(default)]
    pub health: String,
    /// Why it failed.
    #[serde(rename = "lastError", default)]
    pub last_error: String,
}
