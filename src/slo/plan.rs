//! The plan: what an SLO means in windows, thresholds and seconds, before any text is written.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::change::Need;
use super::findings::{self, Finding};
use super::window::{self, Dropped, Pair, Tier};
use super::{alerting, budget};
use crate::diag::Diagnostic;
use crate::names::Alert;
use crate::promql::WithoutData;
use crate::spec::model::{BudgetAmount, Budgeting, Change, Fleet, Service, Severity, Sli, Slo, WorkingHours};
use crate::units::{Duration, Name};

/// The plans of all SLOs, by service and SLO in order of their names.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Services with the plans of their SLOs.
    pub services: BTreeMap<Name, BTreeMap<Name, SloPlan>>,
    /// Services with what they say of planned changes.
    pub calendars: BTreeMap<Name, Calendar>,
}

/// What a service says of planned changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calendar {
    /// The changes by name, with what each needs.
    pub changes: BTreeMap<Name, Need>,
    /// When people are at work; without it a change may run at any time.
    pub hours: Option<WorkingHours>,
}

/// The plan of one SLO.
#[derive(Clone, Debug)]
pub struct SloPlan {
    /// The SLO as the file says it.
    pub slo: Slo,
    /// The pairs that can fire, in the order of the file or of the usual table.
    pub pairs: Vec<Pair>,
    /// The pairs that were left out.
    pub dropped: Vec<Dropped>,
    /// The error budget b as a ratio.
    pub error_budget: Decimal,
    /// The whole budget in seconds.
    pub budget_seconds: Decimal,
    /// The gate closes at or below this many seconds.
    pub close_at: Decimal,
    /// The gate opens at or above this many seconds.
    pub resume_at: Decimal,
}

impl Plan {
    /// Plans a fleet, and says what there is to say about it.
    ///
    /// The plan can be used if none of the diagnostics is an error.
    #[must_use]
    pub fn of(fleet: &Fleet) -> (Self, Vec<Diagnostic>) {
        let mut plan = Self::default();
        let mut diagnostics = Vec::new();
        for service in fleet.services.values() {
            plan.calendars.insert(service.name.clone(), Calendar::of(service));
            let slos = plan.services.entry(service.name.clone()).or_default();
            for slo in service.slos.values() {
                let (planned, findings) = SloPlan::of(slo);
                diagnostics.extend(findings.iter().map(|finding| finding.diagnostic(slo)));
                slos.insert(slo.name.clone(), planned);
            }
        }
        (plan, diagnostics)
    }

    /// Every planned SLO, in order.
    pub fn slos(&self) -> impl Iterator<Item = &SloPlan> {
        self.services.values().flat_map(BTreeMap::values)
    }
}

impl Calendar {
    fn of(service: &Service) -> Self {
        let need = |(name, change): (&Name, &Change)| {
            (name.clone(), Need { downtime: change.downtime, duration: change.duration })
        };
        Self { changes: service.changes.iter().map(need).collect(), hours: service.working_hours.clone() }
    }
}

impl SloPlan {
    /// Plans one SLO.
    #[must_use]
    pub fn of(slo: &Slo) -> (Self, Vec<Finding>) {
        let (pairs, dropped) = window::pairs(slo);
        let budget_seconds = budget::total_seconds(slo.objective, slo.window);
        let plan = Self {
            error_budget: slo.objective.error_budget(),
            close_at: amount(slo.gate.close_at, budget_seconds),
            resume_at: amount(slo.gate.resume_at, budget_seconds),
            slo: slo.clone(),
            pairs,
            dropped,
            budget_seconds,
        };
        let findings = findings::of(&plan);
        (plan, findings)
    }

    /// The tier that evaluates the budget.
    #[must_use]
    pub fn budget_tier(&self) -> Tier {
        Tier::of(self.slo.window)
    }

    /// How often a tier of this SLO is evaluated.
    #[must_use]
    pub fn interval(&self, tier: Tier) -> Duration {
        tier.interval(self.slo.rules.interval)
    }

    /// The pairs that a tier evaluates and that the file leaves enabled.
    pub fn pairs_in(&self, tier: Tier) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().filter(move |pair| pair.tier() == tier && self.enabled(pair.severity))
    }

    /// Whether burn-rate alerts of that severity are generated.
    #[must_use]
    pub fn enabled(&self, severity: Severity) -> bool {
        alerting::resolve(&self.slo, Alert::ErrorBudgetBurn, severity, Duration::ZERO).is_some()
    }

    /// The windows whose error ratio a tier records.
    ///
    /// A window up to six hours long is summed in the fast tier if one of its pairs needs it; a window that only
    /// slow pairs need is summed from slices, which is cheaper.
    #[must_use]
    pub fn ratio_windows(&self, tier: Tier) -> BTreeSet<Duration> {
        let of_pairs = |tier: Tier| {
            let pairs = self.pairs.iter().filter(move |pair| pair.tier() == tier);
            pairs.flat_map(|pair| [pair.short, pair.long])
        };
        let mut fast: BTreeSet<Duration> = of_pairs(Tier::Fast).collect();
        if self.budget_tier() == Tier::Fast {
            fast.insert(self.slo.window);
        }
        match tier {
            Tier::Fast => fast,
            Tier::Slow => {
                let mut slow: BTreeSet<Duration> =
                    of_pairs(Tier::Slow).filter(|window| !fast.contains(window)).collect();
                if self.budget_tier() == Tier::Slow {
                    slow.insert(self.slo.window);
                }
                slow
            }
        }
    }

    /// Whether alerts of a tier count the bad events of that window, and the rules therefore record them.
    #[must_use]
    pub fn counts_failures_over(&self, tier: Tier, window: Duration) -> bool {
        self.counts_failures() && self.pairs_in(tier).any(|pair| pair.long == window)
    }

    /// Whether bad events are whole events that `min_failures` can be held against.
    #[must_use]
    pub fn counts_failures(&self) -> bool {
        match self.slo.sli {
            Sli::Probe { .. } | Sli::Events { .. } | Sli::Latency { .. } | Sli::Gauge { .. } => true,
            Sli::NativeLatency { .. } | Sli::Ratio { .. } => {
                matches!(self.slo.budgeting, Budgeting::Timeslices { .. })
            }
            Sli::Query { .. } => false,
        }
    }

    /// Whether a proof can feed the SLO: none of its queries gives a value other than 0 where its series are missing,
    /// which nobody could tell from data.
    #[must_use]
    pub fn is_provable(&self) -> bool {
        match &self.slo.sli {
            Sli::Query { bad, total, .. } => {
                [bad, total].iter().all(|query| query.without_data() != WithoutData::Value)
            }
            _ => true,
        }
    }

    /// How old the newest slice of an SLO may be before the SLO is unknown.
    #[must_use]
    pub fn stale_after(&self) -> Duration {
        self.interval(self.budget_tier()).times(budget::STALE_SLICES)
    }

    /// The shortest window whose error ratio is recorded; the current burn rate is that of this window.
    #[must_use]
    pub fn shortest_window(&self) -> (Tier, Duration) {
        let fast = self.ratio_windows(Tier::Fast).first().map(|window| (Tier::Fast, *window));
        let slow = self.ratio_windows(Tier::Slow).first().map(|window| (Tier::Slow, *window));
        fast.or(slow).unwrap_or((self.budget_tier(), self.slo.window))
    }
}

/// An amount of budget in seconds.
fn amount(amount: BudgetAmount, budget_seconds: Decimal) -> Decimal {
    match amount {
        BudgetAmount::Time(time) => time.as_secs(),
        BudgetAmount::Share(share) => (share * budget_seconds).normalize(),
    }
}
