//! The HTTP server: accepts connections within bounds, hands requests to [`routes`], and stops gracefully.
//!
//! Bounds: 256 connections at once, 16 KiB of request head within 20 s (which also ends an idle
//! connection), no request bodies, and answers that the client takes within reason.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::routes::{self, App};

const MAX_CONNECTIONS: usize = 256;
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Off the usual scrape intervals, so that an idle connection does not end just as the next scrape begins.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a stop waits for answers that are being sent.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long accepting rests when the process has run out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listeners that accept connections until they are stopped. Dropping it closes everything at once.
#[derive(Debug)]
pub(super) struct Server {
    addresses: Vec<SocketAddr>,
    stopping: CancellationToken,
    listeners: JoinSet<()>,
}

impl Server {
    /// Binds every address and starts to answer with what `app` knows.
    ///
    /// # Errors
    ///
    /// The first address that cannot be bound, and why.
    pub(super) async fn start(listen: &[SocketAddr], app: &Arc<App>) -> Result<Self, (SocketAddr, io::Error)> {
        let mut server = Self { addresses: Vec::new(), stopping: CancellationToken::new(), listeners: JoinSet::new() };
        let limit = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        for wanted in listen {
            let bound = async {
                let listener = TcpListener::bind(wanted).await?;
                let address = listener.local_addr()?;
                Ok((listener, address))
            };
            let (listener, address) = bound.await.map_err(|error| (*wanted, error))?;
            server.addresses.push(address);
            let listener = Listener {
                listener,
                loopback: address.ip().is_loopback(),
                app: Arc::clone(app),
                limit: Arc::clone(&limit),
            };
            server.listeners.spawn(listener.accept_until(server.stopping.clone()));
        }
        Ok(server)
    }

    /// The addresses that are listened on, with the ports that were given out.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Accepts nothing more and waits for answers that are being sent, for 5 s at most.
    pub(super) async fn stop(mut self) {
        self.stopping.cancel();
        while self.listeners.join_next().await.is_some() {}
    }
}

struct Listener {
    listener: TcpListener,
    loopback: bool,
    app: Arc<App>,
    limit: Arc<Semaphore>,
}

impl Listener {
    async fn accept_until(self, stopping: CancellationToken) {
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                Some(_) = connections.join_next() => {}
                Some((stream, permit)) = self.accept() => {
                    connections.spawn(self.serve(stream, permit, &graceful));
                }
            }
        }
        drop(self.listener);
        // Whoever is still reading then is cut off with `connections`.
        let _ = tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown()).await;
    }

    /// The next connection, once there is room for one more.
    async fn accept(&self) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.limit).acquire_owned().await.ok()?;
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return Some((stream, permit)),
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Answers the requests of one connection.
    fn serve(
        &self,
        stream: TcpStream,
        permit: OwnedSemaphorePermit,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (app, loopback) = (Arc::clone(&self.app), self.loopback);
        let service = service_fn(move |request: Request<Incoming>| {
            let app = Arc::clone(&app);
            async move { Ok::<_, Infallible>(routes::answer(&app, loopback, &request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(Connection::new(stream)), service);
        let connection = graceful.watch(connection);
        async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke off");
            }
            drop(permit);
        }
    }
}
