//! Burn rates: how fast a budget goes, and how soon a pair of windows sees it.
//!
//! The formulas are those of the SRE Workbook, chapter 5 ("Alerting on SLOs"), tables 5-4, 5-6 and 5-8, with
//! b the error budget as a ratio, F the burn-rate factor, L and S the long and short window, e the error ratio.

use rust_decimal::Decimal;

use crate::units::Duration;

/// The factor that spends the share `budget` (0.02 for 2 %) of a budget over `window` within `long`: F = c·P/L.
#[must_use]
pub fn factor(budget: Decimal, window: Duration, long: Duration) -> Decimal {
    (budget * window.as_secs() / long.as_secs()).normalize()
}

/// The error ratio above which a pair fires: F·b.
#[must_use]
pub fn threshold(factor: Decimal, error_budget: Decimal) -> Decimal {
    (factor * error_budget).normalize()
}

/// How long an outage of error ratio `error` lasts before the long window exceeds the threshold: L·F·b/e.
///
/// None if it never does, because the error ratio is not above the threshold.
#[must_use]
pub fn detection(long: Duration, threshold: Decimal, error: Decimal) -> Option<Duration> {
    let share = threshold.checked_div(error)?;
    (share < Decimal::ONE).then(|| scale(long, share))
}

/// How long after the end of an outage of error ratio `error` the short window falls below the threshold:
/// S·(1 − F·b/e). None if the pair never fired.
#[must_use]
pub fn reset(short: Duration, threshold: Decimal, error: Decimal) -> Option<Duration> {
    let share = threshold.checked_div(error)?;
    (share < Decimal::ONE).then(|| scale(short, Decimal::ONE - share))
}

/// `duration` times `share`, to the nearest millisecond.
fn scale(duration: Duration, share: Decimal) -> Duration {
    let millis = Decimal::from(duration.as_millis()) * share;
    Duration::from_millis(u64::try_from(millis.round()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).expect(text)
    }

    /// The table of the design for 99.9 % and 30 days: error ratio, then detect / reset in minutes for each
    /// pair, as printed there.
    const TABLE: [(&str, [&str; 4]); 7] = [
        ("1", ["0.86 / 4.93", "2.16 / 29.82", "4.32 / 119.6", "4.32 / 359.6"]),
        ("0.15", ["5.76 / 4.52", "14.4 / 28.8", "28.8 / 117.6", "28.8 / 357.6"]),
        ("0.1", ["8.64 / 4.28", "21.6 / 28.2", "43.2 / 116.4", "43.2 / 356.4"]),
        ("0.05", ["17.28 / 3.56", "43.2 / 26.4", "86.4 / 112.8", "86.4 / 352.8"]),
        ("0.02", ["43.2 / 1.4", "108 / 21", "216 / 102", "216 / 342"]),
        ("0.01", ["never", "216 / 12", "432 / 84", "432 / 324"]),
        ("0.002", ["never", "never", "never", "2160 / 180"]),
    ];

    #[test]
    fn the_table_of_the_design_holds() {
        let hours = Duration::from_hours;
        let pairs = [
            (hours(1), Duration::from_mins(5), "14.4"),
            (hours(6), Duration::from_mins(30), "6"),
            (hours(24), hours(2), "3"),
            (hours(72), hours(6), "1"),
        ];
        for (error, row) in TABLE {
            for ((long, short, factor), cell) in pairs.iter().zip(row) {
                let threshold = threshold(decimal(factor), decimal("0.001"));
                let times = detection(*long, threshold, decimal(error)).zip(reset(*short, threshold, decimal(error)));
                match (times, cell.split_once(" / ")) {
                    (None, None) => assert_eq!(cell, "never"),
                    (Some((detected, cleared)), Some((detect, clear))) => {
                        assert_printed(detected, detect, error);
                        assert_printed(cleared, clear, error);
                    }
                    (times, _) => panic!("{error} {cell}: {times:?}"),
                }
            }
        }
    }

    /// Rounds minutes to as many decimals as the table prints.
    fn assert_printed(duration: Duration, printed: &str, error: &str) {
        let minutes = duration.as_secs() / Decimal::from(60);
        let scale = decimal(printed).scale();
        assert_eq!(minutes.round_dp(scale).normalize(), decimal(printed), "error ratio {error}");
    }

    #[test]
    fn factors_follow_from_shares_of_the_budget() {
        let month = Duration::from_days(30);
        assert_eq!(factor(decimal("0.02"), month, Duration::from_hours(1)), decimal("14.4"));
        assert_eq!(factor(decimal("0.05"), month, Duration::from_hours(6)), decimal("6"));
        assert_eq!(factor(decimal("0.1"), month, Duration::from_hours(24)), decimal("3"));
        assert_eq!(factor(decimal("0.1"), month, Duration::from_hours(72)), decimal("1"));
    }
}
