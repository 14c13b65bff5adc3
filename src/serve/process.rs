//! Metrics of this process, read from `/proc/self` at each scrape.
//!
//! Two small files hold all of it, which spares a dependency. What cannot be read is left out.

use std::fmt;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use rustix::process::{Resource, getrlimit};

use super::encode::{counter, gauge};
use crate::names::ProcessMetric;

/// Reads what the kernel knows of this process.
#[derive(Debug)]
pub(super) struct ProcessCollector {
    start_seconds: Option<f64>,
}

impl ProcessCollector {
    /// Takes note of when the process started, which does not change.
    pub(super) fn new() -> Self {
        Self { start_seconds: start_seconds() }
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(stat) = Stat::read() {
            let metric = ProcessMetric::CpuSeconds;
            counter(&mut encoder, metric.name(), metric.help(), &[], stat.cpu_seconds)?;
            write(&mut encoder, ProcessMetric::ResidentMemory, Some(stat.resident_bytes))?;
            write(&mut encoder, ProcessMetric::VirtualMemory, Some(stat.virtual_bytes))?;
            write(&mut encoder, ProcessMetric::Threads, Some(stat.threads))?;
        }
        write(&mut encoder, ProcessMetric::OpenFds, open_fds())?;
        write(&mut encoder, ProcessMetric::MaxFds, getrlimit(Resource::Nofile).current.map(|limit| limit as f64))?;
        write(&mut encoder, ProcessMetric::StartTime, self.start_seconds)
    }
}

fn write(encoder: &mut DescriptorEncoder<'_>, metric: ProcessMetric, value: Option<f64>) -> fmt::Result {
    match value {
        Some(value) => gauge(encoder, metric.name(), metric.help(), &[], value),
        None => Ok(()),
    }
}

/// The fields of `/proc/self/stat` that are of use (proc_pid_stat(5)), in base units.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    start_ticks: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/stat").ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name in parentheses and may hold anything; field 3 follows it.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<f64> = rest.split_ascii_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
        // `fields` starts at field 4.
        let field = |number: usize| fields.get(number - 4).copied();
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / ticks_per_second(),
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * rustix::param::page_size() as f64,
        })
    }
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// Open descriptors, without the one that is needed to count them.
fn open_fds() -> Option<f64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

/// When the process started, in seconds of Unix time: the machine's start plus the ticks until then.
fn start_seconds() -> Option<f64> {
    let machine = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + Stat::read()?.start_ticks / ticks_per_second())
}

/// Seconds of Unix time, now.
pub(super) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_may_hold_anything() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 2 3 4 250 50 0 0 20 0 9 0 1000 4096 3 18446744073709551615 1";
        let stat = Stat::parse(text).expect("parses");
        assert_eq!(stat.cpu_seconds * ticks_per_second(), 300.0);
        assert_eq!((stat.threads, stat.start_ticks, stat.virtual_bytes), (9.0, 1000.0, 4096.0));
        assert_eq!(Stat::parse("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_is_there() {
        assert!(Stat::read().expect("reads").resident_bytes > 0.0);
        assert!(open_fds().expect("reads") >= 3.0);
        let start = start_seconds().expect("reads");
        assert!((unix_seconds() - 86_400.0 * 3_650.0..=unix_seconds() + 5.0).contains(&start));
    }
}
