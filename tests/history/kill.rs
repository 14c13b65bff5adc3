//! A service that is killed again and again while Prometheus scrapes it.

use std::time::{Duration, Instant, SystemTime};

use burndown::history::Archive;
use burndown::names::Metric;
use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;

use super::{SOON, Service, shop};
use crate::support::counting_target::CountingTarget;
use crate::support::prometheus::Prometheus;
use crate::support::random::Random;

const KILLS: usize = 30;
const PROBES: usize = 80;

#[test]
fn thirty_kills_lose_nothing_that_was_shown() {
    let target = CountingTarget::start();
    let service = Service::of(PROBES, "500ms", &target.url());
    let configuration = format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\nscrape_configs:\n  - {{job_name: burndown, \
         static_configs: [{{targets: ['{}']}}]}}\n",
        service.address
    );
    let mut prometheus = Prometheus::with(&configuration, &[]);
    let mut random = Random::new(6);
    let (mut shown, mut before, mut checked) = (0.0, 0, 0);
    for kill in 0..KILLS {
        if kill % 3 == 1 {
            target.break_it();
        } else {
            target.mend_it();
        }
        let (started, life) = (Instant::now(), SystemTime::now());
        let mut process = service.start();
        let took = started.elapsed();
        assert!(took < Duration::from_secs(5), "it took {took:?} to start again");
        let attempts = service.metrics().attempts();
        assert!(attempts >= shown, "{attempts} runs after {shown}");
        // From before the first commit to long after it.
        std::thread::sleep(Duration::from_millis(random.between(0, 2_200)));
        shown = service.metrics().attempts();
        let killed_at = SystemTime::now();
        process.signal(Signal::KILL);
        process.wait(SOON);
        let (in_counters, in_minutes) = kept(&service);
        assert_eq!(in_counters, in_minutes, "counters and minutes are written together");
        assert!(in_counters as f64 >= shown, "{in_counters} runs kept and {shown} shown");
        let old = answered(&target, |at| at >= life && at <= killed_at - Duration::from_secs(1));
        assert!(in_counters - before >= old, "{} runs kept of {old} that ended a second before", in_counters - before);
        assert!(in_counters - before <= answered(&target, |at| at >= life), "runs were invented");
        checked += old;
        before = in_counters;
    }
    assert!(checked > 500, "only {checked} runs ended a second before a kill");
    assert!(target.good() > 1_000 && target.bad() > 500, "too little happened: {} {}", target.good(), target.bad());

    let mut process = service.start();
    prometheus.wait_for("changes(process_start_time_seconds[10m])", SOON, |changes| changes >= 20.0);
    // Every counter of every life, as Prometheus stored them.
    let counters = [Metric::ProbeAttempts, Metric::ProbeSuccesses, Metric::ProbeFailures, Metric::ProbeSkipped];
    let parts = ["sum", "count", "bucket"].map(|part| format!("{}_{part}", Metric::ProbeDuration.name()));
    for name in counters.iter().map(|metric| metric.name()).chain(parts.iter().map(String::as_str)) {
        let selector = format!("{name}{{{}}}", shop());
        let count = prometheus.value(&format!("count(last_over_time({selector}[10m]))"));
        assert!(count >= Some(PROBES as f64), "{count:?} series of {name}");
        let resets = prometheus.query(&format!("resets({selector}[10m]) > 0"));
        assert!(resets.is_empty(), "{name}: {resets:#?}");
    }
    process.signal(Signal::TERM);
    assert_eq!(process.wait(SOON).code(), Some(0), "{}", process.tail());
    let runs = target.good() + target.bad();
    let (in_counters, in_minutes) = kept(&service);
    assert_eq!(in_counters, in_minutes);
    // Each life may lose what its last second saw.
    assert!(in_counters <= runs && in_counters > runs / 2, "{in_counters} of {runs} runs");
}

/// How many answers the target gave at such times.
fn answered(target: &CountingTarget, is_inside: impl Fn(SystemTime) -> bool) -> usize {
    let times = [true, false].into_iter().flat_map(|good| target.times(good));
    times.filter(|at| is_inside(*at)).count()
}

/// Attempts in the counters, and runs in the minutes.
fn kept(service: &Service) -> (usize, usize) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = Connection::open_with_flags(service.state().join("history.db"), flags).expect("it opens");
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it is checked");
    assert_eq!(sound, "ok");
    let attempts = "SELECT coalesce(sum(value), 0) FROM counter_values WHERE counter IN ('successes', 'failures')";
    let attempts: i64 = database.query_row(attempts, [], |row| row.get(0)).expect("the counters");
    let mut archive = Archive::open(&service.state()).expect("it opens");
    let probes = archive.probes().expect("probes");
    let minutes = probes.iter().flat_map(|probe| archive.minutes(&probe.key, 0, i64::MAX / 2).expect("minutes"));
    let runs: u64 = minutes.map(|minute| minute.good + minute.bad()).sum();
    (usize::try_from(attempts).expect("a count"), usize::try_from(runs).expect("a count"))
}
