//! The server: what probes counted and what is left of the budgets, over HTTP.

pub mod board;
