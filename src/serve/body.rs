//! Bodies of answers: a text as it is, or one that is written while it is sent.
//!
//! `/metrics` of ten thousand probes has tens of megabytes; written piece by piece it needs a few hundred
//! kilobytes, and a scraper that goes away ends the writing.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

/// The body of any answer.
pub(super) type AnyBody = Either<Full<Bytes>, Streamed>;

/// How large a piece is, in bytes, and how many may wait to be sent.
const PIECE: usize = 64 * 1024;
const WAITING: usize = 4;

/// A body that is all there.
pub(super) fn whole(text: impl Into<Bytes>) -> AnyBody {
    Either::Left(Full::new(text.into()))
}

/// A body that `write` writes on a thread of its own while it is sent.
pub(super) fn streamed(write: impl FnOnce(&mut PieceWriter) -> fmt::Result + Send + 'static) -> AnyBody {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut writer = PieceWriter { sender, piece: String::with_capacity(PIECE) };
        // The one possible error is that the reader went away, and then nobody is left to tell.
        let _ = write(&mut writer).and_then(|()| writer.send());
    });
    Either::Right(Streamed(receiver))
}

/// Sends what is written to it in pieces, and waits while too many are on the way.
#[derive(Debug)]
pub(super) struct PieceWriter {
    sender: mpsc::Sender<Bytes>,
    piece: String,
}

impl PieceWriter {
    fn send(&mut self) -> fmt::Result {
        let piece = std::mem::replace(&mut self.piece, String::with_capacity(PIECE));
        self.sender.blocking_send(Bytes::from(piece)).map_err(|_| fmt::Error)
    }
}

impl fmt::Write for PieceWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.piece.len() + text.len() > PIECE && !self.piece.is_empty() {
            self.send()?;
        }
        self.piece.push_str(text);
        Ok(())
    }
}

/// The sending end of a streamed body.
#[derive(Debug)]
pub(super) struct Streamed(mpsc::Receiver<Bytes>);

impl Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
