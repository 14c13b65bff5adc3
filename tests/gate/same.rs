//! The wall, the API and the recorded gate at the same moment: a real service, scraped by a real Prometheus that
//! evaluates the generated rules and has a past, through an opening and a closing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use burndown::names::{Record, label};
use serde_json::Value;

use crate::support::backfill::Past;
use crate::support::burndown::{listening, run, start};
use crate::support::counting_target::CountingTarget;
use crate::support::prometheus::Setup;
use crate::support::{http, port};

const SOON: Duration = Duration::from_secs(60);

/// 7.2 seconds of budget in an hour; a closed gate opens at three.
const FILE: &str = "version: burndown/v1
service: shop
window: 1h
probes:
  - {name: front, interval: 500ms, timeout: 400ms, http: {url: '{url}'}}
slos:
  - {name: front, objective: 99.8, sli: {probe: front}}
gate: {close_at: 0m, resume_at: 3s}
rules: {interval: 1s, delay: 2s, lookback: 5s}
alerting: {windows: [{severity: page, long: 1m, short: 10s, factor: 50}]}
";

/// An hour of slices of a second up to `end`; nine seconds of it failed, the first of which leaves the window `after` the
/// end.
fn past(end: i64, after: i64) -> String {
    let mut text = String::new();
    let labels = format!("{{{}=\"shop\",{}=\"front\"}}", label::SERVICE, label::SLO);
    for record in [Record::TotalIncrease, Record::BadIncrease, Record::ObservedAt] {
        for at in end - 3_600..=end {
            let is_bad = (end - 3_600 + after..end - 3_600 + after + 9).contains(&at);
            let value = match record {
                Record::TotalIncrease => 2,
                Record::BadIncrease => i64::from(is_bad) * 2,
                _ => at,
            };
            let _ = writeln!(text, "{}{labels} {value} {at}", record.name());
        }
    }
    text + "# EOF\n"
}

/// What is told at one moment: by the API, and by the tile of the board if it shows the same look.
#[derive(Debug)]
struct Told {
    decision: String,
    /// Up to when the numbers are.
    at: i64,
    tile: Option<String>,
}

fn told(address: SocketAddr) -> Told {
    let ask = || http::get(address, "/api/v1/gate", &[]).unwrap().json();
    let (before, page, after) = (ask(), http::get(address, "/", &[]).unwrap().body, ask());
    let between = |text: &str, from: &str, to: &str| Some(text.split_once(from)?.1.split_once(to)?.0.to_owned());
    let moment = between(&page, "<time datetime=\"", "\"").expect("the moment of the page");
    let shown: jiff::Timestamp = moment.parse().expect("a time");
    // Between two equal answers there was no other look.
    let is_same = before == after;
    assert!(!is_same || before["at"] == shown.as_second(), "the page is of {shown}: {before}");
    let words = ["Gate open", "Gate closed", "Gate unknown"];
    let tile = words.iter().find(|words| page.contains(**words)).map(|words| words.replace("Gate ", ""));
    Told {
        decision: after["decision"].as_str().unwrap().to_owned(),
        at: after["slos"][0]["at"].as_i64().unwrap(),
        tile: tile.filter(|_| is_same),
    }
}

#[test]
fn the_wall_the_api_and_the_recorded_gate_say_the_same_at_the_same_moment() {
    let target = CountingTarget::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.yaml");
    fs::write(&file, FILE.replace("{url}", &target.url())).unwrap();
    let generated = run(["generate", file.to_str().unwrap(), "--output", directory.path().to_str().unwrap()]);
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);

    // Each of the two asks the other.
    let address = port::free();
    let end = jiff::Timestamp::now().as_second();
    let past = Past::of(&past(end, 35));
    let setup = Setup {
        targets: vec![("burndown", address)],
        rules: ["fast", "slow"].map(|tier| directory.path().join(format!("rules/shop.{tier}.yaml"))).to_vec(),
        ..Setup::default()
    };
    let prometheus = past.resume(&setup);
    let url = format!("http://{}/", prometheus.address());
    let listen = address.to_string();
    let more = ["--web.listen-address", &listen, "--storage.path", "none", "--prometheus", &url];
    let mut serve = start(["serve", file.to_str().unwrap()].into_iter().chain(more));
    assert_eq!(listening(&mut serve, SOON), address);

    let mut seen: BTreeMap<i64, String> = BTreeMap::new();
    let mut tiles = 0;
    // It is closed until enough of the past has left; then the target fails until it is closed again.
    let mut look_until = |decision: &str, seen: &mut BTreeMap<i64, String>| {
        let deadline = Instant::now() + SOON;
        loop {
            let told = told(address);
            if let Some(tile) = &told.tile {
                assert_eq!(*tile, told.decision, "the wall and the API at {}", told.at);
                tiles += 1;
            }
            let is_there = told.decision == decision;
            seen.insert(told.at, told.decision);
            if is_there {
                return;
            }
            assert!(Instant::now() < deadline, "it never was {decision}: {seen:?}\n{}", prometheus.tail());
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    look_until("closed", &mut seen);
    look_until("open", &mut seen);
    target.break_it();
    look_until("closed", &mut seen);
    target.mend_it();
    assert!(tiles > 20, "{tiles} looks at the wall");

    // What the rules recorded in the second of each look.
    let selector = format!("{}{{{}=\"front\"}}", Record::GateOpen.name(), label::SLO);
    let stored = prometheus.stored(&selector, "10m");
    assert_eq!(stored.len(), 1, "{stored:?}");
    let recorded: BTreeMap<i64, f64> =
        stored[0].points.iter().map(|(time, value)| (time.ceil() as i64, *value)).collect();
    let mut compared = BTreeMap::new();
    for (at, decision) in &seen {
        // The slices of the past end with whole seconds and those of the rules do not, so that a slice of the past leaves the
        // window of one up to a second before that of the other.
        let near: Vec<bool> = [*at, at + 1].iter().filter_map(|at| Some(*recorded.get(at)? == 1.0)).collect();
        if near.len() < 2 {
            continue;
        }
        // An unknown SLO holds, so that nothing is deployed.
        assert!(near.contains(&(decision == "open")), "the rules recorded {near:?} at {at}: {seen:?}");
        *compared.entry(decision.as_str()).or_insert(0) += 1;
    }
    assert!(compared.get("open") > Some(&2) && compared.get("closed") > Some(&5), "{compared:?} of {seen:?}");
    // Whoever asks Prometheus by the command is told the same.
    let newest = *seen.last_key_value().unwrap().0;
    let moment = jiff::Timestamp::from_second(newest).unwrap().to_string();
    let arguments = ["gate", file.to_str().unwrap(), "--prometheus", &url, "--at", &moment, "--output", "json"];
    let answer: Value = serde_json::from_str(&run(arguments).stdout).unwrap();
    assert_eq!(answer["decision"], "closed", "{answer}");
}
