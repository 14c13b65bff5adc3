//! A page as Grafana's classic schema has it, version 39: Grafana 10.4 reads it as it is and later ones migrate it.

use serde::Serialize;

use super::annotations::Annotations;
use super::layout::Placed;
use super::links::DashboardLink;
use super::variables::{Templating, Variable};

/// The version of the schema.
const SCHEMA_VERSION: u32 = 39;

/// A crosshair at the same moment in every graph.
const SHARED_CROSSHAIR: u8 = 1;

/// A page.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dashboard {
    /// First in the file, since it says that the file is generated.
    description: String,
    pub(super) uid: String,
    title: String,
    tags: Vec<String>,
    schema_version: u32,
    version: u32,
    editable: bool,
    graph_tooltip: u8,
    timezone: &'static str,
    refresh: &'static str,
    time: TimeRange,
    timepicker: TimePicker,
    templating: Templating,
    annotations: Annotations,
    links: Vec<DashboardLink>,
    panels: Vec<Placed>,
}

/// The time that a page shows at first.
#[derive(Clone, Debug, Serialize)]
struct TimeRange {
    from: String,
    to: &'static str,
}

/// The time picker, as it usually is.
#[derive(Clone, Debug, Serialize)]
struct TimePicker {}

/// What differs between pages.
pub(super) struct Page {
    pub(super) uid: String,
    pub(super) title: String,
    pub(super) about: &'static str,
    pub(super) tags: Vec<String>,
    /// How far back it shows at first, such as `30d`.
    pub(super) range: String,
    pub(super) refresh: &'static str,
    pub(super) variables: Vec<Variable>,
    pub(super) annotations: Annotations,
    pub(super) links: Vec<DashboardLink>,
    pub(super) panels: Vec<Placed>,
}

impl From<Page> for Dashboard {
    fn from(page: Page) -> Self {
        Self {
            description: format!("{} {}", super::MARK, page.about),
            uid: page.uid,
            title: page.title,
            tags: page.tags,
            schema_version: SCHEMA_VERSION,
            version: 1,
            editable: false,
            graph_tooltip: SHARED_CROSSHAIR,
            timezone: "browser",
            refresh: page.refresh,
            time: TimeRange { from: format!("now-{}", page.range), to: "now" },
            timepicker: TimePicker {},
            templating: Templating { list: page.variables },
            annotations: page.annotations,
            links: page.links,
            panels: page.panels,
        }
    }
}
