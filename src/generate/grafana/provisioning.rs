//! The files by which a Grafana finds the pages when it starts: a provider of dashboards and, if a Prometheus is given,
//! a data source; and what the linter of dashboards is told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::Options;
use crate::generate::yaml::{self, Error};
use crate::generate::{Artifact, Kind};

/// How often Grafana looks whether the files changed, in seconds.
const LOOK_EVERY: u32 = 30;

/// A file of providers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Providers {
    api_version: u32,
    providers: [Provider; 1],
}

/// A directory of dashboards.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Provider {
    name: String,
    folder: String,
    #[serde(rename = "type")]
    kind: &'static str,
    disable_deletion: bool,
    allow_ui_updates: bool,
    update_interval_seconds: u32,
    options: ProviderOptions,
}

/// Where the directory is.
#[derive(Debug, Serialize)]
struct ProviderOptions {
    path: String,
}

/// A file of data sources.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sources {
    api_version: u32,
    datasources: [Source; 1],
}

/// A Prometheus.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    name: String,
    uid: String,
    #[serde(rename = "type")]
    kind: &'static str,
    access: &'static str,
    url: String,
    is_default: bool,
    editable: bool,
    json_data: SourceOptions,
}

/// How it is asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceOptions {
    http_method: &'static str,
    prometheus_type: &'static str,
}

/// What the linter leaves out.
#[derive(Debug, Serialize)]
struct Lint {
    exclusions: BTreeMap<&'static str, Exclusion>,
}

/// Why.
#[derive(Debug, Serialize)]
struct Exclusion {
    reason: &'static str,
}

/// Rules of Grafana's dashboard-linter that do not fit.
const EXCLUSIONS: [(&str, &str); 4] = [
    ("template-job-rule", NO_JOB),
    ("template-instance-rule", NO_JOB),
    ("target-job-rule", NO_JOB),
    ("target-instance-rule", NO_JOB),
];

/// Why jobs and instances are no variables.
const NO_JOB: &str = "Recorded series have neither job nor instance: an SLO is told by its service and name, and a \
                      probe by its service, name and location.";

/// All of these files.
pub(super) fn artifacts(options: &Options) -> Result<Vec<Artifact>, Error> {
    let root = PathBuf::from(Kind::Grafana.directory());
    let prefix = options.uid_prefix.as_str();
    let provisioned = |kind: &str| root.join("provisioning").join(kind).join(format!("{prefix}.yaml"));
    let mut artifacts = vec![
        Artifact { path: provisioned("dashboards"), text: yaml::print(&providers(options))? },
        Artifact { path: root.join(".lint"), text: yaml::print(&lint())? },
    ];
    if let Some(url) = &options.prometheus_url {
        let text = yaml::print(&sources(options, url.as_str()))?;
        artifacts.push(Artifact { path: provisioned("datasources"), text });
    }
    Ok(artifacts)
}

fn providers(options: &Options) -> Providers {
    let provider = Provider {
        name: options.uid_prefix.to_string(),
        folder: literal(&options.folder),
        kind: "file",
        disable_deletion: false,
        allow_ui_updates: false,
        update_interval_seconds: LOOK_EVERY,
        options: ProviderOptions { path: literal(&options.path) },
    };
    Providers { api_version: 1, providers: [provider] }
}

fn sources(options: &Options, url: &str) -> Sources {
    let source = Source {
        name: format!("{} Prometheus", options.uid_prefix),
        uid: options.datasource().unwrap_or_default(),
        kind: "prometheus",
        access: "proxy",
        url: literal(url),
        is_default: false,
        editable: false,
        json_data: SourceOptions { http_method: "POST", prometheus_type: "Prometheus" },
    };
    Sources { api_version: 1, datasources: [source] }
}

fn lint() -> Lint {
    Lint { exclusions: EXCLUSIONS.into_iter().map(|(rule, reason)| (rule, Exclusion { reason })).collect() }
}

/// A text in which Grafana finds no variable of the environment.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}
