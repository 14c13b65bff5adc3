//! A real HTTP server, on hyper and rustls, that answers as a test says and remembers what it was asked.
//!
//! It speaks HTTP/1.1, or HTTP/2 where ALPN or the test says so. Dropping it closes everything.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::target::Identity;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) version: Version,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The server name of the handshake.
    pub(crate) server_name: Option<String>,
    /// Whether the client showed a certificate.
    pub(crate) has_client_certificate: bool,
}

impl Seen {
    /// The first header of that name as text, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("text")).unwrap_or_default()
    }
}

/// How a server speaks.
#[derive(Default)]
pub(crate) struct Speaks {
    /// TLS, and how.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// HTTP/2 from the first byte, without TLS.
    pub(crate) h2: bool,
}

/// TLS as one of the tests needs it.
pub(crate) struct Tls<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) alpn: &'static [&'static str],
    pub(crate) versions: &'static [&'static rustls::SupportedProtocolVersion],
    /// Who has signed the certificates that clients may show; nobody needs to show one.
    pub(crate) clients: Option<RootCertStore>,
}

impl<'a> Tls<'a> {
    /// What servers do.
    pub(crate) fn usual(identity: &'a Identity) -> Self {
        Self { identity, alpn: &["h2", "http/1.1"], versions: rustls::ALL_VERSIONS, clients: None }
    }

    /// As a way of speaking.
    pub(crate) fn speaks(self) -> Speaks {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .expect("versions");
        let builder = match self.clients {
            None => builder.with_no_client_auth(),
            Some(roots) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .allow_unauthenticated()
                    .build()
                    .expect("a verifier"),
            ),
        };
        let (chain, key) = self.identity.parts();
        let mut config = builder.with_single_cert(chain, key).expect("a certificate");
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Speaks { tls: Some(Arc::new(config)), h2: false }
    }
}

/// An answer.
pub(crate) type Answer = Response<Full<Bytes>>;

/// An answer of this status with headers and a body.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(body.into())).expect("an answer")
}

/// A server that is listening.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _task: AbortOnDropHandle<()>,
}

impl Origin {
    /// A server without TLS that answers what `respond` makes of a request.
    pub(crate) async fn plain(respond: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(Speaks::default(), respond).await
    }

    /// A server that answers what `respond` makes of a request.
    pub(crate) async fn start(speaks: Speaks, respond: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("is bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = Arc::new(Server { speaks, seen: Arc::clone(&seen), respond: Box::new(respond) });
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&server);
                connections.spawn(async move {
                    let Some(config) = server.speaks.tls.clone() else {
                        let h2 = server.speaks.h2;
                        return server.serve(stream, h2, None, false).await;
                    };
                    let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else { return };
                    let session = stream.get_ref().1;
                    let (name, h2) = (session.server_name().map(str::to_owned), session.alpn_protocol() == Some(b"h2"));
                    let has_client = session.peer_certificates().is_some();
                    server.serve(stream, h2, name, has_client).await;
                });
            }
        });
        Self { address, seen, _task: AbortOnDropHandle::new(task) }
    }

    /// A URL of this server under a name for it.
    pub(crate) fn url(&self, scheme: &str, host: &str, path: &str) -> String {
        format!("{scheme}://{host}:{}{path}", self.address.port())
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

struct Server {
    speaks: Speaks,
    seen: Arc<Mutex<Vec<Seen>>>,
    respond: Box<dyn Fn(&Seen) -> Answer + Send + Sync>,
}

impl Server {
    async fn serve<S>(self: Arc<Self>, stream: S, h2: bool, server_name: Option<String>, has_client_certificate: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |request: Request<Incoming>| {
            let (server, server_name) = (Arc::clone(&self), server_name.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let (version, method, uri, headers) = (head.version, head.method, head.uri, head.headers);
                let seen = Seen { version, method, uri, headers, body, server_name, has_client_certificate };
                let answer = (server.respond)(&seen);
                server.seen.lock().expect("not poisoned").push(seen);
                Ok::<_, Infallible>(answer)
            }
        });
        // A client that goes away in the middle is its own business.
        let io = TokioIo::new(stream);
        if h2 {
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
        } else {
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
        }
    }
}
