//! An SLO over seconds, for the tests of whoever shows or judges it.

use std::io::Write as _;

use burndown::history::{Event, Memory, SloKey};
use burndown::probe::outcome::Reason;
use burndown::slo::Plan;
use burndown::spec;
use burndown::spec::model::{Fleet, Slo};
use burndown::units::{Duration, Name};

/// Some moment in seconds of Unix time, a whole number of slices.
pub(crate) const START: i64 = 1_700_000_000;

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect(text)
}

pub(crate) fn key(slo: &str) -> SloKey {
    SloKey { service: name("shop"), slo: name(slo) }
}

/// 90 % over an hour: six minutes of budget, the gate resumes at one.
const FILE: &str = "
version: burndown/v1
service: shop
window: 1h
probes:
  - {name: front, interval: 1s, timeout: 1s, http: {url: http://localhost/}}
slos:
  - {name: front, objective: 90, sli: {probe: front}}
gate: {resume_at: 1m}
rules: {interval: 1s, delay: 1s, lookback: 5s}
alerting: {windows: [{severity: page, long: 1m, short: 10s, factor: 3}]}
";

fn fleet() -> Fleet {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().expect("a temporary file");
    file.write_all(FILE.as_bytes()).expect("it can be written");
    let loaded = spec::load(&[file.path().to_owned()]);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    loaded.fleet
}

/// The SLO of the file under another name.
pub(crate) fn slo(text: &str) -> Slo {
    let mut services = fleet().services.into_values();
    let slo = services.next().and_then(|service| service.slos.into_values().next()).expect("one SLO");
    Slo { name: name(text), ..slo }
}

pub(crate) fn plan(slos: impl IntoIterator<Item = Slo>) -> Plan {
    let mut fleet = fleet();
    let service = fleet.services.values_mut().next().expect("one service");
    service.slos = slos.into_iter().map(|slo| (slo.name.clone(), slo)).collect();
    Plan::of(&fleet).0
}

/// A run every second from `START`; `bad` says which seconds fail.
pub(crate) fn history(seconds: i64, bad: impl Fn(i64) -> bool) -> Memory {
    let memory = Memory::new(Duration::from_secs(2), Duration::from_hours(2));
    record(&memory, "front", seconds, bad);
    memory
}

pub(crate) fn record(memory: &Memory, slo: &str, seconds: i64, bad: impl Fn(i64) -> bool) {
    for second in 0..seconds {
        let event = if bad(second) { Event::Bad(Reason::Status) } else { Event::Good };
        memory.record(&key(slo), START + second, event);
    }
}
