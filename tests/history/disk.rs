//! Disks that are full, closed or damaged, and two programs that want the same one.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use burndown::names::Metric;
use rustix::process::Signal;

use super::{SOON, Scrape, Service};
use crate::support::counting_target::CountingTarget;
use crate::support::process::Process;
use crate::support::{burndown as program, wait};

/// Waits for a scrape that is as it should be.
#[track_caller]
fn scrape_until(service: &Service, what: &str, is_so: impl Fn(&Scrape) -> bool) -> Scrape {
    let look = || Some(service.metrics()).filter(|scrape| is_so(scrape));
    wait::until(what, SOON, look, || service.metrics().0)
}

/// How often the log says that the history cannot be written.
fn complaints(process: &Process) -> usize {
    process.log().matches("the history cannot be written").count()
}

#[test]
fn a_full_disk_stops_neither_probes_nor_metrics_and_costs_nothing() {
    let target = CountingTarget::start();
    let service = Service::of(40, "500ms", &target.url());
    // No file of this process may grow beyond 100 KB, which the first seconds fill.
    let inner = service.command(&service.state());
    let mut limited = Command::new("env");
    limited.args(["--ignore-signal=XFSZ", "prlimit", "--fsize=100000:unlimited"]).arg(inner.get_program());
    limited.args(inner.get_args()).env("NO_COLOR", "1");
    let mut process = Process::start(&mut limited, "the Debian packages coreutils and util-linux");

    let full = scrape_until(&service, "a full disk", |scrape| {
        scrape.is_uncommitted() && scrape.sum(Metric::StorageErrors) >= 2.0
    });
    let at_first = full.attempts();
    scrape_until(&service, "runs on a full disk", |scrape| scrape.attempts() > at_first + 100.0);
    assert_eq!(complaints(&process), 1, "{}", process.log());

    let id = process.id().to_string();
    let freed = Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status().expect("util-linux");
    assert!(freed.success());
    scrape_until(&service, "a disk with room", |scrape| !scrape.is_uncommitted());
    assert!(process.log().contains("the history can be written again"), "{}", process.log());
    let shown = service.metrics();
    assert_eq!(shown.sum(Metric::StorageForgotten), 0.0);
    process.signal(Signal::KILL);
    process.wait(SOON);
    // What happened meanwhile is there after a kill.
    let _process = service.start();
    let after = service.metrics();
    assert!(after.attempts() >= shown.attempts(), "{} after {}", after.attempts(), shown.attempts());
    assert!(after.sum(Metric::StorageErrors) >= shown.sum(Metric::StorageErrors));
}

#[test]
fn a_directory_that_cannot_be_written_stops_neither_probes_nor_metrics() {
    let target = CountingTarget::start();
    let service = Service::of(20, "500ms", &target.url());
    // Nothing can be made there, not even by root.
    let state = Path::new("/proc/burndown");
    let mut process = Process::start(&mut service.command(state), "this repository");
    let scrape = scrape_until(&service, "runs without a history", |scrape| scrape.attempts() > 50.0);
    assert!(scrape.is_uncommitted() && scrape.sum(Metric::StorageErrors) >= 1.0, "{}", scrape.0);
    scrape_until(&service, "another attempt", |scrape| scrape.sum(Metric::StorageErrors) >= 2.0);
    assert_eq!(complaints(&process), 1, "{}", process.log());
    process.signal(Signal::TERM);
    assert_eq!(process.wait(SOON).code(), Some(0), "{}", process.log());
}

#[test]
fn a_damaged_file_is_set_aside_and_said() {
    let target = CountingTarget::start();
    let service = Service::of(20, "500ms", &target.url());
    let mut process = service.start();
    scrape_until(&service, "runs", |scrape| scrape.attempts() > 20.0);
    process.signal(Signal::TERM);
    process.wait(SOON);
    // Pages in the middle: the file opens, and what is wrong shows when somebody looks.
    let file = service.state().join("history.db");
    let mut bytes = fs::read(&file).expect("a file");
    let length = bytes.len();
    bytes[2_048..length].fill(0xa5);
    fs::write(&file, &bytes).expect("written");

    let process = service.start();
    let scrape = scrape_until(&service, "a new file", |scrape| {
        scrape.sum(Metric::StorageSetAside) == 1.0 && scrape.attempts() > 20.0 && !scrape.is_uncommitted()
    });
    assert_eq!(scrape.sum(Metric::StorageErrors), 0.0, "{}", process.log());
    assert!(process.log().contains("a damaged history was set aside"), "{}", process.log());
    let entries = fs::read_dir(service.state()).expect("a directory").map(|entry| entry.expect("an entry").path());
    let aside: Vec<_> = entries.filter(|path| path.to_string_lossy().contains(".damaged-")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(fs::read(&aside[0]).expect("kept"), bytes, "nothing of it was changed");
}

#[test]
fn a_second_program_is_refused() {
    let service = Service::of(1, "1s", "http://127.0.0.1:1/");
    let process = service.start();
    let state = service.state();
    let file = service.file();
    let second = program::run([
        "serve".as_ref(),
        file.as_os_str(),
        "--web.listen-address=127.0.0.1:0".as_ref(),
        "--storage.path".as_ref(),
        state.as_os_str(),
    ]);
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    let said = format!("is in use by another burndown (process {})", process.id());
    assert!(second.stderr.contains(&said), "{}", second.stderr);
}

#[test]
fn without_a_history_nothing_is_written_and_counting_begins_at_0() {
    let target = CountingTarget::start();
    let service = Service::of(10, "500ms", &target.url());
    for _ in 0..2 {
        let mut process = Process::start(&mut service.command(Path::new("none")), "this repository");
        let first = scrape_until(&service, "runs", |scrape| scrape.attempts() > 0.0);
        assert!(first.attempts() < 20.0, "{}", first.0);
        assert!(!first.0.contains(Metric::StorageUncommitted.name()), "{}", first.0);
        scrape_until(&service, "more runs", |scrape| scrape.attempts() > 25.0);
        process.signal(Signal::TERM);
        process.wait(Duration::from_secs(20));
    }
    assert!(!Path::new("none").exists() && !service.state().exists());
}
