//! What an answer must be.

use crate::units::Duration;

/// What an HTTP answer must be.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpExpect {
    /// Accepted status codes, as inclusive ranges; `2xx` is 200 to 299, the default.
    pub status: Vec<(u16, u16)>,
    /// Texts that the body must contain.
    pub body_contains: Vec<String>,
    /// The longest duration of the whole run that still counts as good, at most the timeout.
    pub within: Option<Duration>,
}

impl Default for HttpExpect {
    fn default() -> Self {
        Self { status: vec![(200, 299)], body_contains: Vec::new(), within: None }
    }
}
