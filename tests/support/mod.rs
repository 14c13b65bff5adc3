//! Real servers and programs for the tests, each on a port of its own and stopped when dropped.
//!
//! Nothing here stands in for a part of this project: the peers are the programs that users run, and the
//! small servers are what those programs talk to. Everything listens on the loopback interface only.

pub(crate) mod alertmanager;
pub(crate) mod amtool;
pub(crate) mod backfill;
pub(crate) mod browser;
pub(crate) mod burndown;
pub(crate) mod clock;
pub(crate) mod counting_target;
pub(crate) mod http;
pub(crate) mod listener;
pub(crate) mod namespace;
pub(crate) mod origin;
pub(crate) mod port;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod promtool;
pub(crate) mod python;
pub(crate) mod random;
pub(crate) mod remote_write;
pub(crate) mod servers;
pub(crate) mod smtp;
pub(crate) mod target;
pub(crate) mod wait;
pub(crate) mod webhook;
