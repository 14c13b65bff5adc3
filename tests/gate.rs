//! The gate: whether deployments go on, as the library, the command and a running service say it.

mod command;
mod foreign;
mod founding;
mod latch;
mod plan;
mod reasons;
mod same;
