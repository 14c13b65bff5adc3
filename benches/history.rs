//! The embedded history of a thousand probes that run every 30 seconds: its size after 35 days, and the processor time
//! that keeping it takes.
//!
//! Fails above 150 MB, above 2 % of one core, or if the slices of one SLO take more than 50 ms. The days of a hundred
//! probes are filled, in commits of hours; processor time is that of a thousand probes with five commits a second, as a
//! service makes them, on a clock that runs faster. Runs are due when the scheduler says, and start a little later.

#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use burndown::history::{Clock, History, SloKey, Storage};
use burndown::probe::outcome::{Outcome, Phases, Reason, Verdict};
use burndown::probe::{Epoch, ProbeKey, Recorder, Schedule};
use burndown::spec::{self, model::Fleet};

#[path = "../tests/support/random.rs"]
mod random;

use random::Random;

const PROBES: usize = 1_000;
const INTERVAL: i64 = 30;
const INTERVAL_MS: i64 = INTERVAL * 1_000;
const DAYS: i64 = 35;
const START: i64 = 1_700_000_000;

/// So many of them are filled, and count tenfold: a probe has rows of its own.
const FILLED: usize = 100;

/// Until minutes settle as fast as new ones come, in seconds.
const WARM_UP: i64 = 1_500;

/// From one commit of a service to the next, in milliseconds.
const COMMIT_MS: i64 = 200;

/// How long processor time is measured, in seconds of the history's clock.
const MEASURED: i64 = 400;

/// One run in so many fails on its own, and one in so many begins an outage.
const FAILURES: (u64, u64) = (300, 5_000);

fn main() {
    // `cargo test --benches` asks for a list of tests; there is none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let fleet = fleet();
    let clock = Arc::new(SetClock { unix_ms: AtomicI64::new(START * 1_000) });
    let storage = Storage::open_at(directory.path(), &fleet, Arc::clone(&clock) as _).expect("it opens");
    let mut load = Load::new();

    let began = Instant::now();
    let mut now = START;
    while now < START + DAYS * 86_400 {
        load.round(&storage, &clock, now, 0..INTERVAL_MS, FILLED);
        now += INTERVAL;
        // Often enough that memory stays small.
        if (now - START) % (6 * 3_600) == 0 {
            settle(&storage, FILLED);
        }
    }
    // An hour later nothing is open any more.
    clock.set((now + 3_600) * 1_000);
    settle(&storage, FILLED);
    println!("{DAYS} days of {FILLED} probes, filled in {:.0} s", began.elapsed().as_secs_f64());
    let megabytes = megabytes(directory.path());
    println!("{megabytes:>8.1} MB on disk for {PROBES} probes (at most 150)");
    let milliseconds = slowest_read(&storage, now);
    println!("{milliseconds:>8.1} ms for the slices of one SLO over all that time (at most 50)");
    let share = share_of_a_core(&storage, &clock, &mut load, now + 7_200);
    println!("{:>8.2} % of one core for {PROBES} probes (at most 2)", share * 100.0);
    assert!(megabytes <= 150.0 && milliseconds <= 50.0 && share <= 0.02, "a limit is exceeded");
}

/// Has every probe's minutes moved into the rows of their days: some probes in each commit.
fn settle(storage: &Storage, probes: usize) {
    for _ in 0..=probes / 20 {
        storage.flush(Duration::from_secs(60));
    }
}

/// Processor time over the time of the clock while every probe runs every 30 seconds, with five commits a second.
fn share_of_a_core(storage: &Storage, clock: &SetClock, load: &mut Load, start: i64) -> f64 {
    let mut now = start;
    for _ in 0..WARM_UP / INTERVAL {
        load.round(storage, clock, now, 0..INTERVAL_MS, PROBES);
        storage.flush(Duration::from_secs(60));
        now += INTERVAL;
    }
    let before = cpu_seconds();
    for commit in 0..MEASURED * 5 {
        let (round, into) = (commit * COMMIT_MS / INTERVAL_MS, commit * COMMIT_MS % INTERVAL_MS);
        load.round(storage, clock, now + round * INTERVAL, into..into + COMMIT_MS, PROBES);
        storage.flush(Duration::from_secs(60));
    }
    (cpu_seconds() - before) / MEASURED as f64
}

/// Milliseconds of the slowest of a few reads.
fn slowest_read(storage: &Storage, now: i64) -> f64 {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut slowest = Duration::ZERO;
    for probe in [0, 1, FILLED / 2, FILLED - 1] {
        let key = SloKey { service: name("shop"), slo: name(&format!("s{probe}")) };
        let began = Instant::now();
        let groups = runtime.block_on(storage.groups(&key, now - 60 * 86_400, now)).expect("slices");
        slowest = slowest.max(began.elapsed());
        let slices: usize = groups.iter().map(|group| group.slices.len()).sum();
        assert!(slices >= 35 * 288 - 10, "{slices} slices");
    }
    slowest.as_secs_f64() * 1e3
}

/// What runs find: mostly success, now and then a failure, sometimes an outage of some minutes.
struct Load {
    random: Random,
    /// How many more runs of each probe fail.
    outages: Vec<u64>,
    keys: Vec<ProbeKey>,
    /// When each probe is due, in milliseconds into a round, in order.
    due: Vec<(i64, usize)>,
}

impl Load {
    fn new() -> Self {
        let key = |probe| ProbeKey { service: name("shop"), probe: name(&format!("p{probe}")) };
        let keys: Vec<ProbeKey> = (0..PROBES).map(key).collect();
        let epoch = Epoch { instant: tokio::time::Instant::now(), unix_ms: START.unsigned_abs() * 1_000 };
        let interval = burndown::units::Duration::from_secs(INTERVAL.unsigned_abs());
        let due = |key| (Schedule::new(key, interval, epoch).first - epoch.instant).as_millis();
        let mut due: Vec<(i64, usize)> =
            keys.iter().enumerate().map(|(probe, key)| (i64::try_from(due(key)).expect("small"), probe)).collect();
        due.sort_unstable();
        Self { random: Random::new(1), outages: vec![0; PROBES], keys, due }
    }

    /// One run of each of so many probes that is due in this part (milliseconds) of the round that begins at `start`.
    fn round(&mut self, storage: &Storage, clock: &SetClock, start: i64, part: Range<i64>, probes: usize) {
        let first = self.due.partition_point(|(due, _)| *due < part.start);
        let end = self.due.partition_point(|(due, _)| *due < part.end);
        for at in first..end {
            let (due, probe) = self.due[at];
            if probe < probes {
                let late = if self.random.happens(1, 100) { 50 } else { 5 };
                let late = i64::try_from(self.random.between(0, late)).expect("small");
                self.run(storage, clock, probe, start * 1_000 + due + late);
            }
        }
    }

    /// One run that starts at a time (milliseconds of Unix time) and is recorded when it ends.
    fn run(&mut self, storage: &Storage, clock: &SetClock, probe: usize, start_ms: i64) {
        if self.random.happens(1, FAILURES.1) {
            self.outages[probe] = self.random.between(2, 60);
        }
        let is_out = self.outages[probe] > 0;
        self.outages[probe] = self.outages[probe].saturating_sub(1);
        let verdict = if is_out || self.random.happens(1, FAILURES.0) {
            let reason = if is_out { Reason::Connect } else { Reason::Timeout };
            Verdict::Failed { reason, detail: String::new() }
        } else {
            Verdict::Success
        };
        let duration = Duration::from_millis(self.random.between(5, 400));
        let outcome = Outcome {
            verdict,
            duration,
            phases: Phases::default(),
            tls_not_after: None,
            steps: Vec::new(),
            redirects: Vec::new(),
            excerpt: None,
        };
        clock.set(start_ms + i64::try_from(duration.as_millis()).expect("short"));
        storage.record(&self.keys[probe], &outcome, start_ms);
    }
}

/// A clock that says what it was told, on both its faces.
#[derive(Debug)]
struct SetClock {
    unix_ms: AtomicI64,
}

impl SetClock {
    fn set(&self, unix_ms: i64) {
        self.unix_ms.store(unix_ms, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn unix_ms(&self) -> i64 {
        self.unix_ms.load(Ordering::SeqCst)
    }

    fn ticks(&self) -> Duration {
        Duration::from_millis((self.unix_ms() - START * 1_000).unsigned_abs())
    }
}

fn fleet() -> Fleet {
    let mut text = String::from("version: burndown/v1\nservice: shop\nprobes:\n");
    for probe in 0..PROBES {
        let _ = writeln!(text, "  - {{name: p{probe}, interval: 30s, http: {{url: 'http://localhost/'}}}}");
    }
    text.push_str("slos:\n");
    for probe in 0..PROBES {
        let _ = writeln!(text, "  - {{name: s{probe}, objective: 99, sli: {{probe: p{probe}}}}}");
    }
    let loaded = spec::load_text("shop.yaml", &text);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics.first());
    loaded.fleet
}

fn name(text: &str) -> burndown::units::Name {
    text.parse().expect("a name")
}

/// The size of the files if all probes had been filled. The log of SQLite does not grow with the probes.
fn megabytes(directory: &Path) -> f64 {
    let bytes = |name: &str| fs::metadata(directory.join(name)).map_or(0, |file| file.len()) as f64;
    (bytes("history.db") * (PROBES / FILLED) as f64 + bytes("history.db-wal")) / 1e6
}

/// Processor time of this process in seconds, as Linux tells: fields 14 and 15 of `/proc/self/stat`.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("proc");
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks: f64 = fields[11..=12].iter().map(|field| field.parse::<f64>().expect("ticks")).sum();
    ticks / rustix::param::clock_ticks_per_second() as f64
}
