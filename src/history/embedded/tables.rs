//! Rows: what is loaded when a history is opened, and what one commit writes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use rusqlite::{Connection, OptionalExtension, Transaction, named_params, params};
use serde::{Deserialize, Serialize};

use super::audit;
use super::day::{self, Cell, MINUTES};
use super::file::FileError;
use super::minutes::Minutes;
use super::read::ArchivedProbe;
use crate::history::audit::Entry;
use crate::history::counts::{BUCKETS, Counts, StepCounts};
use crate::history::{SloKey, StorageState};
use crate::probe::ProbeKey;
use crate::probe::outcome::{Reason, SkipReason};
use crate::units::Name;

/// The version of the schema that keeps which step of a journey failed in each minute.
const STEPS_SINCE_VERSION: i64 = 3;

/// Which minute of a probe: its number, counted from where the probe's minutes begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    /// How often the clock was set back before it.
    pub(super) era: i64,
    /// The number of the minute.
    pub(super) minute: i64,
}

/// A stretch of time in which probes were run, in seconds of Unix time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) id: i64,
    pub(super) era: i64,
    pub(super) since: i64,
    pub(super) until: i64,
}

/// What is known of a probe when a history is opened.
#[derive(Debug, Default)]
pub(super) struct LoadedProbe {
    pub(super) id: i64,
    pub(super) interval_ms: i64,
    pub(super) offset_s: i64,
    pub(super) counts: Counts,
    /// When the counts changed last, in seconds of Unix time.
    pub(super) changed: i64,
    /// The minutes that still change.
    pub(super) cells: BTreeMap<At, Cell>,
}

/// What is known when a history is opened.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) probes: BTreeMap<ProbeKey, LoadedProbe>,
    /// The newest span.
    pub(super) span: Option<Span>,
    /// What was counted of the history itself.
    pub(super) facts: StorageState,
    /// The audit.
    pub(super) audit: Vec<Entry>,
}

/// A probe as its row has it.
#[derive(Clone, Debug)]
pub(super) struct ProbeRow {
    pub(super) id: i64,
    pub(super) key: ProbeKey,
    pub(super) interval_ms: i64,
    pub(super) offset_s: i64,
}

/// Minutes that no longer change and move into the rows of their days.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub(super) id: i64,
    pub(super) key: ProbeKey,
    pub(super) interval_ms: i64,
    pub(super) cells: BTreeMap<At, Cell>,
    /// Days before this one are deleted.
    pub(super) oldest_day: i64,
}

/// Everything that one transaction writes.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) probes: Vec<ProbeRow>,
    pub(super) slos: Option<Vec<(SloKey, Name)>>,
    /// Id, key, counts, and when they changed.
    pub(super) counters: Vec<(i64, ProbeKey, Counts, i64)>,
    pub(super) minutes: Vec<(i64, ProbeKey, At, Cell)>,
    pub(super) folds: Vec<Fold>,
    /// Probes of which all is deleted that is older than a day.
    pub(super) pruned: Vec<(i64, i64)>,
    /// Probes of which nothing is left.
    pub(super) gone: Vec<i64>,
    pub(super) span: Span,
    /// Spans that ended before this moment are deleted.
    pub(super) oldest_span: i64,
    pub(super) facts: StorageState,
    /// New entries of the audit.
    pub(super) audit: Vec<Entry>,
}

/// Reads all but the minutes that no longer change.
///
/// # Errors
/// What keeps it from being read.
pub(super) fn load(connection: &Connection) -> Result<Loaded, FileError> {
    let mut loaded = Loaded::default();
    let mut keys = BTreeMap::new();
    let mut statement = connection.prepare("SELECT id, service, probe, interval_ms, offset_s FROM probes")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key = ProbeKey { service: name(&row.get::<_, String>(1)?)?, probe: name(&row.get::<_, String>(2)?)? };
        let probe =
            LoadedProbe { id: row.get(0)?, interval_ms: row.get(3)?, offset_s: row.get(4)?, ..LoadedProbe::default() };
        keys.insert(probe.id, key.clone());
        loaded.probes.insert(key, probe);
    }
    load_counters(connection, &keys, &mut loaded)?;
    load_open_minutes(connection, &keys, &mut loaded)?;
    let newest = "SELECT id, era, since, until FROM spans ORDER BY id DESC LIMIT 1";
    let span = |row: &rusqlite::Row<'_>| {
        Ok(Span { id: row.get(0)?, era: row.get(1)?, since: row.get(2)?, until: row.get(3)? })
    };
    loaded.span = connection.query_row(newest, [], span).optional()?;
    let fact = |name: &str| -> Result<u64, FileError> {
        let mut statement = connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?.unwrap_or_default())
    };
    loaded.facts = StorageState {
        errors: fact(ERRORS)?,
        set_aside: fact(SET_ASIDE)?,
        forgotten: fact(FORGOTTEN)?,
        ..StorageState::default()
    };
    loaded.audit = audit::load(connection)?;
    Ok(loaded)
}

const ERRORS: &str = "errors";
const SET_ASIDE: &str = "set aside";
const FORGOTTEN: &str = "forgotten minutes";

fn load_counters(
    connection: &Connection,
    keys: &BTreeMap<i64, ProbeKey>,
    loaded: &mut Loaded,
) -> Result<(), FileError> {
    let columns = "probe_id, successes, failures, skipped, buckets, seconds, steps, changed";
    let mut statement = connection.prepare(&format!("SELECT {columns} FROM counters"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(probe) = keys.get(&row.get(0)?).and_then(|key| loaded.probes.get_mut(key)) else { continue };
        let text = |column| -> Result<String, FileError> { Ok(row.get(column)?) };
        probe.counts = Counts {
            successes: row.get(1)?,
            failures: failures(&serde_json::from_str(&text(2)?)?),
            skipped: skipped(&serde_json::from_str(&text(3)?)?),
            buckets: buckets(&serde_json::from_str(&text(4)?)?)?,
            seconds: row.get(5)?,
            steps: steps(serde_json::from_str(&text(6)?)?)?,
            last: None,
            tls_not_after: None,
        };
        probe.changed = row.get(7)?;
    }
    Ok(())
}

fn load_open_minutes(
    connection: &Connection,
    keys: &BTreeMap<i64, ProbeKey>,
    loaded: &mut Loaded,
) -> Result<(), FileError> {
    let mut statement = connection.prepare("SELECT probe_id, era, minute, good, failures, steps FROM open_minutes")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(probe) = keys.get(&row.get(0)?).and_then(|key| loaded.probes.get_mut(key)) else { continue };
        let cell = Cell {
            good: row.get(3)?,
            failures: serde_json::from_str(&row.get::<_, String>(4)?)?,
            steps: serde_json::from_str(&row.get::<_, String>(5)?)?,
        };
        probe.cells.insert(At { era: row.get(1)?, minute: row.get(2)? }, cell);
    }
    Ok(())
}

fn name(text: &str) -> Result<Name, FileError> {
    Name::from_str(text).map_err(|error| FileError::Damaged(error.to_string()))
}

/// Counts by the name of their child.
type Named = BTreeMap<Cow<'static, str>, u64>;

/// What a step's counts look like as JSON.
#[derive(Debug, Default, Deserialize, Serialize)]
struct StepText {
    successes: u64,
    failures: Named,
    not_reached: u64,
}

fn named<K: Copy>(counts: &BTreeMap<K, u64>, name: impl Fn(K) -> &'static str) -> Named {
    counts.iter().map(|(key, count)| (Cow::Borrowed(name(*key)), *count)).collect()
}

/// A reason of a later version is left out: nobody here could show it.
fn failures(named: &Named) -> BTreeMap<Reason, u64> {
    named.iter().filter_map(|(name, count)| Some((day::reason(name)?, *count))).collect()
}

fn skipped(named: &Named) -> BTreeMap<SkipReason, u64> {
    let reason = |name: &str| SkipReason::ALL.into_iter().find(|reason| reason.as_str() == name);
    named.iter().filter_map(|(name, count)| Some((reason(name)?, *count))).collect()
}

/// Buckets that are not empty by their upper bound.
fn bucket_text(counts: &Counts) -> Named {
    let bounds = BUCKETS.into_iter().map(|bound| bound.to_string()).chain(["+Inf".to_owned()]);
    let filled = bounds.zip(counts.buckets).filter(|(_, count)| *count > 0);
    filled.map(|(bound, count)| (Cow::Owned(bound), count)).collect()
}

/// Counts of buckets as this version has them. A bucket that is no more goes to the next larger one, so that no bucket
/// that is still there shows less than before.
fn buckets(named: &Named) -> Result<[u64; BUCKETS.len() + 1], FileError> {
    let mut counts = [0; BUCKETS.len() + 1];
    for (bound, count) in named {
        let bound: f64 = bound.parse().map_err(|_| FileError::Damaged(format!("`{bound}` bounds no bucket")))?;
        if let Some(slot) = counts.get_mut(BUCKETS.partition_point(|one| *one < bound)) {
            *slot += count;
        }
    }
    Ok(counts)
}

fn steps(texts: BTreeMap<String, StepText>) -> Result<BTreeMap<Name, StepCounts>, FileError> {
    let step = |(step, text): (String, StepText)| {
        let counts = StepCounts {
            successes: text.successes,
            failures: failures(&text.failures),
            not_reached: text.not_reached,
            last: None,
        };
        Ok((name(&step)?, counts))
    };
    texts.into_iter().map(step).collect()
}

fn step_text(counts: &StepCounts) -> StepText {
    StepText {
        successes: counts.successes,
        failures: named(&counts.failures, Reason::as_str),
        not_reached: counts.not_reached,
    }
}

/// Writes a batch, all of it or nothing.
///
/// # Errors
/// What keeps it from being written.
pub(super) fn write(connection: &mut Connection, batch: &Batch) -> Result<(), FileError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    write_probes(&transaction, batch)?;
    write_counters(&transaction, batch)?;
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO open_minutes (probe_id, era, minute, good, failures, steps)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (id, _, at, cell) in &batch.minutes {
        let failures = serde_json::to_string(&cell.failures)?;
        let steps = serde_json::to_string(&cell.steps)?;
        statement.execute(params![id, at.era, at.minute, cell.good, failures, steps])?;
    }
    drop(statement);
    for fold in &batch.folds {
        write_fold(&transaction, fold)?;
    }
    prune(&transaction, batch)?;
    let Span { id, era, since, until } = batch.span;
    let mut statement =
        transaction.prepare_cached("INSERT OR REPLACE INTO spans (id, era, since, until) VALUES (?1, ?2, ?3, ?4)")?;
    statement.execute([id, era, since, until])?;
    drop(statement);
    let facts = [(ERRORS, batch.facts.errors), (SET_ASIDE, batch.facts.set_aside), (FORGOTTEN, batch.facts.forgotten)];
    for (name, value) in facts {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2 WHERE value <> ?2",
        )?;
        statement.execute(params![name, value])?;
    }
    audit::write(&transaction, &batch.audit)?;
    Ok(transaction.commit()?)
}

fn write_probes(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), FileError> {
    for probe in &batch.probes {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO probes (id, service, probe, interval_ms, offset_s) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET interval_ms = ?4",
        )?;
        let (service, name) = (probe.key.service.as_str(), probe.key.probe.as_str());
        statement.execute(params![probe.id, service, name, probe.interval_ms, probe.offset_s])?;
    }
    let Some(slos) = &batch.slos else { return Ok(()) };
    transaction.execute("DELETE FROM slos", [])?;
    for (key, probe) in slos {
        let mut statement = transaction.prepare_cached("INSERT INTO slos (service, slo, probe) VALUES (?1, ?2, ?3)")?;
        statement.execute([key.service.as_str(), key.slo.as_str(), probe.as_str()])?;
    }
    Ok(())
}

fn write_counters(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), FileError> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO counters
           (probe_id, successes, failures, skipped, buckets, seconds, steps, changed)
         VALUES (:id, :successes, :failures, :skipped, :buckets, :seconds, :steps, :changed)",
    )?;
    for (id, _, counts, changed) in &batch.counters {
        let steps: BTreeMap<&str, StepText> =
            counts.steps.iter().map(|(name, counts)| (name.as_str(), step_text(counts))).collect();
        statement.execute(named_params! {
            ":id": id,
            ":successes": counts.successes,
            ":failures": serde_json::to_string(&named(&counts.failures, Reason::as_str))?,
            ":skipped": serde_json::to_string(&named(&counts.skipped, SkipReason::as_str))?,
            ":buckets": serde_json::to_string(&bucket_text(counts))?,
            ":seconds": counts.seconds,
            ":steps": serde_json::to_string(&steps)?,
            ":changed": changed,
        })?;
    }
    Ok(())
}

/// Moves minutes of one probe into the rows of their days, where minutes that came late are added to what is there.
fn write_fold(transaction: &Transaction<'_>, fold: &Fold) -> Result<(), FileError> {
    let mut days: BTreeMap<(i64, i64), Vec<(i64, &Cell)>> = BTreeMap::new();
    let mut closed =
        transaction.prepare_cached("DELETE FROM open_minutes WHERE probe_id = ?1 AND era = ?2 AND minute = ?3")?;
    for (at, cell) in &fold.cells {
        closed.execute([fold.id, at.era, at.minute])?;
        let day = days.entry((at.era, at.minute.div_euclid(MINUTES))).or_default();
        day.push((at.minute.rem_euclid(MINUTES), cell));
    }
    let mut read = transaction
        .prepare_cached("SELECT interval_ms, minutes FROM days WHERE probe_id = ?1 AND era = ?2 AND day = ?3")?;
    let mut write = transaction.prepare_cached(
        "INSERT OR REPLACE INTO days (probe_id, era, day, interval_ms, minutes) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for ((era, day), cells) in days {
        let there = read.query_row([fold.id, era, day], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
        let (interval_ms, mut minutes) = match there.optional()? {
            Some((interval_ms, text)) => (interval_ms.max(fold.interval_ms), day::decode_each(&text)?),
            None => (fold.interval_ms, BTreeMap::new()),
        };
        for (minute, cell) in cells {
            minutes.entry(minute).or_insert_with(Cell::default).add(cell);
        }
        write.execute(params![fold.id, era, day, interval_ms, day::encode(&minutes)?])?;
    }
    let mut old = transaction.prepare_cached("DELETE FROM days WHERE probe_id = ?1 AND day < ?2")?;
    old.execute([fold.id, fold.oldest_day])?;
    Ok(())
}

fn prune(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), FileError> {
    for (id, oldest_day) in &batch.pruned {
        transaction.execute("DELETE FROM days WHERE probe_id = ?1 AND day < ?2", [id, oldest_day])?;
    }
    for id in &batch.gone {
        for table in ["days", "open_minutes", "counters"] {
            transaction.execute(&format!("DELETE FROM {table} WHERE probe_id = ?1"), [id])?;
        }
        transaction.execute("DELETE FROM probes WHERE id = ?1", [id])?;
    }
    transaction.prepare_cached("DELETE FROM spans WHERE until < ?1")?.execute([batch.oldest_span])?;
    Ok(())
}

/// Reads the minutes of a probe, in one consistent view, that begin in `from`..`until` (seconds of Unix time).
///
/// `open` stands for the newest minutes where those of the file are too old.
///
/// # Errors
/// What keeps them from being read.
pub(super) fn minutes(
    connection: &mut Connection,
    key: &ProbeKey,
    from: i64,
    until: i64,
    open: Option<BTreeMap<At, Cell>>,
) -> Result<Option<Minutes>, FileError> {
    let view = connection.transaction()?;
    let probe = view
        .prepare_cached("SELECT id, interval_ms, offset_s FROM probes WHERE service = ?1 AND probe = ?2")?
        .query_row([key.service.as_str(), key.probe.as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    let Some((id, interval_ms, offset_s)) = probe else { return Ok(None) };
    let number = |time: i64| time.saturating_sub(offset_s).div_euclid(60);
    let (first, end) = (number(from), number(until.saturating_add(59)));
    let mut minutes = Minutes { offset_s, spans: spans(&view, from, until)?, ..Minutes::default() };
    let mut statement = view.prepare_cached(
        "SELECT era, day, interval_ms, minutes FROM days WHERE probe_id = ?1 AND day BETWEEN ?2 AND ?3
         ORDER BY era, day",
    )?;
    let mut rows = statement.query([id, first.div_euclid(MINUTES), end.div_euclid(MINUTES)])?;
    while let Some(row) = rows.next()? {
        let (era, day, interval_ms): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        minutes.push_day(era, day, interval_ms, day::decode(&row.get::<_, String>(3)?)?);
    }
    let open = match open {
        Some(open) => open,
        None => open_minutes(&view, id, first, end)?,
    };
    for (at, cell) in open {
        minutes.add(at, interval_ms, cell);
    }
    minutes.keep(&(first..end));
    Ok(Some(minutes))
}

/// The minutes `first`..`end` of a probe that still change.
fn open_minutes(connection: &Connection, id: i64, first: i64, end: i64) -> Result<BTreeMap<At, Cell>, FileError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // Whoever writes it may be of a version that keeps none.
    let steps = if version < STEPS_SINCE_VERSION { "'{}'" } else { "steps" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT era, minute, good, failures, {steps} FROM open_minutes
         WHERE probe_id = ?1 AND minute BETWEEN ?2 AND ?3",
    ))?;
    let mut rows = statement.query([id, first, end])?;
    let mut open = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let cell = Cell {
            good: row.get(2)?,
            failures: serde_json::from_str(&row.get::<_, String>(3)?)?,
            steps: serde_json::from_str(&row.get::<_, String>(4)?)?,
        };
        open.insert(At { era: row.get(0)?, minute: row.get(1)? }, cell);
    }
    Ok(open)
}

/// Every probe, with the SLOs that count it.
///
/// # Errors
/// What keeps them from being read.
pub(super) fn archived_probes(connection: &Connection) -> Result<Vec<ArchivedProbe>, FileError> {
    let mut statement = connection.prepare(
        "SELECT probes.service, probes.probe, interval_ms, slo FROM probes LEFT JOIN slos USING (service, probe) ORDER BY 1, 2, 4",
    )?;
    let mut rows = statement.query([])?;
    let mut probes: Vec<ArchivedProbe> = Vec::new();
    while let Some(row) = rows.next()? {
        let key = ProbeKey { service: name(&row.get::<_, String>(0)?)?, probe: name(&row.get::<_, String>(1)?)? };
        let slo: Option<String> = row.get(3)?;
        match probes.last_mut().filter(|probe| probe.key == key) {
            Some(probe) => probe.slos.extend(slo),
            None => probes.push(ArchivedProbe { key, interval_ms: row.get(2)?, slos: slo.into_iter().collect() }),
        }
    }
    Ok(probes)
}

/// The spans that touch a time, in order.
fn spans(connection: &Connection, from: i64, until: i64) -> Result<Vec<Span>, FileError> {
    let mut statement = connection
        .prepare_cached("SELECT id, era, since, until FROM spans WHERE until >= ?1 AND since < ?2 ORDER BY id")?;
    let rows = statement.query_map([from, until], |row| {
        Ok(Span { id: row.get(0)?, era: row.get(1)?, since: row.get(2)?, until: row.get(3)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
