//! The probe service: scheduler, counters and the HTTP server around them.
//!
//! [`Daemon`] is the whole of it. Nothing here probes by itself, reads files or decides exit codes.

pub mod board;
mod body;
mod connection;
mod daemon;
mod encode;
mod exposition;
mod metrics;
mod process;
mod routes;
mod server;

pub use daemon::{Daemon, Options, StartError};
pub use exposition::Format;
pub use metrics::Metrics;
