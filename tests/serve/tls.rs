//! Verdicts of TLS handshakes: whom the chain leads to, for which names, and for how much longer.

use std::time::{Duration, SystemTime};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{complaint, run_kind, words};
use crate::support::servers::{Server, hang, reset, say};
use crate::support::target::{Authority, Identity, refusing};

/// A handshake answered with TLS 1.0, which no probe speaks: a ServerHello and nothing else.
const TLS_1_0: &[u8] = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01\
    0123456789abcdef0123456789abcdef\x00\x00\x2f\x00";

/// What a target does with a connection.
#[derive(Clone)]
enum Does {
    Shakes(TlsAcceptor),
    Says(&'static [u8]),
    Closes,
    Resets,
    Hangs,
}

use Does::{Closes, Hangs, Resets, Says, Shakes};

async fn serve(mut stream: TcpStream, does: Does) {
    match does {
        Shakes(acceptor) => {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                hang(&mut stream).await;
            }
        }
        Says(bytes) => {
            say(&mut stream, bytes).await;
            hang(&mut stream).await;
        }
        // Closing with unread bytes would be a reset.
        Closes => drop(stream.read(&mut [0; 4096]).await),
        Resets => reset(stream),
        Hangs => hang(&mut stream).await,
    }
}

/// What a run meets, what the file says beyond the address, and the word and part of the detail that must come of it.
struct Case(&'static str, Does, &'static str, &'static str, &'static str);

fn in_days(days: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(days * 86_400)
}

fn chains(authority: &Authority) -> Vec<Case> {
    let good = || Shakes(authority.issue("127.0.0.1", 2080).acceptor());
    let soon = || Shakes(authority.issue_until(&["127.0.0.1"], in_days(10)).acceptor());
    let several = || Shakes(authority.issue_until(&["127.0.0.1", "a.example", "*.b.example"], in_days(99)).acceptor());
    let only = |version| Shakes(authority.issue("127.0.0.1", 2080).acceptor_for(&[version], &[]));
    let both = "expect: {names: [a.example, x.b.example, 127.0.0.1]}";
    vec![
        Case("trusted", good(), "", "success", ""),
        Case("self-signed", Shakes(Identity::self_signed("127.0.0.1").acceptor()), "", "tls", "UnknownIssuer"),
        Case(
            "self-signed, whatever it is",
            Shakes(Identity::self_signed("127.0.0.1").acceptor()),
            "settings: {insecure_skip_verify: true}",
            "success",
            "",
        ),
        Case("expired", Shakes(authority.issue("127.0.0.1", 2020).acceptor()), "", "tls", "expired"),
        Case(
            "another's name",
            Shakes(authority.issue("other.example", 2080).acceptor()),
            "",
            "tls",
            "not valid for name",
        ),
        Case(
            "another's name, asked for",
            Shakes(authority.issue("other.example", 2080).acceptor()),
            "settings: {server_name: other.example}",
            "success",
            "",
        ),
        Case("long enough", soon(), "expect: {valid_for: 9d}", "success", ""),
        Case("not long enough", soon(), "expect: {valid_for: 14d}", "expiry", "more, expected 14d"),
        Case("ends soon and nobody minds", soon(), "", "success", ""),
        Case("all names", several(), both, "success", ""),
        Case(
            "a name is missing",
            several(),
            "expect: {names: [a.example, c.example]}",
            "tls",
            "not valid for `c.example`",
        ),
        Case("a wildcard is one label", several(), "expect: {names: x.y.b.example}", "tls", "`x.y.b.example`"),
        Case("an address is missing", several(), "expect: {names: 192.0.2.1}", "tls", "`192.0.2.1`"),
        Case("TLS 1.2", only(&rustls::version::TLS12), "", "success", ""),
        Case("TLS 1.3", only(&rustls::version::TLS13), "settings: {min_version: TLS13}", "success", ""),
        Case("older than wanted", only(&rustls::version::TLS12), "settings: {min_version: TLS13}", "tls", ""),
        Case("older than anybody speaks", Says(TLS_1_0), "", "tls", ""),
        Case("in time", good(), "expect: {within: 900ms}", "success", ""),
        Case("too slow", good(), "expect: {within: 1ms}", "too_slow", "expected within 1ms"),
        Case("garbage", Says(b"garbage garbage garbage garbage"), "", "tls", ""),
        Case("HTTP", Says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "", "tls", ""),
        Case("closed", Closes, "", "tls", "closed during the handshake"),
        Case("reset", Resets, "", "tls", "connection reset"),
        Case("silent", Hangs, "", "timeout", "in phase tls"),
    ]
}

#[tokio::test]
async fn handshakes_have_their_verdicts() {
    let authority = Authority::new();
    let mut complaints = Vec::new();
    for Case(name, does, options, word, part) in chains(&authority) {
        let server = Server::start(move |stream| serve(stream, does.clone())).await;
        let options = if options.is_empty() { String::new() } else { format!(", {options}") };
        let kind = format!("tls: {{address: \"{}\"{options}}}", server.address);
        let outcome = run_kind(authority.roots(), &kind).await;
        complaints.extend(complaint(name, &outcome, word, part));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let nobody = format!("tls: {{address: \"{}\"}}", refusing().await);
    let outcome = run_kind(authority.roots(), &nobody).await;
    assert_eq!(complaint("nobody", &outcome, "connect", "connection refused"), None);
}

#[tokio::test]
async fn the_end_of_the_chain_is_known_even_when_it_is_too_soon() {
    let authority = Authority::new();
    let end = in_days(10) + Duration::from_secs(1800);
    let acceptor = authority.issue_until(&["127.0.0.1"], end).acceptor();
    let server = Server::start(move |stream| serve(stream, Shakes(acceptor.clone()))).await;
    let kind = format!("tls: {{address: \"{}\", expect: {{valid_for: 30d}}}}", server.address);
    let outcome = run_kind(authority.roots(), &kind).await;
    assert_eq!(words(&outcome.verdict), ("expiry", "the chain is valid for 10d more, expected 30d"));
    let seconds = end.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    assert_eq!(outcome.tls_not_after, Some(i64::try_from(seconds).expect("not so far")));
}
