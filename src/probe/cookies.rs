//! The cookies of one run (RFC 6265): what answers set, and which of them the next request gets to carry.
//!
//! A jar lives as long as its run and is never shared. Its values count as secret.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

/// How many cookies a jar keeps; what comes beyond that is dropped. Browsers keep about as many for a site.
const MAX_COOKIES: usize = 200;

/// The largest cookie that is kept, in bytes of `name=value`, as browsers have it.
const MAX_COOKIE_BYTES: usize = 4096;

/// The cookies of one run.
#[derive(Default)]
pub(super) struct Jar(Vec<Cookie>);

struct Cookie {
    name: String,
    value: String,
    domain: Domain,
    path: String,
    secure: bool,
    /// When it ends; without it, with the run.
    expires: Option<SystemTime>,
}

/// Whom a cookie is for, in lower case.
#[derive(Clone, PartialEq, Eq)]
enum Domain {
    /// The host that set it, and no other.
    Host(String),
    /// A domain and every host below it.
    Suffix(String),
}

impl Jar {
    /// Takes the cookies that an answer from `url` sets.
    pub(super) fn take(&mut self, url: &Url, headers: &HeaderMap) {
        let now = SystemTime::now();
        for header in headers.get_all(SET_COOKIE) {
            let Some(cookie) = std::str::from_utf8(header.as_bytes()).ok().and_then(|text| read(url, text, now)) else {
                continue;
            };
            let known = |other: &Cookie| {
                other.name == cookie.name && other.domain == cookie.domain && other.path == cookie.path
            };
            // A page without TLS cannot take the place of a cookie that only travels with TLS.
            if url.scheme() != "https" && self.0.iter().any(|other| known(other) && other.secure) {
                continue;
            }
            self.0.retain(|other| !known(other));
            if cookie.is_alive(now) && self.0.len() < MAX_COOKIES {
                self.0.push(cookie);
            }
        }
    }

    /// The header `Cookie` for a request to `url`, if it is to carry one.
    pub(super) fn header(&self, url: &Url) -> Option<HeaderValue> {
        let now = SystemTime::now();
        let mut fitting: Vec<&Cookie> = self.0.iter().filter(|cookie| cookie.is_for(url, now)).collect();
        // The longest path first, otherwise in the order in which they were set (RFC 6265, section 5.4).
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fitting.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        if pairs.is_empty() {
            return None;
        }
        let mut value = HeaderValue::try_from(pairs.join("; ")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Cookie {
    fn is_alive(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|end| end > now)
    }

    fn is_for(&self, url: &Url, now: SystemTime) -> bool {
        let Some(host) = url.host_str() else { return false };
        let host_fits = match &self.domain {
            Domain::Host(own) => own == host,
            Domain::Suffix(domain) => is_below(host, domain),
        };
        host_fits
            && path_fits(url.path(), &self.path)
            && (url.scheme() == "https" || !self.secure)
            && self.is_alive(now)
    }
}

/// Reads one `Set-Cookie`, or nothing if the cookie must be ignored (RFC 6265, sections 5.2 and 5.3).
fn read(url: &Url, text: &str, now: SystemTime) -> Option<Cookie> {
    let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
    let (name, value) = pair.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_clean = |text: &str| !text.bytes().any(|byte| byte.is_ascii_control());
    if name.is_empty() || name.len() + value.len() > MAX_COOKIE_BYTES || !is_clean(name) || !is_clean(value) {
        return None;
    }
    let host = url.host_str()?.to_owned();
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: Domain::Host(host.clone()),
        path: default_path(url.path()).to_owned(),
        secure: false,
        expires: None,
    };
    let mut max_age = None;
    for attribute in attributes.split(';') {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" if !value.is_empty() => cookie.domain = domain(&host, value)?,
            "path" if value.starts_with('/') => cookie.path = value.to_owned(),
            "secure" => cookie.secure = true,
            "expires" => cookie.expires = httpdate::parse_http_date(value).ok().or(cookie.expires),
            "max-age" => max_age = ends_after(value, now).or(max_age),
            _ => {}
        }
    }
    cookie.expires = max_age.or(cookie.expires);
    // A page without TLS cannot set what only travels with TLS.
    (url.scheme() == "https" || !cookie.secure).then_some(cookie)
}

/// When a cookie with this `Max-Age` in seconds ends; nothing if that is no number.
fn ends_after(seconds: &str, now: SystemTime) -> Option<SystemTime> {
    let digits = seconds.strip_prefix('-').unwrap_or(seconds);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Beyond a year it outlives every run anyhow, and at 0 or below it is over.
    let lifetime = seconds.parse::<i64>().unwrap_or(i64::MAX).clamp(0, 31_536_000);
    now.checked_add(Duration::from_secs(lifetime.unsigned_abs()))
}

/// Whom `Domain=` names, or nothing if `host` may not set cookies for it.
///
/// A name without a dot, such as `com`, is never a domain of one owner. Suffixes such as `co.uk` are not known
/// here: a jar only ever meets the hosts of one file.
fn domain(host: &str, attribute: &str) -> Option<Domain> {
    let domain = attribute.strip_prefix('.').unwrap_or(attribute).to_ascii_lowercase();
    if domain == host {
        return Some(if is_address(host) { Domain::Host(domain) } else { Domain::Suffix(domain) });
    }
    (domain.contains('.') && is_below(host, &domain)).then_some(Domain::Suffix(domain))
}

/// Whether a host is `domain` or below it; an address is below nothing.
fn is_below(host: &str, domain: &str) -> bool {
    host == domain || (!is_address(host) && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}

fn is_address(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

/// The directory of a path (RFC 6265, section 5.1.4).
fn default_path(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((directory, _)) if !directory.is_empty() => directory,
        _ => "/",
    }
}

fn path_fits(path: &str, wanted: &str) -> bool {
    path.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || wanted.ends_with('/') || rest.starts_with('/'))
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jar").field("cookies", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    /// What a request to `to` carries after an answer from `from` set these.
    fn carried(from: &str, set: &[&str], to: &str) -> String {
        let mut jar = Jar::default();
        for text in set {
            let headers = [(SET_COOKIE, HeaderValue::from_str(text).expect("a header"))].into_iter().collect();
            jar.take(&url(from), &headers);
        }
        jar.header(&url(to)).map_or(String::new(), |value| value.to_str().expect("text").to_owned())
    }

    #[test]
    fn a_cookie_goes_where_its_attributes_let_it() {
        let (page, same) = ("https://a.example.com/app/login", "https://a.example.com/app/next");
        for (set, to, wanted) in [
            ("s=1", same, "s=1"),
            ("s=1", "https://a.example.com/app", "s=1"),
            ("s=1", "https://a.example.com/apple", ""),
            ("s=1", "https://a.example.com/", ""),
            ("s=1; Path=/", "https://a.example.com/", "s=1"),
            ("s=1; Path=/other", "https://a.example.com/other/x", "s=1"),
            ("s=1; path=relative", same, "s=1"),
            ("s=1; Path=/", "https://b.example.com/", ""),
            ("s=1; Path=/", "https://x.a.example.com/", ""),
            ("s=1; Path=/; Domain=example.com", "https://b.example.com/", "s=1"),
            ("s=1; Path=/; Domain=.EXAMPLE.com", "https://example.com/", "s=1"),
            ("s=1; Path=/; Domain=example.com", "https://badexample.com/", ""),
            ("s=1; Domain=other.com", same, ""),
            ("s=1; Domain=com", same, ""),
            ("s=1; Domain=b.a.example.com", same, ""),
            ("s=1", "http://a.example.com/app/next", "s=1"),
            ("s=1; Secure", "http://a.example.com/app/next", ""),
            ("s=1; Secure; HttpOnly; SameSite=Lax", same, "s=1"),
            ("s=1; Max-Age=0", same, ""),
            ("s=1; Max-Age=-1", same, ""),
            ("s=1; Max-Age=99999999999999999999", same, "s=1"),
            ("s=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", same, ""),
            ("s=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", same, "s=1"),
            ("s=1; Expires=whenever", same, "s=1"),
            ("no pair", same, ""),
            ("=1", same, ""),
            ("s=a=b", same, "s=a=b"),
        ] {
            assert_eq!(carried(page, &[set], to), wanted, "{set} to {to}");
        }
        assert_eq!(carried("http://a.example.com/", &["s=1; Secure"], "https://a.example.com/"), "");
        assert_eq!(carried("http://127.0.0.1/", &["s=1; Domain=127.0.0.1"], "http://127.0.0.1:81/"), "s=1");
        assert_eq!(carried("http://10.0.0.1/", &["s=1; Domain=0.0.1"], "http://20.0.0.1/"), "");
    }

    #[test]
    fn cookies_replace_each_other_and_the_longest_path_comes_first() {
        let (page, same) = ("https://a.example.com/app/login", "https://a.example.com/app/next");
        assert_eq!(carried(page, &["s=1", "s=2"], same), "s=2");
        assert_eq!(carried(page, &["s=1", "s=; Max-Age=0"], same), "");
        assert_eq!(carried(page, &["a=1; Path=/", "b=2", "c=3; Path=/"], same), "b=2; a=1; c=3");
    }

    #[test]
    fn a_jar_is_bounded_and_shows_no_value() {
        let set: Vec<String> = (0..300).map(|at| format!("c{at}=s3cret")).collect();
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        let page = "https://a.example.com/";
        assert_eq!(carried(page, &set, page).split("; ").count(), MAX_COOKIES);
        assert_eq!(carried(page, &[&format!("big={}", "x".repeat(5000))], page), "");

        let mut jar = Jar::default();
        jar.take(&url(page), &[(SET_COOKIE, HeaderValue::from_static("s=s3cret"))].into_iter().collect());
        let shown = format!("{jar:?} {:?}", jar.header(&url(page)));
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_page_without_tls_cannot_replace_a_secure_cookie() {
        let mut jar = Jar::default();
        let set = |text: &'static str| [(SET_COOKIE, HeaderValue::from_static(text))].into_iter().collect();
        jar.take(&url("https://a.example.com/"), &set("s=good; Secure"));
        jar.take(&url("http://a.example.com/"), &set("s=bad"));
        let carried = jar.header(&url("https://a.example.com/")).expect("a cookie");
        assert_eq!(carried, "s=good");
    }
}
