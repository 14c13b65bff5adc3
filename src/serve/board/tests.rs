//! The board's page over real histories in memory.

use std::io::Write as _;
use std::sync::Arc;

use super::filter::Filter;
use super::keep::Look;
use super::page::{self, Frame};
use super::{public, slo as slo_page};
use crate::history::{Event, Memory, SloKey};
use crate::probe::outcome::Reason;
use crate::slo::Plan;
use crate::spec::{
    self,
    model::{Fleet, Slo},
};
use crate::standing::Standings;
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

/// A look at SLOs, so long after `START`.
async fn look(memory: Memory, slos: impl IntoIterator<Item = Slo>, after: i64) -> Look {
    Look::take(&Standings::new(&plan(slos), Arc::new(memory)), START + after).await
}

fn frame(look: &Look) -> Frame {
    Frame::of(look, Duration::from_secs(2), look.at + 3)
}

fn on_board(look: &Look) -> String {
    page::render(look, frame(look), Filter::default()).expect("a page")
}

fn on_page(look: &Look) -> String {
    slo_page::render(look.slos.first().expect("an SLO"), frame(look), None, look.at).expect("a page")
}

#[tokio::test]
async fn the_pages_say_what_the_numbers_say() {
    let memory = history(600, |second| (100..130).contains(&second));
    let look = look(memory, [slo("front")], 600).await;
    let said = |page: &str, words: &[&str]| {
        for words in words {
            assert!(page.contains(words), "no `{words}` in\n{page}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    };
    let both = [
        "<b>5.50</b> <span>of 6<span class=\"over\"> min left</span> · 91 %</span>",
        "Gate open",
        "closes at 0 min",
        "7 min ago",
    ];
    said(&on_board(&look), &[both.as_slice(), &["data-refresh=\"2\" data-age=\"3\"", "1 SLO, all open"]].concat());
    let own = [
        "30 of 600 bad",
        "a closed gate opens at 1<",
        "Error budget of front since 10 min ago: from 6.00 to 5.50 of 6 minutes, 5.50 at the lowest.",
        "14 Nov 22:15:00 \u{2013} 22:15:30",
        "status \u{d7} 30",
    ];
    said(&on_page(&look), &[both.as_slice(), &own].concat());
}

#[tokio::test]
async fn hostile_text_never_becomes_markup() {
    let mut hostile = slo("front");
    hostile.description = Some("</p><script>alert(1)</script>\"'&".to_owned());
    hostile.alerting.page.severity = "<img src=x onerror=alert(1)>".to_owned();
    let look = look(history(10, |_| true), [hostile], 10).await;
    for page in [on_board(&look), on_page(&look), public::render(&look, frame(&look)).expect("a page")] {
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
        assert_eq!(page.matches("<script").count(), 2, "{page}");
        assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
    }
}

#[tokio::test]
async fn time_without_data_is_not_joined() {
    let memory = history(600, |_| false);
    for second in 1200..1800 {
        memory.record(&key("front"), START + second, Event::Good);
    }
    let look = look(memory, [slo("front")], 1800).await;
    for page in [on_board(&look), on_page(&look)] {
        let line = page.lines().find(|line| line.contains("class=\"burn\" d=")).expect("a line");
        assert_eq!(line.matches('M').count(), 2, "{line}");
    }
}

#[tokio::test]
async fn the_few_slices_of_a_young_slo_are_joined() {
    let memory = Memory::new(Duration::from_mins(5), Duration::from_hours(2));
    record(&memory, "front", 900, |second| second > 200);
    let look = look(memory, [slo("front")], 900).await;
    for page in [on_board(&look), on_page(&look)] {
        let line = page.lines().find(|line| line.contains("class=\"burn\" d=")).expect("a line");
        let count = |command| {
            line.split("d=\"").nth(1).and_then(|path| path.split('"').next()).map(|path| path.matches(command).count())
        };
        assert_eq!((count('M'), count('L')), (Some(1), Some(3)), "{line}");
    }
}

#[tokio::test]
async fn a_filter_chooses_among_what_is_there() {
    let memory = history(600, |_| false);
    record(&memory, "closed", 600, |second| second > 100);
    let look = look(memory, ["front", "closed", "never"].map(slo), 600).await;
    let shown = |query: &str| {
        let page = page::render(&look, frame(&look), Filter::read(query)).expect("a page");
        let links = page.split("href=\"/slos/shop/").skip(1);
        links.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shown(""), ["closed", "never", "front"]);
    assert_eq!(shown("state=closed"), ["closed"]);
    assert_eq!(shown("q=SHOP+fr"), ["front"]);
    assert!(shown("service=shop&q=nothing").is_empty() && shown("service=other").is_empty());
    let page = page::render(&look, frame(&look), Filter::read("state=closed&q=o%22")).expect("a page");
    assert!(page.contains("No SLO fits this filter.") && page.contains("value=\"o&#34;\""), "{page}");
}

#[tokio::test]
async fn tenants_see_when_and_for_how_long_and_nothing_else() {
    let mut promise = slo("front");
    promise.description = Some("The shop is open.".to_owned());
    let memory = history(600, |second| (100..130).contains(&second));
    let look = look(memory, [promise], 600).await;
    let page = public::render(&look, frame(&look)).expect("a page");
    for said in ["Everything is available", "The shop is open.", "Unavailable for 30 s in the last hour.", "22:15:30"] {
        assert!(page.contains(said), "no `{said}` in\n{page}");
    }
    for inner in ["front<", "budget", "Gate", "status \u{d7}", "<a ", "objective", " %"] {
        assert!(!page.split("<body").nth(1).expect("a body").contains(inner), "`{inner}` in\n{page}");
    }
}
