//! The board over real histories in memory.

use std::io::Write as _;
use std::sync::Arc;

use super::Board;
use super::state::{Data, GateAnswer, SloState, States};
use crate::history::{Event, History, HistoryError, Memory, Slices, SloKey};
use crate::probe::outcome::Reason;
use crate::slo::Plan;
use crate::spec::{
    self,
    model::{Fleet, Slo},
};
use crate::units::{Duration, Name};

const SECOND: Duration = Duration::from_secs(1);

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

async fn states(memory: Memory, slos: impl IntoIterator<Item = Slo>, after: i64) -> States {
    Board::new(&plan(slos), Arc::new(memory)).states(START + after).await
}

async fn state(memory: Memory, after: i64) -> SloState {
    states(memory, [slo("front")], after).await.slos.pop().expect("one SLO")
}

#[tokio::test]
async fn every_failed_second_costs_a_second() {
    let state = state(history(600, |second| (100..130).contains(&second)), 600).await;
    assert_eq!((state.bad, state.total, state.sli), (30.0, 600.0, Some(95.0)));
    assert_eq!((state.budget.total_seconds, state.budget.remaining_seconds), (360.0, 330.0));
    assert_eq!((state.data, state.gate.state), (Data::Known, GateAnswer::Open));
    let failure = state.last_failure.expect("a failure");
    assert_eq!((failure.at, failure.reason), (START + 130, Some("status")));
    assert!(!state.pages());
    let first = state.burndown.first().expect("points");
    let last = state.burndown.last().expect("points");
    assert!((first.remaining_seconds, last.remaining_seconds) == (360.0, 330.0), "{first:?} {last:?}");
    assert!(state.burndown.len() <= 241 && last.at == START + 600);
}

#[tokio::test]
async fn an_outage_pages_and_then_closes_the_gate_until_enough_came_back() {
    let outage = |second| (60..440).contains(&second);
    let during = state(history(120, outage), 120).await;
    assert!(during.pages(), "{during:?}");
    assert_eq!((during.burn_rate, during.gate.state), (Some(10.0), GateAnswer::Open));
    let after = state(history(440, outage), 440).await;
    assert_eq!((after.budget.remaining_seconds, after.gate.state), (-20.0, GateAnswer::Closed));
    // An hour later the outage leaves the window: 60 seconds are there again 80 seconds after it began to leave.
    let leaving = |past: i64| state(history(3600 + 60 + past, outage), 3600 + 60 + past);
    assert_eq!(leaving(60).await.gate.state, GateAnswer::Closed);
    assert_eq!(leaving(82).await.gate.state, GateAnswer::Open);
}

#[tokio::test]
async fn what_was_not_observed_is_unknown() {
    let never = state(history(0, |_| false), 60).await;
    assert_eq!((never.data, never.gate.state, never.sli), (Data::NoData, GateAnswer::Unknown, None));
    assert_eq!(never.budget.remaining_seconds, 360.0);
    let stopped = state(history(600, |_| false), 1600).await;
    assert_eq!((stopped.data, stopped.gate.state), (Data::Stale, GateAnswer::Unknown));
    let unreadable = Board::new(&plan([slo("front")]), Arc::new(Unreadable)).states(START).await;
    assert_eq!(unreadable.slos.first().map(|state| state.data), Some(Data::Unavailable));
}

/// A history whose place does not answer.
struct Unreadable;

impl History for Unreadable {
    fn slice(&self, _key: &SloKey) -> Duration {
        SECOND
    }

    fn slices<'a>(&'a self, _key: &'a SloKey, _after: i64, _until: i64) -> Slices<'a> {
        Box::pin(std::future::ready(Err(HistoryError::Unavailable("no route to host".to_owned()))))
    }
}

#[tokio::test]
async fn what_needs_attention_comes_first() {
    let memory = history(600, |_| false);
    record(&memory, "closed", 600, |second| second > 100);
    record(&memory, "paging", 600, |second| second > 560);
    record(&memory, "low", 600, |second| second < 100);
    let slos = ["front", "unknown", "low", "paging", "closed"].map(slo);
    let order: Vec<String> = states(memory, slos, 600).await.slos.into_iter().map(|state| state.slo).collect();
    assert_eq!(order, ["closed", "paging", "unknown", "low", "front"]);
}

#[tokio::test]
async fn the_page_says_what_the_numbers_say() {
    let memory = history(600, |second| (100..130).contains(&second));
    let page = Board::new(&plan([slo("front")]), Arc::new(memory)).page(START + 600).await.expect("a page");
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
    let page = Board::new(&plan([hostile]), Arc::new(history(10, |_| true))).page(START + 10).await.expect("a page");
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
    let page = Board::new(&plan([slo("front")]), Arc::new(memory)).page(START + 1800).await.expect("a page");
    let line = page.lines().find(|line| line.contains("class=\"burn\"")).expect("a line");
    assert_eq!(line.matches('M').count(), 2, "{line}");
}
