//! Dashboards against Grafana's own types, a real Prometheus, and the rules of Grafana's linter.
//!
//! No Grafana runs here: no package registry that the tests use has one. What it would show is checked by what it reads.

mod history;
mod layout;
mod lint;
mod options;
mod page;
mod queries;
mod scale;
mod types;
