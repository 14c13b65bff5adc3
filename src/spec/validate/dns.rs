//! A DNS query, and what its answer must be.

use simple_dns::{Name, TYPE};

use crate::diag::{Code, Diagnostic};
use crate::units::{Duration, Pattern};

use super::super::keys;
use super::super::model::{DnsExpect, DnsProbe, DnsTransport, Rcode, TlsSettings};
use super::super::raw::{Node, Value};
use super::super::read::{Complaint, Fields, Reader, quoted};
use super::{expect, target, tls};

/// The types of records that can be asked for.
const TYPES: [(&str, TYPE); 15] = [
    ("A", TYPE::A),
    ("AAAA", TYPE::AAAA),
    ("CAA", TYPE::CAA),
    ("CNAME", TYPE::CNAME),
    ("DNSKEY", TYPE::DNSKEY),
    ("DS", TYPE::DS),
    ("HTTPS", TYPE::HTTPS),
    ("MX", TYPE::MX),
    ("NAPTR", TYPE::NAPTR),
    ("NS", TYPE::NS),
    ("PTR", TYPE::PTR),
    ("SOA", TYPE::SOA),
    ("SRV", TYPE::SRV),
    ("SVCB", TYPE::SVCB),
    ("TXT", TYPE::TXT),
];

/// The ways to ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Udp,
    Tcp,
    Tls,
}

const WAYS: [(&str, Way); 3] = [("udp", Way::Udp), ("tcp", Way::Tcp), ("tls", Way::Tls)];

/// The most records that a message of 64 KiB can hold.
const MAX_RECORDS: usize = 5957;

/// Reads a query that must be answered within `timeout`.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<DnsProbe> {
    let fields = reader.fields(node, "`dns`", &keys::DNS)?;
    let server = target::endpoint(reader, &fields, "server", "192.0.2.53:53");
    let ip = target::family(reader, &fields, server.as_ref().map(|server| &server.host));
    let transport = transport(reader, &fields);
    let name = reader.require(&fields, "name").and_then(|node| name(reader, node));
    let record = fields.get("type").map_or(Some(TYPE::A), |node| reader.choice(node, "`type`", &TYPES));
    let recursion = fields.get("recursion").map_or(Some(true), |node| reader.flag(node, "`recursion`"));
    let expect = match fields.get("expect") {
        None => Some(usual()),
        Some(node) => expected(reader, node, timeout),
    };
    Some(DnsProbe {
        server: server?,
        ip: ip?,
        transport: transport?,
        name: name?,
        record: record?,
        recursion: recursion?,
        expect: expect?,
    })
}

fn transport(reader: &mut Reader, fields: &Fields<'_>) -> Option<DnsTransport> {
    let way = fields.get("transport").map_or(Some(Way::Udp), |node| reader.choice(node, "`transport`", &WAYS));
    let settings = fields.get("tls").map_or(Some(TlsSettings::default()), |node| tls::settings(reader, node));
    if let (Some(Way::Udp | Way::Tcp), Some(span)) = (way, fields.key_span("tls")) {
        let problem = Diagnostic::new(Code::InvalidTls, "`tls` says how TLS is spoken, which this query does not");
        reader.report(problem.at(span, "never looked at").help("add `transport: tls`, or remove it"));
    }
    match way? {
        Way::Udp => Some(DnsTransport::Udp),
        Way::Tcp => Some(DnsTransport::Tcp),
        Way::Tls => settings.map(DnsTransport::Tls),
    }
}

fn name(reader: &mut Reader, node: &Node) -> Option<String> {
    let text = reader.text(node, "`name`")?;
    let bad = |why: &str| Complaint {
        message: format!("{} is not a name of DNS: {why}", quoted(text)),
        help: "write a name such as `www.example.com` or `_sip._tcp.example.com`, and `.` for the root".to_owned(),
    };
    let bare = text.strip_suffix('.').unwrap_or(text);
    let read = if text.is_empty() || (bare.is_empty() && text != ".") {
        Err(bad("it is empty"))
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err(bad("it has other characters than ASCII; write its `xn--` form"))
    } else if !bare.is_empty() && bare.split('.').any(str::is_empty) {
        Err(bad("two dots follow each other"))
    } else if Name::new(text).is_err() {
        Err(bad("a part is longer than 63 characters, or the whole longer than 253"))
    } else {
        Ok(text.to_owned())
    };
    reader.accept(node.span, Code::InvalidTarget, read)
}

/// What is expected when the file says nothing: at least one record.
fn usual() -> DnsExpect {
    DnsExpect {
        rcodes: vec![Rcode::NoError],
        at_least: 1,
        at_most: None,
        any: Vec::new(),
        all: Vec::new(),
        none: Vec::new(),
        authoritative: None,
        within: None,
    }
}

fn expected(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<DnsExpect> {
    let fields = reader.fields(node, "`expect`", &keys::DNS_EXPECT)?;
    let rcodes = fields.get("rcode").map_or(Some(vec![Rcode::NoError]), |node| rcodes(reader, node));
    let answer = fields.get("answer").map_or(Some(usual()), |node| answer(reader, node));
    let authoritative =
        fields.get("authoritative").map_or(Some(None), |node| reader.flag(node, "`authoritative`").map(Some));
    let within = fields.get("within").map_or(Some(None), |node| expect::within(reader, node, timeout).map(Some));
    if let (Some(codes), Some(node)) = (&rcodes, fields.get("answer"))
        && !codes.contains(&Rcode::NoError)
    {
        let problem = Diagnostic::new(Code::InvalidExpectation, "records are expected of an answer that has none");
        let problem = problem.at(node.span, "only NOERROR comes with records");
        reader.report(problem.help("remove `answer`, or add `NOERROR` to `rcode`"));
    }
    Some(DnsExpect { rcodes: rcodes?, authoritative: authoritative?, within: within?, ..answer? })
}

fn rcodes(reader: &mut Reader, node: &Node) -> Option<Vec<Rcode>> {
    let nodes = match &node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        _ => reader.filled_list(node, "`rcode`")?,
    };
    reader.each(nodes, |reader, node| reader.choice(node, "`rcode`", &Rcode::NAMED))
}

fn answer(reader: &mut Reader, node: &Node) -> Option<DnsExpect> {
    let fields = reader.fields(node, "`answer`", &keys::DNS_ANSWER)?;
    let at_least = fields.get("at_least").map_or(Some(None), |node| count(reader, node, "`at_least`").map(Some));
    let at_most = fields.get("at_most").map_or(Some(None), |node| count(reader, node, "`at_most`").map(Some));
    let [any, all, none] =
        ["any", "all", "none"].map(|key| fields.get(key).map_or(Some(Vec::new()), |node| patterns(reader, node)));
    let (at_least, at_most) = (at_least?, at_most?);
    // Whoever wants no record does not also want one.
    let at_least = at_least.unwrap_or(if at_most == Some(0) { 0 } else { 1 });
    if let (Some(most), Some(node)) = (at_most.filter(|most| at_least > *most), fields.get("at_most")) {
        let message = format!("at least {at_least} and at most {most} records are expected");
        let problem = Diagnostic::new(Code::InvalidNumber, message).at(node.span, "less than `at_least`");
        reader.report(problem.help(format!("write at least `{at_least}`")));
    }
    Some(DnsExpect { at_least, at_most, any: any?, all: all?, none: none?, ..usual() })
}

fn count(reader: &mut Reader, node: &Node, what: &str) -> Option<usize> {
    let text = reader.text(node, what)?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let read = text.parse().ok().filter(|count| is_number && *count <= MAX_RECORDS).ok_or_else(|| Complaint {
        message: format!("{} is not a number of records", quoted(text)),
        help: format!("write a whole number from 0 to {MAX_RECORDS}, which is what a message can hold"),
    });
    reader.accept(node.span, Code::InvalidNumber, read)
}

fn patterns(reader: &mut Reader, node: &Node) -> Option<Vec<Pattern>> {
    let nodes = match &node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        _ => reader.filled_list(node, "the patterns")?,
    };
    reader.each(nodes, |reader, node| reader.word(node, "a pattern", Code::InvalidPattern))
}
