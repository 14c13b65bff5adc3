//! An ICMP echo.

use crate::diag::Code;
use crate::units::{ByteSize, Duration};

use super::super::keys;
use super::super::model::IcmpProbe;
use super::super::raw::Node;
use super::super::read::{Complaint, Reader, quoted};
use super::{expect, target};

/// What `ping` sends.
const PAYLOAD: usize = 56;

/// What an IPv4 packet can carry besides its own head and that of ICMP.
const MAX_PAYLOAD: usize = 65_507;

/// Reads an echo that must come back within `timeout`.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<IcmpProbe> {
    let fields = reader.fields(node, "`icmp`", &keys::ICMP)?;
    let host = reader.require(&fields, "host").and_then(|node| target::host(reader, node));
    let ip = target::family(reader, &fields, host.as_ref());
    let payload = fields.get("payload").map_or(Some(PAYLOAD), |node| payload(reader, node));
    let ttl = fields.get("ttl").map_or(Some(None), |node| ttl(reader, node).map(Some));
    let within = expect::only_within(reader, &fields, timeout);
    Some(IcmpProbe { host: host?, ip: ip?, payload_bytes: payload?, ttl: ttl?, within: within? })
}

fn payload(reader: &mut Reader, node: &Node) -> Option<usize> {
    let size: ByteSize = reader.word(node, "`payload`", Code::InvalidSize)?;
    let bytes = usize::try_from(size.as_bytes()).ok().filter(|bytes| *bytes <= MAX_PAYLOAD);
    let read = bytes.ok_or_else(|| Complaint {
        message: format!("a payload of `{size}` does not fit into a packet"),
        help: format!("write at most `{MAX_PAYLOAD}B`; more than `1472B` is sent in fragments on most networks"),
    });
    reader.accept(node.span, Code::InvalidSize, read)
}

fn ttl(reader: &mut Reader, node: &Node) -> Option<u8> {
    let text = reader.text(node, "`ttl`")?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let read = text.parse().ok().filter(|ttl| is_number && *ttl > 0).ok_or_else(|| Complaint {
        message: format!("{} is not a number of routers", quoted(text)),
        help: "write a whole number from 1 to 255".to_owned(),
    });
    reader.accept(node.span, Code::InvalidNumber, read)
}
