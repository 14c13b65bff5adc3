//! ICMP: one echo request and its reply, over an unprivileged socket where the system has them.
//!
//! A system that lets the prober open neither an unprivileged nor a raw socket is the prober's own fault, never
//! an outage of the target.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::conclude::Limits;
use super::net;
use super::outcome::{Outcome, Phase, Reason};
use super::progress::{Fault, Progress};
use super::random;
use super::reach::Reach;
use crate::spec::model::IcmpProbe;

/// The length of an echo's own head in bytes (RFC 792, RFC 4443).
const HEAD: usize = 8;

/// The largest head of an IPv4 packet in bytes, which a raw socket hands out too.
const MAX_IPV4_HEAD: usize = 60;

/// Random bytes at the start of the payload, by which a reply is told from anybody else's.
const NONCE: usize = 8;

/// Sends one echo request, within `limits`.
pub(super) async fn run(reach: &Reach, probe: &IcmpProbe, limits: Limits) -> Outcome {
    let (started, mut progress) = (Instant::now(), Progress::default());
    let attempt = limits.bound(attempt(reach, probe, &mut progress)).await;
    limits.conclude(started, progress, attempt, probe.within)
}

async fn attempt(reach: &Reach, probe: &IcmpProbe, progress: &mut Progress) -> Result<(), Fault> {
    let nonce: [u8; NONCE] = random::bytes()?;
    let number = u16::from_be_bytes(random::bytes()?);
    progress.enter(Phase::Resolve);
    let addresses = reach.resolver.lookup(&probe.host, 0, probe.ip).await?;
    progress.enter(Phase::Processing);
    let mut last = Fault::Prober("the host has no address".to_owned());
    for address in addresses {
        let echo = Echo { address, number, payload: payload(nonce, probe.payload_bytes) };
        match echo.exchange(probe.ttl, progress).await {
            Err(unreachable @ Fault::Target(Reason::Connect, _)) => last = unreachable,
            result => return result,
        }
    }
    Err(last)
}

/// The nonce, then bytes that count up as those of `ping` do.
fn payload(nonce: [u8; NONCE], length: usize) -> Vec<u8> {
    nonce.into_iter().chain((0..=u8::MAX).cycle()).take(length).collect()
}

/// One request to one address.
struct Echo {
    address: SocketAddr,
    /// The identifier and the sequence number of the request; an unprivileged socket sets its own identifier.
    number: u16,
    payload: Vec<u8>,
}

/// What kind of socket the system gave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Unprivileged,
    Raw,
}

impl Echo {
    async fn exchange(&self, ttl: Option<u8>, progress: &mut Progress) -> Result<(), Fault> {
        let (socket, access) = open(self.address, ttl)?;
        let unreachable = |error| net::unreachable(self.address, &error);
        socket.send(&self.request()).await.map_err(unreachable)?;
        let mut packet = vec![0; MAX_IPV4_HEAD + HEAD + self.payload.len() + 1];
        loop {
            let length = socket.recv(&mut packet).await.map_err(unreachable)?;
            let received = packet.get(..length).unwrap_or_default();
            if self.is_answered_by(received, access) {
                progress.first_byte().note();
                return Ok(());
            }
        }
    }

    fn request(&self) -> Vec<u8> {
        let kind = if self.address.is_ipv4() { 8 } else { 128 };
        let [high, low] = self.number.to_be_bytes();
        let mut packet = vec![kind, 0, 0, 0, high, low, high, low];
        packet.extend_from_slice(&self.payload);
        // The checksum of ICMPv6 covers addresses that only the system knows, so it fills that one in.
        if self.address.is_ipv4() {
            let sum = checksum(&packet).to_be_bytes();
            if let Some(place) = packet.get_mut(2..4) {
                place.copy_from_slice(&sum);
            }
        }
        packet
    }

    fn is_answered_by(&self, packet: &[u8], access: Access) -> bool {
        let message = match access {
            Access::Raw if self.address.is_ipv4() => without_ipv4_head(packet),
            _ => Some(packet),
        };
        let wanted = if self.address.is_ipv4() { 0 } else { 129 };
        let Some((head, payload)) = message.and_then(|message| message.split_at_checked(HEAD)) else { return false };
        let [high, low] = self.number.to_be_bytes();
        let [kind, code, _, _, id_high, id_low, sequence_high, sequence_low] = head else { return false };
        let is_ours = access == Access::Unprivileged || [*id_high, *id_low] == [high, low];
        is_ours
            && (*kind, *code) == (wanted, 0)
            && [*sequence_high, *sequence_low] == [high, low]
            && payload == self.payload.as_slice()
    }
}

fn without_ipv4_head(packet: &[u8]) -> Option<&[u8]> {
    let words = usize::from(packet.first()? & 0x0f);
    packet.get(words * 4..)
}

/// The Internet checksum (RFC 1071) of a packet whose own checksum is 0.
fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(u16::from_be_bytes([*high, 0])),
        _ => 0,
    });
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

/// A socket that talks to one address only.
fn open(address: SocketAddr, ttl: Option<u8>) -> Result<(UdpSocket, Access), Fault> {
    let (domain, protocol) = match address.ip() {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let open = |kind| Socket::new(domain, kind, Some(protocol));
    let (socket, access) = match open(Type::DGRAM) {
        Ok(socket) => (socket, Access::Unprivileged),
        Err(error) if is_refusal(&error) => match open(Type::RAW) {
            Ok(socket) => (socket, Access::Raw),
            Err(error) if is_refusal(&error) => return Err(not_permitted()),
            Err(error) => return Err(net::unreachable(address, &error)),
        },
        Err(error) => return Err(net::unreachable(address, &error)),
    };
    prepare(socket, address, ttl).map(|socket| (socket, access)).map_err(|error| net::unreachable(address, &error))
}

fn prepare(socket: Socket, address: SocketAddr, ttl: Option<u8>) -> io::Result<UdpSocket> {
    if let Some(ttl) = ttl {
        match address {
            SocketAddr::V4(_) => socket.set_ttl_v4(ttl.into())?,
            SocketAddr::V6(_) => socket.set_unicast_hops_v6(ttl.into())?,
        }
    }
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::from(address))?;
    // To the runtime it is one more socket that sends and receives whole packets.
    UdpSocket::from_std(socket.into())
}

fn is_refusal(error: &io::Error) -> bool {
    // Some systems do not know such sockets at all.
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(rustix::io::Errno::PROTONOSUPPORT.raw_os_error())
}

fn not_permitted() -> Fault {
    Fault::Prober(
        "the prober may open neither an unprivileged nor a raw ICMP socket: widen net.ipv4.ping_group_range to its \
         group, or give it CAP_NET_RAW"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(address: &str) -> Echo {
        let address = SocketAddr::new(address.parse().expect("an address"), 0);
        Echo { address, number: 0x1234, payload: payload([9; NONCE], 12) }
    }

    #[test]
    fn checksums_are_those_of_the_internet() {
        // RFC 1071, section 3.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0x01]), !0x0100);
        let request = echo("127.0.0.1").request();
        assert_eq!(checksum(&request), 0, "a packet with its checksum sums up to nothing");
    }

    #[test]
    fn only_the_own_reply_counts() {
        let echo4 = echo("127.0.0.1");
        let request = echo4.request();
        let mut reply = request.clone();
        reply[0] = 0;
        assert!(echo4.is_answered_by(&reply, Access::Unprivileged));
        assert!(!echo4.is_answered_by(&request, Access::Unprivileged), "the request itself, on the loopback");
        let mut raw = vec![0x45; 20];
        raw.extend_from_slice(&reply);
        assert!(echo4.is_answered_by(&raw, Access::Raw));
        // A raw socket sees everybody's replies: another identifier, number, payload or length is not ours.
        for at in [4, 6, 8] {
            let mut other = raw.clone();
            other[20 + at] ^= 1;
            assert!(!echo4.is_answered_by(&other, Access::Raw), "{at}");
        }
        assert!(!echo4.is_answered_by(&raw[..raw.len() - 1], Access::Raw));
        assert!(!echo4.is_answered_by(&[], Access::Raw));
        assert!(!echo4.is_answered_by(&[0x4f; 20], Access::Raw));

        let echo6 = echo("::1");
        let mut reply = echo6.request();
        reply[0] = 129;
        assert!(echo6.is_answered_by(&reply, Access::Raw), "no head of IPv6 comes with it");
    }
}
