//! One request and its answer over an open connection. It judges nothing, but for what breaks the protocol.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::super::net;
use super::super::outcome::{Phase, Reason};
use super::super::progress::{Fault, FirstByte, Progress};
use super::judge::judge;
use super::request::Request;
use crate::spec::model::HttpProbe;

/// Sends the request over an open connection and judges the answer.
pub(super) async fn exchange<S>(
    stream: S,
    request: Request,
    probe: &HttpProbe,
    progress: &mut Progress,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let io = TokioIo::new(Watched { stream, first_byte: progress.first_byte() });
    let (mut sender, connection) = http1::handshake(io).await.map_err(|error| broken(&error))?;
    progress.enter(Phase::Processing);
    let conversation = async {
        let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
        judge(answer, probe).await
    };
    drive(connection, conversation).await
}

/// Runs a conversation while its connection moves the bytes, both in this task, so that dropping it ends both.
async fn drive<T>(connection: impl Future, conversation: impl Future<Output = T>) -> T {
    let mut conversation = pin!(conversation);
    tokio::select! {
        biased;
        answer = &mut conversation => answer,
        // A connection that is over has told the conversation why.
        _ = connection => conversation.await,
    }
}

/// The fault of a conversation that broke off.
pub(super) fn broken(error: &hyper::Error) -> Fault {
    let source = std::error::Error::source(error);
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    let detail = if error.is_incomplete_message() || io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
        "the connection closed before the answer was complete".to_owned()
    } else if let Some(io) = io {
        net::without_code(io)
    } else if error.is_parse_too_large() {
        "the answer's header is too large".to_owned()
    } else if error.is_parse() {
        "the answer is not valid HTTP".to_owned()
    } else if error.is_canceled() || error.is_closed() {
        "the connection closed before an answer".to_owned()
    } else {
        error.to_string()
    };
    Fault::Target(Reason::Protocol, detail)
}

/// A stream that notes when its first byte was read.
struct Watched<S> {
    stream: S,
    first_byte: FirstByte,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.first_byte.get_or_init(Instant::now);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
