//! A configuration of Prometheus: it loads the rules, scrapes the probe service and tells Alertmanager.
//!
//! It is a whole file, since Prometheus reads jobs from files of their own from 2.43 on only; its head says what a
//! configuration that exists takes from it. Nothing in it is secret, and nothing in it depends on the machine.

use std::path::PathBuf;

use serde::Serialize;
use url::Host;

use super::yaml::{self, display};
use super::{Artifact, Kind, word};
use crate::names::{Alert, label};
use crate::slo::window::{SLICE, Tier};
use crate::slo::{Plan, SloPlan};
use crate::spec::model::{Endpoint, Sli};
use crate::units::Duration;

/// The port on which a probe service listens unless it is told otherwise.
const BURNDOWN_PORT: u16 = 9799;

/// The port of Alertmanager.
const ALERTMANAGER_PORT: u16 = 9093;

/// Where this Prometheus scrapes itself.
const ITSELF: &str = "localhost:9090";

/// Nothing is scraped less often: a page of a full outage is due after a minute.
const SLOWEST_SCRAPE: Duration = Duration::from_secs(15);

/// A look-back holds four scrapes: two are needed, and one may fail or be late.
const SCRAPES_PER_LOOKBACK: u64 = 4;

/// How often rules of somebody else are evaluated; every generated group says its own interval.
const EVALUATION: Duration = Duration::from_secs(30);

/// The most samples of one scrape: 10,000 probes of HTTP have about 360,000.
const MOST_SAMPLES: u32 = 1_000_000;

/// The largest answer of one scrape: 10,000 probes of HTTP have about 28 MB.
const LARGEST_BODY: &str = "128MB";

/// The most labels of a sample: the exporter sets five, and a target may have some of its own.
const MOST_LABELS: u32 = 30;

/// Where the programs are that a Prometheus talks to.
#[derive(Clone, Debug)]
pub struct Options {
    /// The probe services that are scraped.
    pub targets: Vec<Endpoint>,
    /// The Alertmanagers that are told of alerts.
    pub alertmanagers: Vec<Endpoint>,
}

impl Default for Options {
    fn default() -> Self {
        let at = |host: &str, port| vec![Endpoint { host: Host::Domain(host.to_owned()), port }];
        Self { targets: at("burndown", BURNDOWN_PORT), alertmanagers: at("alertmanager", ALERTMANAGER_PORT) }
    }
}

/// Prometheus's configuration, as far as it is written here.
#[derive(Debug, Serialize)]
struct Configuration {
    global: Global,
    rule_files: Vec<String>,
    alerting: Alerting,
    scrape_configs: [Job; 2],
}

/// What holds where nothing else is said.
#[derive(Debug, Serialize)]
struct Global {
    #[serde(serialize_with = "display")]
    scrape_interval: Duration,
    #[serde(serialize_with = "display")]
    evaluation_interval: Duration,
}

/// Who is told of alerts.
#[derive(Debug, Serialize)]
struct Alerting {
    alertmanagers: [Targets; 1],
}

/// Something that is scraped.
#[derive(Debug, Serialize)]
struct Job {
    job_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scrape_interval: Option<String>,
    #[serde(flatten)]
    limits: Option<Limits>,
    #[serde(flatten)]
    targets: Targets,
}

/// What a scrape may bring at most; beyond it the whole scrape counts as failed.
#[derive(Debug, Serialize)]
struct Limits {
    sample_limit: u32,
    label_limit: u32,
    body_size_limit: &'static str,
}

/// Where something is.
#[derive(Debug, Serialize)]
struct Targets {
    static_configs: [StaticTargets; 1],
}

/// Addresses.
#[derive(Debug, Serialize)]
struct StaticTargets {
    targets: Vec<String>,
}

impl Targets {
    fn of(targets: Vec<String>) -> Self {
        Self { static_configs: [StaticTargets { targets }] }
    }

    fn at(endpoints: &[Endpoint]) -> Self {
        Self::of(endpoints.iter().map(ToString::to_string).collect())
    }
}

/// The configuration for all services of a plan; none if it has no SLO, and with that no rules.
pub(super) fn artifact(plan: &Plan, options: &Options) -> Result<Option<Artifact>, yaml::Error> {
    let plans: Vec<&SloPlan> = plan.slos().collect();
    let Some(window) = plans.iter().map(|plan| plan.slo.window).max() else { return Ok(None) };
    let path = PathBuf::from(Kind::Prometheus.directory()).join("prometheus.yaml");
    let text = yaml::print_with(&advice(window), &configuration(&plans, options))?;
    Ok(Some(Artifact { path, text }))
}

/// What the file says of itself, below the line that every generated file begins with.
fn advice(window: Duration) -> String {
    let retention = window.plus(SLICE).ceil_to(Duration::from_days(1));
    format!(
        "\
# Start Prometheus with `--storage.tsdb.retention.time={retention}` or more. Its usual 15 days are too few for a longer
# window: what failed before them would leave the budget early.
#
# A Prometheus that you have takes the `rule_files`, the job `burndown` and `alerting` from here; from 2.43 on the job may
# be a file of its own, under `scrape_config_files`. The job `prometheus` is there because {failing} reads what
# Prometheus says of its own rules. TLS and users of the probe service (`--web.config.file`) go under the job, as
# `scheme`, `tls_config` and `basic_auth` with a `password_file`.
#
# The limits hold ten thousand probes of one service with room to spare. `honor_labels` stays off: no label of the
# service is one that Prometheus sets ({service}, {probe}, {location}), so that nothing is renamed, and no answer
# can pretend to be another target.
",
        failing = Alert::SloRulesFailing.name(),
        service = label::SERVICE,
        probe = label::PROBE,
        location = label::LOCATION,
    )
}

fn configuration(plans: &[&SloPlan], options: &Options) -> Configuration {
    let (probed, counted): (Vec<&SloPlan>, Vec<&SloPlan>) =
        plans.iter().copied().partition(|plan| matches!(plan.slo.sli, Sli::Probe { .. }));
    let usual = scrape_interval(&counted);
    let own = scrape_interval(&probed);
    let rules = |tier| format!("../{}/*.{}.yaml", Kind::Rules.directory(), word(tier));
    let burndown = Job {
        job_name: "burndown",
        scrape_interval: (own != usual).then(|| own.to_string()),
        limits: Some(Limits { sample_limit: MOST_SAMPLES, label_limit: MOST_LABELS, body_size_limit: LARGEST_BODY }),
        targets: Targets::at(&options.targets),
    };
    let prometheus = Job {
        job_name: "prometheus",
        scrape_interval: None,
        limits: None,
        targets: Targets::of(vec![ITSELF.to_owned()]),
    };
    Configuration {
        global: Global { scrape_interval: usual, evaluation_interval: EVALUATION },
        rule_files: [Tier::Fast, Tier::Slow].map(rules).into(),
        alerting: Alerting { alertmanagers: [Targets::at(&options.alertmanagers)] },
        scrape_configs: [burndown, prometheus],
    }
}

/// How often series are scraped that these SLOs read.
fn scrape_interval(plans: &[&SloPlan]) -> Duration {
    let lookback = plans.iter().map(|plan| plan.slo.rules.lookback).min();
    let second = Duration::from_secs(1);
    lookback.map_or(SLOWEST_SCRAPE, |lookback| {
        let part = Duration::from_millis(lookback.as_millis() / SCRAPES_PER_LOOKBACK);
        if part < second { part } else { part.floor_to(second).min(SLOWEST_SCRAPE) }
    })
}
