//! `burndown import`.

use std::io;
use std::path::{Path, PathBuf};

use crate::diag::{Code, Diagnostic, Level, render};
use crate::generate::{Artifact, write};
use crate::spec::import::{Imported, Options, SloFile, import};
use crate::units::{Duration, Name};

use super::{Exit, load, output};

/// Makes SLO files of those of sloth, pyrra and OpenSLO, and says what means something else in them.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Files of other tools, directories with `*.yaml` or `*.yml` files, or `-` for standard input. Several may refer to
    /// each other.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Where to write a file `SERVICE.yaml` for each service, instead of to standard output. Files that are there are kept.
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replace files that are there.
    #[arg(long, requires = "output")]
    force: bool,
    /// Take what cannot be carried over exactly for an error, and then write nothing.
    #[arg(long)]
    strict: bool,
    /// The service of every SLO, instead of what the files say.
    #[arg(long, value_name = "NAME")]
    service: Option<Name>,
    /// The window of SLOs whose files say none, as those of sloth do not.
    #[arg(long, value_name = "DURATION")]
    window: Option<Duration>,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let options = Options { service: arguments.service.clone(), window: arguments.window };
    let mut imported = import(&arguments.paths, &options);
    if arguments.strict {
        imported.diagnostics.iter_mut().for_each(stricter);
    }
    let colour = output::may_colour(&io::stderr());
    output::messages(&render::render(&imported.diagnostics, &imported.sources, colour));
    let is_unreadable = |problem: &Diagnostic| matches!(problem.code, Code::FileUnreadable | Code::NoSloFile);
    if imported.diagnostics.iter().any(is_unreadable) {
        return Exit::Usage;
    }
    let errors = imported.diagnostics.iter().filter(|problem| problem.level == Level::Error).count();
    output::messages(&summary(&imported, errors));
    if arguments.strict && errors > 0 {
        output::messages("burndown: nothing was written, since `--strict` takes every warning for an error\n");
        return Exit::Failure;
    }
    // What `check` would refuse for its mathematics is refused here.
    if !imported.files.iter().all(is_plannable) {
        return Exit::Failure;
    }
    let exit = if errors > 0 { Exit::Failure } else { Exit::Success };
    match &arguments.output {
        Some(directory) => files(directory, &imported.files, arguments.force, exit),
        None => text(&imported.files, exit),
    }
}

/// Takes a warning for an error.
fn stricter(problem: &mut Diagnostic) {
    if problem.level == Level::Warning {
        problem.level = Level::Error;
    }
}

/// How much was imported, and how much is to be said of it.
fn summary(imported: &Imported, errors: usize) -> String {
    let counted = |count: usize, noun: &str| if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") };
    let slos: usize = imported.files.iter().map(|file| file.slos).sum();
    let warnings = imported.diagnostics.iter().filter(|problem| problem.level == Level::Warning).count();
    format!(
        "burndown: imported {} of {}: {}, {}\n",
        counted(slos, "SLO"),
        counted(imported.files.len(), "service"),
        counted(errors, "error"),
        counted(warnings, "warning")
    )
}

/// Whether a file can be planned; says why not.
fn is_plannable(file: &SloFile) -> bool {
    let planned = load::of_text(&name_of(file), &file.text);
    let errors: Vec<Diagnostic> =
        planned.loaded.diagnostics.iter().filter(|problem| problem.level == Level::Error).cloned().collect();
    output::messages(&render::render(&errors, &planned.loaded.sources, output::may_colour(&io::stderr())));
    errors.is_empty()
}

fn name_of(file: &SloFile) -> String {
    format!("{}.yaml", file.service)
}

/// Writes the one file to standard output.
fn text(files: &[SloFile], exit: Exit) -> Exit {
    match files {
        [] => exit,
        [file] => output::results(&file.text, exit),
        files => {
            let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.service)).collect();
            output::messages(&format!(
                "burndown: an SLO file holds one service, and these are {}: write a file for each with `--output DIR`\n",
                names.join(", ")
            ));
            Exit::Usage
        }
    }
}

/// Writes each file to the directory, or none if one is there already.
fn files(directory: &Path, files: &[SloFile], force: bool, exit: Exit) -> Exit {
    let artifact = |file: &SloFile| Artifact { path: PathBuf::from(name_of(file)), text: file.text.clone() };
    let artifacts: Vec<Artifact> = files.iter().map(artifact).collect();
    let (mut replaced, mut unchanged) = (Vec::new(), Vec::new());
    for artifact in &artifacts {
        let path = directory.join(&artifact.path);
        if std::fs::read(&path).is_ok_and(|before| before == artifact.text.as_bytes()) {
            unchanged.push(path);
        } else if path.symlink_metadata().is_ok() {
            replaced.push(path);
        }
    }
    if !replaced.is_empty() && !force {
        let said = |path: &PathBuf| {
            format!("burndown: {} is there already; nothing was written, and `--force` replaces it\n", path.display())
        };
        output::messages(&replaced.iter().map(said).collect::<String>());
        return Exit::Usage;
    }
    if let Err(error) = write::write(directory, &artifacts) {
        output::messages(&format!("burndown: {error}\n"));
        return Exit::Usage;
    }
    let line = |artifact: &Artifact| {
        let path = directory.join(&artifact.path);
        let done = match (replaced.contains(&path), unchanged.contains(&path)) {
            (true, _) => "replaced",
            (_, true) => "unchanged",
            _ => "wrote",
        };
        format!("{done} {}\n", path.display())
    };
    output::results(&artifacts.iter().map(line).collect::<String>(), exit)
}
