//! `basic_auth_users`: who may ask, by password.
//!
//! A password is checked against bcrypt away from the threads of the timers, few at once, and takes as long for a user
//! that does not exist. Who was let in once is let in again without that work. No password is kept, nor said.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use super::WebConfigError;
use super::file::invalid;

/// How many passwords are checked at once, each on a processor for some 50 ms.
const AT_ONCE: usize = 2;

/// How many more may wait for that; whoever comes then is told to come later.
const WAITING: usize = 16;

/// How many of those who were let in are remembered.
const REMEMBERED: usize = 100;

/// The highest cost of a hash: each more doubles the work, and 14 takes a second.
const MAX_COST: u32 = 14;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Answer {
    /// It may be answered; it comes from this user, where there are users.
    Admitted(Option<String>),
    /// It shows no password, or a wrong one.
    Refused,
    /// Too many passwords are being checked.
    Busy,
}

/// Who may ask: everybody, if there are no users.
#[derive(Default)]
pub(super) struct Users(Option<Arc<Known>>);

struct Known {
    /// Bcrypt hashes by user.
    hashes: BTreeMap<String, String>,
    /// The hash that the password of an unknown user is checked against, of the highest cost.
    nobody: String,
    /// Turns what was let in into something that cannot be turned back; of this process only.
    key: hmac::Key,
    remembered: Mutex<VecDeque<hmac::Tag>>,
    checking: Semaphore,
    waiting: AtomicUsize,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Users {
    /// Users with the hashes of their passwords.
    pub(super) fn new(hashes: BTreeMap<String, String>) -> Result<Self, WebConfigError> {
        if hashes.is_empty() {
            return Ok(Self(None));
        }
        let mut highest = 4;
        for (user, hash) in &hashes {
            let key = format!("basic_auth_users.{user}");
            let parts = HashParts::from_str(hash)
                .map_err(|_| invalid(&key, "is no bcrypt hash; `htpasswd -nBC 10 '' | tr -d ':\\n'` makes one"))?;
            if parts.get_cost() > MAX_COST {
                return Err(invalid(&key, &format!("costs more than {MAX_COST}, which every request would wait for")));
            }
            highest = highest.max(parts.get_cost());
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| invalid("basic_auth_users", "this machine gives no random numbers"))?;
        Ok(Self(Some(Arc::new(Known {
            hashes,
            // Salt and hash of nothing but zeros, in bcrypt's own base 64; no password is known to have it.
            nobody: format!("$2b${highest:02}${}", ".".repeat(53)),
            key,
            remembered: Mutex::default(),
            checking: Semaphore::new(AT_ONCE),
            waiting: AtomicUsize::new(0),
        }))))
    }

    /// Whether a request with these headers may be answered.
    pub(super) async fn admit(&self, headers: &HeaderMap) -> Answer {
        let Some(known) = &self.0 else { return Answer::Admitted(None) };
        let Some((user, password)) = credentials(headers) else { return Answer::Refused };
        let tag = known.tag(&user, &password);
        if known.remembers(&tag) {
            return Answer::Admitted(Some(user));
        }
        let Some(_place) = Place::take(&known.waiting) else { return Answer::Busy };
        let Ok(_permit) = known.checking.acquire().await else { return Answer::Busy };
        let (checking, name) = (Arc::clone(known), user.clone());
        let is_right = tokio::task::spawn_blocking(move || checking.check(&name, &password)).await.unwrap_or(false);
        if !is_right {
            return Answer::Refused;
        }
        known.remember(tag);
        Answer::Admitted(Some(user))
    }
}

/// A place among those whose password is being checked, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        (before < AT_ONCE + WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Known {
    /// Does the same work whether or not there is such a user.
    fn check(&self, user: &str, password: &[u8]) -> bool {
        let hash = self.hashes.get(user);
        let is_right = bcrypt::verify(password, hash.unwrap_or(&self.nobody)).unwrap_or(false);
        is_right && hash.is_some()
    }

    fn tag(&self, user: &str, password: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        // The lengths keep `ab` with `c` from being `a` with `bc`.
        context.update(&user.len().to_le_bytes());
        context.update(user.as_bytes());
        context.update(password);
        context.sign()
    }

    fn remembers(&self, tag: &hmac::Tag) -> bool {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.iter().any(|known| known.as_ref() == tag.as_ref())
    }

    fn remember(&self, tag: hmac::Tag) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        while remembered.len() >= REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back(tag);
    }
}

/// The user and the password that a request shows (RFC 7617).
fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut user = STANDARD.decode(encoded.trim()).ok()?;
    let colon = user.iter().position(|byte| *byte == b':')?;
    let password = user.split_off(colon).split_off(1);
    Some((String::from_utf8(user).ok()?, password))
}
