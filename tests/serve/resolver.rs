//! Names: the hosts file, search domains, families, servers that fail, and hundreds of lookups that hang.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use burndown::probe::outcome::{Outcome, Phase};
use burndown::probe::{Prober, Resolver};
use burndown::spec::model::ProbeKind;
use rustls::RootCertStore;
use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{Packet, PacketFlag, QTYPE, RCODE, TYPE};
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Host;

use super::{complaint, first, run, words};
use crate::support::servers::{Answers, Came, DnsServer, Server, hang, record, reply};
use crate::support::target::refusing;

/// The files of a machine of the test's own.
struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    fn new(resolv_conf: &str, hosts: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let machine = Self { directory };
        std::fs::write(machine.path("resolv.conf"), resolv_conf).expect("writes");
        std::fs::write(machine.path("hosts"), hosts).expect("writes");
        machine
    }

    /// A machine that asks this server.
    fn asking(server: &DnsServer, options: &str) -> Self {
        Self::new(&format!("nameserver {}\n{options}\n", bracketed(server)), "")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn prober(&self) -> Prober {
        let resolver = Resolver::of_files(self.path("resolv.conf"), self.path("hosts"));
        super::prober(RootCertStore::empty()).resolving_by(resolver)
    }

    /// A run that connects to `name`.
    async fn connect(&self, name: &str, port: u16, options: &str) -> Outcome {
        let probe =
            format!("  - {{name: first, interval: 1s, timeout: 1s, tcp: {{address: \"{name}:{port}\"{options}}}}}");
        run(&self.prober(), &first(&probe)).await
    }
}

fn bracketed(server: &DnsServer) -> String {
    format!("[{}]:{}", server.address.ip(), server.address.port())
}

async fn listener() -> Server {
    Server::start(|mut stream| async move { hang(&mut stream).await }).await
}

fn four(packet: &Packet<'_>) -> bool {
    packet.questions[0].qtype == QTYPE::TYPE(TYPE::A)
}

fn home() -> RData<'static> {
    RData::A(A { address: 0x7f00_0001 })
}

/// A server that knows some names, each with the loopback address, and keeps what it was asked.
fn knows(names: &'static [&'static str], asked: &Arc<Mutex<Vec<String>>>) -> Answers {
    let asked = Arc::clone(asked);
    Arc::new(move |query, _| {
        let packet = Packet::parse(query).expect("a query");
        let name = packet.questions[0].qname.to_string();
        if four(&packet) {
            asked.lock().expect("not poisoned").push(name.clone());
        }
        let is_known = names.contains(&name.as_str());
        let code = if is_known { RCODE::NoError } else { RCODE::NameError };
        let records = if is_known && four(&packet) { vec![record(&name, home())] } else { Vec::new() };
        vec![reply(query, code, &records, |_| {})]
    })
}

#[tokio::test]
async fn the_hosts_file_comes_first() {
    let listener = listener().await;
    let asked = Arc::default();
    let server = DnsServer::start(knows(&[], &asked)).await;
    let machine = Machine::new(&format!("nameserver {}\n", bracketed(&server)), "127.0.0.1 shop.example Other\n");
    let port = listener.address.port();
    for name in ["shop.example", "SHOP.example", "shop.example.", "other"] {
        let outcome = machine.connect(name, port, "").await;
        assert_eq!(complaint(name, &outcome, "success", ""), None);
    }
    assert_eq!(server.queries(), 0);
    // What is special needs no server either.
    assert_eq!(words(&machine.connect("localhost", port, "").await.verdict), ("success", ""));
    assert_eq!(words(&machine.connect("x.invalid", port, "").await.verdict).0, "resolve");
    assert_eq!(server.queries(), 0);

    let outcome = machine.connect("nobody.example", port, "").await;
    assert_eq!(complaint("nobody", &outcome, "resolve", "`nobody.example`: there is no such name"), None);
    assert!(server.queries() > 0);
}

#[tokio::test]
async fn short_names_are_searched_for() {
    let listener = listener().await;
    let port = listener.address.port();
    let cases: [(&str, &str, &[&str]); 4] = [
        ("shop", "search a.example b.example", &["shop.a.example", "shop.b.example"]),
        ("shop.b.example", "search a.example", &["shop.b.example"]),
        ("shop.b", "search a.example example\noptions ndots:5", &["shop.b.a.example", "shop.b.example"]),
        ("shop.b.example.", "search a.example\noptions ndots:5", &["shop.b.example"]),
    ];
    for (name, options, questions) in cases {
        let asked = Arc::default();
        let server = DnsServer::start(knows(&["shop.b.example"], &asked)).await;
        let outcome = Machine::asking(&server, options).connect(name, port, "").await;
        assert_eq!(complaint(name, &outcome, "success", ""), None);
        assert_eq!(*asked.lock().expect("not poisoned"), questions, "{name}");
    }
}

#[tokio::test]
async fn a_changed_file_counts_within_seconds() {
    let listener = listener().await;
    let machine = Machine::new("", "127.0.0.1 one.invalid\n");
    let prober = machine.prober();
    let probe = first(&format!(
        "  - {{name: first, interval: 1s, timeout: 1s, tcp: {{address: \"two.invalid:{}\"}}}}",
        listener.address.port()
    ));
    assert_eq!(words(&run(&prober, &probe).await.verdict).0, "resolve");
    std::fs::write(machine.path("hosts"), "127.0.0.1 one.invalid two.invalid\n").expect("writes");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(words(&run(&prober, &probe).await.verdict), ("success", ""));
}

#[tokio::test]
async fn families_are_asked_for_and_tried_as_the_file_says() {
    let listener = listener().await;
    let port = listener.address.port();
    let asked: Arc<Mutex<Vec<QTYPE>>> = Arc::default();
    let keeps = Arc::clone(&asked);
    // Nobody listens on the IPv6 address.
    let answers: Answers = Arc::new(move |query, _| {
        let packet = Packet::parse(query).expect("a query");
        keeps.lock().expect("not poisoned").push(packet.questions[0].qtype);
        let data = if four(&packet) { home() } else { RData::AAAA(AAAA { address: 1 }) };
        vec![reply(query, RCODE::NoError, &[record("shop.example", data)], |_| {})]
    });
    let server = DnsServer::start(answers).await;
    let machine = Machine::asking(&server, "");
    for (options, word, types) in [
        ("", "success", 2),
        (", ip: any", "success", 2),
        (", ip: prefer_6", "success", 2),
        (", ip: prefer_4", "success", 2),
        (", ip: 4", "success", 1),
        (", ip: 6", "connect", 1),
    ] {
        asked.lock().expect("not poisoned").clear();
        let outcome = machine.connect("shop.example", port, options).await;
        assert_eq!(complaint(options, &outcome, word, ""), None);
        assert_eq!(asked.lock().expect("not poisoned").len(), types, "{options}");
    }
}

#[tokio::test]
async fn a_name_without_an_address_of_the_family() {
    let asked = Arc::default();
    let server = DnsServer::start(knows(&["shop.example"], &asked)).await;
    let outcome = Machine::asking(&server, "").connect("shop.example", 1, ", ip: 6").await;
    assert_eq!(complaint("IPv6", &outcome, "resolve", "`shop.example` has no IPv6 address"), None);
}

#[tokio::test]
async fn one_family_that_is_never_answered_costs_little() {
    let listener = listener().await;
    let answers: Answers = Arc::new(|query, _| {
        let packet = Packet::parse(query).expect("a query");
        if four(&packet) {
            vec![reply(query, RCODE::NoError, &[record("shop.example", home())], |_| {})]
        } else {
            vec![]
        }
    });
    let server = DnsServer::start(answers).await;
    let outcome = Machine::asking(&server, "").connect("shop.example", listener.address.port(), "").await;
    assert_eq!(complaint("IPv4 alone", &outcome, "success", ""), None);
    assert!(outcome.phases.get(Phase::Resolve) < Duration::from_millis(500), "{outcome:?}");
}

#[tokio::test]
async fn servers_that_fail_are_passed_over_or_named() {
    let listener = listener().await;
    let port = listener.address.port();
    let failing: Answers = Arc::new(|query, _| vec![reply(query, RCODE::ServerFailure, &[], |_| {})]);
    let failing = DnsServer::start(failing).await;
    let asked = Arc::default();
    let good = DnsServer::start(knows(&["shop.example"], &asked)).await;
    let refusing = refusing().await;

    let servers = format!(
        "nameserver [127.0.0.1]:{}\nnameserver {}\nnameserver {}\n",
        refusing.port(),
        bracketed(&failing),
        bracketed(&good)
    );
    let outcome = Machine::new(&servers, "").connect("shop.example", port, "").await;
    assert_eq!(complaint("the third", &outcome, "success", ""), None);
    assert!(failing.queries() > 0);

    let outcome = Machine::asking(&failing, "").connect("shop.example", port, "").await;
    assert_eq!(complaint("SERVFAIL", &outcome, "resolve", "answers SERVFAIL"), None);
    let nobody = Machine::new(&format!("nameserver [127.0.0.1]:{}\n", refusing.port()), "");
    let outcome = nobody.connect("shop.example", port, "").await;
    assert_eq!(complaint("nobody", &outcome, "resolve", "connection refused"), None);
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_a_connection() {
    let listener = listener().await;
    let answers: Answers = Arc::new(|query, came| {
        let packet = Packet::parse(query).expect("a query");
        let records = if four(&packet) { vec![record("shop.example", home())] } else { Vec::new() };
        vec![match came {
            Came::ByDatagram => reply(query, RCODE::NoError, &[], |packet| packet.set_flags(PacketFlag::TRUNCATION)),
            Came::OverConnection => reply(query, RCODE::NoError, &records, |_| {}),
        }]
    });
    let server = DnsServer::start(answers).await;
    let outcome = Machine::asking(&server, "").connect("shop.example", listener.address.port(), "").await;
    assert_eq!(complaint("truncated", &outcome, "success", ""), None);
}

#[tokio::test]
async fn a_server_that_never_answers_ends_at_the_wall() {
    let silent = DnsServer::start(Arc::new(|_: &[u8], _| vec![])).await;
    let outcome = Machine::asking(&silent, "").connect("shop.example", 1, "").await;
    assert_eq!(complaint("silent", &outcome, "timeout", "in phase resolve"), None);
    // With a shorter patience of the resolver's own, the reason is the name's.
    let outcome = Machine::asking(&silent, "options attempts:1 timeout:1").connect("shop.example", 1, ", ip: 4").await;
    assert!(matches!(words(&outcome.verdict).0, "timeout" | "resolve"), "{outcome:?}");
}

#[tokio::test]
async fn five_hundred_lookups_that_hang_leave_the_others_alone() {
    let listener = listener().await;
    let mut hosts = String::new();
    for n in 0..100 {
        writeln!(hosts, "127.0.0.1 good-{n}.example").expect("writes");
    }
    // Names of the form bad-… are never answered, all others at once.
    let answers: Answers = Arc::new(|query, _| {
        let packet = Packet::parse(query).expect("a query");
        let name = packet.questions[0].qname.to_string();
        if name.starts_with("bad-") {
            return vec![];
        }
        let records = if four(&packet) { vec![record(&name, home())] } else { Vec::new() };
        vec![reply(query, RCODE::NoError, &records, |_| {})]
    });
    let server = DnsServer::start(answers).await;
    let machine = Machine::new(&format!("nameserver {}\n", bracketed(&server)), &hosts);
    let prober = Arc::new(machine.prober());
    let port = listener.address.port();
    let like = first(&format!("  - {{name: first, interval: 9s, timeout: 9s, tcp: {{address: 'a.example:{port}'}}}}"));
    let probe = |name: &str| {
        let mut probe = like.clone();
        if let ProbeKind::Tcp(tcp) = &mut probe.kind {
            tcp.address.host = Host::Domain(name.to_owned());
        }
        probe
    };
    let mut hanging = JoinSet::new();
    for n in 0..500 {
        let (prober, probe) = (Arc::clone(&prober), probe(&format!("bad-{n}.example")));
        hanging.spawn(async move { run(&prober, &probe).await });
        // A server whose buffer overflows would lose the questions of the others too.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(server.queries() >= 900, "{} of 1000 questions are waiting", server.queries());
    let started = Instant::now();
    for n in 0..100 {
        for name in [format!("good-{n}.example"), format!("asked-{n}.example")] {
            let outcome = run(&prober, &probe(&name)).await;
            assert_eq!(words(&outcome.verdict), ("success", ""), "{name}");
        }
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(hanging.len(), 500);
    assert!(hanging.try_join_next().is_none(), "the hanging ones still hang");
    while let Some(outcome) = hanging.join_next().await {
        let outcome = outcome.expect("ends");
        assert_eq!(words(&outcome.verdict), ("timeout", "not done within 9s, in phase resolve"));
    }
}
