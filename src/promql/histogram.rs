//! A histogram by its base name, such as `http_request_duration_seconds{job="api"}`, and the series it stands for.

use rust_decimal::Decimal;

use super::selector::{self, Selector};
use super::{PromqlError, quote};

/// What the series of a classic histogram end with.
const SUFFIXES: [&str; 3] = ["_bucket", "_count", "_sum"];

/// The label that holds the upper bound of a bucket.
pub(super) const BOUND: &str = "le";

/// From this power of ten on, Go's `%g` prints a number as `1e+06`; below its counterpart it prints `1e-05`.
const EXPONENTS: std::ops::Range<i64> = -4..6;

/// A histogram: its base name and matchers that say nothing of buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    name: String,
    matchers: Vec<String>,
}

impl Histogram {
    /// Reads a histogram.
    ///
    /// # Errors
    /// Those of [`Selector::parse`]; [`PromqlError::HistogramSeries`] if the name is that of one of its series,
    /// [`PromqlError::HistogramBucket`] with a matcher on `le`, [`PromqlError::HistogramNoName`] without a name.
    pub fn parse(text: &str) -> Result<Self, PromqlError> {
        let found = selector::plain(text)?;
        let name = found.name.clone().ok_or(PromqlError::HistogramNoName)?;
        if let Some(base) = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)) {
            return Err(PromqlError::HistogramSeries { base: base.to_owned(), name });
        }
        if found.matchers.matchers.iter().any(|matcher| matcher.name == BOUND) {
            return Err(PromqlError::HistogramBucket);
        }
        let mut matchers: Vec<String> = found.matchers.matchers.iter().map(ToString::to_string).collect();
        // As a selector prints that was read, so that two texts of one histogram are equal.
        matchers.sort();
        Ok(Self { name, matchers })
    }

    /// The series of all events of a classic histogram.
    #[must_use]
    pub fn count(&self) -> Selector {
        self.series("_count", None)
    }

    /// The series of the bucket up to `threshold`, however its bound is written.
    ///
    /// Prometheus 2 keeps what the target writes, `1` or `1.0`; Prometheus 3 writes `1.0` itself.
    #[must_use]
    pub fn bucket(&self, threshold: Decimal) -> Selector {
        self.series("_bucket", Some(format!("{BOUND}=~{}", quote(&forms(threshold)))))
    }

    /// The series of a native histogram.
    #[must_use]
    pub fn native(&self) -> Selector {
        self.series("", None)
    }

    /// The base name, without what its series end with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn series(&self, suffix: &str, bound: Option<String>) -> Selector {
        let mut matchers: Vec<String> = self.matchers.iter().cloned().chain(bound).collect();
        // As a selector prints that was read.
        matchers.sort();
        let braces = if matchers.is_empty() { String::new() } else { format!("{{{}}}", matchers.join(",")) };
        Selector::checked(format!("{}{suffix}{braces}", self.name))
    }
}

/// A regular expression for every form in which targets and Prometheus write a bound.
fn forms(bound: Decimal) -> String {
    let plain = bound.normalize().to_string().replace('.', r"\.");
    let plain = if plain.contains('.') { plain } else { format!(r"{plain}(\.0)?") };
    match scientific(bound) {
        Some(scientific) => format!("{}|{plain}", scientific.replace('.', r"\.").replace('+', r"\+")),
        None => plain,
    }
}

/// A number as Go's `%g` prints it, where that is not the plain form.
fn scientific(number: Decimal) -> Option<String> {
    let number = number.normalize();
    let digits = number.mantissa().to_string();
    let exponent = i64::try_from(digits.len()).ok()? - 1 - i64::from(number.scale());
    if EXPONENTS.contains(&exponent) {
        return None;
    }
    let digits = digits.trim_end_matches('0');
    let (first, rest) = digits.split_at_checked(1)?;
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    Some(format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_matches_however_it_is_written() {
        for (bound, pattern) in [
            ("0.3", r"0\.3"),
            ("0.001", r"0\.001"),
            ("1", r"1(\.0)?"),
            ("10.00", r"10(\.0)?"),
            ("2.5", r"2\.5"),
            ("100000", r"100000(\.0)?"),
            ("1000000", r"1e\+06|1000000(\.0)?"),
            ("1234567.5", r"1\.2345675e\+06|1234567\.5"),
            ("0.0001", r"0\.0001"),
            ("0.000025", r"2\.5e-05|0\.000025"),
        ] {
            assert_eq!(forms(Decimal::from_str_exact(bound).expect(bound)), pattern);
        }
    }

    #[test]
    fn the_series_keep_the_matchers() {
        let histogram = Histogram::parse("x_seconds{job=\"api\",path=~\"/a\\\\d\"}").expect("a histogram");
        assert_eq!(histogram.count().to_string(), "x_seconds_count{job=\"api\",path=~\"/a\\\\d\"}");
        let bucket = histogram.bucket(Decimal::ONE).to_string();
        assert_eq!(bucket, "x_seconds_bucket{job=\"api\",le=~\"1(\\\\.0)?\",path=~\"/a\\\\d\"}");
        assert_eq!(Selector::parse(&bucket).expect("a selector").to_string(), bucket);
        assert_eq!(Histogram::parse("x").expect("a histogram").native().to_string(), "x");
    }
}
