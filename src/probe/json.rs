//! Looks one value of a JSON document up by its pointer, without building the rest of the document: what takes memory
//! is that value alone, however the document is made.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::units::JsonPointer;

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    /// A string.
    Text(String),
    /// A number.
    Number(Number),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A list or an object.
    Structure,
}

/// The text is not one JSON document, or is nested more than 128 deep on the way to the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotJson;

impl Json {
    /// The value at a pointer, or nothing if the document has none there. Of keys that stand twice, the last counts.
    ///
    /// # Errors
    ///
    /// [`NotJson`] if the text is not JSON to its end.
    pub(super) fn look_up(text: &[u8], pointer: &JsonPointer) -> Result<Option<Self>, NotJson> {
        let tokens: Vec<String> =
            pointer.as_str().split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
        let mut document = serde_json::Deserializer::from_slice(text);
        let found = Walk(&tokens).deserialize(&mut document).map_err(|_| NotJson)?;
        document.end().map_err(|_| NotJson)?;
        Ok(found)
    }

    /// A string as it is, a number or word as JSON writes it; nothing for a list or an object.
    pub(super) fn as_text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Null => Some("null".to_owned()),
            Self::Structure => None,
        }
    }
}

/// A number that somebody wrote in digits, as exactly as it fits.
pub(super) fn number(text: &str) -> Option<Decimal> {
    let text = text.trim();
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// Follows the rest of a pointer.
struct Walk<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<Json>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Walk<'_> {
    /// The value, if the pointer ends here.
    fn here(&self, value: Json) -> Option<Json> {
        self.0.is_empty().then_some(value)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<Json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(self.here(Json::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(self.here(Json::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(self.here(Json::Number(value.into())))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(self.here(Json::Number(value.into())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(value).and_then(|number| self.here(Json::Number(number))))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(self.here(Json::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut found = self.here(Json::Structure);
        let wanted = self.0.split_first().and_then(|(token, rest)| Some((index(token)?, rest)));
        for at in 0_usize.. {
            let is_more = match wanted {
                Some((wanted, rest)) if wanted == at => {
                    let value = list.next_element_seed(Walk(rest))?;
                    let is_more = value.is_some();
                    found = value.flatten();
                    is_more
                }
                _ => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !is_more {
                break;
            }
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut found = self.here(Json::Structure);
        while let Some(key) = object.next_key::<String>()? {
            match self.0.split_first() {
                Some((token, rest)) if *token == key => found = object.next_value_seed(Walk(rest))?,
                _ => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// The index that a token of a pointer stands for: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let is_index = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    token.parse().ok().filter(|_| is_index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(text: &str, pointer: &str) -> Result<Option<Json>, NotJson> {
        Json::look_up(text.as_bytes(), &pointer.parse().expect("a pointer"))
    }

    #[test]
    fn finds_what_serde_json_finds() {
        let documents = [
            r#"{"a":{"b":[1,2.5,"x",null,true,{"c":"d"}],"":"empty","a/b":1,"m~n":2,"0":"key"},"a2":-3}"#,
            r#"[[],[0],{"a":1,"a":2}]"#,
            r#""text""#,
            "12",
            " null ",
        ];
        let pointers = [
            "", "/", "/a", "/a/b", "/a/b/0", "/a/b/1", "/a/b/2", "/a/b/3", "/a/b/4", "/a/b/5/c", "/a/b/6", "/a/b/01",
            "/a/b/-", "/a/", "/a/a~1b", "/a/m~0n", "/a/0", "/a2", "/a2/x", "/1/0", "/2/a", "/0", "/0/0", "/2/a/x",
        ];
        for document in documents {
            let whole: serde_json::Value = serde_json::from_str(document).expect("JSON");
            for pointer in pointers {
                let wanted = whole.pointer(pointer).map(|value| match value {
                    serde_json::Value::Null => Json::Null,
                    serde_json::Value::Bool(value) => Json::Bool(*value),
                    serde_json::Value::Number(number) => Json::Number(number.clone()),
                    serde_json::Value::String(text) => Json::Text(text.clone()),
                    _ => Json::Structure,
                });
                assert_eq!(look_up(document, pointer), Ok(wanted), "{pointer} in {document}");
            }
        }
    }

    #[test]
    fn what_is_not_json_to_its_end_is_refused() {
        for text in ["", "{", "{} x", r#"{"a":1"#, "<html>", r#"{"a":1}{"a":1}"#, "[1,]", "nul", "1e999"] {
            assert_eq!(look_up(text, "/a"), Err(NotJson), "{text}");
        }
        assert_eq!(Json::look_up(b"{\"a\":\"\xff\"}", &"/a".parse().expect("a pointer")), Err(NotJson));
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(look_up(&deep, "/0/1"), Ok(None), "what is not looked at may be deep");
        assert_eq!(look_up(&deep, &"/0".repeat(1_000)), Err(NotJson));
    }

    #[test]
    fn numbers_are_read_exactly() {
        assert_eq!(number("0.1"), Some(Decimal::new(1, 1)));
        assert_eq!(number(" 1e3 "), Some(Decimal::new(1_000, 0)));
        assert_eq!(number("x"), None);
    }
}
