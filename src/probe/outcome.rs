//! What a run found: a verdict with its reason, and how long each phase took.
//!
//! A failed probe is data, never an error. The reasons are a closed set, the same in metric, log, API and
//! command line.

use std::time::Duration;

use super::excerpt::Excerpt;

/// Where in a run time was spent or a failure happened, in the order of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Turning a name into addresses.
    Resolve,
    /// Opening the connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the request's first byte to the answer's first byte.
    Processing,
    /// From the answer's first byte to its last.
    Transfer,
}

impl Phase {
    /// Every phase, in the order of a run.
    pub const ALL: [Self; 5] = [Self::Resolve, Self::Connect, Self::Tls, Self::Processing, Self::Transfer];

    /// The value of the label `phase`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Processing => "processing",
            Self::Transfer => "transfer",
        }
    }
}

/// How long each phase of a run took; a phase that was not reached took no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases([Duration; 5]);

impl Phases {
    /// Adds `spent` to a phase: a redirect passes through each phase again.
    pub fn add(&mut self, phase: Phase, spent: Duration) {
        if let Some(slot) = self.0.get_mut(phase as usize) {
            *slot += spent;
        }
    }

    /// Time spent in a phase.
    #[must_use]
    pub fn get(&self, phase: Phase) -> Duration {
        self.0.get(phase as usize).copied().unwrap_or_default()
    }
}

/// Why a run failed. The target's doing, never the prober's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The name has no address.
    Resolve,
    /// No connection: refused, reset or unreachable.
    Connect,
    /// The TLS handshake failed, or TLS was used or not used against what is expected.
    Tls,
    /// No credentials could be had: the server that gives out tokens failed or refused.
    Auth,
    /// The run hit its wall.
    Timeout,
    /// A redirect could not be followed: too many, or to a place where the request must not go.
    Redirect,
    /// The answer's status is not among the expected.
    Status,
    /// The version of HTTP is not among the expected.
    HttpVersion,
    /// A header is not as expected.
    Header,
    /// The body is not as expected.
    Body,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// Everything was right but it took longer than `within`.
    TooSlow,
    /// The peer broke the protocol, or closed the connection in the middle of it.
    Protocol,
    /// The certificates are good, but not for as long as wanted.
    Expiry,
    /// The response code of DNS is not among the expected.
    Rcode,
    /// What the target answered is not as expected.
    Answer,
    /// A health check was answered, but not with SERVING.
    NotServing,
    /// A command ended with a code other than 0.
    ExitCode,
    /// A command was ended by a signal.
    Signal,
    /// What a later step needs was not in an answer or output, or cannot stand where the file wants it.
    Capture,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 20] = [
        Self::Resolve,
        Self::Connect,
        Self::Tls,
        Self::Auth,
        Self::Timeout,
        Self::Redirect,
        Self::Status,
        Self::HttpVersion,
        Self::Header,
        Self::Body,
        Self::BodyTooLarge,
        Self::TooSlow,
        Self::Protocol,
        Self::Expiry,
        Self::Rcode,
        Self::Answer,
        Self::NotServing,
        Self::ExitCode,
        Self::Signal,
        Self::Capture,
    ];

    /// The value of the label `reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Timeout => "timeout",
            Self::Redirect => "redirect",
            Self::Status => "status",
            Self::HttpVersion => "http_version",
            Self::Header => "header",
            Self::Body => "body",
            Self::BodyTooLarge => "body_too_large",
            Self::TooSlow => "too_slow",
            Self::Protocol => "protocol",
            Self::Expiry => "expiry",
            Self::Rcode => "rcode",
            Self::Answer => "answer",
            Self::NotServing => "not_serving",
            Self::ExitCode => "exit_code",
            Self::Signal => "signal",
            Self::Capture => "capture",
        }
    }
}

/// Why a run does not count. The prober's doing, never the target's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// The previous run was still going.
    Overrun,
    /// The prober itself could not do its work: no descriptor left, a secret missing.
    Internal,
    /// The run failed while no reference target of the service's `uplink` answered either.
    Uplink,
}

impl SkipReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Overrun, Self::Internal, Self::Uplink];

    /// The value of the label `reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overrun => crate::names::label::REASON_OVERRUN,
            Self::Internal => "internal",
            Self::Uplink => "uplink",
        }
    }
}

/// The verdict of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every expectation was met.
    Success,
    /// The target failed.
    Failed {
        /// The reason, as every surface names it.
        reason: Reason,
        /// What exactly was found, for people; never holds a secret or a body.
        detail: String,
    },
    /// The prober failed; the run does not count.
    Skipped {
        /// The reason, as every surface names it.
        reason: SkipReason,
        /// What exactly went wrong.
        detail: String,
    },
}

/// Everything that is known of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict with its reason.
    pub verdict: Verdict,
    /// How long the whole run took.
    pub duration: Duration,
    /// How long each phase took.
    pub phases: Phases,
    /// When the first certificate of the presented chain ends, in seconds of Unix time.
    pub tls_not_after: Option<i64>,
    /// The hosts that redirects led to, in order; empty for a journey.
    pub redirects: Vec<String>,
    /// The steps of a journey, in order; empty for every other kind.
    pub steps: Vec<StepOutcome>,
    /// What the target said where it failed an expectation of its body, or a command where it failed, if that was
    /// asked for. It belongs where somebody asks for it, never in a log.
    pub excerpt: Option<Excerpt>,
}

impl Outcome {
    /// A run or step of this verdict that took no time and found nothing else.
    #[must_use]
    pub fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            duration: Duration::ZERO,
            phases: Phases::default(),
            tls_not_after: None,
            redirects: Vec::new(),
            steps: Vec::new(),
            excerpt: None,
        }
    }

    /// The steps for which a run failed; none of one that did not.
    pub fn failed_steps(&self) -> impl Iterator<Item = &crate::units::Name> {
        let counts = matches!(self.verdict, Verdict::Failed { .. });
        let failed = self.steps.iter().filter(|step| matches!(step.verdict, Some(Verdict::Failed { .. })));
        failed.filter(move |_| counts).map(|step| &step.name)
    }
}

/// A part of the cleanup behind a journey that failed. It changes no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanupFailure {
    /// What failed, and why in one word.
    pub part: CleanupPart,
    /// What exactly went wrong.
    pub detail: String,
}

/// A part of a cleanup, and the reason for which it failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CleanupPart {
    /// A step, with the reason as every surface names it.
    Step(crate::units::Name, &'static str),
    /// The directory of the run, which is still there.
    Directory,
}

/// What became of one step of a journey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutcome {
    /// The step's name.
    pub name: crate::units::Name,
    /// Its verdict, or nothing if an earlier step failed.
    pub verdict: Option<Verdict>,
    /// How long it took.
    pub duration: Duration,
}
