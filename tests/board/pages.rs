//! The page of one SLO, and the one that tenants see.

use burndown::probe::outcome::Reason;

use super::wall::{DAY, HOUR, MINUTE, Promise, Wall, team};
use crate::support::http;

#[test]
fn the_page_of_an_slo_tells_its_story() {
    let wall = Wall::showing(&team());
    let page = wall.page("/slos/payments/checkout", 1920, 1080);
    let head = page.text("document.getElementById('head').innerText");
    for said in [
        "Gate closed",
        "Closed since ",
        "−15.4 min at the lowest; 25.4 min have to come back before it opens.",
        "−15.4",
        "of 21.6 min left",
    ] {
        assert!(head.contains(said), "no `{said}` in {head}");
    }
    let numbers = page.text("document.getElementById('numbers').innerText");
    for said in ["99.95 %", "over 30d", "99.914 %", "74 of 86400 bad", "100 %"] {
        assert!(numbers.contains(said), "no `{said}` in {numbers}");
    }
    // Three outages, the newest first, with lengths, minutes and reasons that add up to what was spent.
    let outages: Vec<Vec<String>> =
        (1..=3).map(|row| page.texts(&format!("#outages tbody tr:nth-child({row}) td"))).collect();
    assert_eq!(outages[0], ["10 min", "7.00", "32.4 %", "too slow × 14"]);
    assert_eq!(outages[1], ["25 min", "25.0", "115.7 %", "status × 50"]);
    assert_eq!(outages[2], ["10 min", "5.00", "23.1 %", "status × 10"]);
    assert_eq!(page.texts("#outages tbody tr").len(), 3);
    let alerts = page.texts("#alerts tbody tr td:nth-child(2)");
    assert_eq!(alerts, ["quiet", "quiet", "quiet", "burning"]);
    assert_eq!(page.texts("#alerts tbody tr:last-child td"), ["burning", "3d and 6h", "14.8", "38.9", "1"]);
    // Thirty days with a word and a sign each.
    let days = page.texts(".days li");
    assert_eq!(days.len(), 30);
    assert_eq!(page.value("document.querySelectorAll('.days li.closed').length >= 2"), true);
    assert!(days.iter().any(|day| day.contains("objective missed")), "{days:?}");
    assert!(days.iter().filter(|day| day.ends_with("100percent, objective met")).count() >= 26, "{days:?}");
}

#[test]
fn the_chart_has_its_line_at_zero_and_the_one_at_which_the_gate_opens() {
    let wall = Wall::showing(&team());
    let page = wall.page("/slos/payments/checkout", 1920, 1080);
    let y = |selector: &str| {
        let top = page.value(&format!("document.querySelector('.chart {selector}').getBoundingClientRect().top"));
        top.as_f64().unwrap()
    };
    let (full, resume, zero) = (y(".labels text:nth-last-of-type(2)"), y("path.resume"), y("path.zero"));
    let newest = y("path.newest");
    // Minutes are evenly spread: 21.6 at the top, 10, 0, and the newest point at −15.4.
    assert!(full < resume && resume < zero && zero < newest, "{full} {resume} {zero} {newest}");
    let per_minute = (zero - resume) / 10.0;
    assert!(((newest - zero) / per_minute - 15.4).abs() < 0.6, "{newest} {zero} {per_minute}");
    assert_eq!(page.value("document.querySelectorAll('.chart rect.outage').length"), 3);
    assert!(page.texts(".chart .word").contains(&"a closed gate opens at 10".to_owned()));
    // An SLO of which nothing is known has the lines, and no line of its own.
    let page = wall.page("/slos/mail/delivery", 1920, 1080);
    assert_eq!(page.text("document.querySelector('.chart path.burn').getAttribute('d')"), "");
    assert_eq!(page.value("document.querySelectorAll('.chart path.zero').length"), 1);
    assert!(page.text("document.getElementById('head').innerText").contains("It was never known. Deployments wait."));
}

#[test]
fn a_page_of_no_slo_is_not_there() {
    let wall = Wall::showing(&team());
    for path in [
        "/slos/tracker",
        "/slos/tracker/none",
        "/slos/none/app",
        "/slos/tracker/app/x",
        "/slos/",
        "/board/",
        "/status/x",
    ] {
        assert_eq!(http::get(wall.address, path, &[]).unwrap().status, 404, "{path}");
    }
    assert_eq!(http::post(wall.address, "/", &[], "").unwrap().status, 405);
}

#[test]
fn tenants_see_when_and_for_how_long_something_was_unavailable() {
    let wall = Wall::showing(&[
        Promise::new("shop", "internal-name-1").of("99.9", "A customer can pay.").outage(
            DAY,
            30 * MINUTE,
            5,
            Reason::Status,
        ),
        Promise::new("shop", "internal-name-2").of("99", "A search finds something.").outage(
            HOUR,
            HOUR,
            10,
            Reason::Timeout,
        ),
        Promise::new("mail", "delivery"),
        Promise::new("mail", "unseen").never_watched(),
    ]);
    let page = wall.page("/status", 1920, 1080);
    assert_eq!(page.texts("h1"), ["1 of 4 unavailable"]);
    assert_eq!(page.texts(".group > h2"), ["mail", "shop"]);
    let said: Vec<String> =
        page.texts("article").iter().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(said[0].starts_with("delivery Available No outage in the last 30 days."), "{said:?}");
    assert!(said[1].starts_with("unseen Unknown Nothing was observed yet."), "{said:?}");
    assert!(
        said[2].starts_with("A customer can pay. Available Unavailable for 15 min in the last 30 days."),
        "{said:?}"
    );
    assert!(said[2].ends_with("15 min"), "{said:?}");
    assert!(said[3].starts_with("A search finds something. Unavailable since "), "{said:?}");
    assert!(said[3].contains("Unavailable for 1 h in the last 30 days.") && said[3].contains(", going on"), "{said:?}");
    // The signs of all pages are drawn in one place, and say nothing.
    page.value("document.querySelectorAll('symbol').forEach(symbol => symbol.remove())");
    let everything = page.text("document.documentElement.outerHTML").to_lowercase();
    for inner in ["objective", "budget", "gate", "burn", "99", "timeout", "internal-name-1<", " %", "/slos/"] {
        let found =
            everything.find(inner).map(|at| &everything[at.saturating_sub(60)..(at + 60).min(everything.len())]);
        assert!(found.is_none(), "tenants see `{inner}`: {found:?}");
    }
    assert_eq!(page.value("document.querySelectorAll('a').length"), 0);
}
