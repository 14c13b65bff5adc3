//! Which path answers what. Every answer is made from what is kept here or written while it is sent; none takes
//! a target.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::access::{self, Access};
use super::api;
use super::audit::{self, Refusal};
use super::board::Board;
use super::body::{AnyBody, streamed, whole};
use super::daemon::ReloadRequest;
use super::exposition::Format;
use super::flagger;
use super::metrics::Metrics;
use super::posted;
use super::probes::{self, Filter, Found};
use super::runs::Runs;
use super::web::{Answer, WebConfig};
use crate::history::Storage;
use crate::history::audit::{Entry, Who};

/// How many scrapes and lists of all probes may be written at once; a Prometheus pair and a few people need fewer.
const SCRAPES: usize = 8;

/// How long a request for a reload waits for what becomes of it.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(30);

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What there is to show, and to whom.
pub(super) struct Shown {
    pub(super) metrics: Arc<Metrics>,
    pub(super) runs: Arc<Runs>,
    /// The board, where there is a history to show.
    pub(super) board: Option<Board>,
    /// The text of the files.
    pub(super) config: String,
    pub(super) web: WebConfig,
    pub(super) access: Access,
    /// Who hears of requests for a reload, where they are allowed.
    pub(super) reloads: Option<mpsc::Sender<ReloadRequest>>,
    /// Where the audit is kept, if it is.
    pub(super) storage: Option<Arc<Storage>>,
}

/// What answers are made of.
pub(super) struct App {
    pub(super) metrics: Arc<Metrics>,
    pub(super) runs: Arc<Runs>,
    pub(super) web: WebConfig,
    access: Access,
    reloads: Option<mpsc::Sender<ReloadRequest>>,
    pub(super) storage: Option<Arc<Storage>>,
    /// Says that the audit or the files have changed.
    pub(super) audited: Notify,
    /// What a reload replaces: the board and the text of the files.
    files: RwLock<(Option<Board>, Arc<str>)>,
    ready: AtomicBool,
    scrapes: Arc<Semaphore>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("ready", &self.ready).finish_non_exhaustive()
    }
}

impl App {
    /// An app that is not ready yet.
    pub(super) fn new(shown: Shown) -> Self {
        Self {
            metrics: shown.metrics,
            runs: shown.runs,
            web: shown.web,
            access: shown.access,
            reloads: shown.reloads,
            storage: shown.storage,
            audited: Notify::new(),
            files: RwLock::new((shown.board, shown.config.into())),
            ready: AtomicBool::new(false),
            scrapes: Arc::new(Semaphore::new(SCRAPES)),
        }
    }

    /// Says whether probes are being run.
    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Shows another board and other files from now on.
    pub(super) fn show(&self, board: Option<Board>, config: String) {
        *self.files.write().unwrap_or_else(PoisonError::into_inner) = (board, config.into());
        self.audited.notify_one();
    }

    pub(super) fn files(&self) -> (Option<Board>, Arc<str>) {
        self.files.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Who is at the other end of a connection, as far as the connection says it.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// Somebody over TCP: to a listener on loopback or elsewhere, in TLS or not.
    Remote { loopback: bool, tls: bool },
    /// A user of this machine, over the socket of this service's owner.
    Local(Who),
}

/// The answer to a request.
pub(super) async fn answer(app: &App, caller: &Caller, request: Request<Incoming>) -> Response<AnyBody> {
    let web = app.web.current().await;
    if let Caller::Local(who) = caller {
        // The mode of the socket has let this user in already.
        let mut answer = admitted(app, Ok(who.clone()), request).await;
        web.decorate(answer.headers_mut());
        return answer;
    }
    let (is_loopback, has_tls) = match caller {
        Caller::Remote { loopback, tls } => (*loopback, *tls),
        Caller::Local(_) => (false, false),
    };
    let mut answer = if is_loopback && !app.access.knows(&request) {
        plain(StatusCode::FORBIDDEN, "This server only answers to names of this machine.\n")
    } else {
        match web.admits(request.headers()).await {
            Answer::Admitted(user) => admitted(app, authenticated(user, has_tls), request).await,
            Answer::Busy => plain(StatusCode::SERVICE_UNAVAILABLE, "Too many passwords are being checked.\n"),
            Answer::Refused => {
                let mut refusal = plain(StatusCode::UNAUTHORIZED, "This server asks for a user and a password.\n");
                let basic = HeaderValue::from_static("Basic realm=\"burndown\", charset=\"UTF-8\"");
                refusal.headers_mut().insert(WWW_AUTHENTICATE, basic);
                refusal
            }
        }
    };
    web.decorate(answer.headers_mut());
    answer
}

/// Who a request comes from, or why that cannot be known well enough to make an entry of the audit.
fn authenticated(user: Option<String>, has_tls: bool) -> Result<Who, &'static str> {
    match user {
        None => Err("this server knows no users: give it `basic_auth_users` and `tls_server_config` in \
                     `--web.config.file`, or use its `--web.admin-socket`"),
        Some(_) if !has_tls => Err("a password that was sent in plain text proves nothing: give this server \
                                    `tls_server_config` in `--web.config.file`, or use its `--web.admin-socket`"),
        Some(user) => format!("user {user}").parse().map_err(|_| "the name of this user cannot be recorded"),
    }
}

/// Makes the entry of the audit that a request asks for.
async fn enter(app: &App, caller: Result<Who, &'static str>, request: Request<Incoming>) -> Result<Entry, Refusal> {
    if app.access.is_foreign(&request) {
        let message = "This request comes from a page of another site.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "foreign_origin", message));
    }
    let caller = caller.map_err(|why| Refusal::new(StatusCode::FORBIDDEN, "not_authenticated", why))?;
    let (Some(storage), Some(board)) = (&app.storage, app.files().0) else {
        let message = "this server keeps no history, and so no audit: see `--storage.path`";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "no_history", message));
    };
    let entry = audit::make(storage, &board, request, caller).await?;
    board.decided();
    app.audited.notify_one();
    Ok(entry)
}

/// The entries of the audit under a path, if it has any.
fn entries(app: &App, path: &str, query: Option<&str>) -> Option<Response<AnyBody>> {
    if path != audit::LIST && !audit::takes(path) {
        return None;
    }
    let Some(storage) = &app.storage else {
        let (status, text) = api::problem(StatusCode::SERVICE_UNAVAILABLE, "no_history", "This server keeps no audit.");
        return Some(respond(status, JSON, whole(text)));
    };
    let (status, text) = api::written(&audit::list(storage, path, query)?);
    Some(respond(status, JSON, whole(text)))
}

/// The answer to a request that may be answered. `caller` says who makes entries of the audit.
async fn admitted(app: &App, caller: Result<Who, &'static str>, request: Request<Incoming>) -> Response<AnyBody> {
    if audit::takes(request.uri().path()) && request.method() == Method::POST {
        let (status, text) = match enter(app, caller, request).await {
            Ok(entry) => (StatusCode::CREATED, api::written(&entry).1),
            Err(Refusal { status, code, message }) => api::problem(status, code, &message),
        };
        return respond(status, JSON, whole(text));
    }
    if request.uri().path() == flagger::PATH {
        return match *request.method() {
            Method::POST => hook(app, request.into_body()).await,
            _ => not_allowed("POST"),
        };
    }
    let request = &request;
    if !request.body().is_end_stream() {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "This server takes no request bodies.\n");
    }
    let path = request.uri().path();
    if path == "/-/reload" {
        return match *request.method() {
            Method::POST | Method::PUT => reload(app, request.headers()).await,
            _ => not_allowed("POST, PUT"),
        };
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_allowed(if audit::takes(path) { "GET, HEAD, POST" } else { "GET, HEAD" });
    }
    if let Some(answer) = entries(app, path, request.uri().query()) {
        return answer;
    }
    if let Some((status, text)) = api::answer(app.files().0.as_ref(), path, request.uri().query()).await {
        return respond(status, JSON, whole(text));
    }
    if let Some(board) = app.files().0
        && let Some(answer) = board.answer(path, request.uri().query().unwrap_or_default(), &app.metrics).await
    {
        return answer;
    }
    if let Some(answer) = on_probes(app, path, request.uri().query()) {
        return answer;
    }
    match path {
        "/" => landing(app),
        "/metrics" => metrics(app, request.headers()),
        "/config" => respond(StatusCode::OK, TEXT, whole(app.files().1.to_string())),
        "/-/healthy" => plain(StatusCode::OK, "burndown is healthy.\n"),
        "/-/ready" if app.ready.load(Ordering::Relaxed) => plain(StatusCode::OK, "burndown is ready.\n"),
        "/-/ready" => plain(StatusCode::SERVICE_UNAVAILABLE, "burndown is not running probes.\n"),
        _ => plain(StatusCode::NOT_FOUND, "There is nothing here.\n"),
    }
}

/// The answer to a hook of Flagger.
async fn hook<B>(app: &App, body: B) -> Response<AnyBody>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (status, text) = match posted::read(body).await {
        Ok(body) => flagger::answer(app.files().0.as_ref(), &body).await,
        Err(status) => (status, "The body of this request cannot be read: it may have 16 KiB.\n".to_owned()),
    };
    respond(status, TEXT, whole(text))
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

/// Has the files loaded again and says what became of it, where that is allowed.
async fn reload(app: &App, headers: &HeaderMap) -> Response<AnyBody> {
    let Some(reloads) = &app.reloads else {
        return plain(StatusCode::FORBIDDEN, "Reloading over HTTP is off; `--web.enable-lifecycle` turns it on.\n");
    };
    if access::is_of_another_site(headers) {
        return plain(StatusCode::FORBIDDEN, "This request comes from a page of another site.\n");
    }
    let (sender, receiver) = oneshot::channel();
    if reloads.try_send(sender).is_err() {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "Another reload is going on.\n");
    }
    match timeout(RELOAD_TIMEOUT, receiver).await {
        Ok(Ok(Ok(()))) => plain(StatusCode::OK, "The files were loaded.\n"),
        Ok(Ok(Err(wrong))) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, whole(wrong)),
        Ok(Err(_)) => plain(StatusCode::SERVICE_UNAVAILABLE, "burndown is stopping.\n"),
        Err(_) => plain(StatusCode::GATEWAY_TIMEOUT, "The files are still being read.\n"),
    }
}

/// What there is of the probes under a path.
fn on_probes(app: &App, path: &str, query: Option<&str>) -> Option<Response<AnyBody>> {
    let (list, one) = match path.strip_prefix("/api/v1/probes") {
        Some("") => (Some(JSON), None),
        Some(rest) => (None, rest.strip_prefix('/')?.strip_suffix("/runs").map(|name| (JSON, name))),
        None => match path.strip_prefix("/probes")? {
            "" => (Some(HTML), None),
            rest => (None, rest.strip_prefix('/').map(|name| (HTML, name))),
        },
    };
    let (table, policy) = (app.runs.table(), probes::CONTENT_SECURITY_POLICY);
    if let Some(content_type) = list {
        let Ok(_permit) = app.scrapes.try_acquire() else {
            return Some(plain(StatusCode::SERVICE_UNAVAILABLE, "Too many lists at once.\n"));
        };
        let filter = Filter::read(query);
        let text = match content_type {
            JSON => probes::list(&table, &filter).ok(),
            _ => probes::probes(&table, &filter, jiff::Timestamp::now().as_second()).ok(),
        };
        return Some(made(content_type, text, policy));
    }
    let (content_type, name) = one?;
    Some(match probes::find(&table, name) {
        Found::One(key, row) => {
            let text = match content_type {
                JSON => probes::runs(key, row).ok(),
                _ => probes::probe(&table, key, row).ok(),
            };
            made(content_type, text, policy)
        }
        Found::Nothing => plain(StatusCode::NOT_FOUND, "There is no such probe.\n"),
        Found::Several(keys) => {
            let keys: Vec<String> = keys.iter().map(|key| format!("{key}\n")).collect();
            let text = format!("Several services have such a probe. Ask for one of them:\n{}", keys.concat());
            respond(StatusCode::CONFLICT, TEXT, whole(text))
        }
    })
}

/// An answer for people or programs, with what it may load.
fn made(content_type: &'static str, text: Option<String>, policy: &'static str) -> Response<AnyBody> {
    let Some(text) = text else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "This cannot be shown.\n");
    };
    let mut answer = respond(StatusCode::OK, content_type, whole(text));
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    answer
}

fn landing(app: &App) -> Response<AnyBody> {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>burndown</title></head>\n<body>\n\
         <h1>burndown</h1>\n<p>Version {}, {} probes.</p>\n<ul>\n<li><a href=\"/probes\">Probes</a></li>\n\
         <li><a href=\"/metrics\">Metrics</a></li>\n<li><a href=\"/config\">Files</a></li>\n\
         <li><a href=\"/-/healthy\">Healthy?</a></li>\n<li><a href=\"/-/ready\">Ready?</a></li>\n</ul>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        app.runs.table().probes.len(),
    );
    made(HTML, Some(page), probes::CONTENT_SECURITY_POLICY)
}

fn not_allowed(methods: &'static str) -> Response<AnyBody> {
    let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "This path is not answered for this method.\n");
    refusal.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    refusal
}

fn plain(status: StatusCode, text: &'static str) -> Response<AnyBody> {
    respond(status, TEXT, whole(text))
}

/// An answer that nobody keeps.
pub(super) fn respond(status: StatusCode, content_type: &'static str, body: AnyBody) -> Response<AnyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
