//! The mathematics of error budgets: pure functions over the model, without I/O, clocks or text formats.
//!
//! The same mathematics exists a second time as PromQL in [`crate::generate`]; the tests hold one against
//! the other on the same histories.

pub mod alerting;
pub mod budget;
pub mod burn;
pub mod calendar;
pub mod change;
pub mod correction;
pub mod findings;
pub mod forecast;
pub mod gate;
pub mod meaning;
pub mod plan;
pub mod week;
pub mod window;

pub use plan::{Calendar, Plan, SloPlan};
