//! The one place that writes generated files: each whole or not at all, and nothing before everything is ready.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::{Artifact, Kind};

/// Why files could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct Error {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

/// How a file on disk differs from what would be generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// It is not there.
    Missing(PathBuf),
    /// It holds something else.
    Different(PathBuf),
    /// It was generated once, and is not any more.
    Left(PathBuf),
}

/// Writes every artifact below `root`: first all of them beside their places, then each renamed into place, so
/// that a full disk leaves the earlier files untouched.
///
/// # Errors
/// The first file or directory that cannot be written.
pub fn write(root: &Path, artifacts: &[Artifact]) -> Result<(), Error> {
    let mut staged = Vec::new();
    for artifact in artifacts {
        let path = root.join(&artifact.path);
        if std::fs::read(&path).is_ok_and(|before| before == artifact.text.as_bytes()) {
            continue;
        }
        staged.push((stage(&path, &artifact.text)?, path));
    }
    for (file, path) in staged {
        file.persist(&path).map_err(|error| Error { path, source: error.error })?;
    }
    Ok(())
}

/// Removes files.
///
/// # Errors
/// The first file that cannot be removed.
pub fn remove(paths: &[PathBuf]) -> Result<(), Error> {
    paths.iter().try_for_each(|path| std::fs::remove_file(path).map_err(|source| Error { path: path.clone(), source }))
}

/// Writes `text` to a temporary file beside `path`.
fn stage(path: &Path, text: &str) -> Result<tempfile::NamedTempFile, Error> {
    let failed = |source| Error { path: path.to_owned(), source };
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(directory).map_err(failed)?;
    if path.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    let mut builder = tempfile::Builder::new();
    readable(&mut builder);
    let mut file = builder.prefix(".burndown-").tempfile_in(directory).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    Ok(file)
}

/// Generated files are for other programs to read, and temporary files are private by default.
fn readable(builder: &mut tempfile::Builder<'_, '_>) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
}

/// How the files below `root` differ from the artifacts; empty if they are fresh.
#[must_use]
pub fn stale(root: &Path, kinds: &[Kind], artifacts: &[Artifact]) -> Vec<Stale> {
    let differs = artifacts.iter().filter_map(|artifact| {
        let path = root.join(&artifact.path);
        match std::fs::read(&path) {
            Ok(bytes) if bytes == artifact.text.as_bytes() => None,
            Ok(_) => Some(Stale::Different(path)),
            Err(_) => Some(Stale::Missing(path)),
        }
    });
    differs.chain(left_over(root, kinds, artifacts).into_iter().map(Stale::Left)).collect()
}

/// Files that an earlier run generated and this one does not. A file without our header is somebody else's.
#[must_use]
pub fn left_over(root: &Path, kinds: &[Kind], artifacts: &[Artifact]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for directory in kinds.iter().flat_map(|kind| kind.directories()) {
        let Ok(entries) = std::fs::read_dir(root.join(directory)) else { continue };
        paths.extend(entries.flatten().map(|entry| entry.path()));
    }
    let wanted: BTreeSet<PathBuf> = artifacts.iter().map(|artifact| root.join(&artifact.path)).collect();
    paths.retain(|path| !wanted.contains(path) && is_ours(path));
    paths.sort();
    paths
}

/// Whether a file begins as everything that we generate does.
fn is_ours(path: &Path) -> bool {
    let head = if path.extension().is_some_and(|extension| extension == "json") {
        super::grafana::HEAD
    } else {
        super::yaml::HEADER
    };
    let mut start = vec![0; head.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == head.as_bytes()
}
