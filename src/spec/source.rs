//! Finds and reads SLO files: paths and directories in, texts out.
//!
//! It must not know what the texts mean. A file that cannot be read is a diagnostic, like everything else
//! that is wrong, so that the others are still checked.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::diag::{Code, Diagnostic, Source, SourceId, Sources, Span};

/// The largest file that is read. A service with a hundred SLOs takes about a tenth of it.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// The path that stands for standard input.
const STDIN: &str = "-";

/// Reads every file that `paths` name: files themselves, and each `*.yaml` and `*.yml` directly in a
/// directory, in order of their names, without hidden ones, and without pipes and devices, which could wait or
/// go on for ever. A file that is named twice is read once.
/// Gives every file that diagnostics may show, and which of them are text.
pub(super) fn read_all(paths: &[PathBuf], problems: &mut Vec<Diagnostic>) -> (Sources, Vec<SourceId>) {
    let (mut sources, mut readable) = (Sources::default(), Vec::new());
    let mut seen = BTreeSet::new();
    for path in paths {
        match files_of(path) {
            Ok(files) => {
                for file in files {
                    if seen.insert(fs::canonicalize(&file).unwrap_or_else(|_| file.clone())) {
                        readable.extend(read_into(&mut sources, &file, problems));
                    }
                }
            }
            Err(problem) => problems.push(*problem),
        }
    }
    (sources, readable)
}

/// The files that one path of the command line stands for.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, Box<Diagnostic>> {
    if path.as_os_str() == STDIN || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
        let file = entry.map_err(|error| unreadable(path, &error))?.path();
        if is_slo_file(&file) {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        let message = format!("the directory `{}` has no SLO file", path.display());
        let help = "files that end in `.yaml` or `.yml` directly in the directory are read";
        return Err(Box::new(Diagnostic::new(Code::NoSloFile, message).help(help)));
    }
    Ok(files)
}

fn is_slo_file(path: &Path) -> bool {
    let has_extension = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    // A link that leads nowhere stays, so that reading it says so.
    let may_be_read = fs::metadata(path).map_or(true, |metadata| metadata.is_file());
    has_extension && !is_hidden && may_be_read
}

fn unreadable(path: &Path, error: &io::Error) -> Box<Diagnostic> {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission is denied".to_owned(),
        _ => error.to_string(),
    };
    Box::new(Diagnostic::new(Code::FileUnreadable, format!("cannot read `{}`: {reason}", path.display())))
}

/// Reads one file; gives its number if it is text.
fn read_into(sources: &mut Sources, path: &Path, problems: &mut Vec<Diagnostic>) -> Option<SourceId> {
    let bytes = read_bounded(path).map_err(|error| problems.push(*unreadable(path, &error))).ok()?;
    let shown = if path.as_os_str() == STDIN { "<stdin>".to_owned() } else { path.display().to_string() };
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("`{shown}` is larger than 1 MiB");
        let help =
            "SLO files are small: is this the right file? A large fleet goes into a directory, a file per service";
        problems.push(Diagnostic::new(Code::FileTooLarge, message).help(help));
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            // Editors hide a byte order mark, so columns and offsets do not count it either.
            let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
            Some(sources.add(Source { path: shown, text }))
        }
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let source = sources.add(Source { path: shown, text });
            let span = Span { source, start, end: start + char::REPLACEMENT_CHARACTER.len_utf8() };
            let problem = Diagnostic::new(Code::NotUtf8, "the file is not UTF-8 text");
            problems.push(problem.at(span, "the first byte that does not fit").help("save the file as UTF-8"));
            None
        }
    }
}

/// At most one byte more than [`MAX_BYTES`], so that neither a huge file nor an endless one is read whole.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.as_os_str() == STDIN {
        io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
