//! The files of a running service: read when it starts, and again when somebody asks for it.

use std::path::{Path, PathBuf};

use crate::cli::Exit;
use crate::cli::load::{self, Planned};
use crate::diag::{Diagnostic, Level, Sources, render};
use crate::probe::Shard;
use crate::slo::Plan;
use crate::spec::model::Fleet;

/// Where the files are and which part of them this instance runs.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) paths: Vec<PathBuf>,
    pub(super) shard: Option<Shard>,
}

/// What the files say.
pub(super) struct Content {
    /// What this instance runs.
    pub(super) fleet: Fleet,
    /// What the SLOs of these files mean, whoever runs their probes.
    pub(super) plan: Plan,
    /// Their text, for `/config`. Secrets are only named in it.
    pub(super) text: String,
}

impl Files {
    /// Reads the files when a service starts. What is wrong goes to standard error.
    pub(super) fn read(&self) -> Result<Content, Exit> {
        load::planned(&self.paths).map(|planned| self.content(planned))
    }

    /// Reads the files again. What is wrong goes to the log, and errors are given back as people read them.
    pub(super) fn read_again(&self) -> Result<Content, String> {
        if self.paths.iter().any(|path| path == Path::new("-")) {
            let message = "standard input cannot be read twice: start with files to reload them";
            tracing::error!("{message}");
            return Err(format!("{message}\n"));
        }
        let planned = load::load(&self.paths);
        let loaded = &planned.loaded;
        loaded.diagnostics.iter().for_each(|diagnostic| log(diagnostic, &loaded.sources));
        if loaded.has_errors() {
            let errors = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error);
            let errors: Vec<Diagnostic> = errors.cloned().collect();
            return Err(render::render(&errors, &loaded.sources, false));
        }
        Ok(self.content(planned))
    }

    fn content(&self, planned: Planned) -> Content {
        let text = planned.loaded.sources.iter().map(|(_, source)| format!("# {}\n{}\n", source.path, source.text));
        let text = text.collect();
        let mut fleet = planned.loaded.fleet;
        if let Some(shard) = self.shard {
            shard.cut(&mut fleet);
        }
        Content { fleet, plan: planned.plan, text }
    }
}

/// Says what is wrong or worth knowing in the files, each a line.
fn log(diagnostic: &Diagnostic, sources: &Sources) {
    let place = diagnostic.primary.as_ref().and_then(|label| sources.place_of(label.span)).unwrap_or_default();
    let (code, help) = (diagnostic.code.as_str(), diagnostic.help.join("; "));
    match diagnostic.level {
        Level::Error => tracing::error!(code, place, help, "{}", diagnostic.message),
        Level::Warning => tracing::warn!(code, place, help, "{}", diagnostic.message),
        Level::Note => tracing::debug!(code, place, help, "{}", diagnostic.message),
    }
}
