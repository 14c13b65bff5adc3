//! Tokens for probes that show one (OAuth 2.0 client credentials, RFC 6749, section 4.4), kept until shortly before
//! they end.
//!
//! A server that gives out no token fails the run like its target would: people cannot use the service either.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as PlainMutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::form_urlencoded::{self, byte_serialize};

use super::super::outcome::Reason;
use super::super::progress::{Fault, Progress};
use super::super::reach::Reach;
use super::super::secret;
use super::body;
use super::exchange::exchange;
use super::request::{self, AGENT, Request};
use super::route::{Opened, Route, Wanted};
use crate::spec::model::{ClientAuth, HttpVersion, IpFamily, OAuth2, PlainOrSecret, Proxy, SecretSource};
use crate::units;

/// How long before its end a token is no longer used: it must still be good when it arrives.
const MARGIN: Duration = Duration::from_secs(10);

/// How long a token is kept whose server does not say when it ends.
const UNSAID: Duration = Duration::from_secs(300);

/// The largest answer of a token server, in bytes.
const MAX_ANSWER: u64 = 64 * 1024;

/// How many tokens are kept; beyond this, all are forgotten and asked for again.
const MAX_TOKENS: usize = 1024;

/// The tokens that all runs share.
#[derive(Default)]
pub(in crate::probe) struct Tokens(PlainMutex<BTreeMap<Key, Slot>>);

/// What tells tokens apart. Secrets are known by their place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    token_url: String,
    client_id: PlainOrSecret,
    client_secret: SecretSource,
    scopes: Vec<String>,
    params: BTreeMap<String, String>,
}

/// A token, or the place for one; who holds its lock asks for it, and others wait for what comes of that.
type Slot = Arc<Mutex<Option<Token>>>;

struct Token {
    header: HeaderValue,
    ends: Instant,
}

impl Tokens {
    /// The header that shows a token, which is asked for if none is known.
    ///
    /// # Errors
    ///
    /// [`Reason::Auth`] when the server gives out none; a fault of the prober when its secrets cannot be read.
    pub(super) async fn header(
        &self,
        reach: &Reach,
        oauth2: &OAuth2,
        family: IpFamily,
        proxy: Option<&Proxy>,
    ) -> Result<HeaderValue, Fault> {
        let slot = self.slot(oauth2);
        let mut token = slot.lock().await;
        if let Some(known) = token.as_ref().filter(|known| known.ends > Instant::now()) {
            return Ok(known.header.clone());
        }
        let fresh = ask(reach, oauth2, family, proxy).await.map_err(at_token_server)?;
        let header = fresh.header.clone();
        *token = Some(fresh);
        Ok(header)
    }

    /// Forgets a token that a target has refused, so that the next run shows another.
    pub(super) async fn forget(&self, oauth2: &OAuth2, refused: &HeaderValue) {
        let slot = self.slot(oauth2);
        let mut token = slot.lock().await;
        if token.as_ref().is_some_and(|known| known.header == refused) {
            *token = None;
        }
    }

    fn slot(&self, oauth2: &OAuth2) -> Slot {
        let key = Key {
            token_url: oauth2.token_url.to_string(),
            client_id: oauth2.client_id.clone(),
            client_secret: oauth2.client_secret.clone(),
            scopes: oauth2.scopes.clone(),
            params: oauth2.params.clone(),
        };
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_TOKENS && !slots.contains_key(&key) {
            slots.clear();
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens([redacted])")
    }
}

async fn ask(reach: &Reach, oauth2: &OAuth2, family: IpFamily, proxy: Option<&Proxy>) -> Result<Token, Fault> {
    let mut request = build(oauth2).await?;
    let wanted = Wanted { url: &oauth2.token_url, version: HttpVersion::Http1, family, tls: &oauth2.tls, proxy };
    let route = Route::prepare(reach, wanted).await?;
    let mut progress = Progress::default();
    let Opened { stream, spoken, form } = route.open(reach, &mut progress).await?;
    request::address(&mut request, &oauth2.token_url, spoken, form)?;
    let asked = Instant::now();
    exchange(stream, spoken, request, &mut progress, async |answer| read(answer, asked).await).await
}

/// The request for a token, as to its server itself.
async fn build(oauth2: &OAuth2) -> Result<Request, Fault> {
    let id = request::plain_or_secret(&oauth2.client_id).await?;
    let secret = secret::read(&oauth2.client_secret).await?.into_bytes();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if !oauth2.scopes.is_empty() {
        form.append_pair("scope", &oauth2.scopes.join(" "));
    }
    form.extend_pairs(&oauth2.params);
    let mut body = form.finish();
    let mut request = http::Request::builder().method(Method::POST);
    match oauth2.auth_method {
        ClientAuth::Basic => {
            // Both are encoded before they are joined (RFC 6749, section 2.3.1).
            let pair = format!("{}:{}", encoded(&id), encoded(&secret));
            request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
        }
        ClientAuth::Post => {
            body.push_str(&format!("&client_id={}&client_secret={}", encoded(&id), encoded(&secret)));
        }
    }
    request
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, AGENT)
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| Fault::Prober("the request for a token cannot be sent".to_owned()))
}

fn encoded(bytes: &[u8]) -> String {
    byte_serialize(bytes).collect()
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<f64>,
}

/// Reads the answer of a token server. Nothing of it may reach a detail.
async fn read(answer: Response<Incoming>, asked: Instant) -> Result<Token, Fault> {
    let no_token = |why: &str| Fault::Target(Reason::Auth, why.to_owned());
    let status = answer.status();
    if !status.is_success() {
        return Err(no_token(&format!("status {}", status.as_u16())));
    }
    let text = body::read(answer, &[], MAX_ANSWER, true).await?;
    let answer: Answer =
        serde_json::from_slice(&text).map_err(|_| no_token("the answer is not JSON with an `access_token`"))?;
    if answer.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(no_token("the token is not a bearer token"));
    }
    let header = request::bearer(answer.access_token.into_bytes())
        .map_err(|_| no_token("the token has characters that a header cannot carry"))?;
    let lifetime = answer.expires_in.map_or(UNSAID, |seconds| {
        Duration::try_from_secs_f64(seconds).unwrap_or(UNSAID).min(Duration::from_secs(86_400))
    });
    Ok(Token { header, ends: asked + lifetime.saturating_sub(MARGIN) })
}

/// The fault of a run that was still waiting for a token at its wall of `timeout`.
pub(super) fn timed_out(timeout: units::Duration) -> Fault {
    Fault::Target(Reason::Auth, format!("no token from its server within {timeout}"))
}

/// Says that a fault is one of the token server, not of the target.
fn at_token_server(fault: Fault) -> Fault {
    match fault {
        Fault::Target(_, detail) => Fault::Target(Reason::Auth, format!("no token from its server: {detail}")),
        Fault::Prober(detail) => Fault::Prober(detail),
    }
}
