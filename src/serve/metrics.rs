//! The counters of all probes, and `/metrics` made of them.
//!
//! A count lives in one place and everything else is derived from it: attempts are the sum of successes and
//! failures at every scrape, because they are never stored. Where a history is kept, counts are shown only once they
//! are kept in it. Every child of a counter exists at 0 from the
//! start; a gauge of the last run exists from the first run on.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::encode::{self, Labels, Pairs};
use super::exposition::{Format, TextFormat};
use super::gauges::AuditGauges;
use super::process::{ProcessCollector, unix_seconds};
use crate::history::{BUCKETS, Committed, Counts, StepCounts, StorageState};
use crate::names::{Metric, label};
use crate::probe::outcome::{Outcome, Phase, Reason, SkipReason};
use crate::probe::{ProbeKey, Recorder};
use crate::spec::model::{Credentials, DnsTransport, Fleet, HttpProbe, Probe, ProbeKind, Step, StepAction, Turn};
use crate::units::{Duration, Name};

/// Everything that `/metrics` shows.
///
/// Without an embedded history it counts every run itself, as a [`Recorder`]. With one it shows what that history has
/// kept, as its [`Committed`], so that nothing that was once seen can be lost.
#[derive(Debug)]
pub struct Metrics {
    store: Arc<Store>,
    program: Arc<Program>,
    storage: Arc<Mutex<Option<StorageState>>>,
    audit: Arc<AuditGauges>,
    registry: Registry,
}

impl Metrics {
    /// Counters at 0 for every probe of the fleet, which was loaded just now.
    #[must_use]
    pub fn new(fleet: &Fleet, location: Option<&Name>) -> Self {
        let store = Arc::new(Store { shown: RwLock::default(), location: location.map(ToString::to_string) });
        store.reload(fleet, |_| None);
        let (program, storage) = (Arc::new(Program::default()), Arc::default());
        let audit = Arc::new(AuditGauges::new(location));
        audit.serve(fleet);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&store)));
        registry.register_collector(Box::new(Arc::clone(&audit)));
        registry.register_collector(Box::new(StorageCollector(Arc::clone(&storage))));
        registry.register_collector(Box::new(Arc::clone(&program)));
        registry.register_collector(Box::new(ProcessCollector::new()));
        let metrics = Self { store, program, storage, audit, registry };
        metrics.loaded(true);
        metrics
    }

    /// Shows the probes of another fleet from now on. One that was shown before goes on counting, and any other begins
    /// with what `kept` has of it.
    pub fn reload(&self, fleet: &Fleet, kept: impl Fn(&ProbeKey) -> Option<Counts>) {
        self.store.reload(fleet, kept);
        self.audit.serve(fleet);
    }

    /// What the audit means for each SLO.
    pub(super) fn audit(&self) -> &AuditGauges {
        &self.audit
    }

    /// Takes note of an attempt to load the files.
    pub fn loaded(&self, success: bool) {
        self.program.is_current.store(success, Ordering::Relaxed);
        if success {
            self.program.loaded_at.store(unix_seconds().to_bits(), Ordering::Relaxed);
        }
    }

    /// The counts of a probe as they are shown now; none of a probe that is not there.
    pub(super) fn counts(&self, probe: &ProbeKey) -> Option<Counts> {
        let entry = self.store.shown().probes.get(probe).map(Arc::clone)?;
        Some(entry.counts.lock().unwrap_or_else(PoisonError::into_inner).clone())
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
        let entry = self.store.shown().probes.get(probe).map(Arc::clone);
        if let Some(entry) = entry {
            entry.counts().add(outcome, started_unix_ms);
        }
    }

    fn uplink(&self, service: &Name, is_up: bool) {
        if let Some(gauge) = self.store.shown().uplinks.get(service) {
            gauge.store(is_up, Ordering::Relaxed);
        }
    }
}

impl Committed for Metrics {
    fn show(&self, probe: &ProbeKey, counts: Counts) {
        let entry = self.store.shown().probes.get(probe).map(Arc::clone);
        if let Some(entry) = entry {
            *entry.counts() = counts;
        }
    }

    fn storage(&self, state: StorageState) {
        *self.storage.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }
}

/// The counts of all probes.
#[derive(Debug)]
struct Store {
    /// Replaced as a whole when a fleet takes the place of another, so that a scrape sees one or the other.
    shown: RwLock<Arc<Shown>>,
    location: Option<String>,
}

/// What is shown of one fleet.
#[derive(Debug, Default)]
struct Shown {
    probes: BTreeMap<ProbeKey, Arc<Entry>>,
    /// Whether the uplink of a service that has one is up.
    uplinks: BTreeMap<Name, Arc<AtomicBool>>,
}

/// One probe: what the file says of it, and what was counted.
#[derive(Debug)]
struct Entry {
    timeout: Duration,
    /// Whether the phases of a run say anything: those of a journey are spread over its steps.
    has_phases: bool,
    /// Whether runs may be skipped because the uplink is down.
    has_uplink: bool,
    reasons: ReasonSet,
    steps: Vec<(Name, ReasonSet)>,
    /// One lock guards all of them, so that a scrape never sees half a run. Shared with the entry of the same probe in the
    /// fleet before, so that no run is lost in between.
    counts: Arc<Mutex<Counts>>,
}

impl Entry {
    /// The entry of a probe that goes on from these counts.
    fn new(probe: &Probe, has_uplink: bool, counts: Arc<Mutex<Counts>>) -> Self {
        let (has_phases, reasons, steps) = match &probe.kind {
            ProbeKind::Journey(journey) => {
                let steps: Vec<_> =
                    journey.steps.iter().map(|step| (step.name.clone(), ReasonSet::of_step(step))).collect();
                (false, steps.iter().fold(ReasonSet::default(), |all, (_, set)| all.union(*set)), steps)
            }
            kind => (true, ReasonSet::of_kind(kind), Vec::new()),
        };
        Self { timeout: probe.timeout, has_phases, has_uplink, reasons, steps, counts }
    }

    /// The counts, also after a panic in another thread: every change of them is complete in itself.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
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
        let expect = &request.expect;
        Self::of(&always)
            .union(when(request.may_meet_tls() || expect.tls.is_some(), Reason::Tls))
            .union(when(matches!(request.credentials, Some(Credentials::OAuth2(_))), Reason::Auth))
            .union(when(request.redirects > 0, Reason::Redirect))
            .union(when(!expect.versions.is_empty(), Reason::HttpVersion))
            .union(when(!expect.headers.is_empty(), Reason::Header))
            .union(when(!expect.body.is_empty() || !expect.json.is_empty(), Reason::Body))
            .union(when(expect.within.is_some(), Reason::TooSlow))
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
        let action = match &step.action {
            StepAction::Http(step) => Self::of_request(&step.request),
            StepAction::Run { .. } => Self::of(&[Reason::ExitCode, Reason::Signal, Reason::Timeout]),
        };
        let captures =
            !step.captures.is_empty() || step.action.templates().any(|text| text.captures().next().is_some());
        action.union(if captures { Self::of(&[Reason::Capture]) } else { Self::default() })
    }

    fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn holds(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u32) != 0
    }

    /// The count of every reason of the set, and of any other that was counted all the same.
    fn counted(self, counts: &BTreeMap<Reason, u64>) -> impl Iterator<Item = (Reason, u64)> {
        let count = |reason| counts.get(&reason).copied().unwrap_or_default();
        let counts = Reason::ALL.into_iter().map(move |reason| (reason, count(reason)));
        counts.filter(move |(reason, count)| *count > 0 || self.holds(*reason))
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

    fn steps(&self) -> impl Iterator<Item = (&str, ReasonSet, StepCounts)> {
        let counts = |name| self.counts.steps.get(name).cloned().unwrap_or_default();
        self.entry.steps.iter().map(move |(name, set)| (name.as_str(), *set, counts(name)))
    }
}

impl Store {
    fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn reload(&self, fleet: &Fleet, kept: impl Fn(&ProbeKey) -> Option<Counts>) {
        let before = self.shown();
        let mut shown = Shown::default();
        for (name, service) in &fleet.services {
            if service.uplink.is_some() {
                let gauge = before.uplinks.get(name).map_or_else(|| Arc::new(AtomicBool::new(true)), Arc::clone);
                shown.uplinks.insert(name.clone(), gauge);
            }
            for probe in service.probes.values() {
                let key = ProbeKey::of(probe);
                let counts = match before.probes.get(&key) {
                    Some(before) => Arc::clone(&before.counts),
                    None => Arc::new(Mutex::new(kept(&key).unwrap_or_default())),
                };
                let entry = Entry::new(probe, service.uplink.is_some(), counts);
                shown.probes.insert(key, Arc::new(entry));
            }
        }
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(shown);
    }

    fn labels<'a>(&'a self, service: &'a Name) -> Vec<(&'a str, &'a str)> {
        let location = self.location.iter().map(|location| (label::LOCATION, location.as_str()));
        [(label::SERVICE, service.as_str())].into_iter().chain(location).collect()
    }

    fn snapshots<'a>(&'a self, shown: &'a Shown) -> Vec<Snapshot<'a>> {
        let snapshot = |(key, entry): (&'a ProbeKey, &'a Arc<Entry>)| {
            let mut labels = self.labels(&key.service);
            labels.insert(1, (label::PROBE, key.probe.as_str()));
            Snapshot { labels, entry, counts: entry.counts().clone() }
        };
        shown.probes.iter().map(snapshot).collect()
    }
}

impl Collector for Store {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let shown = self.shown();
        let probes = self.snapshots(&shown);
        if probes.is_empty() {
            return Ok(());
        }
        encode_runs(&mut encoder, &probes)?;
        encode_last_runs(&mut encoder, &probes)?;
        if probes.iter().any(|probe| !probe.entry.steps.is_empty()) {
            encode_steps(&mut encoder, &probes)?;
        }
        if shown.uplinks.is_empty() {
            return Ok(());
        }
        let metric = Metric::UplinkUp;
        let mut family = encode::family(&mut encoder, metric.name(), metric.help(), MetricType::Gauge)?;
        shown.uplinks.iter().try_for_each(|(service, is_up)| {
            let labels = self.labels(service);
            let is_up = i64::from(is_up.load(Ordering::Relaxed));
            encode::gauge_value(&mut family, Labels { common: &labels, own: &[] }, is_up)
        })
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
        let is_possible = |reason: &SkipReason| *reason != SkipReason::Uplink || probe.entry.has_uplink;
        let counted = |reason: &SkipReason| is_possible(reason) || probe.counts.skipped.contains_key(reason);
        SkipReason::ALL.into_iter().filter(counted).try_for_each(|reason| {
            let count = probe.counts.skipped.get(&reason).copied().unwrap_or_default();
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
            encode::counter_value(family, probe.with(&[(label::STEP, name)]), count(&counts))
        })
    })
}

/// How the embedded history fares, where there is one.
#[derive(Debug)]
struct StorageCollector(Arc<Mutex<Option<StorageState>>>);

impl Collector for StorageCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let state = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = state else { return Ok(()) };
        let counters = [
            (Metric::StorageErrors, state.errors),
            (Metric::StorageSetAside, state.set_aside),
            (Metric::StorageForgotten, state.forgotten),
        ];
        for (metric, value) in counters {
            encode::counter(&mut encoder, metric.name(), metric.help(), &[], value as f64)?;
        }
        let gauges = [
            (Metric::StorageUncommitted, f64::from(u8::from(state.uncommitted))),
            (Metric::StorageSize, state.bytes as f64),
        ];
        gauges
            .into_iter()
            .try_for_each(|(metric, value)| encode::gauge(&mut encoder, metric.name(), metric.help(), &[], value))
    }
}

/// What the program says of itself.
#[derive(Debug, Default)]
struct Program {
    /// When the files were last loaded, in seconds of Unix time, as the bits of a float.
    loaded_at: AtomicU64,
    /// Whether what runs is what the files said when they were last looked at.
    is_current: AtomicBool,
}

impl Collector for Program {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let build =
            [("version", env!("CARGO_PKG_VERSION")), ("os", std::env::consts::OS), ("arch", std::env::consts::ARCH)];
        let is_current = f64::from(u8::from(self.is_current.load(Ordering::Relaxed)));
        let loaded_at = f64::from_bits(self.loaded_at.load(Ordering::Relaxed));
        let gauges: [(Metric, &Pairs<'_>, f64); 3] = [
            (Metric::BuildInfo, &build, 1.0),
            (Metric::ConfigReloadSuccessful, &[], is_current),
            (Metric::ConfigReloadSuccessTimestamp, &[], loaded_at),
        ];
        gauges.into_iter().try_for_each(|(metric, labels, value)| {
            encode::gauge(&mut encoder, metric.name(), metric.help(), labels, value)
        })
    }
}
