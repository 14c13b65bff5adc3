//! Redirects: how far they are followed, where they must not lead, and what is not shown where they lead.

use burndown::probe::outcome::{Outcome, Phase};
use rustls::RootCertStore;

use super::super::{first, run};
use super::{assert_none, complaint, prober_of_names, request};
use crate::support::origin::{Origin, Seen, answer};
use crate::support::target::{Act, Target, sends};

/// A server whose paths say what it does: `/302/to/x` redirects to `/to/x` with that status, anything else is found.
fn paths(seen: &Seen) -> crate::support::origin::Answer {
    let path = seen.uri.path();
    let status = path.split('/').nth(1).and_then(|word| word.parse().ok());
    match status {
        Some(status) => answer(status, &[("Location", &path[4..])], "moved"),
        None if path.starts_with("/loop") => answer(302, &[("Location", "/loop?secret=s3cret")], ""),
        None => answer(200, &[], format!("{} here", seen.method)),
    }
}

/// A path, what the file says, and the reason and detail that must come of it.
struct Case(&'static str, &'static str, &'static str, &'static str);

fn cases() -> Vec<Case> {
    let here = "redirects: 2, expect: {body: {contains: GET here}}";
    let post = "method: POST, body: x, redirects: 1, expect: {body: {contains: POST here}}";
    let as_get = "method: POST, body: x, redirects: 1, expect: {body: {contains: GET here}}";
    vec![
        Case("/x", here, "success", ""),
        Case("/302/x", here, "success", ""),
        Case("/301/x", here, "success", ""),
        Case("/303/x", here, "success", ""),
        Case("/307/x", here, "success", ""),
        Case("/308/x", here, "success", ""),
        Case("/302/302/x", here, "success", ""),
        Case("/302/302/302/x", here, "redirect", "too many: 2 are followed"),
        Case("/302/x", "", "status", "status 302, expected 200-299"),
        Case("/302/x", "redirects: 0, expect: {status: 302}", "success", ""),
        Case("/300/x", here, "status", "300"),
        Case("/304/x", here, "status", "304"),
        Case("/305/x", here, "status", "305"),
        Case("/404/x", here, "status", "404"),
        Case("/302/404/x", here, "status", "status 404, expected 200-299, after a redirect to app.test"),
        Case(
            "/loop",
            "redirects: 20",
            "redirect",
            "too many: 20 are followed, after 20 redirects, the last to app.test",
        ),
        Case("/307/x", post, "success", ""),
        Case("/308/x", post, "success", ""),
        Case("/302/x", as_get, "success", ""),
        Case("/301/x", as_get, "success", ""),
        Case("/303/x", as_get, "success", ""),
        Case("/303/x", "method: PUT, body: x, redirects: 1, expect: {body: {contains: GET here}}", "success", ""),
        Case("/301/x", "method: PUT, body: x, redirects: 1, expect: {body: {contains: PUT here}}", "success", ""),
        Case("/302/x", "method: HEAD, redirects: 1", "success", ""),
    ]
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_the_file_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let origin = Origin::plain(paths).await;
    let mut complaints = Vec::new();
    for Case(path, options, word, part) in cases() {
        let outcome = run(&prober, &first(&request(&origin.url("http", "app.test", path), options))).await;
        complaints.extend(complaint(&format!("{path} {options}"), &outcome, word, part));
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn places_that_are_none_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let mut complaints = Vec::new();
    for (location, word, part) in [
        ("ftp://app.test/s3cret", "redirect", "something other than HTTP"),
        ("javascript:s3cret", "redirect", "something other than HTTP"),
        ("http://me:s3cret@app.test/", "redirect", "user name or password"),
        ("http://me@app.test/", "redirect", "user name or password"),
        ("http://[s3cret/", "redirect", "no URL"),
        ("\u{e9}://s3cret", "status", ""),
        ("http://burndown-test.invalid/s3cret", "resolve", "after a redirect to burndown-test.invalid"),
    ] {
        let script =
            vec![Act::ReadHead, sends(&format!("HTTP/1.1 302 F\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))];
        let target = Target::plain(script).await;
        let outcome = run(&prober, &first(&request(target.url("http", "/").as_str(), "redirects: 1"))).await;
        if word != "status" {
            complaints.extend(complaint(location, &outcome, word, part));
        }
        if format!("{outcome:?}").contains("s3cret") {
            complaints.push(format!("{location}: {outcome:?}"));
        }
    }
    let silent = Target::plain(vec![Act::ReadHead, sends("HTTP/1.1 302 F\r\nContent-Length: 0\r\n\r\n")]).await;
    let outcome = run(&prober, &first(&request(silent.url("http", "/").as_str(), "redirects: 1"))).await;
    complaints.extend(complaint("no location", &outcome, "status", "status 302"));
    assert_none(&complaints);
}

/// What two servers saw of a run that the first sends on to the second, under names of their own.
async fn across(options: &str, names: (&str, &str)) -> (Outcome, Vec<Seen>, Vec<Seen>) {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("secret"), "s3cret").expect("writes");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let second = Origin::plain(|_| answer(200, &[("Set-Cookie", "second=2")], "")).await;
    let location = second.url("http", names.1, "/there");
    let first_origin = Origin::plain(move |seen| match seen.uri.path() {
        "/307" => answer(307, &[("Location", location.as_str()), ("Set-Cookie", "first=1")], ""),
        _ => answer(302, &[("Location", location.as_str()), ("Set-Cookie", "first=1")], ""),
    })
    .await;
    let options = options.replace("$SECRET", &format!("{{file: {}/secret}}", directory.path().display()));
    let path = if options.contains("body") { "/307" } else { "/" };
    let probe = first(&request(&first_origin.url("http", names.0, path), &format!("redirects: 1, {options}")));
    (run(&prober, &probe).await, first_origin.seen(), second.seen())
}

#[tokio::test]
async fn another_place_sees_nothing_that_was_meant_for_the_first() {
    let options = [
        "basic_auth: {username: me, password: $SECRET}",
        "bearer_token: $SECRET",
        "headers: {Authorization: $SECRET, X-Plain: stays}",
        "headers: {Cookie: $SECRET, X-Plain: stays}",
        "headers: {X-Anything: $SECRET, X-Plain: stays}",
        "headers: {Host: s3cret.example.com}",
    ];
    let mut complaints = Vec::new();
    // Another name of the same machine, and the same name on another port, are both another place.
    for names in [("app.test", "other.test"), ("127.0.0.1", "127.0.0.1")] {
        for options in options {
            let (outcome, at_first, at_second) = across(options, names).await;
            complaints.extend(complaint(options, &outcome, "success", ""));
            let (shown, kept) = (format!("{at_first:?}"), format!("{at_second:?}"));
            if !shown.contains("s3cret") && !shown.contains("Basic") && !shown.contains("Sensitive") {
                complaints.push(format!("{options}: not even shown to the first: {shown}"));
            }
            let only = &at_second[0];
            let leaks = only.headers.values().any(|value| value.to_str().is_ok_and(|text| text.contains("s3cret")));
            if leaks || only.headers.contains_key("authorization") || kept.contains("s3cret.example") {
                complaints.push(format!("{options}: shown to the second as well: {kept}"));
            }
            if options.contains("X-Plain") && only.header("x-plain") != "stays" {
                complaints.push(format!("{options}: a plain header is lost"));
            }
            // Cookies know hosts, not ports (RFC 6265, section 8.5).
            if (names.0 != names.1) == only.headers.contains_key("cookie") {
                complaints.push(format!("{options}: cookies: {kept}"));
            }
        }
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn a_body_is_not_sent_to_another_place() {
    let (outcome, _, at_second) = across("method: POST, body: password=s3cret", ("app.test", "other.test")).await;
    let expected = "would send the request's body to other.test";
    assert_none(&complaint("307", &outcome, "redirect", expected).into_iter().collect::<Vec<_>>());
    assert!(at_second.is_empty(), "{at_second:?}");
}

#[tokio::test]
async fn the_same_place_sees_everything_again() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("secret"), "s3cret").expect("writes");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let origin = Origin::plain(|seen| match seen.uri.path() {
        "/" => answer(302, &[("Location", "/set"), ("Set-Cookie", "a=1; Path=/")], ""),
        "/set" => answer(302, &[("Location", "/done"), ("Set-Cookie", "b=2; Path=/")], ""),
        _ => answer(200, &[], ""),
    })
    .await;
    let secret = directory.path().join("secret");
    let options = format!("redirects: 5, bearer_token: {{file: {}}}, headers: {{Host: www.test}}", secret.display());
    let outcome = run(&prober, &first(&request(&origin.url("http", "app.test", "/"), &options))).await;
    assert_none(&complaint("cookies", &outcome, "success", "").into_iter().collect::<Vec<_>>());
    let seen = origin.seen();
    assert_eq!(seen.iter().map(|seen| seen.header("cookie")).collect::<Vec<_>>(), ["", "a=1", "a=1; b=2"]);
    assert!(seen.iter().all(|seen| seen.header("authorization") == "Bearer s3cret"), "{seen:?}");
    assert!(seen.iter().all(|seen| seen.header("host") == "www.test"), "{seen:?}");
    // Every run begins without the cookies of the last.
    run(&prober, &first(&request(&origin.url("http", "app.test", "/"), &options))).await;
    assert_eq!(origin.seen()[3].header("cookie"), "");
}

#[tokio::test]
async fn every_hop_adds_to_its_phases_and_the_wall_holds_for_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let prober = prober_of_names(RootCertStore::empty(), directory.path());
    let pause = std::time::Duration::from_millis(60);
    let slow = |text: &str| vec![Act::ReadHead, Act::Pause(pause), sends(text)];
    let last = Target::plain(slow("HTTP/1.1 200 O\r\nContent-Length: 0\r\n\r\n")).await;
    let location = last.url("http", "/");
    let hop = format!("HTTP/1.1 302 F\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    let start = Target::plain(slow(&hop)).await;
    let outcome = run(&prober, &first(&request(start.url("http", "/").as_str(), "redirects: 1"))).await;
    assert_none(&complaint("two hops", &outcome, "success", "").into_iter().collect::<Vec<_>>());
    assert!(outcome.phases.get(Phase::Processing) >= 2 * pause, "{outcome:?}");
    assert!(outcome.phases.get(Phase::Transfer) < pause, "{outcome:?}");

    let hanging = Target::plain(vec![Act::Hang]).await;
    let hop = format!("HTTP/1.1 302 F\r\nLocation: {}\r\n\r\n", hanging.url("http", "/"));
    let start = Target::plain(slow(&hop)).await;
    let outcome = run(&prober, &first(&request(start.url("http", "/").as_str(), "redirects: 1"))).await;
    let expected = "not done within 1s, in phase processing: after a redirect to 127.0.0.1";
    assert_none(&complaint("a hop that hangs", &outcome, "timeout", expected).into_iter().collect::<Vec<_>>());
}
