//! Which path answers what. Every answer is made from what is kept here or written while it is sent; none takes
//! a target.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Body;
use tokio::sync::Semaphore;

use super::board::{self, Board};
use super::body::{AnyBody, streamed, whole};
use super::exposition::Format;
use super::metrics::Metrics;

/// How many scrapes may be written at once; a Prometheus pair and a few people need fewer.
const SCRAPES: usize = 8;

/// What answers are made of.
#[derive(Debug)]
pub(super) struct App {
    pub(super) metrics: Arc<Metrics>,
    /// How many probes there are.
    pub(super) probes: usize,
    /// The board, where there is a history to show.
    board: Option<Board>,
    ready: AtomicBool,
    scrapes: Arc<Semaphore>,
}

impl App {
    /// An app that is not ready yet.
    pub(super) fn new(metrics: Arc<Metrics>, probes: usize, board: Option<Board>) -> Self {
        Self { metrics, probes, board, ready: AtomicBool::new(false), scrapes: Arc::new(Semaphore::new(SCRAPES)) }
    }

    /// Says whether probes are being run.
    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }
}

/// The answer to a request that came in over a listener on `loopback` or elsewhere.
pub(super) async fn answer<B: Body>(app: &App, loopback: bool, request: &Request<B>) -> Response<AnyBody> {
    if loopback && !is_local(request) {
        return plain(StatusCode::FORBIDDEN, "This server only answers to names of this machine.\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are answered.\n");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    if !request.body().is_end_stream() {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "This server takes no request bodies.\n");
    }
    let path = request.uri().path();
    if let Some(answer) = on_board(app, path).await {
        return answer;
    }
    match path {
        "/" => landing(app),
        "/metrics" => metrics(app, request.headers()),
        "/-/healthy" => plain(StatusCode::OK, "burndown is healthy.\n"),
        "/-/ready" if app.ready.load(Ordering::Relaxed) => plain(StatusCode::OK, "burndown is ready.\n"),
        "/-/ready" => plain(StatusCode::SERVICE_UNAVAILABLE, "burndown is not running probes.\n"),
        _ => plain(StatusCode::NOT_FOUND, "There is nothing here.\n"),
    }
}

/// Whether a request was meant for this machine by name, so that no page of another site can reach it by
/// having its own name resolve to loopback.
fn is_local<B>(request: &Request<B>) -> bool {
    let named = request.headers().get_all(HOST).iter().all(|value| value.to_str().is_ok_and(is_local_name));
    named && request.uri().authority().is_none_or(|authority| is_local_name(authority.as_str()))
}

/// Whether a host, with or without a port, is a loopback name or an IP literal.
fn is_local_name(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => return address.parse::<IpAddr>().is_ok(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

fn metrics(app: &App, headers: &HeaderMap) -> Response<AnyBody> {
    let Ok(permit) = Arc::clone(&app.scrapes).try_acquire_owned() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "Too many scrapes at once.\n");
    };
    let format = Format::asked_for(headers);
    let metrics = Arc::clone(&app.metrics);
    let body = streamed(move |writer| {
        let _permit = permit;
        metrics.encode(format, writer)
    });
    respond(StatusCode::OK, format.content_type(), body)
}

/// What the board has under a path, if there is a board.
async fn on_board(app: &App, path: &str) -> Option<Response<AnyBody>> {
    let board = app.board.as_ref()?;
    let now = jiff::Timestamp::now().as_second();
    let (content_type, text) = match path {
        "/" => ("text/html; charset=utf-8", board.page(now).await.ok()),
        "/board.js" => ("text/javascript; charset=utf-8", Some(board::SCRIPT.to_owned())),
        "/api/v1/slos" => ("application/json", serde_json::to_string(&board.states(now).await).ok()),
        _ => return None,
    };
    let Some(text) = text else {
        return Some(plain(StatusCode::INTERNAL_SERVER_ERROR, "The board cannot be shown.\n"));
    };
    let mut answer = respond(StatusCode::OK, content_type, whole(text));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(board::CONTENT_SECURITY_POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(answer)
}

fn landing(app: &App) -> Response<AnyBody> {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>burndown</title></head>\n<body>\n\
         <h1>burndown</h1>\n<p>Version {}, {} probes.</p>\n<ul>\n<li><a href=\"/metrics\">Metrics</a></li>\n\
         <li><a href=\"/-/healthy\">Healthy?</a></li>\n<li><a href=\"/-/ready\">Ready?</a></li>\n</ul>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        app.probes,
    );
    respond(StatusCode::OK, "text/html; charset=utf-8", whole(page))
}

fn plain(status: StatusCode, text: &'static str) -> Response<AnyBody> {
    respond(status, "text/plain; charset=utf-8", whole(text))
}

fn respond(status: StatusCode, content_type: &'static str, body: AnyBody) -> Response<AnyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in
            ["localhost", "localhost:9799", "LOCALHOST.", "a.localhost:1", "127.0.0.1:9799", "10.1.2.3", "[::1]:9"]
        {
            assert!(is_local_name(host), "{host}");
        }
        for host in ["", "example.com", "localhost.example.com:80", "127.0.0.1.nip.io", "[::1", "[evil]:80", "::1@evil"]
        {
            assert!(!is_local_name(host), "{host}");
        }
    }
}
