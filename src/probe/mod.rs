//! Probes: one file per protocol, the scheduler that runs them, and what a run found.
//!
//! [`Scheduler::start`] runs every probe of a [`Fleet`](crate::spec::model::Fleet) and hands each finished
//! run to one [`Recorder`]. Nothing here may know who listens: counters, history and pages live elsewhere.

mod chain;
mod command;
mod conclude;
mod cookies;
mod dns;
mod excerpt;
mod grpc;
mod harvest;
mod http;
mod icmp;
mod journey;
mod json;
mod net;
pub mod outcome;
mod prober;
mod progress;
mod random;
mod reach;
mod resolver;
mod schedule;
mod scheduler;
mod secret;
mod state_log;
mod tcp;
mod tls;

use std::fmt;
use std::sync::Arc;

use crate::spec::model::Probe;
use crate::units::Name;
use outcome::Outcome;

pub use excerpt::Excerpt;
pub use prober::{Prober, ProberError, Run};
pub use resolver::Resolver;
pub use schedule::{Epoch, Schedule};
pub use scheduler::{Grace, Scheduler};
pub use state_log::StateLog;

/// Which probe: its name is unique in its service only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeKey {
    /// The service.
    pub service: Name,
    /// The probe's name in it.
    pub probe: Name,
}

impl ProbeKey {
    /// The key of a probe.
    #[must_use]
    pub fn of(probe: &Probe) -> Self {
        Self { service: probe.service.clone(), probe: probe.name.clone() }
    }
}

impl fmt::Display for ProbeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.probe)
    }
}

/// Takes every finished or skipped run, as soon as its verdict is known.
///
/// It is called from the probe's own task and must return at once.
pub trait Recorder: Send + Sync {
    /// Takes one run that was due or started at `started_unix_ms` (milliseconds of Unix time).
    fn record(&self, probe: &ProbeKey, outcome: &Outcome, started_unix_ms: i64);
}

impl Recorder for Vec<Arc<dyn Recorder>> {
    fn record(&self, probe: &ProbeKey, outcome: &Outcome, started_unix_ms: i64) {
        for recorder in self {
            recorder.record(probe, outcome, started_unix_ms);
        }
    }
}
