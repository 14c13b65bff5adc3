//! The recording rules level by level of dependency, for filling the past.
//!
//! `promtool tsdb create-blocks-from rules` reads a running Prometheus and never sees its own output, so that a rule
//! which reads recorded series needs a pass of its own, with the blocks of the pass before loaded in between.
//!
//! Left out are the alerts, which promtool does not evaluate, and the latch of the gate with the answer that reads it:
//! the latch reads its own past, which a pass does not see. Both begin anew when the rules run.

use std::collections::BTreeMap;

use super::rules;
use super::yaml::{self, Group, Recording, Rule, RuleFile};
use crate::slo::Plan;
use crate::slo::window::Tier;

/// One rule file for each level, in the order in which they have to be evaluated.
///
/// # Errors
/// [`yaml::Error`] if a file cannot be put into YAML, which no valid plan causes.
pub fn levels(plan: &Plan) -> Result<Vec<String>, yaml::Error> {
    let mut files: BTreeMap<usize, RuleFile> = BTreeMap::new();
    for (service, slos) in &plan.services {
        for slo in slos.values() {
            let tiers = [Tier::Fast, Tier::Slow];
            // The slow group reads series of the fast one, and never the other way round.
            let recordings: Vec<(Tier, Recording)> = tiers
                .into_iter()
                .flat_map(|tier| rules::recordings(slo, tier).into_iter().map(move |recording| (tier, recording)))
                .collect();
            for (level, tier, recording) in by_level(recordings) {
                let name = format!("burndown/{service}/{}/{}", slo.slo.name, super::word(tier));
                let file = files.entry(level).or_insert_with(|| RuleFile { groups: Vec::new() });
                add(file, name, slo.interval(tier), recording);
            }
        }
    }
    files.values().map(yaml::print).collect()
}

/// Adds a rule to the group of that name.
fn add(file: &mut RuleFile, name: String, interval: crate::units::Duration, recording: Recording) {
    let rule = Rule::Record(recording);
    match file.groups.iter_mut().find(|group| group.name == name) {
        Some(group) => group.rules.push(rule),
        None => file.groups.push(Group { name, interval, rules: vec![rule] }),
    }
}

/// The level of each recording: 0 if it reads none of the others, else one more than the highest that it reads.
///
/// What reads itself, or something that does, has no level and is left out.
fn by_level(mut waiting: Vec<(Tier, Recording)>) -> Vec<(usize, Tier, Recording)> {
    let mut done = Vec::new();
    for level in 0.. {
        let unfinished: Vec<String> = waiting.iter().map(|(_, recording)| recording.record.clone()).collect();
        let reads_unfinished = |recording: &Recording| {
            let mut found = false;
            recording.expr.each_metric(&mut |metric| found |= unfinished.iter().any(|name| name == metric));
            found
        };
        let (later, now): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, recording)| reads_unfinished(recording));
        if now.is_empty() {
            break;
        }
        done.extend(now.into_iter().map(|(tier, recording)| (level, tier, recording)));
        waiting = later;
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::build::{Expr, Operator, Series};

    fn recording(name: &str, reads: &[&str]) -> (Tier, Recording) {
        let series = reads.iter().map(|metric| Expr::from(Series::new(format!("{metric}{{a=\"b\"}}"))));
        let expr = series.reduce(|left, right| left.join(Operator::Add, right)).expect("it reads something");
        (Tier::Fast, Recording { record: name.to_owned(), expr, labels: BTreeMap::new() })
    }

    #[test]
    fn a_level_reads_only_those_below_and_the_latch_is_left_out() {
        let levels = by_level(vec![
            recording("answer", &["latch", "sum"]),
            recording("latch", &["latch", "sum"]),
            recording("sum", &["bad", "total"]),
            recording("bad", &["raw", "total"]),
            recording("total", &["raw"]),
        ]);
        let named: Vec<_> = levels.iter().map(|(level, _, recording)| (*level, recording.record.as_str())).collect();
        assert_eq!(named, [(0, "total"), (1, "bad"), (2, "sum")]);
    }
}
