//! Where an answer sends a run on to, and where it must not go.
//!
//! Details say the host and nothing else of a redirect: paths and queries carry tokens.

use http::header::{HeaderMap, LOCATION};
use http::{Method, StatusCode};
use url::Url;

use super::super::outcome::Reason;
use super::super::progress::Fault;

/// The longest host that a detail repeats, in characters; names have at most 253.
const MAX_HOST: usize = 253;

/// Where an answer from `from` sends the run on to, if it does.
///
/// # Errors
///
/// [`Reason::Redirect`] when the run must not go there.
pub(super) fn target(status: StatusCode, headers: &HeaderMap, from: &Url) -> Result<Option<Url>, Fault> {
    let Some(location) = headers.get(LOCATION).filter(|_| matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308))
    else {
        return Ok(None);
    };
    let text = std::str::from_utf8(location.as_bytes()).map_err(|_| refused("leads to what is no URL"))?;
    let to = from.join(text.trim()).map_err(|_| refused("leads to what is no URL"))?;
    if !matches!(to.scheme(), "http" | "https") {
        return Err(refused("leads to something other than HTTP"));
    }
    if !to.username().is_empty() || to.password().is_some() {
        return Err(refused("has a user name or password in its URL"));
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(refused(&format!("leads from https to http at {}", host(&to))));
    }
    Ok(Some(to))
}

/// The fault of a redirect that is not followed.
pub(super) fn refused(why: &str) -> Fault {
    Fault::Target(Reason::Redirect, format!("a redirect {why}"))
}

/// The host of a URL as a detail says it.
pub(super) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().chars().take(MAX_HOST).collect()
}

/// The method with which a redirect is followed, as browsers do it (Fetch Standard, section 4.4).
pub(super) fn method(status: StatusCode, method: &Method) -> Method {
    let becomes_get = match status.as_u16() {
        301 | 302 => *method == Method::POST,
        303 => *method != Method::GET && *method != Method::HEAD,
        _ => false,
    };
    if becomes_get { Method::GET } else { method.clone() }
}

/// Whether what is meant for one URL may be shown at the other: the same host on the same port, or on its way from
/// plain HTTP to HTTPS with the usual port of each.
pub(super) fn is_same_place(from: &Url, to: &Url) -> bool {
    let is_upgrade = (from.scheme(), to.scheme()) == ("http", "https") && from.port().is_none() && to.port().is_none();
    let is_same = from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default();
    from.host() == to.host() && (is_same || is_upgrade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_scheme_host_and_port() {
        let cases = [
            ("http://a/x", "http://a/y?z", true),
            ("http://a/", "http://a:80/", true),
            ("http://a/", "https://a/", true),
            ("http://a:8080/", "https://a:8443/", false),
            ("http://a:8080/", "https://a/", false),
            ("https://a/", "http://a/", false),
            ("https://a/", "https://a:8443/", false),
            ("https://a/", "https://b.a/", false),
            ("https://a/", "https://b/", false),
        ];
        for (from, to, same) in cases {
            let [from, to] = [from, to].map(|url| url.parse().expect("a URL"));
            assert_eq!(is_same_place(&from, &to), same, "{from} {to}");
        }
    }

    #[test]
    fn methods_change_as_in_browsers() {
        let cases = [
            (302, Method::POST, Method::GET),
            (301, Method::PUT, Method::PUT),
            (303, Method::PUT, Method::GET),
            (303, Method::HEAD, Method::HEAD),
            (307, Method::POST, Method::POST),
            (308, Method::DELETE, Method::DELETE),
        ];
        for (status, before, after) in cases {
            assert_eq!(method(StatusCode::from_u16(status).expect("a status"), &before), after, "{status} {before}");
        }
    }
}
