//! The JSON Schema says what the reader says, in both directions.

use std::collections::{BTreeSet, VecDeque};
use std::sync::LazyLock;

use burndown::diag::{Code, Diagnostic, Level};
use burndown::spec::keys::{Absent, FILE, Key, Mapping, Rule, Shape, Word};
use burndown::spec::{self, schema};
use jsonschema::Validator;
use regex::Regex;
use serde_json::{Map, Value, json};

use super::written;
use crate::house::assert_none;
use crate::support::burndown::run;

/// Where the schema is checked in.
const CHECKED_IN: &str = "docs/schema/burndown-v1.schema.json";

/// Codes that say that the shape of a file is wrong, so that the schema must refuse it too.
const SHAPES: [Code; 14] = [
    Code::EmptyFile,
    Code::UnknownKey,
    Code::MissingKey,
    Code::EmptyValue,
    Code::WrongType,
    Code::OneOf,
    Code::UnknownValue,
    Code::InvalidNumber,
    Code::InvalidName,
    Code::InvalidDuration,
    Code::InvalidShare,
    Code::InvalidSize,
    Code::InvalidObjective,
    Code::InvalidStatus,
];

/// Cases of [`crate::check`] whose fault lies between values rather than in one, or beyond what a pattern can tell.
const BEYOND: [(&str, &str); 8] = [
    ("latency-native-first-sample", "whether one key makes sense depends on the value of another"),
    ("interval-too-short", "an interval of 0.1 s is the shortest, in whatever unit"),
    ("uplink-timeout-too-long", "10 s are the longest, in whatever unit"),
    ("icmp-payload", "what a packet holds, in whatever unit"),
    ("dns-counts", "one number is compared with another"),
    ("capture-and-credentials", "a header is compared with a key beside its mapping, in whatever case"),
    ("http-credentials-beside-header", "the same"),
    ("http-compression-beside-header", "the same"),
];

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| jsonschema::draft202012::new(&schema::schema()).unwrap());

/// What a text holds, as an editor would hand it to the schema; nothing if it is not one document of YAML.
fn document(text: &str) -> Option<Value> {
    serde_yaml::from_str(text).ok()
}

fn complaint(document: &Value) -> Option<String> {
    let first = VALIDATOR.iter_errors(document).next()?;
    Some(format!("{} at {}", first, first.instance_path()))
}

fn errors(text: &str) -> Vec<Diagnostic> {
    let found = spec::load_text("slo.yaml", text).diagnostics;
    found.into_iter().filter(|diagnostic| diagnostic.level == Level::Error).collect()
}

/// Holds that the schema refuses a file which the reader refuses for its shape.
pub(crate) fn refuses_what_the_reader_refuses(name: &str, text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let codes: Vec<Code> = errors(text).iter().map(|problem| problem.code).collect();
    let Some(document) = document(text) else { return };
    let is_beyond = BEYOND.iter().any(|(beyond, _)| *beyond == name);
    let is_refused = complaint(&document).is_some();
    if codes.iter().any(|code| SHAPES.contains(code)) {
        assert_eq!(is_refused, !is_beyond, "{name}: {codes:?}");
    } else {
        assert!(!is_beyond, "{name} is no matter of shape");
    }
}

/// Holds that the schema takes a file which the reader takes.
pub(crate) fn takes_what_the_reader_takes(name: &str, text: &str) {
    assert_eq!(errors(text), [], "{name}");
    assert_eq!(complaint(&document(text).unwrap()), None, "{name}:\n{text}");
}

#[test]
fn the_schema_is_one_and_is_checked_in() {
    let shown = run(["schema"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let found: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert!(jsonschema::meta::validate(&found).is_ok());
    assert_eq!(found, schema::schema());
    written::is_current(CHECKED_IN, &shown.stdout);
}

#[test]
fn files_that_are_good_are_taken() {
    for text in crate::check::examples() {
        takes_what_the_reader_takes("an example", &String::from_utf8(text).unwrap());
    }
    assert!(complaint(&json!({"version": "burndown/v1", "service": "a", "slo": []})).is_some());
}

/// A key with the mappings that lead to it.
struct Place {
    /// The steps from the file to the mapping of the key: the key of each mapping on the way.
    way: Vec<(&'static Mapping, &'static Key)>,
    mapping: &'static Mapping,
    key: &'static Key,
}

impl Place {
    fn name(&self) -> String {
        let way: Vec<&str> = self.way.iter().map(|(_, key)| key.name).chain([self.key.name]).collect();
        way.join(".")
    }

    /// A small file in which the key has this value, or stands as little as possible around it.
    fn file(&self, value: Option<Value>) -> Value {
        let mut inner = fill(self.mapping, Some(self.key), value);
        for (mapping, key) in self.way.iter().rev() {
            inner = fill(mapping, Some(key), Some(wrapped(&key.shape, inner)));
        }
        inner
    }
}

/// A value of a key, around the mapping that it holds.
fn wrapped(shape: &Shape, inner: Value) -> Value {
    match shape {
        Shape::List(shape) | Shape::AnyList(shape) => json!([wrapped(shape, inner)]),
        Shape::OneOrMore(shape) => wrapped(shape, inner),
        Shape::Keyed(word, shape) => {
            let key = if *word == Word::Pointer { "/a" } else { "a" };
            json!({key: wrapped(shape, inner)})
        }
        _ => inner,
    }
}

fn example(key: &Key) -> Value {
    document(key.example).unwrap_or_else(|| panic!("the example of `{}` is no YAML: {}", key.name, key.example))
}

/// A mapping with as little as it needs, and with the value of `key`, or without it.
fn fill(mapping: &'static Mapping, key: Option<&'static Key>, value: Option<Value>) -> Value {
    let mut found = Map::new();
    let with = |found: &mut Map<String, Value>, name: &str| {
        let key = mapping.keys.iter().find(|key| key.name == name).unwrap();
        found.insert(name.to_owned(), example(key));
    };
    for needed in mapping.keys.iter().filter(|key| key.is_required) {
        with(&mut found, needed.name);
    }
    let wanted = key.filter(|_| value.is_some()).map(|key| key.name);
    for rule in mapping.rules {
        match rule {
            Rule::OneOf(keys) if !keys.iter().any(|key| Some(*key) == wanted) => with(&mut found, best(keys)),
            Rule::AtLeastOne(keys) if !keys.iter().any(|key| Some(*key) == wanted) => {
                with(&mut found, keys.iter().find(|other| key.is_none_or(|key| key.name != **other)).unwrap());
            }
            Rule::TwoOf(keys) => {
                let others = keys.iter().rev().filter(|key| Some(**key) != wanted);
                others
                    .take(2 - usize::from(wanted.is_some_and(|key| keys.contains(&key))))
                    .for_each(|key| with(&mut found, key));
            }
            Rule::Together(keys) if keys.iter().any(|key| Some(*key) == wanted) => {
                keys.iter().for_each(|key| with(&mut found, key));
            }
            _ => {}
        }
    }
    if let Some(key) = key {
        companions(mapping, key, &mut found);
        match value {
            Some(value) => drop(found.insert(key.name.to_owned(), value)),
            None => drop(found.remove(key.name)),
        }
    }
    Value::Object(found)
}

/// The key of several that asks the least of what stands around it: requests have bodies and headers.
fn best(keys: &[&'static str]) -> &'static str {
    keys.iter().find(|key| **key == "http" || **key == "events").unwrap_or(&keys[0])
}

/// What a key needs besides, which no rule of its mapping says.
fn companions(mapping: &Mapping, key: &Key, found: &mut Map<String, Value>) {
    match (mapping.name, key.name) {
        ("dns", "tls") => drop(found.insert("transport".into(), json!("tls"))),
        ("step", "env") => {
            found.remove("http");
            found.insert("run".into(), json!(["order"]));
        }
        // What a file says for all SLOs means nothing without one.
        ("file", _) => {
            let probe = json!({"name": "home", "interval": "1m", "http": {"url": "https://h.example.com/"}});
            let slo = json!({"name": "up", "objective": 99.9, "sli": {"ratio": {"error": "job:errors:ratio"}}});
            found.insert("probes".into(), json!([probe]));
            found.insert("slos".into(), json!([slo.clone()]));
            // Maintenance without a zone of its own is in that of the working hours, and may be of one SLO of several.
            if key.name == "maintenance" {
                let other = json!({"name": "other", "objective": 99, "sli": {"ratio": {"error": "job:other:ratio"}}});
                found.insert("slos".into(), json!([slo, other]));
                let hours = json!({"days": ["mon"], "from": "09:00", "to": "17:00", "timezone": "UTC"});
                found.insert("working_hours".into(), hours);
            }
        }
        _ => {}
    }
}

/// Every key of every mapping, each by the shortest way to it.
fn places() -> Vec<Place> {
    let mut found: Vec<Place> = Vec::new();
    let mut seen = vec![FILE.name];
    let mut waiting: VecDeque<(Vec<(&'static Mapping, &'static Key)>, &'static Mapping)> =
        VecDeque::from([(Vec::new(), &FILE)]);
    while let Some((way, mapping)) = waiting.pop_front() {
        for key in mapping.keys {
            found.push(Place { way: way.clone(), mapping, key });
            for inner in mappings_of(&key.shape) {
                if !seen.contains(&inner.name) {
                    seen.push(inner.name);
                    waiting.push_back((way.iter().copied().chain([(mapping, key)]).collect(), inner));
                }
            }
        }
    }
    found
}

fn mappings_of(shape: &Shape) -> Vec<&'static Mapping> {
    match shape {
        Shape::Word(_) | Shape::Choice(_) => Vec::new(),
        Shape::List(inner) | Shape::AnyList(inner) | Shape::OneOrMore(inner) | Shape::Keyed(_, inner) => {
            mappings_of(inner)
        }
        Shape::Mapping(mapping) => vec![mapping],
        Shape::Either(shapes) => shapes.iter().flat_map(mappings_of).collect(),
    }
}

/// What a file means, without its places.
fn meaning(text: &str) -> String {
    let spans = Regex::new(r"Some\(Span \{[^}]*\}\)|Span \{[^}]*\}").unwrap();
    spans.replace_all(&format!("{:?}", spec::load_text("slo.yaml", text).fleet), "None").into_owned()
}

#[test]
fn every_key_is_read_and_stands_in_the_schema() {
    let places = places();
    let met: BTreeSet<&str> = places.iter().map(|place| place.mapping.name).collect();
    assert_eq!(met, schema::mappings().into_keys().collect());
    assert!(places.len() > 180, "{} keys", places.len());
    assert_none(&places.iter().flat_map(unlike).collect::<Vec<_>>());
}

/// In what reader and schema differ about a key, or either about its example.
fn unlike(place: &Place) -> Vec<String> {
    let name = place.name();
    let with = place.file(Some(example(place.key))).to_string();
    let without = place.file(None).to_string();
    let mut found = Vec::new();
    if !errors(&with).is_empty() || complaint(&document(&with).unwrap()).is_some() {
        let said: Vec<String> = errors(&with).into_iter().map(|problem| problem.message).collect();
        let complaint = complaint(&document(&with).unwrap());
        found.push(format!("the example of `{name}` is refused: {said:?} {complaint:?}\n{with}"));
    }
    let counts =
        place.mapping.rules.iter().any(|rule| matches!(rule, Rule::TwoOf(keys) if keys.contains(&place.key.name)));
    let refused = errors(&without);
    if !counts && refused.iter().any(|problem| problem.code == Code::MissingKey) != place.key.is_required {
        found.push(format!("`{name}` is required by only one of reader and table:\n{without}"));
    }
    if complaint(&document(&without).unwrap()).is_some() == refused.is_empty() {
        found.push(format!("reader and schema disagree without `{name}`:\n{without}"));
    }
    if refused.is_empty() && meaning(&with) == meaning(&without) {
        found.push(format!("`{name}` makes no difference: it is not read, or its example is its default"));
    }
    found
}

#[test]
fn no_key_takes_everything() {
    let places = places();
    let greedy = places.iter().flat_map(|place| {
        [json!([[[]]]), json!({"no such key": [[]]})].into_iter().filter_map(|odd| {
            let file = place.file(Some(odd));
            let takers = (errors(&file.to_string()).is_empty(), complaint(&file).is_none());
            (takers != (false, false)).then(|| format!("`{}` (reader, schema): {takers:?}\n{file}", place.name()))
        })
    });
    assert_none(&greedy.collect::<Vec<_>>());
}

#[test]
fn a_default_means_what_leaving_the_key_out_means() {
    let places = places();
    let wrong = places.iter().filter_map(|place| {
        let Absent::Value(default) = place.key.absent else { return None };
        let (with, without) = (place.file(document(default)).to_string(), place.file(None).to_string());
        let is_true = errors(&with).is_empty() && meaning(&with) == meaning(&without);
        (!is_true).then(|| format!("the default of `{}` is not `{default}`\n{with}", place.name()))
    });
    assert_none(&wrong.collect::<Vec<_>>());
}

#[test]
fn a_mapping_is_known_by_one_name() {
    for (name, mapping) in schema::mappings() {
        assert_eq!(name, mapping.name);
        let mut keys = mapping.names();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), mapping.keys.len(), "{name} has a key twice");
        for rule in mapping.rules {
            let (Rule::OneOf(keys)
            | Rule::AtMostOne(keys)
            | Rule::AtLeastOne(keys)
            | Rule::TwoOf(keys)
            | Rule::Together(keys)
            | Rule::Only(_, keys)) = rule;
            assert!(keys.iter().all(|key| mapping.has(key)), "{name}: {rule:?}");
        }
    }
}
