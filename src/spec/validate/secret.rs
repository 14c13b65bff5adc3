//! Values that may be secrets: text of the file, or the name of an environment variable or file that holds it.

use std::path::PathBuf;

use crate::diag::{Code, Span};

use super::super::keys;
use super::super::model::SecretSource;
use super::super::raw::{Node, Value};
use super::super::read::{Complaint, Reader, quoted};

/// Headers that nobody sends but to show a secret.
const SECRET_HEADERS: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-access-token",
    "private-token",
];

/// Keys that hold a secret and nothing else.
const SECRET_KEYS: [&str; 3] = ["password", "bearer_token", "client_secret"];

/// What stands where a secret may stand.
pub(super) enum TextOrSecret<'a> {
    /// Written in the file.
    Text(&'a str),
    /// Kept elsewhere.
    Secret(SecretSource),
}

/// Reads a text, `{env: NAME}` or `{file: PATH}`.
pub(super) fn read<'a>(reader: &mut Reader, node: &'a Node, what: &str) -> Option<TextOrSecret<'a>> {
    if !matches!(node.value, Value::Map(_)) {
        return reader.text(node, what).map(TextOrSecret::Text);
    }
    let fields = reader.fields(node, "a secret", &keys::SECRET)?;
    let (kind, node) = reader.one_of(&fields, &["env", "file"])?;
    let text = reader.text(node, &format!("`{kind}`"))?;
    if kind == "file" {
        return Some(TextOrSecret::Secret(SecretSource::File(PathBuf::from(text))));
    }
    let name = variable(text).map(str::to_owned);
    let name = reader.accept(node.span, Code::InvalidCommand, name)?;
    Some(TextOrSecret::Secret(SecretSource::Env(name)))
}

/// The name of an environment variable, as every system takes it.
pub(super) fn variable(name: &str) -> Result<&str, Complaint> {
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_word && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(name);
    }
    Err(Complaint {
        message: format!("{} cannot name an environment variable", quoted(name)),
        help: "write letters, digits and `_`, and no digit first".to_owned(),
    })
}

/// Whether a header is sent to show a secret.
pub(super) fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header))
}

/// The places of secrets that stand in a file, whether or not the part around them could be read: values of
/// secret headers and keys, and URLs with a password.
pub(super) fn exposed(node: &Node, found: &mut Vec<Span>) {
    match &node.value {
        Value::Null => {}
        Value::Scalar(text) => {
            let authority = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
            if authority.is_some_and(|authority| authority.contains('@')) {
                found.push(node.span);
            }
        }
        Value::List(nodes) => nodes.iter().for_each(|node| exposed(node, found)),
        Value::Map(entries) => {
            for entry in entries {
                let is_secret = is_secret_header(&entry.key) || SECRET_KEYS.contains(&entry.key.as_str());
                match &entry.value.value {
                    Value::Scalar(_) if is_secret => found.push(entry.value.span),
                    // Like a URL, an address may be written with a user's password before its host.
                    Value::Scalar(text) if is_address(&entry.key) && text.contains('@') => {
                        found.push(entry.value.span);
                    }
                    Value::List(nodes) if is_secret => {
                        let texts = nodes.iter().filter(|node| matches!(node.value, Value::Scalar(_)));
                        found.extend(texts.map(|node| node.span));
                    }
                    _ => exposed(&entry.value, found),
                }
            }
        }
    }
}

/// Whether a key holds the address of a target.
fn is_address(key: &str) -> bool {
    matches!(key, "address" | "server" | "host")
}
