//! DNS: one question to one server, and its answer judged by what the file expects.
//!
//! It shares the messages with the resolver, and never uses the resolver's servers for its own question.

mod exchange;
mod message;

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use simple_dns::rdata::RData;
use simple_dns::{Packet, PacketFlag, RCODE};
use tokio::time::Instant;

use super::conclude::Limits;
use super::excerpt::Excerpt;
use super::net;
use super::outcome::{Outcome, Phase, Reason};
use super::progress::{Fault, Progress};
use super::reach::{Reach, secure};
use super::tls::Alpn;
use crate::spec::model::{DnsExpect, DnsProbe, DnsTransport, Rcode};
use crate::units::Pattern;

pub(super) use exchange::{by_datagram, over_connection};
pub(super) use message::{Question, Reading};

/// Asks once, within `limits`.
pub(super) async fn run(reach: &Reach, probe: &DnsProbe, limits: Limits) -> Outcome {
    let (started, mut progress) = (Instant::now(), Progress::default());
    let attempt = limits.bound(attempt(reach, probe, &mut progress)).await;
    limits.conclude(started, progress, attempt, probe.expect.within)
}

async fn attempt(reach: &Reach, probe: &DnsProbe, progress: &mut Progress) -> Result<(), Fault> {
    let question = Question::new(&probe.name, probe.record)?;
    let answer = ask(reach, probe, &question, progress).await?;
    match question.read(&answer) {
        Reading::Answer(packet) => {
            let records: Vec<String> = question.records(&packet).into_iter().map(text).collect();
            let all = records.join("\n");
            progress.excerpt = Some(Excerpt::around(all.as_bytes(), 0, 0));
            judge(&packet, &records, &probe.expect)
        }
        Reading::Garbage | Reading::Other => Err(Fault::Prober("an answer was read and then lost".to_owned())),
    }
}

/// The whole answer, by whichever way it comes.
async fn ask(reach: &Reach, probe: &DnsProbe, question: &Question, progress: &mut Progress) -> Result<Vec<u8>, Fault> {
    let message = question.message(probe.recursion, true)?;
    match &probe.transport {
        DnsTransport::Udp => {
            progress.enter(Phase::Resolve);
            let servers = reach.resolver.lookup(&probe.server.host, probe.server.port, probe.ip).await?;
            progress.enter(Phase::Processing);
            let (server, answer) = ask_any(&servers, question, &message, &mut progress.note).await?;
            if !is_truncated(question, &answer) {
                return Ok(answer);
            }
            progress.note = None;
            progress.enter(Phase::Connect);
            let mut stream = net::connect(&[server]).await?;
            progress.enter(Phase::Processing);
            over_connection(&mut stream, question, &message, &progress.first_byte()).await
        }
        DnsTransport::Tcp => {
            let mut stream = reach.connect(&probe.server, probe.ip, progress).await?;
            progress.enter(Phase::Processing);
            over_connection(&mut stream, question, &message, &progress.first_byte()).await
        }
        DnsTransport::Tls(settings) => {
            let client = reach.tls.client(settings, Alpn::DNS).await?;
            let stream = reach.connect(&probe.server, probe.ip, progress).await?;
            let mut stream = secure(&client, &probe.server, stream, progress).await?;
            progress.enter(Phase::Processing);
            over_connection(&mut stream, question, &message, &progress.first_byte()).await
        }
    }
}

/// Asks the server at the first of its addresses that can be reached.
async fn ask_any(
    servers: &[SocketAddr],
    question: &Question,
    message: &[u8],
    note: &mut Option<String>,
) -> Result<(SocketAddr, Vec<u8>), Fault> {
    let mut last = Fault::Prober("the server has no address".to_owned());
    for server in servers {
        match by_datagram(*server, question, message, note).await {
            Ok(answer) => return Ok((*server, answer)),
            Err(unreachable @ Fault::Target(Reason::Connect, _)) => last = unreachable,
            Err(fault) => return Err(fault),
        }
    }
    Err(last)
}

fn is_truncated(question: &Question, answer: &[u8]) -> bool {
    matches!(question.read(answer), Reading::Answer(packet) if packet.has_flags(PacketFlag::TRUNCATION))
}

/// Holds an answer against what the file expects.
fn judge(packet: &Packet<'_>, records: &[String], expect: &DnsExpect) -> Result<(), Fault> {
    let code = rcode(packet.rcode());
    if !expect.rcodes.contains(&code) {
        let wanted: Vec<&str> = expect.rcodes.iter().map(|code| code.as_str()).collect();
        let detail = format!("the response code is {}, expected {}", code.as_str(), wanted.join(" or "));
        return Err(Fault::Target(Reason::Rcode, detail));
    }
    let is_authority = packet.has_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    if expect.authoritative.is_some_and(|wanted| wanted != is_authority) {
        let detail = format!("the server is {}an authority for the name", if is_authority { "" } else { "not " });
        return Err(wrong(detail));
    }
    let count = records.len();
    if code == Rcode::NoError && count < expect.at_least {
        return Err(wrong(format!("{count} records of the asked type, expected at least {}", expect.at_least)));
    }
    if let Some(most) = expect.at_most.filter(|most| count > *most) {
        return Err(wrong(format!("{count} records of the asked type, expected at most {most}")));
    }
    judge_records(records, expect)
}

fn judge_records(records: &[String], expect: &DnsExpect) -> Result<(), Fault> {
    let is_met = |pattern: &Pattern| records.iter().any(|record| pattern.is_match(record.as_bytes()));
    let is_met_by_all = |pattern: &Pattern| records.iter().all(|record| pattern.is_match(record.as_bytes()));
    let count = records.len();
    if let Some(pattern) = expect.any.iter().find(|pattern| !is_met(pattern)) {
        return Err(wrong(format!("none of {count} records matches `{pattern}`")));
    }
    if let Some(pattern) = expect.all.iter().find(|pattern| !is_met_by_all(pattern)) {
        return Err(wrong(format!("not all of {count} records match `{pattern}`")));
    }
    if let Some(pattern) = expect.none.iter().find(|pattern| is_met(pattern)) {
        return Err(wrong(format!("one of {count} records matches `{pattern}`, which none may")));
    }
    Ok(())
}

fn wrong(detail: String) -> Fault {
    Fault::Target(Reason::Answer, detail)
}

/// The response code as the file names it.
pub(super) fn rcode(code: RCODE) -> Rcode {
    match code {
        RCODE::NoError => Rcode::NoError,
        RCODE::FormatError => Rcode::FormErr,
        RCODE::ServerFailure => Rcode::ServFail,
        RCODE::NameError => Rcode::NxDomain,
        RCODE::NotImplemented => Rcode::NotImp,
        RCODE::Refused => Rcode::Refused,
        _ => Rcode::Other,
    }
}

/// A record's data as zone files write it, names without their last dot; a type that has no such form here is
/// written as RFC 3597 says.
fn text(record: &RData<'_>) -> String {
    match record {
        RData::A(four) => Ipv4Addr::from_bits(four.address).to_string(),
        RData::AAAA(six) => Ipv6Addr::from_bits(six.address).to_string(),
        RData::CNAME(name) => name.0.to_string(),
        RData::NS(name) => name.0.to_string(),
        RData::PTR(name) => name.0.to_string(),
        RData::MX(mail) => format!("{} {}", mail.preference, mail.exchange),
        RData::SRV(server) => format!("{} {} {} {}", server.priority, server.weight, server.port, server.target),
        RData::SOA(zone) => format!(
            "{} {} {} {} {} {} {}",
            zone.mname, zone.rname, zone.serial, zone.refresh, zone.retry, zone.expire, zone.minimum
        ),
        RData::TXT(strings) => String::try_from(strings.clone()).unwrap_or_else(|_| unknown(record)),
        RData::CAA(rule) => {
            let tag = String::try_from(rule.tag.clone()).unwrap_or_default();
            format!("{} {tag} \"{}\"", rule.flag, String::from_utf8_lossy(&rule.value))
        }
        other => unknown(other),
    }
}

fn unknown(record: &RData<'_>) -> String {
    let mut packet = Packet::new_reply(0);
    let owner = simple_dns::Name::new_unchecked("");
    packet.answers.push(simple_dns::ResourceRecord::new(owner, simple_dns::CLASS::IN, 0, record.clone()));
    // The root's name is one byte; type, class, time to live and length follow it.
    let bytes = packet.build_bytes_vec().unwrap_or_default();
    let data = bytes.get(12 + 11..).unwrap_or_default();
    let mut text = format!("\\# {} ", data.len());
    for byte in data {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use simple_dns::rdata::{DS, MX, TXT};

    use super::*;

    #[test]
    fn records_read_as_in_zone_files() {
        let exchange = simple_dns::Name::new_unchecked("mail.example.com");
        assert_eq!(text(&RData::MX(MX { preference: 10, exchange })), "10 mail.example.com");
        let strings = TXT::new().with_string("v=spf1 ").expect("fits").with_string("-all").expect("fits");
        assert_eq!(text(&RData::TXT(strings)), "v=spf1 -all");
        let signer = DS { key_tag: 258, algorithm: 8, digest_type: 2, digest: vec![0xab].into() };
        assert_eq!(text(&RData::DS(signer)), "\\# 5 01020802ab");
    }
}
