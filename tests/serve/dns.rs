//! Verdicts of DNS queries by datagram, over connections and over TLS.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use burndown::probe::outcome::Phase;
use rustls::RootCertStore;
use simple_dns::rdata::{A, CNAME, MX, RData, TXT};
use simple_dns::{Name, Packet, PacketFlag, RCODE, ResourceRecord};
use tokio::net::TcpStream;

use super::{complaint, run_kind, words};
use crate::support::servers::{Answers, Came, DnsServer, Server, converse, hang, record, reply, say};
use crate::support::target::{Authority, Identity, refusing};

/// The name that every query asks for.
const NAME: &str = "www.example.com";

fn a(last: u32) -> RData<'static> {
    RData::A(A { address: 0xc000_0200 + last })
}

fn name(text: &str) -> Name<'static> {
    Name::new(text).expect("a name").into_owned()
}

/// A server that answers with these records.
fn has(records: Vec<ResourceRecord<'static>>) -> Answers {
    Arc::new(move |query, _| vec![reply(query, RCODE::NoError, &records, |_| {})])
}

/// A server that answers with this code.
fn says(code: RCODE) -> Answers {
    Arc::new(move |query, _| vec![reply(query, code, &[], |_| {})])
}

/// A server that sends what `make` makes of the good answer with one address.
fn sends(make: impl Fn(Vec<u8>, Came) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Answers {
    Arc::new(move |query, came| make(reply(query, RCODE::NoError, &[record(NAME, a(1))], |_| {}), came))
}

/// A server that changes the good answer.
fn changes(change: impl Fn(&mut Packet<'_>, Came) + Send + Sync + 'static) -> Answers {
    Arc::new(move |query, came| {
        vec![reply(query, RCODE::NoError, &[record(NAME, a(1))], |packet| change(packet, came))]
    })
}

fn one() -> Answers {
    has(vec![record(NAME, a(1))])
}

fn two() -> Answers {
    has(vec![record(NAME, a(1)), record(NAME, a(2))])
}

/// A server, what the file says beyond server and name, and the word and part of the detail that must come of it.
struct Case(&'static str, Answers, &'static str, &'static str, &'static str);

fn answers() -> Vec<Case> {
    let mail = || {
        let exchange = name("mail.example.com");
        has(vec![record(NAME, RData::MX(MX { preference: 10, exchange }))])
    };
    let text = || has(vec![record(NAME, RData::TXT(TXT::new().with_string("v=spf1 -all").expect("fits")))]);
    let alias = || {
        let target = RData::CNAME(CNAME(name("edge.example.net")));
        has(vec![record(NAME, target), record("edge.example.net", a(7))])
    };
    let stranger = || has(vec![record("stranger.example.org", a(1))]);
    let authority = |is: bool| {
        changes(move |packet, _| {
            if is {
                packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER)
            }
        })
    };
    vec![
        Case("an address", one(), "", "success", ""),
        Case("no record", has(vec![]), "", "answer", "0 records of the asked type, expected at least 1"),
        Case("no record, wanted", has(vec![]), "expect: {answer: {at_most: 0}}", "success", ""),
        Case(
            "a record, not wanted",
            one(),
            "expect: {answer: {at_most: 0}}",
            "answer",
            "1 records of the asked type, expected at most 0",
        ),
        Case("no record will do", has(vec![]), "expect: {answer: {at_least: 0}}", "success", ""),
        Case("enough records", two(), "expect: {answer: {at_least: 2, at_most: 2}}", "success", ""),
        Case("too few records", one(), "expect: {answer: {at_least: 2}}", "answer", "at least 2"),
        Case("too many records", two(), "expect: {answer: {at_most: 1}}", "answer", "at most 1"),
        Case("one matches", two(), r"expect: {answer: {any: '\.2$'}}", "success", ""),
        Case("none matches", two(), r"expect: {answer: {any: '\.3$'}}", "answer", "none of 2 records matches"),
        Case("one of each", two(), r"expect: {answer: {any: ['\.1$', '\.2$']}}", "success", ""),
        Case(
            "one of each but one",
            two(),
            r"expect: {answer: {any: ['\.1$', '\.3$']}}",
            "answer",
            "none of 2 records matches `\\.3$`",
        ),
        Case("all match", two(), r"expect: {answer: {all: '^192\.0\.2\.'}}", "success", ""),
        Case("not all match", two(), r"expect: {answer: {all: '\.1$'}}", "answer", "not all of 2 records match"),
        Case("none may match", two(), r"expect: {answer: {none: '^10\.'}}", "success", ""),
        Case(
            "one matches and may not",
            two(),
            r"expect: {answer: {none: '\.2$'}}",
            "answer",
            "one of 2 records matches",
        ),
        Case("another type", one(), "type: AAAA", "answer", "0 records"),
        Case("a record of somebody else", stranger(), "", "answer", "0 records"),
        Case("by way of an alias", alias(), r"expect: {answer: {all: '\.7$'}}", "success", ""),
        Case("the alias itself", alias(), "type: CNAME, expect: {answer: {all: '^edge.example.net$'}}", "success", ""),
        Case("mail", mail(), "type: MX, expect: {answer: {all: '^10 mail.example.com$'}}", "success", ""),
        Case("text", text(), "type: TXT, expect: {answer: {any: '^v=spf1 '}}", "success", ""),
        Case("an authority", authority(true), "expect: {authoritative: true}", "success", ""),
        Case("no authority", authority(false), "expect: {authoritative: true}", "answer", "not an authority"),
        Case(
            "an authority, not wanted",
            authority(true),
            "expect: {authoritative: false}",
            "answer",
            "is an authority",
        ),
        Case("NXDOMAIN", says(RCODE::NameError), "", "rcode", "the response code is NXDOMAIN, expected NOERROR"),
        Case("NXDOMAIN, wanted", says(RCODE::NameError), "expect: {rcode: NXDOMAIN}", "success", ""),
        Case(
            "an address instead of NXDOMAIN",
            one(),
            "expect: {rcode: NXDOMAIN}",
            "rcode",
            "NOERROR, expected NXDOMAIN",
        ),
        Case("SERVFAIL", says(RCODE::ServerFailure), "", "rcode", "SERVFAIL"),
        Case("one of several", says(RCODE::Refused), "expect: {rcode: [NOERROR, REFUSED]}", "success", ""),
        Case("no code that has a name", says(RCODE::YXDOMAIN), "", "rcode", "another code"),
        Case("in time", one(), "expect: {within: 900ms}", "success", ""),
    ]
}

fn datagrams() -> Vec<Case> {
    let id = |mut answer: Vec<u8>| {
        answer[0] ^= 0xff;
        answer
    };
    let other = || changes(|packet, _| packet.questions[0].qname = name("www.example.org"));
    let loud = || changes(|packet, _| packet.questions[0].qname = name("WWW.EXAMPLE.com"));
    let question = |answer: &[u8]| answer[..12 + NAME.len() + 2 + 4].to_vec();
    let looped = move |answer: Vec<u8>| {
        let mut message = question(&answer);
        let at = u8::try_from(message.len()).expect("short");
        message.extend([0xc0, at, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]);
        message
    };
    let unasked = || {
        Arc::new(|query: &[u8], _: Came| vec![reply(query, RCODE::FormatError, &[], |packet| packet.questions.clear())])
    };
    vec![
        Case("nothing", sends(|_, _| vec![]), "", "timeout", "in phase processing"),
        Case(
            "a wrong id",
            sends(move |answer, _| vec![id(answer)]),
            "",
            "timeout",
            "1 datagrams that answer another question",
        ),
        Case(
            "a wrong id, then the answer",
            sends(move |answer, _| vec![id(answer.clone()), answer]),
            "",
            "success",
            "",
        ),
        Case("a wrong question", other(), "", "timeout", "were ignored"),
        Case("the question in capitals", loud(), "", "success", ""),
        Case("no question, and it says why", unasked(), "", "rcode", "FORMERR"),
        Case("the query itself", Arc::new(|query: &[u8], _| vec![query.to_vec()]), "", "timeout", "ignored"),
        Case("garbage", sends(|_, _| vec![b"garbage".to_vec()]), "", "timeout", "ignored"),
        Case(
            "garbage behind the right id",
            sends(|answer, _| vec![[&answer[..12], &[0xff; 9]].concat()]),
            "",
            "protocol",
            "not a valid DNS message",
        ),
        Case("half an answer", sends(|answer, _| vec![answer[..answer.len() - 2].to_vec()]), "", "protocol", ""),
        Case("names that never end", sends(move |answer, _| vec![looped(answer)]), "", "protocol", ""),
    ]
}

fn connections() -> Vec<Case> {
    let cut = |by_connection: fn(Vec<u8>) -> Vec<Vec<u8>>| -> Answers {
        Arc::new(move |query, came| {
            let full = reply(query, RCODE::NoError, &[record(NAME, a(1)), record(NAME, a(2))], |_| {});
            let truncated = reply(query, RCODE::NoError, &[], |packet| packet.set_flags(PacketFlag::TRUNCATION));
            if came == Came::ByDatagram { vec![truncated] } else { by_connection(full) }
        })
    };
    let both = "expect: {answer: {at_least: 2}}";
    vec![
        Case("truncated, then whole", cut(|full| vec![full]), both, "success", ""),
        Case("truncated, then closed", cut(|_| vec![]), both, "protocol", "closed before"),
        Case("truncated, then garbage", cut(|_| vec![b"garbage garbage".to_vec()]), both, "protocol", ""),
        Case("over a connection", one(), "transport: tcp", "success", ""),
        Case("NXDOMAIN over a connection", says(RCODE::NameError), "transport: tcp", "rcode", "NXDOMAIN"),
        Case("closed", sends(|_, _| vec![]), "transport: tcp", "protocol", "closed before the answer"),
        Case(
            "a wrong id",
            sends(|mut answer, _| {
                answer[1] ^= 1;
                vec![answer]
            }),
            "transport: tcp",
            "protocol",
            "another question",
        ),
        Case("an empty message", sends(|_, _| vec![vec![]]), "transport: tcp", "protocol", ""),
        Case(
            "an unreadable one",
            sends(|answer, _| vec![[&answer[..12], &[0xff; 9]].concat()]),
            "transport: tcp",
            "protocol",
            "not a valid DNS message",
        ),
        // A handshake reads as a length of more than five thousand bytes, which the server waits for.
        Case("no TLS there", one(), "transport: tls", "timeout", "in phase tls"),
    ]
}

#[tokio::test]
async fn queries_have_their_verdicts() {
    let roots = Authority::new();
    let mut complaints = Vec::new();
    for Case(what, answers, options, word, part) in answers().into_iter().chain(datagrams()).chain(connections()) {
        let server = DnsServer::start(answers).await;
        let options = if options.is_empty() { String::new() } else { format!(", {options}") };
        let kind = format!("dns: {{server: \"{}\", name: {NAME}{options}}}", server.address);
        let outcome = run_kind(roots.roots(), &kind).await;
        complaints.extend(complaint(what, &outcome, word, part));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let address = refusing().await;
    for transport in ["udp", "tcp", "tls"] {
        let kind = format!("dns: {{server: \"{address}\", transport: {transport}, name: {NAME}}}");
        let outcome = run_kind(Authority::new().roots(), &kind).await;
        assert_eq!(complaint(transport, &outcome, "connect", "connection refused"), None);
    }
}

/// What a DoT server does with a connection.
async fn over_tls(stream: TcpStream, identity: Arc<Identity>, answers: Answers) {
    if let Ok(mut stream) = identity.acceptor_for(rustls::DEFAULT_VERSIONS, &["dot"]).accept(stream).await {
        converse(&mut stream, &answers).await;
    }
}

#[tokio::test]
async fn queries_over_tls_have_their_verdicts() {
    let authority = Authority::new();
    let cases = [
        ("good", authority.issue("127.0.0.1", 2080), one(), "success", ""),
        ("NXDOMAIN", authority.issue("127.0.0.1", 2080), says(RCODE::NameError), "rcode", "NXDOMAIN"),
        ("self-signed", Identity::self_signed("127.0.0.1"), one(), "tls", "UnknownIssuer"),
        ("another's name", authority.issue("other.example", 2080), one(), "tls", "not valid for name"),
        ("closed", authority.issue("127.0.0.1", 2080), sends(|_, _| vec![]), "protocol", "closed"),
    ];
    for (what, identity, answers, word, part) in cases {
        let identity = Arc::new(identity);
        let server = Server::start(move |stream| over_tls(stream, Arc::clone(&identity), Arc::clone(&answers))).await;
        let kind = format!("dns: {{server: \"{}\", transport: tls, name: {NAME}}}", server.address);
        let outcome = run_kind(authority.roots(), &kind).await;
        assert_eq!(complaint(what, &outcome, word, part), None);
        if word == "success" {
            assert_eq!(outcome.tls_not_after, Some(3_471_292_800));
            assert!(outcome.phases.get(Phase::Tls) > Duration::ZERO);
        }
    }
}

#[tokio::test]
async fn a_connection_that_stops_in_the_middle_is_told_by_its_phase() {
    let server = Server::start(|mut stream| async move {
        say(&mut stream, [0x01]).await;
        hang(&mut stream).await;
    })
    .await;
    let kind = format!("dns: {{server: \"{}\", transport: tcp, name: {NAME}}}", server.address);
    let outcome = run_kind(RootCertStore::empty(), &kind).await;
    assert_eq!(complaint("half a length", &outcome, "timeout", "in phase transfer"), None);
}

#[tokio::test]
async fn the_query_is_what_the_file_says() {
    for (options, wants_recursion) in [("", true), (", recursion: false", false)] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keeps = Arc::clone(&seen);
        let answers: Answers = Arc::new(move |query, _| {
            keeps.lock().expect("not poisoned").push(query.to_vec());
            vec![reply(query, RCODE::NoError, &[record("_sip._tcp.example.com", a(1))], |_| {})]
        });
        let server = DnsServer::start(answers).await;
        let kind = format!("dns: {{server: \"{}\", name: _sip._tcp.example.com.{options}}}", server.address);
        let outcome = run_kind(RootCertStore::empty(), &kind).await;
        assert_eq!(words(&outcome.verdict), ("success", ""));
        let queries = seen.lock().expect("not poisoned");
        assert_eq!(queries.len(), 1, "one question is asked once");
        let packet = Packet::parse(&queries[0]).expect("a query");
        assert_eq!(packet.questions[0].qname.to_string(), "_sip._tcp.example.com");
        assert_eq!(packet.has_flags(PacketFlag::RECURSION_DESIRED), wants_recursion);
        assert_eq!(packet.opt().map(|opt| opt.udp_packet_size), Some(1232));
    }
}
