//! `burndown generate`.

use std::path::{Path, PathBuf};

use crate::generate::write::{self, Stale};
use crate::generate::{Kind, generate};
use crate::slo::Plan;

use super::{Exit, load, output};

/// Writes recording rules and alerts for Prometheus, and promtool tests that prove them.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// SLO files, directories with `*.yaml` or `*.yml` files, or `-` for standard input.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Where to write: `rules/SERVICE.fast.yaml`, `rules/SERVICE.slow.yaml`, `tests/SERVICE.*.test.yaml`.
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// What to write, instead of everything.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    only: Vec<Kind>,
    /// Write nothing; fail if a file of the directory differs from what would be written.
    #[arg(long)]
    check: bool,
    /// Remove files that an earlier run generated and this one does not.
    #[arg(long, conflicts_with = "check")]
    prune: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let plan = match load::planned(&arguments.paths) {
        Ok(loaded) => loaded.plan,
        Err(exit) => return exit,
    };
    let kinds = if arguments.only.is_empty() { Kind::ALL.to_vec() } else { arguments.only.clone() };
    produce(arguments, &plan, &kinds).unwrap_or_else(|message| {
        output::messages(&format!("burndown: {message}\n"));
        Exit::Usage
    })
}

/// Writes or checks the files.
fn produce(arguments: &Arguments, plan: &Plan, kinds: &[Kind]) -> Result<Exit, String> {
    let artifacts = generate(plan, kinds).map_err(|error| error.to_string())?;
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
