//! HTTP/1.1 and HTTP/2: which is spoken, and what breaks them.

use std::time::Duration;

use burndown::probe::outcome::Phase;
use http::Version;
use rustls::RootCertStore;

use super::super::{first, prober, run};
use super::{assert_none, complaint, prober_of_names, request};
use crate::support::origin::{Origin, Speaks, Tls, answer};
use crate::support::target::{Act, Authority, Target, sends};

/// What the server offers over TLS, what the file says, the version that is spoken, and what comes of it.
struct Case(&'static [&'static str], &'static str, Option<Version>, &'static str, &'static str);

fn cases() -> Vec<Case> {
    let both = &["h2", "http/1.1"][..];
    let (http1, http2) = (Some(Version::HTTP_11), Some(Version::HTTP_2));
    vec![
        Case(both, "", http2, "success", ""),
        Case(both, "version: any", http2, "success", ""),
        Case(both, "version: 1.1", http1, "success", ""),
        Case(both, "version: 2", http2, "success", ""),
        Case(&["http/1.1"], "", http1, "success", ""),
        Case(&["http/1.1"], "version: 2", None, "tls", "NoApplicationProtocol"),
        Case(&["h2"], "version: 1.1", None, "tls", "NoApplicationProtocol"),
        Case(&["h2"], "", http2, "success", ""),
        Case(&[], "", http1, "success", ""),
        Case(&[], "version: 2", None, "protocol", "the target does not speak HTTP/2"),
        Case(both, "expect: {body: {contains: hello}}", http2, "success", ""),
        Case(both, "expect: {body: {contains: bye}}", http2, "body", "does not contain"),
        Case(both, "expect: {status: 404}", http2, "status", "status 200"),
        Case(both, "max_body: 5B", http2, "success", ""),
        Case(both, "max_body: 4B", http2, "body_too_large", "4 bytes"),
        Case(
            both,
            "method: POST, body: x, headers: {Host: www.test}, tls: {server_name: app.test}",
            http2,
            "success",
            "",
        ),
    ]
}

#[tokio::test]
async fn the_version_is_what_both_sides_want() {
    let directory = tempfile::tempdir().expect("a directory");
    let authority = Authority::new();
    let identity = authority.issue("app.test", 2080);
    let prober = prober_of_names(authority.roots(), directory.path());
    let mut complaints = Vec::new();
    for Case(alpn, options, version, word, part) in cases() {
        let speaks = Tls { alpn, ..Tls::usual(&identity) }.speaks();
        let origin = Origin::start(speaks, |_| answer(200, &[], "hello")).await;
        let outcome = run(&prober, &first(&request(&origin.url("https", "app.test", "/"), options))).await;
        let name = format!("{alpn:?} {options}");
        complaints.extend(complaint(&name, &outcome, word, part));
        let seen = origin.seen();
        if seen.first().map(|seen| seen.version) != version {
            complaints.push(format!("{name}: {seen:?}"));
        }
        let authority = if options.contains("www.test") { "www.test" } else { "app.test" };
        if version == Some(Version::HTTP_2)
            && (seen[0].uri.host() != Some(authority) || seen[0].headers.contains_key("connection"))
        {
            complaints.push(format!("{name}: {seen:?}"));
        }
    }
    assert_none(&complaints);
}

/// Frames of HTTP/2 (RFC 9113): empty SETTINGS, RST_STREAM and GOAWAY.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const RST_STREAM: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2];
const GOAWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11];
/// HEADERS with `:status: 200` that leaves the stream open.
const HEADERS: &[u8] = &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];

#[tokio::test]
async fn http_2_without_tls_and_broken_in_every_way() {
    let bytes = |parts: &[&[u8]]| Act::Send(parts.concat());
    let a_moment = || Act::Pause(Duration::from_millis(30));
    let after_greeting = |acts: Vec<Act>| [vec![bytes(&[SETTINGS]), a_moment()], acts].concat();
    let cases: Vec<(&str, Vec<Act>, &str, &str)> = vec![
        ("silent", vec![Act::Hang], "timeout", "in phase processing"),
        ("greets and is silent", after_greeting(vec![Act::Hang]), "timeout", "in phase processing"),
        (
            "HTTP/1.1",
            vec![Act::ReadHead, sends("HTTP/1.1 200 O\r\nContent-Length: 0\r\n\r\n"), Act::Hang],
            "protocol",
            "",
        ),
        ("garbage", vec![sends(&"garbage ".repeat(20)), Act::Hang], "protocol", ""),
        ("closed", vec![], "protocol", "closed"),
        ("closed after the greeting", after_greeting(vec![]), "protocol", ""),
        ("reset", vec![a_moment(), Act::Reset], "protocol", "reset"),
        ("refuses the stream", after_greeting(vec![bytes(&[RST_STREAM]), Act::Hang]), "protocol", ""),
        ("goes away", after_greeting(vec![bytes(&[GOAWAY]), Act::Hang]), "protocol", ""),
        (
            "a body that does not come",
            after_greeting(vec![bytes(&[HEADERS]), Act::Hang]),
            "timeout",
            "in phase transfer",
        ),
        ("a body that breaks", after_greeting(vec![bytes(&[HEADERS]), a_moment(), Act::Reset]), "protocol", ""),
        (
            "trickled",
            vec![Act::Trickle([SETTINGS, HEADERS].concat(), Duration::from_millis(100)), Act::Hang],
            "timeout",
            "in phase processing",
        ),
    ];
    let mut complaints = Vec::new();
    for (name, script, word, part) in cases {
        let target = Target::plain(script).await;
        let probe = first(&request(target.url("http", "/").as_str(), "version: 2"));
        let outcome = run(&prober(RootCertStore::empty()), &probe).await;
        complaints.extend(complaint(name, &outcome, word, part));
        for _ in 0..200 {
            if target.open() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if target.open() > 0 {
            complaints.push(format!("{name}: the connection is still open"));
        }
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn phases_of_http_2_are_told_apart() {
    let origin = Origin::start(Speaks { tls: None, h2: true }, |_| {
        std::thread::sleep(Duration::from_millis(60));
        answer(200, &[], "hello")
    })
    .await;
    let probe = first(&request(&origin.url("http", "127.0.0.1", "/"), "version: 2, expect: {body: {contains: hello}}"));
    let outcome = run(&prober(RootCertStore::empty()), &probe).await;
    assert_none(&complaint("h2c", &outcome, "success", "").into_iter().collect::<Vec<_>>());
    assert_eq!(origin.seen()[0].version, Version::HTTP_2);
    // The greeting comes at once and is not the answer.
    assert!(outcome.phases.get(Phase::Processing) >= Duration::from_millis(55), "{outcome:?}");
}

#[tokio::test]
async fn interim_answers_are_not_the_answer() {
    let pause = Duration::from_millis(60);
    let script = vec![
        Act::ReadHead,
        sends("HTTP/1.1 103 E\r\nLink: </a>\r\n\r\n"),
        Act::Pause(pause),
        sends("HTTP/1.1 200 O\r\nContent-Length: 0\r\n\r\n"),
    ];
    let target = Target::plain(script).await;
    let outcome = run(&prober(RootCertStore::empty()), &first(&request(target.url("http", "/").as_str(), ""))).await;
    assert!(outcome.phases.get(Phase::Processing) >= pause, "{outcome:?}");
    assert!(outcome.phases.get(Phase::Transfer) < pause, "{outcome:?}");

    let endless = vec![Act::ReadHead, Act::SendForEver(b"HTTP/1.1 102 P\r\n\r\n".to_vec())];
    let target = Target::plain(endless).await;
    let outcome = run(&prober(RootCertStore::empty()), &first(&request(target.url("http", "/").as_str(), ""))).await;
    let expected = "more than 100 interim answers, the last with status 102";
    assert_none(&complaint("endless", &outcome, "protocol", expected).into_iter().collect::<Vec<_>>());
    assert!(outcome.duration < Duration::from_millis(900), "{outcome:?}");
}
