//! Probes: one file per protocol, the scheduler, and what a run found.
pub mod outcome;
