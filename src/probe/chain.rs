//! TLS: one handshake, and what the presented chain says.
//!
//! Whom the chain leads to and whether it is valid now is judged by the handshake itself.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use tokio::time::Instant;
use url::Host;

use super::conclude::Limits;
use super::outcome::{Outcome, Reason};
use super::progress::{Fault, Progress};
use super::reach::{Reach, secure};
use super::tls::Alpn;
use crate::spec::model::TlsProbe;
use crate::units::Duration;

/// Makes one handshake, within `limits`.
pub(super) async fn run(reach: &Reach, probe: &TlsProbe, limits: Limits) -> Outcome {
    let (started, mut progress) = (Instant::now(), Progress::default());
    let attempt = limits.bound(attempt(reach, probe, &mut progress)).await;
    limits.conclude(started, progress, attempt, probe.within)
}

async fn attempt(reach: &Reach, probe: &TlsProbe, progress: &mut Progress) -> Result<(), Fault> {
    let client = reach.tls.client(&probe.tls, Alpn::NONE).await?;
    let stream = reach.connect(&probe.address, probe.ip, progress).await?;
    let stream = secure(&client, &probe.address, stream, progress).await?;
    let (_, connection) = stream.get_ref();
    let first = connection.peer_certificates().and_then(|chain| chain.first());
    judge_names(first, &probe.names)?;
    match probe.valid_for {
        Some(wanted) => judge_validity(progress.tls_not_after, wanted),
        None => Ok(()),
    }
}

fn judge_names(certificate: Option<&CertificateDer<'_>>, names: &[Host]) -> Result<(), Fault> {
    if names.is_empty() {
        return Ok(());
    }
    let unreadable = || Fault::Target(Reason::Tls, "the certificate cannot be read".to_owned());
    let certificate = ParsedCertificate::try_from(certificate.ok_or_else(unreadable)?).map_err(|_| unreadable())?;
    match names.iter().find(|name| !is_valid_for(&certificate, name)) {
        Some(missing) => Err(Fault::Target(Reason::Tls, format!("the certificate is not valid for `{missing}`"))),
        None => Ok(()),
    }
}

fn is_valid_for(certificate: &ParsedCertificate<'_>, name: &Host) -> bool {
    let name = match name {
        Host::Domain(name) => ServerName::try_from(name.as_str()).ok(),
        Host::Ipv4(address) => Some(ServerName::from(IpAddr::from(*address))),
        Host::Ipv6(address) => Some(ServerName::from(IpAddr::from(*address))),
    };
    name.is_some_and(|name| verify_server_name(certificate, &name).is_ok())
}

/// Holds the end of the chain, in seconds of Unix time, against how much longer it must be valid.
fn judge_validity(not_after: Option<i64>, wanted: Duration) -> Result<(), Fault> {
    let Some(end) = not_after else {
        return Err(Fault::Target(Reason::Tls, "no certificate of the chain says when it ends".to_owned()));
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let left = u64::try_from(end).unwrap_or(0).saturating_sub(now);
    if left >= wanted.as_millis() / 1000 {
        return Ok(());
    }
    // Whole hours are enough for people; what is left of a shorter time counts in seconds.
    let shown = if left > 3600 { left - left % 3600 } else { left };
    let left = Duration::from_secs(shown);
    Err(Fault::Target(Reason::Expiry, format!("the chain is valid for {left} more, expected {wanted}")))
}
