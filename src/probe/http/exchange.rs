//! One request and its answer over an open connection. It judges nothing, but for what breaks the protocol.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::Response;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::super::net;
use super::super::outcome::{Phase, Reason};
use super::super::progress::{Fault, FirstByte, Progress};
use super::super::reach::drive;
use super::request::Request;
use super::stream::{Stream, Watched};

/// How much of a body the peer may send over HTTP/2 before it is read, in bytes.
const WINDOW: u32 = 128 * 1024;

/// How many interim answers (1xx) a target may send before the real one.
const MAX_INTERIM: u32 = 100;

/// The version that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Http1,
    Http2,
}

/// Sends the request over an open connection and hands the head of its answer to `take`, which reads on.
///
/// Dropping the future closes the connection.
///
/// # Errors
///
/// [`Reason::Protocol`] for what breaks HTTP, and those of `take`.
pub(super) async fn exchange<T>(
    stream: Stream,
    spoken: Spoken,
    mut request: Request,
    progress: &mut Progress,
    take: impl AsyncFnOnce(Response<Incoming>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let first_byte = progress.first_byte();
    let interim = Interim::watch(&mut request, first_byte.clone());
    let conversation = async |answer: Result<Response<Incoming>, hyper::Error>| {
        let answer = answer.map_err(|error| interim.explain(broken(&error)))?;
        first_byte.note();
        take(answer).await
    };
    match spoken {
        Spoken::Http1 => {
            let io = TokioIo::new(Watched { stream, first_byte: first_byte.clone() });
            let (mut sender, connection) = http1::handshake(io).await.map_err(|error| broken(&error))?;
            progress.enter(Phase::Processing);
            let answered = async { conversation(sender.send_request(request).await).await };
            tokio::select! {
                biased;
                answered = drive(connection, answered) => answered,
                () = interim.too_many.notified() => Err(interim.fault()),
            }
        }
        Spoken::Http2 => {
            let tasks = Tasks::default();
            let mut builder = http2::Builder::new(tasks.executor());
            builder.initial_stream_window_size(WINDOW).initial_connection_window_size(2 * WINDOW);
            progress.enter(Phase::Processing);
            // The first byte of the connection greets; the answer comes later.
            let (mut sender, connection) =
                builder.handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
            let answered = async { conversation(sender.send_request(request).await).await };
            drive(connection, answered).await
        }
    }
}

/// What a target said before its answer (1xx), which is no answer yet (RFC 9110, section 15.2).
struct Interim {
    count: AtomicU32,
    last: AtomicU16,
    too_many: Notify,
}

impl Interim {
    /// Counts the interim answers to `request`; none of them is the first byte of the answer.
    fn watch(request: &mut Request, first_byte: FirstByte) -> Arc<Self> {
        let interim = Arc::new(Self { count: AtomicU32::new(0), last: AtomicU16::new(0), too_many: Notify::new() });
        let seen = Arc::clone(&interim);
        hyper::ext::on_informational(request, move |answer| {
            first_byte.forget();
            seen.last.store(answer.status().as_u16(), Ordering::Relaxed);
            if seen.count.fetch_add(1, Ordering::Relaxed) >= MAX_INTERIM {
                seen.too_many.notify_one();
            }
        });
        interim
    }

    fn fault(&self) -> Fault {
        let last = self.last.load(Ordering::Relaxed);
        Fault::Target(Reason::Protocol, format!("more than {MAX_INTERIM} interim answers, the last with status {last}"))
    }

    /// Says in a fault what was answered so far, since a status such as 199 looks like an answer to people.
    fn explain(&self, fault: Fault) -> Fault {
        match (fault, self.last.load(Ordering::Relaxed)) {
            (Fault::Target(reason, detail), last @ 100..) => {
                Fault::Target(reason, format!("{detail}, after the interim status {last}"))
            }
            (fault, _) => fault,
        }
    }
}

/// The tasks that keep an HTTP/2 connection going; dropping this ends them.
#[derive(Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    fn executor(&self) -> Executor {
        Executor(Arc::clone(&self.0))
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // The tasks hold executors of their own, so the set would outlive this.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// Where a connection starts its tasks.
#[derive(Clone)]
struct Executor(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Executor {
    fn execute(&self, task: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }
}

/// The fault of a conversation that broke off.
pub(super) fn broken(error: &hyper::Error) -> Fault {
    let source = error.source();
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
