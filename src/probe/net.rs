//! From addresses to an open TCP connection, with fallback between them, and what its errors mean.
//!
//! What the target did is told from what the prober itself lacks (descriptors, ports, memory). Nothing here
//! speaks a protocol.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::outcome::Reason;
use super::progress::Fault;

/// How long one address may stay silent before the next is tried beside it (RFC 8305, section 8).
const FALLBACK_DELAY: Duration = Duration::from_millis(250);

/// A connection to the first address that accepts one.
///
/// The next address is tried as soon as one fails, and beside one that stays silent for 250 ms; what loses
/// is closed. Dropping the future closes everything.
///
/// # Errors
///
/// [`Reason::Connect`] with the last error when every address failed.
pub(super) async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Fault> {
    let stream = match addresses {
        [only] => TcpStream::connect(only).await.map_err(|error| (*only, error)),
        several => connect_any(several).await,
    };
    match stream {
        Ok(stream) => {
            // A small request must not wait for an acknowledgement; a failure here costs time, not the run.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Err((address, error)) => Err(unreachable(address, &error)),
    }
}

/// Whether anybody is at one of the addresses: whoever refuses a connection is there too.
pub(super) async fn is_anybody_at(addresses: &[SocketAddr]) -> bool {
    let mut attempts: JoinSet<_> = addresses.iter().copied().map(TcpStream::connect).collect();
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(_)) => return true,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => return true,
            Ok(Err(_)) | Err(_) => {}
        }
    }
    false
}

async fn connect_any(addresses: &[SocketAddr]) -> Result<TcpStream, (SocketAddr, io::Error)> {
    let mut waiting = addresses.iter().copied();
    let mut attempts = JoinSet::new();
    let mut failure = None;
    loop {
        let next = waiting.next();
        if let Some(address) = next {
            attempts.spawn(async move { TcpStream::connect(address).await.map_err(|error| (address, error)) });
        }
        let finished = tokio::select! {
            finished = attempts.join_next() => finished,
            () = tokio::time::sleep(FALLBACK_DELAY), if next.is_some() => continue,
        };
        match finished {
            Some(Ok(Ok(stream))) => return Ok(stream),
            // What a target did says more than what the prober lacks for another of its addresses.
            Some(Ok(Err((_, error)))) if is_own(&error) && failure.is_some() => {}
            Some(Ok(Err(failed))) => failure = Some(failed),
            Some(Err(_)) => {}
            None if next.is_none() => {
                let unknown = || (SocketAddr::from(([0, 0, 0, 0], 0)), io::Error::other("no address could be tried"));
                return Err(failure.unwrap_or_else(unknown));
            }
            None => {}
        }
    }
}

/// Whether an error says that the prober lacks something, rather than what the target did.
pub(super) fn is_own(error: &io::Error) -> bool {
    const OWN: [Errno; 6] =
        [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM, Errno::ADDRINUSE];
    error.raw_os_error().is_some_and(|code| OWN.iter().any(|own| own.raw_os_error() == code))
}

/// The fault of a target that could not be reached, unless the prober lacks something itself.
pub(super) fn unreachable(address: SocketAddr, error: &io::Error) -> Fault {
    if is_own(error) {
        return Fault::Prober(format!("no connection could be opened to {address}: {error}"));
    }
    Fault::Target(Reason::Connect, format!("{address}: {}", without_code(error)))
}

/// The fault of a conversation that broke off.
pub(super) fn broken(error: &io::Error) -> Fault {
    let detail = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection closed before the answer was complete".to_owned(),
        _ => without_code(error),
    };
    Fault::Target(Reason::Protocol, detail)
}

/// An operating system error in words, without the number that says the same.
pub(super) fn without_code(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn falls_back_to_the_next_address() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let good = listener.local_addr().expect("has an address");
        let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let refusing = unused.local_addr().expect("has an address");
        drop(unused);

        let stream = connect(&[refusing, good]).await.expect("the second accepts");
        assert_eq!(stream.peer_addr().expect("connected"), good);
        let failed = connect(&[refusing, refusing]).await.expect_err("nobody accepts");
        assert_eq!(failed, Fault::Target(Reason::Connect, format!("{refusing}: connection refused")));
    }

    #[tokio::test]
    async fn who_refuses_is_there() {
        let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let refusing = unused.local_addr().expect("has an address");
        drop(unused);
        // Nobody can be at the broadcast address.
        let nobody = SocketAddr::from(([255, 255, 255, 255], 1));
        assert!(is_anybody_at(&[nobody, refusing]).await);
        assert!(!is_anybody_at(&[nobody]).await);
    }

    #[test]
    fn a_lack_of_descriptors_is_the_probers_fault() {
        assert!(is_own(&io::Error::from_raw_os_error(Errno::MFILE.raw_os_error())));
        assert!(!is_own(&io::Error::from_raw_os_error(Errno::CONNREFUSED.raw_os_error())));
        assert!(!is_own(&io::Error::other("anything")));
    }
}
