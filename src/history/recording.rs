//! Turns runs of probes into events of the SLOs that count them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Event, Memory, SloKey};
use crate::probe::outcome::{Outcome, Verdict};
use crate::probe::{ProbeKey, Recorder};
use crate::spec::model::{Fleet, Sli};

/// Records every finished run once for each SLO that has its probe for an indicator.
#[derive(Debug)]
pub struct Recording {
    history: Arc<Memory>,
    slos: BTreeMap<ProbeKey, Vec<SloKey>>,
}

impl Recording {
    /// Records the runs of a fleet's probes in `history`.
    #[must_use]
    pub fn new(fleet: &Fleet, history: Arc<Memory>) -> Self {
        let mut slos: BTreeMap<ProbeKey, Vec<SloKey>> = BTreeMap::new();
        for slo in fleet.services.values().flat_map(|service| service.slos.values()) {
            if let Sli::Probe { probe, .. } = &slo.sli {
                let probe = ProbeKey { service: slo.service.clone(), probe: probe.clone() };
                let slo = SloKey::of(slo);
                slos.entry(probe).or_default().push(slo);
            }
        }
        Self { history, slos }
    }
}

impl Recorder for Recording {
    /// A skipped run is no event: it says nothing about the target, so its time stays unobserved.
    fn record(&self, probe: &ProbeKey, outcome: &Outcome, started_unix_ms: i64) {
        let event = match &outcome.verdict {
            Verdict::Success => Event::Good,
            Verdict::Failed { reason, .. } => Event::Bad(*reason),
            Verdict::Skipped { .. } => return,
        };
        for slo in self.slos.get(probe).into_iter().flatten() {
            self.history.record(slo, started_unix_ms.div_euclid(1_000), event);
        }
    }
}
