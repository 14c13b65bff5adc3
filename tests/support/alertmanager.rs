//! Debian's Alertmanager.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use super::{http, port};

/// A running Alertmanager that sends every alert, firing or resolved, to one receiver at once.
pub(crate) struct Alertmanager {
    address: SocketAddr,
    process: Process,
    _directory: TempDir,
}

impl Alertmanager {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(receiver: SocketAddr) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("alertmanager.yml");
        fs::write(&file, configuration(receiver)).expect("the configuration");
        let address = port::free();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
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
