//! The counters of all probes, and `/metrics` made of them.
//!
//! A count lives in one place and everything else is derived from it: attempts are the sum of successes and
//! failures at every scrape, because they are never stored. Every child of a counter exists at 0 from the
//! start; a gauge of the last run exists from the first run on.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::encode::{self, Labels, Pairs};
use super::exposition::{Format, TextFormat};
use super::process::{ProcessCollector, unix_seconds};
use crate::names::{Metric, label};
use crate::probe::outcome::{Outcome, Phase, Phases, Reason, SkipReason, StepOutcome, Verdict};
use crate::probe::{ProbeKey, Recorder};
use crate::spec::model::{Credentials, DnsTransport, Fleet, HttpProbe, Probe, ProbeKind, Step, StepAction, Turn};
use crate::units::{Duration, Name};

/// Upper bounds of the duration histogram in seconds, the same for every probe; one more has no bound.
pub const BUCKETS: [f64; 15] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Everything that `/metrics` shows.
#[derive(Debug)]
pub struct Metrics {
    store: Arc<Store>,
    registry: Registry,
}

impl Metrics {
    /// Counters at 0 for every probe of the fleet, which was loaded just now.
    #[must_use]
    pub fn new(fleet: &Fleet, location: Option<&Name>) -> Self {
        let probes = fleet.services.values().flat_map(|service| service.probes.values());
        let store = Arc::new(Store {
            probes: probes.map(|probe| (ProbeKey::of(probe), Entry::new(probe))).collect(),
            location: location.map(ToString::to_string),
        });
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&store)));
        registry.register_collector(Box::new(ProgramCollector { loaded_at: unix_seconds() }));
        registry.register_collector(Box::new(ProcessCollector::new()));
        Self { store, registry }
    }

    /// Writes every metric as it is now.
    ///
    /// # Errors
    ///
    /// Those of `writer`.
    pub fn encode(&self, format: Format, writer: &mut impl fmt::Write) -> fmt::Result {
        match format {
            Format::OpenMetrics => text::encode(writer, &self.registry),
            Format::Text => text::encode(&mut TextFormat::new(writer), &self.registry),
        }
    }
}

impl Recorder for Metrics {
    fn record(&self, probe: &ProbeKey, outcome: &Outcome, started_unix_ms: i64) {
        if let Some(entry) = self.store.probes.get(probe) {
            let mut counts = entry.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.add(outcome, started_unix_ms);
        }
    }
}

/// The counts of all probes.
#[derive(Debug)]
struct Store {
    probes: BTreeMap<ProbeKey, Entry>,
    location: Option<String>,
}

/// One probe: what the file says of it, and what was counted.
#[derive(Debug)]
struct Entry {
    timeout: Duration,
    /// Whether the phases of a run say anything: those of a journey are spread over its steps.
    has_phases: bool,
    reasons: ReasonSet,
    steps: Vec<(Name, ReasonSet)>,
    counts: Mutex<Counts>,
}

/// The counts of one probe. One lock guards all of them, so that a scrape never sees half a run.
#[derive(Clone, Debug, Default)]
struct Counts {
    successes: u64,
    failures: ByReason,
    skipped: [u64; SkipReason::ALL.len()],
    /// Runs by duration; the last has no upper bound.
    buckets: [u64; BUCKETS.len() + 1],
    /// Sum of all durations in seconds.
    seconds: f64,
    last: Option<LastRun>,
    /// Seconds of Unix time, of the last handshake that succeeded.
    tls_not_after: Option<i64>,
    steps: Vec<StepCounts>,
}

type ByReason = [u64; Reason::ALL.len()];

/// The counts of one step of a journey.
#[derive(Clone, Debug, Default)]
struct StepCounts {
    successes: u64,
    failures: ByReason,
    not_reached: u64,
    /// Seconds, of the last run that reached it.
    last: Option<f64>,
}

/// What the gauges say of the last run.
#[derive(Clone, Copy, Debug)]
struct LastRun {
    success: bool,
    /// Seconds of Unix time.
    ended: f64,
    phases: Phases,
}

impl Entry {
    fn new(probe: &Probe) -> Self {
        let (has_phases, reasons, steps) = match &probe.kind {
            ProbeKind::Journey(journey) => {
                let steps: Vec<_> =
                    journey.steps.iter().map(|step| (step.name.clone(), ReasonSet::of_step(step))).collect();
                (false, steps.iter().fold(ReasonSet::default(), |all, (_, set)| all.union(*set)), steps)
            }
            kind => (true, ReasonSet::of_kind(kind), Vec::new()),
        };
        let counts = Counts { steps: vec![StepCounts::default(); steps.len()], ..Counts::default() };
        Self { timeout: probe.timeout, has_phases, reasons, steps, counts: Mutex::new(counts) }
    }
}

impl Counts {
    fn add(&mut self, outcome: &Outcome, started_unix_ms: i64) {
        let success = match &outcome.verdict {
            Verdict::Skipped { reason, .. } => {
                increment(&mut self.skipped, *reason as usize);
                return;
            }
            Verdict::Failed { reason, .. } => {
                increment(&mut self.failures, *reason as usize);
                false
            }
            Verdict::Success => {
                self.successes += 1;
                true
            }
        };
        let seconds = outcome.duration.as_secs_f64();
        increment(&mut self.buckets, BUCKETS.partition_point(|bound| *bound < seconds));
        self.seconds += seconds;
        let ended = started_unix_ms as f64 / 1_000.0 + seconds;
        self.last = Some(LastRun { success, ended, phases: outcome.phases });
        self.tls_not_after = outcome.tls_not_after.or(self.tls_not_after);
        for (counts, step) in self.steps.iter_mut().zip(&outcome.steps) {
            counts.add(step);
        }
    }

    fn attempts(&self) -> u64 {
        self.successes + self.failures.iter().sum::<u64>()
    }
}

impl StepCounts {
    fn add(&mut self, step: &StepOutcome) {
        match &step.verdict {
            None => {
                self.not_reached += 1;
                return;
            }
            Some(Verdict::Success) => self.successes += 1,
            Some(Verdict::Failed { reason, .. }) => increment(&mut self.failures, *reason as usize),
            // The whole run does not count then, and does not come here.
            Some(Verdict::Skipped { .. }) => return,
        }
        self.last = Some(step.duration.as_secs_f64());
    }

    fn attempts(&self) -> u64 {
        self.successes + self.failures.iter().sum::<u64>()
    }
}

fn increment(counts: &mut [u64], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count += 1;
    }
}

/// The reasons for which something can fail, given what the file says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ReasonSet(u32);

impl ReasonSet {
    fn of(reasons: &[Reason]) -> Self {
        Self(reasons.iter().fold(0, |set, reason| set | 1 << *reason as u32))
    }

    fn of_request(request: &HttpProbe) -> Self {
        let always =
            [Reason::Resolve, Reason::Connect, Reason::Timeout, Reason::Status, Reason::BodyTooLarge, Reason::Protocol];
        let when = |condition: bool, reason| if condition { Self::of(&[reason]) } else { Self::default() };
        Self::of(&always)
            .union(when(request.may_meet_tls(), Reason::Tls))
            .union(when(matches!(request.credentials, Some(Credentials::OAuth2(_))), Reason::Auth))
            .union(when(request.redirects > 0, Reason::Redirect))
            .union(when(!request.expect.body_contains.is_empty(), Reason::Body))
            .union(when(request.expect.within.is_some(), Reason::TooSlow))
    }

    /// Of a probe that is no journey.
    fn of_kind(kind: &ProbeKind) -> Self {
        let reached = [Reason::Resolve, Reason::Connect, Reason::Timeout];
        let (own, uses_tls, within): (&[Reason], bool, _) = match kind {
            ProbeKind::Http(request) => return Self::of_request(request),
            ProbeKind::Journey(_) => return Self::default(),
            ProbeKind::Tcp(tcp) => {
                let uses_tls = tcp.tls.is_some() || tcp.exchange.iter().any(|turn| matches!(turn, Turn::StartTls(_)));
                let says = &[Reason::Answer, Reason::Protocol, Reason::BodyTooLarge];
                (if tcp.exchange.is_empty() { &[] } else { says }, uses_tls, tcp.within)
            }
            ProbeKind::Tls(tls) => (if tls.valid_for.is_some() { &[Reason::Expiry] } else { &[] }, true, tls.within),
            ProbeKind::Dns(dns) => {
                let uses_tls = matches!(dns.transport, DnsTransport::Tls(_));
                (&[Reason::Rcode, Reason::Answer, Reason::Protocol], uses_tls, dns.expect.within)
            }
            ProbeKind::Icmp(icmp) => (&[], false, icmp.within),
            ProbeKind::Grpc(grpc) => {
                let own = &[Reason::Status, Reason::NotServing, Reason::Protocol, Reason::BodyTooLarge];
                (own, grpc.tls.is_some(), grpc.within)
            }
        };
        let when = |condition: bool, reason| if condition { Self::of(&[reason]) } else { Self::default() };
        Self::of(&reached)
            .union(Self::of(own))
            .union(when(uses_tls, Reason::Tls))
            .union(when(within.is_some(), Reason::TooSlow))
    }

    fn of_step(step: &Step) -> Self {
        match &step.action {
            StepAction::Http(request) => Self::of_request(request),
            StepAction::Run { .. } => Self::of(&[Reason::ExitCode, Reason::Signal, Reason::Timeout]),
        }
    }

    fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn holds(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u32) != 0
    }

    /// The count of every reason of the set, and of any other that was counted all the same.
    fn counted(self, counts: &ByReason) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().zip(*counts).filter(move |(reason, count)| *count > 0 || self.holds(*reason))
    }
}

/// The state of one probe at one moment, with the labels of all its series.
struct Snapshot<'a> {
    labels: Vec<(&'a str, &'a str)>,
    entry: &'a Entry,
    counts: Counts,
}

impl Snapshot<'_> {
    fn with<'s>(&'s self, own: &'s Pairs<'s>) -> Labels<'s> {
        Labels { common: &self.labels, own }
    }

    fn steps(&self) -> impl Iterator<Item = (&str, ReasonSet, &StepCounts)> {
        self.entry.steps.iter().zip(&self.counts.steps).map(|((name, set), counts)| (name.as_str(), *set, counts))
    }
}

impl Store {
    fn snapshots(&self) -> Vec<Snapshot<'_>> {
        let snapshot = |(key, entry)| {
            let (key, entry): (&ProbeKey, &Entry) = (key, entry);
            let mut labels = vec![(label::SERVICE, key.service.as_str()), (label::PROBE, key.probe.as_str())];
            labels.extend(self.location.iter().map(|location| (label::LOCATION, location.as_str())));
            let counts = entry.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Snapshot { labels, entry, counts }
        };
        self.probes.iter().map(snapshot).collect()
    }
}

impl Collector for Store {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let probes = self.snapshots();
        if probes.is_empty() {
            return Ok(());
        }
        encode_runs(&mut encoder, &probes)?;
        encode_last_runs(&mut encoder, &probes)?;
        if probes.iter().any(|probe| !probe.entry.steps.is_empty()) {
            encode_steps(&mut encoder, &probes)?;
        }
        Ok(())
    }
}

/// Writes one family with whatever `each` writes for a probe.
fn write(
    encoder: &mut DescriptorEncoder<'_>,
    metric: Metric,
    kind: MetricType,
    probes: &[Snapshot<'_>],
    each: impl Fn(&mut MetricEncoder<'_>, &Snapshot<'_>) -> fmt::Result,
) -> fmt::Result {
    let mut family = encode::family(encoder, metric.name(), metric.help(), kind)?;
    probes.iter().try_for_each(|probe| each(&mut family, probe))
}

fn encode_runs(encoder: &mut DescriptorEncoder<'_>, probes: &[Snapshot<'_>]) -> fmt::Result {
    use MetricType::{Counter, Gauge, Histogram};
    write(encoder, Metric::ProbeAttempts, Counter, probes, |family, probe| {
        encode::counter_value(family, probe.with(&[]), probe.counts.attempts())
    })?;
    write(encoder, Metric::ProbeSuccesses, Counter, probes, |family, probe| {
        encode::counter_value(family, probe.with(&[]), probe.counts.successes)
    })?;
    write(encoder, Metric::ProbeFailures, Counter, probes, |family, probe| {
        probe.entry.reasons.counted(&probe.counts.failures).try_for_each(|(reason, count)| {
            encode::counter_value(family, probe.with(&[(label::REASON, reason.as_str())]), count)
        })
    })?;
    write(encoder, Metric::ProbeSkipped, Counter, probes, |family, probe| {
        SkipReason::ALL.iter().zip(probe.counts.skipped).try_for_each(|(reason, count)| {
            encode::counter_value(family, probe.with(&[(label::REASON, reason.as_str())]), count)
        })
    })?;
    write(encoder, Metric::ProbeDuration, Histogram, probes, |family, probe| {
        let bounds = BUCKETS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(probe.counts.buckets).collect();
        let (seconds, count) = (probe.counts.seconds, probe.counts.attempts());
        let labels = probe.with(&[]);
        family.encode_family(&labels)?.encode_histogram::<[(&str, &str); 0]>(seconds, count, &buckets, None)
    })?;
    write(encoder, Metric::ProbeTimeout, Gauge, probes, |family, probe| {
        encode::gauge_value(family, probe.with(&[]), probe.entry.timeout.as_secs_f64())
    })
}

fn encode_last_runs(encoder: &mut DescriptorEncoder<'_>, probes: &[Snapshot<'_>]) -> fmt::Result {
    use MetricType::Gauge;
    write(encoder, Metric::ProbePhaseDuration, Gauge, probes, |family, probe| {
        let Some(last) = probe.counts.last.filter(|_| probe.entry.has_phases) else { return Ok(()) };
        Phase::ALL.into_iter().try_for_each(|phase| {
            let labels = [(label::PHASE, phase.as_str())];
            encode::gauge_value(family, probe.with(&labels), last.phases.get(phase).as_secs_f64())
        })
    })?;
    write(encoder, Metric::ProbeSuccess, Gauge, probes, |family, probe| match probe.counts.last {
        Some(last) => encode::gauge_value(family, probe.with(&[]), i64::from(last.success)),
        None => Ok(()),
    })?;
    write(encoder, Metric::ProbeLastRun, Gauge, probes, |family, probe| match probe.counts.last {
        Some(last) => encode::gauge_value(family, probe.with(&[]), last.ended),
        None => Ok(()),
    })?;
    write(encoder, Metric::ProbeTlsNotAfter, Gauge, probes, |family, probe| match probe.counts.tls_not_after {
        Some(end) => encode::gauge_value(family, probe.with(&[]), end),
        None => Ok(()),
    })
}

fn encode_steps(encoder: &mut DescriptorEncoder<'_>, probes: &[Snapshot<'_>]) -> fmt::Result {
    use MetricType::{Counter, Gauge};
    encode_step_counts(encoder, Metric::StepAttempts, probes, StepCounts::attempts)?;
    encode_step_counts(encoder, Metric::StepSuccesses, probes, |step| step.successes)?;
    encode_step_counts(encoder, Metric::StepNotReached, probes, |step| step.not_reached)?;
    write(encoder, Metric::StepFailures, Counter, probes, |family, probe| {
        probe.steps().try_for_each(|(name, reasons, counts)| {
            reasons.counted(&counts.failures).try_for_each(|(reason, count)| {
                let labels = [(label::STEP, name), (label::REASON, reason.as_str())];
                encode::counter_value(family, probe.with(&labels), count)
            })
        })
    })?;
    write(encoder, Metric::StepDuration, Gauge, probes, |family, probe| {
        probe.steps().try_for_each(|(name, _, counts)| match counts.last {
            Some(seconds) => encode::gauge_value(family, probe.with(&[(label::STEP, name)]), seconds),
            None => Ok(()),
        })
    })
}

fn encode_step_counts(
    encoder: &mut DescriptorEncoder<'_>,
    metric: Metric,
    probes: &[Snapshot<'_>],
    count: impl Fn(&StepCounts) -> u64,
) -> fmt::Result {
    write(encoder, metric, MetricType::Counter, probes, |family, probe| {
        probe.steps().try_for_each(|(name, _, counts)| {
            encode::counter_value(family, probe.with(&[(label::STEP, name)]), count(counts))
        })
    })
}

/// What the program says of itself.
#[derive(Debug)]
struct ProgramCollector {
    /// When the files were loaded, in seconds of Unix time.
    loaded_at: f64,
}

impl Collector for ProgramCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let build =
            [("version", env!("CARGO_PKG_VERSION")), ("os", std::env::consts::OS), ("arch", std::env::consts::ARCH)];
        let gauges: [(Metric, &Pairs<'_>, f64); 3] = [
            (Metric::BuildInfo, &build, 1.0),
            (Metric::ConfigReloadSuccessful, &[], 1.0),
            (Metric::ConfigReloadSuccessTimestamp, &[], self.loaded_at),
        ];
        gauges.into_iter().try_for_each(|(metric, labels, value)| {
            encode::gauge(&mut encoder, metric.name(), metric.help(), labels, value)
        })
    }
}
