//! What the board has under which path.

use http::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};

use super::filter::Filter;
use super::page::{self, Frame};
use super::timing::Timing;
use super::{Board, public, slo};
use crate::probe::ProbeKey;
use crate::report::{self, Asked};
use crate::serve::body::{AnyBody, whole};
use crate::serve::metrics::Metrics;
use crate::serve::routes::respond;
use crate::spec::model::Sli;

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// What stands under a path and never changes: files of their own, so that a page may forbid everything else.
const FILES: [(&str, &str, &str); 4] = [
    (
        "/board/board.css",
        "text/css; charset=utf-8",
        concat!(include_str!("../../standing/palette.css"), include_str!("board.css")),
    ),
    ("/board/board.js", "text/javascript; charset=utf-8", include_str!("board.js")),
    ("/board/theme.js", "text/javascript; charset=utf-8", include_str!("theme.js")),
    ("/board/icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

/// What a page may load: files of this server, and nothing from anywhere else, nor anything that stands in the page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

impl Board {
    /// The answer to a request for a path, if the board has one.
    pub(in crate::serve) async fn answer(
        &self,
        path: &str,
        query: &str,
        metrics: &Metrics,
    ) -> Option<Response<AnyBody>> {
        if let Some((_, content_type, text)) = FILES.iter().find(|(file, ..)| *file == path) {
            return Some(guarded(StatusCode::OK, content_type, (*text).to_owned()));
        }
        if path == "/report" {
            return Some(self.report_page(query).await);
        }
        let slo = path.strip_prefix("/slos/").and_then(|path| path.split_once('/'));
        if slo.is_none() && !matches!(path, "/" | "/status") {
            return None;
        }
        let look = self.keeper.look().await;
        let frame = Frame::of(&look, self.keeper.pace(), jiff::Timestamp::now().as_second());
        let page = match (path, slo) {
            ("/status", _) => public::render(&look, frame),
            (_, None) => page::render(&look, frame, Filter::read(query)),
            (_, Some((service, name))) => {
                let full = look.find(service, name)?;
                slo::render(full, frame, self.timing(service, name, metrics), look.at)
            }
        };
        Some(match page {
            Ok(page) => guarded(StatusCode::OK, HTML, page),
            Err(error) => {
                tracing::error!(path, %error, "a page cannot be shown");
                guarded(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "No page.\n".to_owned())
            }
        })
    }

    /// The report that a query asks for, as a page.
    async fn report_page(&self, query: &str) -> Response<AnyBody> {
        let refused = |text: String| guarded(StatusCode::BAD_REQUEST, TEXT, format!("{text}.\n"));
        let asked = match Asked::read(Some(query)) {
            Ok(asked) => asked,
            Err(error) => return refused(error.to_string()),
        };
        let page = match self.report(&asked, jiff::Timestamp::now()).await {
            Ok(made) => report::html(&made, Some("/")),
            Err(error) => return refused(error.to_string()),
        };
        let Ok(page) = page else {
            return guarded(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "No page.\n".to_owned());
        };
        let mut answer = guarded(StatusCode::OK, HTML, page);
        // It stands alone, and so its style stands in it.
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(report::POLICY));
        answer
    }

    /// The timings of the probe of an SLO that has one.
    fn timing(&self, service: &str, slo: &str, metrics: &Metrics) -> Option<Timing> {
        let plans = self.keeper.standings().plans();
        let plan = plans.iter().find(|plan| plan.slo.service.as_str() == service && plan.slo.name.as_str() == slo)?;
        let Sli::Probe { probe, .. } = &plan.slo.sli else { return None };
        let key = ProbeKey { service: plan.slo.service.clone(), probe: probe.clone() };
        metrics.counts(&key).as_ref().and_then(Timing::of)
    }
}

/// An answer that a browser must not take for anything else than it is.
fn guarded(status: StatusCode, content_type: &'static str, text: String) -> Response<AnyBody> {
    let mut answer = respond(status, content_type, whole(text));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}
