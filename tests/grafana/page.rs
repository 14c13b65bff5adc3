//! Generated pages as JSON, and their queries with the variables replaced as Grafana does it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::burndown::run;
use crate::support::prometheus::{Prometheus, Series};

/// A page.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// The name of its file without what it ends with.
    pub(super) name: String,
    pub(super) json: Value,
}

/// One query of a panel.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) panel: String,
    pub(super) number: usize,
    pub(super) expr: String,
    pub(super) is_instant: bool,
    /// The least time between two points, as it is written.
    pub(super) interval: Option<String>,
    pub(super) unit: String,
}

/// Values of variables by name.
pub(super) type Values<'a> = BTreeMap<&'a str, String>;

/// Generates pages from an SLO file.
#[track_caller]
pub(super) fn generate(directory: &Path, slo_file: &str, more: &[&str]) -> Vec<Page> {
    let file = directory.join("slo.yaml");
    fs::write(&file, slo_file).unwrap();
    let arguments = ["generate".as_ref(), file.as_os_str(), "--output".as_ref(), directory.as_os_str()];
    let only = ["--only", "grafana"].iter().chain(more);
    let finished = run(arguments.into_iter().chain(only.map(|one| one.as_ref())));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    read(&directory.join("grafana"))
}

/// The pages of a directory.
pub(super) fn read(directory: &Path) -> Vec<Page> {
    let paths = fs::read_dir(directory).expect("run `make generate`").map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    pages.sort();
    let page = |path: PathBuf| Page {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        json: serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap(),
    };
    pages.into_iter().map(page).collect()
}

/// The pages that are checked in.
pub(super) fn checked_in() -> Vec<Page> {
    read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/grafana")))
}

/// One of the pages.
#[track_caller]
pub(super) fn named<'a>(pages: &'a [Page], name: &str) -> &'a Page {
    pages.iter().find(|page| page.name == name).unwrap_or_else(|| panic!("no page {name}"))
}

impl Page {
    /// Its panels, without headings.
    pub(super) fn panels(&self) -> impl Iterator<Item = &Value> {
        self.json["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
    }

    pub(super) fn variables(&self) -> &[Value] {
        self.json["templating"]["list"].as_array().unwrap()
    }

    /// Every query of every panel.
    pub(super) fn queries(&self) -> Vec<Query> {
        let of_panel = |panel: &Value| {
            let panel = panel.clone();
            let targets = panel["targets"].as_array().unwrap().clone();
            targets.into_iter().enumerate().map(move |(number, target)| Query {
                panel: text(&panel["title"]),
                number,
                expr: text(&target["expr"]),
                is_instant: target["instant"] == true,
                interval: panel["interval"].as_str().map(str::to_owned),
                unit: text(&panel["fieldConfig"]["defaults"]["unit"]),
            })
        };
        self.panels().flat_map(of_panel).collect()
    }

    /// How far back it shows at first, in seconds.
    pub(super) fn range(&self) -> i64 {
        seconds(text(&self.json["time"]["from"]).strip_prefix("now-").expect("a relative time"))
    }
}

impl Query {
    /// What it asks from `end` − `range` to `end`, with a point for each two pixels of a small screen.
    #[track_caller]
    pub(super) fn ask(&self, prometheus: &Prometheus, values: &Values<'_>, range: i64, end: i64) -> Vec<Series> {
        self.ask_with_cost(prometheus, values, range, end).0
    }

    /// The same, and how many samples Prometheus says that it read.
    #[track_caller]
    pub(super) fn ask_with_cost(
        &self,
        prometheus: &Prometheus,
        values: &Values<'_>,
        range: i64,
        end: i64,
    ) -> (Vec<Series>, u64) {
        let least = self.interval.as_ref().map_or(1, |interval| seconds(&replaced(interval, values)));
        let step = (range / 600).max(least);
        let mut values = values.clone();
        values.extend([
            ("__interval", format!("{step}s")),
            ("__rate_interval", format!("{}s", (step + 60).max(240))),
            ("__range", format!("{range}s")),
            ("__from", ((end - range) * 1000).to_string()),
        ]);
        let expr = replaced(&self.expr, &values);
        // An instant query is a range of one point here, so that both have the same answer.
        let (start, step) = if self.is_instant { (end, 1) } else { (end - range, step) };
        prometheus.query_range_with_cost(&expr, (start as f64, end as f64, step as f64))
    }
}

/// A text with `$name` and `${name}` replaced.
///
/// # Panics
/// If a variable has no value.
#[track_caller]
pub(super) fn replaced(text: &str, values: &Values<'_>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let after = after.strip_prefix('{').unwrap_or(after);
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, behind) = after.split_at(end);
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            // What a regular expression found.
            out.push('$');
            out.push_str(name);
        } else {
            let value = values.get(name).unwrap_or_else(|| panic!("`${name}` of {text} is no variable of the page"));
            out.push_str(value);
        }
        rest = behind.strip_prefix('}').filter(|_| text.contains("${")).unwrap_or(behind);
    }
    out + rest
}

/// A duration with one unit in seconds.
#[track_caller]
pub(super) fn seconds(duration: &str) -> i64 {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => panic!("`{duration}` has no unit that Grafana knows"),
    };
    number.parse::<i64>().unwrap_or_else(|_| panic!("`{duration}`")) * unit
}

/// A text of a page.
#[track_caller]
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[test]
fn variables_are_replaced_by_name() {
    let values = Values::from([("slo", "x".to_owned()), ("slo_long", "y".to_owned())]);
    assert_eq!(replaced("a{b=\"$slo\",c=\"${slo_long}\"} $1", &values), "a{b=\"x\",c=\"y\"} $1");
    assert!(std::panic::catch_unwind(|| replaced("$other", &values)).is_err());
}
