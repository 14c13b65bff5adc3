//! The keys of the file as JSON Schema (draft 2020-12), for editors and for programs that write SLO files.
//!
//! The schema says what one value may look like and which keys go together. What values mean for each other, such as a
//! timeout longer than its interval, only `burndown check` says.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::keys::{FILE, Key, Mapping, Rule, Shape, Word};

/// The schema of an SLO file.
#[must_use]
pub fn schema() -> Value {
    let definitions: Map<String, Value> =
        mappings().into_iter().map(|(name, mapping)| (name.to_owned(), of_mapping(mapping))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "burndown SLO file",
        "$ref": reference(&FILE),
        "$defs": definitions,
    })
}

/// Every mapping that a file may hold, by name.
#[must_use]
pub fn mappings() -> BTreeMap<&'static str, &'static Mapping> {
    let mut found = BTreeMap::new();
    collect(&FILE, &mut found);
    found
}

fn collect(mapping: &'static Mapping, found: &mut BTreeMap<&'static str, &'static Mapping>) {
    if found.insert(mapping.name, mapping).is_none() {
        for key in mapping.keys {
            collect_of_shape(&key.shape, found);
        }
    }
}

fn collect_of_shape(shape: &Shape, found: &mut BTreeMap<&'static str, &'static Mapping>) {
    match shape {
        Shape::Word(_) | Shape::Choice(_) => {}
        Shape::List(inner) | Shape::AnyList(inner) | Shape::OneOrMore(inner) | Shape::Keyed(_, inner) => {
            collect_of_shape(inner, found);
        }
        Shape::Mapping(mapping) => collect(mapping, found),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| collect_of_shape(shape, found)),
    }
}

fn reference(mapping: &Mapping) -> String {
    format!("#/$defs/{}", mapping.name)
}

fn of_mapping(mapping: &Mapping) -> Value {
    let properties: Map<String, Value> = mapping.keys.iter().map(|key| (key.name.to_owned(), of_key(key))).collect();
    let required: Vec<&str> = mapping.keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    let mut schema = json!({
        "description": mapping.about,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    let rules: Vec<Value> = mapping.rules.iter().map(of_rule).collect();
    if let Some(object) = schema.as_object_mut() {
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        if !rules.is_empty() {
            object.insert("allOf".to_owned(), json!(rules));
        }
    }
    schema
}

fn of_key(key: &Key) -> Value {
    let mut schema = of_shape(&key.shape);
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), json!(key.description()));
    }
    schema
}

fn of_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Word(word) => word.schema(),
        Shape::Choice(words) => json!({"enum": words.iter().flat_map(|word| spellings(word)).collect::<Vec<_>>()}),
        Shape::List(inner) => json!({"type": "array", "minItems": 1, "items": of_shape(inner)}),
        Shape::AnyList(inner) => json!({"type": "array", "items": of_shape(inner)}),
        Shape::OneOrMore(inner) => {
            json!({"anyOf": [of_shape(inner), {"type": "array", "minItems": 1, "items": of_shape(inner)}]})
        }
        Shape::Keyed(keys, inner) => {
            let mut schema = json!({"type": "object", "additionalProperties": of_shape(inner)});
            if let Some(object) = schema.as_object_mut() {
                object.insert("propertyNames".to_owned(), name_schema(*keys));
            }
            schema
        }
        Shape::Mapping(mapping) => json!({"$ref": reference(mapping)}),
        Shape::Either(shapes) => json!({"anyOf": shapes.iter().map(of_shape).collect::<Vec<_>>()}),
    }
}

/// The schema of a word that stands as a key, which is a text whatever it looks like.
fn name_schema(word: Word) -> Value {
    let mut schema = word.schema();
    if let Some(object) = schema.as_object_mut() {
        object.insert("type".to_owned(), json!("string"));
    }
    schema
}

/// A word as YAML may read it: `6` is a number there, and `true` neither.
fn spellings(word: &str) -> Vec<Value> {
    let other = serde_json::from_str::<Value>(word).ok().filter(|value| value.is_number() || value.is_boolean());
    [Some(json!(word)), other].into_iter().flatten().collect()
}

fn of_rule(rule: &Rule) -> Value {
    let has = |keys: &[&str]| -> Vec<Value> { keys.iter().map(|key| json!({"required": [key]})).collect() };
    match rule {
        Rule::OneOf(keys) => json!({"oneOf": has(keys)}),
        Rule::AtLeastOne(keys) => json!({"anyOf": has(keys)}),
        Rule::AtMostOne(keys) => json!({"oneOf": [{"not": {"anyOf": has(keys)}}, {"oneOf": has(keys)}]}),
        Rule::TwoOf(keys) => {
            let without = |left: &&str| -> Value {
                let kept: Vec<&&str> = keys.iter().filter(|key| *key != left).collect();
                json!({"required": kept, "not": {"required": [left]}})
            };
            json!({"oneOf": keys.iter().map(without).collect::<Vec<_>>()})
        }
        Rule::Together(keys) => {
            let others: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), json!(keys))).collect();
            json!({"dependentRequired": others})
        }
        Rule::Only(key, others) => {
            let needed: Map<String, Value> = others.iter().map(|other| ((*other).to_owned(), json!([key]))).collect();
            json!({"dependentRequired": needed})
        }
    }
}
