//! Entries made of a running service: over TLS by a user, over the socket by its owner, and by nobody else.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use burndown::history::Storage;
use burndown::probe::outcome::{Outcome, Reason, Verdict};
use burndown::probe::{ProbeKey, Recorder};
use burndown::spec;
use rustix::process::Signal;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::burndown::{Finished, run, start};
use crate::support::clock::TestClock;
use crate::support::http;
use crate::support::process::Process;
use crate::support::target::Authority;
use crate::support::wait;

const FILE: &str = "version: burndown/v1
service: shop
window: 6h
gate: {resume_at: 5m}
probes:
  - {name: front, interval: 30s, http: {url: http://127.0.0.1:1/}}
slos:
  - {name: front, objective: 90, sli: {probe: front}}
";

const PATIENCE: Duration = Duration::from_secs(20);

/// A service whose budget of 36 minutes is overspent, with everything that it needs in one directory.
struct Service {
    directory: TempDir,
    authority: Authority,
}

impl Service {
    fn new() -> Self {
        let service = Self { directory: tempfile::tempdir().unwrap(), authority: Authority::new() };
        service.write("shop.yaml", FILE);
        service.write("authority.pem", &service.authority.pem());
        service.write("password", "correct horse");
        let identity = service.authority.issue("127.0.0.1", 2080);
        let (chain, key) = identity.pem();
        service.write("cert.pem", chain);
        service.write("key.pem", &key);
        let users = format!("basic_auth_users: {{ann: '{}'}}\n", bcrypt::hash("correct horse", 4).unwrap());
        service.write("users.yaml", &users);
        service.write("web.yaml", &format!("{users}tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\n"));
        service.fill();
        service
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Of the last five hours 40 minutes failed, until ten minutes ago.
    fn fill(&self) {
        let now = jiff::Timestamp::now().as_second();
        let clock = Arc::new(TestClock::at(now - 5 * 3_600));
        let fleet = spec::load_text("shop.yaml", FILE).fleet;
        let storage = Storage::open_at(&self.path("state"), &fleet, Arc::clone(&clock) as _).unwrap();
        let front = ProbeKey { service: "shop".parse().unwrap(), probe: "front".parse().unwrap() };
        for at in (now - 5 * 3_600..=now).step_by(30) {
            clock.move_to(at);
            let verdict = match (now - 3_000..now - 600).contains(&at) {
                true => Verdict::Failed { reason: Reason::Timeout, detail: String::new() },
                false => Verdict::Success,
            };
            storage.record(&front, &Outcome::of(verdict), 0);
        }
    }

    /// Starts it with more arguments.
    fn start(&self, more: &[&str]) -> (Process, SocketAddr) {
        let (file, state, socket) = (self.text("shop.yaml"), self.text("state"), self.text("admin.sock"));
        let arguments = [
            "serve",
            &file,
            "--web.listen-address",
            "127.0.0.1:0",
            "--storage.path",
            &state,
            "--web.admin-socket",
            &socket,
        ];
        let mut process = start(arguments.iter().chain(more));
        let address = process.wait_for_line("an address", PATIENCE, |line| {
            let (_, after) = line.split_once("listening on http")?;
            after.split_once("://")?.1.split('/').next()?.parse().ok()
        });
        process.wait_for_line("probes", PATIENCE, |line| line.contains("running probes").then_some(()));
        (process, address)
    }

    /// `burndown COMMAND ARGUMENTS` to the socket.
    fn local(&self, command: &str, arguments: &[&str]) -> Finished {
        let socket = self.text("admin.sock");
        run([command, "--socket", &socket].iter().chain(arguments))
    }

    /// The same over TLS as the user ann.
    fn remote(&self, address: SocketAddr, command: &str, arguments: &[&str]) -> Finished {
        let (url, ca, password) = (format!("https://{address}"), self.text("authority.pem"), self.text("password"));
        let access = [
            "--server",
            &url,
            "--server.ca-file",
            &ca,
            "--server.username",
            "ann",
            "--server.password-file",
            &password,
        ];
        run([command].iter().chain(&access).chain(arguments))
    }

    /// The status and body of the answer to a request over TLS, with a body.
    fn ask(&self, address: SocketAddr, head: &str, headers: &str, body: &str) -> (String, String) {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.authority.roots())
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let tcp = std::net::TcpStream::connect(address).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), tcp);
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    fn gate(&self) -> Value {
        let (file, state) = (self.text("shop.yaml"), self.text("state"));
        let finished = run(["gate", &file, "--storage.path", &state, "--output", "json"]);
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"))
    }
}

const WHY: [&str; 4] = ["--reason", "a release that cannot wait", "--by", "Ann of operations"];

const BASIC: &str = "Authorization: Basic YW5uOmNvcnJlY3QgaG9yc2U=\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

fn entry() -> String {
    json!({"slo": "front", "for": "1h", "reason": "why not", "by": "Ann"}).to_string()
}

#[test]
fn a_user_over_tls_overrides_and_everybody_sees_who_and_why() {
    let service = Service::new();
    let web = service.text("web.yaml");
    let (_process, address) = service.start(&["--web.config.file", &web]);
    let ask = |path: &str| service.ask(address, &format!("GET {path}"), BASIC, "").1;
    let answer = |path: &str| -> Value { serde_json::from_str(&ask(path)).unwrap() };
    let gauge = || {
        let series = "slo_deploy_gate_override_until_timestamp_seconds{slo_service=\"shop\",slo=\"front\"} ";
        let metrics = ask("/metrics");
        let value = metrics.lines().find_map(|line| line.strip_prefix(series));
        value.unwrap_or_else(|| panic!("{metrics}")).parse::<f64>().unwrap()
    };
    assert_eq!((answer("/api/v1/gate")["decision"].clone(), gauge()), (json!("closed"), 0.0));

    let made = service.remote(address, "override", &[&["--slo", "front", "--for", "1h"], &WHY[..]].concat());
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.starts_with("1: the gate of shop/front is overridden until "), "{made:?}");
    assert!(made.stdout.contains(", by Ann of operations (user ann) at "), "{made:?}");

    let gate = answer("/api/v1/gate");
    let slo = &gate["slos"][0];
    assert_eq!((&gate["decision"], &gate["reason"]), (&json!("open"), &json!("override")));
    assert_eq!(
        (&slo["would"], &slo["would_reason"], &slo["gate"]),
        (&json!("closed"), &json!("closed"), &json!("closed"))
    );
    assert_eq!(slo["override"]["by"], "Ann of operations");
    assert_eq!(slo["override"]["authenticated"], "user ann");
    let (since, until) = (slo["override"]["since"].as_i64().unwrap(), slo["override"]["until"].as_i64().unwrap());
    assert_eq!(until - since, 3_600);
    let message = gate["message"].as_str().unwrap();
    assert!(
        message.contains("by Ann of operations (user ann): a release that cannot wait; without it: closed, "),
        "{message}"
    );
    assert_eq!(service.gate()["reason"], "override", "who reads the directory is told the same");
    assert_eq!(
        wait::until("the gauge", PATIENCE, || Some(gauge()).filter(|until| *until > 0.0), String::new),
        until as f64
    );
    let board = wait::until(
        "the board",
        PATIENCE,
        || Some(ask("/")).filter(|page| page.contains("Gate open: overridden")),
        || ask("/"),
    );
    assert!(board.contains("without the override closed"), "{board}");
    let page = ask("/slos/shop/front");
    assert!(page.contains("by Ann of operations (user ann): a release that cannot wait"), "{page}");
    assert!(!ask("/status").contains("Ann"));

    // Before it was made, it was closed.
    let before = service.remote(address, "gate", &["--at", "5m", "--output", "json"]);
    assert_eq!(before.code, Some(1), "{before:?}");
    let status = service.remote(address, "status", &[]);
    assert!(status.code == Some(0) && status.stdout.contains("open (override)"), "{status:?}");

    let listed = service.remote(address, "override", &["--list"]);
    assert!(listed.stdout.starts_with("1: ") && listed.stdout.contains(" [in force]\n"), "{listed:?}");
    let withdrawn = service.remote(address, "override", &[&["--withdraw", "--slo", "front"], &WHY[..]].concat());
    assert_eq!(withdrawn.code, Some(0), "{withdrawn:?}");
    assert_eq!(answer("/api/v1/gate")["decision"], "closed");
    wait::until("the gauge", PATIENCE, || Some(gauge()).filter(|until| *until == 0.0), String::new);
    let again = service.remote(address, "override", &[&["--withdraw", "--slo", "front"], &WHY[..]].concat());
    assert_eq!((again.code, again.stderr.as_str()), (Some(2), "burndown: no override of front is in force\n"));
    let audit = answer("/api/v1/audit");
    let kinds: Vec<&Value> = audit["entries"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["withdrawal", "override"]);
    assert!(audit["entries"][1]["withdrawn_at"].is_i64() && audit["entries"][1]["in_force"] == false, "{audit}");
}

#[test]
fn what_cannot_be_meant_is_refused_in_words() {
    let service = Service::new();
    let (_process, _) = service.start(&[]);
    let refused = |command: &str, arguments: &[&str]| {
        let finished = service.local(command, &[arguments, &WHY[..]].concat());
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
        finished.stderr
    };
    let said = refused("override", &["--slo", "fromt", "--for", "1h"]);
    assert!(said.ends_with("there is no SLO \"fromt\": did you mean `front`?\n"), "{said}");
    let said = refused("override", &["--slo", "front", "--service", "stop", "--for", "1h"]);
    assert!(said.contains("no SLO \"front\" of the service \"stop\""), "{said}");
    assert!(refused("override", &["--slo", "front", "--for", "8d"]).contains("at most 7d"));
    assert!(refused("correct", &["--slo", "front", "--from", "1h", "--to", "2h"]).contains("before it begins"));
    assert!(refused("correct", &["--slo", "front", "--from", "8h", "--to", "7h"]).contains("older than the window"));
    assert!(
        refused("correct", &["--slo", "front", "--from", "1h", "--to", "2099-01-01T00:00:00Z"]).contains("at most 7d")
    );
    assert!(refused("correct", &["--withdraw", "17"]).contains("no entry 17"));
    let long = "x".repeat(501);
    let finished = service.local("override", &["--slo", "front", "--for", "1h", "--reason", &long, "--by", "Ann"]);
    assert!(finished.stderr.contains("`reason`: it has 501 characters, and at most 500 are kept"), "{finished:?}");
    let missing = service.local("override", &["--slo", "front", "--for", "1h"]);
    assert!(missing.code == Some(2) && missing.stderr.contains("--reason"), "{missing:?}");
    assert_eq!(service.local("correct", &["--list"]).stdout, "there are none\n");
}

#[test]
fn only_who_is_known_makes_entries_and_only_by_its_own_will() {
    let service = Service::new();
    let web = service.text("web.yaml");
    let (_process, address) = service.start(&["--web.config.file", &web]);
    let post = |headers: &str, body: &str| service.ask(address, "POST /api/v1/overrides", headers, body);
    let with = |more: &str| post(&format!("{BASIC}{JSON}{more}"), &entry());
    assert_eq!(post(JSON, &entry()).0, "401");
    for foreign in ["Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let (status, said) = with(foreign);
        assert!(status == "403" && said.contains("foreign_origin"), "{foreign}{status} {said}");
    }
    let (status, said) = post(BASIC, &entry());
    assert!(status == "415" && said.contains("application/json"), "{status} {said}");
    let (status, said) = post(&format!("{BASIC}{JSON}"), &format!("{{\"slo\": \"{}\"}}", "x".repeat(20_000)));
    assert!(status == "413" && said.contains("16 KiB"), "{status} {said}");
    let (status, said) = post(&format!("{BASIC}{JSON}"), r#"{"slo": "front", "forever": true}"#);
    assert!(status == "400" && said.contains("forever"), "{status} {said}");
    assert_eq!(service.ask(address, "PUT /api/v1/overrides", &format!("{BASIC}{JSON}"), "").0, "405");
    let list =
        || -> Value { serde_json::from_str(&service.ask(address, "GET /api/v1/overrides", BASIC, "").1).unwrap() };
    assert_eq!(list()["entries"], json!([]), "nothing was made of all that");
    let (status, said) = with("Origin: https://localhost\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(status, "201", "{said}");
    assert_eq!(list()["entries"][0]["authenticated"], "user ann");
}

#[test]
fn a_password_in_plain_text_and_nobody_at_all_are_told_what_to_configure() {
    let service = Service::new();
    let users = service.text("users.yaml");
    for (arguments, part) in [
        (vec!["--web.config.file", &users], "`tls_server_config`"),
        (vec![], "`basic_auth_users` and `tls_server_config`"),
    ] {
        let (_process, address) = service.start(&arguments);
        let headers = [("Content-Type", "application/json"), ("Authorization", "Basic YW5uOmNvcnJlY3QgaG9yc2U=")];
        let answer = http::post(address, "/api/v1/overrides", &headers, &entry()).unwrap();
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(answer.status == 403 && message.contains(part) && message.contains("--web.admin-socket"), "{answer:?}");
        let list = http::get(address, "/api/v1/overrides", &headers[1..]).unwrap();
        assert_eq!((list.status, &list.json()["entries"]), (200, &json!([])));
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_owner_needs_no_password_and_what_was_decided_survives_a_kill() {
    let service = Service::new();
    let socket = service.path("admin.sock");
    let (process, _) = service.start(&[]);
    assert_eq!(mode(&socket), 0o600);
    let made = service.local("override", &[&["--slo", "front", "--service", "shop", "--for", "2h"], &WHY[..]].concat());
    assert!(made.code == Some(0) && made.stdout.contains("(local u"), "{made:?}");
    let short = service.local("override", &[&["--slo", "front", "--for", "1s"], &WHY[..]].concat());
    assert_eq!(short.code, Some(0), "{short:?}");
    let shorter = service.local("override", &[&["--slo", "front", "--for", "999ms"], &WHY[..]].concat());
    assert!(shorter.code == Some(2) && shorter.stderr.contains("at least 1s and at most 7d"), "{shorter:?}");
    process.signal(Signal::KILL);
    drop(process);
    assert!(socket.exists(), "a kill leaves it behind");
    assert_eq!(service.gate()["reason"], "override");

    let (mut process, address) = service.start(&[]);
    let gate = http::get(address, "/api/v1/gate", &[]).unwrap().json();
    assert_eq!((&gate["decision"], &gate["slos"][0]["override"]["id"]), (&json!("open"), &json!(1)));
    let metrics = http::get(address, "/metrics", &[]).unwrap().body;
    let until = gate["slos"][0]["override"]["until"].as_i64().unwrap();
    let series = "slo_deploy_gate_override_until_timestamp_seconds{slo_service=\"shop\",slo=\"front\"}";
    assert!(metrics.contains(&format!("{series} {until}")), "from the first scrape on\n{metrics}");
    assert!(metrics.contains("slo_error_budget_corrected_seconds{slo_service=\"shop\",slo=\"front\"} 0"), "{metrics}");
    process.signal(Signal::TERM);
    assert!(process.wait(PATIENCE).success());
    assert!(!socket.exists(), "a stop takes it away");
    let gone = service.local("override", &["--list"]);
    let said = format!("burndown: /api/v1/overrides of the socket {} cannot be reached: ", socket.display());
    assert!(gone.code == Some(3) && gone.stderr.starts_with(&said), "{gone:?}");
}

#[test]
fn an_override_ends_by_itself() {
    let service = Service::new();
    let (_process, address) = service.start(&[]);
    let gate = || http::get(address, "/api/v1/gate", &[]).unwrap().json();
    let made = service.local("override", &[&["--slo", "front", "--for", "4s"], &WHY[..]].concat());
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(gate()["reason"], "override");
    let closed =
        wait::until("its end", PATIENCE, || Some(gate()).filter(|gate| gate["decision"] == "closed"), String::new);
    assert!(closed["slos"][0]["override"].is_null(), "{closed}");
    let board = http::get(address, "/metrics", &[]).unwrap().body;
    assert!(
        board.contains("slo_deploy_gate_override_until_timestamp_seconds{slo_service=\"shop\",slo=\"front\"} 0"),
        "{board}"
    );
}
