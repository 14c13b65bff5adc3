//! Questions to a live Prometheus about a plan: is there what the SLOs count, is it kept and scraped as the rules need
//! it, are the rules loaded, and what do they cost.
//!
//! It only asks. What it finds becomes diagnostics that point at the SLO in its file.

mod cost;
mod retention;
mod rules;
mod scrapes;
mod series;

use crate::diag::{Code, Diagnostic};
use crate::prometheus::{Client, Error};
use crate::slo::{Plan, SloPlan};

/// Everything that a live Prometheus shows about a plan, in order of services and SLOs.
///
/// # Errors
/// [`Error`] if the server cannot be asked. What a compatible server does not offer is passed over.
pub async fn ask(client: &Client, plan: &Plan) -> Result<Vec<Diagnostic>, Error> {
    // The simplest question of all shows whether somebody there understands PromQL.
    client.query("vector(1)", None).await?;
    let retention = client.retention().await?;
    let mut scrapes = scrapes::Scrapes::of(client).await?;
    let loaded = optional(client.rules().await)?;
    let mut catalog = series::Catalog::default();
    let mut found = Vec::new();
    for slo in plan.slos() {
        found.extend(series::check(client, &mut catalog, slo).await?);
        found.extend(retention::check(&retention, slo));
        found.extend(scrapes.check(client, slo).await?);
        let state = loaded.as_deref().map(|groups| rules::check(groups, slo));
        let is_loaded = state.as_ref().is_none_or(|state| state.is_loaded);
        found.extend(state.into_iter().flat_map(|state| state.findings));
        found.extend(cost::check(client, slo, is_loaded).await?);
    }
    Ok(found)
}

/// An answer, or nothing where the server does not offer that question; everything else stays an error.
fn optional<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_about_the_question() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A diagnostic at the name of an SLO.
fn at_slo(code: Code, slo: &SloPlan, message: String, label: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, message).at(slo.slo.span, label)
}
