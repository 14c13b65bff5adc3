//! A TLS handshake, and what the presented chain must be.

use crate::diag::{Code, Diagnostic};
use crate::units::Duration;

use super::super::keys;
use super::super::model::{TlsProbe, TlsSettings};
use super::super::raw::{Node, Value};
use super::super::read::Reader;
use super::{expect, target, tls};

/// Reads a handshake that must end within `timeout`.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<TlsProbe> {
    let fields = reader.fields(node, "`tls`", &keys::CHAIN)?;
    let address = target::endpoint(reader, &fields, "address", "app.example.com:443");
    let ip = target::family(reader, &fields, address.as_ref().map(|address| &address.host));
    let settings = fields.get("settings").map_or(Some(TlsSettings::default()), |node| tls::read(reader, node));
    let expected = fields.get("expect").map_or(Some(Expected::default()), |node| expected(reader, node, timeout));
    let (settings, expected) = (settings?, expected?);
    if let (true, Some(node)) =
        (settings.insecure_skip_verify, fields.get("expect").filter(|_| expected.looks_at_chain()))
    {
        let problem = Diagnostic::new(Code::InvalidTls, "the chain is to be judged, but is not to be verified");
        let problem = problem.at(node.span, "anybody could present such a chain");
        reader.report(problem.help("remove `insecure_skip_verify`; `ca_file` trusts a CA of your own"));
    }
    Some(TlsProbe {
        address: address?,
        ip: ip?,
        tls: settings,
        valid_for: expected.valid_for,
        names: expected.names,
        within: expected.within,
    })
}

#[derive(Default)]
struct Expected {
    valid_for: Option<Duration>,
    names: Vec<url::Host>,
    within: Option<Duration>,
}

impl Expected {
    fn looks_at_chain(&self) -> bool {
        !self.names.is_empty()
    }
}

fn expected(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<Expected> {
    let fields = reader.fields(node, "`expect`", &keys::CHAIN_EXPECT)?;
    let valid_for =
        fields.get("valid_for").map_or(Some(None), |node| reader.positive_duration(node, "`valid_for`").map(Some));
    let names = fields.get("names").map_or(Some(Vec::new()), |node| {
        let nodes = match &node.value {
            Value::Scalar(_) => std::slice::from_ref(node),
            _ => reader.filled_list(node, "`names`")?,
        };
        reader.each(nodes, target::host)
    });
    let within = fields.get("within").map_or(Some(None), |node| expect::within(reader, node, timeout).map(Some));
    Some(Expected { valid_for: valid_for?, names: names?, within: within? })
}
