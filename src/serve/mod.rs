//! The probe service: scheduler, counters and the HTTP server around them.
//!
//! [`Daemon`] is the whole of it. Nothing here probes by itself, reads SLO files or decides exit codes.

mod access;
mod api;
mod audit;
pub mod board;
mod body;
mod connection;
mod daemon;
mod encode;
mod exposition;
mod flagger;
mod gauges;
mod local;
mod metrics;
mod posted;
mod probes;
mod process;
mod routes;
mod runs;
mod server;
mod web;

pub use audit::{Audit, Listed};
pub use daemon::{Daemon, Options, ReloadRequest, StartError};
pub use exposition::Format;
pub use metrics::Metrics;
pub use web::{WebConfig, WebConfigError};
