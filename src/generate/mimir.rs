//! The rules as namespaces for the ruler of Mimir or Cortex: a file per service with both tiers in it, as `mimirtool rules
//! load` takes it.
//!
//! The expressions are those of the rule files. A ruler evaluates a little in the past, all rules of a group at the same
//! moment, and so each rule still reads what the one before it wrote.

use std::path::PathBuf;

use serde::Serialize;

use super::yaml::{self, Group};
use super::{Artifact, Kind, rules};
use crate::slo::Plan;

/// What the file says of itself, below the line that every generated file begins with.
const ADVICE: &str = "\
# Load it with `mimirtool rules load FILE`. A group has more rules than the 20 that Mimir allows: set the limit
# `ruler_max_rules_per_rule_group` of the tenant to 50, and `ruler_max_rule_groups_per_tenant` to two for each SLO and service.
";

/// A namespace, as the tools name their files.
#[derive(Debug, Serialize)]
struct Namespace {
    namespace: String,
    groups: Vec<Group>,
}

/// A namespace for every service that has SLOs.
pub(super) fn artifacts(plan: &Plan) -> Result<Vec<Artifact>, yaml::Error> {
    let services = plan.services.iter().filter(|(_, slos)| !slos.is_empty());
    let artifacts = services.map(|(service, slos)| {
        let groups = rules::both_tiers(service, &slos.values().collect::<Vec<_>>()).groups;
        let text = yaml::print_with(ADVICE, &Namespace { namespace: format!("burndown-{service}"), groups })?;
        Ok(Artifact { path: PathBuf::from(Kind::Mimir.directory()).join(format!("{service}.yaml")), text })
    });
    artifacts.collect()
}
