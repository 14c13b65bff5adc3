//! The audit over HTTP: overrides, corrections and withdrawals are made and listed here.
//!
//! Whoever makes an entry is known: a user of the web configuration over TLS, or the user at the other end of the local
//! socket. An entry says what that person typed and who that was. What an entry does to a gate is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::board::Board;
use super::posted;
use crate::diag;
use crate::history::audit::{AuditError, Draft, Entry, EntryKind, LONGEST, Who, in_force};
use crate::history::{SloKey, Storage};
use crate::slo::SloPlan;
use crate::units::Duration;

/// What is answered under which path, and by which method.
pub(super) const LIST: &str = "/api/v1/audit";
pub(super) const OVERRIDES: &str = "/api/v1/overrides";
pub(super) const CORRECTIONS: &str = "/api/v1/corrections";
pub(super) const WITHDRAWALS: &str = "/api/v1/withdrawals";

/// How far ahead maintenance may be planned.
const FARTHEST: Duration = Duration::from_days(366);

/// At most so many entries are listed.
const MOST_LISTED: usize = 1_000;

/// What an override is made of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OverrideRequest {
    /// The service; may be left out where only one has such an SLO.
    service: Option<String>,
    /// The SLO.
    slo: String,
    /// For how long, from now on: a duration such as `2h`, at most `7d`.
    #[serde(rename = "for")]
    lasting: String,
    /// Why, in one line.
    reason: String,
    /// Who says so.
    by: String,
}

/// What a correction is made of, or planned maintenance if it is still to come.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CorrectionRequest {
    /// The service; may be left out where only one has such an SLO.
    service: Option<String>,
    /// The SLO.
    slo: String,
    /// From when, such as `2026-01-31T06:00:00Z`. If that is still to come, it is planned maintenance.
    from: String,
    /// Until when; at most 7 days later, and not still to come unless it is planned maintenance. Without it, until now.
    to: Option<String>,
    /// Why, in one line.
    reason: String,
    /// Who says so.
    by: String,
}

/// What a withdrawal is made of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WithdrawalRequest {
    /// The number of the entry that no longer holds.
    id: i64,
    /// Why, in one line.
    reason: String,
    /// Who says so.
    by: String,
}

/// Entries of the audit.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// When they were looked at, in seconds of Unix time.
    pub at: i64,
    /// The newest first; at most 1,000.
    pub entries: Vec<Listed>,
    /// How many older ones were left out.
    pub omitted: usize,
}

/// An entry, and what became of it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// When it was withdrawn, if it was, in seconds of Unix time.
    pub withdrawn_at: Option<i64>,
    /// Whether it is an override by which the gate answers now.
    pub in_force: bool,
}

/// Why no entry was made.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_entry", message)
    }
}

impl From<AuditError> for Refusal {
    fn from(error: AuditError) -> Self {
        let (status, code) = match error {
            AuditError::Full | AuditError::TooMany => (StatusCode::INSUFFICIENT_STORAGE, "audit_full"),
            AuditError::NoSuchEntry(_) => (StatusCode::NOT_FOUND, "unknown_entry"),
            AuditError::Withdrawn(_) => (StatusCode::CONFLICT, "already_withdrawn"),
            AuditError::NotKept => (StatusCode::SERVICE_UNAVAILABLE, "not_kept"),
        };
        Self::new(status, code, error.to_string())
    }
}

/// Whether a path takes entries.
pub(super) fn takes(path: &str) -> bool {
    matches!(path, OVERRIDES | CORRECTIONS | WITHDRAWALS)
}

/// Makes the entry that a request asks for, in the name of `authenticated`.
pub(super) async fn make(
    storage: &Arc<Storage>,
    board: &Board,
    request: Request<Incoming>,
    authenticated: Who,
) -> Result<Entry, Refusal> {
    let (head, body) = request.into_parts();
    if !is_json(&head.headers) {
        let message = "an entry is JSON: send it with `Content-Type: application/json`";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no_json", message));
    }
    let body = posted::read(body).await.map_err(|status| {
        let message = "the entry cannot be read: it may have 16 KiB, and must arrive within 10 s";
        Refusal::new(status, "unreadable", message)
    })?;
    let now = Timestamp::now();
    let draft = match head.uri.path() {
        OVERRIDES => overriding(board, &read(&body)?, authenticated, now)?,
        CORRECTIONS => correcting(board, &read(&body)?, authenticated, now)?,
        _ => withdrawing(storage, &read(&body)?, authenticated)?,
    };
    let storage = Arc::clone(storage);
    // It waits for the disk.
    let made = tokio::task::spawn_blocking(move || storage.enter(&draft)).await;
    let entry = made.unwrap_or(Err(AuditError::NotKept))?;
    tracing::warn!(
        id = entry.id,
        kind = entry.kind.as_str(),
        service = entry.service,
        slo = entry.slo,
        by = entry.by,
        authenticated = entry.authenticated,
        reason = entry.reason,
        "an entry of the audit was made"
    );
    Ok(entry)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("this is no such entry: {error}")))
}

fn overriding(board: &Board, request: &OverrideRequest, authenticated: Who, now: Timestamp) -> Result<Draft, Refusal> {
    let plan = meant(board, request.service.as_deref(), &request.slo)?;
    let lasting: Duration = request.lasting.parse().map_err(|error| Refusal::bad(format!("`for`: {error}")))?;
    if lasting < Duration::from_secs(1) || lasting > LONGEST {
        return Err(Refusal::bad(format!(
            "an override is for at least 1s and at most {LONGEST}, and {lasting} is not"
        )));
    }
    let from = now.as_second();
    Ok(Draft {
        kind: EntryKind::Override,
        slo: SloKey::of(&plan.slo),
        from,
        until: from.saturating_add(seconds(lasting)),
        reason: line("reason", &request.reason)?,
        by: line("by", &request.by)?,
        authenticated,
        withdraws: None,
    })
}

fn correcting(
    board: &Board,
    request: &CorrectionRequest,
    authenticated: Who,
    now: Timestamp,
) -> Result<Draft, Refusal> {
    let plan = meant(board, request.service.as_deref(), &request.slo)?;
    let moment = |key: &str, text: &str| {
        let time: Result<Timestamp, _> = text.parse();
        time.map(Timestamp::as_second)
            .map_err(|_| Refusal::bad(format!("`{key}`: write a time such as `2026-01-31T06:00:00Z`")))
    };
    let (from, now) = (moment("from", &request.from)?, now.as_second());
    let until = request.to.as_ref().map_or(Ok(now), |to| moment("to", to))?;
    let kind = check_times(from, until, now, plan.slo.window).map_err(Refusal::bad)?;
    Ok(Draft {
        kind,
        slo: SloKey::of(&plan.slo),
        from,
        until,
        reason: line("reason", &request.reason)?,
        by: line("by", &request.by)?,
        authenticated,
        withdraws: None,
    })
}

/// What a time is that is to be corrected, or why it cannot be.
fn check_times(from: i64, until: i64, now: i64, window: Duration) -> Result<EntryKind, String> {
    if from >= until {
        return Err("the time ends before it begins: `from` must be earlier than `to`".to_owned());
    }
    if until - from > seconds(LONGEST) {
        return Err(format!("a correction is of at most {LONGEST}"));
    }
    if from > now {
        let is_far = from - now > seconds(FARTHEST);
        let far = || format!("maintenance is planned at most {FARTHEST} ahead");
        return if is_far { Err(far()) } else { Ok(EntryKind::Maintenance) };
    }
    if until > now {
        return Err("it begins in the past and ends in the future: correct what is over, or plan maintenance that is \
                    still to begin"
            .to_owned());
    }
    if until <= now.saturating_sub(seconds(window)) {
        return Err(format!("it is older than the window of {window}, so that it spends nothing any more"));
    }
    Ok(EntryKind::Correction)
}

fn withdrawing(storage: &Storage, request: &WithdrawalRequest, authenticated: Who) -> Result<Draft, Refusal> {
    let found = storage.audit().into_iter().find(|entry| entry.id == request.id);
    let found = found.ok_or(AuditError::NoSuchEntry(request.id))?;
    let name = |text: &str| text.parse().map_err(|_| AuditError::NoSuchEntry(request.id));
    Ok(Draft {
        kind: EntryKind::Withdrawal,
        slo: SloKey { service: name(&found.service)?, slo: name(&found.slo)? },
        from: found.from,
        until: found.until,
        reason: line("reason", &request.reason)?,
        by: line("by", &request.by)?,
        authenticated,
        withdraws: Some(request.id),
    })
}

fn line<const MOST: usize>(key: &str, text: &str) -> Result<crate::history::audit::Line<MOST>, Refusal> {
    text.parse().map_err(|error| Refusal::bad(format!("`{key}`: {error}")))
}

/// The SLO that is meant, of whichever service has it.
fn meant<'a>(board: &'a Board, service: Option<&str>, slo: &str) -> Result<&'a SloPlan, Refusal> {
    let plans = board.standings().plans();
    let is_of = |plan: &&SloPlan| service.is_none_or(|service| plan.slo.service.as_str() == service);
    let mut found = plans.iter().filter(is_of).filter(|plan| plan.slo.name.as_str() == slo);
    match (found.next(), found.next()) {
        (Some(plan), None) => Ok(plan),
        (Some(one), Some(other)) => {
            let (one, other) = (&one.slo.service, &other.slo.service);
            let message = format!("several services have an SLO {slo:?}, {one} and {other} among them: say which");
            Err(Refusal::new(StatusCode::CONFLICT, "several_services", message))
        }
        (None, _) => {
            let known: Vec<&str> = plans.iter().filter(is_of).map(|plan| plan.slo.name.as_str()).collect();
            let near = diag::nearest(slo, &known).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            let of = service.map(|service| format!(" of the service {service:?}")).unwrap_or_default();
            let message = format!("there is no SLO {slo:?}{of}{near}");
            Err(Refusal::new(StatusCode::NOT_FOUND, "unknown_slo", message))
        }
    }
}

/// The entries under a path, as its query narrows them down; none if the path is none of these.
pub(super) fn list(storage: &Storage, path: &str, query: Option<&str>) -> Option<Audit> {
    let kinds: &[EntryKind] = match path {
        LIST => &EntryKind::ALL,
        OVERRIDES => &[EntryKind::Override],
        CORRECTIONS => &[EntryKind::Correction, EntryKind::Maintenance],
        WITHDRAWALS => &[EntryKind::Withdrawal],
        _ => return None,
    };
    let asked = |key: &str| {
        let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        pairs.find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
    };
    let (service, slo, at) = (asked("service"), asked("slo"), Timestamp::now().as_second());
    let all = storage.audit();
    let is_meant = |entry: &&Entry| {
        kinds.contains(&entry.kind)
            && service.as_ref().is_none_or(|service| *service == entry.service)
            && slo.as_ref().is_none_or(|slo| *slo == entry.slo)
    };
    let meant: Vec<&Entry> = all.iter().rev().filter(is_meant).collect();
    let withdrawn: BTreeMap<i64, i64> = all.iter().filter_map(|entry| Some((entry.withdraws?, entry.at))).collect();
    let mut of_slos: BTreeMap<(&str, &str), Vec<Entry>> = BTreeMap::new();
    for entry in &all {
        of_slos.entry((&entry.service, &entry.slo)).or_default().push(entry.clone());
    }
    let holding: BTreeSet<i64> = of_slos.values().filter_map(|entries| Some(in_force(entries, at)?.id)).collect();
    let listed = |entry: &&Entry| Listed {
        entry: (*entry).clone(),
        withdrawn_at: withdrawn.get(&entry.id).copied(),
        in_force: holding.contains(&entry.id),
    };
    let omitted = meant.len().saturating_sub(MOST_LISTED);
    Some(Audit { at, entries: meant.iter().take(MOST_LISTED).map(listed).collect(), omitted })
}

/// Whole seconds of a duration.
fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis() / 1_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_over_or_still_to_begin_is_corrected() {
        let now = 10_000_000;
        let month = Duration::from_days(30);
        let check = |from: i64, until: i64| check_times(now + from, now + until, now, month);
        assert_eq!(check(-3_600, 0), Ok(EntryKind::Correction));
        assert_eq!(check(1, 3_600), Ok(EntryKind::Maintenance));
        for (from, until, part) in [
            (-10, -10, "before it begins"),
            (-8 * 86_400, -10, "at most 7d"),
            (-10, 1, "still to begin"),
            (367 * 86_400, 367 * 86_400 + 1, "366d ahead"),
            (-31 * 86_400, -30 * 86_400, "older than the window of 30d"),
        ] {
            let said = check(from, until).expect_err(part);
            assert!(said.contains(part), "{said}");
        }
    }
}
