//! The report as JSON, and the JSON Schema of it.

use super::model::Report;

/// The report as one JSON document.
///
/// # Errors
/// Never, but for a failing allocator.
pub fn render(report: &Report) -> serde_json::Result<String> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}

/// The JSON Schema of [`Report`].
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}
