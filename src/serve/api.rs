//! The JSON API below `/api/v1/`: what is asked for by which path, and the document that describes it.
//!
//! Every answer is a type of [`crate::standing::model`], [`crate::gate::model`] or of the probes' pages, so that whoever
//! asks reads what was written here. Nothing is added up in this file.

use http::StatusCode;
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::audit::{self, Audit, CorrectionRequest, OverrideRequest, WithdrawalRequest};
use super::board::Board;
use super::flagger;
use super::probes::{Probes, RunsOf};
use crate::gate::week::Coming;
use crate::gate::week::model::ChangePlan;
use crate::gate::{Answer, NoAnswer, Question};
use crate::history::audit::Entry;
use crate::report::model::Report;
use crate::report::{Asked, NoReport};
use crate::standing::model::{Burndown, Days, Outages, Problem, SloDetail, Slos};

/// Where the API is.
const ROOT: &str = "/api/v1/";

/// What can be asked for below an SLO: the last part of its path, and what it is.
const PARTS: [(&str, &str); 3] = [
    ("burndown", "The remaining budget over the window, of the group that decides"),
    ("outages", "When users were let down in the window, and what that spent"),
    ("days", "The SLI day by day"),
];

/// What the gate may be asked, and what it means.
const QUERY: [(&str, &str); 7] = [
    ("service", "Only the SLOs of this service"),
    ("slo", "Only SLOs of this name"),
    ("change", "A change of the file that is to begin"),
    ("downtime", "How long users would notice a change that is in no file, such as `5m`; with `duration`"),
    ("duration", "How long it would take, such as `4h`; with `downtime`"),
    ("at", "A moment of the past, such as `2026-01-31T06:00:00Z`"),
    ("explain", "`true` replays every gate, also one of which Prometheus recorded that it was open all along"),
];

/// What a plan may be asked, and what it means.
const PLAN_QUERY: [(&str, &str); 3] = [
    ("service", "Only the changes of this service"),
    ("days", "How many days, beginning with today; 7 without it"),
    ("at", "A moment of the past, such as `2026-01-31T06:00:00Z`"),
];

/// What a report is asked for, and what it means.
const REPORT_QUERY: [(&str, &str); 4] = [
    ("service", "Only the SLOs of this service"),
    ("slo", "Only SLOs of this name"),
    ("since", "When the period begins, such as `2026-01-24T06:00:00Z`; a week before its end without it"),
    ("until", "When it ends, such as `2026-01-31T06:00:00Z`; now without it"),
];

/// The status and text of the answer to a path; none if the path is none of these.
pub(super) async fn answer(board: Option<&Board>, path: &str, query: Option<&str>) -> Option<(StatusCode, String)> {
    let parts: Vec<&str> = path.strip_prefix(ROOT)?.split('/').collect();
    let now = jiff::Timestamp::now();
    Some(match (parts.as_slice(), board) {
        (["openapi.json"], _) => (StatusCode::OK, document().to_string()),
        (["slos", ..] | ["gate" | "plan" | "report"], None) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "no_history", "This server keeps and reads no history.")
        }
        (["slos", of @ ..], Some(board)) => of_board(board, of, now.as_second()).await,
        (["gate"], Some(board)) => of_gate(board, query, now).await,
        (["plan"], Some(board)) => of_plan(board, query, now).await,
        (["report"], Some(board)) => of_report(board, query, now).await,
        _ => return None,
    })
}

async fn of_gate(board: &Board, query: Option<&str>, now: jiff::Timestamp) -> (StatusCode, String) {
    let question = match Question::read(query) {
        Ok(question) => question,
        Err(error) => return problem(StatusCode::BAD_REQUEST, "bad_question", &error.to_string()),
    };
    match board.gate(&question, now).await {
        Ok(answer) => written(&answer),
        Err(error) => refused(&error),
    }
}

async fn of_plan(board: &Board, query: Option<&str>, now: jiff::Timestamp) -> (StatusCode, String) {
    let asked = match Coming::read(query) {
        Ok(asked) => asked,
        Err(error) => return problem(StatusCode::BAD_REQUEST, "bad_question", &error.to_string()),
    };
    match board.coming(&asked, now).await {
        Ok(plan) => written(&plan),
        Err(error) => refused(&error),
    }
}

async fn of_report(board: &Board, query: Option<&str>, now: jiff::Timestamp) -> (StatusCode, String) {
    let asked = match Asked::read(query) {
        Ok(asked) => asked,
        Err(error) => return problem(StatusCode::BAD_REQUEST, "bad_question", &error.to_string()),
    };
    match board.report(&asked, now).await {
        Ok(report) => written(&report),
        Err(error @ NoReport::NoSuchSlo(_)) => problem(StatusCode::NOT_FOUND, "unknown_slo", &error.to_string()),
        Err(error) => problem(StatusCode::BAD_REQUEST, "bad_question", &error.to_string()),
    }
}

fn refused(error: &NoAnswer) -> (StatusCode, String) {
    let (status, code) = match error {
        NoAnswer::NoSuchSlo(..) => (StatusCode::NOT_FOUND, "unknown_slo"),
        NoAnswer::NoSuchChange(..) | NoAnswer::NoChanges => (StatusCode::NOT_FOUND, "unknown_change"),
        NoAnswer::Future(_) => (StatusCode::BAD_REQUEST, "bad_question"),
    };
    problem(status, code, &error.to_string())
}

async fn of_board(board: &Board, of: &[&str], now: i64) -> (StatusCode, String) {
    match of {
        [] => written(&board.slos().await),
        [service, slo] => of_slo(board, service, slo, "", now).await,
        [service, slo, part] => of_slo(board, service, slo, part, now).await,
        _ => problem(StatusCode::NOT_FOUND, "not_found", "There is nothing under this path; see openapi.json."),
    }
}

async fn of_slo(board: &Board, service: &str, slo: &str, part: &str, now: i64) -> (StatusCode, String) {
    if !part.is_empty() && PARTS.iter().all(|(name, _)| *name != part) {
        return problem(StatusCode::NOT_FOUND, "not_found", "An SLO has burndown, outages and days.");
    }
    let Some(full) = board.slo(service, slo, now).await else {
        return problem(StatusCode::NOT_FOUND, "unknown_slo", "No file of this server has such an SLO.");
    };
    match part {
        "burndown" => written(&full.burndown),
        "outages" => written(&full.outages),
        "days" => written(&full.days),
        _ => written(&full.detail),
    }
}

pub(super) fn written<T: Serialize>(answer: &T) -> (StatusCode, String) {
    match serde_json::to_string(answer) {
        Ok(text) => (StatusCode::OK, text),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The answer cannot be written."),
    }
}

pub(super) fn problem(status: StatusCode, code: &str, message: &str) -> (StatusCode, String) {
    (status, json!(Problem { code: code.to_owned(), message: message.to_owned() }).to_string())
}

/// The OpenAPI 3.1 document of everything above.
pub(super) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        "/components/schemas".clone_into(settings.definitions_path.to_mut());
    });
    let mut schemas = settings.into_generator();
    let slo = format!("{ROOT}slos/{{service}}/{{slo}}");
    let mut paths = Map::new();
    paths.insert(format!("{ROOT}slos"), get::<Slos>(&mut schemas, "Every SLO; what needs attention comes first", &[]));
    let names = ["service", "slo"];
    paths.insert(slo.clone(), get::<SloDetail>(&mut schemas, "One SLO with each of its groups", &names));
    let summary = "Whether deployments may go on, and whether a planned change fits";
    let mut gate = get::<Answer>(&mut schemas, summary, &[]);
    with_query(&mut gate, &QUERY, &mut schemas);
    paths.insert(format!("{ROOT}gate"), gate);
    let summary = "Which planned changes fit on which of the coming days if nothing more fails";
    let mut plan = get::<ChangePlan>(&mut schemas, summary, &[]);
    with_query(&mut plan, &PLAN_QUERY, &mut schemas);
    paths.insert(format!("{ROOT}plan"), plan);
    let summary = "What a team has to know about a week: every spike and why, gate, decisions, alerts, forecast";
    let mut report = get::<Report>(&mut schemas, summary, &[]);
    with_query(&mut report, &REPORT_QUERY, &mut schemas);
    paths.insert(format!("{ROOT}report"), report);
    paths.insert(flagger::PATH.to_owned(), of_flagger());
    for (part, summary) in PARTS {
        let operation = match part {
            "burndown" => get::<Burndown>(&mut schemas, summary, &names),
            "outages" => get::<Outages>(&mut schemas, summary, &names),
            _ => get::<Days>(&mut schemas, summary, &names),
        };
        paths.insert(format!("{slo}/{part}"), operation);
    }
    paths.extend(of_probes(&mut schemas));
    paths.extend(of_audit(&mut schemas));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "burndown",
            "description": "How SLOs stand: budgets, gates, alerts, outages. Times are seconds of Unix time.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas.take_definitions(true)},
    })
}

/// A path that answers GET with a `T`.
fn get<T: JsonSchema>(schemas: &mut SchemaGenerator, summary: &str, names: &[&str]) -> Value {
    let content = |schema: Value| json!({"application/json": {"schema": schema}});
    let parameter = |name: &&str| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
    let answer = schemas.subschema_for::<T>().to_value();
    let problem = schemas.subschema_for::<Problem>().to_value();
    let mut responses = Map::new();
    responses.insert("200".to_owned(), json!({"description": "The answer", "content": content(answer)}));
    responses.insert("503".to_owned(), json!({"description": "No history", "content": content(problem.clone())}));
    if !names.is_empty() {
        responses.insert("404".to_owned(), json!({"description": "No such SLO", "content": content(problem)}));
    }
    let parameters: Vec<Value> = names.iter().map(parameter).collect();
    json!({"get": {"summary": summary, "parameters": parameters, "responses": responses}})
}

/// The path of Flagger's hooks, which answers by its status and in plain text.
fn of_flagger() -> Value {
    let text = json!({"text/plain": {"schema": {"type": "string"}}});
    let answer = |what: &str| json!({"description": what, "content": text});
    let key = |(_, what): &(&str, &str)| json!({"type": "string", "description": what});
    let keys: Map<String, Value> = flagger::METADATA.iter().map(|pair| (pair.0.to_owned(), key(pair))).collect();
    let hook = json!({
        "type": "object",
        "required": ["name", "namespace"],
        "properties": {
            "name": {"type": "string", "description": "The canary"},
            "namespace": {"type": "string", "description": "Its namespace"},
            "metadata": {"type": "object", "properties": keys, "additionalProperties": false},
        },
    });
    json!({"post": {
        "summary": "The gate for the confirm hooks of Flagger",
        "requestBody": {"required": true, "content": {"application/json": {"schema": hook}}},
        "responses": {
            "200": answer("The gate is open"),
            "400": answer("The hook cannot be understood"),
            "404": answer("No such SLO or change"),
            "409": answer("The gate is closed, or nobody knows and it holds"),
            "413": answer("The body is too large"),
            "503": answer("No history"),
        },
    }})
}

/// The paths of the last runs, which refuse in plain text.
fn of_probes(schemas: &mut SchemaGenerator) -> [(String, Value); 2] {
    let operation = |schema: Value, summary: &str, parameters: Value, refusals: &[(&str, &str)]| {
        let mut responses = Map::new();
        let answer = json!({"application/json": {"schema": schema}});
        responses.insert("200".to_owned(), json!({"description": "The answer", "content": answer}));
        for (status, what) in refusals {
            let text = json!({"text/plain": {"schema": {"type": "string"}}});
            responses.insert((*status).to_owned(), json!({"description": what, "content": text}));
        }
        json!({"get": {"summary": summary, "parameters": parameters, "responses": responses}})
    };
    let text = json!({"type": "string"});
    let words = json!({"type": "string", "enum": ["failed", "skipped", "success", "unknown"]});
    let filter = json!([
        {"name": "q", "in": "query", "description": "A part of the name, kind or reason", "schema": text},
        {"name": "state", "in": "query", "description": "What the last run found", "schema": words},
    ]);
    let names = json!([
        {"name": "service", "in": "path", "required": true, "schema": text},
        {"name": "probe", "in": "path", "required": true, "schema": text},
    ]);
    let list = schemas.subschema_for::<Probes<'static>>().to_value();
    let runs = schemas.subschema_for::<RunsOf<'static>>().to_value();
    let too_many = [("503", "Too many lists at once")];
    let nothing = [("404", "No such probe")];
    [
        (format!("{ROOT}probes"), operation(list, "Every probe; what needs attention comes first", filter, &too_many)),
        (
            format!("{ROOT}probes/{{service}}/{{probe}}/runs"),
            operation(runs, "The last runs of a probe, the newest first; failures are kept longest", names, &nothing),
        ),
    ]
}

/// The paths of the audit.
fn of_audit(schemas: &mut SchemaGenerator) -> Vec<(String, Value)> {
    let list = schemas.subschema_for::<Audit>().to_value();
    let entry = schemas.subschema_for::<Entry>().to_value();
    let problem = schemas.subschema_for::<Problem>().to_value();
    let content = |schema: &Value| json!({"application/json": {"schema": schema}});
    let text = |name: &str, what: &str| json!({"name": name, "in": "query", "description": what, "schema": {"type": "string"}});
    let parameters = [text("service", "Only those of this service"), text("slo", "Only those of SLOs of this name")];
    let listed = |summary: &str| {
        json!({"summary": summary, "parameters": parameters, "responses": {
            "200": {"description": "The answer", "content": content(&list)},
            "503": {"description": "No history", "content": content(&problem)},
        }})
    };
    let made = |summary: &str, body: Value| {
        let refusals = [
            ("400", "The entry cannot be understood, or its times cannot be meant"),
            ("403", "The caller is not authenticated, or the request comes from a page of another site"),
            ("404", "No such SLO or entry"),
            ("409", "Several services have such an SLO, or the entry was withdrawn already"),
            ("413", "The entry is too large"),
            ("415", "The entry is not sent as JSON"),
            ("503", "No history, or it cannot be written"),
            ("507", "The audit is full"),
        ];
        let mut responses = Map::new();
        responses.insert("201".to_owned(), json!({"description": "The entry", "content": content(&entry)}));
        for (status, what) in refusals {
            responses.insert(status.to_owned(), json!({"description": what, "content": content(&problem)}));
        }
        json!({"summary": summary, "requestBody": {"required": true, "content": content(&body)}, "responses": responses})
    };
    let overriding = schemas.subschema_for::<OverrideRequest>().to_value();
    let correcting = schemas.subschema_for::<CorrectionRequest>().to_value();
    let withdrawing = schemas.subschema_for::<WithdrawalRequest>().to_value();
    vec![
        (audit::LIST.to_owned(), json!({"get": listed("What people decided, the newest first")})),
        (
            audit::OVERRIDES.to_owned(),
            json!({"get": listed("Overrides, the newest first"), "post": made("Opens the gate of an SLO for a while", overriding)}),
        ),
        (
            audit::CORRECTIONS.to_owned(),
            json!({
                "get": listed("Corrections and planned maintenance, the newest first"),
                "post": made("Takes what was spent in a time out of the net budget", correcting),
            }),
        ),
        (
            audit::WITHDRAWALS.to_owned(),
            json!({"get": listed("Withdrawals, the newest first"), "post": made("Ends what an entry does", withdrawing)}),
        ),
    ]
}

/// Adds what may be asked to the description of a path.
fn with_query(operation: &mut Value, query: &[(&str, &str)], schemas: &mut SchemaGenerator) {
    let problem = schemas.subschema_for::<Problem>().to_value();
    let parameter = |(name, what): &(&str, &str)| json!({"name": name, "in": "query", "description": what, "schema": {"type": "string"}});
    let parameters: Vec<Value> = query.iter().map(parameter).collect();
    let refusal =
        |what: &str| json!({"description": what, "content": {"application/json": {"schema": problem.clone()}}});
    let Some(operation) = operation.get_mut("get").and_then(Value::as_object_mut) else { return };
    operation.insert("parameters".to_owned(), parameters.into());
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        responses.insert("400".to_owned(), refusal("The question cannot be understood"));
        responses.insert("404".to_owned(), refusal("No such SLO or change"));
    }
}
