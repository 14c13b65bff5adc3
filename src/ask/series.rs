//! Whether the selectors of an SLO select series, and what was probably meant where they do not.

use super::{at_slo, optional};
use crate::diag::{Code, Diagnostic};
use crate::generate::planned::{self, Role, Source};
use crate::names::label;
use crate::prometheus::{Client, Error};
use crate::promql::Selector;
use crate::slo::SloPlan;

/// How long ago a series may have been seen last: a target may be away for a while.
const SEEN: &str = "1h";

/// How many values of a label are listed.
const LISTED: usize = 12;

/// The label that holds the name of a metric.
const METRIC: &str = "__name__";

/// What the server has, asked for once.
#[derive(Default)]
pub(super) struct Catalog {
    metrics: Option<Vec<String>>,
}

impl Catalog {
    /// The names of all metrics.
    async fn metrics(&mut self, client: &Client) -> Result<&[String], Error> {
        if self.metrics.is_none() {
            self.metrics = Some(optional(client.label_values(METRIC, None).await)?.unwrap_or_default());
        }
        Ok(self.metrics.as_deref().unwrap_or_default())
    }
}

/// What is to be said about the series of an SLO.
pub(super) async fn check(client: &Client, catalog: &mut Catalog, slo: &SloPlan) -> Result<Vec<Diagnostic>, Error> {
    let mut found = Vec::new();
    let mut has_counter = false;
    for source in planned::sources(slo) {
        if exists(client, &source.selector).await? {
            has_counter |= source.role == Role::Counter;
            continue;
        }
        found.push(match source.role {
            Role::Bucket if has_counter => bucket_missing(client, slo, &source.selector).await?,
            _ => matches_nothing(client, catalog, slo, &source).await?,
        });
    }
    Ok(found)
}

async fn exists(client: &Client, selector: &Selector) -> Result<bool, Error> {
    let expression = format!("count(last_over_time({selector}[{SEEN}]))");
    Ok(!client.query(&expression, None).await?.is_empty())
}

async fn matches_nothing(
    client: &Client,
    catalog: &mut Catalog,
    slo: &SloPlan,
    source: &Source,
) -> Result<Diagnostic, Error> {
    let selector = &source.selector;
    let name = &slo.slo.name;
    let message = format!("SLO `{name}`: no series matches `{selector}`");
    let plain = |label: String| at_slo(Code::SelectorMatchesNothing, slo, message.clone(), label);
    let Some(metric) = selector.metric() else { return Ok(plain(format!("nothing in the last {SEEN}"))) };
    let metrics = catalog.metrics(client).await?;
    if !metrics.contains(&metric) {
        let problem = plain(format!("Prometheus has no metric `{metric}`"));
        if source.role == Role::Failures && !metrics.is_empty() && nearest(&metric, metrics).is_none() {
            return Ok(no_failures(slo, selector, format!("Prometheus has no metric `{metric}` yet")));
        }
        return Ok(match nearest(&metric, metrics) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("see on the server's graph page which metrics there are"),
        });
    }
    let is_of_target = |label: &str| [label::JOB, label::INSTANCE].contains(&label);
    let mut matchers = selector.matchers();
    // A target is there whether or not anything fails.
    matchers.sort_by_key(|(label, _)| !is_of_target(label));
    for (label, alone) in matchers {
        if exists(client, &alone).await? {
            continue;
        }
        let values = optional(client.label_values(&label, Some(&metric)).await)?.unwrap_or_default();
        // A counter of failures has no child with such a code while nothing failed.
        if source.role == Role::Failures && !values.is_empty() && !is_of_target(&label) {
            return Ok(no_failures(slo, selector, format!("`{label}` has the values {}", listed(&values))));
        }
        let problem = plain(format!("no series of `{metric}` has such a `{label}`"));
        return Ok(if values.is_empty() {
            problem.help(format!("no series of `{metric}` has a label `{label}`"))
        } else {
            problem.help(format!("`{label}` has the values {}", listed(&values)))
        });
    }
    let label = format!("`{metric}` exists, but not with all of these labels in the last {SEEN}");
    Ok(if source.role == Role::Failures { no_failures(slo, selector, label) } else { plain(label) })
}

fn no_failures(slo: &SloPlan, selector: &Selector, label: String) -> Diagnostic {
    let message = format!("SLO `{}`: nothing has failed yet, no series matches `{selector}`", slo.slo.name);
    at_slo(Code::NoFailuresYet, slo, message, label)
}

/// The histogram is there, its bucket is not.
async fn bucket_missing(client: &Client, slo: &SloPlan, bucket: &Selector) -> Result<Diagnostic, Error> {
    let whole = bucket.without(label::LE);
    let bounds = optional(client.query(&format!("count by ({}) ({whole})", label::LE), None).await)?;
    let mut bounds: Vec<String> =
        bounds.unwrap_or_default().into_iter().filter_map(|series| series.labels.get(label::LE).cloned()).collect();
    bounds.sort_by(|one, other| number(one).total_cmp(&number(other)));
    let message = format!("SLO `{}`: no bucket ends at the threshold, `{bucket}`", slo.slo.name);
    let problem = at_slo(Code::BucketMissing, slo, message, "good events could not be counted");
    Ok(if bounds.is_empty() {
        problem.help("Prometheus has no buckets of this histogram: is it a native one? Then set `native: true`")
    } else {
        let label = label::LE;
        problem.help(format!("set `threshold` to one of the buckets; `{label}` has the values {}", listed(&bounds)))
    })
}

fn number(bound: &str) -> f64 {
    bound.parse().unwrap_or(f64::INFINITY)
}

fn listed(values: &[String]) -> String {
    let shown: Vec<String> = values.iter().take(LISTED).map(|value| format!("`{value}`")).collect();
    let more = values.len().saturating_sub(LISTED);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// The name that a typing error may have stood for.
fn nearest<'n>(name: &str, names: &'n [String]) -> Option<&'n str> {
    let near = |known: &&String| known.len().abs_diff(name.len()) <= name.len() / 3 + 1;
    let distance = |known: &String| strsim::damerau_levenshtein(name, known);
    let (best, steps) =
        names.iter().filter(near).map(|known| (known, distance(known))).min_by_key(|(_, steps)| *steps)?;
    (steps <= (name.chars().count() / 3).max(1)).then_some(best)
}
