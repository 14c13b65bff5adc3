//! `uplink`: reference targets that tell the prober's own outage from that of the targets it probes.

use crate::diag::{Code, Diagnostic};
use crate::units::Duration;

use super::super::keys;
use super::super::model::Uplink;
use super::super::raw::Node;
use super::super::read::Reader;
use super::target;

/// How long a target may take that no file says it of: a gateway answers within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The longest timeout: verdicts wait for it.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads an uplink.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Uplink> {
    let fields = reader.fields(node, "`uplink`", &keys::UPLINK)?;
    let targets =
        reader.require(&fields, "targets").and_then(|node| reader.filled_list(node, "`targets`")).and_then(|nodes| {
            reader.each(nodes, |reader, node| target::address(reader, node, "a target", "192.0.2.1:443"))
        });
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
