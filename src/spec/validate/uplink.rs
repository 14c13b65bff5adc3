//! `uplink`: reference targets that tell the prober's own outage from that of the targets it probes.

use url::Host;

use crate::diag::{Code, Diagnostic};
use crate::units::Duration;

use super::super::model::{Uplink, UplinkTarget};
use super::super::raw::Node;
use super::super::read::{Complaint, Reader, quoted};

/// How long a target may take that no file says it of: a gateway answers within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The longest timeout: verdicts wait for it.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads an uplink.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Uplink> {
    let fields = reader.fields(node, "`uplink`", &["targets", "timeout"])?;
    let targets = reader
        .require(&fields, "targets")
        .and_then(|node| reader.filled_list(node, "`targets`"))
        .and_then(|nodes| reader.each(nodes, target));
    let timeout = fields.get("timeout").map_or(Some(TIMEOUT), |node| timeout(reader, node));
    Some(Uplink { targets: targets?, timeout: timeout? })
}

fn timeout(reader: &mut Reader, node: &Node) -> Option<Duration> {
    let timeout = reader.positive_duration(node, "`timeout`")?;
    if timeout > LONGEST_TIMEOUT {
        let message = format!("a timeout of {timeout} is too long for a reference target");
        let problem = Diagnostic::new(Code::InvalidDuration, message).at(node.span, "verdicts wait for it");
        reader.report(problem.help(format!("write at most `{LONGEST_TIMEOUT}`")));
        return None;
    }
    Some(timeout)
}

fn target(reader: &mut Reader, node: &Node) -> Option<UplinkTarget> {
    let text = reader.text(node, "a target")?;
    reader.accept(node.span, Code::InvalidUplink, parse(text))
}

/// Reads `HOST:PORT`, where the host is a name, an IPv4 address or an IPv6 address in brackets.
fn parse(text: &str) -> Result<UplinkTarget, Complaint> {
    let bad = |message: String| Complaint {
        message,
        help: "write a host and a port that accept TCP connections, such as `192.0.2.1:443` or `[2001:db8::1]:53`"
            .to_owned(),
    };
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(bad(format!("{} has no port", quoted(text))));
    };
    let port = match port.parse::<u16>() {
        Ok(port) if port > 0 => port,
        _ => return Err(bad(format!("{} is not a port", quoted(port)))),
    };
    if host.is_empty() {
        return Err(bad(format!("{} has no host", quoted(text))));
    }
    if host.contains(':') && !host.starts_with('[') {
        return Err(bad(format!("{} has several colons", quoted(text))));
    }
    let host = Host::parse(host).map_err(|error| bad(format!("{} is not a host: {error}", quoted(host))))?;
    Ok(UplinkTarget { host, port })
}
