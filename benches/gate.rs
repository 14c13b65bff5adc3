//! How long it takes to know the standing, and with it the gate, of 100 SLOs from a Prometheus with 30 days of slices.
//!
//! Every slice is read and the whole month replayed: budget, latch, burn rates, burndown. Fails if the fastest of three
//! looks takes 2 s or longer.

#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burndown::history;
use burndown::prometheus::{Access, Client};
use burndown::slo::Plan;
use burndown::spec;
use burndown::standing::Standings;
use burndown::standing::model::Data;
use support::backfill::Past;
use support::random::Random;

#[path = "../tests/support/mod.rs"]
mod support;

const SLOS: usize = 100;
const SLICES: i64 = 30 * 288;
const SLICE: i64 = 300;

/// The most that a look may take.
const LIMIT: Duration = Duration::from_secs(2);

fn main() {
    // `cargo test --benches` asks for a list of tests; there is none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let end = jiff::Timestamp::now().as_second() / SLICE * SLICE;
    let past = Past::of(&recorded(end));
    let prometheus = past.open();
    let base = format!("http://{}/", prometheus.address()).parse().expect("a URL");
    let client = Client::new(&base, &Access::default(), Duration::from_secs(60)).expect("a client");
    let plan = plan();
    let standings = Standings::new(&plan, Arc::new(history::Prometheus::new(client, &plan)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let look = || {
        let begin = Instant::now();
        let list = runtime.block_on(standings.list(end));
        assert_eq!(list.slos.iter().filter(|slo| slo.data == Data::Known).count(), SLOS);
        begin.elapsed()
    };
    let looks = [look(), look(), look()];
    println!("{SLOS} SLOs with 30 days of slices: {looks:.2?}");
    assert!(looks.iter().min().is_some_and(|fastest| *fastest < LIMIT), "a look takes {LIMIT:?} or longer");
}

fn plan() -> Plan {
    let mut text = "version: burndown/v1\nservice: shop\nslos:\n".to_owned();
    for slo in 0..SLOS {
        let _ =
            writeln!(text, "  - {{name: s{slo}, objective: 99.9, sli: {{events: {{bad: b{slo}, total: t{slo}}}}}}}");
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("shop.yaml");
    fs::write(&path, text).expect("the SLO file");
    let loaded = spec::load(&[path]);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    Plan::of(&loaded.fleet).0
}

/// Slices as the rules record them, in the OpenMetrics format.
fn recorded(end: i64) -> String {
    let mut random = Random::new(1);
    let mut text = String::new();
    for name in ["slo:sli_total:increase5m", "slo:sli_bad:increase5m"] {
        for slo in 0..SLOS {
            for slice in 0..SLICES {
                let at = end - (SLICES - 1 - slice) * SLICE;
                let value = match name {
                    "slo:sli_total:increase5m" => random.between(500, 1_500),
                    _ => u64::from(random.happens(1, 10)),
                };
                let _ = writeln!(text, "{name}{{slo_service=\"shop\",slo=\"s{slo}\"}} {value} {at}");
            }
        }
    }
    text.push_str("# EOF\n");
    text
}
