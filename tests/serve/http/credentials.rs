//! Tokens of OAuth 2.0: asked for once, shown until they end, and a reason of their own where there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::RootCertStore;

use super::super::{first, run};
use super::{assert_none, complaint, prober_of_names, request};
use crate::support::origin::{Answer, Origin, Seen, answer};
use crate::support::target::{Act, Authority, Target, answers, sends};

/// The option for a token server at `url`, whose secret is in `directory`.
fn oauth2(url: &str, directory: &std::path::Path, more: &str) -> String {
    let secret = directory.join("secret");
    std::fs::write(&secret, "s3 cret").expect("writes");
    format!("oauth2: {{token_url: '{url}', client_id: shop, client_secret: {{file: {}}}{more}}}", secret.display())
}

/// A server that gives out numbered tokens.
async fn token_server(lifetime: &'static str) -> Origin {
    let count = AtomicUsize::new(0);
    Origin::plain(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let body = format!("{{\"access_token\": \"t{number}\", \"token_type\": \"bearer\"{lifetime}}}");
        answer(200, &[("Content-Type", "application/json")], body)
    })
    .await
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_standard_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let (tokens, origin) = (token_server("").await, Origin::plain(|_| answer(200, &[], "")).await);
    let url = tokens.url("http", "id.test", "/token?tenant=a");
    for more in [", scopes: [read, write], params: {audience: 'a b'}", ", auth_method: client_secret_post, scopes: [x]"]
    {
        let outcome =
            run(&prober, &first(&request(&origin.url("http", "app.test", "/"), &oauth2(&url, directory.path(), more))))
                .await;
        assert_none(&complaint(more, &outcome, "success", "").into_iter().collect::<Vec<_>>());
    }
    let asked = tokens.seen();
    assert!(asked.iter().all(|seen| seen.method == "POST" && seen.uri == "/token?tenant=a"), "{asked:?}");
    assert!(asked.iter().all(|seen| seen.header("content-type") == "application/x-www-form-urlencoded"));
    // "shop:s3+cret": both are encoded before they are joined.
    assert_eq!(asked[0].header("authorization"), "Basic c2hvcDpzMytjcmV0");
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=read+write&audience=a+b");
    assert_eq!(asked[1].header("authorization"), "");
    assert_eq!(asked[1].body, "grant_type=client_credentials&scope=x&client_id=shop&client_secret=s3+cret");
    let shown: Vec<String> = origin.seen().iter().map(|seen| seen.header("authorization").to_owned()).collect();
    assert_eq!(shown, ["Bearer t1", "Bearer t2"]);
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_its_end() {
    let directory = tempfile::tempdir().expect("a directory");
    // What the token server says of the end, and how many tokens three runs ask for.
    for (lifetime, asked) in
        [("", 1), (", \"expires_in\": 3600", 1), (", \"expires_in\": 9", 3), (", \"expires_in\": -1", 1)]
    {
        let prober = prober_of_names(RootCertStore::empty(), directory.path());
        let (tokens, origin) = (token_server(lifetime).await, Origin::plain(|_| answer(200, &[], "")).await);
        let options = oauth2(&tokens.url("http", "id.test", "/"), directory.path(), "");
        let probe = first(&request(&origin.url("http", "app.test", "/"), &options));
        for _ in 0..3 {
            let outcome = run(&prober, &probe).await;
            assert_none(&complaint(lifetime, &outcome, "success", "").into_iter().collect::<Vec<_>>());
        }
        assert_eq!(tokens.seen().len(), asked, "{lifetime}");
    }
}

#[tokio::test]
async fn runs_at_the_same_time_share_one_token() {
    let directory = tempfile::tempdir().expect("a directory");
    let prober = Arc::new(prober_of_names(RootCertStore::empty(), directory.path()));
    let (tokens, origin) = (token_server("").await, Origin::plain(|_| answer(200, &[], "")).await);
    let options = oauth2(&tokens.url("http", "id.test", "/"), directory.path(), "");
    let probe = Arc::new(first(&request(&origin.url("http", "app.test", "/"), &options)));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (prober, probe) = (Arc::clone(&prober), Arc::clone(&probe));
        running.spawn(async move { complaint("", &run(&prober, &probe).await, "success", "") });
    }
    assert_none(&running.join_all().await.into_iter().flatten().collect::<Vec<_>>());
    assert_eq!((tokens.seen().len(), origin.seen().len()), (1, 20));
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_shown_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let respond = |seen: &Seen| -> Answer {
        answer(if seen.header("authorization") == "Bearer t1" { 401 } else { 200 }, &[], "")
    };
    let (tokens, origin) = (token_server("").await, Origin::plain(respond).await);
    let options = oauth2(&tokens.url("http", "id.test", "/"), directory.path(), "");
    let probe = first(&request(&origin.url("http", "app.test", "/"), &options));
    let mut complaints = Vec::new();
    complaints.extend(complaint("revoked", &run(&prober, &probe).await, "status", "401"));
    complaints.extend(complaint("another", &run(&prober, &probe).await, "success", ""));
    complaints.extend(complaint("the same", &run(&prober, &probe).await, "success", ""));
    assert_none(&complaints);
    assert_eq!(tokens.seen().len(), 2);
}

#[tokio::test]
async fn no_token_is_a_failure_with_a_reason_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let json = |text: &str| answers(200, text);
    let cases: Vec<(Vec<Act>, &str)> = vec![
        (answers(401, "{\"error\": \"invalid_client s3cret\"}"), "no token from its server: status 401"),
        (answers(400, "s3cret"), "status 400"),
        (answers(500, ""), "status 500"),
        (vec![Act::ReadHead, sends("HTTP/1.1 302 F\r\nLocation: http://s3cret/\r\nContent-Length: 0\r\n\r\n")], "302"),
        (json("s3cret"), "not JSON with an `access_token`"),
        (json("{\"token\": \"s3cret\"}"), "not JSON with an `access_token`"),
        (json("{\"access_token\": \"s3\\ncret\"}"), "characters that a header cannot carry"),
        (json("{\"access_token\": \"s3cret\", \"token_type\": \"mac\"}"), "not a bearer token"),
        (json(&format!("{{\"access_token\": \"{}\"}}", "x".repeat(70_000))), "larger than 65536 bytes"),
        (vec![], "closed"),
        (vec![Act::ReadHead, Act::Reset], "connection reset"),
        (vec![Act::Hang], "no token from its server within 1s"),
        (vec![Act::ReadHead, sends("HTTP/1.1 200 O\r\nContent-Length: 5\r\n\r\n{"), Act::Hang], "within 1s"),
    ];
    let mut complaints = Vec::new();
    for (script, part) in cases {
        let (target, origin) = (Target::plain(script).await, Origin::plain(|_| answer(200, &[], "")).await);
        let prober = prober_of_names(RootCertStore::empty(), directory.path());
        let options = oauth2(target.url("http", "/").as_str(), directory.path(), "");
        let outcome = run(&prober, &first(&request(&origin.url("http", "app.test", "/"), &options))).await;
        complaints.extend(complaint(part, &outcome, "auth", part));
        if !origin.seen().is_empty() || format!("{outcome:?}").contains("cret") {
            complaints.push(format!("{part}: {outcome:?}"));
        }
    }
    // A token server that nobody vouches for gets no secret.
    let stranger = Target::tls(&Authority::new().issue("127.0.0.1", 2080), answers(200, "")).await;
    let options = oauth2(stranger.url("https", "/").as_str(), directory.path(), "");
    let prober = prober_of_names(Authority::new().roots(), directory.path());
    let outcome = run(&prober, &first(&request("http://127.0.0.1:1/", &options))).await;
    complaints.extend(complaint("stranger", &outcome, "auth", "invalid peer certificate"));
    let missing = options.replace("/secret}", "/none}");
    let outcome = run(&prober, &first(&request("http://127.0.0.1:1/", &missing))).await;
    complaints.extend(complaint("no secret", &outcome, "internal", "the secret file"));
    assert_none(&complaints);
}
