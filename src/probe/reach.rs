//! What every protocol needs to reach its target: names, connections, TLS handshakes, conversations.

use std::pin::pin;

use rustls::RootCertStore;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use url::Host;

use super::http::Tokens;
use super::net;
use super::outcome::Phase;
use super::progress::{Fault, Progress};
use super::resolver::Resolver;
use super::tls::{self, Client, Handshaker};
use crate::spec::model::{Endpoint, IpFamily};

/// What all runs share to reach their targets. It keeps nothing of a run but tokens.
#[derive(Debug)]
pub(super) struct Reach {
    /// Makes the TLS handshakes.
    pub(super) tls: Handshaker,
    /// Looks names up.
    pub(super) resolver: Resolver,
    /// What the servers of OAuth 2.0 gave out.
    pub(super) tokens: Tokens,
}

impl Reach {
    /// Trusts `roots` where nothing else is said, and looks names up as this machine does.
    ///
    /// # Errors
    ///
    /// The cryptography lacks a protocol version.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        Ok(Self { tls: Handshaker::new(roots)?, resolver: Resolver::system(), tokens: Tokens::default() })
    }

    /// An open connection, with the phases `resolve` and `connect` on the way.
    ///
    /// # Errors
    ///
    /// Those of [`Resolver::lookup`] and [`net::connect`].
    pub(super) async fn connect(
        &self,
        target: &Endpoint,
        family: IpFamily,
        progress: &mut Progress,
    ) -> Result<TcpStream, Fault> {
        progress.enter(Phase::Resolve);
        let addresses = self.resolver.lookup(&target.host, target.port, family).await?;
        progress.enter(Phase::Connect);
        net::connect(&addresses).await
    }
}

/// The handshake over an open connection to `target`, with the phase `tls` and what its chain says of its end.
///
/// # Errors
///
/// Those of [`Client::handshake`].
pub(super) async fn secure<S>(
    client: &Client,
    target: &Endpoint,
    stream: S,
    progress: &mut Progress,
) -> Result<TlsStream<S>, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let host = match &target.host {
        Host::Domain(name) => Host::Domain(name.as_str()),
        Host::Ipv4(address) => Host::Ipv4(*address),
        Host::Ipv6(address) => Host::Ipv6(*address),
    };
    progress.enter(Phase::Tls);
    let stream = client.handshake(host, stream).await?;
    progress.tls_not_after = tls::earliest_not_after(&stream);
    Ok(stream)
}

/// Runs a conversation while its connection moves the bytes, both in this task, so that dropping it ends both.
pub(super) async fn drive<T>(connection: impl Future, conversation: impl Future<Output = T>) -> T {
    let mut conversation = pin!(conversation);
    tokio::select! {
        biased;
        answer = &mut conversation => answer,
        // A connection that is over has told the conversation why.
        _ = connection => conversation.await,
    }
}

/// A connection, whatever protects it.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}
