//! A Unix socket that only its owner may use: who is at the other end is known without any password.
//!
//! It is made where nobody else can reach it and moved to its place when its mode is right. One that a process left
//! behind is replaced, and one on which somebody still listens is not.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::history::audit::Who;

/// Where the names of this machine's users are.
const USERS: &str = "/etc/passwd";

/// The largest such file that is read, in bytes.
const MOST_USERS: u64 = 1 << 20;

/// A socket that is listened on. Dropping it removes it.
#[derive(Debug)]
pub(super) struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Which file it is, so that nobody else's is removed.
    inode: u64,
}

impl LocalSocket {
    /// Listens at `path`, for this user alone.
    ///
    /// # Errors
    /// When something else is there, somebody listens on it, or the directory cannot be written to.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else than a socket is there"));
            }
            // Blocking, but a local socket answers or refuses at once.
            Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens on it"));
            }
            _ => {}
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let nursery = tempfile::Builder::new().prefix(".b").rand_bytes(4).tempdir_in(parent)?;
        let young = nursery.path().join("s");
        let listener = UnixListener::bind(&young)?;
        fs::set_permissions(&young, fs::Permissions::from_mode(0o600))?;
        let inode = fs::symlink_metadata(&young)?.ino();
        fs::rename(&young, path)?;
        Ok(Self { listener, path: path.to_owned(), inode })
    }

    /// The next connection, and who is at its other end.
    pub(super) async fn accept(&self) -> io::Result<(UnixStream, Who)> {
        let (stream, _) = self.listener.accept().await?;
        let user = stream.peer_cred()?.uid();
        Ok((stream, who(user)?))
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            // It is of no use to anybody; a next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A user of this machine by number, and by name where the machine itself has one for it.
fn who(user: u32) -> io::Result<Who> {
    let users = fs::metadata(USERS).ok().filter(|found| found.len() <= MOST_USERS);
    let users = users.and_then(|_| fs::read_to_string(USERS).ok()).unwrap_or_default();
    let text = match name_of(&users, user) {
        Some(name) => format!("local user {name} (uid {user})"),
        None => format!("local uid {user}"),
    };
    text.parse().or_else(|_| format!("local uid {user}").parse()).map_err(io::Error::other)
}

/// The name of a user in a file of users (passwd(5)).
fn name_of(users: &str, user: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(user)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_that_the_machine_gives() {
        let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/users/ann:/bin/sh\nodd\n";
        assert_eq!([0, 1000, 1].map(|user| name_of(users, user)), [Some("root"), Some("ann"), None]);
    }

    #[tokio::test]
    async fn a_socket_is_private_replaces_a_dead_one_and_goes_with_its_owner() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("one that is left behind"));
        let socket = LocalSocket::bind(&path).expect("it is replaced");
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        let refused = LocalSocket::bind(&path).expect_err("it is in use");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        let client = UnixStream::connect(&path);
        let ((_, who), _client) = (socket.accept().await.expect("accepted"), client.await.expect("connected"));
        assert!(who.as_str().starts_with("local u"), "{who}");
        drop(socket);
        assert!(!path.exists());
        fs::write(&path, "a file").expect("written");
        assert_eq!(LocalSocket::bind(&path).expect_err("no socket").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).expect("untouched"), "a file");
        let left: Vec<_> = fs::read_dir(directory.path()).expect("a directory").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
