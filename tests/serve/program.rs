//! The compiled program as a running service, and the texts around it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::file;

/// A running `burndown serve` on a port of its own. Dropping it kills it.
pub(super) struct Program {
    child: Child,
    pub(super) address: SocketAddr,
    /// Every address that it listens on, in the order of its arguments.
    pub(super) addresses: Vec<SocketAddr>,
    /// The log line that says the probes are running.
    pub(super) started: String,
    pub(super) log: Receiver<String>,
    /// The file that it runs.
    path: PathBuf,
    _directory: TempDir,
}

impl Program {
    pub(super) fn start(probes: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_file(&file(probes), arguments, environment)
    }

    /// Starts with a whole file.
    pub(super) fn start_file(text: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("shop.yaml");
        std::fs::write(&path, text).expect("writes");
        let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
            .arg("serve")
            .arg(&path)
            .args(["--web.listen-address", "127.0.0.1:0"])
            .arg("--storage.path")
            .arg(directory.path().join("state"))
            .args(arguments)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, log) = channel();
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut lines = lines_until(&log, "running probes");
        let address = |line: &String| {
            let (_, rest) = line.split_once("listening on http")?.1.split_once("://")?;
            rest.split('/').next()?.parse().ok()
        };
        let addresses: Vec<SocketAddr> = lines.iter().filter_map(address).collect();
        let started = lines.pop().expect("the last line");
        let address = *addresses.first().expect("an address");
        Self { child, address, addresses, started, log, path, _directory: directory }
    }

    /// Replaces the file; nothing is read before the program is told to.
    pub(super) fn rewrite(&self, text: &str) {
        std::fs::write(&self.path, text).expect("writes");
    }

    /// Asks for a reload over HTTP and returns the status of the answer.
    pub(super) fn reload(&self) -> String {
        status(
            &self.send("POST /-/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        )
    }

    pub(super) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().expect("kill runs").success());
    }

    pub(super) fn wait(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().expect("waits") {
                return status;
            }
            assert!(Instant::now() < deadline, "still running after {within:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(super) fn get(&self, path: &str, headers: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"))
    }

    pub(super) fn send(&self, request: &str) -> String {
        send(self.address, request)
    }

    /// The value of a series, as the text format shows it.
    pub(super) fn value(&self, series: &str) -> Option<f64> {
        value(&self.get("/metrics", ""), series)
    }
}

/// Sends a request and returns the answer, up to the end of the connection.
pub(super) fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("sends");
    let mut answer = String::new();
    // A refusal may be cut short by a reset behind it; what arrived is what counts.
    let _ = stream.read_to_string(&mut answer);
    answer
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next log line with this part.
#[track_caller]
pub(super) fn wait_for(log: &Receiver<String>, part: &str) -> String {
    lines_until(log, part).pop().expect("the last line")
}

/// The log lines up to the next one with this part.
#[track_caller]
pub(super) fn lines_until(log: &Receiver<String>, part: &str) -> Vec<String> {
    let mut seen = Vec::new();
    while let Ok(line) = log.recv_timeout(Duration::from_secs(20)) {
        let is_last = line.contains(part);
        seen.push(line);
        if is_last {
            return seen;
        }
    }
    panic!("no line with {part} in\n{}", seen.join("\n"));
}

pub(super) fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.trim().parse().ok())
}

pub(super) fn http(name: &str, interval: &str, url: &str) -> String {
    format!("  - {{name: {name}, interval: {interval}, timeout: {interval}, http: {{url: \"{url}\"}}}}\n")
}

/// A file whose one probe never runs while a test looks.
pub(super) fn idle() -> String {
    http("first", "30d", "http://127.0.0.1:1/")
}

/// The status of an answer.
pub(super) fn status(answer: &str) -> String {
    answer.split(' ').nth(1).unwrap_or("nothing").to_owned()
}

/// The body of an answer that was not sent in chunks.
pub(super) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The body of an answer as JSON.
pub(super) fn json(answer: &str) -> serde_json::Value {
    serde_json::from_str(body(answer)).unwrap_or_else(|error| panic!("not JSON: {error}\n{answer}"))
}
