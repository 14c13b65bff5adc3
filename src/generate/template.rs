//! Texts that Prometheus expands as Go templates: labels and annotations of alerts.

use std::collections::BTreeMap;

use crate::units::LabelName;

/// Text of a file as a template that expands to that very text.
#[must_use]
pub(super) fn literal(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

/// Labels of a file as templates that expand to those very texts.
pub(super) fn literals(labels: &BTreeMap<LabelName, String>) -> impl Iterator<Item = (String, String)> + '_ {
    labels.iter().map(|(name, value)| (name.to_string(), literal(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_of_the_file_stay_text() {
        assert_eq!(literal("a {{ b }}"), "a {{ \"{{\" }} b }}");
        assert_eq!(literal("plain"), "plain");
    }
}
