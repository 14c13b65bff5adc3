//! How fast the board answers: 500 SLOs over 30 days of five-minute slices, all of them on one page.
//!
//! Fails if the board takes more than 100 ms, or the page of an SLO more than 50 ms.

#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use support::http;
use wall::{DAY, Promise, Wall, many};

#[path = "../tests/support/mod.rs"]
mod support;
#[path = "../tests/board/wall.rs"]
mod wall;

const SLOS: usize = 500;

/// How often each page is asked for.
const TIMES: usize = 100;

/// The pages, and how long each may take.
const LIMITS: [(&str, Duration); 4] = [
    ("/", Duration::from_millis(100)),
    ("/?state=good&q=promise", Duration::from_millis(100)),
    ("/slos/service-00/promise-003", Duration::from_millis(50)),
    ("/status", Duration::from_millis(100)),
];

fn main() {
    // `cargo test --benches` asks for a list of tests; there is none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let promises: Vec<Promise> = many(SLOS).into_iter().map(|promise| promise.watched(31 * DAY, 0)).collect();
    let wall = Wall::showing(&promises);
    let (first, _) = ask(&wall, "/");
    println!("{SLOS} SLOs, 30 days: first look after {first:.0?}");
    println!("{:<32} {:>9} {:>9} {:>9} {:>9}", "page", "bytes", "median", "slowest", "limit");
    let mut failed = false;
    for (path, limit) in LIMITS {
        let mut taken: Vec<Duration> = (0..TIMES).map(|_| ask(&wall, path).0).collect();
        taken.sort_unstable();
        let (median, slowest) = (taken[TIMES / 2], taken[TIMES - 1]);
        println!("{path:<32} {:>9} {median:>9.1?} {slowest:>9.1?} {limit:>9.0?}", ask(&wall, path).1);
        // The slowest of a hundred tells of the machine as much as of the page.
        failed |= median > limit;
    }
    assert!(!failed, "a page takes longer than its limit");
}

/// How long a page took, and how many bytes it has.
fn ask(wall: &Wall, path: &str) -> (Duration, usize) {
    let begin = Instant::now();
    let answer = http::get(wall.address, path, &[]).expect("an answer");
    assert_eq!(answer.status, 200, "{path}");
    (begin.elapsed(), answer.body.len())
}
