//! An HTTP request of a probe or step. What its answer must be is for [`super::expect`].

use http::{HeaderName, HeaderValue, Method};
use url::Url;

use crate::diag::{Code, Diagnostic};
use crate::units::{ByteSize, Duration};

use super::super::model::{HeaderText, HttpExpect, HttpProbe, TlsSettings};
use super::super::raw::{Entry, Node, Value};
use super::super::read::{Complaint, Reader, quoted};
use super::expect;
use super::secret::{self, TextOrSecret};
use super::tls;

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

/// Reads a request. `timeout` bounds it, and is nothing if it could not be read.
pub(super) fn read(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<HttpProbe> {
    let keys = ["url", "method", "headers", "body", "max_body", "tls", "expect"];
    let fields = reader.fields(node, "`http`", &keys)?;
    let url = reader.require(&fields, "url").and_then(|node| url(reader, node));
    let method = fields.get("method").map_or(Some(&Method::GET), |node| reader.choice(node, "`method`", &METHODS));
    let headers = fields.get("headers").map_or(Some(Vec::new()), |node| headers(reader, node, "`headers`"));
    let body =
        fields.get("body").map_or(Some(None), |node| reader.text(node, "`body`").map(|text| Some(text.to_owned())));
    let max_body =
        fields.get("max_body").map_or(Some(ByteSize::MIB), |node| reader.word(node, "`max_body`", Code::InvalidSize));
    let tls = fields.get("tls").map_or(Some(TlsSettings::default()), |node| tls::read(reader, node));
    let expect = fields.get("expect").map_or(Some(HttpExpect::default()), |node| expect::read(reader, node, timeout));
    Some(HttpProbe {
        url: url?,
        method: method?.clone(),
        headers: headers?,
        body: body?,
        max_body_bytes: max_body?.as_bytes(),
        tls: tls?,
        expect: expect?,
    })
}

fn url(reader: &mut Reader, node: &Node) -> Option<Url> {
    let text = reader.text(node, "`url`")?;
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
            .help("send it in a header: `headers: {Authorization: {env: NAME}}`"),
    );
    None
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

fn header_name(text: &str) -> Result<HeaderName, Complaint> {
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
        reader.report(
            Diagnostic::new(Code::PlainSecret, "a secret stands in the file")
                .at(node.span, "everybody who has the file can read it")
                .help("write `{env: NAME}` or `{file: PATH}`, which name where the whole value is kept"),
        );
        return None;
    }
    let value = HeaderValue::from_str(text).map_err(|_| Complaint {
        message: "a header value has characters that cannot be sent".to_owned(),
        help: "write printable ASCII on one line".to_owned(),
    });
    reader.accept(node.span, Code::InvalidHeader, value).map(HeaderText::Plain)
}
