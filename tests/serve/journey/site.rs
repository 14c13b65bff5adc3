//! A site of several pages for the steps of a journey. It keeps every request, with its body.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// A page: the beginning of its path, its status, header lines (each with its line break), and body.
pub(super) type Page = (&'static str, u16, String, String);

/// A running site. Dropping it closes it.
pub(super) struct Site {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    _task: AbortOnDropHandle<()>,
}

/// A page with this body and no more.
pub(super) fn page(path: &'static str, body: &str) -> Page {
    (path, 200, String::new(), body.to_owned())
}

impl Site {
    /// Answers each path with the first page that it begins with, and all others with 404.
    pub(super) async fn start(pages: Vec<Page>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("is bound");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that breaks off is what a test wants to see, not an error here.
                let _ = answer(stream, &pages, &seen).await;
            }
        });
        Self { address, requests, _task: AbortOnDropHandle::new(task) }
    }

    /// The URL of a path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The same under another name of this machine.
    pub(super) fn url_by_name(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.address.port())
    }

    /// Every request so far: head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

async fn answer(mut stream: TcpStream, pages: &[Page], seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut text = Vec::new();
    while !is_whole(&text) {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await? {
            0 => return Ok(()),
            count => text.extend_from_slice(&chunk[..count]),
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().expect("not poisoned").push(text);
    let missing = ("", 404, String::new(), String::new());
    let (_, status, headers, body) = pages.iter().find(|page| path.starts_with(page.0)).unwrap_or(&missing);
    let length = body.len();
    let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all((head + body).as_bytes()).await?;
    stream.shutdown().await
}

/// Whether a request has arrived with its body.
fn is_whole(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .to_lowercase()
        .split_once("content-length: ")
        .and_then(|(_, rest)| rest.split("\r\n").next().and_then(|digits| digits.parse::<usize>().ok()));
    body.len() >= length.unwrap_or(0)
}
