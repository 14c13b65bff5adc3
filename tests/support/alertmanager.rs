//! Debian's Alertmanager.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::process::Process;
use super::{http, port};

/// A running Alertmanager.
pub(crate) struct Alertmanager {
    address: SocketAddr,
    process: Process,
    _directory: TempDir,
}

impl Alertmanager {
    /// Starts one that sends every alert, firing or resolved, to one receiver at once.
    pub(crate) fn start(receiver: SocketAddr) -> Self {
        Self::configured(&configuration(receiver))
    }

    /// Starts one with this configuration and waits until it is ready.
    pub(crate) fn configured(configuration: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("alertmanager.yml");
        fs::write(&file, configuration).expect("the configuration");
        Self::run(directory, &file)
    }

    /// Starts it with a configuration file where it stands, among the templates that it names.
    pub(crate) fn of_file(file: &Path) -> Self {
        Self::run(tempfile::tempdir().expect("a temporary directory"), file)
    }

    fn run(directory: TempDir, file: &Path) -> Self {
        let address = port::free();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--web.external-url=http://{address}"))
            .arg("--cluster.listen-address=");
        let process = Process::start(&mut command, "the Debian package prometheus-alertmanager");
        let mut alertmanager = Self { address, process, _directory: directory };
        alertmanager.process.wait_until("Alertmanager is ready", Duration::from_secs(30), || {
            http::get(address, "/-/ready", &[]).ok().filter(|answer| answer.status == 200)
        });
        alertmanager
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells it of alerts, as Prometheus does: `labels`, and `endsAt` for one that is over.
    #[track_caller]
    pub(crate) fn tell(&self, alerts: &[Value]) {
        let body = serde_json::to_string(alerts).expect("JSON");
        let headers = [("Content-Type", "application/json")];
        let answer = http::post(self.address, "/api/v2/alerts", &headers, &body).expect("Alertmanager answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The alerts that it holds, as its API shows them.
    #[track_caller]
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let answer = http::get(self.address, "/api/v2/alerts", &[]).expect("Alertmanager answers");
        answer.json().as_array().expect("an array of alerts").clone()
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> String {
        self.process.tail()
    }
}

/// One notification for each distinct alert, without the usual pauses.
fn configuration(receiver: SocketAddr) -> String {
    format!(
        "route: {{receiver: webhook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: webhook
    webhook_configs: [{{url: 'http://{receiver}/', send_resolved: true}}]
"
    )
}
