//! The HTTP server: accepts connections within bounds, hands requests to [`routes`], and stops gracefully.
//!
//! Bounds: 256 connections at once, a TLS handshake within 10 s, 16 KiB of request head within 20 s (which also
//! ends an idle connection), small request bodies where there are any, answers that the client takes within reason, and 5 minutes for a
//! connection, whatever it is used for.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::local::LocalSocket;
use super::routes::{self, App, Caller};
use crate::history::audit::Who;

const MAX_CONNECTIONS: usize = 256;
/// Connections over the local socket at once.
const MAX_LOCAL: usize = 16;
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Requests of one HTTP/2 connection that are answered at once.
const MAX_STREAMS: u32 = 16;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Off the usual scrape intervals, so that an idle connection does not end just as the next scrape begins.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// HTTP/2 has no end of idleness of its own. Clients open a new connection without being told.
const LIFETIME: Duration = Duration::from_secs(300);
/// How long an answer may go on when the lifetime of its connection is over.
const LAST_ANSWER: Duration = Duration::from_secs(60);
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
                socket: Socket::Tcp { listener, loopback: address.ip().is_loopback() },
                app: Arc::clone(app),
                limit: Arc::clone(&limit),
            };
            server.listeners.spawn(listener.accept_until(server.stopping.clone()));
        }
        Ok(server)
    }

    /// Answers on a local socket as well.
    pub(super) fn listen_on(&mut self, socket: LocalSocket, app: &Arc<App>) {
        // A bound of its own: whoever fills the others must not keep the owner out.
        let limit = Arc::new(Semaphore::new(MAX_LOCAL));
        let listener = Listener { socket: Socket::Local(socket), app: Arc::clone(app), limit };
        self.listeners.spawn(listener.accept_until(self.stopping.clone()));
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

/// What is listened on.
enum Socket {
    Tcp { listener: TcpListener, loopback: bool },
    Local(LocalSocket),
}

/// A connection that was accepted.
enum Accepted {
    Tcp { stream: TcpStream, loopback: bool },
    Local(UnixStream, Who),
}

impl Socket {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp { listener, loopback } => {
                let (stream, _) = listener.accept().await?;
                Ok(Accepted::Tcp { stream, loopback: *loopback })
            }
            Self::Local(socket) => socket.accept().await.map(|(stream, who)| Accepted::Local(stream, who)),
        }
    }
}

struct Listener {
    socket: Socket,
    app: Arc<App>,
    limit: Arc<Semaphore>,
}

impl Listener {
    async fn accept_until(self, stopping: CancellationToken) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                Some(_) = connections.join_next() => {}
                Some((accepted, permit)) = self.accept() => {
                    let app = Arc::clone(&self.app);
                    let stopping = stopping.clone();
                    connections.spawn(async move {
                        serve(app, accepted, stopping).await;
                        drop(permit);
                    });
                }
            }
        }
        drop(self.socket);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        // Whoever is still reading then is cut off with `connections`.
        let _ = timeout(STOP_TIMEOUT, all_ended).await;
    }

    /// The next connection, once there is room for one more.
    async fn accept(&self) -> Option<(Accepted, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.limit).acquire_owned().await.ok()?;
        loop {
            match self.socket.accept().await {
                Ok(accepted) => return Some((accepted, permit)),
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Whoever is at the other end of a connection.
struct Client {
    app: Arc<App>,
    caller: Caller,
}

/// Answers the requests of one connection.
async fn serve(app: Arc<App>, accepted: Accepted, stopping: CancellationToken) {
    match accepted {
        Accepted::Local(stream, who) => {
            let client = Client { app, caller: Caller::Local(who) };
            client.http1(Connection::new(stream), &stopping).await;
        }
        Accepted::Tcp { stream, loopback } => {
            let tls = app.web.current().await.tls.clone();
            let client = Client { app, caller: Caller::Remote { loopback, tls: tls.is_some() } };
            client.serve(Connection::new(stream), tls, stopping).await;
        }
    }
}

impl Client {
    /// Answers over TCP, within TLS where there is TLS.
    async fn serve(
        self,
        stream: Connection<TcpStream>,
        tls: Option<Arc<rustls::ServerConfig>>,
        stopping: CancellationToken,
    ) {
        let Some(tls) = tls else { return self.http1(stream, &stopping).await };
        match timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls).accept(stream)).await {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                self.http2(stream, &stopping).await;
            }
            Ok(Ok(stream)) => self.http1(stream, &stopping).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn http1(self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, stopping: &CancellationToken) {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service_fn(|request| self.answer(request)));
        drive(connection, stopping).await;
    }

    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, stopping: &CancellationToken) {
        let client = Arc::new(self);
        let service = service_fn(move |request| {
            let client = Arc::clone(&client);
            async move { client.answer(request).await }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
            .keep_alive_interval(HEAD_TIMEOUT)
            .keep_alive_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        drive(connection, stopping).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<http::Response<super::body::AnyBody>, Infallible> {
        Ok(routes::answer(&self.app, &self.caller, request).await)
    }
}

/// Answers until the client goes away, the connection's lifetime is over or the server stops.
async fn drive<C>(connection: C, stopping: &CancellationToken)
where
    C: GracefulConnection,
    C::Error: std::fmt::Display,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopping.cancelled() => None,
        () = sleep(LIFETIME) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(LAST_ANSWER, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
