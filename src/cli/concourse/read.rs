//! A JSON object with known keys: every problem of it at once, each with its place, and no value in any of them, since it
//! may be a secret.

use serde_json::{Map, Value};

use crate::diag;

/// An object that is being read.
pub(super) struct Object<'a> {
    /// Where it stands, such as `source`.
    place: &'static str,
    values: Map<String, Value>,
    problems: &'a mut Vec<String>,
}

impl<'a> Object<'a> {
    /// The object under a key of a request; an empty one where there is none. Only these keys may stand in it.
    pub(super) fn of(
        request: &mut Map<String, Value>,
        place: &'static str,
        known: &[&str],
        problems: &'a mut Vec<String>,
    ) -> Self {
        let values = match request.remove(place) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(values)) => values,
            Some(_) => {
                problems.push(format!("`{place}` is no object"));
                Map::new()
            }
        };
        for key in values.keys().filter(|key| !known.contains(&key.as_str())) {
            let meant = match diag::nearest(key, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it takes {}", known.join(", ")),
            };
            problems.push(format!("`{place}` has an unknown key `{}`; {meant}", key.escape_debug()));
        }
        Self { place, values, problems }
    }

    /// Notes what is wrong with the object as a whole.
    pub(super) fn problem(&mut self, what: &str) {
        self.problems.push(format!("`{}` {what}", self.place));
    }

    /// A text; none if the key is missing or empty, as it is where a variable of the pipeline is.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.values.remove(key)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text),
            Value::Null => None,
            _ => {
                self.wrong(key, "is no text");
                None
            }
        }
    }

    /// A text that means something.
    pub(super) fn read<T: std::str::FromStr>(&mut self, key: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        match self.text(key)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(key, &format!("cannot be read: {error}"));
                None
            }
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        match self.values.remove(key)? {
            Value::Bool(flag) => Some(flag),
            Value::Null => None,
            _ => {
                self.wrong(key, "is neither true nor false");
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        let Some(value) = self.values.remove(key) else { return Vec::new() };
        let texts: Option<Vec<String>> = match value {
            Value::Array(values) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        texts.unwrap_or_else(|| {
            self.wrong(key, "is no list of texts");
            Vec::new()
        })
    }

    /// Texts by their names.
    pub(super) fn pairs(&mut self, key: &str) -> Vec<(String, String)> {
        let Some(value) = self.values.remove(key) else { return Vec::new() };
        let pairs: Option<Vec<(String, String)>> = match value {
            Value::Object(values) => {
                values.into_iter().map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()
            }
            _ => None,
        };
        pairs.unwrap_or_else(|| {
            self.wrong(key, "is no object of texts");
            Vec::new()
        })
    }

    fn wrong(&mut self, key: &str, what: &str) {
        self.problems.push(format!("`{}.{key}` {what}", self.place));
    }
}
