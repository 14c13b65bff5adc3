//! What a reader chooses at the top of a page: the data source, the service, the SLO, its groups, the probe.

use serde::Serialize;

use super::target::DataSource;

/// The value that stands for all of a variable's values.
const ALL: &str = "$__all";

/// Read again whenever the time range changes.
const ON_TIME_RANGE: u8 = 2;

/// In order of the alphabet.
const ALPHABETICAL: u8 = 1;

/// Chosen at the top of a page, or not shown there at all.
const SHOWN: u8 = 0;
const HIDDEN: u8 = 2;

/// Variables of a page.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Templating {
    pub(super) list: Vec<Variable>,
}

/// A variable.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variable {
    name: String,
    label: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    datasource: Option<DataSource>,
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Choice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Vec<Choice>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<u8>,
    multi: bool,
    include_all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    all_value: Option<&'static str>,
    hide: u8,
}

/// A value that can be chosen.
#[derive(Clone, Debug, Serialize)]
struct Choice {
    selected: bool,
    text: Text,
    value: Text,
}

/// One word, or several where several values may be chosen.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Text {
    One(String),
    Many(Vec<String>),
}

impl Variable {
    /// The Prometheus to ask: that of the given uid, or the one that is Grafana's default.
    pub(super) fn datasource(uid: Option<&str>) -> Self {
        let uid = uid.unwrap_or("default").to_owned();
        let current = Choice { selected: true, text: Text::One(uid.clone()), value: Text::One(uid) };
        Self {
            name: "datasource".to_owned(),
            label: "Data source".to_owned(),
            kind: "datasource",
            datasource: None,
            query: "prometheus".to_owned(),
            current: Some(current),
            options: None,
            refresh: Some(1),
            sort: None,
            multi: false,
            include_all: false,
            all_value: None,
            hide: SHOWN,
        }
    }

    /// One of the values of a label, `selector` being whose.
    pub(super) fn one_of(name: &str, title: &str, selector: &str, label: &str) -> Self {
        Self {
            name: name.to_owned(),
            label: title.to_owned(),
            kind: "query",
            datasource: Some(DataSource::CHOSEN),
            query: format!("label_values({selector}, {label})"),
            current: None,
            options: None,
            refresh: Some(ON_TIME_RANGE),
            sort: Some(ALPHABETICAL),
            multi: false,
            include_all: false,
            all_value: None,
            hide: SHOWN,
        }
    }

    /// Some of the values of a label, at first all of them, whether they have the label or not.
    pub(super) fn some_of(name: &str, title: &str, selector: &str, label: &str) -> Self {
        let all = Choice {
            selected: true,
            text: Text::Many(vec!["All".to_owned()]),
            value: Text::Many(vec![ALL.to_owned()]),
        };
        Self {
            multi: true,
            include_all: true,
            all_value: Some(".*"),
            current: Some(all),
            ..Self::one_of(name, title, selector, label)
        }
    }

    /// One of a few words, at first `chosen`.
    pub(super) fn choice(name: &str, title: &str, words: &[&str], chosen: &str) -> Self {
        let choice = |word: &str| Choice {
            selected: word == chosen,
            text: Text::One(word.to_owned()),
            value: Text::One(word.to_owned()),
        };
        Self {
            name: name.to_owned(),
            label: title.to_owned(),
            kind: "custom",
            datasource: None,
            query: words.join(","),
            current: Some(choice(chosen)),
            options: Some(words.iter().map(|word| choice(word)).collect()),
            refresh: None,
            sort: None,
            multi: false,
            include_all: false,
            all_value: None,
            hide: SHOWN,
        }
    }

    /// Not shown at the top of the page; an address can still set it.
    pub(super) fn hidden(self) -> Self {
        Self { hide: HIDDEN, ..self }
    }
}
