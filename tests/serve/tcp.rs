//! Verdicts of conversations over TCP: what is said, expected, captured, and TLS in the middle of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use burndown::probe::outcome::Phase;
use rustls::RootCertStore;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{complaint, run_kind, words};
use crate::support::servers::{Server, hang, read_line, reset, say};
use crate::support::target::{Authority, Identity, refusing};

/// What a target does with a connection.
#[derive(Clone)]
enum Does {
    /// Says this and closes.
    Says(&'static str),
    /// Says this and goes on listening.
    SaysAndHangs(&'static str),
    /// Says each of these with a pause before it, and goes on listening.
    Slowly(&'static [&'static str]),
    /// Says this for ever.
    ForEver(&'static str),
    /// Greets, and answers `HELO x` with `250 x`, `QUIT` with `221 bye`, anything else with `500 what`.
    Smtp,
    /// Resets the connection at once.
    Resets,
    /// Greets as SMTP does, offers STARTTLS and does it as this identity.
    StartTls(TlsAcceptor),
    /// Says this when it is asked for STARTTLS.
    RefusesTls(&'static str),
    /// Speaks TLS from the first byte.
    Tls(TlsAcceptor),
}

use Does::{ForEver, RefusesTls, Resets, Says, SaysAndHangs, Slowly, Smtp, StartTls, Tls};

async fn serve(mut stream: TcpStream, does: Does) {
    match does {
        Says(words) => say(&mut stream, words).await,
        SaysAndHangs(words) => {
            say(&mut stream, words).await;
            hang(&mut stream).await;
        }
        Slowly(parts) => {
            for part in parts {
                tokio::time::sleep(Duration::from_millis(60)).await;
                say(&mut stream, part).await;
            }
            hang(&mut stream).await;
        }
        ForEver(words) => while tokio::io::AsyncWriteExt::write_all(&mut stream, words.as_bytes()).await.is_ok() {},
        Smtp => {
            say(&mut stream, "220-mail.example ESMTP\r\n220 ready id=a1b2\r\n").await;
            smtp(&mut stream).await;
        }
        Resets => reset(stream),
        StartTls(acceptor) => {
            say(&mut stream, "220 ready\r\n").await;
            let _ = read_line(&mut stream).await;
            say(&mut stream, "220 go ahead\r\n").await;
            if let Ok(mut stream) = acceptor.accept(stream).await {
                smtp(&mut stream).await;
            }
        }
        RefusesTls(words) => {
            say(&mut stream, "220 ready\r\n").await;
            let _ = read_line(&mut stream).await;
            say(&mut stream, words).await;
            hang(&mut stream).await;
        }
        Tls(acceptor) => {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                say(&mut stream, "220 ready\r\n").await;
                smtp(&mut stream).await;
            }
        }
    }
}

async fn smtp<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(stream: &mut S) {
    loop {
        let line = read_line(stream).await;
        match line.split_once(' ') {
            Some(("HELO", name)) => say(stream, format!("250 {name}\r\n")).await,
            _ if line == "QUIT" => return say(stream, "221 bye\r\n").await,
            _ if line.is_empty() => return,
            _ => say(stream, "500 what\r\n").await,
        }
    }
}

/// What a run meets, what the file says beyond the address, and the word and part of the detail that must come of it.
struct Case(&'static str, Does, &'static str, &'static str, &'static str);

fn banners() -> Vec<Case> {
    let expects_220 = "exchange: [{expect: '^220 '}]";
    let or_5 = "exchange: [{expect: '^220 ', not: '^5'}]";
    let bytes = "exchange: [{expect: 'pong$', lines: false}]";
    vec![
        Case("a connection is enough", SaysAndHangs(""), "", "success", ""),
        Case("closed at once is a connection too", Says(""), "", "success", ""),
        Case("a banner", SaysAndHangs("220 hi\r\n"), expects_220, "success", ""),
        Case("a banner without a carriage return", SaysAndHangs("220 hi\n"), expects_220, "success", ""),
        Case("a banner without an end, then the end", Says("220 hi"), expects_220, "success", ""),
        Case("a banner without an end", SaysAndHangs("220 hi"), expects_220, "timeout", "step 1 waits for `^220 `"),
        Case("a banner behind others", SaysAndHangs("220-a\r\n220-b\r\n220 c\r\n"), expects_220, "success", ""),
        Case("a banner in pieces", Slowly(&["2", "20 h", "i\r", "\n"]), expects_220, "success", ""),
        Case("the end of a line", SaysAndHangs("220 hi\r\n"), "exchange: [{expect: 'hi$'}]", "success", ""),
        Case(
            "another banner, closed",
            Says("554 no\r\n"),
            expects_220,
            "answer",
            "nothing that was left matches `^220 `",
        ),
        Case("another banner, open", SaysAndHangs("554 no\r\n"), expects_220, "timeout", "met another line"),
        Case("two others, open", SaysAndHangs("554 no\r\n554 no\r\n"), expects_220, "timeout", "met 2 other lines"),
        Case("a banner that is refused", SaysAndHangs("554 no\r\n"), or_5, "answer", "met what matches `^5`"),
        Case("a banner that is not", SaysAndHangs("220 yes\r\n"), or_5, "success", ""),
        Case("nothing, closed", Says(""), expects_220, "protocol", "closed before anything was said"),
        Case("nothing, open", SaysAndHangs(""), expects_220, "timeout", "in phase processing"),
        Case("reset", Resets, expects_220, "protocol", "connection reset"),
        Case("bytes", SaysAndHangs("ping pong"), bytes, "success", ""),
        Case("other bytes", SaysAndHangs("pong ping"), bytes, "timeout", "in phase transfer"),
        Case("other bytes, closed", Says("pong ping"), bytes, "answer", ""),
        Case("lines without end", ForEver("noise\r\n"), expects_220, "body_too_large", "65536 bytes"),
        Case("a line without end", ForEver("noise"), expects_220, "body_too_large", "65536 bytes"),
        Case("up to the limit", SaysAndHangs("220 hi\r\n"), "max_read: 8B, exchange: [{expect: hi}]", "success", ""),
        Case(
            "beyond the limit",
            SaysAndHangs("220 hi\r\n"),
            "max_read: 7B, exchange: [{expect: hi}]",
            "body_too_large",
            "7 bytes",
        ),
        Case("in time", SaysAndHangs("220 hi\r\n"), "exchange: [{expect: hi}], expect: {within: 500ms}", "success", ""),
        Case(
            "too slow",
            Slowly(&["2", "20 hi\r\n"]),
            "exchange: [{expect: hi}], expect: {within: 50ms}",
            "too_slow",
            "expected within 50ms",
        ),
    ]
}

fn exchanges() -> Vec<Case> {
    let quit = r#"exchange: [{expect: '^220 '}, {send: "QUIT\r\n"}, {expect: '^221'}]"#;
    let wrong = r#"exchange: [{expect: '^220 '}, {send: "NOPE\r\n"}, {expect: '^2', not: '^5'}]"#;
    let number = r#"exchange: [{expect: 'id=(\w+)$'}, {send: "HELO ${1}\r\n"}, {expect: '^250 a1b2$'}]"#;
    let whole = r#"exchange: [{expect: 'E[A-Z]+$'}, {send: "HELO ${0}\r\n"}, {expect: '^250 ESMTP$'}]"#;
    let name = r#"exchange: [{expect: '(?<id>a\w+)$'}, {send: "HELO one\r\n"}, {expect: '^250 (.*)'}, {send: ["HELO ", "${id}-${1}", "\r\n"]}, {expect: '^250 a1b2-one$'}]"#;
    let literal = r#"exchange: [{expect: '^220 '}, {send: "HELO $${1}\r\n"}, {expect: '^250 \$\{1\}$'}]"#;
    vec![
        Case("said and answered", Smtp, quit, "success", ""),
        Case("said and refused", Smtp, wrong, "answer", "step 3 met what matches `^5`"),
        Case("said to nobody", SaysAndHangs("220 hi\r\n"), quit, "timeout", "step 3 waits for `^221`"),
        Case("said to somebody who left", Says("220 hi\r\n"), quit, "answer", "step 3"),
        Case("a group by number", Smtp, number, "success", ""),
        Case("the whole match", Smtp, whole, "success", ""),
        Case("a group by name, later", Smtp, name, "success", ""),
        Case("no group but its text", Smtp, literal, "success", ""),
        Case(
            "a secret that is missing",
            Smtp,
            "exchange: [{expect: '^220 '}, {send: ['AUTH ', {env: BURNDOWN_NOT_SET}]}]",
            "internal",
            "`BURNDOWN_NOT_SET` is not set",
        ),
    ]
}

fn handshakes(authority: &Authority) -> Vec<Case> {
    let good = authority.issue("127.0.0.1", 2080).acceptor();
    let other = authority.issue("other.example", 2080).acceptor();
    let expired = authority.issue("127.0.0.1", 2020).acceptor();
    let stranger = Identity::self_signed("127.0.0.1").acceptor();
    let start = r#"exchange: [{expect: '^220'}, {send: "STARTTLS\r\n"}, {expect: '^220', not: '^[45]'}, {starttls: true}, {send: "QUIT\r\n"}, {expect: '^221'}]"#;
    let named = r#"exchange: [{expect: '^220'}, {send: "STARTTLS\r\n"}, {expect: '^220'}, {starttls: {server_name: other.example}}, {send: "QUIT\r\n"}, {expect: '^221'}]"#;
    let from_start = r#"tls: true, exchange: [{expect: '^220'}, {send: "QUIT\r\n"}, {expect: '^221'}]"#;
    vec![
        Case("STARTTLS", StartTls(good.clone()), start, "success", ""),
        Case("STARTTLS as another", StartTls(other.clone()), start, "tls", "not valid for name"),
        Case("STARTTLS as another who is asked for", StartTls(other), named, "success", ""),
        Case("STARTTLS, expired", StartTls(expired), start, "tls", "expired"),
        Case("STARTTLS, self-signed", StartTls(stranger.clone()), start, "tls", "UnknownIssuer"),
        Case("STARTTLS refused", RefusesTls("454 not now\r\n"), start, "answer", "step 3 met what matches `^[45]`"),
        Case("STARTTLS, then silence", RefusesTls("220 go\r\n"), start, "timeout", "in phase tls"),
        Case("STARTTLS, then garbage", Slowly(&["220 hi\r\n", "220 go\r\n", "garbage garbage"]), start, "tls", ""),
        Case("words before TLS", RefusesTls("220 go\r\n250 forged\r\n"), start, "protocol", "before TLS began"),
        Case("TLS from the first byte", Tls(good.clone()), from_start, "success", ""),
        Case("TLS from the first byte, self-signed", Tls(stranger), from_start, "tls", "UnknownIssuer"),
        Case("plain text where TLS is wanted", SaysAndHangs("220 hi\r\n"), from_start, "tls", ""),
        Case(
            "TLS where plain text is wanted",
            Tls(good),
            "exchange: [{expect: '^220'}]",
            "timeout",
            "in phase processing",
        ),
    ]
}

#[tokio::test]
async fn conversations_have_their_verdicts() {
    let authority = Authority::new();
    let cases = [banners(), exchanges(), handshakes(&authority)].concat_all();
    assert!(cases.len() >= 45, "{}", cases.len());
    let mut complaints = Vec::new();
    for Case(name, does, options, word, part) in cases {
        let server = Server::start(move |stream| serve(stream, does.clone())).await;
        let options = if options.is_empty() { String::new() } else { format!(", {options}") };
        let kind = format!("tcp: {{address: \"{}\"{options}}}", server.address);
        let outcome = run_kind(authority.roots(), &kind).await;
        complaints.extend(complaint(name, &outcome, word, part));
        complaints.extend(still_open(&server).await.then(|| format!("{name}: the connection is still open")));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

trait ConcatAll<T> {
    fn concat_all(self) -> Vec<T>;
}

impl<T, const N: usize> ConcatAll<T> for [Vec<T>; N] {
    fn concat_all(self) -> Vec<T> {
        self.into_iter().flatten().collect()
    }
}

/// Whether the target never sees the end of the connection.
async fn still_open(server: &Server) -> bool {
    for _ in 0..200 {
        if server.open() == 0 {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

#[tokio::test]
async fn nobody_and_no_name() {
    let nobody = format!("tcp: {{address: \"{}\"}}", refusing().await);
    let outcome = run_kind(RootCertStore::empty(), &nobody).await;
    assert_eq!(complaint("nobody", &outcome, "connect", "connection refused"), None);
    let outcome = run_kind(RootCertStore::empty(), "tcp: {address: 'burndown-test.invalid:25'}").await;
    assert_eq!(complaint("no name", &outcome, "resolve", "`burndown-test.invalid`: there is no such name"), None);
    let outcome = run_kind(RootCertStore::empty(), "tcp: {address: '127.0.0.1:1', tls: true}").await;
    assert_eq!(complaint("no roots", &outcome, "internal", "no trusted root certificate"), None);
}

#[tokio::test]
async fn phases_are_told_apart_and_the_chain_says_when_it_ends() {
    let authority = Authority::new();
    let acceptor = authority.issue("127.0.0.1", 2080).acceptor();
    let server = Server::start(move |stream| serve(stream, StartTls(acceptor.clone()))).await;
    let exchange = r#"[{expect: '^220'}, {send: "STARTTLS\r\n"}, {expect: '^220'}, {starttls: true}, {send: "QUIT\r\n"}, {expect: '^221'}]"#;
    let kind = format!("tcp: {{address: \"{}\", exchange: {exchange}}}", server.address);
    let outcome = run_kind(authority.roots(), &kind).await;

    assert_eq!(words(&outcome.verdict), ("success", ""));
    assert_eq!(outcome.tls_not_after, Some(3_471_292_800));
    let of = |phase| outcome.phases.get(phase);
    assert!(of(Phase::Connect) > Duration::ZERO && of(Phase::Tls) > Duration::ZERO, "{outcome:?}");
    let sum: Duration = Phase::ALL.into_iter().map(of).sum();
    assert!(sum <= outcome.duration, "no time is counted twice: {outcome:?}");
}

#[tokio::test]
async fn secrets_and_captures_reach_the_target_and_nobody_else() {
    let heard = Arc::new(Mutex::new(String::new()));
    let keeps = Arc::clone(&heard);
    let server = Server::start(move |mut stream| {
        let keeps = Arc::clone(&keeps);
        async move {
            say(&mut stream, "220 token=t0ken\r\n").await;
            let line = read_line(&mut stream).await;
            *keeps.lock().expect("not poisoned") = line.clone();
            say(&mut stream, format!("500 {line} is wrong\r\n")).await;
        }
    })
    .await;
    let secrets = tempfile::tempdir().expect("a directory");
    let password = secrets.path().join("password");
    std::fs::write(&password, "s3cret\n").expect("writes");
    let exchange = format!(
        r#"[{{expect: 'token=(.*)'}}, {{send: ["AUTH ${{1}} ", {{file: {}}}, "\r\n"]}}, {{expect: '^250', not: '^5'}}]"#,
        password.display()
    );
    let kind = format!("tcp: {{address: \"{}\", exchange: {exchange}}}", server.address);
    let outcome = run_kind(RootCertStore::empty(), &kind).await;

    assert_eq!(*heard.lock().expect("not poisoned"), "AUTH t0ken s3cret");
    assert_eq!(words(&outcome.verdict).0, "answer");
    let everything = format!("{outcome:?}");
    assert!(!everything.contains("s3cret") && !everything.contains("t0ken"), "{everything}");
}
