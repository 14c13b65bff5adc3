//! Reads the body of an answer within its limit.

use http::Response;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::super::outcome::Reason;
use super::super::progress::Fault;
use super::decode::{Decoder, Sink};
use super::exchange::broken;
use crate::spec::model::Compression;

/// How much longer than its content a compressed body may be, in bytes.
const OVERHEAD: u64 = 64 * 1024;

/// Reads the body of an answer to its end, decompressed if it comes in a way that was `asked` for, and returns it if
/// it is to be kept.
///
/// # Errors
///
/// [`Reason::BodyTooLarge`] when there is more than `limit` bytes of it, and [`Reason::Protocol`] when it breaks off
/// or is not compressed as it says.
pub(super) async fn read(
    answer: Response<Incoming>,
    asked: &[Compression],
    limit: u64,
    keep: bool,
) -> Result<Vec<u8>, Fault> {
    let (head, mut body) = answer.into_parts();
    let mut decoder = Decoder::new(compression(&head.headers, asked)?, Sink::new(limit, keep));
    let mut sent: u64 = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        sent = sent.saturating_add(data.len() as u64);
        decoder.take(data).map_err(|_| unreadable(&decoder, limit))?;
        // Compressed nothing can go on for ever.
        if sent > limit.saturating_add(OVERHEAD) {
            return Err(too_large(limit));
        }
    }
    // An answer to HEAD, or without content, has nothing that could be compressed.
    if sent == 0 {
        return Ok(Vec::new());
    }
    decoder.finish().map_err(|_| unreadable(&decoder, limit))
}

/// How the answer says that its body is compressed, if that was asked for. Otherwise a body is taken as it comes.
fn compression(headers: &HeaderMap, asked: &[Compression]) -> Result<Option<Compression>, Fault> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let (Some(value), false) = (values.next(), asked.is_empty()) else { return Ok(None) };
    let name = value.as_bytes().trim_ascii().to_ascii_lowercase();
    let found = match name.as_slice() {
        b"identity" | b"" => None,
        b"x-gzip" => Some(Compression::Gzip),
        other => match asked.iter().find(|compression| compression.as_str().as_bytes() == other) {
            Some(compression) => Some(*compression),
            None => return Err(not_asked()),
        },
    };
    let is_asked = found.is_none_or(|found| asked.contains(&found));
    if is_asked && values.next().is_none() { Ok(found) } else { Err(not_asked()) }
}

fn not_asked() -> Fault {
    Fault::Target(Reason::Protocol, "the body is compressed in a way that was not asked for".to_owned())
}

fn unreadable(decoder: &Decoder, limit: u64) -> Fault {
    if decoder.is_over() {
        return too_large(limit);
    }
    Fault::Target(Reason::Protocol, "the body is not compressed as its header says, or ends too early".to_owned())
}

fn too_large(limit: u64) -> Fault {
    Fault::Target(Reason::BodyTooLarge, format!("the body is larger than {limit} bytes"))
}
