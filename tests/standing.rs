//! How SLOs stand: the same numbers from every history, for everybody who shows or judges them.

mod api;
mod numbers;
pub(crate) mod recorded;
mod shop;
