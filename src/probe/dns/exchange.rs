//! One DNS question and its answer, by datagram or over a connection.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::message::{Question, Reading};
use crate::probe::net;
use crate::probe::outcome::Reason;
use crate::probe::progress::{Fault, FirstByte};

/// The longest datagram that is read whole. No server sends more than it is asked for, 1232 bytes.
const MAX_DATAGRAM: usize = 4096;

/// Asks by datagram and waits for the answer, however much else comes: anybody can send a datagram in the
/// server's name. `note` says how much that was.
///
/// # Errors
///
/// [`Reason::Connect`] when the server cannot be reached, [`Reason::Protocol`] when its answer cannot be read.
pub(in crate::probe) async fn by_datagram(
    server: SocketAddr,
    question: &Question,
    message: &[u8],
    note: &mut Option<String>,
) -> Result<Vec<u8>, Fault> {
    let unreachable = |error| net::unreachable(server, &error);
    // A socket of its own has a port that nobody can guess.
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await.map_err(unreachable)?;
    socket.connect(server).await.map_err(unreachable)?;
    socket.send(message).await.map_err(unreachable)?;
    let mut datagram = vec![0; MAX_DATAGRAM];
    let mut ignored: u64 = 0;
    loop {
        let length = socket.recv(&mut datagram).await.map_err(unreachable)?;
        let received = datagram.get(..length).unwrap_or_default();
        match question.read(received) {
            Reading::Answer(_) => return Ok(received.to_vec()),
            Reading::Garbage => return Err(garbage()),
            Reading::Other => ignored += 1,
        }
        *note = Some(format!("{ignored} datagrams that answer another question were ignored"));
    }
}

/// Asks over an open connection and waits for the answer (RFC 7766).
///
/// # Errors
///
/// [`Reason::Protocol`] when the connection ends first, or what comes is no answer to the question.
pub(in crate::probe) async fn over_connection<S>(
    stream: &mut S,
    question: &Question,
    message: &[u8],
    first_byte: &FirstByte,
) -> Result<Vec<u8>, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes();
    stream.write_all(&[&length, message].concat()).await.map_err(|error| net::broken(&error))?;
    stream.flush().await.map_err(|error| net::broken(&error))?;
    let high = stream.read_u8().await.map_err(|error| net::broken(&error))?;
    first_byte.note();
    let low = stream.read_u8().await.map_err(|error| net::broken(&error))?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes([high, low]))];
    stream.read_exact(&mut answer).await.map_err(|error| net::broken(&error))?;
    match question.read(&answer) {
        Reading::Answer(_) => Ok(answer),
        Reading::Garbage => Err(garbage()),
        Reading::Other => {
            Err(Fault::Target(Reason::Protocol, "what came over the connection answers another question".to_owned()))
        }
    }
}

fn garbage() -> Fault {
    Fault::Target(Reason::Protocol, "the answer is not a valid DNS message".to_owned())
}
