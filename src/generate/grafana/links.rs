//! Links from page to page, which keep the variables, and from a row of a table to the page of its SLO.

use serde::Serialize;

use crate::names::label;

/// A link at the top of a page.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DashboardLink {
    title: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    icon: &'static str,
    tooltip: &'static str,
    tags: Vec<String>,
    as_dropdown: bool,
    include_vars: bool,
    keep_time: bool,
    target_blank: bool,
}

impl DashboardLink {
    /// The other pages of the same set, each with its own time range.
    pub(super) fn pages(tag: &str) -> Self {
        Self {
            title: "SLO pages",
            kind: "dashboards",
            icon: "external link",
            tooltip: "The other pages, for the same service and SLO",
            tags: vec![tag.to_owned()],
            as_dropdown: true,
            include_vars: true,
            keep_time: false,
            target_blank: false,
        }
    }
}

/// A link of a value.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DataLink {
    title: &'static str,
    url: String,
    target_blank: bool,
}

impl DataLink {
    /// From a row with the labels of an SLO to its page, which is that of its window.
    pub(super) fn to_slo(uid_prefix: &str) -> Self {
        let field = |name: &str| format!("${{__data.fields.{name}}}");
        let url = format!(
            "/d/{}?var-service={}&var-slo={}&${{datasource:queryparam}}",
            super::slo::uid(uid_prefix, &field(label::WINDOW)),
            field(label::SERVICE),
            field(label::SLO),
        );
        Self { title: "Burndown of this SLO", url, target_blank: false }
    }
}
