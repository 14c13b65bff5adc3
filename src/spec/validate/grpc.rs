//! A gRPC health check.

use http::HeaderName;

use crate::diag::{Code, Diagnostic};
use crate::units::Duration;

use super::super::keys;
use super::super::model::{GrpcProbe, HeaderText};
use super::super::raw::Node;
use super::super::read::{Complaint, Reader};
use super::{expect, http as request, target, tls};

/// The longest name of a service, in bytes.
const MAX_SERVICE: usize = 1024;

/// Headers that the call itself is made of.
const OWN_HEADERS: [&str; 4] = ["content-type", "te", "host", "user-agent"];

/// Reads a health check that must be answered within `timeout`.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<GrpcProbe> {
    let fields = reader.fields(node, "`grpc`", &keys::GRPC)?;
    let address = target::endpoint(reader, &fields, "address", "api.example.com:443");
    let ip = target::family(reader, &fields, address.as_ref().map(|address| &address.host));
    let tls = tls::optional(reader, &fields, "tls");
    let service = fields.get("service").map_or(Some(String::new()), |node| service(reader, node));
    let metadata = fields.get("metadata").map_or(Some(Vec::new()), |node| metadata(reader, node));
    let within = expect::only_within(reader, &fields, timeout);
    Some(GrpcProbe { address: address?, ip: ip?, tls: tls?, service: service?, metadata: metadata?, within: within? })
}

fn service(reader: &mut Reader, node: &Node) -> Option<String> {
    let text = reader.text(node, "`service`")?;
    let read = if text.len() <= MAX_SERVICE {
        Ok(text.to_owned())
    } else {
        let message = format!("`service` is a text of {} bytes", text.len());
        Err(Complaint { message, help: "write the full name of a service, as in `shop.v1.Orders`".to_owned() })
    };
    reader.accept(node.span, Code::InvalidName, read)
}

fn metadata(reader: &mut Reader, node: &Node) -> Option<Vec<(HeaderName, HeaderText)>> {
    let found = request::headers(reader, node, "`metadata`")?;
    let own = found.iter().find(|(name, _)| OWN_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("grpc-"));
    if let Some((name, _)) = own {
        let problem = Diagnostic::new(Code::InvalidHeader, format!("the header `{name}` is set by the call itself"));
        reader.report(problem.at(node.span, "cannot be sent").help("leave it out"));
        return None;
    }
    Some(found)
}
