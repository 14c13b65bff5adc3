//! Window pairs: the usual four, fitted to a window, an evaluation interval and a probe's interval.

use rust_decimal::Decimal;

use super::burn;
use crate::spec::model::{BurnSpeed, Severity, Slo, WindowPair};
use crate::units::Duration;

/// Windows up to this long are summed from the increments of every evaluation; longer ones from slices.
pub const LONGEST_FAST: Duration = Duration::from_hours(6);

/// The length of a slice, and the evaluation interval of the slow group: slices tile only if they are taken
/// exactly one slice apart.
pub const SLICE: Duration = Duration::from_mins(5);

/// A group that was not seen for this long leaves every series.
pub const RETIRED_AFTER: Duration = Duration::from_days(1);

/// A short window holds at least this many evaluations, and this many probe runs.
const SHORTEST: u64 = 3;

/// Windows of at least this length use the usual pairs as they are; under it, the pairs shrink.
const USUAL_FROM: Duration = Duration::from_days(7);

/// The window for which the SRE Workbook gives the usual pairs.
const WORKBOOK: Duration = Duration::from_days(30);

/// F·b above which a factor is lowered: at 1 the alert could never fire.
fn highest_threshold() -> Decimal {
    Decimal::new(9, 1)
}

/// The pairs that everybody knows: SRE Workbook, chapter 5, table 5-8 and the text's 1d/2h.
fn usual() -> [(Severity, Duration, Duration, Decimal); 4] {
    let hours = Duration::from_hours;
    [
        (Severity::Page, hours(1), Duration::from_mins(5), Decimal::new(144, 1)),
        (Severity::Page, hours(6), Duration::from_mins(30), Decimal::from(6)),
        (Severity::Ticket, hours(24), hours(2), Decimal::from(3)),
        (Severity::Ticket, hours(72), hours(6), Decimal::ONE),
    ]
}

/// Where a window's events are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// From the increments, at every evaluation.
    Fast,
    /// From five-minute slices, every five minutes.
    Slow,
}

impl Tier {
    /// The tier whose group evaluates everything that reaches back `window`.
    #[must_use]
    pub fn of(window: Duration) -> Self {
        if window <= LONGEST_FAST { Self::Fast } else { Self::Slow }
    }

    /// How often the tier's group is evaluated, given the fast interval.
    #[must_use]
    pub const fn interval(self, fast: Duration) -> Duration {
        match self {
            Self::Fast => fast,
            Self::Slow => SLICE,
        }
    }
}

/// A pair that can fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Whom it calls.
    pub severity: Severity,
    /// Long window L.
    pub long: Duration,
    /// Short window S, shorter than the long one.
    pub short: Duration,
    /// Burn-rate factor F.
    pub factor: Decimal,
    /// Error ratio above which it fires, F·b, at most 0.9.
    pub threshold: Decimal,
    /// What was changed to make it fit.
    pub changes: Vec<Change>,
}

impl Pair {
    /// The tier that evaluates the pair.
    #[must_use]
    pub fn tier(&self) -> Tier {
        Tier::of(self.long)
    }
}

/// What was changed to make a pair fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The short window was raised to hold three evaluations.
    RaisedToEvaluations {
        /// Its length before.
        from: Duration,
    },
    /// The short window was raised to hold three probe runs.
    RaisedToRuns {
        /// Its length before.
        from: Duration,
    },
    /// The factor was lowered to 0.9/b.
    FactorLowered {
        /// The factor before.
        from: Decimal,
    },
}

/// A pair that was left out because its short window would reach its long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Whom it would have called.
    pub severity: Severity,
    /// Its long window.
    pub long: Duration,
    /// The length that its short window would need.
    pub short: Duration,
}

/// The pairs of an SLO: those of its file, or the usual four, each fitted or dropped.
#[must_use]
pub fn pairs(slo: &Slo) -> (Vec<Pair>, Vec<Dropped>) {
    let mut kept: Vec<Pair> = Vec::new();
    let mut dropped = Vec::new();
    for wanted in wanted(slo) {
        match fit(slo, wanted) {
            Ok(pair) if kept.iter().any(|other| same_alert(other, &pair)) => {}
            Ok(pair) => kept.push(pair),
            Err(pair) => dropped.push(pair),
        }
    }
    (kept, dropped)
}

/// Whether two pairs would be the same alert twice: a short SLO window can shrink two pairs onto each other.
fn same_alert(one: &Pair, other: &Pair) -> bool {
    (one.severity, one.long, one.short) == (other.severity, other.long, other.short)
}

/// A pair before it is fitted.
struct Wanted {
    severity: Severity,
    long: Duration,
    short: Duration,
    factor: Decimal,
}

/// The pairs before fitting.
fn wanted(slo: &Slo) -> Vec<Wanted> {
    match &slo.alerting.windows {
        Some(windows) => windows.iter().map(|pair| from_file(slo.window, pair)).collect(),
        None => usual()
            .into_iter()
            .map(|(severity, long, short, factor)| Wanted {
                severity,
                long: shrink(slo.window, long),
                short: shrink(slo.window, short),
                factor,
            })
            .collect(),
    }
}

/// A pair of the file, its share of the budget turned into a factor.
fn from_file(window: Duration, pair: &WindowPair) -> Wanted {
    let factor = match pair.speed {
        BurnSpeed::Factor(factor) => factor,
        BurnSpeed::Budget(share) => burn::factor(share, window, pair.long),
    };
    Wanted { severity: pair.severity, long: pair.long, short: pair.short, factor }
}

/// A usual window, shortened in proportion for an SLO window under seven days.
fn shrink(window: Duration, usual: Duration) -> Duration {
    if window >= USUAL_FROM {
        return usual;
    }
    let millis = u128::from(usual.as_millis()) * u128::from(window.as_millis()) / u128::from(WORKBOOK.as_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Makes a pair fit the evaluation interval, the probe's interval and the objective, or drops it.
fn fit(slo: &Slo, wanted: Wanted) -> Result<Pair, Dropped> {
    let Wanted { severity, long, short, factor } = wanted;
    let mut changes = Vec::new();
    let long = round(long, slo.rules.interval);
    let evaluations = Tier::of(long).interval(slo.rules.interval).times(SHORTEST);
    let runs = slo.sli.probe_interval().map_or(Duration::ZERO, |interval| interval.times(SHORTEST));
    let least = evaluations.max(runs);
    let mut fitted = round(short, slo.rules.interval);
    if fitted < least {
        fitted = round_up(least, slo.rules.interval);
        changes.push(if runs > evaluations {
            Change::RaisedToRuns { from: short }
        } else {
            Change::RaisedToEvaluations { from: short }
        });
    }
    if fitted >= long {
        return Err(Dropped { severity, long, short: fitted });
    }
    let budget = slo.objective.error_budget();
    let highest = (highest_threshold() / budget).normalize();
    let lowered = factor.min(highest);
    if lowered < factor {
        changes.push(Change::FactorLowered { from: factor });
    }
    let threshold = if lowered < factor { highest_threshold() } else { burn::threshold(factor, budget) };
    Ok(Pair { severity, long, short: fitted, factor: lowered, threshold, changes })
}

/// The step that windows of about this length are made of.
fn step(window: Duration, interval: Duration) -> Duration {
    Tier::of(window).interval(interval)
}

/// To the nearest whole number of steps.
fn round(window: Duration, interval: Duration) -> Duration {
    window.round_to(step(window, interval))
}

/// To a whole number of steps, never shorter.
fn round_up(window: Duration, interval: Duration) -> Duration {
    window.ceil_to(step(window, interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::{Plan, SloPlan};

    /// The plan of an SLO of requests, or of a probe that runs every five minutes, with these lines in its file.
    fn plan(lines: &str, sli: &str) -> SloPlan {
        let probe = "probes:\n  - {name: front, interval: 5m, http: {url: http://localhost/}}";
        let text = format!(
            "version: burndown/v1\nservice: shop\n{lines}\n{probe}\nslos:\n  - {{name: front, objective: 99, sli: {{{sli}}}}}\n"
        );
        let loaded = crate::spec::load_text("shop.yaml", &text);
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
        Plan::of(&loaded.fleet).0.slos().next().cloned().expect("an SLO")
    }

    /// Its pairs as people write them.
    fn windows(plan: &SloPlan) -> Vec<String> {
        plan.pairs.iter().map(|pair| format!("{}/{}", pair.long, pair.short)).collect()
    }

    const REQUESTS: &str = "events: {bad: b, total: t}";

    #[test]
    fn from_a_week_on_the_windows_are_those_that_everybody_knows() {
        for window in ["7d", "30d", "90d"] {
            let plan = plan(&format!("window: {window}"), REQUESTS);
            assert_eq!(windows(&plan), ["1h/5m", "6h/30m", "1d/2h", "3d/6h"], "{window}");
        }
        assert_eq!(windows(&plan("window: 6d", REQUESTS)), ["12m/1m30s", "1h12m/6m", "4h48m/24m", "14h25m/1h12m"]);
    }

    #[test]
    fn a_short_window_holds_three_runs_or_the_pair_is_left_out() {
        let pair = |long: &str| {
            let pair = format!("alerting: {{windows: [{{severity: page, long: {long}, short: 5m, factor: 6}}]}}");
            plan(&pair, "probe: front")
        };
        assert_eq!(windows(&pair("15m30s")), ["15m30s/15m"]);
        // As long as the long one, it would say the same.
        let equal = pair("15m");
        assert_eq!(windows(&equal), [""; 0]);
        let dropped: Vec<_> = equal.dropped.iter().map(|pair| (pair.long, pair.short)).collect();
        assert_eq!(dropped, [(Duration::from_mins(15), Duration::from_mins(15))]);
    }

    #[test]
    fn what_no_outage_could_exceed_is_lowered() {
        let factor = |factor: &str| {
            let pair = format!("alerting: {{windows: [{{severity: page, long: 1h, short: 5m, factor: {factor}}}]}}");
            let pair = plan(&pair, REQUESTS).pairs.remove(0);
            (pair.factor.to_string(), pair.threshold.to_string(), pair.changes.len())
        };
        assert_eq!(factor("90"), ("90".to_owned(), "0.9".to_owned(), 0));
        assert_eq!(factor("90.1"), ("90".to_owned(), "0.9".to_owned(), 1));
    }
}
