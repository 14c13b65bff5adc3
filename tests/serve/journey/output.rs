//! What commands print: bounded, never in the way, and read only where something needs it.

use std::fs;
use std::time::{Duration, Instant};

use burndown::probe::Prober;
use rustls::RootCertStore;

use super::{MARGIN, Yard, first, run, sh, wait_for_end, words};

/// A step that captures `id=…` from what a script prints, and one that uses it.
fn captured(script: &str) -> String {
    let one = format!("{{name: one, run: [sh, -c, '{script}'], capture: {{id: {{regex: 'id=([a-z]+)'}}}}}}");
    let two = "{name: two, run: [sh, -c, 'printf %s \"$1\" > $N/id', sh, '${id}']}";
    format!("{one}, {two}")
}

#[tokio::test]
async fn the_first_megabyte_is_searched_and_all_of_it_is_read() {
    let yard = Yard::new();
    let zeros = "head -c 20000000 /dev/zero";
    for (script, word) in [
        (format!("echo id=early; {zeros}"), "success"),
        (format!("head -c 1000000 /dev/zero; echo id=late; {zeros}"), "success"),
        (format!("{zeros}; echo id=beyond"), "capture"),
        // The other output is not read, and is in nobody's way either.
        (format!("echo id=beside; {zeros} >&2"), "success"),
    ] {
        let outcome = yard.calm(&captured(&script), "").await;
        assert_eq!(words(&outcome.verdict).0, word, "{script}: {:?}", outcome.verdict);
    }
}

#[tokio::test]
async fn output_without_end_ends_at_the_wall_in_little_memory() {
    let yard = Yard::new();
    let before = resident();
    let mut outcome = yard.journey(&captured("echo $$ > $N/leader; while :; do cat /dev/zero; done"), "").await;
    assert_eq!(words(&outcome.verdict), ("timeout", "step `one`: `sh` did not end within 600ms"));
    let grown = resident().saturating_sub(before);
    // Other tests of this process need memory too; what was printed is some gigabyte.
    assert!(grown < 200 << 20, "{grown} bytes more");
    wait_for_end(yard.read("leader").trim()).await;
    for _ in 0..3 {
        if outcome.duration >= Duration::from_millis(600) + MARGIN {
            outcome = yard.journey(&captured("while :; do cat /dev/zero; done"), "").await;
        }
    }
    assert!(outcome.duration < Duration::from_millis(600) + MARGIN, "{:?}", outcome.duration);
}

/// The memory that this process has in use, in bytes.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("reads");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

#[tokio::test]
async fn a_process_that_keeps_the_pipe_is_not_waited_for() {
    let yard = Yard::new();
    // One child stays in the group and ends with it, one leaves it with the pipe in its hand.
    let script = "sleep 60 & setsid sleep 7 & echo id=there";
    let started = Instant::now();
    let outcome = yard.calm(&captured(script), "").await;
    assert_eq!(words(&outcome.verdict), ("success", ""));
    assert_eq!(yard.read("id"), "there");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn output_that_nobody_needs_goes_to_the_null_device() {
    let yard = Yard::new();
    let script = |name: &str| {
        let link = |fd: u8| format!("$(readlink /proc/$$/fd/{fd})");
        format!("a={}; b={}; echo $a $b > $N/{name}; echo id=x", link(1), link(2))
    };
    assert_eq!(words(&yard.calm(&sh("one", &script("without")), "").await.verdict), ("success", ""));
    assert_eq!(yard.read("without"), "/dev/null /dev/null\n");
    assert_eq!(words(&yard.calm(&captured(&script("with")), "").await.verdict), ("success", ""));
    let with = yard.read("with");
    assert!(with.starts_with("pipe:[") && with.ends_with("] /dev/null\n"), "{with}");
}

#[tokio::test]
async fn the_end_of_what_a_failed_command_printed_is_kept_if_asked() {
    let yard = Yard::new();
    let asked =
        Prober::new(RootCertStore::empty(), yard.run_dirs.path().to_owned()).expect("a prober").keeping_output();
    for (script, shown) in [
        ("echo out; exit 1", "out\n"),
        ("echo out; echo err >&2; exit 1", "err\n"),
        ("echo waiting; sleep 60", "waiting\n"),
        ("head -c 100000 /dev/zero | tr '\\0' x; echo end; exit 1", "xend\n"),
        ("exit 1", ""),
        ("echo fine", ""),
    ] {
        let steps = sh("one", &script.replace('\\', "\\\\"));
        let without = yard.journey(&steps, "").await;
        assert!(without.excerpt.is_none(), "{script}");
        let outcome = run(&asked, &first(&yard.probe(&steps, ""))).await;
        assert_eq!(words(&outcome.verdict), words(&without.verdict), "{script}");
        assert!(!format!("{outcome:?}").contains(shown) || shown.is_empty(), "{outcome:?}");
        let excerpt = outcome.excerpt.map(|excerpt| excerpt.open()).unwrap_or_default();
        assert!(excerpt.ends_with(shown) && excerpt.len() < 1_100, "{script}: {excerpt}");
        assert_eq!(excerpt.is_empty(), shown.is_empty(), "{script}");
    }
}
