//! An HTTP request of a probe or step. What its answer must be is for [`super::expect`].

mod auth;
mod proxy;

use std::path::PathBuf;

use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method};
use url::Url;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::{ByteSize, Duration};

use super::super::keys;
use super::super::model::{Compression, HeaderText, HttpExpect, HttpProbe, HttpVersion, RequestBody, TlsSettings};
use super::super::raw::{Entry, Node, Value};
use super::super::read::{Complaint, Fields, Reader, quoted};
use super::expect;
use super::secret::{self, TextOrSecret};
use super::{target, tls};

/// The methods that make sense in a probe.
const METHODS: [(&str, &Method); 7] = [
    ("GET", &Method::GET),
    ("HEAD", &Method::HEAD),
    ("POST", &Method::POST),
    ("PUT", &Method::PUT),
    ("PATCH", &Method::PATCH),
    ("DELETE", &Method::DELETE),
    ("OPTIONS", &Method::OPTIONS),
];

/// Headers that frame the message, which the client writes itself.
const FRAMING_HEADERS: [&str; 4] = ["connection", "content-length", "transfer-encoding", "upgrade"];

/// The versions of HTTP that can be asked for.
const VERSIONS: [(&str, HttpVersion); 3] =
    [("any", HttpVersion::Any), ("1.1", HttpVersion::Http1), ("2", HttpVersion::Http2)];

/// How an answer may be compressed.
const COMPRESSIONS: [(&str, Compression); 3] =
    [("gzip", Compression::Gzip), ("br", Compression::Brotli), ("deflate", Compression::Deflate)];

/// The most redirects that are followed; browsers stop at 20.
const MAX_REDIRECTS: u8 = 20;

/// Reads a request. `timeout` bounds it, and is nothing if it could not be read.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<HttpProbe> {
    let fields = reader.fields(node, "`http`", &keys::HTTP)?;
    let url = reader.require(&fields, "url").and_then(|node| url(reader, node, "`url`"));
    let method = fields.get("method").map_or(Some(&Method::GET), |node| reader.choice(node, "`method`", &METHODS));
    let version =
        fields.get("version").map_or(Some(HttpVersion::Any), |node| reader.choice(node, "`version`", &VERSIONS));
    let host = url.as_ref().and_then(Url::host).map(|host| host.to_owned());
    let family = target::family(reader, &fields, host.as_ref());
    let headers = fields.get("headers").map_or(Some(Vec::new()), |node| headers(reader, node, "`headers`"));
    let credentials = auth::read(reader, &fields, header_span(&fields, "authorization"));
    let body = body(reader, &fields);
    let compression = compression(reader, &fields);
    let redirects = fields.get("redirects").map_or(Some(0), |node| redirects(reader, node));
    let proxy = fields.get("proxy").map_or(Some(None), |node| proxy::read(reader, node).map(Some));
    let tls = fields.get("tls").map_or(Some(TlsSettings::default()), |node| tls::read(reader, node));
    let max_body =
        fields.get("max_body").map_or(Some(ByteSize::MIB), |node| reader.word(node, "`max_body`", Code::InvalidSize));
    let expect = fields.get("expect").map_or(Some(HttpExpect::default()), |node| expect::read(reader, node, timeout));
    if let (Some(&Method::HEAD), Some(node), Some(span)) = (method, fields.get("expect"), fields.key_span("method")) {
        expect::report_no_body(reader, node, span);
    }
    let probe = HttpProbe {
        url: url?,
        method: method?.clone(),
        version: version?,
        family: family?,
        headers: headers?,
        credentials: credentials?,
        body: body?,
        compression: compression?,
        redirects: redirects?,
        proxy: proxy?,
        tls: tls?,
        max_body_bytes: max_body?.as_bytes(),
        expect: expect?,
    };
    report_tls_without_tls(reader, &fields, &probe);
    Some(probe)
}

/// Reads a URL that can be asked for something.
fn url(reader: &mut Reader, node: &Node, what: &str) -> Option<Url> {
    let text = reader.text(node, what)?;
    let bad = |message: String| Complaint {
        message,
        help: "write a URL such as `https://app.example.com/health`".to_owned(),
    };
    let read = match Url::parse(text) {
        // The URL itself is not quoted: it may hold a password.
        Err(error) => Err(bad(format!("this is not a URL: {error}"))),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            Err(bad(format!("`{}` URLs cannot be probed", quoted(url.scheme()).trim_matches('`'))))
        }
        Ok(url) => Ok(url),
    };
    let url = reader.accept(node.span, Code::InvalidUrl, read)?;
    if url.username().is_empty() && url.password().is_none() {
        return Some(url);
    }
    reader.report(
        Diagnostic::new(Code::PlainSecret, "a user name or password stands in a URL")
            .at(node.span, "everybody who has the file can read it")
            .help("write `basic_auth: {username: NAME, password: {env: NAME}}`"),
    );
    None
}

/// Reads the body, which stands in the file, or is a secret, or a file of its own.
fn body(reader: &mut Reader, fields: &Fields<'_>) -> Option<Option<RequestBody>> {
    match (fields.get("body"), fields.get("body_file")) {
        (None, None) => Some(None),
        (Some(node), None) => Some(Some(match secret::read(reader, node, "`body`")? {
            TextOrSecret::Text(text) => RequestBody::Text(text.to_owned()),
            TextOrSecret::Secret(source) => RequestBody::Secret(source),
        })),
        (None, Some(node)) => {
            let path = reader.text(node, "`body_file`")?;
            Some(Some(RequestBody::File(PathBuf::from(path))))
        }
        (Some(_), Some(_)) => reader.one_of(fields, &["body", "body_file"]).and(None),
    }
}

/// Reads how answers may be compressed: one word, or several in the order of preference.
fn compression(reader: &mut Reader, fields: &Fields<'_>) -> Option<Vec<Compression>> {
    let Some(node) = fields.get("compression") else { return Some(Vec::new()) };
    let nodes = match &node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        _ => reader.filled_list(node, "`compression`")?,
    };
    if let Some(header) = header_span(fields, "accept-encoding") {
        let problem = Diagnostic::new(Code::OneOf, "`compression` and a header set `Accept-Encoding`");
        let problem = problem.at(fields.key_span("compression").unwrap_or(node.span), "and this").also(header, "this");
        reader.report(problem.help("keep `compression`; with the header alone, answers are taken as they are"));
    }
    reader.each(nodes, |reader, node| reader.choice(node, "`compression`", &COMPRESSIONS))
}

fn redirects(reader: &mut Reader, node: &Node) -> Option<u8> {
    let text = reader.text(node, "`redirects`")?;
    let read = text.parse().ok().filter(|count| *count <= MAX_REDIRECTS).ok_or_else(|| Complaint {
        message: format!("{} is not a number of redirects", quoted(text)),
        help: format!("write how many are followed, from `0` to `{MAX_REDIRECTS}`"),
    });
    reader.accept(node.span, Code::InvalidNumber, read)
}

/// Reports settings of TLS that no connection would ever look at.
fn report_tls_without_tls(reader: &mut Reader, fields: &Fields<'_>, probe: &HttpProbe) {
    let Some(span) = fields.key_span("tls").filter(|_| !probe.may_meet_tls()) else { return };
    let problem = Diagnostic::new(Code::InvalidTls, "`tls` is set for a URL without TLS");
    reader.report(problem.at(span, "would never be used").help("write an `https` URL, or remove `tls`"));
}

/// Where the headers of a request hold the header `name`, if they do.
fn header_span(fields: &Fields<'_>, name: &str) -> Option<Span> {
    match &fields.get("headers")?.value {
        Value::Map(entries) => {
            entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(name)).map(|entry| entry.key_span)
        }
        _ => None,
    }
}

/// Reads headers by name, each with a value or a list of values.
pub(super) fn headers(reader: &mut Reader, node: &Node, what: &str) -> Option<Vec<(HeaderName, HeaderText)>> {
    let entries = reader.entries(node, what)?;
    let mut found = Some(Vec::new());
    for entry in entries {
        let values = header(reader, entry);
        match (&mut found, values) {
            (Some(all), Some(values)) => all.extend(values),
            _ => found = None,
        }
    }
    found
}

/// One header; a list sends it several times.
fn header(reader: &mut Reader, entry: &Entry) -> Option<Vec<(HeaderName, HeaderText)>> {
    let name = header_name(&entry.key);
    let name = reader.accept(entry.key_span, Code::InvalidHeader, name);
    let nodes = match &entry.value.value {
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(&entry.value),
    };
    let values = reader.each(nodes, |reader, node| header_value(reader, node, name.as_ref()));
    let name = name?;
    Some(values?.into_iter().map(|value| (name.clone(), value)).collect())
}

/// The name of a header that a file may set.
pub(super) fn header_name(text: &str) -> Result<HeaderName, Complaint> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| Complaint {
        message: format!("{} is not a header", quoted(text)),
        help: "write a header name such as `Accept`".to_owned(),
    })?;
    if FRAMING_HEADERS.contains(&name.as_str()) {
        return Err(Complaint {
            message: format!("the header `{name}` frames the message and is set by the client"),
            help: "leave it out".to_owned(),
        });
    }
    Ok(name)
}

fn header_value(reader: &mut Reader, node: &Node, name: Option<&HeaderName>) -> Option<HeaderText> {
    let text = match secret::read(reader, node, "the value of a header")? {
        TextOrSecret::Secret(source) => return Some(HeaderText::Secret(source)),
        TextOrSecret::Text(text) => text,
    };
    if name.is_some_and(|name| secret::is_secret_header(name.as_str())) {
        report_plain_secret(reader, node.span);
        return None;
    }
    if name == Some(&http::header::HOST) && text.parse::<Authority>().is_err() {
        let complaint = Complaint {
            message: format!("{} is not a host", quoted(text)),
            help: "write the name that the request is for, as in `app.example.com`".to_owned(),
        };
        reader.complain(Code::InvalidHeader, node.span, complaint);
        return None;
    }
    reader.accept(node.span, Code::InvalidHeader, header_text(text)).map(HeaderText::Plain)
}

/// Reports a secret that stands in the file.
pub(super) fn report_plain_secret(reader: &mut Reader, span: Span) {
    reader.report(
        Diagnostic::new(Code::PlainSecret, "a secret stands in the file")
            .at(span, "everybody who has the file can read it")
            .help("write `{env: NAME}` or `{file: PATH}`, which name where the whole value is kept"),
    );
}

/// A text as a header carries it.
pub(super) fn header_text(text: &str) -> Result<HeaderValue, Complaint> {
    HeaderValue::from_str(text).map_err(|_| Complaint {
        message: "a header value has characters that cannot be sent".to_owned(),
        help: "write printable ASCII on one line".to_owned(),
    })
}
