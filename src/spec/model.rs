//! The validated model: what a set of SLO files means, with no string left that still has to be read.
//!
//! Everything here is valid by construction of [`super::validate`]; the mathematics, the generators and
//! the probe service take it as it is.

mod chain;
mod dns;
mod expect;
mod grpc;
mod http;
mod icmp;
mod journey;
mod target;
mod tcp;
mod tls;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::diag::Span;
use crate::names::Alert;
use crate::promql::{Query, Selector};
use crate::units::{AlertName, Duration, LabelName, Name, Objective};

pub use chain::TlsProbe;
pub use dns::{DnsExpect, DnsProbe, DnsTransport, Rcode};
pub use expect::{HttpExpect, TextRules, ValueRules};
pub use grpc::GrpcProbe;
pub use http::{
    BasicAuth, Bypass, BypassHosts, ClientAuth, Compression, Credentials, HeaderText, HttpProbe, HttpVersion, OAuth2,
    PlainOrSecret, Proxy, RequestBody,
};
pub use icmp::IcmpProbe;
pub use journey::{
    BodyTemplate, Capture, CaptureSource, EnvValue, Escape, Journey, Piece, Step, StepAction, StepRequest,
    TargetTemplate, Template,
};
pub(in crate::spec) use target::parse_host;
pub use target::{Endpoint, EndpointError, IpFamily};
pub use tcp::{Expected, Group, SendPiece, TcpProbe, Turn};
pub use tls::{ClientCertificate, TlsSettings, TlsVersion};

/// Everything that a set of files says, services in order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fleet {
    /// The services; several files may contribute to one.
    pub services: BTreeMap<Name, Service>,
}

/// One service: its probes and its SLOs, each in order of their names.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The name, the value of the label `slo_service`.
    pub name: Name,
    /// The probes by name.
    pub probes: BTreeMap<Name, Probe>,
    /// The SLOs by name.
    pub slos: BTreeMap<Name, Slo>,
    /// What planned changes cost, by name.
    pub changes: BTreeMap<Name, Change>,
    /// When people are at work, if a file says it.
    pub working_hours: Option<WorkingHours>,
    /// What tells the prober's own outage from that of its targets, if a file says it.
    pub uplink: Option<Uplink>,
}

/// Reference targets: while none of them answers, it is the prober that is cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// Where a TCP connection is tried, at least one.
    pub targets: Vec<Endpoint>,
    /// How long a target may take to accept or to refuse one, its name looked up within that.
    pub timeout: Duration,
}

/// What a planned change costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name, unique in the service.
    pub name: Name,
    /// How long the service is down while it runs, at most its duration.
    pub downtime: Duration,
    /// How long it takes.
    pub duration: Duration,
    /// Where its name stands.
    pub span: Span,
}

/// When people are at work: the same hours on each of some days of the week.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkingHours {
    /// The days, from Monday to Sunday, at least one.
    pub days: Vec<Weekday>,
    /// When work begins, in local time.
    pub from: Time,
    /// When it ends on the same day, later than it begins.
    pub to: Time,
    /// The zone of both.
    pub timezone: TimeZone,
    /// Days on which nobody works, in order.
    pub holidays: Vec<Date>,
}

/// Planned maintenance that comes back every week.
#[derive(Clone, Debug, PartialEq)]
pub struct Maintenance {
    /// Its name, unique in the service.
    pub name: Name,
    /// The same hours on each of some days of the week.
    pub hours: WorkingHours,
}

/// One service level objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// The service it belongs to.
    pub service: Name,
    /// Its name, unique in the service.
    pub name: Name,
    /// What it promises, in the file's words.
    pub description: Option<String>,
    /// Labels of the file and on top of them its own, on `slo_info` and on every alert.
    pub labels: BTreeMap<LabelName, String>,
    /// The promise.
    pub objective: Objective,
    /// The rolling window P, from one hour to 90 days.
    pub window: Duration,
    /// What is counted.
    pub sli: Sli,
    /// What the objective is a share of: events, or slices of time.
    pub budgeting: Budgeting,
    /// How often and how late the rules look.
    pub rules: RuleTiming,
    /// The burn-rate alerts.
    pub alerting: Alerting,
    /// When deployments stop and go on.
    pub gate: Gate,
    /// When something is expected to fail, every week: pages are muted, and what is spent does not count net.
    pub maintenance: Vec<Maintenance>,
    /// Where the SLO's name stands.
    pub span: Span,
    /// Where its objective stands.
    pub objective_span: Span,
    /// Where the window that applies to it stands (the objective's place if it is the default).
    pub window_span: Span,
    /// Where the alerting windows that apply to it stand, if the file sets them.
    pub alerting_span: Option<Span>,
}

/// A service level indicator: where bad and total events come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Sli {
    /// Runs of a probe of the same service.
    Probe {
        /// The probe's name.
        probe: Name,
        /// How often it runs.
        interval: Duration,
    },
    /// Counters that Prometheus already has.
    Events {
        /// The two counters that are there.
        counters: CounterPair,
        /// Labels that split the SLO into groups with a budget each.
        by: Vec<LabelName>,
        /// Whether a series born on a known target counts from zero.
        first_sample: FirstSample,
    },
    /// A classic histogram: what is not in the bucket up to the threshold is bad.
    Latency {
        /// Series of all events, `NAME_count`.
        count: Selector,
        /// Series of the good events, `NAME_bucket` with each form of `le` that stands for the threshold.
        bucket: Selector,
        /// The longest good duration in seconds.
        threshold: Decimal,
        /// Labels that split the SLO into groups with a budget each.
        by: Vec<LabelName>,
        /// Whether a series born on a known target counts from zero.
        first_sample: FirstSample,
    },
    /// A native histogram: what is above the threshold is bad.
    NativeLatency {
        /// Series of the histogram.
        histogram: Selector,
        /// The longest good duration in seconds.
        threshold: Decimal,
        /// Labels that split the SLO into groups with a budget each.
        by: Vec<LabelName>,
    },
    /// A gauge, each sample of which is one event.
    Gauge {
        /// Series of the gauge.
        gauge: Selector,
        /// When a sample is good. Without it, a sample is 0 or 1, and 1 is good.
        good: Option<Condition>,
        /// Labels that split the SLO into groups with a budget each.
        by: Vec<LabelName>,
    },
    /// An error ratio that exists already, weighted by time.
    Ratio {
        /// Series of the ratio, from 0 to 1.
        error: Selector,
        /// Labels that split the SLO into groups with a budget each.
        by: Vec<LabelName>,
    },
    /// PromQL with `$window`.
    Query {
        /// Bad events, or their rate, over `$window`.
        bad: Query,
        /// All events, or their rate, over `$window`.
        total: Query,
        /// Labels that split the SLO into groups with a budget each.
        by: Vec<LabelName>,
    },
}

impl Sli {
    /// The labels that split the SLO into groups; empty for a probe.
    #[must_use]
    pub fn by(&self) -> &[LabelName] {
        match self {
            Self::Probe { .. } => &[],
            Self::Events { by, .. }
            | Self::Latency { by, .. }
            | Self::NativeLatency { by, .. }
            | Self::Gauge { by, .. }
            | Self::Ratio { by, .. }
            | Self::Query { by, .. } => by,
        }
    }

    /// How often the probe runs that feeds it; nothing for other kinds.
    #[must_use]
    pub const fn probe_interval(&self) -> Option<Duration> {
        match self {
            Self::Probe { interval, .. } => Some(*interval),
            Self::Events { .. }
            | Self::Latency { .. }
            | Self::NativeLatency { .. }
            | Self::Gauge { .. }
            | Self::Ratio { .. }
            | Self::Query { .. } => None,
        }
    }
}

/// Two counters, from which good, bad and all events follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CounterPair {
    /// Bad events and all events.
    BadTotal {
        /// Counter series of the bad events.
        bad: Selector,
        /// Counter series of all events.
        total: Selector,
    },
    /// Good events and all events.
    GoodTotal {
        /// Counter series of the good events.
        good: Selector,
        /// Counter series of all events.
        total: Selector,
    },
    /// Good events and bad events.
    GoodBad {
        /// Counter series of the good events.
        good: Selector,
        /// Counter series of the bad events.
        bad: Selector,
    },
}

/// When a sample of a gauge is good: `sample comparison bound`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// How the sample compares.
    pub comparison: Comparison,
    /// With what.
    pub bound: Decimal,
}

/// How a sample compares with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`.
    Below,
    /// `<=`.
    AtMost,
    /// `>`.
    Above,
    /// `>=`.
    AtLeast,
}

/// What the objective is a share of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Budgeting {
    /// Events: 99.9 % of them are good.
    #[default]
    Occurrences,
    /// Slices of time: 99.9 % of them are good. Never with a query, which has no increments.
    Timeslices {
        /// The length of a slice, a multiple of the rule interval that fills five minutes evenly.
        slice: Duration,
        /// The share of good events, above 0 and up to 1, that makes a slice good.
        target: Decimal,
    },
}

/// What the first sample of a series on a known target means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstSample {
    /// It counts: a `code="500"` child is born at its first failure.
    #[default]
    Count,
    /// It does not count.
    Ignore,
}

/// I, D and R of the generated rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleTiming {
    /// Evaluation interval I of the fast group.
    pub interval: Duration,
    /// Delay D: how far behind now the increments are read.
    pub delay: Duration,
    /// Look-back R for one sample: at least two scrapes and some slack.
    pub lookback: Duration,
}

impl Default for RuleTiming {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), delay: Duration::from_secs(30), lookback: Duration::from_mins(2) }
    }
}

/// How the alerts of an SLO behave.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerting {
    /// Bad events in the long window below which no burn-rate alert fires, at least 1.
    pub min_failures: u64,
    /// Window pairs that replace the usual four.
    pub windows: Option<Vec<WindowPair>>,
    /// What pages carry.
    pub page: AlertMeta,
    /// What tickets carry.
    pub ticket: AlertMeta,
    /// Where people read what to do, the annotation `runbook_url`.
    pub runbook: Option<url::Url>,
    /// What the file says of single alerts, on top of what it says of their severity. What it says of an alert of
    /// the whole service ([`Alert::is_of_service`]) stands in every SLO of the service.
    pub alerts: BTreeMap<Alert, AlertRule>,
    /// What alerts of the whole service carry: what the file says, whatever its SLOs say of themselves.
    pub of_service: ServiceAlerting,
}

/// What a file says of the alerts of its whole service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceAlerting {
    /// Labels of the file.
    pub labels: BTreeMap<LabelName, String>,
    /// What pages carry.
    pub page: AlertMeta,
    /// What tickets carry.
    pub ticket: AlertMeta,
    /// Where people read what to do.
    pub runbook: Option<url::Url>,
}

/// What the file says of all alerts of one severity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertMeta {
    /// The value of the label `severity`, which also stands among the labels if the file renames it.
    pub severity: String,
    /// The rest.
    pub options: AlertOptions,
}

/// What the file says of one alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertRule {
    /// Its name, if it has another than usual.
    pub name: Option<AlertName>,
    /// Whom it calls, if not whom it usually does.
    pub severity: Option<Severity>,
    /// The rest.
    pub options: AlertOptions,
}

/// What a file may say of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertOptions {
    /// Whether these alerts are left out.
    pub disable: bool,
    /// Labels.
    pub labels: BTreeMap<LabelName, String>,
    /// Annotations, which are Prometheus templates that Prometheus accepts.
    pub annotations: BTreeMap<LabelName, String>,
    /// How long the condition lasts before the alert fires, if not as long as usual.
    pub pending: Option<Duration>,
    /// How long the alert goes on firing after the condition ended.
    pub keep_firing_for: Option<Duration>,
}

/// Whom an alert calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Somebody, now.
    Page,
    /// Somebody, in working hours.
    Ticket,
}

/// One pair of windows of the file's `alerting.windows`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowPair {
    /// Whom it calls.
    pub severity: Severity,
    /// Long window L.
    pub long: Duration,
    /// Short window S.
    pub short: Duration,
    /// How fast is too fast.
    pub speed: BurnSpeed,
    /// Where the pair stands in the file.
    pub span: Span,
}

/// The threshold of a pair, as the file says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BurnSpeed {
    /// The burn-rate factor F.
    Factor(Decimal),
    /// The share c of the budget that the long window may spend, as a ratio.
    Budget(Decimal),
}

/// When deployments stop and go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The gate closes when this much or less remains.
    pub close_at: BudgetAmount,
    /// A closed gate opens when this much remains, or has come back.
    pub resume_at: BudgetAmount,
    /// Which of the two.
    pub resume: Resume,
    /// Whether a closed gate only says so and stops nobody.
    pub dry_run: bool,
    /// What an unknown SLO means.
    pub on_unknown: OnUnknown,
    /// Where `resume_at` stands, if the file sets it.
    pub resume_span: Option<Span>,
}

/// What `resume_at` is measured from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// From zero: the gate opens when that much remains.
    #[default]
    AtLevel,
    /// From the lowest point since the gate closed: it opens when that much has come back.
    FromTrough,
}

/// An amount of error budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetAmount {
    /// Time of full outage.
    Time(Duration),
    /// A share of the whole budget, as a ratio from 0 to 1.
    Share(Decimal),
}

/// What the gate answers while an SLO is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// The pipeline stops.
    #[default]
    Hold,
    /// The pipeline runs.
    Allow,
}

/// One probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The service it belongs to.
    pub service: Name,
    /// Its name, unique in the service.
    pub name: Name,
    /// Time between the starts of two runs.
    pub interval: Duration,
    /// Wall over everything a run does, at most the interval.
    pub timeout: Duration,
    /// What a run does.
    pub kind: ProbeKind,
    /// Where the probe's name stands.
    pub span: Span,
}

impl Probe {
    /// Whether it is the same probe as `other`, wherever in its file each of them stands.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let Self { service, name, interval, timeout, kind, span: _ } = self;
        (service, name, interval, timeout, kind)
            == (&other.service, &other.name, &other.interval, &other.timeout, &other.kind)
    }
}

/// What a run of a probe does.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeKind {
    /// One HTTP request.
    Http(Box<HttpProbe>),
    /// One TCP connection, and what is said over it.
    Tcp(Box<TcpProbe>),
    /// One TLS handshake.
    Tls(Box<TlsProbe>),
    /// One DNS query.
    Dns(Box<DnsProbe>),
    /// One ICMP echo.
    Icmp(Box<IcmpProbe>),
    /// One gRPC health check.
    Grpc(Box<GrpcProbe>),
    /// Steps that run a command or a request, one after another.
    Journey(Box<Journey>),
}

impl ProbeKind {
    /// The key under which a file has it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Dns(_) => "dns",
            Self::Icmp(_) => "icmp",
            Self::Grpc(_) => "grpc",
            Self::Journey(_) => "journey",
        }
    }
}

/// Where a secret is kept. The value itself is read when it is used and never stored here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretSource {
    /// An environment variable of the probe service.
    Env(String),
    /// A file, whose last line break does not count.
    File(PathBuf),
}
