//! Panels: what Grafana's published types say of each kind that the pages use, and nothing that no page uses.

use std::collections::BTreeMap;

use serde::Serialize;

use super::links::DataLink;
use super::palette;
use super::target::{DataSource, Target};
use super::thresholds::{Mapping, Thresholds};
use super::units::Unit;

/// A panel; its number and place come from the layout.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Panel {
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    description: String,
    datasource: DataSource,
    targets: Vec<Target>,
    field_config: FieldConfigSource,
    options: Options,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transformations: Vec<Transformation>,
    /// The least time between two points of a graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<String>,
    /// The variable for each value of which there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat_direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_row: Option<u32>,
}

/// How values are shown, and which are shown otherwise.
#[derive(Clone, Debug, Serialize)]
struct FieldConfigSource {
    defaults: FieldConfig,
    overrides: Vec<Override>,
}

/// How values are shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FieldConfig {
    unit: Unit,
    #[serde(skip_serializing_if = "Option::is_none")]
    decimals: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    color: Color,
    thresholds: Thresholds,
    mappings: Vec<Mapping>,
    no_value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<Custom>,
}

/// Where a colour comes from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Color {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_color: Option<&'static str>,
}

/// What only one kind of panel has for each value.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Custom {
    Graph(GraphStyle),
    Table(TableStyle),
    Timeline(TimelineStyle),
}

/// Lines and bars.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GraphStyle {
    draw_style: &'static str,
    line_interpolation: &'static str,
    line_width: u32,
    fill_opacity: u32,
    show_points: &'static str,
    span_nulls: bool,
    stacking: Stacking,
    #[serde(skip_serializing_if = "Option::is_none")]
    axis_soft_min: Option<f64>,
}

/// Whether values stand on each other.
#[derive(Clone, Debug, Serialize)]
struct Stacking {
    mode: &'static str,
}

/// Cells of a table.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TableStyle {
    align: &'static str,
    cell_options: Cell,
    inspect: bool,
    filterable: bool,
}

/// How a cell of a table shows its value.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Cell {
    /// As text.
    Auto,
    /// As text in the colour of its threshold.
    ColorText,
    /// As text on the colour of its threshold or mapping.
    ColorBackground {
        /// How the background is filled.
        mode: &'static str,
    },
    /// As a bar with text.
    Gauge {
        /// How the bar is filled.
        mode: &'static str,
        /// How its text is coloured.
        #[serde(rename = "valueDisplayMode")]
        value_display_mode: &'static str,
    },
}

impl Cell {
    pub(super) const BACKGROUND: Self = Self::ColorBackground { mode: "basic" };
    pub(super) const BAR: Self = Self::Gauge { mode: "basic", value_display_mode: "text" };
}

/// Bands of a timeline.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TimelineStyle {
    fill_opacity: u32,
    line_width: u32,
}

/// Values that are shown otherwise.
#[derive(Clone, Debug, Serialize)]
struct Override {
    matcher: Matcher,
    properties: Vec<Property>,
}

/// Which values.
#[derive(Clone, Debug, Serialize)]
struct Matcher {
    id: &'static str,
    options: String,
}

/// In what they differ.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "id", content = "value")]
pub(super) enum Property {
    #[serde(rename = "displayName")]
    Name(&'static str),
    #[serde(rename = "unit")]
    Unit(Unit),
    #[serde(rename = "decimals")]
    Decimals(u32),
    #[serde(rename = "min")]
    Min(f64),
    #[serde(rename = "max")]
    Max(f64),
    #[serde(rename = "color")]
    Color(Color),
    #[serde(rename = "thresholds")]
    Thresholds(Thresholds),
    #[serde(rename = "mappings")]
    Mappings(Vec<Mapping>),
    #[serde(rename = "links")]
    Links(Vec<DataLink>),
    #[serde(rename = "custom.cellOptions")]
    Cell(Cell),
    #[serde(rename = "custom.lineStyle")]
    Line(LineStyle),
    #[serde(rename = "custom.lineWidth")]
    LineWidth(u32),
    #[serde(rename = "custom.fillOpacity")]
    FillOpacity(u32),
    #[serde(rename = "custom.drawStyle")]
    DrawStyle(&'static str),
    #[serde(rename = "custom.stacking")]
    Unstacked(Unstacked),
}

/// A dashed line.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct LineStyle {
    fill: &'static str,
    dash: [u32; 2],
}

/// A line of its own among stacked ones.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Unstacked {
    mode: &'static str,
}

impl Property {
    /// One colour.
    pub(super) fn color(color: &'static str) -> Self {
        Self::Color(Color { mode: "fixed", fixed_color: Some(color) })
    }

    /// What makes a line one that others are held against: dashed, thin, nothing below it.
    pub(super) fn guide(color: &'static str) -> Vec<Self> {
        vec![
            Self::color(color),
            Self::Line(LineStyle { fill: "dash", dash: [8, 6] }),
            Self::LineWidth(2),
            Self::FillOpacity(0),
            Self::DrawStyle("line"),
            Self::Unstacked(Unstacked { mode: "none" }),
        ]
    }
}

/// What is done to the answers before they are shown.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "id", content = "options", rename_all = "camelCase")]
pub(super) enum Transformation {
    /// Rows of several answers with the same labels become one.
    Merge {},
    /// Columns are left out and put in order.
    #[serde(rename_all = "camelCase")]
    Organize {
        /// Columns that are left out.
        exclude_by_name: BTreeMap<String, bool>,
        /// The place of each column.
        index_by_name: BTreeMap<String, usize>,
        /// Other names of columns, which overrides give instead so that links find the label.
        rename_by_name: BTreeMap<String, String>,
    },
}

/// What only one kind of panel has.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Options {
    #[serde(rename_all = "camelCase")]
    Graph { legend: Legend, tooltip: Tooltip },
    #[serde(rename_all = "camelCase")]
    Stat {
        color_mode: &'static str,
        graph_mode: &'static str,
        justify_mode: &'static str,
        orientation: &'static str,
        text_mode: &'static str,
        show_percent_change: bool,
        wide_layout: bool,
        reduce_options: Reduce,
    },
    #[serde(rename_all = "camelCase")]
    Table { show_header: bool, frame_index: u32, cell_height: &'static str, footer: Footer, sort_by: Vec<SortBy> },
    #[serde(rename_all = "camelCase")]
    Timeline {
        show_value: &'static str,
        row_height: f64,
        merge_values: bool,
        align_value: &'static str,
        legend: Legend,
        tooltip: Tooltip,
    },
    #[serde(rename_all = "camelCase")]
    Heatmap {
        calculate: bool,
        cell_gap: u32,
        color: HeatmapColor,
        cell_values: CellValues,
        exemplars: Exemplars,
        filter_values: Filter,
        legend: Show,
        rows_frame: RowsFrame,
        show_value: &'static str,
        tooltip: HeatmapTooltip,
        y_axis: YAxis,
    },
}

/// A legend.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Legend {
    display_mode: &'static str,
    placement: &'static str,
    show_legend: bool,
    calcs: Vec<&'static str>,
}

/// What is shown under the pointer.
#[derive(Clone, Debug, Serialize)]
struct Tooltip {
    mode: &'static str,
    sort: &'static str,
}

/// How the values of a series become one.
#[derive(Clone, Debug, Serialize)]
struct Reduce {
    calcs: [&'static str; 1],
    fields: &'static str,
    values: bool,
}

/// Below a table: its pages.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Footer {
    show: bool,
    reducer: [&'static str; 1],
    enable_pagination: bool,
}

/// The column by which a table is sorted at first.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SortBy {
    display_name: &'static str,
    desc: bool,
}

/// Colours of a heatmap.
#[derive(Clone, Debug, Serialize)]
struct HeatmapColor {
    mode: &'static str,
    scheme: &'static str,
    fill: &'static str,
    scale: &'static str,
    exponent: f64,
    steps: u32,
    reverse: bool,
}

/// The unit of a cell of a heatmap.
#[derive(Clone, Debug, Serialize)]
struct CellValues {
    unit: Unit,
    decimals: u32,
}

/// The colour of exemplars.
#[derive(Clone, Debug, Serialize)]
struct Exemplars {
    color: &'static str,
}

/// Cells below this are left empty.
#[derive(Clone, Debug, Serialize)]
struct Filter {
    le: f64,
}

/// Whether something is shown.
#[derive(Clone, Debug, Serialize)]
struct Show {
    show: bool,
}

/// What the rows of a heatmap are.
#[derive(Clone, Debug, Serialize)]
struct RowsFrame {
    layout: &'static str,
}

/// What is shown under the pointer of a heatmap.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeatmapTooltip {
    mode: &'static str,
    y_histogram: bool,
    show_color_scale: bool,
}

/// The axis of a heatmap.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct YAxis {
    unit: Unit,
    axis_placement: &'static str,
    reverse: bool,
}

fn legend(shown: bool, calcs: &[&'static str]) -> Legend {
    let display_mode = if calcs.is_empty() { "list" } else { "table" };
    Legend { display_mode, placement: "bottom", show_legend: shown, calcs: calcs.to_vec() }
}

fn tooltip(mode: &'static str) -> Tooltip {
    Tooltip { mode, sort: "desc" }
}

impl Panel {
    fn new(kind: &'static str, title: &str, description: &str, unit: Unit, options: Options) -> Self {
        let defaults = FieldConfig {
            unit,
            decimals: None,
            min: None,
            max: None,
            color: Color { mode: "thresholds", fixed_color: None },
            thresholds: Thresholds::always(palette::PLAIN),
            mappings: Vec::new(),
            no_value: "no data".to_owned(),
            custom: None,
        };
        Self {
            kind,
            title: title.to_owned(),
            description: description.to_owned(),
            datasource: DataSource::CHOSEN,
            targets: Vec::new(),
            field_config: FieldConfigSource { defaults, overrides: Vec::new() },
            options,
            transformations: Vec::new(),
            interval: None,
            repeat: None,
            repeat_direction: None,
            max_per_row: None,
        }
    }

    /// One number, or one for each series.
    pub(super) fn stat(title: &str, description: &str, unit: Unit) -> Self {
        let options = Options::Stat {
            color_mode: "value",
            graph_mode: "none",
            justify_mode: "auto",
            orientation: "auto",
            text_mode: "auto",
            show_percent_change: false,
            wide_layout: true,
            reduce_options: Reduce { calcs: ["lastNotNull"], fields: "", values: false },
        };
        Self::new("stat", title, description, unit, options)
    }

    /// Lines over time.
    pub(super) fn graph(title: &str, description: &str, unit: Unit) -> Self {
        let options = Options::Graph { legend: legend(true, &[]), tooltip: tooltip("multi") };
        let mut panel = Self::new("timeseries", title, description, unit, options);
        panel.field_config.defaults.color = Color { mode: "palette-classic-by-name", fixed_color: None };
        panel.field_config.defaults.custom = Some(Custom::Graph(GraphStyle {
            draw_style: "line",
            line_interpolation: "linear",
            line_width: 2,
            fill_opacity: 0,
            show_points: "auto",
            span_nulls: false,
            stacking: Stacking { mode: "none" },
            axis_soft_min: None,
        }));
        panel
    }

    /// Bars over time that stand on each other.
    pub(super) fn bars(title: &str, description: &str, unit: Unit) -> Self {
        let mut panel = Self::graph(title, description, unit);
        if let Some(Custom::Graph(style)) = &mut panel.field_config.defaults.custom {
            style.draw_style = "bars";
            style.fill_opacity = 80;
            style.line_width = 1;
            style.show_points = "never";
            style.stacking = Stacking { mode: "normal" };
            style.axis_soft_min = Some(0.0);
        }
        panel
    }

    /// A row for each series, those first that are lowest or highest by a column.
    pub(super) fn table(title: &str, description: &str, sort_by: &'static str, highest_first: bool) -> Self {
        let options = Options::Table {
            show_header: true,
            frame_index: 0,
            cell_height: "sm",
            footer: Footer { show: false, reducer: ["count"], enable_pagination: true },
            sort_by: vec![SortBy { display_name: sort_by, desc: highest_first }],
        };
        let mut panel = Self::new("table", title, description, Unit::Text, options);
        panel.field_config.defaults.custom = Some(Custom::Table(TableStyle {
            align: "auto",
            cell_options: Cell::Auto,
            inspect: false,
            filterable: false,
        }));
        panel
    }

    /// A band of states for each series.
    pub(super) fn timeline(title: &str, description: &str, mappings: Vec<Mapping>) -> Self {
        let options = Options::Timeline {
            show_value: "auto",
            row_height: 0.8,
            merge_values: true,
            align_value: "left",
            legend: legend(true, &[]),
            tooltip: tooltip("single"),
        };
        let mut panel = Self::new("state-timeline", title, description, Unit::Number, options);
        panel.field_config.defaults.custom = Some(Custom::Timeline(TimelineStyle { fill_opacity: 80, line_width: 0 }));
        panel.mappings(mappings)
    }

    /// How many events fell into each bucket over time; buckets are in seconds.
    pub(super) fn heatmap(title: &str, description: &str) -> Self {
        let options = Options::Heatmap {
            calculate: false,
            cell_gap: 1,
            color: HeatmapColor {
                mode: "scheme",
                scheme: "Blues",
                fill: palette::PLAIN,
                scale: "exponential",
                exponent: 0.5,
                steps: 32,
                reverse: true,
            },
            cell_values: CellValues { unit: Unit::Count, decimals: 0 },
            exemplars: Exemplars { color: palette::LOW },
            filter_values: Filter { le: 1e-9 },
            legend: Show { show: true },
            rows_frame: RowsFrame { layout: "auto" },
            show_value: "never",
            tooltip: HeatmapTooltip { mode: "single", y_histogram: false, show_color_scale: true },
            y_axis: YAxis { unit: Unit::Seconds, axis_placement: "left", reverse: false },
        };
        Self::new("heatmap", title, description, Unit::Count, options)
    }

    /// Adds a query.
    pub(super) fn query(mut self, mut target: Target) -> Self {
        let letter = u8::try_from(self.targets.len()).map_or(b'Z', |number| b'A'.saturating_add(number));
        target.ref_id = char::from(letter).to_string();
        self.targets.push(target);
        self
    }

    pub(super) fn decimals(mut self, decimals: u32) -> Self {
        self.field_config.defaults.decimals = Some(decimals);
        self
    }

    /// The lowest value of the axis.
    pub(super) fn min(mut self, min: f64) -> Self {
        self.field_config.defaults.min = Some(min);
        self
    }

    /// The highest value of the axis.
    pub(super) fn max(mut self, max: f64) -> Self {
        self.field_config.defaults.max = Some(max);
        self
    }

    pub(super) fn thresholds(mut self, thresholds: Thresholds) -> Self {
        self.field_config.defaults.thresholds = thresholds;
        self
    }

    pub(super) fn mappings(mut self, mappings: Vec<Mapping>) -> Self {
        self.field_config.defaults.mappings = mappings;
        self
    }

    /// What stands where there is no value.
    pub(super) fn no_value(mut self, text: &str) -> Self {
        text.clone_into(&mut self.field_config.defaults.no_value);
        self
    }

    /// The least time between two points.
    pub(super) fn interval(mut self, interval: impl Into<String>) -> Self {
        self.interval = Some(interval.into());
        self
    }

    /// One for each value of a variable, two in a line.
    pub(super) fn repeat(mut self, variable: &'static str) -> Self {
        self.repeat = Some(variable);
        self.repeat_direction = Some("h");
        self.max_per_row = Some(2);
        self
    }

    /// The area below lines is filled.
    pub(super) fn filled(mut self) -> Self {
        if let Some(Custom::Graph(style)) = &mut self.field_config.defaults.custom {
            style.fill_opacity = 12;
        }
        self
    }

    /// Names beside numbers, where there are several.
    pub(super) fn named(mut self) -> Self {
        if let Options::Stat { text_mode, .. } = &mut self.options {
            *text_mode = "value_and_name";
        }
        self
    }

    /// The whole panel in the colour of its value, to be seen from afar.
    pub(super) fn glaring(mut self) -> Self {
        if let Options::Stat { color_mode, .. } = &mut self.options {
            *color_mode = "background_solid";
        }
        self
    }

    /// Large rows on one page, to be read from afar.
    pub(super) fn large(mut self) -> Self {
        if let Options::Table { cell_height, footer, .. } = &mut self.options {
            *cell_height = "lg";
            footer.enable_pagination = false;
        }
        self
    }

    /// The series of that name is shown otherwise.
    pub(super) fn series(self, name: &str, properties: Vec<Property>) -> Self {
        self.otherwise("byName", name, properties)
    }

    /// The series whose name matches a regular expression are shown otherwise.
    pub(super) fn series_like(self, pattern: &str, properties: Vec<Property>) -> Self {
        self.otherwise("byRegexp", pattern, properties)
    }

    fn otherwise(mut self, id: &'static str, options: &str, properties: Vec<Property>) -> Self {
        let matcher = Matcher { id, options: options.to_owned() };
        self.field_config.overrides.push(Override { matcher, properties });
        self
    }

    /// Rows of all answers become one table with these columns in this order; a column has the name of a label or
    /// `Value #A` for the first query.
    pub(super) fn columns(mut self, columns: &[&str], left_out: &[&str]) -> Self {
        let exclude_by_name = left_out.iter().map(|name| ((*name).to_owned(), true)).collect();
        let index_by_name = columns.iter().enumerate().map(|(at, name)| ((*name).to_owned(), at)).collect();
        let rename_by_name = BTreeMap::new();
        self.transformations =
            vec![Transformation::Merge {}, Transformation::Organize { exclude_by_name, index_by_name, rename_by_name }];
        self
    }
}
