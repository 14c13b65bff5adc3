//! TLS as the file says it: who is trusted, who the prober is, which versions and names are spoken.

use std::path::Path;
use std::sync::Arc;

use burndown::probe::outcome::Outcome;
use rustls::RootCertStore;
use rustls::version::{TLS12, TLS13};

use super::super::{first, run};
use super::{assert_none, complaint, prober_of_names, request};
use crate::support::origin::{Origin, Seen, Speaks, Tls, answer};
use crate::support::target::{Act, Authority, Identity, Target};

/// The files that cases name, and who made them.
struct World {
    directory: tempfile::TempDir,
    /// Nobody trusts it unless a file says so.
    own: Authority,
}

impl World {
    fn new() -> Self {
        let (directory, own) = (tempfile::tempdir().expect("a directory"), Authority::new());
        let world = Self { directory, own };
        let client = world.own.issue("client.test", 2080);
        let stranger = Authority::new().issue("client.test", 2080);
        world.write("ca.pem", &world.own.pem());
        world.write("other-ca.pem", &Authority::new().pem());
        world.write("client.pem", client.pem().0);
        world.write("client-key.pem", &client.pem().1);
        world.write("stranger.pem", stranger.pem().0);
        world.write("stranger-key.pem", &stranger.pem().1);
        world.write("garbage.pem", "s3cret");
        world.write("half.pem", "-----BEGIN CERTIFICATE-----\ns3cret\n");
        world
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).expect("writes");
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// One run with these settings of a URL whose host is `host`.
    async fn run(&self, origin: &Origin, host: &str, options: &str) -> Outcome {
        let options = options.replace("$DIR", &self.path().display().to_string());
        run(
            &prober_of_names(self.own.roots(), self.path()),
            &first(&request(&origin.url("https", host, "/"), &options)),
        )
        .await
    }
}

/// The versions that a server speaks.
const ANY: &[&rustls::SupportedProtocolVersion] = rustls::ALL_VERSIONS;
const OLD: &[&rustls::SupportedProtocolVersion] = &[&TLS12];
const NEW: &[&rustls::SupportedProtocolVersion] = &[&TLS13];

/// Which certificate is shown.
#[derive(Clone, Copy)]
enum Shows {
    Trusted,
    OfFile,
    SelfSigned,
    Expired,
    OtherName,
}

/// What is shown, in which versions, what the file says, and the reason and detail that must come of it.
struct Case(Shows, &'static [&'static rustls::SupportedProtocolVersion], &'static str, &'static str, &'static str);

fn cases() -> Vec<Case> {
    use Shows::{Expired, OfFile, OtherName, SelfSigned, Trusted};
    let insecure = "tls: {insecure_skip_verify: true}";
    vec![
        Case(Trusted, ANY, "", "success", ""),
        Case(Trusted, ANY, "tls: {ca_file: $DIR/ca.pem}", "success", ""),
        Case(Trusted, ANY, "tls: {ca_file: $DIR/other-ca.pem}", "tls", "invalid peer certificate"),
        Case(Trusted, ANY, "tls: {insecure_skip_verify: false}", "success", ""),
        Case(OfFile, ANY, "", "tls", "invalid peer certificate"),
        Case(SelfSigned, ANY, "", "tls", "UnknownIssuer"),
        Case(SelfSigned, ANY, insecure, "success", ""),
        Case(SelfSigned, OLD, insecure, "success", ""),
        Case(Expired, ANY, "", "tls", "expired"),
        Case(Expired, ANY, insecure, "success", ""),
        Case(OtherName, ANY, "", "tls", "not valid for name"),
        Case(OtherName, ANY, insecure, "success", ""),
        Case(OtherName, ANY, "tls: {server_name: other.test}", "success", ""),
        Case(Trusted, ANY, "tls: {server_name: other.test}", "tls", "not valid for name"),
        Case(OtherName, ANY, "headers: {Host: other.test}", "success", ""),
        Case(OtherName, ANY, "headers: {Host: 'other.test:8443'}", "success", ""),
        Case(Trusted, ANY, "headers: {Host: other.test}, tls: {server_name: app.test}", "success", ""),
        Case(Trusted, OLD, "", "success", ""),
        Case(Trusted, OLD, "tls: {min_version: TLS12}", "success", ""),
        Case(Trusted, OLD, "tls: {min_version: TLS13}", "tls", "ProtocolVersion"),
        Case(Trusted, NEW, "tls: {min_version: TLS13}", "success", ""),
        Case(Trusted, ANY, "tls: {ca_file: $DIR/none.pem}", "internal", "none.pem: No such file"),
        Case(Trusted, ANY, "tls: {ca_file: $DIR}", "internal", "is not a regular file"),
        Case(Trusted, ANY, "tls: {ca_file: $DIR/garbage.pem}", "internal", "holds no certificate in PEM form"),
        Case(Trusted, ANY, "tls: {ca_file: $DIR/half.pem}", "internal", "holds no certificate in PEM form"),
        Case(
            Trusted,
            ANY,
            "tls: {cert_file: $DIR/client.pem, key_file: $DIR/garbage.pem}",
            "internal",
            "holds no private key",
        ),
        Case(
            Trusted,
            ANY,
            "tls: {cert_file: $DIR/client.pem, key_file: $DIR/stranger-key.pem}",
            "internal",
            "the client certificate",
        ),
    ]
}

#[tokio::test]
async fn certificates_are_judged_as_the_file_says() {
    let world = World::new();
    let mut complaints = Vec::new();
    for Case(shows, versions, options, word, part) in cases() {
        let identity = match shows {
            Shows::Trusted => world.own.issue("app.test", 2080),
            Shows::OfFile => Authority::new().issue("app.test", 2080),
            Shows::SelfSigned => Identity::self_signed("app.test"),
            Shows::Expired => world.own.issue("app.test", 2020),
            Shows::OtherName => world.own.issue("other.test", 2080),
        };
        let speaks = Tls { versions, ..Tls::usual(&identity) }.speaks();
        let origin = Origin::start(speaks, |_| answer(200, &[], "")).await;
        let outcome = world.run(&origin, "app.test", options).await;
        complaints.extend(complaint(options, &outcome, word, part));
        if (word == "success") != outcome.tls_not_after.is_some() {
            complaints.push(format!("{options}: the end of the certificate: {outcome:?}"));
        }
        if format!("{outcome:?}").contains("s3cret") {
            complaints.push(format!("{options}: {outcome:?}"));
        }
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn the_certificate_of_the_target_itself_may_be_given() {
    let world = World::new();
    let mut complaints = Vec::new();
    for (identity, word, part) in [
        (Identity::self_signed("app.test"), "success", ""),
        (Identity::self_signed_authority("app.test", 2080), "success", ""),
        (Identity::self_signed_authority("app.test", 2020), "tls", "xpired"),
        (Identity::self_signed_authority("other.test", 2080), "tls", "not valid for name"),
    ] {
        world.write("own.pem", identity.pem().0);
        let origin = Origin::start(Tls::usual(&identity).speaks(), |_| answer(200, &[], "")).await;
        let outcome = world.run(&origin, "app.test", "tls: {ca_file: $DIR/own.pem}").await;
        complaints.extend(complaint("own.pem", &outcome, word, part));
        let outcome = world.run(&origin, "app.test", "tls: {ca_file: $DIR/ca.pem}").await;
        complaints.extend(complaint("ca.pem", &outcome, "tls", ""));
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn a_target_that_speaks_only_old_versions_is_told_apart() {
    let world = World::new();
    let mut complaints = Vec::new();
    // A ServerHello of TLS 1.0 and of TLS 1.1: record header, type, length, version, random, no session, suite.
    for minor in [1_u8, 2] {
        let hello = [&[2, 0, 0, 38, 3, minor][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
        let record = [&[22, 3, minor, 0, u8::try_from(hello.len()).expect("short")][..], &hello].concat();
        let target = Target::plain(vec![Act::Send(record), Act::Hang]).await;
        let probe = first(&request(target.url("https", "/").as_str(), "tls: {insecure_skip_verify: true}"));
        let outcome = run(&prober_of_names(world.own.roots(), world.path()), &probe).await;
        complaints.extend(complaint(&format!("TLS 1.{}", minor - 1), &outcome, "tls", "Tls12"));
    }
    assert_none(&complaints);
}

/// A server that wants to know who comes, and answers 403 to whoever does not show it.
async fn asking_who_comes(world: &World) -> Origin {
    let identity = world.own.issue("app.test", 2080);
    let speaks = Tls { clients: Some(world.own.roots()), ..Tls::usual(&identity) }.speaks();
    Origin::start(speaks, |seen| answer(if seen.has_client_certificate { 200 } else { 403 }, &[], "")).await
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_whoever_asks() {
    let world = World::new();
    let origin = asking_who_comes(&world).await;
    let own = "tls: {cert_file: $DIR/client.pem, key_file: $DIR/client-key.pem}";
    let strange = "tls: {cert_file: $DIR/stranger.pem, key_file: $DIR/stranger-key.pem}, version: 1.1";
    let mut complaints = Vec::new();
    complaints.extend(complaint("own", &world.run(&origin, "app.test", own).await, "success", ""));
    complaints.extend(complaint("none", &world.run(&origin, "app.test", "").await, "status", "403"));
    // In TLS 1.3 the client is done before the server has looked at its certificate (RFC 8446, section 4.6.2).
    let outcome = world.run(&origin, "app.test", strange).await;
    complaints.extend(complaint("a stranger's", &outcome, "protocol", "received fatal alert"));
    assert_none(&complaints);
}

#[tokio::test]
async fn another_place_does_not_see_the_client_certificate_and_gets_its_own_name() {
    let world = World::new();
    let identity = world.own.issue("other.test", 2080);
    let speaks = Tls { clients: Some(world.own.roots()), ..Tls::usual(&identity) }.speaks();
    let second = Origin::start(speaks, |_| answer(200, &[], "")).await;
    let location = second.url("https", "other.test", "/");
    let identity = world.own.issue("inner.test", 2080);
    let speaks = Tls { clients: Some(world.own.roots()), ..Tls::usual(&identity) }.speaks();
    let start = Origin::start(speaks, move |_| answer(302, &[("Location", location.as_str())], "")).await;
    let options =
        "redirects: 1, tls: {server_name: inner.test, cert_file: $DIR/client.pem, key_file: $DIR/client-key.pem}";
    let outcome = world.run(&start, "app.test", options).await;
    assert_none(&complaint("redirect", &outcome, "success", "").into_iter().collect::<Vec<_>>());
    let shown = |seen: Vec<Seen>| (seen[0].has_client_certificate, seen[0].server_name.clone().unwrap_or_default());
    assert_eq!(shown(start.seen()), (true, "inner.test".to_owned()));
    assert_eq!(shown(second.seen()), (false, "other.test".to_owned()));

    let plain = Origin::plain(|_| answer(200, &[], "")).await;
    let down = plain.url("http", "app.test", "/s3cret");
    let identity = world.own.issue("app.test", 2080);
    let start =
        Origin::start(Tls::usual(&identity).speaks(), move |_| answer(302, &[("Location", down.as_str())], "")).await;
    let outcome = world.run(&start, "app.test", "redirects: 1").await;
    let expected = "a redirect leads from https to http at app.test";
    assert_none(&complaint("downgrade", &outcome, "redirect", expected).into_iter().collect::<Vec<_>>());
    assert!(plain.seen().is_empty());
}

#[tokio::test]
async fn files_are_read_again_when_they_change() {
    let world = World::new();
    let origin = asking_who_comes(&world).await;
    let prober = prober_of_names(RootCertStore::empty(), world.path());
    let dir = world.path().display();
    let options =
        format!("tls: {{ca_file: {dir}/changing.pem, cert_file: {dir}/client.pem, key_file: {dir}/client-key.pem}}");
    let probe = first(&request(&origin.url("https", "app.test", "/"), &options));
    let mut complaints = Vec::new();
    for (content, word, part) in [
        (None, "internal", "changing.pem"),
        (Some(Authority::new().pem()), "tls", "invalid peer certificate"),
        (Some(world.own.pem()), "success", ""),
        (Some("garbage".to_owned()), "internal", "changing.pem"),
        (Some(world.own.pem()), "success", ""),
    ] {
        if let Some(content) = content {
            // Written beside and moved into place, as orchestrators do it.
            world.write("next.pem", &content);
            std::fs::rename(world.path().join("next.pem"), world.path().join("changing.pem")).expect("renames");
        }
        complaints.extend(complaint("changing.pem", &run(&prober, &probe).await, word, part));
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn every_run_makes_a_full_handshake() {
    let world = World::new();
    let identity = world.own.issue("app.test", 2080);
    let speaks: Speaks = Tls::usual(&identity).speaks();
    let config = Arc::clone(speaks.tls.as_ref().expect("TLS"));
    assert!(config.session_storage.can_cache(), "the server would resume");
    let origin = Origin::start(speaks, |_| answer(200, &[], "")).await;
    let prober = prober_of_names(world.own.roots(), world.path());
    let probe = first(&request(&origin.url("https", "app.test", "/"), ""));
    for _ in 0..2 {
        let outcome = run(&prober, &probe).await;
        // The chain is only presented in a full handshake.
        assert!(outcome.tls_not_after.is_some(), "{outcome:?}");
    }
}
