//! A probe: how often it runs, how long it may take, and what it does.

use crate::diag::{Code, Diagnostic};
use crate::units::{Duration, Name};

use super::super::keys;
use super::super::model::{Probe, ProbeKind};
use super::super::raw::Node;
use super::super::read::{Fields, Reader};
use super::names::Catalog;
use super::{chain, dns, grpc, http, icmp, journey, tcp};

/// The kinds of probes.
const KINDS: [&str; 7] = ["http", "tcp", "tls", "dns", "icmp", "grpc", "journey"];

/// The timeout of a probe that says none, unless its interval is shorter.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The shortest interval: more than ten runs a second are load, not a probe.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Reads a probe and takes its name, even if the rest is wrong, so that SLIs may refer to it.
pub(super) fn read(reader: &mut Reader, node: &Node, service: Option<&Name>, catalog: &mut Catalog) -> Option<Probe> {
    let fields = reader.fields(node, "a probe", &keys::PROBE)?;
    let name_node = reader.require(&fields, "name");
    let name = name_node.and_then(|node| reader.name(node, "the name of a probe"));
    let interval = reader.require(&fields, "interval").and_then(|node| interval(reader, node));
    if let (Some(node), Some(name)) = (name_node, &name) {
        catalog.claim_probe(reader, service, name, node.span, interval);
    }
    let timeout = timeout(reader, &fields, interval);
    let kind = kind(reader, &fields, timeout);
    Some(Probe {
        service: service?.clone(),
        name: name?,
        interval: interval?,
        timeout: timeout?,
        kind: kind?,
        span: name_node?.span,
    })
}

fn interval(reader: &mut Reader, node: &Node) -> Option<Duration> {
    let interval = reader.positive_duration(node, "`interval`")?;
    if interval < SHORTEST_INTERVAL {
        let problem = Diagnostic::new(Code::InvalidDuration, format!("an interval of {interval} is too short"));
        reader.report(problem.at(node.span, "too often").help(format!("write at least `{SHORTEST_INTERVAL}`")));
        return None;
    }
    Some(interval)
}

fn timeout(reader: &mut Reader, fields: &Fields<'_>, interval: Option<Duration>) -> Option<Duration> {
    let Some(node) = fields.get("timeout") else {
        return interval.map(|interval| interval.min(TIMEOUT));
    };
    let timeout = reader.positive_duration(node, "`timeout`")?;
    if let (Some(interval), Some(at)) = (interval.filter(|interval| timeout > *interval), fields.get("interval")) {
        reader.report(
            Diagnostic::new(
                Code::TimeoutTooLong,
                format!("the timeout of {timeout} is longer than the interval of {interval}"),
            )
            .at(node.span, "runs would overlap")
            .also(at.span, "the interval")
            .help(format!("write at most `{interval}`, or a longer interval")),
        );
    }
    Some(timeout)
}

fn kind(reader: &mut Reader, fields: &Fields<'_>, timeout: Option<Duration>) -> Option<ProbeKind> {
    let (kind, node) = reader.one_of(fields, &KINDS)?;
    match kind {
        "http" => http::read(reader, node, timeout).map(Box::new).map(ProbeKind::Http),
        "tcp" => tcp::read(reader, node, timeout).map(Box::new).map(ProbeKind::Tcp),
        "tls" => chain::read(reader, node, timeout).map(Box::new).map(ProbeKind::Tls),
        "dns" => dns::read(reader, node, timeout).map(Box::new).map(ProbeKind::Dns),
        "icmp" => icmp::read(reader, node, timeout).map(Box::new).map(ProbeKind::Icmp),
        "grpc" => grpc::read(reader, node, timeout).map(Box::new).map(ProbeKind::Grpc),
        _ => journey::read(reader, node, timeout).map(Box::new).map(ProbeKind::Journey),
    }
}
