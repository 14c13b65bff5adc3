//! What commands write: results to standard output, messages to standard error.

use std::io::{self, IsTerminal, Write};

use super::Exit;

/// Writes results to standard output and gives `exit`. A reader that went away has seen enough, which is no
/// failure; a full disk is one.
pub(super) fn results(text: &str, exit: Exit) -> Exit {
    match more(text) {
        Ok(()) | Err(Exit::Success) => exit,
        Err(failure) => failure,
    }
}

/// Writes a document as JSON to standard output and gives `exit`.
pub(super) fn json(document: &impl serde::Serialize, exit: Exit) -> Exit {
    match serde_json::to_string_pretty(document) {
        Ok(text) => results(&(text + "\n"), exit),
        Err(error) => {
            messages(&format!("burndown: the answer cannot be written: {error}\n"));
            Exit::Usage
        }
    }
}

/// Writes some of the results of a command that goes on.
///
/// # Errors
/// How the command ends when nobody reads any more, or nothing more can be written.
pub(super) fn more(text: &str) -> Result<(), Exit> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Exit::Success;
        }
        messages(&format!("burndown: cannot write to standard output: {error}\n"));
        Exit::Usage
    })
}

/// Writes messages to standard error; there is nowhere to say that this failed.
pub(super) fn messages(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether what goes to `stream` may be coloured: a terminal reads it, and nobody set `NO_COLOR`.
pub(super) fn may_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Text from elsewhere without what a terminal would obey.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
