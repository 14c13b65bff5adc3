//! A past for the real Prometheus: counters as blocks, and the generated rules evaluated over them level by level.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use burndown::{generate, slo, spec};
use tempfile::TempDir;

use super::http;
use super::prometheus::{Prometheus, Setup};
use super::remote_write::Request;

/// How much of the past one block and one query hold: at 30 seconds an evaluation just within the 11,000 points that
/// Prometheus gives for a query.
const BLOCK: &str = "--max-block-duration=54h";

/// A data directory of Prometheus.
pub(crate) struct Past {
    directory: TempDir,
}

impl Past {
    /// From samples in the OpenMetrics format.
    #[track_caller]
    pub(crate) fn of(openmetrics: &str) -> Self {
        let past = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        past.add(openmetrics);
        past
    }

    /// Adds samples in the OpenMetrics format.
    #[track_caller]
    pub(crate) fn add(&self, openmetrics: &str) {
        let file = self.directory.path().join("samples.om");
        fs::write(&file, openmetrics).expect("the samples");
        self.create_blocks(&["openmetrics".as_ref(), file.as_path(), self.data().as_path()]);
        fs::remove_file(file).expect("the samples");
    }

    /// From what is sent to a Prometheus.
    #[track_caller]
    pub(crate) fn received(request: &Request) -> Self {
        let past = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        let head = past.directory.path().join("head");
        let prometheus = Prometheus::receiving(&head);
        request.send(prometheus.address());
        // What is still in its memory would be hidden by newer blocks, so that it becomes a block first.
        let answer =
            http::post(prometheus.address(), "/api/v1/admin/tsdb/snapshot", &[], "").expect("an answer").json();
        let name = answer["data"]["name"].as_str().unwrap_or_else(|| panic!("no snapshot: {answer}"));
        fs::rename(head.join("snapshots").join(name), past.data()).expect("the snapshot moves");
        prometheus.stop();
        past
    }

    /// Evaluates the recording rules of an SLO file from `start` to `end`, in Unix seconds: a pass for each level, with
    /// the blocks of one pass loaded before the next.
    #[track_caller]
    pub(crate) fn evaluate(&self, slo_file: &str, start: i64, end: i64) {
        for (level, rules) in levels(slo_file).iter().enumerate() {
            // The phase of a group follows from its name and its file, which therefore stay the same in every pass and
            // in every run.
            let file = Path::new("rules.yaml");
            let blocks = self.directory.path().join(format!("level{level}"));
            fs::write(self.directory.path().join(file), rules).expect("the rules");
            let prometheus = self.open();
            let address = prometheus.address();
            self.create_blocks(&[
                "rules".as_ref(),
                format!("--url=http://{address}").as_ref(),
                format!("--start={start}").as_ref(),
                format!("--end={end}").as_ref(),
                format!("--output-dir={}", blocks.display()).as_ref(),
                file,
            ]);
            prometheus.stop();
            for block in fs::read_dir(&blocks).expect("the blocks") {
                let block = block.expect("a block");
                fs::rename(block.path(), self.data().join(block.file_name())).expect("the block moves");
            }
        }
    }

    /// Adds the blocks of a directory.
    #[track_caller]
    pub(crate) fn load(&self, blocks: &Path) {
        for block in fs::read_dir(blocks).expect("the blocks") {
            let block = block.expect("a block");
            fs::rename(block.path(), self.data().join(block.file_name())).expect("the block moves");
        }
    }

    /// A Prometheus that shows it.
    pub(crate) fn open(&self) -> Prometheus {
        Prometheus::over(&self.data())
    }

    /// A Prometheus that goes on from it.
    pub(crate) fn resume(&self, setup: &Setup) -> Prometheus {
        Prometheus::resumed(setup, &self.data())
    }

    #[track_caller]
    fn create_blocks(&self, arguments: &[&Path]) {
        let mut command = Command::new("promtool");
        command
            .current_dir(self.directory.path())
            .args(["tsdb", "create-blocks-from", "--quiet", BLOCK])
            .args(arguments);
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("cannot start promtool: {error}; it is in the Debian package prometheus"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("level=error"), "{said}");
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}

/// The recording rules of an SLO file by level of dependency.
fn levels(slo_file: &str) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("slo.yaml");
    fs::write(&path, slo_file).expect("the SLO file");
    let loaded = spec::load(&[path]);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let (plan, _) = slo::Plan::of(&loaded.fleet);
    generate::levels::levels(&plan).expect("valid rules")
}
