//! How often the series of an SLO are scraped, against the look-back of its rules and its shortest window.

use std::collections::BTreeMap;

use super::{at_slo, optional};
use crate::diag::{Code, Diagnostic};
use crate::generate::planned::{self, Role};
use crate::names::label;
use crate::prometheus::{Client, Error};
use crate::promql::Selector;
use crate::slo::SloPlan;
use crate::units::Duration;

/// How far back samples are counted where no target says how often it is scraped.
const COUNTED: Duration = Duration::from_mins(30);

/// A short window holds at least this many scrapes.
const FEWEST: u64 = 2;

/// Job and instance.
type TargetKey = (String, String);

/// The scrape intervals of all targets.
pub(super) struct Scrapes {
    intervals: BTreeMap<TargetKey, Duration>,
    /// What was found out before: many SLOs read the same series.
    known: BTreeMap<String, Option<Interval>>,
}

/// The longest scrape interval of some series.
#[derive(Clone)]
struct Interval {
    time: Duration,
    /// What it was learnt from.
    of: String,
}

impl Scrapes {
    /// Asks for the targets.
    pub(super) async fn of(client: &Client) -> Result<Self, Error> {
        let targets = optional(client.targets().await)?.unwrap_or_default();
        let mut intervals = BTreeMap::new();
        for target in targets {
            let value = |name| target.labels.get(name).cloned().unwrap_or_default();
            if let Ok(interval) = target.scrape_interval.parse::<Duration>() {
                let slowest: &mut Duration =
                    intervals.entry((value(label::JOB), value(label::INSTANCE))).or_insert(interval);
                *slowest = interval.max(*slowest);
            }
        }
        Ok(Self { intervals, known: BTreeMap::new() })
    }

    /// What is to be said about the scrapes of an SLO's series.
    pub(super) async fn check(&mut self, client: &Client, slo: &SloPlan) -> Result<Option<Diagnostic>, Error> {
        let mut worst: Option<(bool, Interval)> = None;
        for source in planned::sources(slo) {
            let is_counter = matches!(source.role, Role::Counter | Role::Bucket);
            if !is_counter && source.role != Role::Value && source.role != Role::Queried {
                continue;
            }
            let Some(interval) = self.interval(client, &source.selector).await? else { continue };
            if worst.as_ref().is_none_or(|(_, known)| known.time < interval.time) {
                worst = Some((is_counter, interval));
            }
        }
        Ok(worst.and_then(|(is_counter, interval)| verdict(slo, is_counter, &interval)))
    }

    async fn interval(&mut self, client: &Client, selector: &Selector) -> Result<Option<Interval>, Error> {
        let key = selector.to_string();
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let interval = match self.of_targets(client, selector).await? {
            Some(interval) => Some(interval),
            None => of_samples(client, selector).await?,
        };
        self.known.insert(key, interval.clone());
        Ok(interval)
    }

    /// The longest interval of the targets that have such series.
    async fn of_targets(&self, client: &Client, selector: &Selector) -> Result<Option<Interval>, Error> {
        let (job, instance) = (label::JOB, label::INSTANCE);
        let expression = format!("count by ({job}, {instance}) ({selector})");
        let series = optional(client.query(&expression, None).await)?.unwrap_or_default();
        let intervals = series.iter().filter_map(|series| {
            let value = |name| series.labels.get(name).cloned().unwrap_or_default();
            let key = (value(job), value(instance));
            let time = *self.intervals.get(&key)?;
            Some(Interval { time, of: format!("job `{}`, instance `{}`", key.0, key.1) })
        });
        Ok(intervals.max_by_key(|interval| interval.time))
    }
}

/// The interval that the densest series shows: nothing says how a series of another origin is scraped.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a positive number of milliseconds
async fn of_samples(client: &Client, selector: &Selector) -> Result<Option<Interval>, Error> {
    let expression = format!("max(count_over_time({selector}[{COUNTED}]))");
    let samples = optional(client.query(&expression, None).await)?.unwrap_or_default();
    Ok(samples.first().filter(|sample| sample.value >= 2.0).map(|sample| {
        let time = Duration::from_millis((COUNTED.as_secs_f64() * 1000.0 / sample.value) as u64);
        Interval { time: time.floor_to(Duration::from_secs(1)), of: format!("its samples of the last {COUNTED}") }
    }))
}

fn verdict(slo: &SloPlan, is_counter: bool, interval: &Interval) -> Option<Diagnostic> {
    let (name, lookback) = (&slo.slo.name, slo.slo.rules.lookback);
    let Interval { time, of } = interval;
    if is_counter && time.times(2) >= lookback {
        let message =
            format!("series of SLO `{name}` are scraped every {time}, too rarely for a look-back of {lookback}");
        let needed = time.times(3);
        return Some(
            at_slo(Code::ScrapesTooRare, slo, message, format!("events would be lost; learnt from {of}"))
                .help(format!("set `rules.lookback` to {needed}, or scrape more often than every {}", half(lookback))),
        );
    }
    let shortest = slo.pairs.iter().map(|pair| pair.short).min()?;
    (time.times(FEWEST) > shortest).then(|| {
        let message = format!("the shortest window of SLO `{name}`, {shortest}, holds fewer than {FEWEST} scrapes");
        at_slo(Code::ScrapesCoarse, slo, message, format!("scraped every {time}; learnt from {of}"))
            .help("scrape more often, or set longer `alerting.windows`")
    })
}

fn half(time: Duration) -> Duration {
    Duration::from_millis(time.as_millis() / 2)
}
