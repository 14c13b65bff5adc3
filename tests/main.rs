//! The one test binary: behaviour against the compiled program and against real peers.

#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod alertmanager;
mod ask;
mod audit;
mod backfill;
mod board;
mod check;
mod demo;
mod differential;
mod docs;
mod end_to_end;
mod exact;
mod gate;
mod generate;
mod grafana;
mod history;
mod house;
mod import;
mod kinds;
mod kubernetes;
mod mimir;
mod operator;
mod packaging;
mod pipelines;
mod prometheus;
mod receivers;
mod report;
mod robust;
mod serve;
mod standing;
mod states;
mod support;
