//! What a plan shows that its author should know: pairs that cannot fire, windows that were raised, what one
//! failure does.

use rust_decimal::Decimal;

use super::meaning::{Alerted, Meaning};
use super::plan::SloPlan;
use super::window::{Change, Pair, SLICE, Tier};
use crate::diag::{Code, Diagnostic, Span};
use crate::promql::WithoutData;
use crate::spec::model::{Resume, Severity, Sli, Slo};
use crate::units::Duration;

/// At most this many evaluations in one window: promtool stops at 10,000 samples a query, and a rule that reads
/// more at every evaluation is dear.
const MOST_EVALUATIONS: u64 = 5_000;

/// One thing to say about a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// No page pair survived.
    NoPagePair {
        /// The longest short window that was needed and did not fit.
        needed: Option<Duration>,
    },
    /// A pair was left out.
    PairDropped {
        /// Whom it would have called.
        severity: Severity,
        /// Its long window.
        long: Duration,
        /// The short window that it would need.
        short: Duration,
    },
    /// A pair was changed.
    Changed {
        /// The pair as it is now.
        pair: Pair,
        /// What changed.
        change: Change,
    },
    /// `resume_at` is more than the budget.
    ResumeBeyondBudget {
        /// `resume_at` in seconds.
        resume_at: Decimal,
        /// The budget in seconds.
        budget: Decimal,
    },
    /// `resume_at` is below `close_at`.
    ResumeBelowClose {
        /// `resume_at` in seconds.
        resume_at: Decimal,
        /// `close_at` in seconds.
        close_at: Decimal,
    },
    /// One failed run raises an alert.
    SingleFailureAlerts {
        /// The first pair that it trips.
        pair: Pair,
    },
    /// The total of a query has a value without any data, so that the SLO is never unknown.
    NeverUnknown,
    /// The bad events of a query have a value without any data, so that no proof can feed them.
    NotProved,
    /// A window holds too many evaluations.
    TooManyEvaluations {
        /// The window.
        window: Duration,
        /// The shortest interval that fits.
        interval: Duration,
    },
}

/// Everything there is to say about a plan, in the order of the file.
#[must_use]
pub fn of(plan: &SloPlan) -> Vec<Finding> {
    let mut findings = Vec::new();
    evaluations(plan, &mut findings);
    gate(plan, &mut findings);
    pairs(plan, &mut findings);
    single_failure(plan, &mut findings);
    without_data(plan, &mut findings);
    // Pairs that a short window shrinks onto each other are dropped as one.
    findings.dedup();
    findings
}

fn evaluations(plan: &SloPlan, findings: &mut Vec<Finding>) {
    if let Some(longest) = plan.ratio_windows(Tier::Fast).last().copied()
        && longest.count_of(plan.slo.rules.interval) > MOST_EVALUATIONS
    {
        let least = Duration::from_millis(longest.as_millis().div_ceil(MOST_EVALUATIONS));
        findings.push(Finding::TooManyEvaluations { window: longest, interval: least.ceil_to(Duration::from_secs(1)) });
    }
}

fn gate(plan: &SloPlan, findings: &mut Vec<Finding>) {
    if plan.resume_at > plan.budget_seconds {
        findings.push(Finding::ResumeBeyondBudget { resume_at: plan.resume_at, budget: plan.budget_seconds });
    }
    if plan.slo.gate.resume == Resume::AtLevel && plan.resume_at < plan.close_at {
        findings.push(Finding::ResumeBelowClose { resume_at: plan.resume_at, close_at: plan.close_at });
    }
}

fn pairs(plan: &SloPlan, findings: &mut Vec<Finding>) {
    for pair in &plan.pairs {
        findings
            .extend(pair.changes.iter().map(|change| Finding::Changed { pair: pair.clone(), change: change.clone() }));
    }
    for dropped in &plan.dropped {
        findings.push(Finding::PairDropped { severity: dropped.severity, long: dropped.long, short: dropped.short });
    }
    if plan.enabled(Severity::Page) && !plan.pairs.iter().any(|pair| pair.severity == Severity::Page) {
        let pages = plan.dropped.iter().filter(|pair| pair.severity == Severity::Page);
        findings.push(Finding::NoPagePair { needed: pages.map(|pair| pair.short).min() });
    }
}

fn single_failure(plan: &SloPlan, findings: &mut Vec<Finding>) {
    if plan.slo.sli.probe_interval().is_none() {
        return;
    }
    if let Alerted::By(pair) = Meaning::of(plan).failure_alerts {
        findings.push(Finding::SingleFailureAlerts { pair });
    }
}

fn without_data(plan: &SloPlan, findings: &mut Vec<Finding>) {
    match &plan.slo.sli {
        Sli::Query { total, .. } if total.without_data() == WithoutData::Value => findings.push(Finding::NeverUnknown),
        _ if !plan.is_provable() => findings.push(Finding::NotProved),
        _ => {}
    }
}

impl Finding {
    /// The finding as a diagnostic of the file that holds `slo`.
    #[must_use]
    pub fn diagnostic(&self, slo: &Slo) -> Diagnostic {
        let name = &slo.name;
        let windows = slo.alerting_span.unwrap_or(slo.window_span);
        match self {
            Self::NoPagePair { needed } => no_page_pair(slo, windows, *needed),
            Self::PairDropped { severity, long, short } => {
                let message =
                    format!("the {} pair with long window {long} of SLO `{name}` is left out", word(*severity));
                Diagnostic::new(Code::PairDropped, message)
                    .at(windows, format!("its short window would have to be {short}, which is no shorter"))
            }
            Self::Changed { pair, change } => changed(slo, windows, pair, change),
            Self::ResumeBeyondBudget { resume_at, budget } => resume_beyond_budget(slo, *resume_at, *budget),
            Self::ResumeBelowClose { resume_at, close_at } => {
                let message = format!(
                    "the gate of SLO `{name}` would open at {} and close at {}",
                    minutes(*resume_at),
                    minutes(*close_at)
                );
                Diagnostic::new(Code::ResumeBelowClose, message)
                    .at(slo.gate.resume_span.unwrap_or(slo.span), "below `close_at`")
                    .help("set `resume_at` to at least `close_at`, so that the gate does not flap")
            }
            Self::SingleFailureAlerts { pair } => {
                let message = format!("a single failed run of SLO `{name}` raises a {}", word(pair.severity));
                Diagnostic::new(Code::SingleFailureAlerts, message)
                    .at(slo.alerting_span.unwrap_or(slo.span), format!("trips the {} / {} pair", pair.long, pair.short))
                    .help("set `alerting.min_failures` to 2 or more, or run the probe more often")
            }
            Self::NeverUnknown => {
                let message = format!("SLO `{name}` is never unknown: its `total` has a value even without any data");
                Diagnostic::new(Code::NeverUnknown, message)
                    .at(slo.span, "missing data count as what the query says, and no proof is generated")
                    .help("let `total` give nothing where its series are missing; `or vector(0)` may stand where some of them are")
            }
            Self::NotProved => {
                let message =
                    format!("no proof of SLO `{name}` is generated: its `bad` has a value even without any data");
                Diagnostic::new(Code::NotProved, message)
                    .at(slo.span, "what a proof feeds would meet what the query says")
                    .help("where nothing is bad, `bad` may give nothing or 0, as with `or vector(0)`")
            }
            Self::TooManyEvaluations { window, interval } => {
                let message =
                    format!("the window {window} of SLO `{name}` holds more than {MOST_EVALUATIONS} evaluations");
                Diagnostic::new(Code::TooManyEvaluations, message)
                    .at(windows, format!("evaluated every {}", slo.rules.interval))
                    .help(format!("set `rules.interval` to {interval} or more, or use shorter windows"))
            }
        }
    }
}

fn no_page_pair(slo: &Slo, windows: Span, needed: Option<Duration>) -> Diagnostic {
    let message = format!("no page pair of SLO `{}` can fire, so nobody would be called", slo.name);
    let label = match needed {
        Some(short) => format!("the window {} has no room for a short window of {short}", slo.window),
        None => "no pair has severity `page`".to_owned(),
    };
    Diagnostic::new(Code::NoPagePair, message).at(windows, label).help(
        "use a longer `window`, a shorter `rules.interval` or probe interval, set `alerting.windows`, or set \
         `alerting.page.disable: true`",
    )
}

fn changed(slo: &Slo, windows: Span, pair: &Pair, change: &Change) -> Diagnostic {
    let name = &slo.name;
    let Pair { long, short, .. } = pair;
    match change {
        Change::RaisedToEvaluations { from } => {
            let message = format!("the short window of the {long} / {from} pair of SLO `{name}` is raised to {short}");
            let label = format!("three evaluations, one every {}", pair.tier().interval(slo.rules.interval));
            Diagnostic::new(Code::ShortWindowRaised, message).at(windows, label)
        }
        Change::RaisedToRuns { from } => {
            let message = format!("the short window of the {long} / {from} pair of SLO `{name}` is raised to {short}");
            let every = slo.sli.probe_interval().unwrap_or(SLICE);
            Diagnostic::new(Code::ShortWindowRaised, message)
                .at(slo.span, format!("three probe runs, one every {every}"))
        }
        Change::FactorLowered { from } => {
            let factor = pair.factor.round_dp(4).normalize();
            let message =
                format!("the factor {from} of the {long} / {short} pair of SLO `{name}` is lowered to {factor}");
            let label = format!("at {} % even a full outage burns only {} times as fast", slo.objective, fastest(slo));
            Diagnostic::new(Code::FactorLowered, message).at(slo.objective_span, label)
        }
    }
}

fn resume_beyond_budget(slo: &Slo, resume_at: Decimal, budget: Decimal) -> Diagnostic {
    let message = format!("the gate of SLO `{}` could never open again", slo.name);
    Diagnostic::new(Code::ResumeBeyondBudget, message)
        .at(
            slo.gate.resume_span.unwrap_or(slo.objective_span),
            format!("{} is more than the whole budget of {}", minutes(resume_at), minutes(budget)),
        )
        .help("write `resume_at` as a share of the budget, such as `25%`")
}

/// 1/b, the burn rate of a full outage.
fn fastest(slo: &Slo) -> Decimal {
    (Decimal::ONE / slo.objective.error_budget()).round_dp(2).normalize()
}

/// Seconds of budget as people say them.
fn minutes(seconds: Decimal) -> String {
    format!("{} minutes", (seconds / Decimal::from(60)).round_dp(2).normalize())
}

/// The word for a severity.
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Page => "page",
        Severity::Ticket => "ticket",
    }
}
