//! `--alertmanager.*`: who is told of alerts, and how.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use url::Url;

use crate::generate::alertmanager::{Options, Receivers};

/// The largest file of receivers that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Who is told of alerts, and how.
#[derive(Debug, clap::Args)]
pub(super) struct AlertmanagerArguments {
    /// A file with the `receivers` named `page`, `ticket` and perhaps `watchdog`, and `global` settings, as Alertmanager
    /// writes them; secrets only as names of files.
    #[arg(long = "alertmanager.receivers", value_name = "FILE")]
    receivers: Option<PathBuf>,
    /// The URL under which people reach the board of `burndown serve`, so that messages link to it.
    #[arg(long = "alertmanager.board-url", value_name = "URL")]
    board: Option<Url>,
}

impl AlertmanagerArguments {
    /// Whether any of them is given.
    pub(super) fn is_given(&self) -> bool {
        self.receivers.is_some() || self.board.is_some()
    }

    /// What they mean.
    ///
    /// # Errors
    /// What is wrong with the file or the address, without either's content.
    pub(super) fn options(&self) -> Result<Options, String> {
        if self.board.as_ref().is_some_and(|url| !is_fit(url)) {
            return Err("write `--alertmanager.board-url` as `https://HOST/`, without user and query".to_owned());
        }
        let receivers = self.receivers.as_deref().map(read).transpose()?;
        Ok(Options { receivers, board: self.board.clone() })
    }
}

/// Whether an address can stand in a message that many people read, and in the quotes of a template.
fn is_fit(url: &Url) -> bool {
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    matches!(url.scheme(), "http" | "https") && is_plain && url.fragment().is_none() && !url.as_str().contains('{')
}

/// Reads a file of receivers.
fn read(path: &Path) -> Result<Receivers, String> {
    let wrong = |why: String| format!("--alertmanager.receivers {}: {why}", path.display());
    let mut text = String::new();
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let length = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    if length as u64 > MAX_BYTES {
        return Err(wrong(format!("larger than {MAX_BYTES} bytes")));
    }
    text.parse().map_err(|error: crate::generate::alertmanager::ReceiversError| wrong(error.to_string()))
}
