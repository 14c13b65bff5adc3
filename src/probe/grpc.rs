//! gRPC: one call of the health service (`grpc.health.v1.Health/Check`) over HTTP/2.
//!
//! Its two messages have one field each, so they are written and read here. A server's own words
//! (`grpc-message`) may echo what was sent in secret, so they are never shown.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use tokio::time::Instant;

use super::conclude::Limits;
use super::http::{AGENT, header_value};
use super::outcome::{Outcome, Phase, Reason};
use super::progress::{Fault, Progress};
use super::reach::{Reach, Wire, drive, secure};
use super::tls::Alpn;
use crate::spec::model::GrpcProbe;

/// The method that is called.
const PATH: &str = "/grpc.health.v1.Health/Check";

/// The largest answer in bytes; one with its only field has two.
const MAX_MESSAGE: usize = 4096;

/// The largest head of an answer in bytes, when unpacked.
const MAX_HEAD: u32 = 16 * 1024;

/// The length of what stands before a message: a flag and its length.
const PREFIX: usize = 5;

/// Makes one call, within `limits`.
pub(super) async fn run(reach: &Reach, probe: &GrpcProbe, limits: Limits) -> Outcome {
    let (started, mut progress) = (Instant::now(), Progress::default());
    let attempt = limits.bound(attempt(reach, probe, limits.wall, &mut progress)).await;
    limits.conclude(started, progress, attempt, probe.within)
}

async fn attempt(reach: &Reach, probe: &GrpcProbe, wall: Instant, progress: &mut Progress) -> Result<(), Fault> {
    let metadata = metadata(probe).await?;
    let client = match &probe.tls {
        Some(settings) => Some(reach.tls.client(settings, Alpn::HTTP_2).await?),
        None => None,
    };
    let stream = reach.connect(&probe.address, probe.ip, progress).await?;
    let wire: Box<dyn Wire> = match &client {
        None => Box::new(stream),
        Some(client) => {
            let stream = secure(client, &probe.address, stream, progress).await?;
            if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                return Err(Fault::Target(Reason::Protocol, "the target does not speak HTTP/2 over TLS".to_owned()));
            }
            Box::new(stream)
        }
    };
    progress.enter(Phase::Processing);
    let request = request(probe, metadata, wall)?;
    call(wire, request, &probe.service, progress).await
}

/// The headers that the file adds, with their secrets read now.
async fn metadata(probe: &GrpcProbe) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for (name, text) in &probe.metadata {
        headers.append(name.clone(), header_value(text).await?);
    }
    Ok(headers)
}

fn request(probe: &GrpcProbe, metadata: HeaderMap, wall: Instant) -> Result<Request<()>, Fault> {
    let scheme = if probe.tls.is_some() { "https" } else { "http" };
    let left = wall.saturating_duration_since(Instant::now()).as_millis();
    // Eight digits are the most that a deadline may have.
    let deadline = format!("{}m", left.clamp(1, 99_999_999));
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("{scheme}://{}{PATH}", probe.address))
        .header(TE, "trailers")
        .header(CONTENT_TYPE, "application/grpc")
        .header(HeaderName::from_static("grpc-timeout"), deadline)
        .header(USER_AGENT, HeaderValue::from_static(AGENT))
        .body(())
        .map_err(|error| Fault::Prober(format!("the call cannot be made: {error}")))?;
    request.headers_mut().extend(metadata);
    Ok(request)
}

/// Makes a call over an open connection and judges its answer.
async fn call(wire: Box<dyn Wire>, request: Request<()>, service: &str, progress: &Progress) -> Result<(), Fault> {
    let (sender, connection) = h2::client::Builder::new()
        .enable_push(false)
        .max_header_list_size(MAX_HEAD)
        .handshake::<_, Bytes>(wire)
        .await
        .map_err(|error| broken(&error))?;
    let first_byte = progress.first_byte();
    let conversation = async {
        let mut sender = sender.ready().await.map_err(|error| broken(&error))?;
        let (answer, mut body) = sender.send_request(request, false).map_err(|error| broken(&error))?;
        body.send_data(framed(&health_request(service)), true).map_err(|error| broken(&error))?;
        let answer = answer.await.map_err(|error| broken(&error))?;
        first_byte.note();
        judge(answer).await
    };
    drive(connection, conversation).await
}

/// Holds an answer against what a health check must say.
async fn judge(answer: Response<h2::RecvStream>) -> Result<(), Fault> {
    if answer.status() != StatusCode::OK {
        let detail = format!("HTTP status {} instead of an answer of gRPC", answer.status().as_u16());
        return Err(Fault::Target(Reason::Status, detail));
    }
    let kind = answer.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if !kind.starts_with(b"application/grpc") {
        return Err(protocol("the answer is not one of gRPC"));
    }
    // A call that failed may say so in the head already.
    if let Some(code) = code(answer.headers())? {
        judge_code(code)?;
    }
    let mut body = answer.into_body();
    let message = read(&mut body).await?;
    let trailers = body.trailers().await.map_err(|error| broken(&error))?.unwrap_or_default();
    judge_code(code(&trailers)?.ok_or_else(|| protocol("the answer has no `grpc-status`"))?)?;
    judge_status(unframed(&message).and_then(status)?)
}

/// Reads a body of bounded length to its end.
async fn read(body: &mut h2::RecvStream) -> Result<Vec<u8>, Fault> {
    let mut message = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(|error| broken(&error))?;
        // What was read makes room for more; a failure here shows at the next read.
        let _ = body.flow_control().release_capacity(data.len());
        if message.len() + data.len() > PREFIX + MAX_MESSAGE {
            let detail = format!("the answer is larger than {MAX_MESSAGE} bytes");
            return Err(Fault::Target(Reason::BodyTooLarge, detail));
        }
        message.extend_from_slice(&data);
    }
    Ok(message)
}

/// The status code of a call, if the headers have one.
fn code(headers: &HeaderMap) -> Result<Option<u32>, Fault> {
    let Some(value) = headers.get("grpc-status") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| protocol("`grpc-status` is not a number"))
}

fn judge_code(code: u32) -> Result<(), Fault> {
    /// The codes of gRPC by number, from 0.
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    let name = usize::try_from(code).ok().and_then(|at| NAMES.get(at)).copied().unwrap_or("no code of gRPC");
    let why = match code {
        0 => return Ok(()),
        5 => ": the server does not know this service",
        12 => ": the server has no health service",
        _ => "",
    };
    Err(Fault::Target(Reason::Status, format!("gRPC status {code} ({name}){why}")))
}

fn judge_status(status: u64) -> Result<(), Fault> {
    let name = match status {
        1 => return Ok(()),
        0 => "UNKNOWN",
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "a status that does not exist",
    };
    Err(Fault::Target(Reason::NotServing, format!("the service is {name}, expected SERVING")))
}

/// `HealthCheckRequest`: the name of the service in field 1.
fn health_request(service: &str) -> Vec<u8> {
    if service.is_empty() {
        return Vec::new();
    }
    let mut message = vec![0x0a];
    let mut length = service.len();
    while length >= 0x80 {
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(service.as_bytes());
    message
}

/// A message as it is sent: not compressed, and its length.
fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// The one message of an answer.
fn unframed(body: &[u8]) -> Result<&[u8], Fault> {
    let Some(([flag, length @ ..], message)) = body.split_first_chunk::<PREFIX>() else {
        return Err(protocol("the answer holds no message"));
    };
    if *flag != 0 {
        return Err(protocol("the answer is compressed, which was not asked for"));
    }
    if u32::from_be_bytes(*length) as usize != message.len() {
        return Err(protocol("the answer's length is not what it says"));
    }
    Ok(message)
}

/// `HealthCheckResponse`: the status in field 1, 0 when it is left out. Other fields are skipped, as everywhere in
/// protocol buffers.
fn status(mut message: &[u8]) -> Result<u64, Fault> {
    let unreadable = || protocol("the answer is not a message of the health service");
    let mut status = 0;
    while !message.is_empty() {
        let tag = varint(&mut message).ok_or_else(unreadable)?;
        let skipped = match tag & 7 {
            0 => {
                let value = varint(&mut message).ok_or_else(unreadable)?;
                if tag >> 3 == 1 {
                    status = value;
                }
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message).ok_or_else(unreadable)?).map_err(|_| unreadable())?,
            5 => 4,
            _ => return Err(unreadable()),
        };
        message = message.get(skipped..).ok_or_else(unreadable)?;
    }
    Ok(status)
}

/// A number of variable length, seven bits a byte, the lowest first.
fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn protocol(detail: &str) -> Fault {
    Fault::Target(Reason::Protocol, detail.to_owned())
}

/// The fault of a call that broke off.
fn broken(error: &h2::Error) -> Fault {
    let detail = match (error.get_io(), error.reason()) {
        (Some(io), _) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the connection closed before the answer was complete".to_owned()
        }
        (Some(io), _) => super::net::without_code(io),
        (None, Some(reason)) => format!("HTTP/2 broke off: {}", reason.description()),
        (None, None) => "HTTP/2 broke off".to_owned(),
    };
    Fault::Target(Reason::Protocol, detail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_are_those_of_the_health_service() {
        assert!(health_request("").is_empty());
        assert_eq!(health_request("a.B"), b"\x0a\x03a.B");
        assert_eq!(health_request(&"x".repeat(300))[..3], [0x0a, 0xac, 0x02]);
        assert_eq!(framed(b"abc")[..], *b"\0\0\0\0\x03abc");
        assert_eq!(status(b""), Ok(0));
        assert_eq!(status(b"\x08\x01"), Ok(1));
        assert_eq!(status(b"\x12\x02hi\x08\x02\x1d1234\x21\x31\x32\x33\x34\x35\x36\x37\x38"), Ok(2));
        for bad in [&b"\x08"[..], b"\x08\xff", b"\x12\x09hi", b"\x0b", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"]
        {
            assert!(status(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_message_panics(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = unframed(&body).and_then(status);
            let _ = status(&body);
        }
    }
}
