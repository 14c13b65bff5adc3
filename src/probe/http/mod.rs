//! HTTP: a request on a fresh connection, followed where redirects lead as far as the file says, timed phase by phase,
//! and judged by what the file expects of the last answer.
//!
//! What a run met is data, never an error.

mod body;
mod decode;
mod exchange;
mod judge;
mod oauth;
mod redirect;
mod request;
mod route;
mod stream;

use std::collections::BTreeMap;

use http::{HeaderValue, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::cookies::Jar;
use super::excerpt::Excerpt;
use super::harvest::{Harvest, Values};
use super::outcome::{Outcome, Reason, Verdict};
use super::progress::{Fault, Progress, readable, timed_out};
use super::reach::Reach;
use crate::spec::model::{Credentials, HttpProbe, OAuth2, TlsSettings};
use crate::units;
use exchange::exchange;
use judge::judge;
use request::Outgoing;
use route::{Opened, Route};

pub(super) use oauth::Tokens;

/// What a request shares with the other steps of its journey.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    /// The cookies of the run.
    pub(super) jar: &'a mut Jar,
    /// What the answer has to hold for later steps.
    pub(super) harvest: Harvest<'a>,
}

/// Makes one run that ends at `wall` at the latest, however far it has come; `timeout` says so in its detail.
///
/// Dropping the future closes the connection and leaves nothing behind.
pub(super) async fn run(reach: &Reach, probe: &HttpProbe, wall: Instant, timeout: units::Duration) -> Outcome {
    let harvest = Harvest { wanted: &BTreeMap::new(), values: &mut Values::default() };
    visit(reach, probe, Visit { jar: &mut Jar::default(), harvest }, wall, timeout).await
}

/// Does what [`run`] does as one of the steps of a journey.
pub(super) async fn visit(
    reach: &Reach,
    probe: &HttpProbe,
    mut visit: Visit<'_>,
    wall: Instant,
    timeout: units::Duration,
) -> Outcome {
    let started = Instant::now();
    let mut trip = Trip::default();
    let result = tokio::time::timeout_at(wall, attempt(reach, probe, &mut visit, &mut trip)).await;
    let duration = started.elapsed();
    let (phases, last) = trip.progress.finish();
    let verdict = match result {
        Ok(Ok(())) => match probe.expect.within {
            Some(within) if duration > within.to_std() => Verdict::Failed {
                reason: Reason::TooSlow,
                detail: format!("took {}, expected within {within}", readable(duration)),
            },
            _ => Verdict::Success,
        },
        Ok(Err(fault)) => trip.place(fault).into(),
        Err(_) if trip.waits_for_token => {
            Fault::Target(Reason::Auth, format!("no token from its server within {timeout}")).into()
        }
        Err(_) => trip.place(timed_out(last, timeout)).into(),
    };
    let Trip { excerpt, progress, hosts: redirects, .. } = trip;
    Outcome { duration, phases, tls_not_after: progress.tls_not_after, redirects, excerpt, ..Outcome::of(verdict) }
}

/// How far a run has come. The run itself writes to it and may be dropped at its wall at any moment.
#[derive(Default)]
struct Trip {
    progress: Progress,
    waits_for_token: bool,
    redirects: u8,
    /// The host that the last redirect led to.
    host: String,
    /// The hosts that all of them led to.
    hosts: Vec<String>,
    /// What the answer says where it failed an expectation of its body.
    excerpt: Option<Excerpt>,
}

impl Trip {
    /// Says in a fault where it happened, if that is not where the file says.
    fn place(&self, fault: Fault) -> Fault {
        let there = match self.redirects {
            0 => return fault,
            1 => format!("after a redirect to {}", self.host),
            count => format!("after {count} redirects, the last to {}", self.host),
        };
        match fault {
            Fault::Target(reason, detail) => Fault::Target(reason, format!("{detail} ({there})")),
            Fault::Prober(detail) => Fault::Prober(format!("{detail} ({there})")),
        }
    }
}

async fn attempt(reach: &Reach, probe: &HttpProbe, visit: &mut Visit<'_>, trip: &mut Trip) -> Result<(), Fault> {
    let mut place = Place::first(reach, probe, trip).await?;
    while let Step::Redirect(status, to) = place.visit(reach, probe, visit, trip).await? {
        trip.redirects += 1;
        trip.host = redirect::host(&to);
        trip.hosts.push(trip.host.clone());
        place.follow(status, to)?;
    }
    Ok(())
}

/// Where a run goes next.
enum Step {
    Done,
    Redirect(StatusCode, Url),
}

/// Where a run goes, and what it says there.
struct Place<'a> {
    url: Url,
    tls: TlsSettings,
    outgoing: Outgoing,
    /// The token that is shown, with where it came from.
    token: Option<(&'a OAuth2, HeaderValue)>,
}

impl<'a> Place<'a> {
    /// Where the file says that the run goes, with everything read that it says there.
    async fn first(reach: &Reach, probe: &'a HttpProbe, trip: &mut Trip) -> Result<Self, Fault> {
        let mut outgoing = Outgoing::read(probe).await?;
        let mut token = None;
        if let Some(Credentials::OAuth2(oauth2)) = &probe.credentials {
            trip.waits_for_token = true;
            let header = reach.tokens.header(&reach.tls, oauth2, probe.proxy.as_ref()).await?;
            trip.waits_for_token = false;
            outgoing.authorize(header.clone());
            token = Some((oauth2.as_ref(), header));
        }
        let mut tls = probe.tls.clone();
        tls.server_name = tls.server_name.or_else(|| outgoing.host());
        Ok(Self { url: probe.url.clone(), tls, outgoing, token })
    }

    /// Sends the request, and judges the answer unless it is a redirect that is followed.
    async fn visit(
        &self,
        reach: &Reach,
        probe: &HttpProbe,
        visit: &mut Visit<'_>,
        trip: &mut Trip,
    ) -> Result<Step, Fault> {
        trip.progress.pause();
        let route = Route::prepare(&reach.tls, &self.url, probe.version, &self.tls, probe.proxy.as_ref()).await?;
        let Opened { stream, spoken, form } = route.open(&mut trip.progress).await?;
        let request = self.outgoing.to(&self.url, spoken, form, visit.jar)?;
        let may_follow = trip.redirects < probe.redirects;
        exchange(stream, spoken, request, &mut trip.progress, async |answer| {
            visit.jar.take(&self.url, answer.headers());
            if let Some((oauth2, shown)) = self.token.as_ref().filter(|_| answer.status() == StatusCode::UNAUTHORIZED) {
                reach.tokens.forget(oauth2, shown).await;
            }
            if probe.redirects > 0
                && let Some(to) = redirect::target(answer.status(), answer.headers(), &self.url)?
            {
                let too_many = || redirect::refused(&format!("too many: {} are followed", probe.redirects));
                return if may_follow { Ok(Step::Redirect(answer.status(), to)) } else { Err(too_many()) };
            }
            let tls = self.url.scheme() == "https";
            judge(answer, tls, probe, &mut visit.harvest, &mut trip.excerpt).await.map(|()| Step::Done)
        })
        .await
    }

    /// Goes where a redirect leads, without what was meant for the place that is left.
    fn follow(&mut self, status: StatusCode, to: Url) -> Result<(), Fault> {
        self.outgoing.redirect(status, &self.url, &to)?;
        if !redirect::is_same_place(&self.url, &to) {
            self.tls.client = None;
            self.tls.server_name = None;
            self.token = None;
        }
        self.url = to;
        Ok(())
    }
}
