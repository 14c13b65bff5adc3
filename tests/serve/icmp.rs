//! Verdicts of ICMP echoes to the loopback interface, by each socket that a system may give, and by none.
//!
//! Which one it gives depends on the machine, so every test runs in a network namespace of its own that gives exactly one.

use rustls::RootCertStore;

use super::{complaint, run_kind, words};
use crate::support::namespace;

/// What a prober that may open no socket says.
const REFUSAL: &str = "widen net.ipv4.ping_group_range to its group, or give it CAP_NET_RAW";

/// The socket that a namespace gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Unprivileged,
    Raw,
    Nothing,
}

impl Given {
    /// What prepares a namespace for it.
    const fn prepare(self) -> &'static str {
        match self {
            Self::Unprivileged => "echo 0 0 > /proc/sys/net/ipv4/ping_group_range",
            // A new namespace gives nobody an unprivileged socket.
            Self::Raw | Self::Nothing => "true",
        }
    }

    /// What the test's program is run by: without any capability, unless that is what gives the socket.
    const fn runner(self) -> &'static str {
        match self {
            Self::Raw => "",
            Self::Unprivileged | Self::Nothing => {
                "setpriv --no-new-privs --securebits=+noroot --bounding-set=-all --inh-caps=-all"
            }
        }
    }
}

/// Runs the test `name` of this file in a network namespace that gives this socket, after `prepare`.
fn inside(name: &str, given: Given, prepare: &str) {
    let prepare = format!("ip link set lo up && ip route add default dev lo && {} && {prepare}", given.prepare());
    namespace::run_inside(&format!("serve::icmp::{name}"), &["--net"], &prepare, given.runner());
}

fn is_inside(name: &str) -> bool {
    namespace::is_inside(&format!("serve::icmp::{name}"))
}

/// The word of an echo's verdict and its detail.
async fn echo(options: &str) -> (&'static str, String) {
    let outcome = run_kind(RootCertStore::empty(), &format!("icmp: {{{options}}}")).await;
    let (word, detail) = words(&outcome.verdict);
    (word, detail.to_owned())
}

#[tokio::test]
async fn echoes_have_their_verdicts() {
    const NAME: &str = "echoes_have_their_verdicts";
    if !is_inside(NAME) {
        return [Given::Unprivileged, Given::Raw].into_iter().for_each(|given| inside(NAME, given, "true"));
    }
    let cases = [
        ("host: 127.0.0.1", "success", ""),
        ("host: localhost, ip: 4", "success", ""),
        ("host: '::1'", "success", ""),
        ("host: 127.0.0.1, payload: 1B", "success", ""),
        ("host: 127.0.0.1, payload: 1472B", "success", ""),
        ("host: 127.0.0.1, payload: 8KiB, ttl: 1", "success", ""),
        ("host: '::1', payload: 1KiB, ttl: 1", "success", ""),
        ("host: 127.0.0.1, payload: 100B, ttl: 9", "success", ""),
        ("host: 127.0.0.1, expect: {within: 900ms}", "success", ""),
        // The broadcast address may only be reached by those who say so.
        ("host: 255.255.255.255", "connect", "permission denied"),
        ("host: burndown-test.invalid", "resolve", "there is no such name"),
    ];
    for (options, word, part) in cases {
        let (found, detail) = echo(options).await;
        assert_eq!(found, word, "{options}: {detail}");
        assert!(detail.contains(part), "{options}: {detail}");
    }
}

#[tokio::test]
async fn many_echoes_at_once_do_not_take_each_others_replies() {
    const NAME: &str = "many_echoes_at_once_do_not_take_each_others_replies";
    if !is_inside(NAME) {
        return [Given::Unprivileged, Given::Raw].into_iter().for_each(|given| inside(NAME, given, "true"));
    }
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..50 {
        runs.spawn(async { echo("host: 127.0.0.1").await });
    }
    while let Some(found) = runs.join_next().await {
        assert_eq!(found.expect("ends"), ("success", String::new()));
    }
}

#[tokio::test]
async fn without_permission_it_is_the_probers_fault() {
    const NAME: &str = "without_permission_it_is_the_probers_fault";
    if !is_inside(NAME) {
        return inside(NAME, Given::Nothing, "true");
    }
    for host in ["127.0.0.1", "'::1'"] {
        let (word, detail) = echo(&format!("host: {host}")).await;
        assert!(word == "internal" && detail.contains(REFUSAL), "{host}: {word} ({detail})");
    }
}

#[tokio::test]
async fn silence_ends_at_the_wall() {
    const NAME: &str = "silence_ends_at_the_wall";
    if !is_inside(NAME) {
        let prepare = "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all";
        return [Given::Unprivileged, Given::Raw].into_iter().for_each(|given| inside(NAME, given, prepare));
    }
    let outcome = run_kind(RootCertStore::empty(), "icmp: {host: 127.0.0.1}").await;
    assert_eq!(complaint("silent", &outcome, "timeout", "not done within 1s, in phase processing"), None);
}
