//! What is drawn over every graph: alerts, closed gates and overrides, which Prometheus knows, and deployments, which
//! whoever makes them tells Grafana with tags.

use serde::Serialize;

use super::palette;
use super::query::{self, Scope};
use super::target::DataSource;
use crate::names::label;
use crate::promql::build::Expr;

/// The tag of everything that is told to Grafana for these pages.
const TAG: &str = "burndown";

/// How often a series is looked at for annotations.
const STEP: &str = "5m";

/// Annotations of a page.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Annotations {
    list: Vec<Annotation>,
}

/// One kind of annotation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Annotation {
    name: &'static str,
    datasource: DataSource,
    enable: bool,
    icon_color: &'static str,
    #[serde(flatten)]
    source: Source,
}

/// Where annotations come from.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Source {
    Tags {
        target: Tags,
    },
    /// Older Grafanas read `expr` and `step`, newer ones `target`.
    #[serde(rename_all = "camelCase")]
    Series {
        expr: String,
        step: &'static str,
        target: SeriesTarget,
        title_format: String,
        text_format: String,
        tag_keys: String,
    },
}

/// Annotations that are kept by Grafana and have all of these tags.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tags {
    #[serde(rename = "type")]
    kind: &'static str,
    tags: Vec<String>,
    match_any: bool,
    limit: u32,
}

/// A series that is there and above zero for as long as something lasts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SeriesTarget {
    ref_id: &'static str,
    expr: String,
    interval: &'static str,
}

impl Annotations {
    /// Alerts, closed gates, deployments and overrides of what a page shows. Deployments of a page that shows one
    /// service are those with its name among their tags.
    pub(super) fn of(scope: &Scope) -> Self {
        let who = format!("{{{{{}}}}} {{{{{}}}}}", label::SERVICE, label::SLO);
        let alert = format!("{{{{{}}}}} {{{{{}}}}}", label::ALERTNAME, label::LONG_WINDOW);
        let tags = format!("{},{}", label::SEVERITY, label::SLO);
        let list = vec![
            deployments(scope),
            recorded(
                "Overrides",
                &query::gate_overridden(scope),
                "closed gate overridden".to_owned(),
                who.clone(),
                label::SLO.to_owned(),
                palette::LOW,
            ),
            recorded("Alerts", &query::alerts(scope), alert, who.clone(), tags, palette::SPENT),
            recorded(
                "Closed gates",
                &query::gate_closed(scope),
                "gate closed".to_owned(),
                who,
                label::SLO.to_owned(),
                palette::GUIDE,
            ),
        ];
        Self { list }
    }
}

fn deployments(scope: &Scope) -> Annotation {
    let mut tags = vec![TAG.to_owned(), "deployment".to_owned()];
    tags.extend(scope.is_one_service().then(|| "$service".to_owned()));
    let target = Tags { kind: "tags", tags, match_any: false, limit: 100 };
    Annotation {
        name: "Deployments",
        datasource: DataSource::GRAFANA,
        enable: true,
        icon_color: palette::DEPLOYMENT,
        source: Source::Tags { target },
    }
}

fn recorded(
    name: &'static str,
    expr: &Expr,
    title_format: String,
    text_format: String,
    tag_keys: String,
    icon_color: &'static str,
) -> Annotation {
    let expr = expr.print();
    let target = SeriesTarget { ref_id: "Anno", expr: expr.clone(), interval: STEP };
    let source = Source::Series { expr, step: STEP, target, title_format, text_format, tag_keys };
    Annotation { name, datasource: DataSource::CHOSEN, enable: true, icon_color, source }
}
