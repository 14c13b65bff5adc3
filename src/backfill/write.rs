//! The files of a backfill, in the OpenMetrics format: one for every stretch of time that becomes one block.
//!
//! A file has its name only once the whole backfill is complete; until then it ends in `.partial`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::Error;
use crate::prometheus::Labels;

/// How long one file, and one block, is, in milliseconds: a block duration of Prometheus, and at an evaluation every 30
/// seconds within the points that it gives for one query.
pub const BLOCK: i64 = 54 * 3_600_000;

/// The ending of a complete file.
pub const ENDING: &str = "om";

/// The ending of a file that is being written.
const PARTIAL: &str = "partial";

/// Files that are being written; they vanish unless they are completed.
pub(super) struct Files {
    directory: PathBuf,
    begun: BTreeSet<PathBuf>,
    samples: u64,
}

impl Files {
    /// Begins in a directory, which must not hold files of an earlier backfill.
    pub(super) fn begin(directory: &Path) -> Result<Self, Error> {
        let failed = |error| Error::Write { path: directory.to_owned(), error };
        fs::create_dir_all(directory).map_err(failed)?;
        for entry in fs::read_dir(directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            match path.extension().and_then(|ending| ending.to_str()) {
                Some(ENDING) => return Err(Error::Occupied(path)),
                // Left by a backfill that was broken off.
                Some(PARTIAL) => fs::remove_file(&path).map_err(|error| Error::Write { path: path.clone(), error })?,
                _ => {}
            }
        }
        Ok(Self { directory: directory.to_owned(), begun: BTreeSet::new(), samples: 0 })
    }

    /// Adds series with their points to the file of the block that holds `time`.
    pub(super) fn add<'s>(
        &mut self,
        time: i64,
        series: impl Iterator<Item = (&'s str, &'s Arc<Labels>, &'s [(i64, f64)])>,
    ) -> Result<(), Error> {
        let path = self.directory.join(format!("{}.{ENDING}.{PARTIAL}", stem(time)));
        let failed = |error| Error::Write { path: path.clone(), error };
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        self.begun.insert(path.clone());
        let mut out = BufWriter::new(file);
        for (name, labels, points) in series {
            let head = head(name, labels);
            for (time, value) in points {
                writeln!(out, "{head} {} {}", number(*value), seconds(*time)).map_err(failed)?;
                self.samples += 1;
            }
        }
        out.into_inner().map_err(|error| failed(error.into_error()))?;
        Ok(())
    }

    /// Ends every file and gives it its name. Returns the files in order of time, and how many samples they hold.
    pub(super) fn complete(mut self) -> Result<(Vec<PathBuf>, u64), Error> {
        for path in &self.begun {
            let failed = |error| Error::Write { path: path.clone(), error };
            let mut file = OpenOptions::new().append(true).open(path).map_err(failed)?;
            file.write_all(b"# EOF\n").map_err(failed)?;
            File::sync_all(&file).map_err(failed)?;
        }
        let mut complete = Vec::new();
        for path in std::mem::take(&mut self.begun) {
            let named = path.with_extension("");
            fs::rename(&path, &named).map_err(|error| Error::Write { path, error })?;
            complete.push(named);
        }
        Ok((complete, self.samples))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.begun {
            let _ = fs::remove_file(path);
        }
    }
}

/// The name of a file by the time at which its block begins, such as `burndown-20240131T060000Z`.
fn stem(time: i64) -> String {
    let start = Timestamp::from_millisecond(time.div_euclid(BLOCK) * BLOCK).unwrap_or_default();
    format!("burndown-{}", start.strftime("%Y%m%dT%H%M%SZ"))
}

fn head(name: &str, labels: &Labels) -> String {
    let mut text = format!("{name}{{");
    for (at, (label, value)) in labels.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{comma}{label}=\"{value}\"");
    }
    text.push('}');
    text
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_openmetrics() {
        let labels = Labels::from([("a".to_owned(), "x\"\\\ny".to_owned()), ("b".to_owned(), String::new())]);
        assert_eq!(head("m:n", &labels), "m:n{a=\"x\\\"\\\\\\ny\",b=\"\"}");
        assert_eq!(["NaN", "+Inf", "-0.5"], [f64::NAN, f64::INFINITY, -0.5].map(number).each_ref().map(String::as_str));
        assert_eq!(seconds(1_700_000_000_042), "1700000000.042");
    }

    #[test]
    fn what_is_not_completed_vanishes() {
        let directory = tempfile::tempdir().expect("a directory");
        let count = || fs::read_dir(directory.path()).expect("a directory").count();
        let labels = Arc::new(Labels::new());
        let mut files = Files::begin(directory.path()).expect("an empty directory");
        files.add(0, [("m", &labels, &[(0, 1.0)][..])].into_iter()).expect("written");
        assert_eq!(count(), 1);
        drop(files);
        assert_eq!(count(), 0);
        let mut files = Files::begin(directory.path()).expect("an empty directory");
        files.add(BLOCK, [("m", &labels, &[(BLOCK, 1.0)][..])].into_iter()).expect("written");
        files.add(0, [("m", &labels, &[(0, 1.0)][..])].into_iter()).expect("written");
        let (paths, samples) = files.complete().expect("completed");
        assert_eq!((paths.len(), samples), (2, 2));
        assert_eq!(fs::read_to_string(&paths[0]).expect("text"), "m{} 1 0.000\n# EOF\n");
        assert!(matches!(Files::begin(directory.path()), Err(Error::Occupied(_))));
    }
}
