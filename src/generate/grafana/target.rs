//! Queries of panels, all of the data source that the reader chooses at the top of the page.

use serde::Serialize;

use crate::promql::build::Expr;

/// The data source of a query or annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DataSource {
    #[serde(rename = "type")]
    kind: &'static str,
    uid: &'static str,
}

impl DataSource {
    /// The Prometheus that the variable of the page names.
    pub(super) const CHOSEN: Self = Self { kind: "prometheus", uid: "${datasource}" };
    /// Grafana itself, which keeps annotations.
    pub(super) const GRAFANA: Self = Self { kind: "grafana", uid: "-- Grafana --" };
}

/// One query of a panel.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) ref_id: String,
    datasource: DataSource,
    expr: String,
    legend_format: String,
    format: &'static str,
    instant: bool,
    range: bool,
    editor_mode: &'static str,
}

impl Target {
    fn new(expr: &Expr, legend: &str, instant: bool, format: &'static str) -> Self {
        Self {
            ref_id: String::new(),
            datasource: DataSource::CHOSEN,
            expr: expr.print(),
            legend_format: legend.to_owned(),
            format,
            instant,
            range: !instant,
            editor_mode: "code",
        }
    }

    /// Over the time that the page shows.
    pub(super) fn over_time(expr: &Expr, legend: &str) -> Self {
        Self::new(expr, legend, false, "time_series")
    }

    /// At the end of the time that the page shows.
    pub(super) fn instant(expr: &Expr, legend: &str) -> Self {
        Self::new(expr, legend, true, "time_series")
    }

    /// At the end of the time that the page shows, a row for each series.
    pub(super) fn rows(expr: &Expr) -> Self {
        Self::new(expr, "", true, "table")
    }

    /// Buckets of a histogram over the time that the page shows.
    pub(super) fn heatmap(expr: &Expr) -> Self {
        Self::new(expr, "{{le}}", false, "heatmap")
    }
}
