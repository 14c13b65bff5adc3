//! Holds an answer against what the file expects of it.

use hyper::body::Incoming;

use super::super::excerpt::Excerpt;
use super::super::harvest::Harvest;
use super::super::outcome::Reason;
use super::super::progress::{Fault, Progress};
use super::body;
use crate::spec::model::{HttpExpect, HttpProbe};

/// Holds an answer against what the file expects, and takes out of it what later steps need.
pub(super) async fn judge(
    answer: http::Response<Incoming>,
    probe: &HttpProbe,
    harvest: &mut Harvest<'_>,
    progress: &mut Progress,
) -> Result<(), Fault> {
    let expect = &probe.expect;
    let status = answer.status().as_u16();
    if !expect.status.iter().any(|(low, high)| (*low..=*high).contains(&status)) {
        return Err(Fault::Target(Reason::Status, format!("status {status}, expected {}", expected_status(expect))));
    }
    let (head, body) = answer.into_parts();
    let is_kept = !expect.body_contains.is_empty() || harvest.needs_text();
    let body = body::read(body, probe.max_body_bytes, is_kept).await?;
    let text = String::from_utf8_lossy(&body);
    if let Some(missing) = expect.body_contains.iter().find(|wanted| !text.contains(wanted.as_str())) {
        progress.excerpt = Some(Excerpt::around(&body, 0, 0));
        return Err(Fault::Target(Reason::Body, format!("the body does not contain `{missing}`")));
    }
    harvest.take(&head.headers, &body)
}

fn expected_status(expect: &HttpExpect) -> String {
    let range = |(low, high): &(u16, u16)| if low == high { low.to_string() } else { format!("{low}-{high}") };
    expect.status.iter().map(range).collect::<Vec<_>>().join(", ")
}
