//! Programs from Python, as `scripts/peers` installs them. It runs none of them.

use std::path::{Path, PathBuf};

/// The path of a program of `tests/python/requirements.txt`.
///
/// # Panics
/// If it is not installed.
pub fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin").join(name);
    assert!(path.exists(), "{name} is missing: run `make peers`");
    path
}
