//! `--web.config.file`: TLS, client certificates, passwords and headers, and files that change while they are used.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use super::file;
use super::program::{Program, idle, send, status, wait_for};
use crate::support::target::{Authority, Identity};

/// `correct horse` and `battery staple` at the lowest cost.
fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).expect("hashes")
}

/// `user:password` as a header.
fn basic(credentials: &str) -> String {
    use base64::Engine;
    format!("Authorization: Basic {}\r\n", base64::engine::general_purpose::STANDARD.encode(credentials))
}

/// A web configuration beside the certificates that it names.
struct Files(TempDir);

impl Files {
    fn new(config: &str) -> Self {
        let files = Self(tempfile::tempdir().expect("a directory"));
        files.write("web.yaml", config);
        files
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).expect("writes");
    }

    fn identity(&self, identity: &Identity) {
        let (chain, key) = identity.pem();
        self.write("cert.pem", chain);
        self.write("key.pem", &key);
    }

    fn arguments(&self) -> [String; 2] {
        ["--web.config.file".to_owned(), self.0.path().join("web.yaml").display().to_string()]
    }

    fn start(&self) -> Program {
        let [option, path] = self.arguments();
        Program::start(&idle(), &[&option, &path, "--log.level", "debug"], &[])
    }
}

/// What a client shows and takes in a handshake.
fn client(roots: RootCertStore, identity: Option<&Identity>, protocols: &[&[u8]]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let builder = builder.with_root_certificates(roots);
    let mut config = match identity.map(Identity::pem) {
        Some((chain, key)) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
            builder.with_client_auth_cert(chain.expect("a chain"), key).expect("a certificate")
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

/// `GET path` over TLS; nothing if no answer came.
fn get(address: SocketAddr, config: ClientConfig, path: &str, headers: &str) -> Option<String> {
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    let tcp = std::net::TcpStream::connect(address).expect("connects");
    tcp.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let mut stream = StreamOwned::new(connection, tcp);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    (!answer.is_empty()).then_some(answer)
}

const TLS: &str = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n";

#[test]
fn serves_over_tls_and_follows_the_certificate() {
    let (first, second) = (Authority::new(), Authority::new());
    let files =
        Files::new(&format!("{TLS}http_server_config: {{headers: {{Strict-Transport-Security: max-age=60}}}}\n"));
    files.identity(&first.issue("127.0.0.1", 2080));
    let program = files.start();
    let ask = |authority: &Authority| get(program.address, client(authority.roots(), None, &[]), "/metrics", "");
    let answer = ask(&first).expect("an answer");
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("strict-transport-security: max-age=60"), "{answer}");
    assert!(ask(&second).is_none(), "nobody vouches for it");
    // Plain text gets no answer of HTTP.
    assert!(!program.get("/metrics", "").contains("HTTP/1.1 200"));

    files.identity(&second.issue("127.0.0.1", 2080));
    let deadline = Instant::now() + Duration::from_secs(10);
    while ask(&second).is_none() {
        assert!(Instant::now() < deadline, "the new certificate was never shown");
        std::thread::sleep(Duration::from_millis(100));
    }
    wait_for(&program.log, "read the changed web configuration");

    files.write("cert.pem", "nothing");
    std::thread::sleep(Duration::from_millis(1_200));
    assert_eq!(ask(&second).map(|answer| status(&answer)).as_deref(), Some("200"), "the last one stays");
    let line = wait_for(&program.log, "so the last one stays");
    assert!(line.contains("`tls_server_config.cert_file`: holds no certificate in PEM"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn speaks_http2_within_the_same_bounds() {
    let authority = Authority::new();
    let files = Files::new(TLS);
    files.identity(&authority.issue("127.0.0.1", 2080));
    let program = files.start();
    let tcp = tokio::net::TcpStream::connect(program.address).await.expect("connects");
    let config = client(authority.roots(), None, &[b"h2"]);
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    for (uri, wanted) in
        [("https://localhost/metrics", 200), ("https://localhost/nope", 404), ("https://evil.example/metrics", 403)]
    {
        let request = Request::get(uri).body(Empty::<bytes::Bytes>::new()).expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        assert_eq!(answer.status(), wanted, "{uri}");
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(wanted == 200, body.starts_with(b"# HELP"), "{uri}");
    }
    let large = Request::get("https://localhost/").header("x-large", "x".repeat(100_000));
    let refused = sender.send_request(large.body(Empty::new()).expect("a request")).await;
    assert!(refused.map_or(true, |answer| answer.status() == 431), "a large head is not taken");
}

#[test]
fn asks_for_certificates_of_its_own_authority() {
    let (authority, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let config = |kind: &str| {
        format!(
            "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_auth_type: {kind}\n  \
             client_ca_file: clients.pem\n  min_version: TLS12\n  max_version: TLS12\n  \
             cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  curve_preferences: [CurveP256]\n"
        )
    };
    let (good, bad) = (clients.issue("somebody", 2080), others.issue("somebody", 2080));
    for (kind, wanted) in
        [("RequireAndVerifyClientCert", [false, true, false]), ("VerifyClientCertIfGiven", [true, true, false])]
    {
        let files = Files::new(&config(kind));
        files.identity(&authority.issue("127.0.0.1", 2080));
        files.write("clients.pem", &clients.pem());
        let program = files.start();
        let answers = [None, Some(&good), Some(&bad)]
            .map(|identity| get(program.address, client(authority.roots(), identity, &[]), "/-/healthy", "").is_some());
        assert_eq!(answers, wanted, "{kind}: without, with one of the authority, with another");
    }
}

#[test]
fn asks_for_a_password_and_follows_the_file() {
    let files = Files::new(&format!("basic_auth_users: {{alice: {}, bob: '{}'}}\n", hash("correct horse"), hash("")));
    let program = files.start();
    let ask = |headers: &str| status(&program.get("/metrics", headers));
    let refusal = program.get("/-/healthy", "");
    assert_eq!(status(&refusal), "401");
    assert!(refusal.to_lowercase().contains("www-authenticate: basic realm=\"burndown\""), "{refusal}");
    for (headers, wanted) in [
        (basic("alice:correct horse"), "200"),
        (basic("alice:correct horse"), "200"),
        (basic("bob:"), "200"),
        (basic("alice:battery staple"), "401"),
        (basic("alice:"), "401"),
        (basic("carol:correct horse"), "401"),
        (basic("alice"), "401"),
        (basic(":"), "401"),
        ("Authorization: Bearer x\r\n".to_owned(), "401"),
        ("Authorization: Basic !\r\n".to_owned(), "401"),
    ] {
        assert_eq!(ask(&headers), wanted, "{headers}");
    }
    // The name that a request is meant for comes first: a page of another site learns nothing.
    assert_eq!(status(&program.send("GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n")), "403");

    files.write("web.yaml", &format!("basic_auth_users: {{alice: {}}}\n", hash("battery staple")));
    std::thread::sleep(Duration::from_millis(1_200));
    assert_eq!(ask(&basic("alice:battery staple")), "200");
    assert_eq!(ask(&basic("alice:correct horse")), "401", "who was let in before is forgotten");
    assert_eq!(ask(&basic("bob:")), "401");
}

#[test]
fn many_wrong_passwords_at_once_hold_nobody_up() {
    // Each takes some 100 ms of a processor, or more without optimisation.
    let slow = bcrypt::hash("correct horse", 9).expect("hashes");
    let files = Files::new(&format!("basic_auth_users: {{alice: {slow}}}\n"));
    let program = files.start();
    let address = program.address;
    let wrong = |n: usize| format!("GET / HTTP/1.0\r\nHost: localhost\r\n{}\r\n", basic(&format!("alice:wrong-{n}")));
    let right = basic("alice:correct horse");
    assert_eq!(status(&program.get("/-/healthy", &right)), "200");
    let asking: Vec<_> = (0..60)
        .map(|n| {
            let request = wrong(n);
            std::thread::spawn(move || status(&send(address, &request)))
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(status(&program.get("/-/healthy", &right)), "200", "who was let in before does not wait");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let answers: Vec<String> = asking.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    assert!(answers.iter().all(|status| status == "401" || status == "503"), "{answers:?}");
    assert!(answers.iter().any(|status| status == "503"), "only so many wait: {answers:?}");
}

#[test]
fn what_it_cannot_honour_is_said_and_nothing_starts() {
    let authority = Authority::new();
    let tls = |more: &str| format!("tls_server_config: {{cert_file: cert.pem, key_file: key.pem, {more}}}\n");
    for (config, part) in [
        ("tls_server_confg: {}\n".to_owned(), "tls_server_confg"),
        ("rate_limit: {interval: 1s, burst: 5}\n".to_owned(), "`rate_limit` is not supported: "),
        (tls("client_allowed_sans: [x]"), "`tls_server_config.client_allowed_sans` is not supported: "),
        (tls("key: x"), "`tls_server_config.key` is not supported: "),
        (tls("min_version: TLS10"), "`tls_server_config.min_version` is not supported: "),
        (tls("min_version: TLS13, max_version: TLS12"), "is newer than `max_version`"),
        (tls("client_auth_type: RequestClientCert"), "`tls_server_config.client_auth_type` is not supported: "),
        (tls("client_auth_type: RequireAndVerifyClientCert"), "`tls_server_config.client_ca_file`: is missing"),
        (tls("client_ca_file: cert.pem"), "is of no use without `client_auth_type`"),
        (tls("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]"), "`TLS_RSA_WITH_RC4_128_SHA` is not supported"),
        (tls("curve_preferences: [CurveP521]"), "`CurveP521` is not supported"),
        ("tls_server_config: {cert_file: cert.pem}\n".to_owned(), "`tls_server_config.key_file`: is missing"),
        ("tls_server_config: {cert_file: nope.pem, key_file: key.pem}\n".to_owned(), "nope.pem: No such file"),
        ("http_server_config: {http2: true}\n".to_owned(), "HTTP/2 needs `tls_server_config`"),
        ("http_server_config: {headers: {X-Other: x}}\n".to_owned(), "only these headers can be set"),
        ("basic_auth_users: {alice: secret-in-plain}\n".to_owned(), "`basic_auth_users.alice`: is no bcrypt hash"),
        (format!("basic_auth_users: {{alice: '{}'}}\n", hash("x").replacen("$04$", "$20$", 1)), "costs more than"),
        ("basic_auth_users: [alice]\n".to_owned(), "web.yaml"),
    ] {
        let files = Files::new(&config);
        files.identity(&authority.issue("127.0.0.1", 2080));
        let slo = files.0.path().join("slo.yaml");
        std::fs::write(&slo, file(&idle())).expect("writes");
        let finished = serve(&slo, &files);
        assert_eq!(finished.0, Some(2), "{config}");
        assert!(finished.1.contains(part), "{config}\n{}", finished.1);
        assert!(!finished.1.contains("secret-in-plain") && !finished.1.contains("$2b$"), "{}", finished.1);
    }
}

/// How `burndown serve` ends that cannot start, and what it says.
fn serve(slo: &Path, files: &Files) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .arg("serve")
        .arg(slo)
        .args(["--web.listen-address", "127.0.0.1:0"])
        .args(files.arguments())
        .output()
        .expect("runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
