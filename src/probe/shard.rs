//! Splits the probes of a fleet between several instances, by name and without any of them knowing the others.
//!
//! It decides who runs what and runs nothing.

use std::fmt;
use std::str::FromStr;

use super::ProbeKey;
use super::schedule::spread;
use crate::spec::model::{Fleet, Sli};

/// One of several equal shares of all probes, written `2/5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1 on.
    number: u32,
    /// How many there are, at least 1.
    count: u32,
}

/// Why a text is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// It does not have the form `2/5`.
    #[error("write the number of this instance and how many there are, as in `2/5`")]
    Form,
    /// There is no such shard.
    #[error("the shards of {count} are `1/{count}` to `{count}/{count}`")]
    Range {
        /// How many there are.
        count: u32,
    },
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (number, count) = text.split_once('/').ok_or(ShardError::Form)?;
        let read = |text: &str| text.parse::<u32>().map_err(|_| ShardError::Form);
        let (number, count) = (read(number)?, read(count)?);
        match count {
            0 => Err(ShardError::Form),
            count if (1..=count).contains(&number) => Ok(Self { number, count }),
            count => Err(ShardError::Range { count }),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

impl Shard {
    /// Whether this shard runs the probe. Every probe belongs to exactly one shard, the same in every version and
    /// whatever other probes there are.
    #[must_use]
    pub fn holds(self, key: &ProbeKey) -> bool {
        // The lower bits say when the probe runs; a share of them all would bunch its runs.
        (spread(key) >> 32) % u64::from(self.count) == u64::from(self.number) - 1
    }

    /// Leaves in the fleet what this shard runs: its probes, their SLOs, and the SLOs that have no probe.
    pub fn cut(self, fleet: &mut Fleet) {
        for service in fleet.services.values_mut() {
            service.probes.retain(|_, probe| self.holds(&ProbeKey::of(probe)));
            let probes = &service.probes;
            service.slos.retain(|_, slo| match &slo.sli {
                Sli::Probe { probe, .. } => probes.contains_key(probe),
                _ => true,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> ProbeKey {
        ProbeKey { service: "shop".parse().expect("a name"), probe: format!("page-{number}").parse().expect("a name") }
    }

    #[test]
    fn every_probe_is_in_exactly_one_shard_and_shards_are_alike() {
        let shards: Vec<Shard> = (1..=5).map(|number| format!("{number}/5").parse().expect("a shard")).collect();
        let mut sizes = [0_u32; 5];
        for number in 0..5_000 {
            let holders: Vec<usize> = (0..5).filter(|at| shards[*at].holds(&key(number))).collect();
            assert_eq!(holders.len(), 1, "{number}");
            sizes[holders[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (900..=1_100).contains(size)), "{sizes:?}");
        assert!("1/1".parse::<Shard>().expect("a shard").holds(&key(1)));
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for text in ["", "2", "0/5", "6/5", "1/0", "-1/5", "1/5/2", "a/b", "1/99999999999"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("2/5".parse::<Shard>().expect("a shard").to_string(), "2/5");
    }
}
