//! Plan → text: recording rules, alerts and their proofs.
//!
//! Generators are pure and their output depends on the plan alone: same plan, same bytes. Only [`write`]
//! touches the disk.

mod alerts;
mod events;
mod increments;
pub mod levels;
pub mod planned;
mod proofs;
mod rules;
mod scenario;
mod template;
pub mod write;
mod yaml;

use std::path::PathBuf;

use crate::slo::Plan;
use crate::slo::window::Tier;
use crate::units::Name;

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where it belongs, relative to the output directory.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

/// What can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// Recording rules and alerts, `rules/SERVICE.fast.yaml` and `rules/SERVICE.slow.yaml`.
    Rules,
    /// Unit tests of the rules for promtool, `tests/SERVICE.*.test.yaml`.
    Tests,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Rules, Self::Tests];

    /// The directory below the output directory that holds the kind and nothing else.
    #[must_use]
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Tests => "tests",
        }
    }
}

/// Everything that a plan gives of the wanted kinds, in order of path.
///
/// # Errors
/// [`Error`] if a file cannot be put into YAML, which no valid plan causes.
pub fn generate(plan: &Plan, kinds: &[Kind]) -> Result<Vec<Artifact>, Error> {
    let mut artifacts = Vec::new();
    for (service, slos) in &plan.services {
        let slos: Vec<_> = slos.values().collect();
        if slos.is_empty() {
            continue;
        }
        for tier in [Tier::Fast, Tier::Slow] {
            let file = rules::file(service, &slos, tier);
            if kinds.contains(&Kind::Rules) {
                artifacts.push(Artifact { path: rule_path(service, tier), text: yaml::print(&file)? });
            }
            if kinds.contains(&Kind::Tests)
                && let Some(tests) = proofs::file(service, &slos, tier)
            {
                let path = PathBuf::from(Kind::Tests.directory()).join(format!("{service}.{}.test.yaml", word(tier)));
                artifacts.push(Artifact { path, text: yaml::print(&tests)? });
            }
        }
    }
    artifacts.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(artifacts)
}

/// Where the rules of a service and tier go, relative to the output directory.
fn rule_path(service: &Name, tier: Tier) -> PathBuf {
    PathBuf::from(Kind::Rules.directory()).join(format!("{service}.{}.yaml", word(tier)))
}

/// The part of a file name that names the tier.
const fn word(tier: Tier) -> &'static str {
    match tier {
        Tier::Fast => "fast",
        Tier::Slow => "slow",
    }
}

pub use yaml::Error;
