//! Samples for a real Prometheus by remote write, floats and native histograms: prometheus/prometheus,
//! `prompb/remote.proto` and `prompb/types.proto` as of remote write 1.0.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A request that is being written.
///
/// Prometheus takes only what is at most an hour older than the newest sample of earlier requests; within one request
/// the first sample has to be about the oldest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    bytes: Vec<u8>,
}

/// A native histogram of positive observations, none of them so small that it is in the zero bucket.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    /// A power of two is split into 2^schema buckets.
    pub(crate) schema: i32,
    /// The sum of all observations.
    pub(crate) sum: f64,
    /// The index of the first bucket; with schema 0, bucket i ends at 2^i.
    pub(crate) first: i32,
    /// Observations of each bucket from there on.
    pub(crate) counts: Vec<u64>,
}

impl Request {
    /// Adds a series of floats: Unix time in seconds and value, the oldest first.
    pub(crate) fn floats(&mut self, labels: &[(&str, &str)], samples: impl IntoIterator<Item = (i64, f64)>) {
        let mut series = labelled(labels);
        for (time, value) in samples {
            let mut sample = Vec::new();
            double(&mut sample, 1, value);
            number(&mut sample, 2, millis(time));
            field(&mut series, 2, &sample);
        }
        field(&mut self.bytes, 1, &series);
    }

    /// Adds a series of native histograms.
    pub(crate) fn histograms(&mut self, labels: &[(&str, &str)], samples: impl IntoIterator<Item = (i64, Histogram)>) {
        let mut series = labelled(labels);
        for (time, histogram) in samples {
            field(&mut series, 4, &histogram.encoded(time));
        }
        field(&mut self.bytes, 1, &series);
    }

    /// Sends it to a Prometheus with `--web.enable-remote-write-receiver`.
    ///
    /// # Panics
    /// If Prometheus does not take it.
    #[track_caller]
    pub(crate) fn send(&self, address: SocketAddr) {
        let body = snappy(&self.bytes);
        let mut stream = TcpStream::connect(address).expect("Prometheus listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        let head = format!(
            "POST /api/v1/write HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\
             X-Prometheus-Remote-Write-Version: 0.1.0\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).expect("the request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }
}

impl Histogram {
    fn encoded(&self, time: i64) -> Vec<u8> {
        let mut span = Vec::new();
        number(&mut span, 1, zigzag(self.first.into()));
        number(&mut span, 2, self.counts.len() as u64);
        let mut deltas = Vec::new();
        let mut before = 0;
        for count in &self.counts {
            let count = i64::try_from(*count).expect("a small count");
            varint(&mut deltas, zigzag(count - before));
            before = count;
        }
        let mut out = Vec::new();
        number(&mut out, 1, self.counts.iter().sum());
        double(&mut out, 3, self.sum);
        number(&mut out, 4, zigzag(self.schema.into()));
        double(&mut out, 5, 1e-128);
        number(&mut out, 6, 0);
        field(&mut out, 11, &span);
        field(&mut out, 12, &deltas);
        number(&mut out, 15, millis(time));
        out
    }
}

/// A `TimeSeries` with labels, which Prometheus wants in order of their names, and no samples yet.
fn labelled(labels: &[(&str, &str)]) -> Vec<u8> {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    let mut series = Vec::new();
    for (name, value) in labels {
        let mut label = Vec::new();
        field(&mut label, 1, name.as_bytes());
        field(&mut label, 2, value.as_bytes());
        field(&mut series, 1, &label);
    }
    series
}

fn millis(time: i64) -> u64 {
    u64::try_from(time).expect("after 1970") * 1_000
}

/// A signed number as protocol buffers write `sint32` and `sint64`.
fn zigzag(number: i64) -> u64 {
    number.unsigned_abs() * 2 - u64::from(number < 0)
}

/// A length-delimited field of a protocol buffer.
fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

/// A field with a number of variable length.
fn number(out: &mut Vec<u8>, number: u8, value: u64) {
    out.push(number << 3);
    varint(out, value);
}

/// A field with a float of eight bytes.
fn double(out: &mut Vec<u8>, number: u8, value: f64) {
    out.push(number << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Snappy's block format without compression: the length, then literals of up to 64 KiB.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 10_000 + 16);
    varint(&mut out, bytes.len() as u64);
    for chunk in bytes.chunks(1 << 16) {
        out.push(61 << 2);
        out.extend(u16::try_from(chunk.len() - 1).expect("at most 64 KiB").to_le_bytes());
        out.extend(chunk);
    }
    out
}

#[test]
fn numbers_are_written_as_protocol_buffers_have_them() {
    let written = |value| {
        let mut out = Vec::new();
        varint(&mut out, value);
        out
    };
    assert_eq!((written(0), written(127), written(300)), (vec![0], vec![127], vec![0xac, 2]));
    assert_eq!([0, -1, 1, -2, 2].map(zigzag), [0, 1, 2, 3, 4]);
    let long = snappy(&[7; 1 << 17]);
    assert_eq!((&long[..6], long.len()), ([0x80, 0x80, 8, 244, 255, 255].as_slice(), (1 << 17) + 3 + 6));
}
