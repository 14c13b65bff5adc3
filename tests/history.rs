//! The embedded history as a running program keeps it: kills, disks, exports, and the same numbers as Prometheus.

mod disk;
mod export;
mod kill;
mod same;

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use burndown::names::{Metric, label};
use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::{burndown as program, http, port, wait};

/// How long the program may take over anything that is not timed.
const SOON: Duration = Duration::from_secs(30);

/// A probe service with a history, which may be started again and again on the same address.
struct Service {
    directory: TempDir,
    address: SocketAddr,
}

impl Service {
    /// A service of so many probes of one target, each run every `interval`.
    fn of(probes: usize, interval: &str, url: &str) -> Self {
        let service = Self { directory: tempfile::tempdir().expect("a directory"), address: port::free() };
        let mut text =
            "version: burndown/v1\nservice: shop\nwindow: 90d\nalerting: {page: {disable: true}}\nprobes:\n".to_owned();
        for probe in 0..probes {
            let _ = writeln!(
                text,
                "  - {{name: p{probe}, interval: {interval}, timeout: {interval}, http: {{url: '{url}'}}}}"
            );
        }
        text.push_str("slos:\n");
        for probe in 0..probes {
            let _ = writeln!(text, "  - {{name: s{probe}, objective: 90, sli: {{probe: p{probe}}}}}");
        }
        fs::write(service.file(), text).expect("the file");
        service
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("shop.yaml")
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// The command that serves, with its history in `state`.
    fn command(&self, state: &Path) -> Command {
        let address = self.address.to_string();
        let file = self.file();
        program::command([
            "serve".as_ref(),
            file.as_os_str(),
            "--web.listen-address".as_ref(),
            address.as_ref(),
            "--storage.path".as_ref(),
            state.as_os_str(),
        ])
    }

    /// Starts it and waits until it probes.
    #[track_caller]
    fn start(&self) -> Process {
        let mut process = Process::start(&mut self.command(&self.state()), "this repository");
        process.wait_for_line("running probes", SOON, |line| line.contains("running probes").then_some(()));
        process
    }

    /// What `/metrics` shows.
    #[track_caller]
    fn metrics(&self) -> Scrape {
        let look = || http::get(self.address, "/metrics", &[]).ok().filter(|answer| answer.status == 200);
        Scrape(wait::until("an answer", SOON, look, || "no answer".to_owned()).body)
    }
}

/// What `/metrics` showed.
struct Scrape(String);

impl Scrape {
    /// The sum of all series of a metric.
    fn sum(&self, metric: Metric) -> f64 {
        let of_metric = |line: &&str| {
            line.strip_prefix(metric.name()).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{'))
        };
        let values = self.0.lines().filter(of_metric).filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        values.sum()
    }

    /// Attempts, and whether they are successes plus failures for every probe.
    #[track_caller]
    fn attempts(&self) -> f64 {
        let attempts = self.sum(Metric::ProbeAttempts);
        assert_eq!(attempts, self.sum(Metric::ProbeSuccesses) + self.sum(Metric::ProbeFailures), "{}", self.0);
        attempts
    }

    fn is_uncommitted(&self) -> bool {
        self.sum(Metric::StorageUncommitted) == 1.0
    }
}

/// The matcher of the service of these tests.
fn shop() -> String {
    format!("{}=\"shop\"", label::SERVICE)
}
