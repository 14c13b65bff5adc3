//! From a URL to an open TCP connection: resolving names and connecting, with fallback between addresses.
//!
//! What the target did is told from what the prober itself lacks (descriptors, ports, memory). Nothing here
//! speaks a protocol.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use url::{Host, Url};

use super::outcome::Reason;
use super::progress::Fault;

/// How long one address may stay silent before the next is tried beside it (RFC 8305, section 8).
const FALLBACK_DELAY: Duration = Duration::from_millis(250);

/// The addresses of a URL's host, in the order in which they are to be tried; an IP literal is its own.
///
/// # Errors
///
/// [`Reason::Resolve`] when the name has no address.
pub(super) async fn resolve(url: &Url) -> Result<Vec<SocketAddr>, Fault> {
    let port = url.port_or_known_default().unwrap_or_default();
    let name = match url.host() {
        Some(Host::Ipv4(address)) => return Ok(vec![(address, port).into()]),
        Some(Host::Ipv6(address)) => return Ok(vec![(address, port).into()]),
        Some(Host::Domain(name)) => name,
        None => return Err(Fault::Prober("the URL has no host".to_owned())),
    };
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host((name, port)).await {
        Ok(found) => found.collect(),
        Err(error) if is_own(&error) || out_of_descriptors() => {
            return Err(Fault::Prober(format!("the name could not be looked up: {error}")));
        }
        Err(error) => return Err(Fault::Target(Reason::Resolve, format!("`{name}`: {error}"))),
    };
    if addresses.is_empty() {
        return Err(Fault::Target(Reason::Resolve, format!("`{name}` has no address")));
    }
    Ok(addresses)
}

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
        Err((address, error)) if is_own(&error) => {
            Err(Fault::Prober(format!("no connection could be opened to {address}: {error}")))
        }
        Err((address, error)) => Err(Fault::Target(Reason::Connect, format!("{address}: {}", without_code(&error)))),
    }
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

/// Whether no descriptor can be opened: a resolver that has none says only that the lookup failed.
fn out_of_descriptors() -> bool {
    std::fs::File::open("/dev/null").is_err_and(|error| is_own(&error))
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

    #[test]
    fn a_lack_of_descriptors_is_the_probers_fault() {
        assert!(is_own(&io::Error::from_raw_os_error(Errno::MFILE.raw_os_error())));
        assert!(!is_own(&io::Error::from_raw_os_error(Errno::CONNREFUSED.raw_os_error())));
        assert!(!is_own(&io::Error::other("anything")));
    }
}
