//! Proxies: passed on to or tunnelled through, with their own ways to fail.

use burndown::probe::outcome::Outcome;
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use super::super::{first, prober, run};
use super::{assert_none, complaint, prober_of_names, request};
use crate::support::origin::{Origin, Seen, Tls, answer};
use crate::support::target::{Act, Authority, Target, refusing, sends};

/// A proxy that answers `CONNECT` and joins both sides, whatever host it is asked for.
struct Tunnels {
    port: u16,
    heads: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
    _task: AbortOnDropHandle<()>,
}

impl Tunnels {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("is bound").port();
        let heads = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = std::sync::Arc::clone(&heads);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let seen = std::sync::Arc::clone(&seen);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let head = String::from_utf8(head).expect("text");
                    let port = head.split([' ', ':']).nth(2).and_then(|port| port.parse::<u16>().ok());
                    seen.lock().expect("not poisoned").push(head);
                    let Ok(mut target) = TcpStream::connect(("127.0.0.1", port.expect("a port"))).await else { return };
                    let _ = stream.write_all(b"HTTP/1.1 200 Established\r\nX-Via: proxy\r\n\r\n").await;
                    let _ = copy_bidirectional(&mut stream, &mut target).await;
                });
            }
        });
        Self { port, heads, _task: AbortOnDropHandle::new(task) }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("not poisoned").clone()
    }
}

#[tokio::test]
async fn plain_requests_are_passed_on() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("password"), "s3cret").expect("writes");
    let proxy = Origin::plain(|_| answer(200, &[], "passed on")).await;
    let options = format!(
        "proxy: {{url: '{}', basic_auth: {{username: me, password: {{file: {}/password}}}}}}, headers: {{X-Tag: a}}, \
         expect: {{body: {{contains: passed on}}}}",
        proxy.url("http", "proxy.test", ""),
        directory.path().display()
    );
    // The target's name is for the proxy to look up.
    let probe = first(&request("http://burndown-test.invalid:81/a?b=c", &options));
    let outcome = run(&prober_of_names(RootCertStore::empty(), directory.path()), &probe).await;
    assert_none(&complaint("forward", &outcome, "success", "").into_iter().collect::<Vec<_>>());
    let seen: &Seen = &proxy.seen()[0];
    assert_eq!(seen.uri, "http://burndown-test.invalid:81/a?b=c");
    assert_eq!(seen.header("host"), "burndown-test.invalid:81");
    assert_eq!(seen.header("proxy-authorization"), "Basic bWU6czNjcmV0");
    assert_eq!(seen.header("x-tag"), "a");
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_that_sees_nothing_of_it() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("password"), "s3cret").expect("writes");
    let authority = Authority::new();
    let identity = authority.issue("app.test", 2080);
    let origin = Origin::start(Tls::usual(&identity).speaks(), |_| answer(200, &[], "")).await;
    let proxy = Tunnels::start().await;
    let prober = prober_of_names(authority.roots(), directory.path());
    let secret = format!("{{file: {}/password}}", directory.path().display());
    let through =
        format!("proxy: {{url: 'http://proxy.test:{}', basic_auth: {{username: me, password: {secret}}}}}", proxy.port);
    let mut complaints = Vec::new();
    for version in ["any", "1.1", "2"] {
        let options = format!("{through}, bearer_token: {secret}, version: {version}");
        let outcome = run(&prober, &first(&request(&origin.url("https", "app.test", "/"), &options))).await;
        complaints.extend(complaint(&options, &outcome, "success", ""));
    }
    assert_none(&complaints);
    let heads = proxy.heads();
    let target = format!("app.test:{}", origin.address.port());
    assert!(heads.iter().all(|head| head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"))));
    assert!(heads.iter().all(|head| head.contains("\r\nProxy-Authorization: Basic bWU6czNjcmV0\r\n")), "{heads:?}");
    assert!(heads.iter().all(|head| !head.contains("\r\nAuthorization")), "{heads:?}");
    for seen in origin.seen() {
        assert_eq!(seen.header("authorization"), "Bearer s3cret");
        assert!(!seen.headers.contains_key("proxy-authorization") && !seen.headers.contains_key("x-via"), "{seen:?}");
    }
}

#[tokio::test]
async fn a_proxy_may_speak_tls_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let authority = Authority::new();
    let identity = authority.issue("proxy.test", 2080);
    let proxy = Origin::start(Tls::usual(&identity).speaks(), |_| answer(200, &[], "")).await;
    let prober = prober_of_names(authority.roots(), directory.path());
    let options = format!("proxy: {{url: '{}'}}", proxy.url("https", "proxy.test", ""));
    let outcome = run(&prober, &first(&request("http://burndown-test.invalid/", &options))).await;
    assert_none(&complaint("https", &outcome, "success", "").into_iter().collect::<Vec<_>>());
    assert_eq!(proxy.seen()[0].server_name.as_deref(), Some("proxy.test"));
    // Nobody else's certificate will do, and what fails is the way and not the target.
    let options = format!("proxy: {{url: '{}'}}", proxy.url("https", "other.test", ""));
    let outcome = run(&prober, &first(&request("http://burndown-test.invalid/", &options))).await;
    assert_none(&complaint("name", &outcome, "connect", "the proxy: ").into_iter().collect::<Vec<_>>());
}

async fn through(script: Vec<Act>) -> Outcome {
    let target = Target::plain(script).await;
    let options = format!("proxy: {{url: '{}'}}", target.url("http", "/"));
    run(&prober(Authority::new().roots()), &first(&request("https://burndown-test.invalid/", &options))).await
}

#[tokio::test]
async fn a_proxy_fails_in_its_own_ways() {
    let says = |text: &str| vec![Act::ReadHead, sends(text)];
    let cases: Vec<(Vec<Act>, &str, &str)> = vec![
        (says("HTTP/1.1 407 Who\r\n\r\n"), "connect", "the proxy: answered CONNECT with status 407"),
        (says("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"), "connect", "status 403"),
        (says("HTTP/1.1 502 Bad\r\n\r\n"), "connect", "status 502"),
        (says("HTTP/1.1 302 F\r\nLocation: http://s3cret/\r\n\r\n"), "connect", "status 302"),
        (says("garbage\r\n\r\n"), "connect", "did not answer CONNECT in HTTP"),
        (says("HTTP/1.1 200 O\r\n\r\nmore"), "connect", "more than an answer"),
        (says("HTTP/1.1 200 O\r\nX: y"), "connect", "closed the connection"),
        (vec![Act::ReadHead], "connect", "closed the connection"),
        (vec![Act::ReadHead, Act::Reset], "connect", "the proxy: "),
        (vec![Act::Hang], "timeout", "in phase connect"),
        (
            vec![Act::ReadHead, sends("HTTP/1.1 200 O\r\n"), Act::SendForEver(b"X-A: bbbbbbbb\r\n".to_vec())],
            "connect",
            "did not answer CONNECT in HTTP",
        ),
        (vec![Act::ReadHead, sends("HTTP/1.1 200 O\r\n\r\n"), Act::Hang], "timeout", "in phase tls"),
    ];
    let mut complaints = Vec::new();
    for (script, word, part) in cases {
        let name = format!("{script:?}");
        let outcome = through(script).await;
        complaints.extend(complaint(&name, &outcome, word, part));
        if format!("{outcome:?}").contains("s3cret") {
            complaints.push(format!("{outcome:?}"));
        }
    }
    let options = format!("proxy: {{url: 'http://{}'}}", refusing().await);
    let probe = first(&request("http://burndown-test.invalid/", &options));
    let outcome = run(&prober(RootCertStore::empty()), &probe).await;
    complaints.extend(complaint("refused", &outcome, "connect", "the proxy: "));
    let probe = first(&request("http://127.0.0.1:1/", "proxy: {url: 'http://burndown-test.invalid'}"));
    let outcome = run(&prober(RootCertStore::empty()), &probe).await;
    complaints.extend(complaint("no such proxy", &outcome, "resolve", "the proxy: "));
    assert_none(&complaints);
}

#[tokio::test]
async fn targets_of_no_proxy_are_met_without() {
    let directory = tempfile::tempdir().expect("a directory");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let mut complaints = Vec::new();
    for (no_proxy, is_met) in
        [("app.test", true), (".test", true), ("'*'", true), ("127.0.0.0/8", false), ("'app.test:1'", false)]
    {
        let origin = Origin::plain(|_| answer(200, &[], "")).await;
        let proxy = Origin::plain(|_| answer(502, &[], "")).await;
        let through = proxy.url("http", "127.0.0.1", "");
        let options = format!("proxy: {{url: '{through}', no_proxy: [{no_proxy}]}}");
        let outcome = run(&prober, &first(&request(&origin.url("http", "app.test", "/"), &options))).await;
        let word = if is_met { "success" } else { "status" };
        complaints.extend(complaint(no_proxy, &outcome, word, if is_met { "" } else { "502" }));
    }
    assert_none(&complaints);
}
