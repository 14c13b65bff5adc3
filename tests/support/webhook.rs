//! A receiver of Alertmanager's notifications.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::listener::{Listener, Reply};
use super::wait;

/// The receiver; it keeps every notification in the order of arrival.
pub(crate) struct Webhook {
    server: Listener,
    notifications: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    /// Starts to listen.
    pub(crate) fn start() -> Self {
        let notifications = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&notifications);
        let server = Listener::start(
            move |request| match serde_json::from_str(&request.body) {
                Ok(notification) => {
                    received.lock().unwrap().push(notification);
                    Reply::text(200, "")
                }
                Err(error) => Reply::text(400, error.to_string()),
            },
            |_| {},
        );
        Self { server, notifications }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Every notification so far, as Alertmanager sent it.
    pub(crate) fn notifications(&self) -> Vec<Value> {
        self.notifications.lock().unwrap().clone()
    }

    /// Every alert of every notification so far: `status`, `labels`, `annotations`, `startsAt`, `endsAt`.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let notifications = self.notifications();
        notifications.iter().filter_map(|one| one["alerts"].as_array()).flatten().cloned().collect()
    }

    /// Waits for an alert that is `firing` or `resolved`, of that name, with these labels.
    ///
    /// # Panics
    /// If none comes `within` this time; the message shows what came.
    #[track_caller]
    pub(crate) fn wait_for(&self, status: &str, alert: &str, labels: &[(&str, &str)], within: Duration) -> Value {
        let wanted = |found: &Value| {
            found["status"] == status
                && found["labels"]["alertname"] == alert
                && labels.iter().all(|(name, value)| found["labels"][name] == **value)
        };
        let what = format!("{alert} {status} with {labels:?}");
        wait::until(&what, within, || self.alerts().into_iter().find(wanted), || format!("{:#?}", self.alerts()))
    }
}

#[test]
fn keeps_alerts_and_refuses_what_is_no_json() {
    let webhook = Webhook::start();
    let body = r#"{"alerts": [{"status": "firing", "labels": {"alertname": "Down", "severity": "page"}}]}"#;
    assert_eq!(super::http::post(webhook.address(), "/", &[], body).unwrap().status, 200);
    assert_eq!(super::http::post(webhook.address(), "/", &[], "nonsense").unwrap().status, 400);
    webhook.wait_for("firing", "Down", &[("severity", "page")], Duration::from_secs(1));
    assert_eq!(webhook.notifications().len(), 1);
}
