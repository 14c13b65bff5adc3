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

use super::conclude::Limits;
use super::cookies::Jar;
use super::excerpt::Excerpt;
use super::harvest::{Harvest, Values};
use super::outcome::Outcome;
use super::progress::{Fault, Progress};
use super::reach::Reach;
use crate::spec::model::{Credentials, HttpProbe, OAuth2, TlsSettings};
use exchange::exchange;
use judge::judge;
use request::Outgoing;
use route::{Opened, Route, Wanted};

pub(super) use oauth::Tokens;
pub(super) use request::{AGENT, header_value};

/// What a request shares with the other steps of its journey.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    /// The cookies of the run.
    pub(super) jar: &'a mut Jar,
    /// What the answer has to hold for later steps.
    pub(super) harvest: Harvest<'a>,
}

/// Makes one run within `limits`.
///
/// Dropping the future closes the connection and leaves nothing behind.
pub(super) async fn run(reach: &Reach, probe: &HttpProbe, limits: Limits) -> Outcome {
    let harvest = Harvest { wanted: &BTreeMap::new(), values: &mut Values::default() };
    visit(reach, probe, Visit { jar: &mut Jar::default(), harvest }, limits).await
}

/// Does what [`run`] does as one of the steps of a journey.
pub(super) async fn visit(reach: &Reach, probe: &HttpProbe, mut visit: Visit<'_>, limits: Limits) -> Outcome {
    let started = Instant::now();
    let mut trip = Trip::default();
    let attempt = limits.bound(attempt(reach, probe, &mut visit, &mut trip)).await;
    let attempt = match attempt {
        Err(_) if trip.waits_for_token => Ok(Err(oauth::timed_out(limits.timeout))),
        Err(elapsed) => {
            trip.progress.note = trip.there();
            Err(elapsed)
        }
        Ok(result) => Ok(result.map_err(|fault| trip.place(fault))),
    };
    let outcome = limits.conclude(started, trip.progress, attempt, probe.expect.within);
    Outcome { excerpt: trip.excerpt, redirects: trip.redirects, ..outcome }
}

/// How far a run has come. The run itself writes to it and may be dropped at its wall at any moment.
#[derive(Default)]
struct Trip {
    progress: Progress,
    waits_for_token: bool,
    /// The hosts that redirects led to, in order.
    redirects: Vec<String>,
    /// What the answer says where it failed an expectation of its body.
    excerpt: Option<Excerpt>,
}

impl Trip {
    /// Where the run is, if that is not where the file says.
    fn there(&self) -> Option<String> {
        match self.redirects.as_slice() {
            [] => None,
            [host] => Some(format!("after a redirect to {host}")),
            [.., host] => Some(format!("after {} redirects, the last to {host}", self.redirects.len())),
        }
    }

    /// Says in a fault where it happened.
    fn place(&self, fault: Fault) -> Fault {
        let Some(there) = self.there() else { return fault };
        match fault {
            Fault::Target(reason, detail) => Fault::Target(reason, format!("{detail}, {there}")),
            Fault::Prober(detail) => Fault::Prober(format!("{detail}, {there}")),
        }
    }
}

async fn attempt(reach: &Reach, probe: &HttpProbe, visit: &mut Visit<'_>, trip: &mut Trip) -> Result<(), Fault> {
    let mut place = Place::first(reach, probe, trip).await?;
    while let Step::Redirect(status, to) = place.visit(reach, probe, visit, trip).await? {
        place.follow(status, to)?;
        trip.redirects.push(redirect::host(&place.url));
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
            let header = reach.tokens.header(reach, oauth2, probe.family, probe.proxy.as_ref()).await?;
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
        let wanted = Wanted {
            url: &self.url,
            version: probe.version,
            family: probe.family,
            tls: &self.tls,
            proxy: probe.proxy.as_ref(),
        };
        let route = Route::prepare(reach, wanted).await?;
        let Opened { stream, spoken, form } = route.open(reach, &mut trip.progress).await?;
        let request = self.outgoing.to(&self.url, spoken, form, visit.jar)?;
        let may_follow = trip.redirects.len() < usize::from(probe.redirects);
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
