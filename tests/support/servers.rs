//! Small servers whose behaviour a test writes as code: TCP, TLS, DNS over datagrams and connections, gRPC health.
//!
//! Each listens on a port of its own on the loopback interface and ends when dropped.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Response};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, RCODE, ResourceRecord};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// A listener that hands every connection to the test's own code.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    open: Arc<()>,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    /// Serves each connection with `serve`, which closes it by returning.
    pub(crate) async fn start<F, W>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        Self::on(listener, serve)
    }

    fn on<F, W>(listener: TcpListener, serve: F) -> Self
    where
        F: Fn(TcpStream) -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr().expect("is bound");
        let open = Arc::new(());
        let handle = Arc::clone(&open);
        let task = tokio::spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (work, handle) = (serve(stream), Arc::clone(&handle));
                serving.spawn(async move {
                    work.await;
                    drop(handle);
                });
            }
        });
        Self { address, open, _task: AbortOnDropHandle::new(task) }
    }

    /// How many connections are still open.
    pub(crate) fn open(&self) -> usize {
        Arc::strong_count(&self.open) - 2
    }
}

/// Reads up to the end of a line, which is returned without it.
pub(crate) async fn read_line<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        match stream.read_u8().await {
            Ok(byte) => line.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

/// Says something; whether the other side still listens is its own business.
pub(crate) async fn say<S: AsyncWrite + Unpin>(stream: &mut S, words: impl AsRef<[u8]>) {
    let _ = stream.write_all(words.as_ref()).await;
    let _ = stream.flush().await;
}

/// Says nothing until the other side closes.
pub(crate) async fn hang<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

/// Closes with a TCP reset instead of an orderly end.
pub(crate) fn reset(stream: TcpStream) {
    stream.set_zero_linger().expect("a socket");
    drop(stream);
}

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    ByDatagram,
    OverConnection,
}

/// What a DNS server makes of a query: the messages that it sends back, in order.
pub(crate) type Answers = Arc<dyn Fn(&[u8], Came) -> Vec<Vec<u8>> + Send + Sync>;

/// A DNS server on one port for datagrams and connections.
pub(crate) struct DnsServer {
    pub(crate) address: SocketAddr,
    queries: Arc<AtomicUsize>,
    _datagrams: AbortOnDropHandle<()>,
    _connections: Server,
}

impl DnsServer {
    pub(crate) async fn start(answers: Answers) -> Self {
        let (listener, socket) = loop {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
            // Somebody else may have the same number for datagrams.
            if let Ok(socket) = UdpSocket::bind(listener.local_addr().expect("is bound")).await {
                break (listener, socket);
            }
        };
        let queries = Arc::new(AtomicUsize::new(0));
        let (counter, by_datagram) = (Arc::clone(&queries), Arc::clone(&answers));
        let datagrams = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                counter.fetch_add(1, Ordering::SeqCst);
                for answer in by_datagram(&buffer[..length], Came::ByDatagram) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        let address = listener.local_addr().expect("is bound");
        let connections = Server::on(listener, move |mut stream| {
            let answers = Arc::clone(&answers);
            async move { converse(&mut stream, &answers).await }
        });
        Self { address, queries, _datagrams: AbortOnDropHandle::new(datagrams), _connections: connections }
    }

    /// How many datagrams have come.
    pub(crate) fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }
}

/// Answers the queries of one connection, and closes it after one that has no answer.
pub(crate) async fn converse<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, answers: &Answers) {
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; usize::from(length)];
        if stream.read_exact(&mut query).await.is_err() {
            return;
        }
        let messages = answers(&query, Came::OverConnection);
        if messages.is_empty() {
            return;
        }
        for message in messages {
            let length = u16::try_from(message.len()).expect("a message").to_be_bytes();
            say(stream, [&length, message.as_slice()].concat()).await;
        }
    }
}

/// A record and who owns it.
pub(crate) fn record(owner: &str, data: RData<'static>) -> ResourceRecord<'static> {
    ResourceRecord::new(Name::new(owner).expect("a name").into_owned(), CLASS::IN, 60, data)
}

/// The answer to a query with this code and these records; `change` has the last word.
pub(crate) fn reply(
    query: &[u8],
    code: RCODE,
    records: &[ResourceRecord<'static>],
    change: impl FnOnce(&mut Packet<'_>),
) -> Vec<u8> {
    let asked = Packet::parse(query).expect("a query");
    let mut packet = Packet::new_reply(asked.id());
    packet.questions.clone_from(&asked.questions);
    packet.answers = records.to_vec();
    *packet.rcode_mut() = code;
    change(&mut packet);
    packet.build_bytes_vec_compressed().expect("a message")
}

/// What a gRPC server answers to any call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// `grpc-status` in the head: the call failed before it said anything.
    pub(crate) head_code: Option<&'static str>,
    pub(crate) body: Vec<u8>,
    /// `grpc-status` behind the body.
    pub(crate) code: Option<&'static str>,
}

impl Call {
    /// An ordinary answer with this message.
    pub(crate) fn says(message: &[u8]) -> Self {
        let length = u32::try_from(message.len()).expect("short").to_be_bytes();
        let body = [&[0], length.as_slice(), message].concat();
        Self { status: 200, content_type: "application/grpc", head_code: None, body, code: Some("0") }
    }

    /// A failed call.
    pub(crate) fn fails(code: &'static str) -> Self {
        Self { head_code: Some(code), body: Vec::new(), code: None, ..Self::says(b"") }
    }
}

/// Is shown the headers and the body of a call.
pub(crate) type Witness = Arc<dyn Fn(&HeaderMap, &[u8]) + Send + Sync>;

/// Answers the calls of one connection, and shows each to `seen`.
pub(crate) async fn serve_grpc<S>(stream: S, call: Call, seen: Witness)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (call, seen) = (call.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let (head, mut body) = request.into_parts();
            let mut message = Vec::new();
            while let Some(Ok(data)) = body.data().await {
                message.extend_from_slice(&data);
            }
            seen(&head.headers, &message);
            let mut answer = Response::builder().status(call.status).header("content-type", call.content_type);
            if let Some(code) = call.head_code {
                answer = answer.header("grpc-status", code).header("grpc-message", "s3cret words of the server");
            }
            let is_last = call.body.is_empty() && call.code.is_none();
            let mut stream = respond.send_response(answer.body(()).expect("a head"), is_last).expect("sends");
            if is_last {
                return;
            }
            let _ = stream.send_data(Bytes::from(call.body), call.code.is_none());
            if let Some(code) = call.code {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", code.parse().expect("a value"));
                let _ = stream.send_trailers(trailers);
            }
        });
    }
}
