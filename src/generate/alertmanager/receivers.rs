//! The receivers of the reader: how pages, tickets and the watchdog reach people, as Alertmanager writes it.
//!
//! They stand in a file of their own, so that routes can be generated anew. What they hold is Alertmanager's to judge;
//! only what would lead nowhere, or would copy a secret into a generated file, is refused here.

use serde_json::{Map, Value};

use super::{PAGE, TICKET, WATCHDOG};

/// What the file may say.
const KEYS: [&str; 3] = ["global", "receivers", "templates"];

/// Keys that hold a secret, and have a twin for the name of a file.
const SECRETS: [&str; 12] = [
    "api_key",
    "auth_password",
    "bot_token",
    "credentials",
    "opsgenie_api_key",
    "password",
    "routing_key",
    "service_key",
    "slack_api_url",
    "smtp_auth_password",
    "token",
    "victorops_api_key",
];

/// Whose `api_url` is a secret. Others have one that everybody knows.
const SLACK: &str = "slack_configs";

/// Where alerts go.
#[derive(Clone, Debug, PartialEq)]
pub struct Receivers {
    pub(super) global: Option<Value>,
    pub(super) templates: Vec<Value>,
    pub(super) receivers: Vec<Value>,
}

/// Why a file says no receivers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiversError {
    /// It cannot be read as YAML.
    #[error("{0}")]
    Yaml(String),
    /// It is no mapping with receivers in it.
    #[error("write `receivers:` with a list, as in Alertmanager's configuration")]
    NoReceivers,
    /// It holds what is generated.
    #[error("`{0}` is none of {known}: routes and inhibitions are generated", known = KEYS.join(", "))]
    UnknownKey(String),
    /// Somebody who is told of alerts is missing.
    #[error("nobody is called `{0}`: write a receiver of that name")]
    Missing(&'static str),
    /// A secret would be copied.
    #[error("`{0}` holds a secret, which everybody could read in the generated file: name a file with `{0}_file`")]
    PlainSecret(String),
}

impl Default for Receivers {
    /// Names without a way to reach anybody.
    fn default() -> Self {
        let receivers = [PAGE, TICKET, WATCHDOG].map(named).into();
        Self { global: None, templates: Vec::new(), receivers }
    }
}

impl std::str::FromStr for Receivers {
    type Err = ReceiversError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let file: Value = serde_yaml::from_str(text).map_err(|error| ReceiversError::Yaml(error.to_string()))?;
        let Value::Object(mut file) = file else { return Err(ReceiversError::NoReceivers) };
        if let Some(key) = file.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(ReceiversError::UnknownKey(key.clone()));
        }
        file.values().try_for_each(|value| without_secrets(value, ""))?;
        let Some(Value::Array(mut receivers)) = file.remove("receivers") else {
            return Err(ReceiversError::NoReceivers);
        };
        let is_there = |name: &str| receivers.iter().any(|receiver| receiver.get("name") == Some(&name.into()));
        if let Some(missing) = [PAGE, TICKET].into_iter().find(|name| !is_there(name)) {
            return Err(ReceiversError::Missing(missing));
        }
        // Few have a dead man's switch.
        if !is_there(WATCHDOG) {
            receivers.push(named(WATCHDOG));
        }
        let templates = match file.remove("templates") {
            Some(Value::Array(templates)) => templates,
            _ => Vec::new(),
        };
        Ok(Self { global: file.remove("global"), templates, receivers })
    }
}

/// A receiver that reaches nobody.
fn named(name: &str) -> Value {
    Value::Object(Map::from_iter([("name".to_owned(), name.into())]))
}

/// Looks for secrets in a value and everything below it; `of` is the key that has it.
fn without_secrets(value: &Value, of: &str) -> Result<(), ReceiversError> {
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            let is_secret = SECRETS.contains(&key.as_str()) || (of == SLACK && key == "api_url");
            if is_secret && value.is_string() {
                return Err(ReceiversError::PlainSecret(key.clone()));
            }
            without_secrets(value, key)
        }),
        Value::Array(values) => values.iter().try_for_each(|value| without_secrets(value, of)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Receivers, ReceiversError> {
        text.parse()
    }

    #[test]
    fn a_watchdog_is_added_and_nobody_else() {
        let read = read("receivers: [{name: page}, {name: ticket}, {name: chat}]").expect("receivers");
        let names: Vec<&str> = read.receivers.iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(names, ["page", "ticket", "chat", "watchdog"]);
        let own = "receivers: [{name: watchdog, x: 1}, {name: page}, {name: ticket}]";
        assert_eq!(own.parse::<Receivers>().expect("receivers").receivers.len(), 3);
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        let both = "receivers: [{name: page}, {name: ticket}]";
        assert_eq!(read("receivers: [{name: page}]"), Err(ReceiversError::Missing("ticket")));
        assert_eq!(read("global: {}"), Err(ReceiversError::NoReceivers));
        assert_eq!(read("[1]"), Err(ReceiversError::NoReceivers));
        assert_eq!(read(&format!("{both}\nroute: {{}}")), Err(ReceiversError::UnknownKey("route".to_owned())));
        assert!(matches!(read("receivers: ["), Err(ReceiversError::Yaml(_))));
    }

    #[test]
    fn secrets_are_only_named() {
        let page = |config: &str| format!("receivers: [{{name: page, {config}}}, {{name: ticket}}]");
        for (config, key) in [
            ("slack_configs: [{api_url: 'https://hooks.example.com/x'}]", "api_url"),
            ("webhook_configs: [{http_config: {basic_auth: {username: a, password: b}}}]", "password"),
        ] {
            assert_eq!(read(&page(config)), Err(ReceiversError::PlainSecret(key.to_owned())));
        }
        assert!(read(&page("slack_configs: [{api_url_file: /run/secrets/slack}]")).is_ok());
        assert!(read(&page("opsgenie_configs: [{api_url: 'https://api.eu.opsgenie.com/'}]")).is_ok());
        let global = "global: {smtp_auth_password: x}\nreceivers: [{name: page}, {name: ticket}]";
        assert_eq!(read(global), Err(ReceiversError::PlainSecret("smtp_auth_password".to_owned())));
    }
}
