//! The directory of one run: for its user alone, gone after the run, and swept away at the next start if the process
//! was killed.
//!
//! A directory is locked (`flock`) as long as its run lasts. The lock ends with the process, whatever ends it, and
//! says more than a process id: it holds between containers that share a directory, and no number is used again.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::process::geteuid;
use tempfile::TempDir;

use super::super::progress::Fault;

/// How the names of all directories of runs begin.
const PREFIX: &str = "burndown-run-";

/// The directory of a run, removed when dropped.
#[derive(Debug)]
pub(in super::super) struct RunDir {
    directory: TempDir,
    /// Held, never read. A file system without locks has none; what a killed process leaves there stays.
    _lock: Option<File>,
}

impl RunDir {
    /// Makes a directory below `parent` that only the prober's user may enter.
    ///
    /// # Errors
    ///
    /// A fault of the prober when it cannot be made or locked.
    pub(in super::super) fn make(parent: &Path) -> Result<Self, Fault> {
        // Between its making and its locking, another process that starts may take a directory for left.
        let made = make_locked(parent).or_else(|_| make_locked(parent));
        made.map_err(|error| Fault::Prober(format!("no directory for the run under {}: {error}", parent.display())))
    }

    /// Where it is.
    pub(in super::super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Removes it with all that is in it.
    ///
    /// # Errors
    ///
    /// Those of the file system; then something of it is left.
    pub(in super::super) fn remove(self) -> io::Result<()> {
        self.directory.close()
    }
}

fn make_locked(parent: &Path) -> io::Result<RunDir> {
    let permissions = Permissions::from_mode(0o700);
    let directory = tempfile::Builder::new().prefix(PREFIX).permissions(permissions).tempdir_in(parent)?;
    let lock = match lock(directory.path()) {
        Ok(lock) => Some(lock),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
        Err(_) => None,
    };
    fs::symlink_metadata(directory.path())?;
    Ok(RunDir { directory, _lock: lock })
}

/// Removes the directories below `parent` whose runs ended with their process, and returns how many there were.
///
/// Left alone is what is not a directory (a symbolic link is none), not this user's, or locked by a run that is going
/// on, in this process or another. What cannot be removed is said in the log and left.
pub(in super::super) fn sweep(parent: &Path) -> usize {
    // A parent that cannot be listed holds nothing that could be removed; runs will say what is wrong with it.
    let entries = fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    named.filter(|entry| remove_if_left(&entry.path())).count()
}

fn remove_if_left(path: &Path) -> bool {
    let own = |found: fs::Metadata| found.is_dir() && found.uid() == geteuid().as_raw();
    if !fs::symlink_metadata(path).is_ok_and(own) {
        return false;
    }
    let Ok(_lock) = lock(path) else { return false };
    // The directory above is one of temporary files, where nobody else can put another in the place of one of ours.
    match fs::remove_dir_all(path) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a directory that a run left cannot be removed");
            false
        }
    }
}

/// Opens a directory and locks it, without waiting and without following a link.
fn lock(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty())?;
    flock(&directory, FlockOperation::NonBlockingLockExclusive)?;
    Ok(File::from(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_process_left_is_swept_away() {
        let parent = tempfile::tempdir().expect("a directory");
        let elsewhere = tempfile::tempdir().expect("a directory");
        fs::write(elsewhere.path().join("kept"), "").expect("writes");
        let make = |name: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).expect("makes");
            fs::write(path.join("token"), "s3cret").expect("writes");
            path
        };
        let (left, other) = (make("burndown-run-left"), make("something-else"));
        std::os::unix::fs::symlink(elsewhere.path(), left.join("link")).expect("links");
        let link = parent.path().join("burndown-run-link");
        std::os::unix::fs::symlink(elsewhere.path(), &link).expect("links");
        let file = parent.path().join("burndown-run-file");
        fs::write(&file, "").expect("writes");
        let running = RunDir::make(parent.path()).expect("a directory");

        assert_eq!(sweep(parent.path()), 1);
        assert!(!left.exists());
        for kept in [&other.join("token"), &link.join("kept"), &file, running.path()] {
            assert!(kept.exists(), "{}", kept.display());
        }
        assert_eq!(sweep(Path::new("/nonexistent")), 0);

        let path = running.path().to_owned();
        running.remove().expect("removes");
        assert!(!path.exists());
    }
}
