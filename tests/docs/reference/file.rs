//! `docs/reference/file.md`, from the keys that the reader knows.

use std::collections::BTreeSet;

use burndown::spec::keys::{Absent, FILE, Key, Mapping, Shape};
use burndown::spec::schema;

use super::{code, head, table, written};

#[test]
fn the_reference_of_the_file_is_current() {
    let mut text = head("The SLO file", "the keys that the reader knows (`src/spec/keys/`)");
    text.push_str(INTRODUCTION);
    let order = order();
    assert_eq!(order.len(), schema::mappings().len());
    for mapping in order {
        text.push_str(&section(mapping));
    }
    written::is_current("docs/reference/file.md", &text);
}

const INTRODUCTION: &str = "\
Every key that a file may have. A key that is not here is an error, and so is a value that means nothing; `burndown check` says
where, what, and what would be right. Secrets never stand in a file: they are named by `{env: NAME}` or `{file: PATH}`.

The same as JSON Schema, for editors, is [burndown-v1.schema.json](../schema/burndown-v1.schema.json), which `burndown schema`
writes. An editor with a YAML language server takes it from the first line of a file:

```yaml in file
# yaml-language-server: $schema=burndown-v1.schema.json
```

Durations are whole numbers with a unit (`90s`, `1h30m`, `30d`, `2w`), sizes have a binary unit (`64KiB`), and objectives are
percentages without a sign (`99.9`).

";

/// Every mapping, each after the first one that leads to it.
fn order() -> Vec<&'static Mapping> {
    let mut found: Vec<&'static Mapping> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![&FILE as &'static Mapping];
    while let Some(mapping) = waiting.pop() {
        if seen.insert(mapping.name) {
            found.push(mapping);
            waiting.extend(mapping.keys.iter().rev().flat_map(|key| below(&key.shape).into_iter().rev()));
        }
    }
    found
}

fn below(shape: &Shape) -> Vec<&'static Mapping> {
    match shape {
        Shape::Word(_) | Shape::Choice(_) => Vec::new(),
        Shape::List(inner) | Shape::AnyList(inner) | Shape::OneOrMore(inner) | Shape::Keyed(_, inner) => below(inner),
        Shape::Mapping(mapping) => vec![mapping],
        Shape::Either(shapes) => shapes.iter().flat_map(below).collect(),
    }
}

fn section(mapping: &Mapping) -> String {
    let rules: String = mapping.rules.iter().map(|rule| format!("{}\n", rule.words())).collect();
    let rows = mapping.keys.iter().map(|key| vec![code(key.name), takes(&key.shape), absent(key), about(key)]);
    let keys = table(&["key", "takes", "without it", "what it is for"], rows);
    format!("## {}\n\n{}.\n{rules}\n{keys}\n", mapping.name, mapping.about)
}

fn about(key: &Key) -> String {
    format!("{}. Example: {}", key.about, code(key.example))
}

fn absent(key: &Key) -> String {
    match key.absent {
        _ if key.is_required => "required".to_owned(),
        Absent::Nothing => String::new(),
        Absent::Value(value) => code(value),
        Absent::Said(words) => words.to_owned(),
    }
}

fn takes(shape: &Shape) -> String {
    match shape {
        Shape::Word(word) => word.noun(),
        Shape::Choice(words) => words.iter().map(|word| code(word)).collect::<Vec<_>>().join(", "),
        Shape::List(inner) | Shape::AnyList(inner) => format!("list of: {}", takes(inner)),
        Shape::OneOrMore(inner) => format!("one or a list of: {}", takes(inner)),
        Shape::Keyed(word, inner) => format!("mapping from {} to {}", word.noun(), takes(inner)),
        Shape::Mapping(mapping) => format!("[{0}](#{0})", mapping.name),
        Shape::Either(shapes) => shapes.iter().map(takes).collect::<Vec<_>>().join(", or "),
    }
}
