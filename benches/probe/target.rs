//! What is probed: a small page, with or without TLS, and a server that accepts and is silent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

use super::support::origin::Tls;
use super::support::target::Authority;

/// What the page holds: about as much as a health page.
const BODY: usize = 1_024;

/// Who vouches for the page.
pub(crate) struct Pki {
    authority: Authority,
    directory: tempfile::TempDir,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let (authority, directory) = (Authority::new(), tempfile::tempdir().expect("a directory"));
        std::fs::write(directory.path().join("ca.pem"), authority.pem()).expect("a file");
        Self { authority, directory }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }
}

/// A page, served by a thread of its own.
pub(crate) struct Page {
    pub(crate) address: SocketAddr,
    arrivals: Arrivals,
    _runtime: Runtime,
}

/// When requests for each path arrived.
type Arrivals = Arc<Mutex<BTreeMap<String, Vec<Instant>>>>;

impl Page {
    pub(crate) fn start(pki: Option<&Pki>) -> Self {
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("binds");
        let address = listener.local_addr().expect("is bound");
        let tls = pki.map(|pki| {
            let identity = pki.authority.issue("127.0.0.1", 2080);
            TlsAcceptor::from(Tls { alpn: &["http/1.1"], ..Tls::usual(&identity) }.speaks().tls.expect("TLS"))
        });
        let arrivals = Arrivals::default();
        let seen = Arc::clone(&arrivals);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (arrived, tls, seen) = (Instant::now(), tls.clone(), Arc::clone(&seen));
                let _ = stream.set_nodelay(true);
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, arrived, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, arrived, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, arrivals, _runtime: runtime }
    }

    pub(crate) fn forget(&self) {
        self.arrivals.lock().expect("not poisoned").clear();
    }

    pub(crate) fn arrivals(&self) -> BTreeMap<String, Vec<Instant>> {
        self.arrivals.lock().expect("not poisoned").clone()
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, arrived: Instant, seen: &Arrivals) {
    let mut head = Vec::with_capacity(1_024);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.is_ok_and(|count| count == 0) {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if path != "/" {
        seen.lock().expect("not poisoned").entry(path).or_default().push(arrived);
    }
    let body = "x".repeat(BODY);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A server that accepts, says nothing, and notes how long it was held.
pub(crate) struct Silent {
    pub(crate) address: SocketAddr,
    held: Arc<Mutex<Vec<Duration>>>,
    _runtime: Runtime,
}

impl Silent {
    pub(crate) fn start() -> Self {
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("binds");
        let address = listener.local_addr().expect("is bound");
        let held = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&held);
        runtime.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (accepted, all) = (Instant::now(), Arc::clone(&all));
                tokio::spawn(async move {
                    let mut buffer = [0; 1_024];
                    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
                    all.lock().expect("not poisoned").push(accepted.elapsed());
                });
            }
        });
        Self { address, held, _runtime: runtime }
    }

    pub(crate) fn held(&self) -> Vec<Duration> {
        self.held.lock().expect("not poisoned").clone()
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}
