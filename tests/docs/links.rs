//! Links between pages lead somewhere.

use std::fs;

use regex::Regex;

use crate::house::{assert_none, root};

/// Every page of the repository that people read, by its path.
pub(super) fn pages() -> Vec<String> {
    let mut found = vec!["README.md".to_owned()];
    for directory in ["docs", "docs/guide", "docs/reference"] {
        let entries = fs::read_dir(root().join(directory)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        found.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{directory}/{name}")));
    }
    found.sort();
    found
}

/// The anchor of a heading, as forges make it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.replace(' ', "-")
}

fn anchors(text: &str) -> Vec<String> {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        is_code ^= line.starts_with("```");
        !is_code && line.starts_with('#')
    });
    lines.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// The links of a page that lead nowhere.
fn broken(path: &str, text: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let folder = root().join(path).parent().unwrap().to_owned();
    let mut found = Vec::new();
    for target in link.captures_iter(text).map(|captures| captures[1].to_owned()) {
        if target.starts_with("https://") {
            continue;
        }
        let (file, fragment) = target.split_once('#').unwrap_or((target.as_str(), ""));
        let place = if file.is_empty() { root().join(path) } else { folder.join(file) };
        let is_there = if fragment.is_empty() {
            place.exists()
        } else {
            fs::read_to_string(&place).is_ok_and(|text| anchors(&text).iter().any(|anchor| anchor == fragment))
        };
        if !is_there {
            found.push(format!("{path}: `{target}` leads nowhere"));
        }
    }
    found
}

#[test]
fn links_resolve() {
    let pages = pages();
    let read = |path: &String| fs::read_to_string(root().join(path)).unwrap();
    assert_none(&pages.iter().flat_map(|path| broken(path, &read(path))).collect::<Vec<_>>());
    let index = read(&"docs/README.md".to_owned());
    let unlisted = pages.iter().filter_map(|path| {
        let below = path.strip_prefix("docs/").filter(|below| *below != "README.md")?;
        (!index.contains(&format!("]({below})"))).then(|| format!("docs/README.md does not list {path}"))
    });
    assert_none(&unlisted.collect::<Vec<_>>());
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    assert_none(&broken("docs/x.md", "[a](../README.md) [b](https://example.com/) [c](reference/file.md#slo)"));
    assert_eq!(broken("docs/x.md", "[a](nowhere.md) [b](reference/file.md#nothing)").len(), 2);
    assert_eq!(anchor("What `burndown` does, at 99.9 %"), "what-burndown-does-at-999-");
}

#[test]
fn the_tests_that_the_threat_model_names_are_there() {
    let text = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let named = Regex::new(r"`(tests/[a-z_/]+\.rs)(?:::([a-z_0-9]+))?`").unwrap();
    let mut count = 0;
    let missing = named.captures_iter(&text).filter_map(|captures| {
        count += 1;
        let source = fs::read_to_string(root().join(&captures[1])).unwrap_or_default();
        let is_there = match captures.get(2) {
            Some(test) => source.contains(&format!("fn {}(", test.as_str())),
            None => !source.is_empty(),
        };
        (!is_there).then(|| format!("docs/threat-model.md: {} is no test", &captures[0]))
    });
    assert_none(&missing.collect::<Vec<_>>());
    assert!(count > 25, "{count} tests are named");
}
