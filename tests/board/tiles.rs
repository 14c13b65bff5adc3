//! The tiles: what each says, in which order, and how many SLOs look like.

use super::wall::{Promise, Wall, many, team};

/// The SLOs of the board in the order in which they stand there.
const ORDER: &str =
    "[...document.querySelectorAll('.tile h2 a, .row h3 a')].map(a => a.getAttribute('href')).join(' ')";

#[test]
fn what_needs_attention_comes_first_and_says_why() {
    let wall = Wall::showing(&team());
    let page = wall.page("/", 1920, 1080);
    assert_eq!(
        page.text(ORDER).replace("/slos/", ""),
        "payments/checkout payments/refunds search/suggestions mail/delivery tracker/cf-push search/results tracker/app \
         tracker/canary"
    );
    assert_eq!(page.texts("h1"), ["8 SLOs: 1 closed, 1 burning, 2 unknown, 2 low"]);
    let tile = |slo: &str| {
        page.text(&format!("document.getElementById('slo-{slo}').innerText"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let closed = tile("payments.checkout");
    for said in [
        "payments / checkout Gate closed Burning 14.8 × opens again at 10 min A customer can pay.",
        "−15.4 of 21.6 min left · −72 %",
        "SLI 99.914 % of 99.95 % over 30d",
        "Trend −7.00 min in 1d",
        "Failure 4 h ago too slow",
    ] {
        assert!(closed.contains(said), "no `{said}` in {closed}");
    }
    let said = [
        ("payments.refunds", "Gate open Burning 53.3 × closes at 0 min"),
        ("search.suggestions", "Gate unknown the newest data are from"),
        ("mail.delivery", "Gate unknown nothing was observed"),
        ("mail.delivery", "4.32 of 4.32 min left · 100 % SLI – of 99.99 %"),
        ("tracker.cf-push", "1.00 of 432 min left · 0 %"),
        ("tracker.app", "Gate open closes at 0 min"),
    ];
    for (slo, words) in said {
        assert!(tile(slo).contains(words), "no `{words}` in {}", tile(slo));
    }
    // Every colour has an icon and words of its own, and moods differ in colour.
    let looks = page.value(
        "Object.fromEntries([...document.querySelectorAll('.tile')].map(t => [t.className, [\
         getComputedStyle(t.querySelector('.left b')).color, t.querySelector('.pill use').getAttribute('href')]]))",
    );
    let looks = looks.as_object().unwrap();
    let icons: std::collections::BTreeSet<_> = looks.values().map(|look| look[1].as_str().unwrap()).collect();
    assert_eq!((looks.len(), icons.len()), (5, 5), "{looks:?}");
    assert_ne!(looks["tile closed"][0], looks["tile good"][0]);
}

#[test]
fn a_tile_leads_to_the_page_of_its_slo_and_back() {
    let wall = Wall::showing(&team());
    let page = wall.page("/", 1920, 1080);
    page.value("document.querySelector('#slo-tracker\\\\.app a').click()");
    page.wait_for("location.pathname === '/slos/tracker/app' && document.readyState === 'complete'");
    assert!(page.texts("h1")[0].contains("app"));
    page.value("document.querySelector('.brand').click()");
    page.wait_for("location.pathname === '/' && document.readyState === 'complete'");
}

#[test]
fn a_wall_without_slos_and_one_of_a_single_slo_say_so() {
    let none = Wall::showing(&[]);
    let page = none.page("/", 1920, 1080);
    assert_eq!(
        (page.texts("h1"), page.texts(".nothing")),
        (vec!["No SLOs".into()], vec!["There is no SLO yet.".into()])
    );
    let one = Wall::showing(&[Promise::new("tracker", "app")]);
    let page = one.page("/", 1920, 1080);
    assert_eq!(page.texts("h1"), ["1 SLO, all open"]);
    // It fills the wall, and nothing has to be scrolled.
    assert_eq!(page.value("document.documentElement.scrollHeight <= innerHeight"), true);
    assert!(page.value("document.querySelector('.tile').getBoundingClientRect().width > 1800").as_bool().unwrap());
    assert!(page.value("document.querySelector('.spark').getBoundingClientRect().height > 400").as_bool().unwrap());
}

#[test]
fn a_wall_shows_eight_or_forty_slos_without_scrolling() {
    for promises in [team(), many(40)] {
        let wall = Wall::showing(&promises);
        let page = wall.page("/", 1920, 1080);
        assert_eq!(page.value("document.querySelectorAll('.tile').length"), promises.len());
        assert_eq!(page.value("document.documentElement.scrollHeight"), 1080, "{} SLOs", promises.len());
    }
}

#[test]
fn hundreds_of_slos_have_tiles_for_what_needs_attention_and_a_line_for_the_rest() {
    let wall = Wall::showing(&many(500));
    let page = wall.page("/", 1920, 1080);
    assert_eq!(page.texts("h1"), ["500 SLOs: 20 closed, 20 burning, 10 unknown"]);
    assert_eq!(
        page.value("[document.querySelectorAll('.tile').length, document.querySelectorAll('.row').length]"),
        serde_json::json!([24, 476])
    );
    assert_eq!(page.value("document.querySelectorAll('.tile.closed').length"), 20);
    // The lines are by service; services with something to look at come first.
    let groups = page.texts(".group h2");
    assert!(groups[0].contains("SLOs, 1 to look at") || groups[0].contains("SLOs, 2 to look at"), "{groups:?}");
    assert!(groups.last().unwrap().ends_with("all on track"), "{groups:?}");
    let row = page.text("document.querySelector('.row.good').innerText");
    for said in ["promise-", "of 99 %", "min", "failed", "timeout"] {
        assert!(row.contains(said), "no `{said}` in {row}");
    }
}
