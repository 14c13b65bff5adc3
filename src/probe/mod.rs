//! Probes: one file per protocol, the scheduler that runs them, and what a run found.
//!
//! [`Scheduler::start`] runs every probe of a [`Fleet`] and hands each finished run to one [`Recorder`].
//! Nothing here may know who listens: counters, history and pages live elsewhere.

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
mod shard;
mod state_log;
mod tcp;
mod tls;
mod uplink;
pub mod view;

use std::fmt;
use std::sync::Arc;

use crate::spec::model::{Fleet, Probe};
use crate::units::Name;
use outcome::{CleanupFailure, Outcome};

pub use excerpt::Excerpt;
pub use prober::{Prober, ProberError, Run};
pub use resolver::Resolver;
pub use schedule::{Epoch, Schedule};
pub use scheduler::{Changes, Grace, Scheduler};
pub use shard::{Shard, ShardError};
pub use state_log::StateLog;
pub use uplink::Uplink;

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
/// It is called from the probe's own task and must return at once. Runs of probes that it does not know may come in
/// while a fleet takes the place of another.
pub trait Recorder: Send + Sync {
    /// Takes one run that was due or started at `started_unix_ms` (milliseconds of Unix time).
    fn record(&self, probe: &ProbeKey, outcome: &Outcome, started_unix_ms: i64);

    /// Learns what failed of the cleanup behind a run, if anything did.
    fn cleaned_up(&self, _probe: &ProbeKey, _failures: &[CleanupFailure]) {}

    /// Learns that the uplink of a service went down or came back.
    fn uplink(&self, _service: &Name, _is_up: bool) {}

    /// Learns that another fleet takes the place of the one before: what it keeps of a probe that is in both stays,
    /// and what it keeps of one that is gone goes. The first run of a new probe follows.
    fn reload(&self, _fleet: &Fleet) {}
}

impl Recorder for Vec<Arc<dyn Recorder>> {
    fn record(&self, probe: &ProbeKey, outcome: &Outcome, started_unix_ms: i64) {
        for recorder in self {
            recorder.record(probe, outcome, started_unix_ms);
        }
    }

    fn cleaned_up(&self, probe: &ProbeKey, failures: &[CleanupFailure]) {
        self.iter().for_each(|recorder| recorder.cleaned_up(probe, failures));
    }

    fn uplink(&self, service: &Name, is_up: bool) {
        self.iter().for_each(|recorder| recorder.uplink(service, is_up));
    }

    fn reload(&self, fleet: &Fleet) {
        self.iter().for_each(|recorder| recorder.reload(fleet));
    }
}
