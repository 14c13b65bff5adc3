//! Values that may be secrets: text of the file, or the name of an environment variable or file that holds it.

use std::path::PathBuf;

use crate::diag::Code;

use super::super::model::SecretSource;
use super::super::raw::{Node, Value};
use super::super::read::{Complaint, Reader};

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
    let fields = reader.fields(node, "a secret", &["env", "file"])?;
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
        message: format!("{} cannot name an environment variable", super::super::read::quoted(name)),
        help: "write letters, digits and `_`, and no digit first".to_owned(),
    })
}
