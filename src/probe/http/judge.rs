//! Holds an answer against what the file expects of it.

use hyper::body::Incoming;

use super::super::outcome::Reason;
use super::super::progress::Fault;
use super::body;
use crate::spec::model::{HttpExpect, HttpProbe};

/// Holds an answer against what the file expects.
pub(super) async fn judge(answer: http::Response<Incoming>, probe: &HttpProbe) -> Result<(), Fault> {
    let expect = &probe.expect;
    let status = answer.status().as_u16();
    if !expect.status.iter().any(|(low, high)| (*low..=*high).contains(&status)) {
        return Err(Fault::Target(Reason::Status, format!("status {status}, expected {}", expected_status(expect))));
    }
    let body = body::read(answer, &probe.compression, probe.max_body_bytes, !expect.body_contains.is_empty()).await?;
    let text = String::from_utf8_lossy(&body);
    match expect.body_contains.iter().find(|wanted| !text.contains(wanted.as_str())) {
        Some(missing) => Err(Fault::Target(Reason::Body, format!("the body does not contain `{missing}`"))),
        None => Ok(()),
    }
}

fn expected_status(expect: &HttpExpect) -> String {
    let range = |(low, high): &(u16, u16)| if low == high { low.to_string() } else { format!("{low}-{high}") };
    expect.status.iter().map(range).collect::<Vec<_>>().join(", ")
}
