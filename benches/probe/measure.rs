//! What the kernel says of a process, and what follows from a list of figures.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use burndown::probe::{Epoch, Schedule};

/// Clock ticks a second, as every Linux reports them (proc_pid_stat(5)).
const TICKS: u64 = 100;

/// What a process has used.
pub(crate) struct Usage {
    /// User and system time since its start.
    pub(crate) cpu: Duration,
    /// Resident memory now.
    pub(crate) resident_mib: f64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
        let (_, after) = stat.rsplit_once(") ").expect("a name in brackets");
        let fields: Vec<&str> = after.split(' ').collect();
        // Fields 14 and 15; the state behind the name is field 3.
        let ticks = |at: usize| fields[at - 3].parse::<u64>().expect("ticks");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("resident memory");
        let kib: f64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
        Self { cpu: Duration::from_millis((ticks(14) + ticks(15)) * 1_000 / TICKS), resident_mib: kib / 1_024.0 }
    }
}

/// The figure below which this share of all lies.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn percentile(figures: &mut [f64], share: f64) -> f64 {
    assert!(!figures.is_empty(), "nothing was measured");
    figures.sort_by(f64::total_cmp);
    figures[((figures.len() as f64 * share).ceil() as usize).clamp(1, figures.len()) - 1]
}

/// This moment on both clocks, to less than the millisecond that the clock of people is cut to.
pub(crate) fn epoch() -> Epoch {
    let (instant, unix) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970"));
    let cut = Duration::from_nanos(u64::from(unix.subsec_nanos() % 1_000_000));
    Epoch { instant: (instant - cut).into(), unix_ms: u64::try_from(unix.as_millis()).expect("not so soon") }
}

/// How much later than it was due each run of a probe arrived, in milliseconds. The schedule is that of the time of day,
/// and no run is as late as half an interval.
pub(crate) fn lateness(schedule: &Schedule, arrivals: &[Instant]) -> Vec<f64> {
    let (first, interval) = (schedule.first.into_std(), schedule.interval.as_secs_f64());
    let since = |arrival: &Instant| {
        let late = arrival.saturating_duration_since(first).as_secs_f64();
        (late - (late / interval).round() * interval) * 1_000.0
    };
    arrivals.iter().map(since).collect()
}

/// How late the machine itself wakes a thread that sleeps for 2 ms again and again, in milliseconds, over a time: what a
/// busy machine adds to every figure of lateness.
pub(crate) fn bare_lateness(during: Duration) -> Vec<f64> {
    let (started, step) = (Instant::now(), Duration::from_millis(2));
    let mut late = Vec::new();
    while started.elapsed() < during {
        let due = Instant::now() + step;
        thread::sleep(step);
        late.push(due.elapsed().as_secs_f64() * 1_000.0);
    }
    late
}

/// A connection that asks for the same path again and again.
pub(crate) struct Asking {
    request: String,
    reader: BufReader<TcpStream>,
}

impl Asking {
    pub(crate) fn open(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { request: format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"), reader: BufReader::new(stream) }
    }

    /// Asks once; the answer must say that the probe succeeded.
    pub(crate) fn assert_success(&mut self) {
        self.reader.get_mut().write_all(self.request.as_bytes()).expect("sends");
        let (mut line, mut length, mut is_chunked) = (String::new(), 0, false);
        loop {
            line.clear();
            self.reader.read_line(&mut line).expect("a header");
            let header = line.trim_end().to_lowercase();
            if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.parse().expect("a length");
            }
            is_chunked |= header == "transfer-encoding: chunked";
            if header.is_empty() {
                break;
            }
        }
        let mut body = Vec::new();
        while is_chunked {
            line.clear();
            self.reader.read_line(&mut line).expect("a chunk");
            let size = usize::from_str_radix(line.trim_end(), 16).expect("a size");
            self.read(size + 2, &mut body);
            is_chunked = size > 0;
        }
        self.read(length, &mut body);
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("\nprobe_success 1\n"), "the probe failed: {text}");
    }

    fn read(&mut self, length: usize, body: &mut Vec<u8>) {
        let start = body.len();
        body.resize(start + length, 0);
        self.reader.read_exact(&mut body[start..]).expect("a body");
    }
}
