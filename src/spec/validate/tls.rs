//! How a probe speaks TLS: the keys of Prometheus's own `tls_config`, under `tls:`.

use std::path::PathBuf;

use url::Host;

use crate::diag::{Code, Diagnostic};

use super::super::keys;
use super::super::model::{ClientCertificate, TlsSettings, TlsVersion};
use super::super::raw::{Node, Value};
use super::super::read::{Complaint, Fields, Reader, quoted};

/// The versions as Prometheus writes them; targets that speak only older ones cannot be met.
const VERSIONS: [(&str, TlsVersion); 2] = [("TLS12", TlsVersion::Tls12), ("TLS13", TlsVersion::Tls13)];

/// Reads the settings of one probe.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<TlsSettings> {
    let fields = reader.fields(node, "`tls`", &keys::TLS)?;
    let ca_file = fields.get("ca_file").map_or(Some(None), |node| file(reader, node, "`ca_file`").map(Some));
    let client = client(reader, &fields);
    let server_name = fields.get("server_name").map_or(Some(None), |node| server_name(reader, node).map(Some));
    let min_version = fields
        .get("min_version")
        .map_or(Some(TlsVersion::default()), |node| reader.choice(node, "`min_version`", &VERSIONS));
    let insecure =
        fields.get("insecure_skip_verify").map_or(Some(false), |node| reader.flag(node, "`insecure_skip_verify`"));
    if insecure == Some(true)
        && let Some(ca) = fields.get("ca_file")
    {
        let problem = Diagnostic::new(Code::InvalidTls, "roots are given, but no certificate would be checked");
        let problem = problem.at(ca.span, "would never be looked at");
        let problem = problem.also(fields.key_span("insecure_skip_verify").unwrap_or(node.span), "because of this");
        reader.report(
            problem.help("keep `ca_file` and remove `insecure_skip_verify`: nothing else is needed to trust a CA"),
        );
    }
    Some(TlsSettings {
        ca_file: ca_file?,
        client: client?,
        server_name: server_name?,
        min_version: min_version?,
        insecure_skip_verify: insecure?,
    })
}

/// Reads settings, or `true` for the usual ones.
pub(super) fn settings(reader: &mut Reader, node: &Node) -> Option<TlsSettings> {
    if matches!(&node.value, Value::Scalar(word) if word == "true") {
        return Some(TlsSettings::default());
    }
    read(reader, node)
}

/// Reads the key `name`: settings, `true` for the usual ones, or `false` for no TLS, as when it is left out.
pub(super) fn optional(reader: &mut Reader, fields: &Fields<'_>, name: &str) -> Option<Option<TlsSettings>> {
    match fields.get(name) {
        None => Some(None),
        Some(Node { value: Value::Scalar(word), .. }) if word == "false" => Some(None),
        Some(node) => settings(reader, node).map(Some),
    }
}

/// A certificate and its key, which come together.
fn client(reader: &mut Reader, fields: &Fields<'_>) -> Option<Option<ClientCertificate>> {
    let keys = ["cert_file", "key_file"];
    let read = keys.map(|key| fields.get(key).map(|node| file(reader, node, &format!("`{key}`"))));
    match read {
        [None, None] => Some(None),
        [Some(cert_file), Some(key_file)] => {
            Some(Some(ClientCertificate { cert_file: cert_file?, key_file: key_file? }))
        }
        [cert, _] => {
            let (given, missing) = if cert.is_some() { ("cert_file", "key_file") } else { ("key_file", "cert_file") };
            let message = format!("`tls` has `{given}` without `{missing}`");
            let span = fields.key_span(given).unwrap_or(fields.head());
            let problem = Diagnostic::new(Code::InvalidTls, message).at(span, "half of a client certificate");
            reader.report(problem.help(format!("add `{missing}:`, the other half, or remove both")));
            None
        }
    }
}

fn file(reader: &mut Reader, node: &Node, what: &str) -> Option<PathBuf> {
    let text = reader.text(node, what)?;
    if text.is_empty() {
        let problem = Diagnostic::new(Code::EmptyValue, format!("{what} is empty")).at(node.span, "no path");
        reader.report(problem.help("write the path of a PEM file"));
        return None;
    }
    Some(PathBuf::from(text))
}

fn server_name(reader: &mut Reader, node: &Node) -> Option<Host> {
    let text = reader.text(node, "`server_name`")?;
    let read = Host::parse(text).map_err(|_| Complaint {
        message: format!("{} cannot stand in a certificate", quoted(text)),
        help: "write a host name such as `app.example.com`, without scheme and port".to_owned(),
    });
    reader.accept(node.span, Code::InvalidTls, read)
}
