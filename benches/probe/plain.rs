//! A plain loop of fresh connections: what a client of this language costs that does nothing else.
//!
//! It runs in a process of its own, which is this bench started once more.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::measure::Usage;

/// What makes this program be the loop.
pub(crate) const FLAG: &str = "--plain-loop";

/// Processor seconds for 1,000 of `runs` requests.
pub(crate) fn cost(url: &str, ca_file: &Path, runs: u32) -> f64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args([FLAG, url, &ca_file.display().to_string(), &runs.to_string()])
        .output()
        .expect("this program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a figure")
}

/// Fetches a URL as often as it is told, and prints the processor seconds of 1,000 times.
pub(crate) fn run(arguments: &[String]) {
    let [url, ca_file, runs] = arguments else { panic!("a URL, a file and a number") };
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let address = rest.trim_end_matches('/');
    let config = (scheme == "https").then(|| Arc::new(config(Path::new(ca_file))));
    let runs: u32 = runs.parse().expect("a number");
    for _ in 0..runs / 10 {
        fetch(address, config.as_ref());
    }
    let before = Usage::of(std::process::id());
    for _ in 0..runs {
        fetch(address, config.as_ref());
    }
    let spent = Usage::of(std::process::id()).cpu - before.cpu;
    println!("{}", spent.as_secs_f64() / f64::from(runs) * 1_000.0);
}

fn config(ca_file: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_file).expect("a certificate")).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    config
}

fn fetch(address: &str, config: Option<&Arc<ClientConfig>>) {
    let stream = TcpStream::connect(address).expect("connects");
    stream.set_nodelay(true).expect("no delay");
    match config {
        None => ask(stream, address),
        Some(config) => {
            let name: std::net::SocketAddr = address.parse().expect("an address");
            let session = ClientConnection::new(Arc::clone(config), ServerName::from(name.ip())).expect("a session");
            ask(StreamOwned::new(session, stream), address);
        }
    }
}

fn ask(mut stream: impl Read + Write, address: &str) {
    write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("sends");
    let mut answer = Vec::with_capacity(4_096);
    // A server that closes without a word of TLS is as good as one that says it.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}
