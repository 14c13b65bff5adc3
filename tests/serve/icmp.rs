//! Verdicts of ICMP echoes to the loopback interface, by whichever socket the system gives.
//!
//! Whether it gives one depends on the machine, so the two ends of that (an unprivileged socket, none at all) are
//! also tested in a network namespace of their own, where the tests may make one.

use std::process::{Command, Stdio};

use rustls::RootCertStore;

use super::{complaint, run_kind, words};

/// Set in the process that runs within a namespace.
const INSIDE: &str = "BURNDOWN_TEST_ICMP_INSIDE";

/// What a prober that may open no socket says.
const REFUSAL: &str = "widen net.ipv4.ping_group_range to its group, or give it CAP_NET_RAW";

/// The word of an echo's verdict and its detail; nothing if this machine gives no socket, which must then be said.
async fn echo(options: &str) -> Option<(&'static str, String)> {
    let outcome = run_kind(RootCertStore::empty(), &format!("icmp: {{{options}}}")).await;
    let (word, detail) = words(&outcome.verdict);
    if word == "internal" {
        assert!(detail.contains(REFUSAL), "{detail}");
        return None;
    }
    Some((word, detail.to_owned()))
}

#[tokio::test]
async fn echoes_have_their_verdicts() {
    let cases = [
        ("host: 127.0.0.1", "success", ""),
        ("host: localhost, ip: 4", "success", ""),
        ("host: '::1'", "success", ""),
        ("host: 127.0.0.1, payload: 1B", "success", ""),
        ("host: 127.0.0.1, payload: 1472B", "success", ""),
        ("host: 127.0.0.1, payload: 8KiB, ttl: 1", "success", ""),
        ("host: '::1', payload: 1KiB, ttl: 1", "success", ""),
        ("host: 127.0.0.1, expect: {within: 900ms}", "success", ""),
        // The broadcast address may only be reached by those who say so.
        ("host: 255.255.255.255", "connect", ""),
    ];
    for (options, word, part) in cases {
        if let Some((found, detail)) = echo(options).await {
            assert_eq!(found, word, "{options}: {detail}");
            assert!(detail.contains(part), "{options}: {detail}");
        }
    }
    let outcome = run_kind(RootCertStore::empty(), "icmp: {host: burndown-test.invalid}").await;
    assert_eq!(complaint("no name", &outcome, "resolve", "there is no such name"), None);
}

#[tokio::test]
async fn many_echoes_at_once_do_not_take_each_others_replies() {
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..50 {
        runs.spawn(async { echo("host: 127.0.0.1").await });
    }
    while let Some(found) = runs.join_next().await {
        assert!(matches!(found.expect("ends"), None | Some(("success", _))));
    }
}

/// Runs the test `name` of this file as nobody, without any capability, in a network namespace of its own that
/// `prepare` sets up; gives nothing where no namespace can be made.
fn inside(name: &str, prepare: &str) -> Option<String> {
    let script = format!(
        "ip link set lo up && {prepare} && exec setpriv --reuid=65534 --regid=65534 --clear-groups \
         --bounding-set=-all --inh-caps=-all \"$0\" --exact serve::icmp::{name} --nocapture"
    );
    // Nobody has to be able to run the test's program.
    let program = std::env::current_exe().expect("a program");
    let directory = tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir();
    let copy = directory.as_ref().expect("a directory").path().join("test");
    std::fs::hard_link(&program, &copy).or_else(|_| std::fs::copy(&program, &copy).map(drop)).expect("a copy");
    let made = Command::new("unshare").args(["--net", "true"]).stderr(Stdio::null()).status();
    if !made.is_ok_and(|status| status.success()) {
        return None;
    }
    let output = Command::new("unshare")
        .args(["--net", "sh", "-c", &script])
        .arg(&copy)
        .env(INSIDE, name)
        .stdin(Stdio::null())
        .output()
        .expect("unshare runs");
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}");
    Some(shown)
}

fn is_inside(name: &str) -> bool {
    std::env::var(INSIDE).is_ok_and(|inside| inside == name)
}

#[tokio::test]
async fn without_permission_it_is_the_probers_fault() {
    const NAME: &str = "without_permission_it_is_the_probers_fault";
    if is_inside(NAME) {
        for host in ["127.0.0.1", "'::1'"] {
            assert_eq!(echo(&format!("host: {host}")).await, None, "{host} was reached without permission");
        }
    } else if let Some(shown) = inside(NAME, "echo 1 0 > /proc/sys/net/ipv4/ping_group_range") {
        assert!(shown.contains("1 passed"), "{shown}");
    }
}

#[tokio::test]
async fn an_unprivileged_socket_is_enough() {
    const NAME: &str = "an_unprivileged_socket_is_enough";
    if is_inside(NAME) {
        for host in ["127.0.0.1", "'::1'"] {
            let options = format!("host: {host}, payload: 100B, ttl: 9");
            assert_eq!(echo(&options).await, Some(("success", String::new())), "{host}");
        }
    } else if let Some(shown) = inside(NAME, "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range") {
        assert!(shown.contains("1 passed"), "{shown}");
    }
}

#[tokio::test]
async fn silence_ends_at_the_wall() {
    const NAME: &str = "silence_ends_at_the_wall";
    let prepare = "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range && \
                   echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all";
    if is_inside(NAME) {
        let outcome = run_kind(RootCertStore::empty(), "icmp: {host: 127.0.0.1}").await;
        assert_eq!(complaint("silent", &outcome, "timeout", "not done within 1s, in phase processing"), None);
    } else if let Some(shown) = inside(NAME, prepare) {
        assert!(shown.contains("1 passed"), "{shown}");
    }
}
