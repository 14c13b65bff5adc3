//! The gate in pipelines: Concourse, Flagger, Argo Rollouts, and the jobs of GitHub, GitLab and Jenkins, against a real
//! service whose gate is open or closed.

mod concourse;
mod flagger;
mod jobs;
mod rollouts;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, path::Path};

use burndown::history::Storage;
use burndown::probe::outcome::{Outcome, Reason, Verdict};
use burndown::probe::{ProbeKey, Recorder};
use burndown::spec;
use tempfile::TempDir;

use crate::support::burndown::{listening, start};
use crate::support::clock::TestClock;
use crate::support::listener::{Listener, Reply};
use crate::support::process::Process;

/// 36 minutes of budget; the gate resumes at five.
const FILE: &str = "version: burndown/v1
service: shop
window: 6h
gate: {resume_at: 5m}
probes:
  - {name: front, interval: 30s, http: {url: '{url}'}}
slos:
  - {name: front, objective: 90, sli: {probe: front}}
changes:
  - {name: upgrade, downtime: 10m, duration: 1h}
";

/// What is checked in for pipelines.
fn deployed(path: &str) -> String {
    let path = deployed_path(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn deployed_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/pipelines").join(path)
}

/// A service with a history of five hours, whose target answers.
struct Shop {
    address: SocketAddr,
    _process: Process,
    _target: Listener,
    _directory: TempDir,
}

impl Shop {
    /// 10 of 36 minutes failed.
    fn open() -> Self {
        Self::start(600, &[])
    }

    /// 40 of 36 minutes failed.
    fn closed() -> Self {
        Self::start(2_400, &[])
    }

    /// As many seconds failed, until ten minutes ago.
    fn start(failed: i64, more: &[&str]) -> Self {
        let target = Listener::start(|_| Reply::text(200, "ok"), |_| {});
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shop.yaml");
        let text = FILE.replace("{url}", &format!("http://{}/", target.address()));
        fs::write(&file, &text).unwrap();
        let kept = directory.path().join("kept");
        record(&kept, &text, failed);
        let arguments = ["serve", file.to_str().unwrap(), "--web.listen-address", "127.0.0.1:0"];
        let storage = ["--storage.path", kept.to_str().unwrap()];
        let mut process = start(arguments.iter().chain(&storage).chain(more));
        let address = listening(&mut process, Duration::from_secs(20));
        Self { address, _process: process, _target: target, _directory: directory }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn record(kept: &Path, text: &str, failed: i64) {
    let fleet = spec::load_text("shop.yaml", text).fleet;
    let now = jiff::Timestamp::now().as_second();
    let clock = Arc::new(TestClock::at(now - 5 * 3_600));
    let storage = Storage::open_at(kept, &fleet, Arc::clone(&clock) as _).unwrap();
    let front = ProbeKey { service: "shop".parse().unwrap(), probe: "front".parse().unwrap() };
    for at in (now - 5 * 3_600..=now).step_by(30) {
        clock.move_to(at);
        let verdict = match (now - 600 - failed..now - 600).contains(&at) {
            true => Verdict::Failed { reason: Reason::Timeout, detail: String::new() },
            false => Verdict::Success,
        };
        storage.record(&front, &Outcome::of(verdict), 0);
    }
    storage.flush(Duration::from_secs(20));
}
