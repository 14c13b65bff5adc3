//! Whom a request says it is: `basic_auth`, `bearer_token` or `oauth2`.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Span};

use super::super::super::keys;
use super::super::super::model::{
    BasicAuth, ClientAuth, Credentials, OAuth2, PlainOrSecret, SecretSource, TlsSettings,
};
use super::super::super::raw::{Node, Value};
use super::super::super::read::{Complaint, Fields, Reader, quoted};
use super::super::secret::{self, TextOrSecret};
use super::super::tls;

/// The keys of a request that say whom it comes from.
pub(super) const KEYS: [&str; 3] = ["basic_auth", "bearer_token", "oauth2"];

/// Where a client and its secret may stand (names of RFC 7591).
const AUTH_METHODS: [(&str, ClientAuth); 2] =
    [("client_secret_basic", ClientAuth::Basic), ("client_secret_post", ClientAuth::Post)];

/// Parameters of a token request that have a key of their own, or cannot be others.
const OWN_PARAMS: [&str; 4] = ["grant_type", "client_id", "client_secret", "scope"];

/// Reads the credentials of a request; `header` is where its headers hold some already.
pub(super) fn read(reader: &mut Reader, fields: &Fields<'_>, header: Option<Span>) -> Option<Option<Credentials>> {
    let given: Vec<&str> = KEYS.into_iter().filter(|key| fields.get(key).is_some()).collect();
    match given.as_slice() {
        [] => Some(None),
        [key] => {
            let node = fields.get(key)?;
            if let Some(header) = header {
                let problem = Diagnostic::new(Code::OneOf, format!("`{key}` and a header set `Authorization`"));
                let problem = problem.at(fields.key_span(key).unwrap_or(node.span), "and this").also(header, "this");
                reader.report(problem.help("keep one of them"));
            }
            match *key {
                "basic_auth" => basic(reader, node).map(Credentials::Basic),
                "bearer_token" => secret_only(reader, node, "`bearer_token`").map(Credentials::Bearer),
                _ => oauth2(reader, node).map(|oauth2| Credentials::OAuth2(Box::new(oauth2))),
            }
            .map(Some)
        }
        several => reader.one_of(fields, several).and(None),
    }
}

/// Reads a user with a password.
pub(super) fn basic(reader: &mut Reader, node: &Node) -> Option<BasicAuth> {
    let fields = reader.fields(node, "`basic_auth`", &keys::BASIC_AUTH)?;
    let username = reader.require(&fields, "username").and_then(|node| username(reader, node));
    let password = reader.require(&fields, "password").and_then(|node| secret_only(reader, node, "`password`"));
    Some(BasicAuth { username: username?, password: password? })
}

fn username(reader: &mut Reader, node: &Node) -> Option<PlainOrSecret> {
    let username = plain_or_secret(reader, node, "`username`")?;
    if let PlainOrSecret::Plain(text) = &username
        && (text.contains(':') || text.chars().any(char::is_control))
    {
        let problem = Diagnostic::new(Code::InvalidHeader, "a user name cannot hold a colon or a control character");
        let problem = problem.at(node.span, "cannot be sent");
        reader.report(problem.help("the colon ends the name; the password has a key of its own"));
        return None;
    }
    Some(username)
}

fn plain_or_secret(reader: &mut Reader, node: &Node, what: &str) -> Option<PlainOrSecret> {
    Some(match secret::read(reader, node, what)? {
        TextOrSecret::Text(text) => PlainOrSecret::Plain(text.to_owned()),
        TextOrSecret::Secret(source) => PlainOrSecret::Secret(source),
    })
}

/// Reads what must never stand in a file.
fn secret_only(reader: &mut Reader, node: &Node, what: &str) -> Option<SecretSource> {
    match secret::read(reader, node, what)? {
        TextOrSecret::Secret(source) => Some(source),
        TextOrSecret::Text(_) => {
            reader.report(
                Diagnostic::new(Code::PlainSecret, "a secret stands in the file")
                    .at(node.span, "everybody who has the file can read it")
                    .help("write `{env: NAME}` or `{file: PATH}`, which name where the whole value is kept"),
            );
            None
        }
    }
}

fn oauth2(reader: &mut Reader, node: &Node) -> Option<OAuth2> {
    let fields = reader.fields(node, "`oauth2`", &keys::OAUTH2)?;
    let token_url = reader.require(&fields, "token_url").and_then(|node| super::url(reader, node, "`token_url`"));
    let client_id = reader.require(&fields, "client_id").and_then(|node| plain_or_secret(reader, node, "`client_id`"));
    let client_secret =
        reader.require(&fields, "client_secret").and_then(|node| secret_only(reader, node, "`client_secret`"));
    let auth_method = fields
        .get("auth_method")
        .map_or(Some(ClientAuth::default()), |node| reader.choice(node, "`auth_method`", &AUTH_METHODS));
    let scopes = fields.get("scopes").map_or(Some(Vec::new()), |node| scopes(reader, node));
    let params = fields.get("params").map_or(Some(BTreeMap::new()), |node| params(reader, node));
    let tls = fields.get("tls").map_or(Some(TlsSettings::default()), |node| tls::read(reader, node));
    Some(OAuth2 {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        auth_method: auth_method?,
        scopes: scopes?,
        params: params?,
        tls: tls?,
    })
}

fn scopes(reader: &mut Reader, node: &Node) -> Option<Vec<String>> {
    let nodes = match &node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        _ => reader.filled_list(node, "`scopes`")?,
    };
    reader.each(nodes, |reader, node| {
        let text = reader.text(node, "a scope")?;
        // The characters of a scope-token (RFC 6749, section 3.3).
        let is_token = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let read = if text.is_empty() || !text.bytes().all(is_token) {
            let message = format!("{} is not a scope", quoted(text));
            Err(Complaint {
                message,
                help: "write each scope as an element of its own, as in `[read, write]`".to_owned(),
            })
        } else {
            Ok(text.to_owned())
        };
        reader.accept(node.span, Code::UnknownValue, read)
    })
}

fn params(reader: &mut Reader, node: &Node) -> Option<BTreeMap<String, String>> {
    let mut found = Some(BTreeMap::new());
    for entry in reader.entries(node, "`params`")? {
        if OWN_PARAMS.contains(&entry.key.as_str()) {
            let message = format!("`{}` is set by the keys beside `params`", entry.key);
            let problem = Diagnostic::new(Code::UnknownKey, message).at(entry.key_span, "not for here");
            reader.report(problem.help("write `client_id`, `client_secret` and `scopes` under `oauth2` itself"));
            found = None;
            continue;
        }
        let value = reader.text(&entry.value, "a parameter");
        match (&mut found, value) {
            (Some(all), Some(value)) => {
                all.insert(entry.key.clone(), value.to_owned());
            }
            _ => found = None,
        }
    }
    found
}
