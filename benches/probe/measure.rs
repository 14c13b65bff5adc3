//! What the kernel says of a process, and what follows from a list of figures.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

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

/// How much later than its schedule each run arrived, in milliseconds. The earliest arrival of each probe, less its
/// number of intervals, stands for the schedule.
pub(crate) fn lateness(arrivals: &BTreeMap<String, Vec<Instant>>, interval: Duration) -> Vec<f64> {
    let mut late = Vec::new();
    for times in arrivals.values().filter(|times| times.len() > 1) {
        let seconds: Vec<f64> = times.iter().map(|time| time.duration_since(times[0]).as_secs_f64()).collect();
        let offset = |at: &f64| at - (at / interval.as_secs_f64()).round() * interval.as_secs_f64();
        let earliest = seconds.iter().map(offset).fold(f64::INFINITY, f64::min);
        late.extend(seconds.iter().map(|at| (offset(at) - earliest) * 1_000.0));
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
