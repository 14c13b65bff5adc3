//! A small HTTP server for what the real programs talk to: metrics to scrape, a receiver of notifications, a
//! target to probe. One request on one connection, each on a thread of its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a client may take to send its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Reply {
    /// Plain text.
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; version=0.0.4; charset=utf-8", body: body.into() }
    }
}

/// A running server, stopped when dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Answers every request with what `answer` makes of it. `sent` is called once an answer is on its way.
    pub(crate) fn start(
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        sent: impl Fn(&Reply) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on the loopback interface");
        let address = listener.local_addr().expect("a bound socket has an address");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let handler = Arc::new(move |stream: TcpStream| -> io::Result<()> {
            let reply = answer(&read(&stream)?);
            write(&stream, &reply)?;
            sent(&reply);
            Ok(())
        });
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let handler = Arc::clone(&handler);
                // A client that goes away in the middle is its own business.
                thread::spawn(move || stream.and_then(|stream| handler(stream)));
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for the next connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> io::Result<Request> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((_, value)) = header.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { method, path, body: String::from_utf8_lossy(&body).into_owned() })
}

fn write(mut stream: &TcpStream, reply: &Reply) -> io::Result<()> {
    let Reply { status, content_type, body } = reply;
    let length = body.len();
    let head = format!("HTTP/1.1 {status} -\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes())?;
    stream.flush()
}

#[test]
fn answers_what_it_is_asked() {
    let echo = |request: &Request| Reply::text(201, format!("{} {} {}", request.method, request.path, request.body));
    let server = Listener::start(echo, |_| {});
    let answer = super::http::post(server.address(), "/x?y=1", &[], "hello").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (201, "POST /x?y=1 hello"));
    let address = server.address();
    drop(server);
    assert!(super::http::get(address, "/", &[]).is_err(), "it still listens");
}
