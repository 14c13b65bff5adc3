//! Through whom a request goes, and which targets are met without: the rules of `no_proxy` as Go and curl have them.

use ipnet::IpNet;
use url::{Host, Url};

use crate::diag::{Code, Diagnostic};

use super::super::super::keys;
use super::super::super::model::{Bypass, BypassHosts, Proxy};
use super::super::super::raw::{Node, Value};
use super::super::super::read::{Complaint, Reader, quoted};
use super::auth;

/// Reads a proxy.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Proxy> {
    let fields = reader.fields(node, "`proxy`", &keys::PROXY)?;
    let url = reader.require(&fields, "url").and_then(|node| url(reader, node));
    let basic_auth = fields.get("basic_auth").map_or(Some(None), |node| auth::basic(reader, node).map(Some));
    let no_proxy = fields.get("no_proxy").map_or(Some(Vec::new()), |node| no_proxy(reader, node));
    Some(Proxy { url: url?, basic_auth: basic_auth?, no_proxy: no_proxy? })
}

fn url(reader: &mut Reader, node: &Node) -> Option<Url> {
    let url = super::url(reader, node, "the `url` of a proxy")?;
    if url.path() == "/" && url.query().is_none() && url.fragment().is_none() {
        return Some(url);
    }
    let problem = Diagnostic::new(Code::InvalidUrl, "a proxy has no path").at(node.span, "more than host and port");
    reader.report(problem.help("write scheme, host and port, as in `http://proxy.example.com:3128`"));
    None
}

fn no_proxy(reader: &mut Reader, node: &Node) -> Option<Vec<Bypass>> {
    let nodes = match &node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        _ => reader.filled_list(node, "`no_proxy`")?,
    };
    reader.each(nodes, |reader, node| {
        let text = reader.text(node, "a target of `no_proxy`")?;
        let read = bypass(text).ok_or_else(|| Complaint {
            message: format!("{} names no targets", quoted(text)),
            help: "write a name, `.example.com` for all names below one, an address or block such as `10.0.0.0/8`, \
                   each with `:PORT` if need be, or `*`"
                .to_owned(),
        });
        reader.accept(node.span, Code::InvalidTarget, read)
    })
}

fn bypass(text: &str) -> Option<Bypass> {
    let everywhere = |hosts| Some(Bypass { hosts, port: None });
    if text == "*" {
        return everywhere(BypassHosts::All);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Some(network) = network(bare) {
        return everywhere(BypassHosts::Network(network));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port != 0)?)),
        None => (text, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Some(network) = network(bare) {
        return Some(Bypass { hosts: BypassHosts::Network(network), port });
    }
    let below = host.strip_prefix("*.").or_else(|| host.strip_prefix('.'));
    let Ok(Host::Domain(name)) = Host::parse(below.unwrap_or(host)) else { return None };
    if name.contains('*') || name.contains('%') {
        return None;
    }
    let hosts = if below.is_some() { BypassHosts::Below(name) } else { BypassHosts::Domain(name) };
    Some(Bypass { hosts, port })
}

/// An address, or a block of them.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_matched_as_go_and_curl_do() {
        let cases = [
            ("*", "anything.example", 80, true),
            ("example.com", "example.com", 80, true),
            ("example.com", "EXAMPLE.com", 80, true),
            ("Example.com", "a.b.example.com", 80, true),
            ("example.com", "badexample.com", 80, false),
            ("example.com", "example.com.evil.test", 80, false),
            (".example.com", "example.com", 80, false),
            (".example.com", "a.example.com", 80, true),
            ("*.example.com", "a.example.com", 80, true),
            ("*.example.com", "example.com", 80, false),
            ("example.com:8080", "example.com", 8080, true),
            ("example.com:8080", "example.com", 80, false),
            ("10.0.0.0/8", "10.200.3.4", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("10.0.0.0/8", "ten.example.com", 80, false),
            ("192.0.2.1", "192.0.2.1", 443, true),
            ("192.0.2.1:80", "192.0.2.1", 443, false),
            ("2001:db8::/32", "[2001:db8::5]", 443, true),
            ("[2001:db8::5]:80", "[2001:db8::5]", 80, true),
            ("[2001:db8::5]:80", "[2001:db8::5]", 81, false),
            ("2001:db8::5", "[2001:db8::6]", 80, false),
            ("192.0.2.0/24", "[::ffff:192.0.2.9]", 80, true),
        ];
        for (rule, host, port, expected) in cases {
            let url: Url = format!("http://{host}:{port}/").parse().expect("a URL");
            let rule_read = bypass(rule).unwrap_or_else(|| panic!("{rule}"));
            let found = rule_read.holds(&url.host().expect("a host"), port);
            assert_eq!(found, expected, "{rule} and {host}:{port}");
        }
        for bad in ["", ":80", "a:b", "exa mple.com", "10.0.0.0/33", "a.*.com", "http://example.com"] {
            assert_eq!(bypass(bad), None, "{bad}");
        }
    }
}
