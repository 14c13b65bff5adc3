//! Secrets, read at the moment of use and never kept.
//!
//! No value may reach a log, an error or a verdict: errors name the place of a secret, never its content.

use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::progress::Fault;
use crate::spec::model::SecretSource;

/// The largest file that is taken for a secret, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// A secret's value.
pub(super) struct Secret(Vec<u8>);

impl Secret {
    /// The value's bytes, for the one place that uses them.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The value as a command's environment takes it.
    pub(super) fn into_os_string(self) -> OsString {
        OsString::from_vec(self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Reads a secret from where the file says it is kept.
///
/// # Errors
///
/// A fault of the prober when the variable is not set or the file cannot be read, is not a regular file or
/// is larger than 64 KiB.
pub(super) async fn read(source: &SecretSource) -> Result<Secret, Fault> {
    match source {
        SecretSource::Env(name) => std::env::var_os(name)
            .map(|value| Secret(value.into_vec()))
            .ok_or_else(|| Fault::Prober(format!("the environment variable `{name}` is not set"))),
        SecretSource::File(path) => {
            let owned = path.clone();
            let content = tokio::task::spawn_blocking(move || read_file(&owned)).await;
            match content {
                Ok(Ok(bytes)) => Ok(Secret(bytes)),
                Ok(Err(error)) => Err(Fault::Prober(format!("the secret file {}: {error}", path.display()))),
                Err(_) => Err(Fault::Prober(format!("the secret file {} could not be read", path.display()))),
            }
        }
    }
}

/// The content of a small regular file without its last line break.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = read_regular(path, MAX_BYTES)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(bytes)
}

/// Every byte of a regular file of at most `limit` bytes. Blocks.
pub(super) fn read_regular(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    // Opening a pipe would wait for its writer, so what it is comes first.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("is not a regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(std::io::Error::other(format!("is larger than {} KiB", limit / 1024)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_files_last_line_break_does_not_count() {
        let directory = tempfile::tempdir().expect("a directory");
        for (content, value) in [("x", "x"), ("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), ("", "")] {
            let path = directory.path().join("secret");
            std::fs::write(&path, content).expect("writes");
            let secret = read(&SecretSource::File(path)).await.expect("reads");
            assert_eq!(format!("{secret:?}"), "[redacted]");
            assert_eq!(secret.into_bytes(), value.as_bytes(), "{content:?}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_named_and_counts_as_the_probers_fault() {
        let missing = read(&SecretSource::Env("BURNDOWN_NO_SUCH_VARIABLE".into())).await.expect_err("not set");
        assert_eq!(missing, Fault::Prober("the environment variable `BURNDOWN_NO_SUCH_VARIABLE` is not set".into()));
        for path in ["/nonexistent/secret", "/dev/zero"] {
            assert!(matches!(read(&SecretSource::File(path.into())).await, Err(Fault::Prober(_))), "{path}");
        }
    }
}
