//! What the file says of a request arrives as it says.

use http::Version;
use rustls::RootCertStore;

use super::super::{first, run};
use super::{assert_none, complaint, prober_of_names, request};
use crate::support::origin::{Origin, Seen, answer};

/// What the file says beyond the URL, and whether that is what arrived.
struct Case(&'static str, fn(&Seen) -> bool);

fn cases() -> Vec<Case> {
    vec![
        Case("", |seen| seen.method == "GET" && seen.body.is_empty() && seen.version == Version::HTTP_11),
        Case("", |seen| seen.header("accept") == "*/*" && !seen.headers.contains_key("accept-encoding")),
        Case("", |seen| seen.header("user-agent").starts_with("burndown/") && seen.header("connection") == "close"),
        Case("", |seen| seen.header("host").starts_with("app.test:") && seen.uri == "/a?b=%20c"),
        Case("method: HEAD", |seen| seen.method == "HEAD"),
        Case("method: DELETE", |seen| seen.method == "DELETE"),
        Case("method: OPTIONS", |seen| seen.method == "OPTIONS"),
        Case("headers: {Host: www.example.com}", |seen| seen.header("host") == "www.example.com"),
        Case("headers: {User-Agent: mine, Accept: text/html}", |seen| {
            seen.header("user-agent") == "mine" && seen.header("accept") == "text/html"
        }),
        Case("headers: {X-Tag: [a, b]}", |seen| seen.headers.get_all("x-tag").iter().eq(["a", "b"])),
        Case("method: POST, body: 'a=b'", |seen| seen.body == "a=b" && seen.header("content-length") == "3"),
        Case("method: POST", |seen| seen.body.is_empty()),
        Case("method: PUT, body_file: $DIR/body", |seen| seen.body == "every\nbyte\n"),
        Case("method: POST, body: {file: $DIR/body}", |seen| seen.body == "every\nbyte"),
        // RFC 7617, section 2: the example.
        Case("basic_auth: {username: Aladdin, password: {file: $DIR/password}}", |seen| {
            seen.header("authorization") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        }),
        Case("basic_auth: {username: {file: $DIR/user}, password: {file: $DIR/password}}", |seen| {
            seen.header("authorization") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        }),
        Case("bearer_token: {file: $DIR/password}", |seen| seen.header("authorization") == "Bearer open sesame"),
        Case("headers: {Authorization: {file: $DIR/password}}", |seen| seen.header("authorization") == "open sesame"),
        Case("compression: gzip", |seen| seen.header("accept-encoding") == "gzip"),
        Case("compression: [br, gzip, deflate]", |seen| seen.header("accept-encoding") == "br, gzip, deflate"),
        Case("version: 1.1", |seen| seen.version == Version::HTTP_11),
        Case("ip: 4", |seen| seen.method == "GET"),
        Case("ip: prefer_6", |seen| seen.method == "GET"),
    ]
}

#[tokio::test]
async fn requests_are_sent_as_the_file_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("writes");
    write("body", "every\nbyte\n");
    write("user", "Aladdin\n");
    write("password", "open sesame\n");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let mut complaints = Vec::new();
    for Case(options, is_right) in cases() {
        let origin = Origin::plain(|_| answer(200, &[], "")).await;
        let options = options.replace("$DIR", &directory.path().display().to_string());
        let probe = first(&request(&origin.url("http", "app.test", "/a?b=%20c#d"), &options));
        let outcome = run(&prober, &probe).await;
        complaints.extend(complaint(&options, &outcome, "success", ""));
        match origin.seen().as_slice() {
            [seen] if is_right(seen) => {}
            other => complaints.push(format!("{options}: {other:?}")),
        }
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn what_the_prober_lacks_is_its_own_fault() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("two-lines"), "a\nb\n").expect("writes");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let mut complaints = Vec::new();
    for (options, part) in [
        ("method: POST, body_file: $DIR/none", "the body file"),
        ("method: POST, body_file: $DIR", "is not a regular file"),
        ("method: POST, body_file: /dev/zero", "is not a regular file"),
        ("bearer_token: {env: BURNDOWN_NOT_SET}", "`BURNDOWN_NOT_SET` is not set"),
        ("bearer_token: {file: $DIR/two-lines}", "characters that a header cannot carry"),
        ("basic_auth: {username: a, password: {file: $DIR/none}}", "the secret file"),
        ("proxy: {url: 'http://proxy.test/', basic_auth: {username: a, password: {env: BURNDOWN_NOT_SET}}}", "not set"),
    ] {
        let origin = Origin::plain(|_| answer(200, &[], "")).await;
        let options = options.replace("$DIR", &directory.path().display().to_string());
        let outcome = run(&prober, &first(&request(&origin.url("http", "app.test", "/"), &options))).await;
        complaints.extend(complaint(&options, &outcome, "internal", part));
        if !origin.seen().is_empty() {
            complaints.push(format!("{options}: the target was asked all the same"));
        }
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn an_address_of_the_wrong_family_is_no_address() {
    let directory = tempfile::tempdir().expect("a directory");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let origin = Origin::plain(|_| answer(200, &[], "")).await;
    let outcome = run(&prober, &first(&request(&origin.url("http", "app.test", "/"), "ip: 6"))).await;
    assert_none(&complaint("ip: 6", &outcome, "resolve", "app.test").into_iter().collect::<Vec<_>>());
}
