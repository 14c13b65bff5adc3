//! An HTTP request of a probe or step, and what its answer must be.

use http::{HeaderName, HeaderValue, Method};
use url::Url;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::{ByteSize, Duration};

use super::super::model::{HeaderText, HttpExpect, HttpProbe};
use super::super::raw::{Entry, Node, Value};
use super::super::read::{Complaint, Reader, quoted};
use super::secret::{self, TextOrSecret};

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
    let keys = ["url", "method", "headers", "body", "max_body", "expect"];
    let fields = reader.fields(node, "`http`", &keys)?;
    let url = reader.require(&fields, "url").and_then(|node| url(reader, node));
    let method = fields.get("method").map_or(Some(&Method::GET), |node| reader.choice(node, "`method`", &METHODS));
    let headers = fields.get("headers").map_or(Some(Vec::new()), |node| headers(reader, node));
    let body =
        fields.get("body").map_or(Some(None), |node| reader.text(node, "`body`").map(|text| Some(text.to_owned())));
    let max_body =
        fields.get("max_body").map_or(Some(ByteSize::MIB), |node| reader.word(node, "`max_body`", Code::InvalidSize));
    let expect = fields.get("expect").map_or(Some(HttpExpect::default()), |node| expect(reader, node, timeout));
    Some(HttpProbe {
        url: url?,
        method: method?.clone(),
        headers: headers?,
        body: body?,
        max_body_bytes: max_body?.as_bytes(),
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

fn headers(reader: &mut Reader, node: &Node) -> Option<Vec<(HeaderName, HeaderText)>> {
    let entries = reader.entries(node, "`headers`")?;
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

fn expect(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<HttpExpect> {
    let fields = reader.fields(node, "`expect`", &["status", "body", "within"])?;
    let default = HttpExpect::default();
    let status = fields.get("status").map_or(Some(default.status), |node| statuses(reader, node));
    let body_contains = fields.get("body").map_or(Some(Vec::new()), |node| body(reader, node));
    let within = fields.get("within").map_or(Some(None), |node| within(reader, node, timeout).map(Some));
    Some(HttpExpect { status: status?, body_contains: body_contains?, within: within? })
}

fn statuses(reader: &mut Reader, node: &Node) -> Option<Vec<(u16, u16)>> {
    let nodes = match &node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        _ => reader.filled_list(node, "`status`")?,
    };
    reader.each(nodes, |reader, node| {
        let text = reader.text(node, "a status")?;
        let read = status(text).ok_or_else(|| Complaint {
            message: format!("{} is not a status", quoted(text)),
            help: "write a code from 100 to 599 such as `200`, a class such as `2xx`, or a range such as `200-204`"
                .to_owned(),
        });
        reader.accept(node.span, Code::InvalidStatus, read)
    })
}

/// `200`, `2xx` or `200-204`, as an inclusive range.
fn status(text: &str) -> Option<(u16, u16)> {
    let code = |text: &str| {
        let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|code| is_code && (100..=599).contains(code))
    };
    if let Some(class) = text.strip_suffix("xx") {
        let first = code(&format!("{class}00"))?;
        return Some((first, first + 99));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = (code(first)?, code(last)?);
    (range.0 <= range.1).then_some(range)
}

fn body(reader: &mut Reader, node: &Node) -> Option<Vec<String>> {
    let fields = reader.fields(node, "`body`", &["contains"])?;
    let node = reader.require(&fields, "contains")?;
    let nodes = match &node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        _ => reader.filled_list(node, "`contains`")?,
    };
    reader.each(nodes, |reader, node| {
        let text = reader.text(node, "a text of `contains`")?;
        if text.is_empty() {
            let problem = Diagnostic::new(Code::EmptyValue, "every body contains the empty text");
            reader.report(problem.at(node.span, "always there").help("write a text that only the right page has"));
            return None;
        }
        Some(text.to_owned())
    })
}

fn within(reader: &mut Reader, node: &Node, timeout: Option<Duration>) -> Option<Duration> {
    let within = reader.positive_duration(node, "`within`")?;
    if let Some(timeout) = timeout.filter(|timeout| within > *timeout) {
        report_too_long(reader, node.span, within, timeout);
    }
    Some(within)
}

fn report_too_long(reader: &mut Reader, span: Span, within: Duration, timeout: Duration) {
    let message = format!("`within` is {within}, but the run is over after its timeout of {timeout}");
    let problem = Diagnostic::new(Code::WithinTooLong, message).at(span, "longer than the timeout");
    reader.report(problem.help(format!("write at most `{timeout}`, or a longer `timeout`")));
}
