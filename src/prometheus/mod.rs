//! The Prometheus HTTP API, asked from outside: queries, rules, targets, what the server says of itself.
//!
//! Every call has a timeout and a bound on what it reads. Answers of Prometheus 2.42 and of 3 are read alike, and what
//! a compatible server lacks is an error of its own that callers may pass over. This room knows nothing of SLOs.

mod access;
mod answer;
mod error;
mod range;
mod retention;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;
use url::form_urlencoded::Serializer;

pub use access::{Access, Secret};
pub use answer::{BuildInfo, Labels, LiveRule, RuleGroup, RuntimeInfo, Sample, Series, Target};
pub use error::Error;
pub use range::{MAX_POINTS, Range};
pub use retention::{RETENTION_FLAG, Retention};

/// The most bytes of one answer that are read: 10,000 points of some hundred series.
const MAX_BYTES: usize = 64 << 20;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How much of an answer that is none is shown.
const MAX_SHOWN: usize = 80;

/// How many bytes of it are kept for whoever knows its form.
const MAX_WORDS: usize = 4 * 1024;

/// A Prometheus, or a server that answers as one.
#[derive(Clone, Debug)]
pub struct Client {
    base: Url,
    /// The socket behind which it is, if it is behind one.
    socket: Option<PathBuf>,
    http: reqwest::Client,
    timeout: Duration,
}

impl Client {
    /// A client for the server at `base`, which may have a path prefix. Each call may take `timeout`.
    ///
    /// # Errors
    /// [`Error::Address`] for an address that is none, [`Error::Setup`] if TLS cannot be set up.
    pub fn new(base: &Url, access: &Access, timeout: Duration) -> Result<Self, Error> {
        Self::over(reqwest::Client::builder(), usable(base)?, access, timeout)
    }

    /// A client for a server of ours behind a Unix socket, which knows who asks without any credential.
    ///
    /// # Errors
    /// [`Error::Setup`].
    pub fn local(socket: &Path, timeout: Duration) -> Result<Self, Error> {
        let base = Url::parse("http://localhost/").map_err(|error| Error::Setup(error.to_string()))?;
        let client = Self::over(reqwest::Client::builder().unix_socket(socket), base, &Access::default(), timeout)?;
        Ok(Self { socket: Some(socket.to_owned()), ..client })
    }

    fn over(builder: reqwest::ClientBuilder, base: Url, access: &Access, timeout: Duration) -> Result<Self, Error> {
        let http = builder
            .tls_backend_preconfigured(access.tls()?)
            .default_headers(access.headers())
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT.min(timeout))
            .timeout(timeout)
            .user_agent(concat!("burndown/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::Setup(without_url(error)))?;
        Ok(Self { base, socket: None, http, timeout })
    }

    /// Where the server is, in words.
    #[must_use]
    pub fn whereabouts(&self) -> String {
        match &self.socket {
            Some(socket) => format!("the socket {}", socket.display()),
            None => self.base.to_string(),
        }
    }

    /// What an expression gives at `time`, in Unix milliseconds, or now. A scalar is a sample without labels.
    ///
    /// # Errors
    /// [`Error`], [`Error::Refused`] among them if Prometheus cannot evaluate it.
    pub async fn query(&self, expression: &str, time: Option<i64>) -> Result<Vec<Sample>, Error> {
        Ok(self.evaluate(expression, time, false).await?.0)
    }

    /// How many samples Prometheus reads to evaluate an expression now, if it says so.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn samples_read(&self, expression: &str) -> Result<Option<u64>, Error> {
        Ok(self.evaluate(expression, None, true).await?.1)
    }

    async fn evaluate(
        &self,
        expression: &str,
        time: Option<i64>,
        stats: bool,
    ) -> Result<(Vec<Sample>, Option<u64>), Error> {
        let mut form = vec![("query", expression.to_owned())];
        form.extend(time.map(|time| ("time", seconds(time))));
        form.extend(stats.then(|| ("stats", "all".to_owned())));
        let data: answer::QueryData = self.post("api/v1/query", &form).await?;
        let read = data.stats.and_then(|stats| stats.samples?.total);
        let samples = match serde_json::from_value::<Vec<answer::RawSeries>>(data.result.clone()) {
            Ok(results) => results.into_iter().filter_map(answer::RawSeries::sample).collect(),
            Err(_) => self.scalar(data.result)?,
        };
        Ok((samples, read))
    }

    /// A scalar is `[time, "value"]` where a vector would be an array of series.
    fn scalar(&self, result: serde_json::Value) -> Result<Vec<Sample>, Error> {
        let value = serde_json::from_value::<(f64, answer::Number)>(result)
            .map_err(|error| self.odd("api/v1/query", &error))?;
        let scalar = answer::RawSeries { metric: Labels::new(), value: Some(value), values: Vec::new() };
        Ok(scalar.sample().into_iter().collect())
    }

    /// What an expression gives over a range, asked in as many chunks as it takes. Series come in order of their labels.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn query_range(&self, expression: &str, range: Range) -> Result<Vec<Series>, Error> {
        let mut merged: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
        for chunk in range.chunks() {
            let form = [
                ("query", expression.to_owned()),
                ("start", seconds(chunk.start)),
                ("end", seconds(chunk.end)),
                ("step", seconds(chunk.step)),
            ];
            for series in self.matrix("api/v1/query_range", &form).await? {
                merged.entry(series.labels).or_default().extend(series.points);
            }
        }
        Ok(merged.into_iter().map(|(labels, points)| Series { labels, points }).collect())
    }

    /// The samples that are stored of a selector with a range, such as `up[5m]`, at `time` in Unix milliseconds.
    ///
    /// # Errors
    /// As [`Client::query`], and [`Error::Incomplete`] if the server warns that it does not give all of them.
    pub async fn stored(&self, range_selector: &str, time: i64) -> Result<Vec<Series>, Error> {
        let form = [("query", range_selector.to_owned()), ("time", seconds(time))];
        let path = "api/v1/query";
        let (data, warnings): (answer::MatrixData, _) = self.answered(path, self.form(path, &form)).await?;
        match warnings.into_iter().next() {
            Some(warning) => Err(Error::Incomplete(warning)),
            None => Ok(data.result.into_iter().map(answer::RawSeries::series).collect()),
        }
    }

    async fn matrix(&self, path: &str, form: &[(&str, String)]) -> Result<Vec<Series>, Error> {
        let data: answer::MatrixData = self.post(path, form).await?;
        Ok(data.result.into_iter().map(answer::RawSeries::series).collect())
    }

    /// The values of a label, of the series that `selector` selects or of all.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn label_values(&self, label: &str, selector: Option<&str>) -> Result<Vec<String>, Error> {
        let query: Vec<(&str, String)> =
            selector.map(|selector| ("match[]", selector.to_owned())).into_iter().collect();
        self.get(&format!("api/v1/label/{label}/values"), &query).await
    }

    /// The version of the server.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn build_info(&self) -> Result<BuildInfo, Error> {
        self.get("api/v1/status/buildinfo", &[]).await
    }

    /// How the server runs, its retention among it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn runtime_info(&self) -> Result<RuntimeInfo, Error> {
        self.get("api/v1/status/runtimeinfo", &[]).await
    }

    /// How long the server keeps samples: what it says as it runs, else its flag.
    ///
    /// # Errors
    /// [`Error`] if it cannot be asked; that it does not say is no error.
    pub async fn retention(&self) -> Result<Retention, Error> {
        Retention::of(self).await
    }

    /// The flags with which the server was started.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn flags(&self) -> Result<BTreeMap<String, String>, Error> {
        self.get("api/v1/status/flags", &[]).await
    }

    /// The targets that are scraped.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn targets(&self) -> Result<Vec<Target>, Error> {
        let targets: answer::Targets = self.get("api/v1/targets", &[("state", "active".to_owned())]).await?;
        Ok(targets.active)
    }

    /// The rule groups that are loaded.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn rules(&self) -> Result<Vec<RuleGroup>, Error> {
        let rules: answer::Rules = self.get("api/v1/rules", &[]).await?;
        Ok(rules.groups)
    }

    /// A JSON document without the envelope of Prometheus, from a server that is reached in the same way.
    ///
    /// # Errors
    /// [`Error`], [`Error::Status`] among them for every status but 200, and [`Error::OtherForm`] if it is none of `T`.
    pub async fn document<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Error> {
        let body = self.page(path, query).await?;
        self.parsed(path, &body)
    }

    /// A JSON document that came from this server.
    ///
    /// # Errors
    /// [`Error::OtherForm`].
    pub fn parsed<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body).map_err(|error| Error::OtherForm { url: self.place(path), why: error.to_string() })
    }

    /// A text, from a server that is reached in the same way.
    ///
    /// # Errors
    /// As [`Client::document`].
    pub async fn text(&self, path: &str) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.page(path, &[]).await?).into_owned())
    }

    async fn page(&self, path: &str, query: &[(&str, String)]) -> Result<Vec<u8>, Error> {
        let response = self.http.get(self.asked(path, query)).send().await.map_err(|error| self.failed(path, error))?;
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(Error::Unauthorized { url: self.place(path), status: status.as_u16() });
        }
        let body = self.read(path, response).await?;
        if status == StatusCode::OK {
            return Ok(body);
        }
        let words = String::from_utf8_lossy(body.get(..MAX_WORDS).unwrap_or(&body)).into_owned();
        let (url, status) = (self.place(path), status.as_u16());
        Err(Error::Status { url, status, said: shown(&body), body: words })
    }

    /// Sends a JSON document to a server that is reached in the same way; gives back the status and what it answers.
    ///
    /// # Errors
    /// [`Error`], but none for a status: what it means is the caller's to say.
    pub async fn submit(&self, path: &str, document: &impl Serialize) -> Result<(u16, Vec<u8>), Error> {
        self.told(path, self.http.post(self.url(path)).json(document)).await
    }

    /// Has a server that is reached in the same way remove what is at a path; gives back the status and what it answers.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn delete(&self, path: &str) -> Result<(u16, Vec<u8>), Error> {
        self.told(path, self.http.delete(self.url(path))).await
    }

    async fn told(&self, path: &str, request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), Error> {
        let response = request.send().await.map_err(|error| self.failed(path, error))?;
        let status = response.status().as_u16();
        Ok((status, self.read(path, response).await?))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Error> {
        self.send(path, self.http.get(self.asked(path, query))).await
    }

    fn asked(&self, path: &str, query: &[(&str, String)]) -> Url {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.set_query(Some(&encoded(query)));
        }
        url
    }

    /// Queries go as forms: they may be longer than an address.
    async fn post<T: DeserializeOwned>(&self, path: &str, form: &[(&str, String)]) -> Result<T, Error> {
        self.send(path, self.form(path, form)).await
    }

    fn form(&self, path: &str, form: &[(&str, String)]) -> reqwest::RequestBuilder {
        let request = self.http.post(self.url(path)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(encoded(form))
    }

    async fn send<T: DeserializeOwned>(&self, path: &str, request: reqwest::RequestBuilder) -> Result<T, Error> {
        Ok(self.answered(path, request).await?.0)
    }

    /// The data of an answer, and what the server warns of.
    async fn answered<T: DeserializeOwned>(
        &self,
        path: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<(T, Vec<String>), Error> {
        let response = request.send().await.map_err(|error| self.failed(path, error))?;
        let status = response.status();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(Error::Unauthorized { url: self.place(path), status: status.as_u16() });
            }
            status if status.is_redirection() => {
                let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("elsewhere");
                return Err(Error::Redirected { url: self.place(path), to: to.to_owned() });
            }
            _ => {}
        }
        let body = self.read(path, response).await?;
        let envelope: answer::Envelope<T> = serde_json::from_slice(&body).map_err(|error| {
            let is_json = body.trim_ascii_start().starts_with(b"{");
            if is_json { self.odd(path, &error) } else { self.not_prometheus(path, status, &body) }
        })?;
        match envelope.data {
            Some(data) if envelope.status == "success" => {
                Ok((data, envelope.warnings.iter().map(|text| plain(text)).collect()))
            }
            _ if envelope.status == "error" => {
                Err(Error::Refused { kind: plain(&envelope.kind), message: plain(&envelope.error) })
            }
            _ => Err(self.not_prometheus(path, status, &body)),
        }
    }

    async fn read(&self, path: &str, mut response: reqwest::Response) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(path, error))? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(Error::TooLarge { url: self.place(path), limit: MAX_BYTES });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The address of a part of the API, below the path prefix of the server.
    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// What is asked, in words.
    fn place(&self, path: &str) -> String {
        match &self.socket {
            Some(_) => format!("{} of {}", self.url(path).path(), self.whereabouts()),
            None => self.url(path).into(),
        }
    }

    fn failed(&self, path: &str, error: reqwest::Error) -> Error {
        let url = self.place(path);
        if error.is_timeout() {
            let millis = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
            return Error::Timeout { url, millis };
        }
        Error::Unreachable { url, why: without_url(error) }
    }

    fn odd(&self, path: &str, error: &serde_json::Error) -> Error {
        Error::NotPrometheus { url: self.place(path), why: error.to_string() }
    }

    fn not_prometheus(&self, path: &str, status: StatusCode, body: &[u8]) -> Error {
        let why = format!("status {}, `{}`", status.as_u16(), shown(body));
        Error::NotPrometheus { url: self.place(path), why }
    }
}

/// An address without what would be lost or shown.
fn usable(base: &Url) -> Result<Url, Error> {
    let refused = |why| {
        let mut shown = base.clone();
        let _ = shown.set_password(None);
        Err(Error::Address { url: shown.into(), why })
    };
    if !matches!(base.scheme(), "http" | "https") {
        return refused("it does not start with http:// or https://");
    }
    if !base.username().is_empty() || base.password().is_some() {
        return refused("give the user and the password as options of their own");
    }
    if base.query().is_some() || base.fragment().is_some() {
        return refused("it has a query or fragment");
    }
    Ok(base.clone())
}

/// The beginning of an answer on one line.
fn shown(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body).chars().take(MAX_SHOWN).filter(|c| !c.is_control()).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a server says, without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn encoded(form: &[(&str, String)]) -> String {
    Serializer::new(String::new()).extend_pairs(form).finish()
}

/// Milliseconds as seconds with exactly three decimals.
fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

/// The innermost reason of an error, without the address, which stands beside it.
fn without_url(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut source: &dyn std::error::Error = &error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base: &str) -> Result<Client, Error> {
        Client::new(&base.parse().expect("a URL"), &Access::default(), Duration::from_secs(1))
    }

    #[test]
    fn a_path_prefix_stays() {
        for base in ["http://h:9/prefix", "http://h:9/prefix/"] {
            let url = client(base).expect("an address").url("api/v1/query");
            assert_eq!(url.as_str(), "http://h:9/prefix/api/v1/query");
        }
        assert_eq!(client("http://h").expect("an address").url("api/v1/rules").as_str(), "http://h/api/v1/rules");
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_showing_it() {
        let error = client("http://me:hunter2@h/").expect_err("a password").to_string();
        assert!(error.contains("options of their own") && !error.contains("hunter2"), "{error}");
        assert!(client("ftp://h/").is_err() && client("http://h/?a=b").is_err());
    }

    #[test]
    fn what_a_server_says_is_text_and_no_command_to_a_terminal() {
        assert_eq!(plain("\u{1b}[31mred\r\n\u{9b}31m"), " [31mred   31m");
        assert_eq!(plain("1:3: parse error: “ä”"), "1:3: parse error: “ä”");
    }

    #[test]
    fn times_are_exact() {
        assert_eq!([seconds(1_699_920_000_123), seconds(60_000), seconds(7)], ["1699920000.123", "60.000", "0.007"]);
    }
}
