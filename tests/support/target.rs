//! A target that does exactly what a test's script says, at the level of sockets and TLS records.
//!
//! It listens on a port of its own and plays the same script to every connection. Dropping it closes
//! everything.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// One thing that a target does to a connection.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Reads up to the end of a request's head.
    ReadHead,
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes one at a time with this much time between them.
    Trickle(Vec<u8>, Duration),
    /// Sends bytes again and again until the other side closes.
    SendForEver(Vec<u8>),
    /// Does nothing for a while.
    Pause(Duration),
    /// Does nothing until the other side closes.
    Hang,
    /// Closes with a TCP reset instead of an orderly end.
    Reset,
}

/// The script of an ordinary answer.
pub(crate) fn answers(status: u16, body: &str) -> Vec<Act> {
    let length = body.len();
    vec![Act::ReadHead, sends(&format!("HTTP/1.1 {status} Text\r\nContent-Length: {length}\r\n\r\n{body}"))]
}

/// Sends a text.
pub(crate) fn sends(text: &str) -> Act {
    Act::Send(text.as_bytes().to_vec())
}

/// The heads of all requests so far.
type Heads = Arc<Mutex<Vec<String>>>;

/// A target that is listening.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    open: Arc<()>,
    heads: Heads,
    _task: AbortOnDropHandle<()>,
}

impl Target {
    /// A target that plays `script` to every TCP connection.
    pub(crate) async fn plain(script: Vec<Act>) -> Self {
        Self::start(script, None).await
    }

    /// A target that makes a TLS handshake as `identity` first.
    pub(crate) async fn tls(identity: &Identity, script: Vec<Act>) -> Self {
        Self::start(script, Some(identity.acceptor())).await
    }

    async fn start(script: Vec<Act>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("is bound");
        let connections = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(());
        let heads = Heads::default();
        let (counter, handle, seen) = (Arc::clone(&connections), Arc::clone(&open), Arc::clone(&heads));
        let task = tokio::spawn(async move {
            let mut playing = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let (script, tls, handle, seen) = (script.clone(), tls.clone(), Arc::clone(&handle), Arc::clone(&seen));
                playing.spawn(async move {
                    let _handle = handle;
                    match tls {
                        Some(tls) => {
                            if let Ok(mut stream) = tls.accept(stream).await {
                                if play(&mut stream, &script, &seen).await {
                                    let _ = stream.get_ref().0.set_zero_linger();
                                } else {
                                    let _ = stream.shutdown().await;
                                }
                            }
                        }
                        None => plain(stream, &script, &seen).await,
                    }
                });
            }
        });
        Self { address, connections, open, heads, _task: AbortOnDropHandle::new(task) }
    }

    /// A URL of this target; `scheme` is `http` or `https`.
    pub(crate) fn url(&self, scheme: &str, path: &str) -> url::Url {
        format!("{scheme}://{}{path}", self.address).parse().expect("a URL")
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("not poisoned").clone()
    }

    /// How many connections are still open.
    pub(crate) fn open(&self) -> usize {
        Arc::strong_count(&self.open) - 2
    }
}

/// An address at which nobody listens.
pub(crate) async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    listener.local_addr().expect("is bound")
}

async fn plain(mut stream: TcpStream, script: &[Act], heads: &Heads) {
    if play(&mut stream, script, heads).await {
        let _ = stream.set_zero_linger();
    } else {
        let _ = stream.shutdown().await;
        // Closing with unread bytes would reset the connection behind the answer.
        let _ = tokio::time::timeout(Duration::from_secs(1), drain(&mut stream)).await;
    }
}

/// Plays a script and returns whether it ended with a reset.
async fn play<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, script: &[Act], heads: &Heads) -> bool {
    for act in script {
        let done = match act {
            Act::ReadHead => read_head(stream, heads).await,
            Act::Send(bytes) => stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok(),
            Act::Trickle(bytes, pause) => trickle(stream, bytes, *pause).await,
            Act::SendForEver(bytes) => {
                while stream.write_all(bytes).await.is_ok() {}
                false
            }
            Act::Pause(time) => {
                tokio::time::sleep(*time).await;
                true
            }
            Act::Hang => {
                drain(stream).await;
                false
            }
            Act::Reset => return true,
        };
        if !done {
            return false;
        }
    }
    false
}

async fn drain<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

async fn trickle<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8], pause: Duration) -> bool {
    for byte in bytes {
        if stream.write_all(&[*byte]).await.is_err() || stream.flush().await.is_err() {
            return false;
        }
        tokio::time::sleep(pause).await;
    }
    true
}

async fn read_head<S: AsyncRead + Unpin>(stream: &mut S, heads: &Heads) -> bool {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if !stream.read(&mut byte).await.is_ok_and(|count| count > 0) {
            return false;
        }
        head.push(byte[0]);
    }
    heads.lock().expect("not poisoned").push(String::from_utf8_lossy(&head).into_owned());
    true
}

/// A certificate authority of the test's own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "burndown test authority");
        params.not_after = rcgen::date_time_ymd(2090, 1, 1);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signs"))
    }

    /// A store that trusts this authority and nobody else.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a root");
        roots
    }

    /// The authority's certificate as a PEM file holds it.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `name` (a host name or an IP address) that ends on 1 January of `year`.
    pub(crate) fn issue(&self, name: &str, year: i32) -> Identity {
        let end = rcgen::date_time_ymd(year, 1, 1);
        self.issue_until(&[name], end.into())
    }

    /// A certificate for these names (host names or IP addresses) that ends at this time.
    pub(crate) fn issue_until(&self, names: &[&str], end: SystemTime) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_after = end.into();
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("signs");
        let pem = format!("{}{}", certificate.pem(), self.0.pem());
        Identity { chain: vec![certificate.der().clone(), self.0.der().clone()], pem, key }
    }
}

/// What a server shows in a handshake.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    /// The chain as a PEM file holds it.
    pem: String,
    key: KeyPair,
}

impl Identity {
    /// A certificate that nobody vouches for.
    pub(crate) fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new([name.to_owned()]).expect("a name").self_signed(&key).expect("signs");
        Self { chain: vec![certificate.der().clone()], pem: certificate.pem(), key }
    }

    /// The chain and the key as PEM files hold them.
    pub(crate) fn pem(&self) -> (&str, String) {
        (&self.pem, self.key.serialize_pem())
    }

    /// What makes handshakes as this identity.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor_for(rustls::DEFAULT_VERSIONS, &[])
    }

    /// What makes handshakes of these versions only, and speaks these protocols.
    pub(crate) fn acceptor_for(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        protocols: &[&str],
    ) -> TlsAcceptor {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_protocol_versions(versions)
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(self.chain.clone(), key)
                .expect("a certificate");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Identity {
    /// A certificate that nobody vouches for and that says of itself that it may sign others, which ends on 1 January
    /// of `year`.
    pub(crate) fn self_signed_authority(name: &str, year: i32) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signs");
        Self { chain: vec![certificate.der().clone()], pem: certificate.pem(), key }
    }

    /// The chain and its key, as rustls takes them.
    pub(crate) fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key"))
    }
}
