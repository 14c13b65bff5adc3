//! Every expectation both ways, over real sockets: what is met, what is missed, and what is said of it.

use burndown::probe::Prober;
use burndown::probe::outcome::Outcome;
use rustls::RootCertStore;
use tokio::task::JoinSet;

use super::{first, prober, run, words};
use crate::support::target::Act;
use crate::support::target::{Authority, Target, answers, sends};

/// An answer, what the file expects of it, and the reason and detail that must come of it.
struct Case(Answer, &'static str, &'static str, &'static str);

/// What the target sends.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// This status with an empty body.
    Status(u16),
    /// A first line of this version.
    Version(&'static str),
    /// 200 with these header lines.
    Headers(&'static str),
    /// 200 with this body.
    Body(&'static str),
}

use Answer::{Body, Headers, Status, Version};

impl Answer {
    fn script(self) -> Vec<Act> {
        let text = match self {
            Status(status) => return answers(status, ""),
            Body(body) => return answers(200, body),
            Version(version) => format!("{version} 200 OK\r\nContent-Length: 0\r\n\r\n"),
            Headers(lines) => format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n\r\n"),
        };
        vec![Act::ReadHead, sends(&text)]
    }
}

/// A success.
fn good(answer: Answer, expect: &'static str) -> Case {
    Case(answer, expect, "success", "")
}

fn heads() -> Vec<Case> {
    vec![
        good(Status(200), "status: 200"),
        good(Status(204), "status: [200, 2xx]"),
        good(Status(404), "status: [4xx]"),
        good(Status(301), "status: 300-302"),
        Case(Status(303), "status: 300-302", "status", "status 303, expected 300-302"),
        Case(Status(200), "status: [404, 5xx]", "status", "status 200, expected 404, 500-599"),
        Case(Status(599), "status: 500-598", "status", "status 599"),
        Case(Status(199), "status: 2xx", "protocol", ""),
        good(Version("HTTP/1.1"), "version: 1.1"),
        good(Version("HTTP/1.0"), "version: [1.0, 2]"),
        Case(Version("HTTP/1.0"), "version: 1.1", "http_version", "HTTP/1.0, expected HTTP/1.1"),
        Case(Version("HTTP/1.1"), "version: [1.0, 2]", "http_version", "HTTP/1.1, expected HTTP/1.0, HTTP/2.0"),
        good(Status(200), "tls: false"),
        Case(Status(200), "tls: true", "tls", "the answer came without TLS"),
        // The first rule that is missed is the reason.
        Case(Status(500), "status: 200, version: 2, tls: true", "status", ""),
        Case(Version("HTTP/1.0"), "version: 2, tls: true", "http_version", ""),
        Case(Headers("A: b"), "tls: true, headers: {B: {present: true}}", "tls", ""),
        Case(Headers("A: b"), "headers: {B: {present: true}}, body: {contains: x}", "header", ""),
        Case(Body("{}"), "body: {contains: x}, json: {/a: {present: true}}", "body", "does not contain"),
    ]
}

fn headers() -> Vec<Case> {
    let two = Headers("X-Env: prod\r\nx-env: blue");
    vec![
        good(two, "headers: {X-Env: {present: true}}"),
        Case(two, "headers: {X-Env: {present: false}}", "header", "the header `x-env` is there"),
        good(two, "headers: {X-Other: {present: false}}"),
        Case(two, "headers: {X-Other: {present: true}}", "header", "the header `x-other` is missing"),
        good(two, "headers: {X-Env: {equals: prod}}"),
        good(two, "headers: {X-Env: {equals: blue}}"),
        Case(two, "headers: {X-Env: {equals: pro}}", "header", "the header `x-env` is not `pro`"),
        Case(two, "headers: {X-Other: {equals: prod}}", "header", "is missing"),
        good(two, "headers: {X-Env: {contains: lu}}"),
        Case(two, "headers: {X-Env: {contains: green}}", "header", "does not contain `green`"),
        Case(two, "headers: {X-Env: {not_contains: blue}}", "header", "contains `blue`"),
        good(two, "headers: {X-Env: {not_contains: green}}"),
        good(two, "headers: {X-Other: {not_contains: green}}"),
        good(two, "headers: {X-Env: {matches: '^p.*d$'}}"),
        Case(two, "headers: {X-Env: {matches: '^od'}}", "header", "does not match `^od`"),
        Case(two, "headers: {X-Env: {not_matches: '^b'}}", "header", "matches `^b`"),
        good(two, "headers: {X-Env: {not_matches: '^x', matches: [p, d]}}"),
        // One value has to meet all rules.
        Case(two, "headers: {X-Env: {matches: [prod, blue]}}", "header", "does not match `blue`"),
        good(Headers("Age: 5"), "headers: {Age: {below: 6, at_least: 5, above: 4.9, at_most: 5.0}}"),
        Case(Headers("Age: 5"), "headers: {Age: {below: 5}}", "header", "is not below 5"),
        Case(Headers("Age: 5"), "headers: {Age: {above: 5}}", "header", "is not above 5"),
        Case(Headers("Age: 5"), "headers: {Age: {at_least: 5.1}}", "header", "is not at least 5.1"),
        Case(Headers("Age: 5"), "headers: {Age: {at_most: 4}}", "header", "is not at most 4"),
        Case(Headers("Age: old"), "headers: {Age: {at_most: 4}}", "header", "is not a number"),
        Case(Headers("A: b"), "headers: {A: {equals: b}, B: {present: true}}", "header", "`b` is missing"),
    ]
}

fn bodies() -> Vec<Case> {
    let page = Body("<h1>Sign in</h1>\nversion 12");
    vec![
        good(page, "body: {contains: Sign in}"),
        good(page, "body: {contains: [Sign in, version]}"),
        Case(page, "body: {contains: [Sign in, Sign out]}", "body", "the body does not contain `Sign out`"),
        good(page, "body: {not_contains: Error}"),
        Case(page, "body: {not_contains: [Error, Sign]}", "body", "the body contains `Sign`"),
        good(page, "body: {matches: 'version [0-9]+$'}"),
        good(page, "body: {matches: '(?i)SIGN IN'}"),
        Case(page, "body: {matches: '^version'}", "body", "the body does not match `^version`"),
        good(page, "body: {matches: '(?m)^version'}"),
        Case(page, "body: {matches: [Sign, Log]}", "body", "does not match `Log`"),
        good(page, "body: {not_matches: 'version [a-z]'}"),
        Case(page, "body: {not_matches: 'version [0-9]'}", "body", "the body matches `version [0-9]`"),
        Case(Body(""), "body: {matches: x}", "body", "does not match"),
        good(Body(""), "body: {not_matches: x, not_contains: y}"),
    ]
}

fn documents() -> Vec<Case> {
    let health = Body(
        r#"{"status":"UP","queue":{"length":7,"names":["a","b"]},"ratio":0.50,"ok":true,"none":null,"v":"2.10","a/b":1}"#,
    );
    vec![
        good(health, "json: {/status: {equals: UP}}"),
        Case(health, "json: {/status: {equals: DOWN}}", "body", "the value at `/status` is not `DOWN`"),
        Case(health, "json: {/state: {equals: UP}}", "body", "the value at `/state` is missing"),
        good(health, "json: {/queue/length: {equals: 7.0}, /ratio: {equals: 0.5}}"),
        // Numbers compare by value, texts as they are.
        Case(health, "json: {/v: {equals: 2.1}}", "body", "is not `2.1`"),
        good(health, "json: {/ok: {equals: true}, /none: {equals: 'null'}}"),
        Case(health, "json: {/ok: {equals: 1}}", "body", "is not `1`"),
        good(health, "json: {/queue/names/1: {equals: b}}"),
        Case(health, "json: {/queue/names/2: {present: true}}", "body", "is missing"),
        good(health, "json: {/queue/names/2: {present: false}}"),
        Case(health, "json: {/none: {present: false}}", "body", "the value at `/none` is there"),
        good(health, "json: {/queue: {present: true}, '': {present: true}, /a~1b: {equals: 1}}"),
        Case(health, "json: {/queue: {equals: x}}", "body", "is a list or an object"),
        good(health, "json: {/queue/length: {below: 8, at_most: 7, above: 6, at_least: 7}}"),
        Case(health, "json: {/queue/length: {below: 7}}", "body", "`/queue/length` is not below 7"),
        Case(health, "json: {/queue/length: {above: 7}}", "body", "is not above 7"),
        Case(health, "json: {/queue/length: {at_most: 6.9}}", "body", "is not at most 6.9"),
        Case(health, "json: {/queue/length: {at_least: 8}}", "body", "is not at least 8"),
        good(health, "json: {/v: {above: 2}}"),
        Case(health, "json: {/status: {above: 2}}", "body", "is not a number"),
        good(health, "json: {/v: {matches: '^2\\.', not_matches: 'beta', contains: '10', not_contains: x}}"),
        Case(health, "json: {/v: {matches: '^3'}}", "body", "does not match `^3`"),
        Case(health, "json: {/v: {not_matches: '^2'}}", "body", "matches `^2`"),
        Case(health, "json: {/v: {contains: '11'}}", "body", "does not contain `11`"),
        Case(health, "json: {/v: {not_contains: '10'}}", "body", "contains `10`"),
        Case(Body("<html>"), "json: {/a: {present: false}}", "body", "the body is not JSON"),
        Case(Body(r#"{"a":1} x"#), "json: {/a: {equals: 1}}", "body", "the body is not JSON"),
        Case(Body(""), "json: {/a: {equals: 1}}", "body", "the body is not JSON"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_expectation_holds_both_ways() {
    let cases: Vec<Case> = [heads(), headers(), bodies(), documents()].into_iter().flatten().collect();
    assert!(cases.len() >= 80, "{}", cases.len());
    let mut running = JoinSet::new();
    for Case(answer, expect, word, part) in cases {
        running.spawn(async move {
            let target = Target::plain(answer.script()).await;
            let outcome = run_one(&prober(RootCertStore::empty()), target.url("http", "/").as_str(), expect).await;
            let (found, detail) = words(&outcome.verdict);
            let is_right = found == word && detail.contains(part);
            let said = format!("{answer:?}, {expect}: {found} ({detail}) instead of {word} ({part})");
            // A piece of the body is kept exactly where the body was the reason.
            let is_kept = outcome.excerpt.is_some() == (word == "body");
            (!is_right || !is_kept).then_some(said)
        });
    }
    let complaints: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[tokio::test]
async fn tls_is_expected_or_not() {
    let authority = Authority::new();
    let target = Target::tls(&authority.issue("127.0.0.1", 2080), answers(200, "")).await;
    for (expect, word) in [("tls: true", "success"), ("tls: false", "tls")] {
        let outcome = run_one(&prober(authority.roots()), target.url("https", "/").as_str(), expect).await;
        assert_eq!(words(&outcome.verdict).0, word, "{:?}", outcome.verdict);
    }
}

#[tokio::test]
async fn an_excerpt_shows_the_place_and_only_when_opened() {
    let body = format!("{}Fatal: token s3cret{}", "a".repeat(4_000), "b".repeat(4_000));
    let target = Target::plain(answers(200, &body)).await;
    let url = target.url("http", "/");
    let prober = prober(RootCertStore::empty());

    let outcome = run_one(&prober, url.as_str(), "body: {not_matches: 'Fatal: .'}").await;
    assert_eq!(words(&outcome.verdict), ("body", "the body matches `Fatal: .`"));
    let shown = format!("{outcome:?}");
    assert!(!shown.contains("s3cret") && shown.contains("[redacted]"), "{shown}");
    let excerpt = outcome.excerpt.expect("an excerpt").open();
    assert!(excerpt.contains("aFatal: token s3cretb") && excerpt.len() < 1_100, "{excerpt}");

    let outcome = run_one(&prober, url.as_str(), "body: {contains: Welcome}").await;
    let excerpt = outcome.excerpt.expect("an excerpt").open();
    assert!(excerpt.starts_with("aaaa") && excerpt.ends_with("a…"), "{excerpt}");
}

#[tokio::test]
async fn a_document_cannot_take_more_memory_than_it_is_long() {
    // A tree of these would take some 30 times the megabyte that is read.
    let body = format!("[{}0]", "[],".repeat(340_000));
    let target = Target::plain(answers(200, &body)).await;
    let expect = "json: {/340000: {equals: 0}}";
    let outcome = run_one(&prober(RootCertStore::empty()), target.url("http", "/").as_str(), expect).await;
    assert_eq!(words(&outcome.verdict), ("success", ""));
}

async fn run_one(prober: &Prober, url: &str, expect: &str) -> Outcome {
    let probe =
        format!("  - {{name: first, interval: 10s, timeout: 5s, http: {{url: \"{url}\", expect: {{{expect}}}}}}}");
    run(prober, &first(&probe)).await
}
