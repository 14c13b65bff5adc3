//! Plan → text: recording rules, alerts and their proofs, dashboards.
//!
//! Generators are pure and their output depends on the plan alone: same plan, same bytes. Only [`write`]
//! touches the disk.

pub mod alertmanager;
mod alerts;
mod events;
pub mod grafana;
mod increments;
mod kubernetes;
pub mod levels;
mod mimir;
pub mod planned;
pub mod prometheus;
mod proofs;
mod rules;
mod scenario;
mod template;
pub mod write;
mod yaml;

use std::path::PathBuf;

use crate::slo::Plan;
use crate::slo::window::Tier;
use crate::units::Name;

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where it belongs, relative to the output directory.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

/// What can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// Recording rules and alerts, `rules/SERVICE.fast.yaml` and `rules/SERVICE.slow.yaml`.
    Rules,
    /// Unit tests of the rules for promtool, `tests/SERVICE.*.test.yaml`.
    Tests,
    /// Scrapes, rule files and alerting for Prometheus, `prometheus/prometheus.yaml`.
    Prometheus,
    /// Routes, inhibitions and texts for Alertmanager, `alertmanager/alertmanager.yaml` and `alertmanager/templates/`.
    Alertmanager,
    /// Dashboards for Grafana and the files that make it find them, `grafana/*.json` and `grafana/provisioning/`.
    Grafana,
    /// The rules as objects for the Prometheus operator, `operator/SERVICE.yaml`.
    #[value(skip)] // asked for as a format of the rules
    Operator,
    /// The rules as namespaces for the ruler of Mimir or Cortex, `mimir/SERVICE.yaml`.
    #[value(skip)] // asked for as a format of the rules
    Mimir,
}

impl Kind {
    /// Every kind for a Prometheus that reads files.
    pub const FILES: [Self; 5] = [Self::Rules, Self::Tests, Self::Prometheus, Self::Alertmanager, Self::Grafana];

    /// Every kind for a Prometheus that an operator runs, which writes its configuration; promtool tests read files
    /// alone.
    pub const OBJECTS: [Self; 3] = [Self::Operator, Self::Alertmanager, Self::Grafana];

    /// Every kind for a ruler to which rules are uploaded.
    pub const NAMESPACES: [Self; 3] = [Self::Mimir, Self::Alertmanager, Self::Grafana];

    /// The directory below the output directory that holds the kind and nothing else.
    #[must_use]
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Tests => "tests",
            Self::Prometheus => "prometheus",
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::Operator => "operator",
            Self::Mimir => "mimir",
        }
    }

    /// Every directory that holds files of the kind.
    const fn directories(self) -> &'static [&'static str] {
        match self {
            Self::Rules => &["rules"],
            Self::Tests => &["tests"],
            Self::Prometheus => &["prometheus"],
            Self::Alertmanager => &["alertmanager", "alertmanager/templates"],
            Self::Grafana => &["grafana", "grafana/provisioning/dashboards", "grafana/provisioning/datasources"],
            Self::Operator => &["operator"],
            Self::Mimir => &["mimir"],
        }
    }
}

/// Why nothing can be generated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be put into YAML, which no valid plan causes.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
    /// A page cannot be put into JSON, which no valid plan causes.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Two services would be one object in Kubernetes.
    #[error(
        "the services `{one}` and `{other}` would both be the object `{object}` in Kubernetes, whose names have \
         neither capitals nor `_`: rename one of them, or generate each on its own for a namespace of its own"
    )]
    SameObject {
        /// The name of the object.
        object: String,
        /// The first service.
        one: Name,
        /// The second.
        other: Name,
    },
}

/// What a plan does not say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Labels of Kubernetes objects.
    pub object_labels: Vec<ObjectLabel>,
    /// Where the programs are that a Prometheus talks to.
    pub prometheus: prometheus::Options,
    /// Who is told of alerts, and how.
    pub alertmanager: alertmanager::Options,
    /// How the dashboards fit into a Grafana.
    pub grafana: grafana::Options,
}

/// Everything that a plan gives of the wanted kinds, in order of path.
///
/// # Errors
/// [`Error`] if two services cannot be told apart, or a file cannot be put into YAML or JSON.
pub fn generate(plan: &Plan, kinds: &[Kind], options: &Options) -> Result<Vec<Artifact>, Error> {
    let mut artifacts = Vec::new();
    if kinds.contains(&Kind::Prometheus) {
        artifacts.extend(prometheus::artifact(plan, &options.prometheus)?);
    }
    if kinds.contains(&Kind::Alertmanager) {
        artifacts.extend(alertmanager::artifacts(plan, &options.alertmanager)?);
    }
    if kinds.contains(&Kind::Grafana) {
        artifacts.extend(grafana::artifacts(plan, &options.grafana)?);
    }
    if kinds.contains(&Kind::Operator) {
        artifacts.extend(kubernetes::artifacts(plan, &options.object_labels)?);
    }
    if kinds.contains(&Kind::Mimir) {
        artifacts.extend(mimir::artifacts(plan)?);
    }
    if kinds.contains(&Kind::Rules) || kinds.contains(&Kind::Tests) {
        files(plan, kinds, &mut artifacts)?;
    }
    artifacts.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(artifacts)
}

/// The rule files and their tests.
fn files(plan: &Plan, kinds: &[Kind], artifacts: &mut Vec<Artifact>) -> Result<(), Error> {
    for (service, slos) in plan.services.iter().filter(|(_, slos)| !slos.is_empty()) {
        let slos: Vec<_> = slos.values().collect();
        for tier in [Tier::Fast, Tier::Slow] {
            if kinds.contains(&Kind::Rules) {
                let text = yaml::print(&rules::file(service, &slos, tier))?;
                artifacts.push(Artifact { path: rule_path(service, tier), text });
            }
            if kinds.contains(&Kind::Tests)
                && let Some(tests) = proofs::file(service, &slos, tier)
            {
                let path = PathBuf::from(Kind::Tests.directory()).join(format!("{service}.{}.test.yaml", word(tier)));
                artifacts.push(Artifact { path, text: yaml::print(&tests)? });
            }
        }
    }
    Ok(())
}

/// Where the rules of a service and tier go, relative to the output directory.
fn rule_path(service: &Name, tier: Tier) -> PathBuf {
    PathBuf::from(Kind::Rules.directory()).join(format!("{service}.{}.yaml", word(tier)))
}

/// The part of a file name that names the tier.
const fn word(tier: Tier) -> &'static str {
    match tier {
        Tier::Fast => "fast",
        Tier::Slow => "slow",
    }
}

pub use kubernetes::{ObjectLabel, ObjectLabelError};
pub use yaml::Error as YamlError;
