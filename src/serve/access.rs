//! Who may ask: which names the server answers to, and which pages may make it act.
//!
//! Bound to loopback it answers to names of this machine only, so that no page of another site can reach it by having
//! its own name resolve to loopback. Bound elsewhere, a scraper may use any name.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Request};
use url::Url;

/// The names that the server answers to.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    /// The host of `--web.external-url`, in lower case.
    external: Option<String>,
}

impl Access {
    /// Names of this machine, and that of the URL under which people reach it.
    pub(super) fn new(external: Option<&Url>) -> Self {
        Self { external: external.and_then(Url::host_str).map(str::to_ascii_lowercase) }
    }

    /// Whether a request that came in over loopback was meant for this server.
    pub(super) fn knows<B>(&self, request: &Request<B>) -> bool {
        let is_known = |host: &str| is_local_name(host) || self.is_external(host);
        let named = request.headers().get_all(HOST).iter().all(|value| value.to_str().is_ok_and(is_known));
        named && request.uri().authority().is_none_or(|authority| is_known(authority.as_str()))
    }

    /// Whether a request that makes the server act may come from a page of another site: one whose origin is neither the
    /// host that was asked nor the name under which people reach the server. Browsers say so; programs say nothing.
    pub(super) fn is_foreign<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            return true;
        }
        let Some(origin) = text(ORIGIN.as_str()) else { return false };
        let Some((_, authority)) = origin.split_once("://") else { return true };
        let asked = request.uri().authority().map(http::uri::Authority::as_str).or_else(|| text(HOST.as_str()));
        asked != Some(authority) && !self.is_external(authority)
    }

    fn is_external(&self, host: &str) -> bool {
        self.external.as_deref().is_some_and(|external| without_port(host).eq_ignore_ascii_case(external))
    }
}

/// Whether a request that makes the server act may come from a page of another site. Browsers say so in one of two
/// headers; programs send neither.
pub(super) fn is_of_another_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let host = text(HOST.as_str()).unwrap_or_default();
    let origin = text(ORIGIN.as_str());
    site || origin.is_some_and(|origin| origin.split_once("://").is_none_or(|(_, authority)| authority != host))
}

/// A host without its port.
fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some(_) => host,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name).trim_end_matches('.'),
    }
}

/// Whether a host, with or without a port, is a loopback name or an IP literal.
fn is_local_name(host: &str) -> bool {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<IpAddr>().is_ok();
    }
    let name = without_port(host).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

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

    #[test]
    fn the_external_name_is_known_with_any_port_and_no_other_is() {
        let access = Access::new(Some(&"https://slo.Example.com/".parse().expect("a URL")));
        let knows = |host: &'static str| {
            let request = Request::builder().uri("/").header(HOST, host).body(()).expect("a request");
            access.knows(&request)
        };
        assert!(knows("slo.example.com") && knows("SLO.example.com:8443") && knows("localhost"));
        assert!(!knows("example.com") && !knows("evil.slo.example.com") && !knows("slo.example.com.evil.test"));
    }

    #[test]
    fn only_the_servers_own_pages_make_it_act() {
        let access = Access::new(Some(&"https://slo.example.com/".parse().expect("a URL")));
        let is_foreign = |uri: &str, pairs: &[(&'static str, &'static str)]| {
            let request = pairs.iter().fold(Request::post(uri), |request, (name, value)| request.header(*name, *value));
            access.is_foreign(&request.body(()).expect("a request"))
        };
        let host = ("host", "10.0.0.1:9799");
        assert!(!is_foreign("/", &[host]));
        assert!(!is_foreign("/", &[host, ("origin", "https://10.0.0.1:9799"), ("sec-fetch-site", "same-origin")]));
        assert!(!is_foreign("/", &[host, ("origin", "https://slo.example.com")]));
        assert!(!is_foreign("https://10.0.0.1:9799/", &[("origin", "https://10.0.0.1:9799")]), "HTTP/2 has no host");
        for origin in ["null", "", "https://10.0.0.1:9798", "https://slo.example.com.evil.test", "https://evil.test"] {
            assert!(is_foreign("/", &[host, ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site"] {
            assert!(is_foreign("/", &[host, ("sec-fetch-site", site)]), "{site}");
        }
    }

    #[test]
    fn pages_of_other_sites_make_nothing_happen() {
        let is_foreign = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_of_another_site(&pairs.collect())
        };
        assert!(!is_foreign(&[("host", "localhost:9799")]));
        assert!(!is_foreign(&[("host", "localhost:9799"), ("origin", "http://localhost:9799")]));
        assert!(!is_foreign(&[("host", "localhost:9799"), ("sec-fetch-site", "same-origin")]));
        assert!(is_foreign(&[("host", "localhost:9799"), ("origin", "http://evil.example")]));
        assert!(is_foreign(&[("host", "localhost:9799"), ("origin", "null")]));
        assert!(is_foreign(&[("host", "localhost:9799"), ("sec-fetch-site", "cross-site")]));
        assert!(is_foreign(&[("host", "localhost:9799"), ("origin", "http://localhost:1234")]));
    }
}
