//! Generating for a fleet: time and peak memory at 1,000 and 10,000 SLOs in one run of the program.
//!
//! Fails if ten times the SLOs need more than fifteen times the memory or time: neither may grow with their square.

#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// SLOs of one service, and so of one SLO file.
const SLOS_OF_A_SERVICE: usize = 20;

/// Ten times the work may cost this many times as much.
const MOST: f64 = 15.0;

fn main() {
    // `cargo test --benches` asks for a list of tests; there is none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    println!("{:>8} {:>8} {:>10} {:>12}", "SLOs", "files", "seconds", "peak MB");
    let (time, memory) = run(1_000);
    let (more_time, more_memory) = run(10_000);
    assert!(more_memory / memory < MOST, "memory grows faster than the fleet");
    assert!(more_time / time < MOST, "time grows faster than the fleet");
}

/// Seconds and peak megabytes of generating everything for so many SLOs.
fn run(slos: usize) -> (f64, f64) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (files, output) = (directory.path().join("in"), directory.path().join("out"));
    fs::create_dir(&files).expect("a directory");
    for service in 0..slos / SLOS_OF_A_SERVICE {
        fs::write(files.join(format!("{service}.yaml")), file(service)).expect("an SLO file");
    }
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(["generate".as_ref(), files.as_os_str(), "--output".as_ref(), output.as_os_str()])
        .stdout(Stdio::null())
        .spawn()
        .expect("the compiled program starts");
    let mut peak = 0.0;
    let status = loop {
        // The high-water mark only rises, so the last look before the end is within a moment of the truth.
        peak = peak_megabytes(child.id()).unwrap_or(peak);
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    assert!(status.success(), "{status}");
    let written: usize = ["rules", "tests"].map(|kind| count(&output.join(kind))).iter().sum();
    println!("{slos:>8} {written:>8} {seconds:>10.2} {peak:>12.0}");
    (seconds, peak)
}

/// An SLO file of one service.
fn file(service: usize) -> String {
    let mut text = format!("version: burndown/v1\nservice: service-{service}\nlabels: {{team: t{service}}}\nslos:\n");
    for slo in 0..SLOS_OF_A_SERVICE {
        let total = format!("http_requests_total{{job=\"job-{service}\",handler=\"/h{slo}\"}}");
        let bad = format!("http_requests_total{{job=\"job-{service}\",handler=\"/h{slo}\",code=~\"5..\"}}");
        let sli = format!("{{events: {{bad: '{bad}', total: '{total}', by: [route]}}}}");
        let _ = writeln!(text, "  - {{name: slo-{slo}, objective: 99.9, sli: {sli}}}");
    }
    text
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).map_or(0, Iterator::count)
}

/// The most memory that a process ever had resident, in megabytes, as Linux tells.
fn peak_megabytes(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok().map(|kilobytes| kilobytes / 1_024.0)
}
