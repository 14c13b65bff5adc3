//! Reads the body of an answer within its limit.

use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::super::outcome::Reason;
use super::super::progress::Fault;
use super::exchange::broken;

/// Reads a body of at most `limit` bytes to its end, and returns it if it is to be kept.
pub(super) async fn read(mut body: Incoming, limit: u64, keep: bool) -> Result<Vec<u8>, Fault> {
    let mut kept = Vec::new();
    let mut length: u64 = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        length += data.len() as u64;
        if length > limit {
            return Err(Fault::Target(Reason::BodyTooLarge, format!("the body is larger than {limit} bytes")));
        }
        if keep {
            kept.extend_from_slice(data);
        }
    }
    Ok(kept)
}
