//! The gate for Flagger's confirm hooks: 200 lets a canary go on, everything else holds it where it is.
//!
//! Flagger shows the text of a refusal in its events, so it is a sentence and no JSON. What the canary is called decides
//! nothing; only the metadata of the hook ask something.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::board::Board;
use crate::diag;
use crate::gate::{NoAnswer, Question};
use crate::standing::model::GateAnswer;

/// Where Flagger asks.
pub(super) const PATH: &str = "/api/v1/gate/flagger";

/// What the metadata of a hook may say, and what it means; as in the address of the gate.
pub(super) const METADATA: [(&str, &str); 5] = [
    ("service", "Only the SLOs of this service"),
    ("slo", "Only SLOs of this name"),
    ("change", "A change of the file that is to begin"),
    ("downtime", "How long users would notice a change that is in no file, such as `5m`; with `duration`"),
    ("duration", "How long it would take, such as `4h`; with `downtime`"),
];

/// What Flagger sends. Later versions say more of the canary, which is none of the gate's business.
#[derive(Debug, Deserialize)]
struct Hook {
    name: String,
    namespace: String,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

/// The status and the sentence of the answer to a hook.
pub(super) async fn answer(board: Option<&Board>, body: &[u8]) -> (StatusCode, String) {
    let Some(board) = board else {
        return (StatusCode::SERVICE_UNAVAILABLE, "This server keeps and reads no history.\n".to_owned());
    };
    let hook: Hook = match serde_json::from_slice(body) {
        Ok(hook) => hook,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("This is no hook of Flagger: {error}\n")),
    };
    let question = match question(hook.metadata.unwrap_or_default()) {
        Ok(question) => question,
        Err(wrong) => return (StatusCode::BAD_REQUEST, format!("{wrong}\n")),
    };
    match board.gate(&question, jiff::Timestamp::now()).await {
        Ok(answer) => {
            tracing::debug!(canary = ?hook.name, namespace = ?hook.namespace, decision = ?answer.decision, "Flagger asked");
            let status = match answer.decision {
                GateAnswer::Open => StatusCode::OK,
                GateAnswer::Closed | GateAnswer::Unknown => StatusCode::CONFLICT,
            };
            (status, format!("{}\n", answer.message))
        }
        Err(error) => {
            let status = match error {
                NoAnswer::NoSuchSlo(..) | NoAnswer::NoSuchChange(..) | NoAnswer::NoChanges => StatusCode::NOT_FOUND,
                NoAnswer::Future(_) => StatusCode::BAD_REQUEST,
            };
            (status, format!("{error}\n"))
        }
    }
}

/// What the metadata of a hook ask.
fn question(metadata: BTreeMap<String, String>) -> Result<Question, String> {
    let known = METADATA.map(|(key, _)| key);
    if let Some(key) = metadata.keys().find(|key| !known.contains(&key.as_str())) {
        let meant = match diag::nearest(key, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("they take {}", known.join(", ")),
        };
        return Err(format!("The metadata have an unknown key `{}`: {meant}", key.escape_debug()));
    }
    let query = Serializer::new(String::new()).extend_pairs(metadata).finish();
    Question::read(Some(&query)).map_err(|error| error.to_string())
}
