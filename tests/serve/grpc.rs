//! Verdicts of gRPC health checks, with and without TLS.

use std::sync::{Arc, Mutex};

use http::HeaderMap;
use rustls::RootCertStore;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{complaint, run_kind, words};
use crate::support::servers::{Call, Server, Witness, hang, reset, say, serve_grpc};
use crate::support::target::{Authority, Identity, refusing};

/// What a target does with a connection.
#[derive(Clone)]
enum Does {
    Answers(Call),
    AnswersOverTls(TlsAcceptor, Call),
    Says(&'static str),
    Hangs,
    Resets,
    Closes,
}

use Does::{Answers, AnswersOverTls, Closes, Hangs, Resets, Says};

async fn serve(mut stream: TcpStream, does: Does) {
    let nobody: Witness = Arc::new(|_, _| {});
    match does {
        Answers(call) => serve_grpc(stream, call, nobody).await,
        AnswersOverTls(acceptor, call) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve_grpc(stream, call, nobody).await;
            }
        }
        Says(words) => {
            say(&mut stream, words).await;
            hang(&mut stream).await;
        }
        Hangs => hang(&mut stream).await,
        Resets => reset(stream),
        Closes => {}
    }
}

/// What a run meets, what the file says beyond the address, and the word and part of the detail that must come of it.
struct Case(&'static str, Does, &'static str, &'static str, &'static str);

fn serving() -> Call {
    Call::says(b"\x08\x01")
}

fn plain() -> Vec<Case> {
    let says = |message: &[u8]| Answers(Call::says(message));
    let with = |change: fn(&mut Call)| {
        let mut call = serving();
        change(&mut call);
        Answers(call)
    };
    vec![
        Case("SERVING", says(b"\x08\x01"), "", "success", ""),
        Case("SERVING, of a service", says(b"\x08\x01"), "service: shop.v1.Orders", "success", ""),
        Case("SERVING and more", says(b"\x12\x02hi\x08\x01\x18\x05"), "", "success", ""),
        Case("NOT_SERVING", says(b"\x08\x02"), "", "not_serving", "the service is NOT_SERVING, expected SERVING"),
        Case("UNKNOWN", says(b"\x08\x00"), "", "not_serving", "UNKNOWN"),
        Case("UNKNOWN, left out", says(b""), "", "not_serving", "UNKNOWN"),
        Case("SERVICE_UNKNOWN", says(b"\x08\x03"), "", "not_serving", "SERVICE_UNKNOWN"),
        Case("no such status", says(b"\x08\x2a"), "", "not_serving", "does not exist"),
        Case("no such service", Answers(Call::fails("5")), "service: x", "status", "gRPC status 5 (NOT_FOUND)"),
        Case("no health service", Answers(Call::fails("12")), "", "status", "no health service"),
        Case("unauthenticated", Answers(Call::fails("16")), "", "status", "gRPC status 16 (UNAUTHENTICATED)"),
        Case("a code that is none", Answers(Call::fails("99")), "", "status", "no code of gRPC"),
        Case("a code that is no number", Answers(Call::fails("x")), "", "protocol", "not a number"),
        Case("failed behind the message", with(|call| call.code = Some("13")), "", "status", "INTERNAL"),
        Case("no code", with(|call| call.code = None), "", "protocol", "has no `grpc-status`"),
        Case("no message", with(|call| call.body.clear()), "", "protocol", "no message"),
        Case("compressed", with(|call| call.body[0] = 1), "", "protocol", "compressed"),
        Case("shorter than it says", with(|call| call.body[4] = 9), "", "protocol", "length"),
        Case("longer than it says", with(|call| call.body.push(0)), "", "protocol", "length"),
        Case("no message of that service", says(b"\x0b\xff"), "", "protocol", "not a message"),
        Case("larger than any answer", says(&[0x12; 5000]), "", "body_too_large", "4096 bytes"),
        Case("a web server", with(|call| call.content_type = "text/html"), "", "protocol", "not one of gRPC"),
        Case("HTTP 503", with(|call| call.status = 503), "", "status", "HTTP status 503"),
        Case("HTTP/1.1", Says("HTTP/1.1 400 Bad Request\r\n\r\n"), "", "protocol", ""),
        Case("garbage", Says("garbage garbage garbage garbage"), "", "protocol", ""),
        Case("silent", Hangs, "", "timeout", "in phase processing"),
        Case("closed", Closes, "", "protocol", ""),
        Case("reset", Resets, "", "protocol", ""),
        Case("in time", Answers(serving()), "expect: {within: 900ms}", "success", ""),
    ]
}

fn over_tls(authority: &Authority) -> Vec<Case> {
    let speaks = |identity: Identity, protocols: &[&str]| {
        AnswersOverTls(identity.acceptor_for(rustls::DEFAULT_VERSIONS, protocols), serving())
    };
    let good = || authority.issue("127.0.0.1", 2080);
    vec![
        Case("SERVING over TLS", speaks(good(), &["h2"]), "tls: true", "success", ""),
        Case("no HTTP/2 over TLS", speaks(good(), &[]), "tls: true", "protocol", "does not speak HTTP/2"),
        Case("HTTP/1.1 only", speaks(good(), &["http/1.1"]), "tls: true", "tls", ""),
        Case("self-signed", speaks(Identity::self_signed("127.0.0.1"), &["h2"]), "tls: true", "tls", "UnknownIssuer"),
        Case(
            "another's name",
            speaks(authority.issue("x.example", 2080), &["h2"]),
            "tls: true",
            "tls",
            "not valid for name",
        ),
        Case(
            "another's name, asked for",
            speaks(authority.issue("x.example", 2080), &["h2"]),
            "tls: {server_name: x.example}",
            "success",
            "",
        ),
        Case("no TLS there", Answers(serving()), "tls: true", "tls", ""),
        Case("TLS there, and not wanted", speaks(good(), &["h2"]), "", "protocol", ""),
    ]
}

#[tokio::test]
async fn health_checks_have_their_verdicts() {
    let authority = Authority::new();
    let mut complaints = Vec::new();
    for Case(name, does, options, word, part) in plain().into_iter().chain(over_tls(&authority)) {
        let server = Server::start(move |stream| serve(stream, does.clone())).await;
        let options = if options.is_empty() { String::new() } else { format!(", {options}") };
        let kind = format!("grpc: {{address: \"{}\"{options}}}", server.address);
        let outcome = run_kind(authority.roots(), &kind).await;
        complaints.extend(complaint(name, &outcome, word, part));
        let everything = format!("{outcome:?}");
        complaints.extend(everything.contains("s3cret").then(|| format!("{name}: shows the server's own words")));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let outcome = run_kind(authority.roots(), &format!("grpc: {{address: \"{}\"}}", refusing().await)).await;
    assert_eq!(complaint("nobody", &outcome, "connect", "connection refused"), None);
}

#[tokio::test]
async fn the_call_is_what_the_file_says() {
    type Seen = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;
    let seen = Seen::default();
    let keeps = Arc::clone(&seen);
    let server = Server::start(move |stream| {
        let keeps = Arc::clone(&keeps);
        let keep = move |headers: &HeaderMap, body: &[u8]| {
            keeps.lock().expect("not poisoned").push((headers.clone(), body.to_vec()));
        };
        serve_grpc(stream, serving(), Arc::new(keep))
    })
    .await;
    let secrets = tempfile::tempdir().expect("a directory");
    let token = secrets.path().join("token");
    std::fs::write(&token, "Bearer s3cret\n").expect("writes");
    let kind = format!(
        "grpc: {{address: \"{}\", service: shop.v1.Orders, metadata: {{X-Tag: a, Authorization: {{file: {}}}}}}}",
        server.address,
        token.display()
    );
    let outcome = run_kind(RootCertStore::empty(), &kind).await;
    assert_eq!(words(&outcome.verdict), ("success", ""));

    let seen = seen.lock().expect("not poisoned");
    let (headers, body) = &seen[0];
    let header = |name: &str| headers.get(name).map(|value| value.to_str().expect("text").to_owned());
    assert_eq!(header("te").as_deref(), Some("trailers"));
    assert_eq!(header("content-type").as_deref(), Some("application/grpc"));
    assert_eq!(header("x-tag").as_deref(), Some("a"));
    assert_eq!(header("authorization").as_deref(), Some("Bearer s3cret"));
    assert_eq!(header("user-agent"), Some(format!("burndown/{}", env!("CARGO_PKG_VERSION"))));
    let deadline = header("grpc-timeout").expect("a deadline");
    let left: u64 = deadline.strip_suffix('m').expect("milliseconds").parse().expect("a number");
    assert!((500..=1000).contains(&left), "{deadline}");
    assert_eq!(body.as_slice(), b"\0\0\0\0\x10\x0a\x0eshop.v1.Orders");
}
