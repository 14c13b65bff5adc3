//! Schedules with time paused: deadlines are absolute, spread, and nobody waits for anybody else.
//!
//! The sockets are real; time only moves when all of them are quiet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use burndown::probe::{Changes, Grace, Recorder, Scheduler};
use burndown::spec::model::Fleet;
use rustls::RootCertStore;
use tokio::time::{Instant, sleep};

use super::{Notebook, fleet, prober};
use crate::support::target::{Act, Target, answers};

fn start(fleet: &Fleet) -> (Scheduler, Arc<Notebook>) {
    let notebook = Arc::new(Notebook::default());
    let recorder: Arc<dyn Recorder> = notebook.clone();
    (Scheduler::start(fleet, Arc::new(prober(RootCertStore::empty())), recorder), notebook)
}

fn http(name: &str, interval: &str, timeout: &str, target: &Target) -> String {
    let url = target.url("http", "/");
    format!("  - {{name: {name}, interval: {interval}, timeout: {timeout}, http: {{url: \"{url}\"}}}}\n")
}

/// The times between events, in whole milliseconds.
fn gaps(times: &[Instant]) -> Vec<u128> {
    times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect()
}

#[tokio::test(start_paused = true)]
async fn deadlines_do_not_drift() {
    let started = Instant::now();
    let target = Target::plain(answers(200, "ok")).await;
    let (scheduler, notebook) = start(&fleet(&http("first", "10s", "5s", &target)));
    sleep(Duration::from_secs(10_000)).await;

    let times = notebook.times("first", "success");
    assert_eq!(times.len(), 1_000);
    assert!(times[0] - started <= Duration::from_secs(10));
    let whole = (times[999] - times[0]).as_millis();
    assert!((9_989_990..=9_990_010).contains(&whole), "{whole}");
    assert!(gaps(&times).iter().all(|gap| (9_990..=10_010).contains(gap)));
    scheduler.stop(Grace::default()).await;
}

#[tokio::test(start_paused = true)]
async fn runs_are_spread_over_the_interval() {
    let target = Target::plain(answers(200, "ok")).await;
    let probes: String = (0..300)
        .map(|n| http(&format!("p-{n}"), "30s", "10s", &target))
        .chain([http("first", "30s", "10s", &target)])
        .collect();
    let started = Instant::now();
    let (scheduler, notebook) = start(&fleet(&probes));
    // A little longer than an interval: the clock stands still only for timers, not for the sockets of the last run.
    sleep(Duration::from_secs(32)).await;

    let mut seconds = [0; 30];
    for n in 0..300 {
        let times = notebook.times(&format!("p-{n}"), "success");
        assert!((1..=2).contains(&times.len()), "p-{n}: {}", times.len());
        seconds[usize::try_from((times[0] - started).as_secs()).expect("small").min(29)] += 1;
    }
    assert!(seconds.iter().all(|count| (1..=30).contains(count)), "{seconds:?}");
    scheduler.stop(Grace::default()).await;
}

#[tokio::test(start_paused = true)]
async fn hanging_probes_leave_the_others_on_their_schedule() {
    let healthy = Target::plain(answers(200, "ok")).await;
    let hanging = Target::plain(vec![Act::Hang]).await;
    let probes: String = (0..500)
        .flat_map(|n| {
            [http(&format!("good-{n}"), "10s", "10s", &healthy), http(&format!("bad-{n}"), "10s", "10s", &hanging)]
        })
        .chain([http("first", "10s", "10s", &healthy)])
        .collect();
    let (scheduler, notebook) = start(&fleet(&probes));
    sleep(Duration::from_secs(100)).await;

    for n in 0..500 {
        let good = notebook.times(&format!("good-{n}"), "success");
        assert_eq!(good.len(), 10, "good-{n}");
        assert!(gaps(&good).iter().all(|gap| (9_990..=10_010).contains(gap)), "good-{n}: {:?}", gaps(&good));
        // A run that takes its whole interval ends just in time for the next, which is not skipped.
        let bad = notebook.times(&format!("bad-{n}"), "timeout");
        assert!((9..=10).contains(&bad.len()), "bad-{n}: {}", bad.len());
        assert!(gaps(&bad).iter().all(|gap| (9_990..=10_010).contains(gap)), "bad-{n}: {:?}", gaps(&bad));
        assert_eq!(notebook.times(&format!("bad-{n}"), "overrun"), []);
    }
    scheduler.stop(Grace::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_would_overlap_is_skipped_and_counted() {
    let good = Target::plain(answers(200, "ok")).await;
    let hanging = Target::plain(vec![Act::Hang]).await;
    let (scheduler, notebook) = start(&fleet(&slow_cleanup(&good, &hanging, "25s")));
    sleep(Duration::from_secs(299)).await;

    // Cleanup takes 25 s, so of every three runs two are skipped, each when it is due.
    let runs = notebook.times("first", "success");
    let skipped = notebook.times("first", "overrun");
    assert_eq!(runs.len(), 10);
    assert!(gaps(&runs).iter().all(|gap| (29_990..=30_010).contains(gap)), "{:?}", gaps(&runs));
    assert!((19..=20).contains(&skipped.len()), "{}", skipped.len());
    let all: BTreeSet<Instant> = runs.into_iter().chain(skipped).collect();
    let all: Vec<Instant> = all.into_iter().collect();
    assert!(gaps(&all).iter().all(|gap| (9_990..=10_010).contains(gap)), "{:?}", gaps(&all));
    scheduler.stop(Grace::default()).await;
}

/// A journey every 10 s that succeeds at once and whose cleanup hangs.
fn slow_cleanup(good: &Target, hanging: &Target, timeout: &str) -> String {
    format!(
        "  - name: first\n    interval: 10s\n    timeout: 5s\n    journey:\n      \
         steps: [{{name: one, http: {{url: \"{}\"}}}}]\n      \
         cleanup: [{{name: delete, timeout: {timeout}, http: {{url: \"{}\"}}}}]\n",
        good.url("http", "/"),
        hanging.url("http", "/")
    )
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_grace_period_and_no_longer() {
    let hanging = Target::plain(vec![Act::Hang]).await;
    let (scheduler, notebook) = start(&fleet(&http("first", "60s", "60s", &hanging)));
    while hanging.connections() == 0 {
        sleep(Duration::from_millis(100)).await;
    }
    let asked = Instant::now();
    scheduler.stop(Grace { runs: Duration::from_secs(3), cleanup: Duration::from_secs(4) }).await;
    let took = asked.elapsed();
    assert!((3_000..=3_010).contains(&took.as_millis()), "{took:?}");
    assert_eq!(notebook.times("first", "timeout"), [], "a run that was broken off does not count");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_within_the_grace_period_counts() {
    let slow = Target::plain(vec![Act::ReadHead, Act::Pause(Duration::from_secs(2)), answers(200, "").remove(1)]).await;
    let (scheduler, notebook) = start(&fleet(&http("first", "60s", "60s", &slow)));
    while slow.connections() == 0 {
        sleep(Duration::from_millis(100)).await;
    }
    scheduler.stop(Grace { runs: Duration::from_secs(3), cleanup: Duration::ZERO }).await;
    assert_eq!(notebook.times("first", "success").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_journey_that_is_broken_off_is_still_cleaned_up() {
    let hanging = Target::plain(vec![Act::Hang]).await;
    let good = Target::plain(answers(200, "ok")).await;
    let swapped = slow_cleanup(&hanging, &good, "5s");
    let (scheduler, notebook) = start(&fleet(&swapped));
    while hanging.connections() == 0 {
        sleep(Duration::from_millis(100)).await;
    }
    scheduler.stop(Grace { runs: Duration::from_secs(1), cleanup: Duration::from_secs(5) }).await;
    assert_eq!(good.connections(), 1, "the cleanup step ran");
    assert_eq!(notebook.times("first", "timeout"), []);
}

#[tokio::test(start_paused = true)]
async fn cleanup_is_bounded_by_the_grace_period_too() {
    let good = Target::plain(answers(200, "ok")).await;
    let hanging = Target::plain(vec![Act::Hang]).await;
    let (scheduler, _) = start(&fleet(&slow_cleanup(&good, &hanging, "1h")));
    while hanging.connections() == 0 {
        sleep(Duration::from_millis(100)).await;
    }
    let asked = Instant::now();
    scheduler.stop(Grace { runs: Duration::from_secs(1), cleanup: Duration::from_secs(2) }).await;
    assert!((3_000..=3_010).contains(&asked.elapsed().as_millis()), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_what_did_not_change_on_its_schedule() {
    let target = Target::plain(answers(200, "ok")).await;
    let same = http("first", "10s", "5s", &target);
    let before = fleet(&(same.clone() + &http("gone", "10s", "5s", &target) + &http("changed", "10s", "5s", &target)));
    // A comment above it moves a probe in its file, which is no change of the probe.
    let after = http("changed", "20s", "5s", &target) + &http("new", "10s", "5s", &target) + "\n" + &same;
    let (mut scheduler, notebook) = start(&before);
    sleep(Duration::from_secs(55)).await;
    let reloaded = Instant::now();
    let changes = scheduler.reload(&fleet(&after));
    assert_eq!(changes, Changes { unchanged: 1, changed: 1, added: 1, removed: 1 });
    sleep(Duration::from_secs(101)).await;

    let first = notebook.times("first", "success");
    assert!(gaps(&first).iter().all(|gap| (9_990..=10_010).contains(gap)), "{:?}", gaps(&first));
    assert!((15..=16).contains(&first.len()), "{}", first.len());
    assert!(notebook.times("gone", "success").iter().all(|time| *time <= reloaded));
    let changed = notebook.times("changed", "success").into_iter().filter(|time| *time > reloaded);
    let changed: Vec<Instant> = changed.collect();
    assert!(gaps(&changed).iter().all(|gap| (19_990..=20_010).contains(gap)), "{:?}", gaps(&changed));
    assert_eq!(changed.len(), 5);
    let new = notebook.times("new", "success");
    assert!((10..=11).contains(&new.len()) && new[0] - reloaded <= Duration::from_secs(10), "{}", new.len());
    scheduler.stop(Grace::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_breaks_off_only_the_runs_of_what_changed() {
    let [same, changed] = [Target::plain(vec![Act::Hang]).await, Target::plain(vec![Act::Hang]).await];
    let good = Target::plain(answers(200, "ok")).await;
    let probes = |timeout: &str| http("same", "60s", "50s", &same) + &http("first", "60s", timeout, &changed);
    let (mut scheduler, notebook) = start(&fleet(&probes("50s")));
    while same.connections() == 0 || changed.connections() == 0 {
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((same.open(), changed.open()), (1, 1));
    let _ = scheduler.reload(&fleet(&(http("same", "60s", "50s", &same) + &http("first", "60s", "50s", &good))));
    sleep(Duration::from_millis(10)).await;
    assert_eq!((same.open(), changed.open()), (1, 0), "only the run of the changed probe is broken off");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(notebook.times("same", "timeout").len(), 1);
    assert_eq!(notebook.times("first", "timeout"), [], "a run that was broken off does not count");
    assert_eq!(notebook.times("first", "success").len(), 1);
    scheduler.stop(Grace { runs: Duration::ZERO, cleanup: Duration::ZERO }).await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_journey_waits_for_the_cleanup_of_its_last_run() {
    let good = Target::plain(answers(200, "ok")).await;
    let hanging = Target::plain(vec![Act::Hang]).await;
    // The cleanup of the first definition hangs for 25 s; the second has none to wait for.
    let (mut scheduler, notebook) = start(&fleet(&slow_cleanup(&good, &hanging, "25s")));
    while hanging.connections() == 0 {
        sleep(Duration::from_millis(100)).await;
    }
    let begun = Instant::now();
    let _ = scheduler.reload(&fleet(&http("first", "10s", "5s", &good)));
    sleep(Duration::from_secs(60)).await;
    let runs = notebook.times("first", "success");
    assert!(runs[1] - begun >= Duration::from_millis(24_800), "{:?}", runs[1] - begun);
    // The runs that fell due meanwhile are counted, like those of any run that takes too long.
    let skipped = notebook.times("first", "overrun").len();
    assert!((2..=3).contains(&skipped), "{skipped}");
    scheduler.stop(Grace::default()).await;
}
