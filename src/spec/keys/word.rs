//! The kinds of words that a file has: what each looks like, for the schema and the reference.

use serde_json::{Value, json};

use crate::names::label;

/// A kind of word or text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Any text.
    Text,
    /// A text that is not empty.
    Filled,
    /// `true` or `false`.
    Flag,
    /// The name of a service, SLO, probe, step or change.
    Name,
    /// The name of a label that a file may set.
    LabelName,
    /// The name of a label that the alerts of one severity may carry, which includes `severity`.
    AlertLabelName,
    /// The name of an annotation.
    AnnotationName,
    /// The name of an alert.
    AlertName,
    /// A duration.
    Duration,
    /// A duration longer than nothing.
    PositiveDuration,
    /// A window, from an hour to 90 days.
    Window,
    /// A part of the budget: a duration, or a percentage of the whole.
    Amount,
    /// A percentage above 0, with its sign.
    Share,
    /// A number of bytes.
    Size,
    /// A percentage between 0 and 100.
    Objective,
    /// A percentage above 0 and up to 100.
    Percent,
    /// A decimal number.
    Decimal,
    /// A decimal number above 0.
    Factor,
    /// A scope of OAuth 2 (RFC 6749, section 3.3).
    Scope,
    /// A parameter of a token request that has no key of its own.
    Parameter,
    /// A whole number, from the first to the second.
    Whole(u64, u64),
    /// A status of HTTP, a range or a class of them.
    Status,
    /// A URL of HTTP.
    Url,
    /// A host with its port.
    Endpoint,
    /// A host.
    Host,
    /// A regular expression.
    Pattern,
    /// A JSON pointer.
    Pointer,
    /// The name of a header.
    Header,
    /// The name of an environment variable.
    Variable,
    /// A path of the file system.
    Path,
    /// An expression of PromQL.
    Promql,
    /// A time of day.
    Time,
    /// A day of the calendar.
    Date,
    /// A time zone.
    Zone,
}

/// What a duration looks like.
const DURATION: &str = "^(0|([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$";

/// What a share looks like.
const SHARE: &str = "^0*(100(\\.0+)?|[0-9]{1,2}(\\.[0-9]+)?)%$";

impl Word {
    /// What it is called.
    #[must_use]
    pub fn noun(self) -> String {
        match self {
            Self::Text | Self::Filled => "text".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Name => "name".to_owned(),
            Self::LabelName | Self::AlertLabelName => "label name".to_owned(),
            Self::AnnotationName => "annotation name".to_owned(),
            Self::AlertName => "alert name".to_owned(),
            Self::Duration | Self::PositiveDuration => "duration".to_owned(),
            Self::Window => "duration, `1h` to `90d`".to_owned(),
            Self::Amount => "duration, or share of the budget".to_owned(),
            Self::Share => "share".to_owned(),
            Self::Size => "size".to_owned(),
            Self::Objective | Self::Percent => "percentage, without the sign".to_owned(),
            Self::Decimal => "decimal number".to_owned(),
            Self::Factor => "decimal number above 0".to_owned(),
            Self::Scope => "scope".to_owned(),
            Self::Parameter => "parameter".to_owned(),
            Self::Whole(least, most) => format!("whole number, {least} to {most}"),
            Self::Status => "status, class or range".to_owned(),
            Self::Url => "URL".to_owned(),
            Self::Endpoint => "host and port".to_owned(),
            Self::Host => "host".to_owned(),
            Self::Pattern => "regular expression".to_owned(),
            Self::Pointer => "JSON pointer".to_owned(),
            Self::Header => "header name".to_owned(),
            Self::Variable => "name of an environment variable".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Promql => "PromQL".to_owned(),
            Self::Time => "`HH:MM`".to_owned(),
            Self::Date => "`YYYY-MM-DD`".to_owned(),
            Self::Zone => "IANA time zone".to_owned(),
        }
    }

    /// What it looks like, as JSON Schema. A number in YAML is a text to the reader, so both are taken.
    #[must_use]
    pub fn schema(self) -> Value {
        let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
        match self {
            Self::Text | Self::Zone => json!({"type": ["string", "number", "boolean"]}),
            Self::Filled | Self::Pattern | Self::Path => {
                json!({"type": ["string", "number", "boolean"], "minLength": 1})
            }
            Self::Flag => json!({"anyOf": [{"type": "boolean"}, text("^(true|false)$")]}),
            Self::Name => json!({"type": ["string", "integer"], "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"}),
            Self::LabelName => label_name(&label::RESERVED),
            Self::AlertLabelName => {
                let reserved: Vec<&str> = label::RESERVED.into_iter().filter(|name| *name != label::SEVERITY).collect();
                label_name(&reserved)
            }
            Self::AnnotationName => label_name(&[]),
            Self::AlertName => text("^[A-Za-z_][A-Za-z0-9_]*$"),
            Self::Duration => {
                json!({"type": ["string", "integer"], "pattern": DURATION, "minLength": 1, "minimum": 0, "maximum": 0})
            }
            Self::PositiveDuration | Self::Window => {
                json!({"type": "string", "pattern": DURATION, "minLength": 1, "not": {"pattern": "^[0wdhms]*$"}})
            }
            Self::Amount => json!({"anyOf": [Self::Duration.schema(), text(SHARE)]}),
            Self::Share => json!({"type": "string", "pattern": SHARE, "not": {"pattern": "^[0.]*%$"}}),
            Self::Size => text("^0*[1-9][0-9]*(B|KiB|MiB|GiB)$"),
            Self::Objective => json!({
                "type": ["number", "string"], "exclusiveMinimum": 0, "exclusiveMaximum": 100,
                "pattern": "^\\+?0*[0-9]{1,2}(\\.[0-9]+)?$"
            }),
            Self::Percent => json!({
                "type": ["number", "string"], "exclusiveMinimum": 0, "maximum": 100, "pattern": "^\\+?[0-9]+(\\.[0-9]+)?$"
            }),
            Self::Decimal => json!({"type": ["number", "string"], "pattern": "^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)$"}),
            Self::Factor => {
                json!({"type": ["number", "string"], "exclusiveMinimum": 0, "pattern": "^[+]?[0-9]*[.]?[0-9]*[1-9][0-9]*[.]?[0-9]*$"})
            }
            Self::Scope => text("^[!#-\\[\\]-~]+$"),
            Self::Parameter => {
                json!({"type": "string", "not": {"enum": ["grant_type", "client_id", "client_secret", "scope"]}})
            }
            Self::Whole(least, most) => {
                json!({"type": ["integer", "string"], "minimum": least, "maximum": most, "pattern": "^[+]?[0-9]+$"})
            }
            Self::Status => json!({
                "type": ["integer", "string"], "minimum": 100, "maximum": 599,
                "pattern": "^([1-5][0-9]{2}(-[1-5][0-9]{2})?|[1-5]xx)$"
            }),
            Self::Url => text("^[Hh][Tt][Tt][Pp][Ss]?:"),
            Self::Endpoint => text("^[^@ ]+:[0-9]+$"),
            Self::Host => text("^[^@/ ]+$"),
            Self::Pointer => text("^(/([^~]|~[01])*)?$"),
            Self::Header => text("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
            Self::Variable => text("^[A-Za-z_][A-Za-z0-9_]*$"),
            Self::Promql => json!({"type": "string", "minLength": 1}),
            Self::Time => text("^([01][0-9]|2[0-3]):[0-5][0-9]$"),
            Self::Date => text("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        }
    }
}

/// A label name that is none of `reserved` and does not start as those of Prometheus do.
fn label_name(reserved: &[&str]) -> Value {
    let pattern = "^([A-Za-z]|_[A-Za-z0-9]|_$)[A-Za-z0-9_]*$";
    if reserved.is_empty() {
        return json!({"type": "string", "pattern": pattern});
    }
    json!({"type": "string", "pattern": pattern, "not": {"enum": reserved}})
}
