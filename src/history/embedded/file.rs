//! The files of a history: who may use them, how they are opened, and what becomes of a damaged one.
//!
//! Nothing here knows what the tables hold.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

/// The database in the directory of a history.
const FILE: &str = "history.db";

/// The file whose lock says that a process uses the directory.
const LOCK: &str = "lock";

/// What SQLite appends to the name of a database for its log and for what readers share.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// Marks the database as one of ours: `BDWN` in ASCII.
const APPLICATION: i32 = 0x4244_574e;

/// One step for each version of the schema. A step that was released is never changed; a new one is added.
const MIGRATIONS: [&str; 3] = [include_str!("schema.sql"), include_str!("audit.sql"), include_str!("steps.sql")];

/// How long a connection waits for another one.
const BUSY: Duration = Duration::from_secs(2);

/// How long a directory is waited for: whoever had it may be about to end, or a command that it was starting as it was
/// killed.
const TAKING: Duration = Duration::from_millis(500);

/// Time between two attempts to take it.
const AGAIN: Duration = Duration::from_millis(20);

/// Why the files of a history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Another process uses them.
    #[error("the history in {directory} is in use by another burndown{owner}: give each its own directory")]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// The process, as it is written there, in brackets.
        owner: String,
    },
    /// A later version wrote them.
    #[error("the history in {directory} is of version {found}, and this burndown knows versions up to {known}")]
    TooNew {
        /// The directory.
        directory: PathBuf,
        /// The version of its schema.
        found: i64,
        /// The newest version of the schema that is known here.
        known: usize,
    },
    /// It cannot hold any.
    #[error("{0} is no directory: the history needs one of its own, which is made if it is not there")]
    NoDirectory(PathBuf),
    /// There is no history.
    #[error("there is no history in {0}")]
    Missing(PathBuf),
    /// The database is no database of ours, or damaged.
    #[error("the history is damaged: {0}")]
    Damaged(String),
    /// The operating system refuses.
    #[error("{path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The database refuses.
    #[error("{0}")]
    Database(rusqlite::Error),
}

impl FileError {
    /// Whether neither waiting nor setting aside helps, so that a command had better not begin.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::InUse { .. } | Self::TooNew { .. } | Self::NoDirectory(_))
    }
}

impl From<rusqlite::Error> for FileError {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(code, _)
                if matches!(code.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) =>
            {
                Self::Damaged(error.to_string())
            }
            // A column or table that is not as we made it.
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => Self::Damaged(error.to_string()),
            _ => Self::Database(error),
        }
    }
}

impl From<serde_json::Error> for FileError {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// The directory of a history, which this process alone may write to.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// The lock goes with the process, however that ends.
    _lock: File,
}

impl Directory {
    /// Takes a directory, which is made if it is not there, for nobody else to read.
    ///
    /// # Errors
    /// [`FileError::InUse`] when another process has it, [`FileError::NoDirectory`] when a file is there, and
    /// [`FileError::Io`] when it cannot be made or written to.
    pub(super) fn take(path: &Path) -> Result<Self, FileError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| FileError::Io { path, error }
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => FileError::NoDirectory(path.to_owned()),
            _ => failed(path)(error),
        })?;
        let name = path.join(LOCK);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&name);
        let mut lock = open.map_err(failed(&name))?;
        let deadline = Instant::now() + TAKING;
        let taken = loop {
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(AGAIN),
                taken => break taken,
            }
        };
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // Whose it is only helps to find it.
                let _ = lock.take(20).read_to_string(&mut owner);
                let owner = owner.trim().parse::<u32>().map_or_else(|_| String::new(), |id| format!(" (process {id})"));
                return Err(FileError::InUse { directory: path.to_owned(), owner });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&name)(error)),
        }
        // On a full disk the number is missing, which only makes the message of the next process shorter.
        let _ = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Opens the database to write to it; it is made, or brought up to this version, if need be.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub(super) fn open(&self) -> Result<Connection, FileError> {
        let path = self.path.join(FILE);
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        made.map_err(|error| FileError::Io { path: path.clone(), error })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY)?;
        // Small pages: each commit touches some rows of many probes.
        connection.pragma_update(None, "page_size", 1_024)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // What was shown must also be there after the power failed.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        self.migrate(&mut connection)?;
        Ok(connection)
    }

    fn migrate(&self, connection: &mut Connection) -> Result<(), FileError> {
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if found != 0 && application != APPLICATION {
            return Err(FileError::Damaged("it is no database of burndown".to_owned()));
        }
        let version = usize::try_from(found).ok().filter(|version| *version <= MIGRATIONS.len());
        let Some(version) = version else {
            return Err(FileError::TooNew { directory: self.path.clone(), found, known: MIGRATIONS.len() });
        };
        for (step, sql) in MIGRATIONS.iter().enumerate().skip(version) {
            let transaction = connection.transaction()?;
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", step + 1)?;
            transaction.commit()?;
        }
        Ok(())
    }

    /// Renames the files of the database, which is no longer open, so that a new one can be made. Nothing is deleted.
    ///
    /// # Errors
    /// [`FileError::Io`] when they cannot be renamed.
    pub(super) fn set_aside(&self, at: i64) -> Result<PathBuf, FileError> {
        let free = (0..).map(|number| match number {
            0 => format!("{FILE}.damaged-{at}"),
            _ => format!("{FILE}.damaged-{at}-{number}"),
        });
        let aside = free.map(|name| self.path.join(name)).find(|path| !path.exists()).unwrap_or_default();
        for suffix in SUFFIXES {
            let from = self.path.join(format!("{FILE}{suffix}"));
            let to = PathBuf::from(format!("{}{suffix}", aside.display()));
            match std::fs::rename(&from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(FileError::Io { path: from, error });
                }
                _ => {}
            }
        }
        Ok(aside)
    }

    /// The size of the database with its log in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let size = |suffix: &str| std::fs::metadata(self.path.join(format!("{FILE}{suffix}"))).map_or(0, |it| it.len());
        SUFFIXES.into_iter().map(size).sum()
    }
}

/// Opens the database of a directory to read it, whoever writes to it meanwhile.
///
/// # Errors
/// What keeps it from being read.
pub(super) fn open_to_read(directory: &Path) -> Result<Connection, FileError> {
    let path = directory.join(FILE);
    if !path.exists() {
        return Err(FileError::Missing(directory.to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if usize::try_from(found).is_ok_and(|found| found > MIGRATIONS.len()) {
        return Err(FileError::TooNew { directory: directory.to_owned(), found, known: MIGRATIONS.len() });
    }
    Ok(connection)
}

/// Whether the whole database holds together, or what does not.
///
/// # Errors
/// [`FileError::Damaged`] if it does not, and others when it cannot be read.
pub(super) fn verify(directory: &Path) -> Result<(), FileError> {
    let connection = open_to_read(directory)?;
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said == "ok" { Ok(()) } else { Err(FileError::Damaged(said)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_waited_for_whose_owner_is_about_to_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let before = Directory::take(directory.path()).expect("it is free");
        assert!(matches!(Directory::take(directory.path()), Err(FileError::InUse { .. })));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                sleep(TAKING / 5);
                drop(before);
            });
            Directory::take(directory.path()).expect("it is free in time");
        });
    }
}
