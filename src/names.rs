//! Every metric, recording rule, alert and label name that leaves the program, once.
//!
//! The exporter, the rules, the dashboards and the docs read them from here, and nobody spells one out
//! elsewhere. Where a meaning is the same, the names are those of the field (sloth's), so that existing
//! dashboards go on working. This module holds names and their documentation and no behaviour.

use crate::units::Duration;

/// A metric of the probe service, as it stands on `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Runs that had a verdict.
    ProbeAttempts,
    /// Runs that succeeded.
    ProbeSuccesses,
    /// Runs that failed, by reason.
    ProbeFailures,
    /// Runs that did not happen or do not count, by reason.
    ProbeSkipped,
    /// How long runs took.
    ProbeDuration,
    /// The timeout of the probe.
    ProbeTimeout,
    /// How long each phase of the last run took.
    ProbePhaseDuration,
    /// Whether the last run succeeded.
    ProbeSuccess,
    /// When the last run ended.
    ProbeLastRun,
    /// When the first certificate of the presented chain ends.
    ProbeTlsNotAfter,
    /// Whether a reference target of a service's uplink answers.
    UplinkUp,
    /// Journey steps that were started.
    StepAttempts,
    /// Journey steps that succeeded.
    StepSuccesses,
    /// Journey steps that failed, by reason.
    StepFailures,
    /// Journey steps that an earlier failure kept from starting.
    StepNotReached,
    /// How long each step of the last run took.
    StepDuration,
    /// Until when the gate of an SLO is overridden.
    GateOverrideUntil,
    /// What was spent of an error budget but does not count.
    CorrectedSeconds,
    /// Version and platform of the running binary.
    BuildInfo,
    /// Whether the last reload of the file succeeded.
    ConfigReloadSuccessful,
    /// When the file was last loaded with success.
    ConfigReloadSuccessTimestamp,
    /// Writes to the embedded history that failed.
    StorageErrors,
    /// Damaged files of the embedded history that were set aside.
    StorageSetAside,
    /// Minutes that were forgotten because they could not be written for too long.
    StorageForgotten,
    /// Whether the counts that are shown are not kept yet.
    StorageUncommitted,
    /// The size of the embedded history.
    StorageSize,
}

impl Metric {
    /// Every metric, in the order in which the reference lists them.
    pub const ALL: [Self; 26] = [
        Self::ProbeAttempts,
        Self::ProbeSuccesses,
        Self::ProbeFailures,
        Self::ProbeSkipped,
        Self::ProbeDuration,
        Self::ProbeTimeout,
        Self::ProbePhaseDuration,
        Self::ProbeSuccess,
        Self::ProbeLastRun,
        Self::ProbeTlsNotAfter,
        Self::UplinkUp,
        Self::StepAttempts,
        Self::StepSuccesses,
        Self::StepFailures,
        Self::StepNotReached,
        Self::StepDuration,
        Self::GateOverrideUntil,
        Self::CorrectedSeconds,
        Self::BuildInfo,
        Self::ConfigReloadSuccessful,
        Self::ConfigReloadSuccessTimestamp,
        Self::StorageErrors,
        Self::StorageSetAside,
        Self::StorageForgotten,
        Self::StorageUncommitted,
        Self::StorageSize,
    ];

    /// The full name, with the suffix that Prometheus stores (`_total` for counters).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProbeAttempts => "slo_probe_attempts_total",
            Self::ProbeSuccesses => "slo_probe_successes_total",
            Self::ProbeFailures => "slo_probe_failures_total",
            Self::ProbeSkipped => "slo_probe_skipped_total",
            Self::ProbeDuration => "slo_probe_duration_seconds",
            Self::ProbeTimeout => "slo_probe_timeout_seconds",
            Self::ProbePhaseDuration => "slo_probe_phase_duration_seconds",
            Self::ProbeSuccess => "slo_probe_success",
            Self::ProbeLastRun => "slo_probe_last_run_timestamp_seconds",
            Self::ProbeTlsNotAfter => "slo_probe_tls_not_after_timestamp_seconds",
            Self::UplinkUp => "slo_probe_uplink_up",
            Self::StepAttempts => "slo_journey_step_attempts_total",
            Self::StepSuccesses => "slo_journey_step_successes_total",
            Self::StepFailures => "slo_journey_step_failures_total",
            Self::StepNotReached => "slo_journey_step_not_reached_total",
            Self::StepDuration => "slo_journey_step_duration_seconds",
            Self::GateOverrideUntil => "slo_deploy_gate_override_until_timestamp_seconds",
            Self::CorrectedSeconds => "slo_error_budget_corrected_seconds",
            Self::BuildInfo => "burndown_build_info",
            Self::ConfigReloadSuccessful => "burndown_config_last_reload_successful",
            Self::ConfigReloadSuccessTimestamp => "burndown_config_last_reload_success_timestamp_seconds",
            Self::StorageErrors => "burndown_storage_errors_total",
            Self::StorageSetAside => "burndown_storage_set_aside_total",
            Self::StorageForgotten => "burndown_storage_forgotten_minutes_total",
            Self::StorageUncommitted => "burndown_storage_uncommitted",
            Self::StorageSize => "burndown_storage_size_bytes",
        }
    }

    /// What the metric counts, as its `# HELP` line says it.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::ProbeAttempts => "Probe runs that ended with a verdict; always successes plus failures",
            Self::ProbeSuccesses => "Probe runs that met every expectation",
            Self::ProbeFailures => "Probe runs that failed, by reason",
            Self::ProbeSkipped => "Probe runs that did not take place or do not count, by reason",
            Self::ProbeDuration => "Duration of probe runs in seconds",
            Self::ProbeTimeout => "Timeout of the probe in seconds",
            Self::ProbePhaseDuration => "Duration of each phase of the last run in seconds",
            Self::ProbeSuccess => "Whether the last run succeeded (1) or failed (0)",
            Self::ProbeLastRun => "Unix time at which the last run ended",
            Self::ProbeTlsNotAfter => "Unix time at which the earliest certificate of the last presented chain expires",
            Self::UplinkUp => "Whether the prober of the service is connected (1) or no reference target answers (0)",
            Self::StepAttempts => "Journey steps that were started",
            Self::StepSuccesses => "Journey steps that succeeded",
            Self::StepFailures => "Journey steps that failed, by reason",
            Self::StepNotReached => "Journey steps that an earlier failure kept from starting",
            Self::StepDuration => "Duration of each step of the last run in seconds",
            Self::GateOverrideUntil => {
                "Unix time until which the deployment gate of the SLO is overridden, 0 if it is not"
            }
            Self::CorrectedSeconds => {
                "Error budget in seconds that was spent in the window but does not count, by corrections and maintenance"
            }
            Self::BuildInfo => "Version and platform of the running binary; the value is always 1",
            Self::ConfigReloadSuccessful => "Whether the last reload of the SLO files succeeded (1) or failed (0)",
            Self::ConfigReloadSuccessTimestamp => "Unix time of the last successful load of the SLO files",
            Self::StorageErrors => "Writes to the embedded history that failed",
            Self::StorageSetAside => "Damaged files of the embedded history that were set aside",
            Self::StorageForgotten => "Minutes of a probe that were forgotten because the disk failed for too long",
            Self::StorageUncommitted => {
                "Whether the counts shown are not in the embedded history yet, because the disk fails (1)"
            }
            Self::StorageSize => "Size of the files of the embedded history in bytes",
        }
    }
}

/// Labels that the probe service and the rules set.
pub mod label {
    /// The service of the SLO file. A plain `service` would collide with target labels.
    pub const SERVICE: &str = "slo_service";
    /// The SLO of a recorded series or alert.
    pub const SLO: &str = "slo";
    /// The probe of a metric of the probe service.
    pub const PROBE: &str = "probe";
    /// Where the probe service runs.
    pub const LOCATION: &str = "location";
    /// Why a run or step failed or was skipped.
    pub const REASON: &str = "reason";
    /// The reason of a run that was skipped because the one before had not ended.
    pub const REASON_OVERRUN: &str = "overrun";
    /// The phase of a run.
    pub const PHASE: &str = "phase";
    /// The step of a journey.
    pub const STEP: &str = "step";
    /// Page or ticket, on alerts.
    pub const SEVERITY: &str = "severity";
    /// The long window of a burn-rate alert.
    pub const LONG_WINDOW: &str = "long_window";
    /// The short window of a burn-rate alert.
    pub const SHORT_WINDOW: &str = "short_window";
    /// The objective in percent, on `slo_info`.
    pub const OBJECTIVE: &str = "objective";
    /// The SLO window, on `slo_info`.
    pub const WINDOW: &str = "window";
    /// The file's words for the SLO, on `slo_info`.
    pub const DESCRIPTION: &str = "description";
    /// The name of an alert, set by Prometheus.
    pub const ALERTNAME: &str = "alertname";
    /// Whether an alert waits or fires, set by Prometheus.
    pub const ALERTSTATE: &str = "alertstate";
    /// The upper bound of a histogram bucket.
    pub const LE: &str = "le";
    /// The scrape job of a series, set by Prometheus.
    pub const JOB: &str = "job";
    /// The scraped target of a series, set by Prometheus.
    pub const INSTANCE: &str = "instance";

    /// What a label of a group begins with on the metrics of the probe service, which would collide with target labels
    /// otherwise: a group by `instance` is not the instance that was scraped.
    pub const GROUP: &str = "slo_group_";

    /// Labels that the rules set themselves, and that a file may therefore neither set nor group by.
    pub const RESERVED: [&str; 7] = [SERVICE, SLO, SEVERITY, LONG_WINDOW, SHORT_WINDOW, ALERTNAME, LE];
}

/// The series that Prometheus writes of every alert that waits or fires.
pub const ALERTS: &str = "ALERTS";

/// What the name of every error ratio begins with; its window follows.
pub const ERROR_RATIO: &str = "slo:sli_error:ratio_rate";

/// A recorded series, as the generated rules write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Record {
    /// Events since the last evaluation.
    TotalIncrease,
    /// Bad events since the last evaluation.
    BadIncrease,
    /// Events since the last evaluation, of an SLO that is budgeted by time slices.
    EventsTotal,
    /// Bad events since the last evaluation, of an SLO that is budgeted by time slices.
    EventsBad,
    /// Events of the last five minutes.
    TotalIncrease5m,
    /// Bad events of the last five minutes.
    BadIncrease5m,
    /// Bad events in the long window of a pair.
    BadSum(Duration),
    /// Bad over total in a window.
    ErrorRatio(Duration),
    /// The objective as a ratio.
    Objective,
    /// 1 − objective.
    ErrorBudgetRatio,
    /// The window in days.
    PeriodDays,
    /// The error budget of the window in seconds.
    ErrorBudgetSeconds,
    /// What is left of the error budget of the window, in seconds.
    RemainingSeconds,
    /// What is left of the error budget of the window, as a share of it.
    RemainingRatio,
    /// What was spent of it but does not count, in seconds; only where that is anything.
    CorrectedSeconds,
    /// What is left of it with that given back, in seconds.
    NetRemainingSeconds,
    /// Burn rate over the shortest window of the SLO.
    CurrentBurnRate,
    /// Burn rate over the whole window.
    PeriodBurnRate,
    /// When a slice was last observed, in seconds of Unix time; there is a sample for every observed slice.
    ObservedAt,
    /// Observed time in the window, in seconds.
    ObservedSeconds,
    /// Observed time over expected time.
    Coverage,
    /// The burn rate above which a pair alerts; one for each pair, by its windows and severity.
    BurnRateThreshold,
    /// The gate closes at or below this much budget, in seconds.
    GateCloseAt,
    /// A closed gate opens at this much budget, in seconds.
    GateResumeAt,
    /// The least that remained since the gate closed, in seconds, where the gate opens from there.
    GateTrough,
    /// State of the gate's latch.
    GateLatch,
    /// Until when the gate is overridden, in seconds of Unix time; only while it is.
    GateOverrideUntil,
    /// The gate's answer.
    GateOpen,
    /// Metadata of the SLO; always 1.
    Info,
}

impl Record {
    /// Every fixed series; [`Record::ErrorRatio`] and [`Record::BadSum`] stand for one per window.
    pub const FIXED: [Self; 27] = [
        Self::TotalIncrease,
        Self::BadIncrease,
        Self::EventsTotal,
        Self::EventsBad,
        Self::TotalIncrease5m,
        Self::BadIncrease5m,
        Self::Objective,
        Self::ErrorBudgetRatio,
        Self::PeriodDays,
        Self::ErrorBudgetSeconds,
        Self::RemainingSeconds,
        Self::RemainingRatio,
        Self::CorrectedSeconds,
        Self::NetRemainingSeconds,
        Self::CurrentBurnRate,
        Self::PeriodBurnRate,
        Self::ObservedAt,
        Self::ObservedSeconds,
        Self::Coverage,
        Self::BurnRateThreshold,
        Self::GateCloseAt,
        Self::GateResumeAt,
        Self::GateTrough,
        Self::GateLatch,
        Self::GateOverrideUntil,
        Self::GateOpen,
        Self::Info,
    ];

    /// The name of the series.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::TotalIncrease => "slo:sli_total:increase".to_owned(),
            Self::BadIncrease => "slo:sli_bad:increase".to_owned(),
            Self::EventsTotal => "slo:sli_events_total:increase".to_owned(),
            Self::EventsBad => "slo:sli_events_bad:increase".to_owned(),
            Self::TotalIncrease5m => "slo:sli_total:increase5m".to_owned(),
            Self::BadIncrease5m => "slo:sli_bad:increase5m".to_owned(),
            Self::BadSum(window) => format!("slo:sli_bad:sum{window}"),
            Self::ErrorRatio(window) => format!("{ERROR_RATIO}{window}"),
            Self::Objective => "slo:objective:ratio".to_owned(),
            Self::ErrorBudgetRatio => "slo:error_budget:ratio".to_owned(),
            Self::PeriodDays => "slo:time_period:days".to_owned(),
            Self::ErrorBudgetSeconds => "slo:error_budget:seconds".to_owned(),
            Self::RemainingSeconds => "slo:error_budget_remaining:seconds".to_owned(),
            Self::RemainingRatio => "slo:period_error_budget_remaining:ratio".to_owned(),
            Self::CorrectedSeconds => "slo:error_budget_corrected:seconds".to_owned(),
            Self::NetRemainingSeconds => "slo:error_budget_net_remaining:seconds".to_owned(),
            Self::CurrentBurnRate => "slo:current_burn_rate:ratio".to_owned(),
            Self::PeriodBurnRate => "slo:period_burn_rate:ratio".to_owned(),
            Self::ObservedAt => "slo:sli_observed:timestamp_seconds".to_owned(),
            Self::ObservedSeconds => "slo:sli_observed:seconds".to_owned(),
            Self::Coverage => "slo:coverage:ratio".to_owned(),
            Self::BurnRateThreshold => "slo:burn_rate_threshold:ratio".to_owned(),
            Self::GateCloseAt => "slo:deploy_gate_close_at:seconds".to_owned(),
            Self::GateResumeAt => "slo:deploy_gate_resume_at:seconds".to_owned(),
            Self::GateTrough => "slo:deploy_gate_trough:seconds".to_owned(),
            Self::GateLatch => "slo:deploy_gate_latch:open".to_owned(),
            Self::GateOverrideUntil => "slo:deploy_gate_override_until:timestamp_seconds".to_owned(),
            Self::GateOpen => "slo:deploy_gate:open".to_owned(),
            Self::Info => "slo_info".to_owned(),
        }
    }
}

/// An alert of the generated rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alert {
    /// A window pair burns faster than its factor.
    ErrorBudgetBurn,
    /// Nothing is left of the budget.
    ErrorBudgetExhausted,
    /// The series of an SLO, or of one of its groups, vanished or never came.
    SliDataMissing,
    /// Prometheus fails to evaluate the generated rules, or misses iterations.
    SloRulesFailing,
    /// The gate closed.
    DeployGateClosed,
    /// Always fires, so that a broken path from Prometheus to people is noticed.
    Watchdog,
    /// The probe service is not scraped.
    ProberDown,
    /// Runs of a probe were skipped, since the one before had not ended.
    ProbeOverrun,
    /// A certificate of a probed server ends soon.
    CertificateExpiring,
}

impl Alert {
    /// Every alert.
    pub const ALL: [Self; 9] = [
        Self::ErrorBudgetBurn,
        Self::ErrorBudgetExhausted,
        Self::SliDataMissing,
        Self::SloRulesFailing,
        Self::DeployGateClosed,
        Self::Watchdog,
        Self::ProberDown,
        Self::ProbeOverrun,
        Self::CertificateExpiring,
    ];

    /// The name of the alert, as `alertname` carries it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ErrorBudgetBurn => "ErrorBudgetBurn",
            Self::ErrorBudgetExhausted => "ErrorBudgetExhausted",
            Self::SliDataMissing => "SLIDataMissing",
            Self::SloRulesFailing => "SLORulesFailing",
            Self::DeployGateClosed => "DeployGateClosed",
            Self::Watchdog => "Watchdog",
            Self::ProberDown => "ProberDown",
            Self::ProbeOverrun => "ProbeOverrun",
            Self::CertificateExpiring => "CertificateExpiring",
        }
    }

    /// Whether a service has one of it, rather than each SLO.
    #[must_use]
    pub const fn is_of_service(self) -> bool {
        match self {
            Self::ErrorBudgetBurn | Self::ErrorBudgetExhausted | Self::SliDataMissing | Self::DeployGateClosed => false,
            Self::SloRulesFailing
            | Self::Watchdog
            | Self::ProberDown
            | Self::ProbeOverrun
            | Self::CertificateExpiring => true,
        }
    }
}

/// A metric of the process itself, under the names that every Prometheus client library gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessMetric {
    /// Processor time.
    CpuSeconds,
    /// Memory that is in use.
    ResidentMemory,
    /// Address space.
    VirtualMemory,
    /// Open descriptors.
    OpenFds,
    /// How many descriptors there may be.
    MaxFds,
    /// Threads of the operating system.
    Threads,
    /// When the process started.
    StartTime,
}

impl ProcessMetric {
    /// The full name, with the suffix that Prometheus stores (`_total` for the counter).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CpuSeconds => "process_cpu_seconds_total",
            Self::ResidentMemory => "process_resident_memory_bytes",
            Self::VirtualMemory => "process_virtual_memory_bytes",
            Self::OpenFds => "process_open_fds",
            Self::MaxFds => "process_max_fds",
            Self::Threads => "process_threads",
            Self::StartTime => "process_start_time_seconds",
        }
    }

    /// What the metric counts, as its `# HELP` line says it.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::CpuSeconds => "User and system processor time spent in seconds",
            Self::ResidentMemory => "Resident memory size in bytes",
            Self::VirtualMemory => "Virtual memory size in bytes",
            Self::OpenFds => "Number of open file descriptors",
            Self::MaxFds => "Maximum number of open file descriptors",
            Self::Threads => "Number of operating system threads",
            Self::StartTime => "Unix time at which the process started",
        }
    }
}
