//! HTTP: one request on a fresh connection, timed phase by phase, and judged by what the file expects.
//!
//! A redirect is an answer like any other and judged by its status. What a run met is data, never an error.

mod body;
mod exchange;
mod judge;
mod request;

use tokio::time::Instant;

pub(super) use request::{AGENT, header_value};

use super::net;
use super::outcome::{Outcome, Phase, Reason, Verdict};
use super::progress::{Fault, Progress, readable, timed_out};
use super::reach::Reach;
use super::tls::{self, Alpn};
use crate::spec::model::{HttpProbe, IpFamily};
use crate::units;

/// Makes one run that ends at `wall` at the latest, however far it has come; `timeout` says so in its detail.
///
/// Dropping the future closes the connection and leaves nothing behind.
pub(super) async fn run(reach: &Reach, probe: &HttpProbe, wall: Instant, timeout: units::Duration) -> Outcome {
    let started = Instant::now();
    let mut progress = Progress::default();
    let result = tokio::time::timeout_at(wall, attempt(reach, probe, &mut progress)).await;
    let duration = started.elapsed();
    let (phases, last) = progress.finish();
    let verdict = match result {
        Ok(Ok(())) => match probe.expect.within {
            Some(within) if duration > within.to_std() => Verdict::Failed {
                reason: Reason::TooSlow,
                detail: format!("took {}, expected within {within}", readable(duration)),
            },
            _ => Verdict::Success,
        },
        Ok(Err(fault)) => fault.into(),
        Err(_) => timed_out(last, timeout).into(),
    };
    Outcome { verdict, duration, phases, tls_not_after: progress.tls_not_after, steps: Vec::new() }
}

async fn attempt(reach: &Reach, probe: &HttpProbe, progress: &mut Progress) -> Result<(), Fault> {
    let request = request::build(probe).await?;
    let is_tls = probe.url.scheme() == "https";
    let client = if is_tls { Some(reach.tls.client(&probe.tls, Alpn::HTTP_1).await?) } else { None };
    let host = probe.url.host().ok_or_else(|| Fault::Prober("the URL has no host".to_owned()))?;
    progress.enter(Phase::Resolve);
    let addresses = reach.resolver.of_url(&probe.url, IpFamily::Any).await?;
    progress.enter(Phase::Connect);
    let stream = net::connect(&addresses).await?;
    let Some(client) = client else { return exchange::exchange(stream, request, probe, progress).await };
    progress.enter(Phase::Tls);
    let stream = client.handshake(host, stream).await?;
    progress.tls_not_after = tls::earliest_not_after(&stream);
    exchange::exchange(stream, request, probe, progress).await
}
