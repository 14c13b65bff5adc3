//! Silences of an Alertmanager: one is made for planned maintenance, and ended when the maintenance is withdrawn.
//!
//! A silence needs no other configuration, is seen by everybody who looks there, and ends by itself. What the audit says
//! stays true whether an Alertmanager can be told or not.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::server::ServerArguments;
use crate::history::audit::Entry;
use crate::names::label;
use crate::prometheus::Client;

/// Where an Alertmanager takes and lists silences.
const SILENCES: &str = "api/v2/silences";

/// Where it ends one.
const SILENCE: &str = "api/v2/silence";

/// The most characters of an answer that are shown.
const MOST_SHOWN: usize = 200;

/// A silence, as an Alertmanager lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Silence {
    id: String,
    status: Status,
    comment: String,
    starts_at: String,
}

#[derive(Debug, Deserialize)]
struct Status {
    state: String,
}

/// An Alertmanager that is told of maintenance.
pub(super) struct Alertmanager<'a> {
    url: &'a Url,
    client: Client,
}

impl<'a> Alertmanager<'a> {
    /// The one at `url`, which asks for no credentials.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub(super) fn open(url: &'a Url, access: &ServerArguments) -> Result<Self, String> {
        let client = access.open(url).map_err(|error| error.to_string())?;
        Ok(Self { url, client })
    }

    /// Has it tell nobody of pages with this `severity` while the maintenance of an entry lasts.
    ///
    /// # Errors
    /// Why they are not silenced.
    pub(super) async fn silence(&self, entry: &Entry, severity: &str) -> Result<(), String> {
        let is = |name: &str, value: &str| json!({"name": name, "value": value, "isRegex": false, "isEqual": true});
        let matchers = [is(label::SERVICE, &entry.service), is(label::SLO, &entry.slo), is(label::SEVERITY, severity)];
        let document = json!({
            "matchers": matchers,
            "startsAt": time(entry.from)?.to_string(),
            "endsAt": time(entry.until)?.to_string(),
            "createdBy": entry.by,
            "comment": format!("{}{}", mark(entry.id), entry.reason),
        });
        let told = self.client.submit(SILENCES, &document).await.map_err(|error| error.to_string())?;
        self.done(told)
    }

    /// Ends what was silenced for an entry that is withdrawn; gives back how many silences that were. Whoever made one by
    /// hand, or another service one for another entry, keeps it.
    ///
    /// # Errors
    /// Why it does not end.
    pub(super) async fn end(&self, withdrawal: &Entry) -> Result<usize, String> {
        let Some(withdrawn) = withdrawal.withdraws else { return Ok(0) };
        let begins = time(withdrawal.from)?;
        let of_slo = |name: &str, value: &str| ("filter", format!("{name}={}", Value::from(value)));
        let query = [of_slo(label::SERVICE, &withdrawal.service), of_slo(label::SLO, &withdrawal.slo)];
        let all: Vec<Silence> = self.client.document(SILENCES, &query).await.map_err(|error| error.to_string())?;
        let is_its = |silence: &&Silence| {
            silence.comment.starts_with(&mark(withdrawn))
                && silence.starts_at.parse::<Timestamp>().is_ok_and(|starts| starts == begins)
                && silence.status.state != "expired"
        };
        let its: Vec<&Silence> = all.iter().filter(is_its).collect();
        for silence in &its {
            let path = format!("{SILENCE}/{}", silence.id);
            let told = self.client.delete(&path).await.map_err(|error| error.to_string())?;
            self.done(told)?;
        }
        Ok(its.len())
    }

    fn done(&self, (status, said): (u16, Vec<u8>)) -> Result<(), String> {
        if status == 200 {
            return Ok(());
        }
        let said: String =
            String::from_utf8_lossy(&said).chars().filter(|c| !c.is_control()).take(MOST_SHOWN).collect();
        Err(format!("{} answers with status {status}: {said}", self.url))
    }
}

/// How the comment of a silence begins that was made for an entry.
fn mark(entry: i64) -> String {
    format!("entry {entry} of the audit: ")
}

/// A moment of Unix time in seconds.
fn time(second: i64) -> Result<Timestamp, String> {
    Timestamp::from_second(second).map_err(|error| error.to_string())
}
