//! Verdicts of HTTP runs over real sockets that break in every phase.

mod compression;
mod credentials;
mod proxy;
mod redirects;
mod requests;
mod settings;
mod versions;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use burndown::probe::outcome::{Outcome, Phase};
use burndown::probe::{Prober, Resolver};
use rustls::RootCertStore;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{MARGIN, first, prober, run, words};
use crate::support::target::{Act, Authority, Identity, Target, answers, refusing, sends};

/// The wall of every run of the table.
const WALL: Duration = Duration::from_secs(1);

/// How many runs of the table go on at once: more would compete for the processor and say little of their walls.
const AT_ONCE: usize = 8;

/// What a run meets, what the file says beyond the URL, and the reason and detail that must come of it.
struct Case(&'static str, Meets, &'static str, &'static str, &'static str);

enum Meets {
    Http(Vec<Act>),
    /// A URL with `https` whose target shows this certificate.
    Https(Shows, Vec<Act>),
    /// A URL with `https` whose target plays a script without TLS.
    HttpsOnPlain(Vec<Act>),
    /// A URL with `http` whose target speaks TLS.
    HttpOnTls,
    Nobody,
    Url(&'static str),
}

enum Shows {
    Good,
    SelfSigned,
    Expired,
    OtherName,
}

use Meets::{Http, HttpOnTls, Https, HttpsOnPlain, Nobody, Url};

fn text(text: &str) -> Meets {
    Http(vec![Act::ReadHead, sends(text)])
}

fn status(status: u16) -> Meets {
    Http(answers(status, "hello"))
}

fn body(length: usize) -> Meets {
    Http(answers(200, &"x".repeat(length)))
}

fn after_head(acts: impl IntoIterator<Item = Act>) -> Meets {
    Http([Act::ReadHead].into_iter().chain(acts).collect())
}

fn statuses() -> Vec<Case> {
    vec![
        Case("200", status(200), "", "success", ""),
        Case("299", status(299), "", "success", ""),
        Case("300", status(300), "", "status", "status 300, expected 200-299"),
        Case("404", status(404), "", "status", "status 404, expected 200-299"),
        Case("500", status(500), "", "status", "status 500"),
        Case("404 wanted", status(404), "expect: {status: [404]}", "success", ""),
        Case("200 not wanted", status(200), "expect: {status: [404, 5xx]}", "status", "expected 404, 500-599"),
        Case("204", text("HTTP/1.1 204 No\r\n\r\n"), "", "success", ""),
        Case("304", text("HTTP/1.1 304 Same\r\n\r\n"), "", "status", "304"),
        Case("a redirect", text("HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"), "", "status", "302"),
        // A status below 200 is not an answer yet: the client goes on waiting for the real one.
        Case("199 and no more", status(199), "", "protocol", "after the interim status 199"),
        Case("199 and silence", after_head([sends("HTTP/1.1 199 X\r\n\r\n"), Act::Hang]), "", "timeout", "processing"),
        Case(
            "103, then 200",
            text("HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 O\r\nContent-Length: 0\r\n\r\n"),
            "",
            "success",
            "",
        ),
        Case("101", text("HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "", "status", "101"),
        Case("HTTP/1.0", text("HTTP/1.0 200 OK\r\n\r\nhello"), "", "success", ""),
        Case("HEAD", text("HTTP/1.1 200 O\r\nContent-Length: 9999999\r\n\r\n"), "method: HEAD", "success", ""),
    ]
}

fn bodies() -> Vec<Case> {
    let chunk = || sends("1000\r\n").and(&"x".repeat(4096)).and("\r\n");
    let chunked = || sends("HTTP/1.1 200 O\r\nTransfer-Encoding: chunked\r\n\r\n");
    let open_ended = || sends("HTTP/1.1 200 O\r\n\r\n");
    let latin = Act::Send(b"HTTP/1.1 200 O\r\nContent-Length: 9\r\n\r\n\xe9\xff hello\xe9".to_vec());
    let wants_hello = "expect: {body: {contains: hello}}";
    vec![
        Case("contains", status(200), wants_hello, "success", ""),
        Case("does not contain", status(200), "expect: {body: {contains: bye}}", "body", "does not contain `bye`"),
        Case("an empty body", Http(answers(200, "")), wants_hello, "body", "does not contain"),
        Case("not UTF-8", after_head([latin]), wants_hello, "success", ""),
        Case(
            "in pieces",
            after_head([
                chunked(),
                sends("2\r\nhe\r\n"),
                Act::Pause(Duration::from_millis(20)),
                sends("3\r\nllo\r\n0\r\n\r\n"),
            ]),
            wants_hello,
            "success",
            "",
        ),
        Case(
            "up to the end of the connection",
            after_head([open_ended(), sends("oh hello")]),
            wants_hello,
            "success",
            "",
        ),
        Case("one less than the limit", body(999), "max_body: 1000B", "success", ""),
        Case("the limit", body(1000), "max_body: 1000B", "success", ""),
        Case("one more than the limit", body(1001), "max_body: 1000B", "body_too_large", "larger than 1000 bytes"),
        Case("chunks beyond the limit", after_head([chunked(), chunk()]), "max_body: 4095B", "body_too_large", ""),
        Case(
            "chunks up to the limit",
            after_head([chunked(), chunk(), sends("0\r\n\r\n")]),
            "max_body: 4KiB",
            "success",
            "",
        ),
        Case("the usual limit", body(1024 * 1024 + 1), "", "body_too_large", "1048576"),
        Case(
            "chunks without end",
            after_head([chunked(), Act::SendForEver(chunk().bytes())]),
            "",
            "body_too_large",
            "",
        ),
        Case(
            "bytes without end",
            after_head([open_ended(), Act::SendForEver(vec![b'x'; 4096])]),
            "",
            "body_too_large",
            "",
        ),
        Case(
            "shorter than it says",
            text("HTTP/1.1 200 O\r\nContent-Length: 9\r\n\r\nhello"),
            "",
            "protocol",
            "closed",
        ),
        Case("a chunk without size", after_head([chunked(), sends("zzz\r\n")]), "", "protocol", ""),
        Case(
            "a trickle",
            after_head([
                sends("HTTP/1.1 200 O\r\nContent-Length: 99\r\n\r\n"),
                Act::Trickle(vec![b'x'; 99], Duration::from_millis(50)),
            ]),
            "",
            "timeout",
            "in phase transfer",
        ),
        Case(
            "a byte a second",
            after_head([
                sends("HTTP/1.1 200 O\r\nContent-Length: 99\r\n\r\n"),
                Act::Trickle(vec![b'x'; 99], Duration::from_secs(1)),
            ]),
            "",
            "timeout",
            "in phase transfer",
        ),
        Case(
            "a wrong status is not read on",
            after_head([sends("HTTP/1.1 500 O\r\nContent-Length: 99\r\n\r\n"), Act::Hang]),
            "",
            "status",
            "500",
        ),
    ]
}

fn breaks() -> Vec<Case> {
    vec![
        Case("refused", Nobody, "", "connect", "connection refused"),
        Case("no such name", Url("http://burndown-test.invalid/"), "", "resolve", "burndown-test.invalid"),
        Case("silent from the start", Http(vec![Act::Hang]), "", "timeout", "in phase processing"),
        Case("silent after the request", after_head([Act::Hang]), "", "timeout", "not done within 1s"),
        Case(
            "reset before the request is read",
            Http(vec![Act::Pause(Duration::from_millis(50)), Act::Reset]),
            "",
            "protocol",
            "connection reset",
        ),
        Case("reset after the request", after_head([Act::Reset]), "", "protocol", "connection reset"),
        Case("closed after the request", after_head([]), "", "protocol", "closed before"),
        Case("reset in the head", after_head([sends("HTTP/1.1 200 O\r\nX-"), Act::Reset]), "", "protocol", ""),
        Case("closed in the head", text("HTTP/1.1 200 O\r\nX-"), "", "protocol", "closed before"),
        Case(
            "reset in the body",
            after_head([
                sends("HTTP/1.1 200 O\r\nContent-Length: 9\r\n\r\nh"),
                Act::Pause(Duration::from_millis(50)),
                Act::Reset,
            ]),
            "",
            "protocol",
            "connection reset",
        ),
        Case(
            "a head byte by byte",
            after_head([Act::Trickle(vec![b'H'; 99], Duration::from_millis(50))]),
            "",
            "timeout",
            "",
        ),
        Case(
            "a proper head, slowly",
            after_head([sends("HTTP/1.1 200 O\r\nX-A: "), Act::Trickle(vec![b'a'; 99], Duration::from_millis(50))]),
            "",
            "timeout",
            "in phase transfer",
        ),
        Case(
            "a head of a byte a second",
            after_head([Act::Trickle(b"HTTP/1.1 200 O\r\n\r\n".to_vec(), Duration::from_secs(1))]),
            "",
            "timeout",
            "in phase transfer",
        ),
        Case(
            "a head without end",
            after_head([sends("HTTP/1.1 200 O\r\n"), Act::SendForEver(b"X-A: bbbbbbbbbbbbbbbbbbbb\r\n".to_vec())]),
            "",
            "protocol",
            "header is too large",
        ),
        Case("garbage", text("\x00\x01\x02 garbage \r\n\r\n"), "", "protocol", "not valid HTTP"),
        Case("another protocol", Http(vec![sends("SSH-2.0-OpenSSH_9.6\r\n"), Act::Hang]), "", "protocol", ""),
        Case("a length that is none", text("HTTP/1.1 200 O\r\nContent-Length: -5\r\n\r\n"), "", "protocol", ""),
        Case("a header that is none", text("HTTP/1.1 200 O\r\nX Y\r\n\r\n"), "", "protocol", "not valid HTTP"),
        Case("in time", status(200), "expect: {within: 500ms}", "success", ""),
        Case(
            "too slow",
            after_head([Act::Pause(Duration::from_millis(200)), answers(200, "").remove(1)]),
            "expect: {within: 100ms}",
            "too_slow",
            "expected within 100ms",
        ),
        Case(
            "wrong and slow",
            after_head([Act::Pause(Duration::from_millis(200)), answers(500, "").remove(1)]),
            "expect: {within: 100ms}",
            "status",
            "500",
        ),
        Case(
            "a secret that is missing",
            status(200),
            "headers: {Authorization: {env: BURNDOWN_NOT_SET}}",
            "internal",
            "`BURNDOWN_NOT_SET` is not set",
        ),
    ]
}

fn handshakes() -> Vec<Case> {
    let ok = || answers(200, "hello");
    let cut = || vec![Act::ReadHead, sends("HTTP/1.1 200 O\r\nContent-Length: 9\r\n\r\nh"), Act::Reset];
    vec![
        Case("trusted", Https(Shows::Good, ok()), "expect: {body: {contains: hello}}", "success", ""),
        Case("trusted, 404", Https(Shows::Good, answers(404, "")), "", "status", "404"),
        Case("self-signed", Https(Shows::SelfSigned, ok()), "", "tls", "UnknownIssuer"),
        Case("expired", Https(Shows::Expired, ok()), "", "tls", "expired"),
        Case("another's name", Https(Shows::OtherName, ok()), "", "tls", "not valid for name"),
        Case("garbage for a handshake", HttpsOnPlain(vec![sends("garbage garbage garbage"), Act::Hang]), "", "tls", ""),
        Case("HTTP on the TLS port", HttpsOnPlain(vec![sends("HTTP/1.1 400 Bad\r\n\r\n"), Act::Hang]), "", "tls", ""),
        Case("silence for a handshake", HttpsOnPlain(vec![Act::Hang]), "", "timeout", "in phase tls"),
        Case("closed in the handshake", HttpsOnPlain(vec![]), "", "tls", "closed during the handshake"),
        Case(
            "reset in the handshake",
            HttpsOnPlain(vec![Act::Pause(Duration::from_millis(50)), Act::Reset]),
            "",
            "tls",
            "connection reset",
        ),
        Case("plain HTTP to a TLS port", HttpOnTls, "", "protocol", ""),
        Case("TLS, silent", Https(Shows::Good, vec![Act::Hang]), "", "timeout", "in phase processing"),
        Case("TLS, cut off in the body", Https(Shows::Good, cut()), "", "protocol", ""),
    ]
}

impl Act {
    /// More bytes behind those that are sent.
    fn and(self, more: &str) -> Act {
        let mut bytes = self.bytes();
        bytes.extend_from_slice(more.as_bytes());
        Act::Send(bytes)
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Act::Send(bytes) => bytes,
            other => panic!("{other:?} sends nothing"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_fail_has_its_reason() {
    let authority = Arc::new(Authority::new());
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let cases: Vec<Case> = [statuses(), bodies(), breaks(), handshakes()].into_iter().flatten().collect();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut running = JoinSet::new();
    for case in cases {
        let (authority, turns) = (Arc::clone(&authority), Arc::clone(&turns));
        running.spawn(async move {
            let _turn = turns.acquire().await.expect("never closed");
            judge(&authority, case).await
        });
    }
    let complaints: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Runs one case and says what is not as it must be.
async fn judge(authority: &Authority, Case(name, meets, options, word, part): Case) -> Option<String> {
    let good = || authority.issue("127.0.0.1", 2080);
    let (target, url) = match meets {
        Http(script) => of(Target::plain(script).await, "http"),
        HttpsOnPlain(script) => of(Target::plain(script).await, "https"),
        HttpOnTls => of(Target::tls(&good(), vec![]).await, "http"),
        Https(shows, script) => {
            let identity = match shows {
                Shows::Good => good(),
                Shows::SelfSigned => Identity::self_signed("127.0.0.1"),
                Shows::Expired => authority.issue("127.0.0.1", 2020),
                Shows::OtherName => authority.issue("other.example", 2080),
            };
            of(Target::tls(&identity, script).await, "https")
        }
        Nobody => (None, format!("http://{}/", refusing().await)),
        Url(url) => (None, url.to_owned()),
    };
    let probe = first(&request(&url, options));
    let outcome = run(&prober(authority.roots()), &probe).await;

    let (found, detail) = words(&outcome.verdict);
    if found != word || !detail.contains(part) {
        return Some(format!("{name}: {found} ({detail}) instead of {word} ({part})"));
    }
    if outcome.duration > WALL + MARGIN {
        return Some(format!("{name}: took {:?}", outcome.duration));
    }
    let target = target?;
    if target.connections() > 1 {
        return Some(format!("{name}: {} connections", target.connections()));
    }
    // Nothing of a run is left behind: the target soon sees the end of the connection.
    for _ in 0..200 {
        if target.open() == 0 {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Some(format!("{name}: the connection is still open"))
}

fn of(target: Target, scheme: &str) -> (Option<Target>, String) {
    let url = target.url(scheme, "/").to_string();
    (Some(target), url)
}

fn request(url: &str, options: &str) -> String {
    let options = if options.is_empty() { String::new() } else { format!(", {options}") };
    format!("  - {{name: first, interval: 1s, timeout: 1s, http: {{url: \"{url}\"{options}}}}}")
}

#[tokio::test]
async fn phases_are_told_apart() {
    let authority = Authority::new();
    let pause = Duration::from_millis(80);
    let script = vec![
        Act::ReadHead,
        Act::Pause(pause),
        sends("HTTP/1.1 200 O\r\nContent-Length: 2\r\n\r\nx"),
        Act::Pause(pause * 2),
        sends("y"),
    ];
    let target = Target::tls(&authority.issue("127.0.0.1", 2080), script).await;
    let probe = first(&request(target.url("https", "/").as_str(), ""));
    let outcome = run(&prober(authority.roots()), &probe).await;

    assert_eq!(words(&outcome.verdict), ("success", ""));
    let of = |phase| outcome.phases.get(phase);
    assert!(of(Phase::Resolve) < Duration::from_millis(20), "{outcome:?}");
    assert!(of(Phase::Tls) > Duration::ZERO && of(Phase::Connect) > Duration::ZERO, "{outcome:?}");
    assert!(of(Phase::Processing) >= pause && of(Phase::Transfer) >= pause * 2, "{outcome:?}");
    // What is waited for belongs to these two phases and to no other.
    assert!(of(Phase::Connect) + of(Phase::Tls) < pause, "{outcome:?}");
    let sum: Duration = Phase::ALL.into_iter().map(of).sum();
    assert!(sum <= outcome.duration && outcome.duration - sum < Duration::from_millis(50), "{outcome:?}");
    // 1 January 2080: the server's certificate ends before its authority's.
    assert_eq!(outcome.tls_not_after, Some(3_471_292_800));
}

#[tokio::test]
async fn the_request_is_what_the_file_says() {
    let target = Target::plain(answers(200, "")).await;
    let secrets = tempfile::tempdir().expect("a directory");
    let token = secrets.path().join("token");
    std::fs::write(&token, "Bearer s3cret\n").expect("writes");
    let headers = format!("headers: {{X-Tag: a, Authorization: {{file: {}}}}}", token.display());
    let url = target.url("http", "/some/path?with=query&x=%20");
    let outcome = run_one(&request(url.as_str(), &format!("method: POST, body: hi, {headers}"))).await;

    assert_eq!(words(&outcome.verdict), ("success", ""));
    let heads = target.heads();
    let head = heads[0].to_lowercase();
    assert!(head.starts_with("post /some/path?with=query&x=%20 http/1.1\r\n"), "{head}");
    for line in [
        format!("host: {}", target.address),
        format!("user-agent: burndown/{}", env!("CARGO_PKG_VERSION")),
        "authorization: bearer s3cret".to_owned(),
        "x-tag: a".to_owned(),
        "content-length: 2".to_owned(),
        "connection: close".to_owned(),
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} is missing in {head}");
    }
}

#[tokio::test]
async fn details_hold_no_secret() {
    let target = Target::plain(answers(500, "the body is private")).await;
    let secrets = tempfile::tempdir().expect("a directory");
    let token = secrets.path().join("token");
    for (content, word) in [("s3cret", "status"), ("s3cret\nsplit", "internal")] {
        std::fs::write(&token, content).expect("writes");
        let headers = format!("headers: {{Authorization: {{file: {}}}}}", token.display());
        let outcome = run_one(&request(target.url("http", "/").as_str(), &headers)).await;
        assert_eq!(words(&outcome.verdict).0, word);
        let everything = format!("{outcome:?}");
        assert!(!everything.contains("s3cret") && !everything.contains("private"), "{everything}");
    }
}

#[tokio::test]
async fn without_roots_https_is_the_probers_fault() {
    let target = Target::plain(vec![Act::Hang]).await;
    let outcome = run_one(&request(target.url("https", "/").as_str(), "")).await;
    assert_eq!(words(&outcome.verdict), ("internal", "no trusted root certificate was found on this machine"));
}

async fn run_one(probe: &str) -> Outcome {
    run(&prober(RootCertStore::empty()), &first(probe)).await
}

/// A prober that trusts `roots`, for which every name below `.test` is this machine.
fn prober_of_names(roots: RootCertStore, directory: &Path) -> Prober {
    let (resolv_conf, hosts) = (directory.join("resolv.conf"), directory.join("hosts"));
    std::fs::write(&resolv_conf, "nameserver 127.0.0.1\n").expect("writes");
    std::fs::write(&hosts, "127.0.0.1 app.test other.test proxy.test id.test\n").expect("writes");
    prober(roots).resolving_by(Resolver::of_files(resolv_conf, hosts))
}

/// What is not as it must be: the reason, or a part of the detail.
fn complaint(name: &str, outcome: &Outcome, word: &str, part: &str) -> Option<String> {
    let (found, detail) = words(&outcome.verdict);
    if outcome.duration > WALL + MARGIN {
        return Some(format!("{name}: took {:?}", outcome.duration));
    }
    (found != word || !detail.contains(part)).then(|| format!("{name}: {found} ({detail}) instead of {word} ({part})"))
}

/// Fails with every complaint on a line of its own.
#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
