//! The target of the demo: a shop that is closed now and then, always in the same order.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A running target, which stops when dropped.
#[derive(Debug)]
pub(super) struct Target {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

impl Target {
    /// Listens; port 0 has one given out.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub(super) async fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener));
        Ok(Self { address, _accepting: accepting })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener) {
    let begin = Instant::now();
    let outages = Arc::new(Mutex::new(Outages::default()));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            Ok((stream, _)) = listener.accept() => {
                let at = begin.elapsed();
                let trouble = outages.lock().unwrap_or_else(PoisonError::into_inner).at(at);
                connections.spawn(answer(stream, trouble));
            }
        }
    }
}

/// Answers the requests of one connection.
async fn answer(stream: TcpStream, trouble: Option<Trouble>) {
    let service = service_fn(move |_| async move { Ok::<_, Infallible>(page(trouble)) });
    // A client that goes away in the middle is its own business.
    let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
}

fn page(trouble: Option<Trouble>) -> Response<Full<Bytes>> {
    let (status, text) = match trouble {
        None => (StatusCode::OK, "The shop is open.\n"),
        Some(Trouble::Overloaded) => (StatusCode::SERVICE_UNAVAILABLE, "Too many customers.\n"),
        Some(Trouble::WrongPage) => (StatusCode::OK, "Welcome to your new web server.\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

/// What is wrong with the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It answers with an error.
    Overloaded,
    /// It answers, but with something else.
    WrongPage,
}

/// Outages one after another: the first soon, so that nobody has to wait for it.
#[derive(Debug)]
struct Outages {
    /// State of a linear congruential generator (Knuth, MMIX).
    random: u64,
    begin: Duration,
    end: Duration,
    trouble: Trouble,
}

impl Default for Outages {
    fn default() -> Self {
        Self {
            random: 2_592_000,
            begin: Duration::from_secs(5),
            end: Duration::from_secs(15),
            trouble: Trouble::Overloaded,
        }
    }
}

impl Outages {
    /// What is wrong at this time after the beginning; time must not go back.
    fn at(&mut self, time: Duration) -> Option<Trouble> {
        while time >= self.end {
            self.begin = self.end + self.between(12, 35);
            self.end = self.begin + self.between(3, 15);
            self.trouble = match self.trouble {
                Trouble::Overloaded => Trouble::WrongPage,
                Trouble::WrongPage => Trouble::Overloaded,
            };
        }
        (time >= self.begin).then_some(self.trouble)
    }

    /// A random time between two numbers of seconds.
    fn between(&mut self, least: u64, most: u64) -> Duration {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_secs(least + (self.random >> 33) % (most - least + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_outage_comes_soon_and_the_budget_lasts_for_minutes() {
        let failed = |seconds: u64| {
            let mut outages = Outages::default();
            (0..seconds).filter(|second| outages.at(Duration::from_secs(*second)).is_some()).count()
        };
        assert_eq!((failed(5), failed(15)), (0, 10));
        // Six minutes are allowed: some are left after five minutes, none after an hour.
        assert!((30..200).contains(&failed(300)), "{}", failed(300));
        assert!(failed(3600) > 360, "{}", failed(3600));
    }
}
