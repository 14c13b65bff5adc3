//! Units as Grafana names them, and how many decimals a number needs.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::slo::SloPlan;

/// The unit of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Unit {
    /// Seconds, which Grafana shows as minutes, hours or days.
    #[serde(rename = "s")]
    Seconds,
    /// A ratio from 0 to 1, shown in percent.
    #[serde(rename = "percentunit")]
    Ratio,
    /// A count, shortened where it is large.
    #[serde(rename = "short")]
    Count,
    /// A number as it is.
    #[serde(rename = "none")]
    Number,
    /// A text.
    #[serde(rename = "string")]
    Text,
}

/// Fewest and most decimals of a percentage.
const PERCENT_DECIMALS: (u32, u32) = (2, 6);

/// Seconds of budget below which a tenth of a minute is too coarse.
const SMALL_BUDGET: u32 = 600;

/// Decimals that the SLOs of a page need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimals {
    /// Of percentages: one more than the finest objective has, so that 99.99 differs from what it becomes after an error.
    pub(super) percent: u32,
    /// Of minutes of budget.
    pub(super) minutes: u32,
}

impl Decimals {
    /// The decimals that some SLOs need.
    pub(super) fn of<'a>(plans: impl Iterator<Item = &'a SloPlan>) -> Self {
        let (least, most) = PERCENT_DECIMALS;
        let mut decimals = Self { percent: least, minutes: 1 };
        for plan in plans {
            let needed = plan.slo.objective.percent().normalize().scale() + 1;
            decimals.percent = decimals.percent.max(needed.min(most));
            if plan.budget_seconds < Decimal::from(SMALL_BUDGET) {
                decimals.minutes = 2;
            }
        }
        decimals
    }
}
