//! Where a probe goes: `host:port`, and `ip`, the addresses that count.

use url::Host;

use crate::diag::{Code, Diagnostic};

use super::super::model::{Endpoint, IpFamily, parse_host};
use super::super::raw::Node;
use super::super::read::{Complaint, Fields, Reader, quoted};

/// The words for the addresses that count.
const FAMILIES: [(&str, IpFamily); 5] = [
    ("any", IpFamily::Any),
    ("4", IpFamily::V4),
    ("6", IpFamily::V6),
    ("prefer_4", IpFamily::PreferV4),
    ("prefer_6", IpFamily::PreferV6),
];

/// Reads the key `name`, a host with its port; `example` is one that would be right.
pub(super) fn endpoint(reader: &mut Reader, fields: &Fields<'_>, name: &str, example: &str) -> Option<Endpoint> {
    let node = reader.require(fields, name)?;
    address(reader, node, &format!("`{name}`"), example)
}

/// Reads a host with its port, which a complaint calls `what`; `example` is one that would be right.
pub(super) fn address(reader: &mut Reader, node: &Node, what: &str, example: &str) -> Option<Endpoint> {
    let text = reader.text(node, what)?;
    if text.contains('@') {
        let problem = Diagnostic::new(Code::PlainSecret, "a user name or password stands in an address");
        let problem = problem.at(node.span, "everybody who has the file can read it");
        reader.report(problem.help(format!("write host and port alone, as in `{example}`")));
        return None;
    }
    let read = text.parse().map_err(|_| Complaint {
        message: format!("{} is not a host with its port", quoted(text)),
        help: format!("write both, as in `{example}`; an IPv6 address stands in brackets"),
    });
    reader.accept(node.span, Code::InvalidTarget, read)
}

/// Reads a host without a port.
pub(super) fn host(reader: &mut Reader, node: &Node) -> Option<Host> {
    let text = reader.text(node, "`host`")?;
    let unbracketed = text.parse().ok().map(Host::Ipv6);
    let read = unbracketed.or_else(|| parse_host(text)).ok_or_else(|| Complaint {
        message: format!("{} is not a host", quoted(text)),
        help: "write a name or an IP address, as in `gateway.example.com` or `192.0.2.1`".to_owned(),
    });
    reader.accept(node.span, Code::InvalidTarget, read)
}

/// Reads `ip` of a probe of `host`, if that could be read.
pub(super) fn family(reader: &mut Reader, fields: &Fields<'_>, host: Option<&Host>) -> Option<IpFamily> {
    let Some(node) = fields.get("ip") else { return Some(IpFamily::Any) };
    let family = reader.choice(node, "`ip`", &FAMILIES)?;
    let other = match (family, host) {
        (IpFamily::V4, Some(Host::Ipv6(_))) => "IPv6",
        (IpFamily::V6, Some(Host::Ipv4(_))) => "IPv4",
        _ => return Some(family),
    };
    let problem = Diagnostic::new(Code::InvalidTarget, format!("the target is an {other} address, which is left out"));
    reader.report(problem.at(node.span, "leaves no address").help("remove `ip`, or write another address"));
    None
}
