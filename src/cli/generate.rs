//! `burndown generate`.

mod alertmanager;
mod grafana;
mod prometheus;

use std::path::{Path, PathBuf};

use crate::generate::write::{self, Stale};
use crate::generate::{Kind, ObjectLabel, Options, generate};
use crate::slo::Plan;

use super::{Exit, load, output};

/// Writes recording rules and alerts for Prometheus with a configuration that loads them, promtool tests that prove them,
/// routes for Alertmanager, and dashboards for Grafana.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// SLO files, directories with `*.yaml` or `*.yml` files, or `-` for standard input.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Where to write: `rules/SERVICE.fast.yaml`, `rules/SERVICE.slow.yaml`, `tests/SERVICE.*.test.yaml`,
    /// `prometheus/prometheus.yaml`, `alertmanager/`, `grafana/*.json`, `grafana/provisioning/`.
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// What to write, instead of everything.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    only: Vec<Kind>,
    /// What reads the rules.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// A label of every object of `--format operator`, so that a `ruleSelector` finds it; may be given more than
    /// once.
    #[arg(long = "operator.label", value_name = "KEY=VALUE")]
    object_labels: Vec<ObjectLabel>,
    #[command(flatten)]
    prometheus: prometheus::PrometheusArguments,
    #[command(flatten)]
    alertmanager: alertmanager::AlertmanagerArguments,
    #[command(flatten)]
    grafana: grafana::GrafanaArguments,
    /// Write nothing; fail if a file of the directory differs from what would be written.
    #[arg(long)]
    check: bool,
    /// Remove files that an earlier run generated and this one does not.
    #[arg(long, conflicts_with = "check")]
    prune: bool,
}

/// What reads the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A Prometheus that reads files: `rules/` and `tests/`.
    #[default]
    Prometheus,
    /// The Prometheus operator: `PrometheusRule` objects in `operator/` instead, one per service or several where one would
    /// be too large, and no tests, since promtool reads no objects. Apply with `kubectl apply --server-side`, which has no
    /// limit of 256 KiB.
    Operator,
    /// The ruler of Mimir, Cortex or Grafana Cloud: a namespace per service in `mimir/` instead, for `mimirtool rules
    /// load`, and no tests.
    Mimir,
}

impl Arguments {
    /// The kinds that are asked for.
    fn kinds(&self) -> Result<Vec<Kind>, &'static str> {
        if self.grafana.is_given() && !self.only.is_empty() && !self.only.contains(&Kind::Grafana) {
            return Err("`--grafana.…` needs `--only` to name `grafana`, or no `--only`");
        }
        if self.alertmanager.is_given() && !self.only.is_empty() && !self.only.contains(&Kind::Alertmanager) {
            return Err("`--alertmanager.…` needs `--only` to name `alertmanager`, or no `--only`");
        }
        if self.prometheus.is_given() && !self.only.is_empty() && !self.only.contains(&Kind::Prometheus) {
            return Err("`--prometheus.…` needs `--only` to name `prometheus`, or no `--only`");
        }
        if self.format != Format::Operator && !self.object_labels.is_empty() {
            return Err("`--operator.label` needs `--format operator`");
        }
        let (every, rules) = match self.format {
            Format::Prometheus if self.only.is_empty() => return Ok(Kind::FILES.to_vec()),
            Format::Prometheus => return Ok(self.only.clone()),
            Format::Operator => (Kind::OBJECTS, Kind::Operator),
            Format::Mimir => (Kind::NAMESPACES, Kind::Mimir),
        };
        if self.prometheus.is_given() || self.only.contains(&Kind::Prometheus) {
            return Err(match self.format {
                Format::Operator => {
                    "the operator configures Prometheus itself: describe what it scrapes as a `ServiceMonitor`"
                }
                _ => "a ruler reads no rule files: take the scrape job from `--format prometheus --only prometheus`",
            });
        }
        if self.only.contains(&Kind::Tests) {
            return Err("promtool tests read rule files: write them with `--format prometheus --only rules,tests`");
        }
        let as_format = |kind: &Kind| if *kind == Kind::Rules { rules } else { *kind };
        Ok(if self.only.is_empty() { every.to_vec() } else { self.only.iter().map(as_format).collect() })
    }
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let kinds = match arguments.kinds() {
        Ok(kinds) => kinds,
        Err(message) => return refused(message),
    };
    let plan = match load::planned(&arguments.paths) {
        Ok(loaded) => loaded.plan,
        Err(exit) => return exit,
    };
    produce(arguments, &plan, &kinds).unwrap_or_else(|message| refused(&message))
}

/// Says why nothing was written.
fn refused(message: &str) -> Exit {
    output::messages(&format!("burndown: {message}\n"));
    Exit::Usage
}

/// Writes or checks the files.
fn produce(arguments: &Arguments, plan: &Plan, kinds: &[Kind]) -> Result<Exit, String> {
    let options = Options {
        object_labels: arguments.object_labels.clone(),
        prometheus: arguments.prometheus.options(),
        alertmanager: arguments.alertmanager.options()?,
        grafana: arguments.grafana.options()?,
    };
    let artifacts = generate(plan, kinds, &options).map_err(|error| error.to_string())?;
    let root = &arguments.output;
    if arguments.check {
        let stale = write::stale(root, kinds, &artifacts);
        let exit = if stale.is_empty() { Exit::Success } else { Exit::Failure };
        return Ok(output::results(&verdict(root, artifacts.len(), &stale), exit));
    }
    write::write(root, &artifacts).map_err(|error| error.to_string())?;
    let left = write::left_over(root, kinds, &artifacts);
    if arguments.prune {
        write::remove(&left).map_err(|error| error.to_string())?;
    } else {
        output::messages(&left.iter().map(|path| forgotten(path)).collect::<String>());
    }
    Ok(output::results(&format!("{} files in {}\n", artifacts.len(), root.display()), Exit::Success))
}

/// What to say of a file that nothing generates any more.
fn forgotten(path: &Path) -> String {
    format!("burndown: {} was generated before and is not now; `--prune` removes it\n", path.display())
}

/// What `--check` found.
fn verdict(root: &Path, count: usize, stale: &[Stale]) -> String {
    if stale.is_empty() {
        return format!("{count} files in {} are fresh\n", root.display());
    }
    let lines = stale.iter().map(|one| match one {
        Stale::Missing(path) => format!("missing: {}\n", path.display()),
        Stale::Different(path) => format!("stale: {}\n", path.display()),
        Stale::Left(path) => format!("no longer generated: {}\n", path.display()),
    });
    let advice = format!("run `burndown generate … --output {} --prune` to refresh them\n", root.display());
    lines.chain([advice]).collect()
}
