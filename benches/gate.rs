//! How long the gates of 100 SLOs take to answer: from a Prometheus with 30 days of slices, every slice of which is read and
//! the whole month replayed; from one that recorded over 90 days that they were open; and from a service that keeps 30 days
//! of probes every 30 seconds.
//!
//! Fails if the fastest of three answers takes 2 s or longer, or 100 ms from the service: anew while nobody watches its
//! board, about all SLOs or one, and from what the board shows while somebody does.

#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burndown::gate::{Gates, Question};
use burndown::history::{self, Storage};
use burndown::probe::outcome::{Outcome, Reason, Verdict};
use burndown::probe::{Grace, ProbeKey, Prober, Recorder};
use burndown::prometheus::{Access, Client};
use burndown::serve::board::Board;
use burndown::serve::{Daemon, Options};
use burndown::slo::Plan;
use burndown::spec::{self, model::Fleet};
use burndown::standing::model::Data;
use support::backfill::Past;
use support::clock::TestClock;
use support::http;
use support::random::Random;

#[path = "../tests/support/mod.rs"]
mod support;

const SLOS: usize = 100;
const SLICES: i64 = 30 * 288;
const SLICE: i64 = 300;

/// The most that an answer over Prometheus may take, and one of a service.
const LIMIT: Duration = Duration::from_secs(2);
const SERVICE_LIMIT: Duration = Duration::from_millis(100);

fn main() {
    // `cargo test --benches` asks for a list of tests; there is none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    from_a_service();
    let end = jiff::Timestamp::now().as_second() / SLICE * SLICE;
    let looks = from_prometheus(&recorded(end), "30d", end, true);
    println!("{SLOS} SLOs with 30 days of slices, replayed: {looks:.2?}");
    assert!(looks.iter().min().is_some_and(|fastest| *fastest < LIMIT), "an answer takes {LIMIT:?} or longer");
    let looks = from_prometheus(&latched(end), "90d", end, false);
    println!("{SLOS} SLOs with windows of 90 days, open all along: {looks:.2?}");
    assert!(looks.iter().min().is_some_and(|fastest| *fastest < LIMIT), "an answer takes {LIMIT:?} or longer");
}

/// How long three answers over Prometheus take.
fn from_prometheus(samples: &str, window: &str, end: i64, explain: bool) -> [Duration; 3] {
    let past = Past::of(samples);
    let prometheus = past.open();
    let base = format!("http://{}/", prometheus.address()).parse().expect("a URL");
    let client = Client::new(&base, &Access::default(), Duration::from_secs(60)).expect("a client");
    let plan = plan(window);
    let gates = Gates::new(&plan, Arc::new(history::Prometheus::new(client, &plan)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let question = Question { explain, ..Question::default() };
    let now = jiff::Timestamp::from_second(end).expect("a moment");
    [(); 3].map(|()| {
        let begin = Instant::now();
        let answer = runtime.block_on(gates.answer(&question, now)).expect("an answer");
        assert_eq!(answer.slos.iter().filter(|slo| slo.data == Data::Known).count(), SLOS);
        begin.elapsed()
    })
}

/// How long a service takes that keeps what its probes found.
fn from_a_service() {
    let mut text = "version: burndown/v1\nservice: shop\nprobes:\n".to_owned();
    for slo in 0..SLOS {
        let _ = writeln!(text, "  - {{name: s{slo}, interval: 30s, http: {{url: 'http://localhost/'}}}}");
    }
    text.push_str("slos:\n");
    for slo in 0..SLOS {
        let _ = writeln!(text, "  - {{name: s{slo}, objective: 99.9, sli: {{probe: s{slo}}}}}");
    }
    let fleet = spec::load_text("shop.yaml", &text).fleet;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let storage = Arc::new(kept(directory.path(), &fleet));
    let gates = Gates::new(&Plan::of(&fleet).0, storage);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let options = Options {
        listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        board: Some(Board::new(gates)),
        ..Options::default()
    };
    let daemon = async { Daemon::start(&Fleet::default(), Prober::system().expect("a prober"), options).await };
    let daemon = runtime.block_on(daemon).expect("it starts");
    let address = daemon.addresses()[0];
    let ask = |path: &str| {
        let begin = Instant::now();
        let answer = http::get(address, path, &[]).expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
        let taken = begin.elapsed();
        if path.starts_with("/api") {
            let json = answer.json();
            let slos = json["slos"].as_array().expect("SLOs");
            assert_eq!(slos.len(), if path.contains("slo=") { 1 } else { SLOS });
            assert!(slos.iter().all(|slo| slo["data"] == "known"), "{path}: {json}");
        }
        taken
    };
    let anew = [(); 3].map(|()| ask("/api/v1/gate"));
    let one = [(); 3].map(|()| ask("/api/v1/gate?service=shop&slo=s7"));
    let first = ask("/");
    let watched = [(); 3].map(|()| ask("/api/v1/gate"));
    println!("a service with {SLOS} SLOs and 30 days: {anew:.1?} about all of them, {one:.1?} about one");
    println!("the first look at its board {first:.1?}, and then {watched:.1?} about all of them");
    for answers in [anew, one, watched] {
        let fastest = answers.iter().min().expect("three answers");
        assert!(*fastest < SERVICE_LIMIT, "an answer takes {SERVICE_LIMIT:?} or longer");
    }
    runtime.block_on(daemon.stop(Grace::default()));
}

/// Thirty days of runs, one in a thousand of which failed.
fn kept(directory: &Path, fleet: &Fleet) -> Storage {
    let now = jiff::Timestamp::now().as_second();
    let clock = Arc::new(TestClock::at(now - 30 * 86_400));
    let storage = Storage::open_at(directory, fleet, Arc::clone(&clock) as _).expect("it opens");
    let mut random = Random::new(3);
    let service = fleet.services.keys().next().expect("a service");
    let keys: Vec<ProbeKey> = (0..SLOS)
        .map(|slo| ProbeKey { service: service.clone(), probe: format!("s{slo}").parse().expect("a name") })
        .collect();
    for at in (now - 30 * 86_400..=now).step_by(30) {
        clock.move_to(at);
        for key in &keys {
            let verdict = match random.happens(1, 1_000) {
                true => Verdict::Failed { reason: Reason::Timeout, detail: String::new() },
                false => Verdict::Success,
            };
            storage.record(key, &Outcome::of(verdict), 0);
        }
        if at % (6 * 3_600) < 30 {
            settle(&storage);
        }
    }
    settle(&storage);
    storage
}

/// Lets minutes that change no more move into the rows of their days, as they do in hours of a service: one commit moves
/// those of twenty probes.
fn settle(storage: &Storage) {
    (0..SLOS.div_ceil(20)).for_each(|_| storage.flush(Duration::from_secs(60)));
}

fn plan(window: &str) -> Plan {
    let mut text = format!("version: burndown/v1\nservice: shop\nwindow: {window}\nslos:\n");
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

/// What the rules record in 90 days of gates that are open all along.
fn latched(end: i64) -> String {
    let mut text = String::new();
    let mut add = |name: &str, slo: usize, value: f64, at: i64| {
        let _ = writeln!(text, "{name}{{slo_service=\"shop\",slo=\"s{slo}\"}} {value} {at}");
    };
    for slo in 0..SLOS {
        for slice in (0..90 * 288).rev() {
            add("slo:deploy_gate_latch:open", slo, 1.0, end - slice * SLICE);
        }
    }
    let newest = [
        ("slo:error_budget_remaining:seconds", 7_000.0),
        ("slo:sli_observed:seconds", 7_776_000.0),
        ("slo:sli_observed:timestamp_seconds", end as f64),
        ("slo:coverage:ratio", 1.0),
        ("slo:objective:ratio", 0.999),
        ("slo:error_budget:seconds", 7_776.0),
        ("slo:deploy_gate_close_at:seconds", 0.0),
        ("slo:deploy_gate_resume_at:seconds", 1_944.0),
    ];
    for (name, value) in newest {
        (0..SLOS).for_each(|slo| add(name, slo, value, end));
    }
    text + "# EOF\n"
}
