//! The board's page over real histories in memory.

use std::io::Write as _;
use std::sync::Arc;

use super::Board;
use crate::gate::Gates;
use crate::history::{Event, Memory, SloKey};
use crate::probe::outcome::Reason;
use crate::slo::Plan;
use crate::spec::{
    self,
    model::{Fleet, Slo},
};
use crate::units::{Duration, Name};

/// Some moment in seconds of Unix time, a whole number of slices.
const START: i64 = 1_700_000_000;

fn name(text: &str) -> Name {
    text.parse().expect(text)
}

fn key(slo: &str) -> SloKey {
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
fn slo(text: &str) -> Slo {
    let mut services = fleet().services.into_values();
    let slo = services.next().and_then(|service| service.slos.into_values().next()).expect("one SLO");
    Slo { name: name(text), ..slo }
}

fn plan(slos: impl IntoIterator<Item = Slo>) -> Plan {
    let mut fleet = fleet();
    let service = fleet.services.values_mut().next().expect("one service");
    service.slos = slos.into_iter().map(|slo| (slo.name.clone(), slo)).collect();
    Plan::of(&fleet).0
}

/// A run every second from `START`; `bad` says which seconds fail.
fn history(seconds: i64, bad: impl Fn(i64) -> bool) -> Memory {
    let memory = Memory::new(Duration::from_secs(2), Duration::from_hours(2));
    record(&memory, "front", seconds, bad);
    memory
}

fn record(memory: &Memory, slo: &str, seconds: i64, bad: impl Fn(i64) -> bool) {
    for second in 0..seconds {
        let event = if bad(second) { Event::Bad(Reason::Status) } else { Event::Good };
        memory.record(&key(slo), START + second, event);
    }
}

fn board(memory: Memory, slos: impl IntoIterator<Item = Slo>) -> Board {
    Board::new(Gates::new(&plan(slos), Arc::new(memory)))
}

#[tokio::test]
async fn the_page_says_what_the_numbers_say() {
    let memory = history(600, |second| (100..130).contains(&second));
    let page = board(memory, [slo("front")]).page(START + 600).await.expect("a page");
    for said in [
        "<b>5.50</b> <span>of 6 minutes left · 91 %</span>",
        "<b>Gate open</b> closes at 0 min",
        "30 of 600 bad",
        "data-refresh=\"2\"",
        "resume at 1<",
        "Error budget of front since 10 min ago: from 6.00 to 5.50 of 6 minutes, 5.50 at the lowest.",
        "7 min ago",
    ] {
        assert!(page.contains(said), "no `{said}` in\n{page}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}

#[tokio::test]
async fn hostile_text_never_becomes_markup() {
    let mut hostile = slo("front");
    hostile.description = Some("</p><script>alert(1)</script>\"'&".to_owned());
    hostile.alerting.page.severity = "<img src=x onerror=alert(1)>".to_owned();
    let page = board(history(10, |_| true), [hostile]).page(START + 10).await.expect("a page");
    assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
}

#[tokio::test]
async fn time_without_data_is_not_joined() {
    let memory = history(600, |_| false);
    for second in 1200..1800 {
        memory.record(&key("front"), START + second, Event::Good);
    }
    let page = board(memory, [slo("front")]).page(START + 1800).await.expect("a page");
    let line = page.lines().find(|line| line.contains("class=\"burn\"")).expect("a line");
    assert_eq!(line.matches('M').count(), 2, "{line}");
}
