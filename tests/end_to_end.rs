//! One outage through the whole path: target, probe, Prometheus, Alertmanager, receiver.
