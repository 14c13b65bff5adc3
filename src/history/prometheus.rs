//! The history that a Prometheus recorded by the generated rules: slices of SLOs of every kind, group by group.
//!
//! A slice is read as it was recorded, at its own time, so that what is added up of it is what the rules add up. Memory
//! is bounded by what one answer may hold and by the number of groups. Nothing is kept here but what the server says of
//! itself, and nothing is evaluated but what is stored.

mod gates;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::audit::{Entries, Entry, EntryKind, LONGEST};
use super::{Causes, Fired, FiredAlerts, Group, Groups, History, HistoryError, OpenGroups, Slice, SloKey, Told};
use crate::names::{ALERTS, Metric, Record, label};
use crate::prometheus::{Client, Error, Labels, MAX_POINTS, Range, Retention, Sample, Series};
use crate::slo::window::{SLICE, Tier};
use crate::slo::{Plan, SloPlan, budget};
use crate::spec::model::Sli;
use crate::units::{Duration, Name};
use gates::Rules;

/// One answer holds at most this many samples of a series.
const SAMPLES: u64 = 2_880;

/// An SLO with more groups than this is not read: no board could show them.
const MOST_GROUPS: usize = 1_000;

/// How far apart two clocks may be, in seconds.
const CLOCKS_APART: i64 = 60;

/// How long is believed what the server said of itself.
const BELIEVED: std::time::Duration = std::time::Duration::from_secs(30);

/// How long is believed that it does not answer: one who asks about hundreds of SLOs is not to wait for each of them.
const SILENT: std::time::Duration = std::time::Duration::from_secs(1);

/// Whoever asks about now asks about a time at most this far from it, in seconds.
const NOW: i64 = 300;

/// A failure is looked for this long before the slice that counts it, in seconds: rules lag behind what they count.
const CAUSES_BEFORE: i64 = 90;

/// How exactly it is told when an alert fired, in seconds.
const ALERT_STEP: i64 = 60;

/// The history in a Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    client: Client,
    slos: BTreeMap<SloKey, Source>,
    server: Mutex<Option<(Instant, Result<Server, HistoryError>)>>,
}

/// Where the slices of an SLO are.
#[derive(Clone, Debug)]
struct Source {
    slice: Duration,
    bad: Record,
    total: Record,
    /// The series that has a sample for each observed slice.
    observed: Record,
    /// What bad and total are multiplied by.
    weight: f64,
    by: Vec<String>,
    /// For how long is believed what was scraped last of the audit.
    believed: Duration,
    /// The probe that it counts, if it counts one.
    probe: Option<Name>,
    rules: Rules,
}

/// What a server says of itself.
#[derive(Clone, Copy, Debug)]
struct Server {
    /// Its clock minus this one, in seconds.
    ahead: i64,
    /// How long it keeps samples, in seconds, if it says so.
    keeps: Option<i64>,
}

impl Prometheus {
    /// The history of every SLO of a plan whose rules that Prometheus evaluates.
    #[must_use]
    pub fn new(client: Client, plan: &Plan) -> Self {
        let slos = plan.slos().map(|plan| (SloKey::of(&plan.slo), Source::of(plan))).collect();
        Self { client, slos, server: Mutex::default() }
    }

    async fn read(&self, key: &SloKey, after: i64, until: i64) -> Result<Vec<Group>, HistoryError> {
        let source = self.slos.get(key).ok_or_else(|| HistoryError::NotKept(key.clone()))?;
        let server = self.server().await?;
        check_clock(server, until)?;
        let mut groups: BTreeMap<Labels, Parts> = BTreeMap::new();
        for (from, to) in source.chunks(after, until) {
            let selector = source.selector(key, to.saturating_sub(from));
            for series in self.client.stored(&selector, to.saturating_mul(1_000)).await.map_err(unavailable)? {
                let parts = groups.entry(source.group(&series.labels)).or_default();
                parts.add(source, series);
            }
            if groups.len() > MOST_GROUPS {
                return Err(HistoryError::Unavailable(format!("{key} has more than {MOST_GROUPS} groups")));
            }
        }
        if groups.is_empty() && !self.is_evaluated(key, until).await? {
            return Err(HistoryError::RulesNotLoaded(key.clone()));
        }
        // What is gone began before; a block or two may be left over.
        let lost = server.keeps.map(|keeps| until.saturating_sub(keeps.saturating_sub(keeps / 10)));
        let group = |(labels, parts): (Labels, Parts)| {
            let corrected = Some(parts.corrected.iter().map(|(end, seconds)| (*end, *seconds)).collect());
            let slices = parts.slices(source);
            let first = slices.first().map(|slice| slice.events.end);
            Group { labels, is_cut: first.zip(lost).is_some_and(|(first, lost)| first < lost), slices, corrected }
        };
        Ok(groups.into_iter().map(group).collect())
    }

    /// Why runs of the probe of an SLO failed, as the probe service counted them. Increases of a Prometheus are
    /// extrapolated, so that they are about right.
    async fn read_causes(&self, key: &SloKey, after: i64, until: i64) -> Result<Causes, HistoryError> {
        let Some(probe) = self.slos.get(key).and_then(|source| source.probe.as_ref()) else {
            return Ok(Causes::default());
        };
        // What a rule recorded at a moment happened before it.
        let length = until.saturating_sub(after).saturating_add(CAUSES_BEFORE);
        let service = (label::SERVICE, key.service.as_str());
        let selector = format!("{{{}=\"{}\",{}=\"{probe}\"}}[{length}s]", service.0, service.1, label::PROBE);
        let increases = async |metric: Metric, by: &str| {
            let expression = format!("sum by ({by}) (increase({}{selector}))", metric.name());
            let found = self.client.query(&expression, Some(until.saturating_mul(1_000))).await.map_err(unavailable)?;
            let count = |sample: Sample| Some((sample.labels.get(by)?.clone(), whole(sample.value)?));
            Ok::<_, HistoryError>(found.into_iter().filter_map(count).collect())
        };
        let reasons = increases(Metric::ProbeFailures, label::REASON).await?;
        Ok(Causes { reasons, steps: increases(Metric::StepFailures, label::STEP).await? })
    }

    /// The alerts of an SLO that fired, to the minute or to as little as an answer may hold.
    async fn read_alerts(&self, key: &SloKey, after: i64, until: i64) -> Result<FiredAlerts, HistoryError> {
        let step = until.saturating_sub(after).div_euclid(MAX_POINTS).saturating_add(1).max(ALERT_STEP);
        let expression = format!("{ALERTS}{{{}=\"firing\",{}}}", label::ALERTSTATE, identity(key));
        let range = Range { start: after.saturating_add(1) * 1_000, end: until * 1_000, step: step * 1_000 };
        let mut fired = Vec::new();
        for series in self.client.query_range(&expression, range).await.map_err(unavailable)? {
            let mut labels = series.labels;
            labels.remove("__name__");
            let mut last: Option<Fired> = None;
            for (at, _) in series.points {
                let at = at.div_euclid(1_000);
                match &mut last {
                    Some(one) if at.saturating_sub(one.until) <= step => one.until = at,
                    _ => fired.extend(last.replace(Fired { labels: labels.clone(), from: at, until: at })),
                }
            }
            fired.extend(last);
        }
        fired.sort_by_key(|one| one.from);
        Ok(FiredAlerts { fired, step })
    }

    /// Whether the rules of an SLO are evaluated, though they have nothing to record yet.
    async fn is_evaluated(&self, key: &SloKey, at: i64) -> Result<bool, HistoryError> {
        let constant = format!("{}{{{}}}", Record::Objective.name(), identity(key));
        let found = self.client.query(&constant, Some(at.saturating_mul(1_000))).await.map_err(unavailable)?;
        Ok(!found.is_empty())
    }

    /// The override that was in force at a moment, as the rules saw it.
    async fn overrides(&self, key: &SloKey, at: i64) -> Result<Vec<Entry>, HistoryError> {
        let source = self.slos.get(key).ok_or_else(|| HistoryError::NotKept(key.clone()))?;
        let name = Metric::GateOverrideUntil.name();
        let expression = format!("max(last_over_time({name}{{{}}}[{}]))", identity(key), source.believed);
        let found = self.client.query(&expression, Some(at.saturating_mul(1_000))).await.map_err(unavailable)?;
        #[allow(clippy::cast_possible_truncation)] // Unix seconds
        let until = found.first().map_or(0, |sample| sample.value as i64);
        // Whoever asks reads a second ahead.
        let latest = at.saturating_sub(1);
        if until <= latest {
            return Ok(Vec::new());
        }
        let from = self.said_since(key, until, at).await?.unwrap_or(latest).min(latest);
        let entry = Entry {
            id: 0,
            at: from,
            kind: EntryKind::Override,
            service: key.service.to_string(),
            slo: key.slo.to_string(),
            from,
            until,
            reason: String::new(),
            by: String::new(),
            authenticated: String::new(),
            withdraws: None,
        };
        Ok(vec![entry])
    }

    /// Since when the probe service was seen to say without a break that an override holds; if that is as long as any
    /// override may be, since when it holds until then.
    async fn said_since(&self, key: &SloKey, until: i64, at: i64) -> Result<Option<i64>, HistoryError> {
        let (name, length) = (Metric::GateOverrideUntil.name(), seconds(LONGEST));
        let selector = format!("{name}{{{}}}[{length}s]", identity(key));
        let stored = self.client.stored(&selector, at.saturating_mul(1_000)).await.map_err(unavailable)?;
        let known_from = at.saturating_sub(length).saturating_add(ALERT_STEP);
        let since = |series: &Series| {
            #[allow(clippy::cast_possible_truncation)] // Unix seconds
            let points = || series.points.iter().map(|(time, value)| (time.div_euclid(1_000), *value as i64));
            let holding = points().rev().take_while(|(time, said)| said > time).last();
            let holding = holding.map(|(time, _)| time).filter(|time| *time > known_from);
            holding.or_else(|| points().find(|(_, said)| *said == until).map(|(time, _)| time))
        };
        Ok(stored.iter().filter_map(since).min())
    }

    /// What the server says of itself, now or a moment ago.
    async fn server(&self) -> Result<Server, HistoryError> {
        let known = self.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((since, server)) = known
            && since.elapsed() < if server.is_ok() { BELIEVED } else { SILENT }
        {
            return server;
        }
        let server = self.ask_server().await.map_err(unavailable);
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), server.clone()));
        server
    }

    async fn ask_server(&self) -> Result<Server, Error> {
        let time = self.client.query("time()", None).await?.first().map(|sample| sample.value);
        #[allow(clippy::cast_possible_truncation)] // Unix seconds
        let ahead = time.map_or(0, |time| time.round() as i64 - now());
        let keeps = match self.client.retention().await? {
            Retention::For(time) => Some(seconds(time)),
            Retention::Forever | Retention::Unknown(_) => None,
        };
        Ok(Server { ahead, keeps })
    }
}

impl History for Prometheus {
    fn slice(&self, key: &SloKey) -> Duration {
        self.slos.get(key).map_or(SLICE, |source| source.slice)
    }

    fn groups<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Groups<'a> {
        Box::pin(self.read(key, after, until))
    }

    /// Only whether there is an override: Prometheus does not know why, nor by whom.
    fn entries<'a>(&'a self, key: &'a SloKey, _after: i64, until: i64) -> Entries<'a> {
        Box::pin(self.overrides(key, until))
    }

    fn causes<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Told<'a, Causes> {
        Box::pin(self.read_causes(key, after, until))
    }

    fn alerts<'a>(&'a self, key: &'a SloKey, after: i64, until: i64) -> Told<'a, Option<FiredAlerts>> {
        Box::pin(async move { self.read_alerts(key, after, until).await.map(Some) })
    }

    fn open_groups<'a>(&'a self, key: &'a SloKey, until: i64) -> OpenGroups<'a> {
        Box::pin(self.read_open(key, until))
    }
}

impl Source {
    fn of(plan: &SloPlan) -> Self {
        let tier = plan.budget_tier();
        let slice = plan.interval(tier);
        let is_query = matches!(plan.slo.sli, Sli::Query { .. });
        let (bad, total) = match tier {
            Tier::Fast if !is_query => (Record::BadIncrease, Record::TotalIncrease),
            _ => (Record::BadIncrease5m, Record::TotalIncrease5m),
        };
        let observed = match plan.slo.sli {
            Sli::Probe { .. } | Sli::Latency { .. } => Record::ObservedAt,
            // What was counted was observed.
            _ => total,
        };
        // Five minutes of a query are recorded anew at every evaluation.
        let weight = if is_query { slice.as_secs_f64() / SLICE.as_secs_f64() } else { 1.0 };
        let by = plan.slo.sli.by().iter().map(ToString::to_string).collect();
        let probe = match &plan.slo.sli {
            Sli::Probe { probe, .. } => Some(probe.clone()),
            _ => None,
        };
        Self { slice, bad, total, observed, weight, by, believed: plan.stale_after(), probe, rules: Rules::of(plan) }
    }

    /// The stretches of time that one answer each may hold, as (after, until], oldest first.
    fn chunks(&self, after: i64, until: i64) -> impl Iterator<Item = (i64, i64)> {
        let length = seconds(self.slice.times(SAMPLES)).max(1);
        let count = until.saturating_sub(after).max(0);
        let chunks = count.div_euclid(length) + i64::from(count % length > 0);
        (0..chunks).map(move |chunk| {
            let from = after.saturating_add(chunk * length);
            (from, from.saturating_add(length).min(until))
        })
    }

    /// Every sample of the last `length` seconds, without one on the left edge, which Prometheus 2 would include.
    fn selector(&self, key: &SloKey, length: i64) -> String {
        let mut names = vec![self.bad.name(), self.total.name(), self.observed.name(), Record::CorrectedSeconds.name()];
        names.sort_unstable();
        names.dedup();
        let range = Duration::from_secs(length.unsigned_abs()).minus(Duration::from_millis(1));
        format!("{{__name__=~\"{}\",{}}}[{range}]", names.join("|"), identity(key))
    }

    /// The labels of the group that a series belongs to.
    fn group(&self, labels: &Labels) -> Labels {
        let own = |name: &String| Some((name.clone(), labels.get(name)?.clone()));
        self.by.iter().filter_map(own).collect()
    }
}

/// The samples of a group by the end of their slice.
#[derive(Default)]
struct Parts {
    bad: BTreeMap<i64, f64>,
    total: BTreeMap<i64, f64>,
    observed: Vec<i64>,
    corrected: BTreeMap<i64, f64>,
}

impl Parts {
    fn add(&mut self, source: &Source, series: Series) {
        let name = series.labels.get("__name__").map(String::as_str).unwrap_or_default();
        let points = || series.points.iter().map(|(at, value)| (end(*at), *value));
        // Staleness and replicas: a value that is no number says nothing, and one sample of a slice is enough.
        let numbers = || points().filter(|(_, value)| value.is_finite());
        if name == source.bad.name() {
            self.bad.extend(numbers());
        }
        if name == Record::CorrectedSeconds.name() {
            self.corrected.extend(numbers());
        }
        if name == source.total.name() {
            self.total.extend(numbers());
        }
        if name == source.observed.name() {
            self.observed.extend(points().map(|(at, _)| at));
        }
    }

    /// The slices that were observed, in order of time.
    fn slices(mut self, source: &Source) -> Vec<Slice> {
        self.observed.sort_unstable();
        self.observed.dedup();
        let of = |counts: &BTreeMap<i64, f64>, end: i64| counts.get(&end).copied().unwrap_or_default() * source.weight;
        let slice = |end: i64| {
            let events = budget::Slice { end, bad: of(&self.bad, end), total: of(&self.total, end) };
            Slice { events, failures: BTreeMap::new() }
        };
        self.observed.iter().map(|end| slice(*end)).collect()
    }
}

/// A count that Prometheus extrapolated; none where nothing is left of it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // rounded and above zero
fn whole(count: f64) -> Option<u64> {
    let count = count.round();
    (count >= 1.0).then_some(count as u64)
}

/// The end of the slice that was recorded at a time in Unix milliseconds, in seconds.
const fn end(millis: i64) -> i64 {
    // Up, so that what was recorded after a second is after it here too.
    millis.saturating_add(999).div_euclid(1_000)
}

/// The matchers of what is recorded for one SLO. Names are safe in quotes.
fn identity(key: &SloKey) -> String {
    format!("{}=\"{}\",{}=\"{}\"", label::SERVICE, key.service, label::SLO, key.slo)
}

/// Whoever asks about now must mean the same by it as the server.
fn check_clock(server: Server, until: i64) -> Result<(), HistoryError> {
    let is_now = until.saturating_sub(now()).saturating_abs() <= NOW;
    if is_now && server.ahead.saturating_abs() > CLOCKS_APART {
        return Err(HistoryError::ClockAhead { seconds: server.ahead });
    }
    Ok(())
}

fn unavailable(error: Error) -> HistoryError {
    match error {
        Error::Incomplete(why) => HistoryError::Incomplete(why),
        error => HistoryError::Unavailable(error.to_string()),
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.count_of(Duration::from_secs(1))).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An SLO whose slices are a minute long.
    fn minutely() -> Source {
        let text = "version: burndown/v1\nservice: shop\nwindow: 6h\nrules: {interval: 1m}\nslos:\n  - {name: requests, objective: 90, sli: {events: {bad: b, total: t}}}\n";
        let (plan, _) = Plan::of(&crate::spec::load_text("shop.yaml", text).fleet);
        let source = plan.slos().next().map(Source::of).expect("an SLO");
        assert_eq!(source.slice, Duration::from_mins(1));
        source
    }

    proptest! {
        #[test]
        fn chunks_hold_every_second_once(after in 0..2_000_000_000i64, length in -10..20_000_000i64) {
            let chunks: Vec<_> = minutely().chunks(after, after + length).collect();
            prop_assert_eq!(chunks.iter().map(|(from, to)| to - from).sum::<i64>(), length.max(0));
            prop_assert!(chunks.iter().all(|(from, to)| from < to && to - from <= 2_880 * 60));
            prop_assert!(chunks.windows(2).all(|pair| pair[0].1 == pair[1].0));
        }
    }

    #[test]
    fn a_slice_ends_in_the_second_in_which_it_was_recorded() {
        assert_eq!([end(1_000), end(1_001), end(1_999), end(2_000)], [1, 2, 2, 2]);
    }

    #[test]
    fn what_is_no_number_says_nothing() {
        let source = minutely();
        let labels = Labels::from([("__name__".to_owned(), source.total.name())]);
        let mut parts = Parts::default();
        parts.add(&source, Series { labels, points: vec![(60_000, f64::NAN), (120_000, 5.0)] });
        let totals: Vec<(i64, f64)> =
            parts.slices(&source).iter().map(|slice| (slice.events.end, slice.events.total)).collect();
        assert_eq!(totals, [(60, 0.0), (120, 5.0)]);
    }

    #[test]
    fn clocks_apart_are_told_only_to_those_who_ask_about_now() {
        let server = Server { ahead: -61, keeps: None };
        assert_eq!(check_clock(server, now()), Err(HistoryError::ClockAhead { seconds: -61 }));
        assert_eq!(check_clock(server, now() - 3_600), Ok(()));
        assert_eq!(check_clock(Server { ahead: 60, keeps: None }, now()), Ok(()));
    }
}
