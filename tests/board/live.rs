//! A board that somebody looks at while things happen.

use std::time::Duration;

use rustix::process::Signal;

use super::wall::{Wall, team};
use crate::support::browser::Browser;
use crate::support::burndown;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn an_outage_appears_while_the_board_is_open() {
    let mut demo = burndown::start(["demo"]);
    let address = burndown::listening(&mut demo, SOON);
    let page = Browser::shared().page(1920, 1080);
    page.open(&format!("http://{address}/"));
    page.value("window.same = true; document.querySelector('.tile a').focus()");
    let before = page.text("document.querySelector('.left b').textContent");
    // The first outage begins after five seconds, and the alert needs some of it.
    page.wait_for("document.querySelector('.tile').classList.contains('burning')");
    assert!(page.texts(".pill.outline")[0].starts_with("Burning "));
    assert!(page.text("document.querySelector('.lastfact').textContent").contains("status"));
    assert_ne!(page.text("document.querySelector('.left b').textContent"), before);
    assert_eq!(
        page.value("[window.same, document.activeElement.id]"),
        serde_json::json!([true, "link-demo.shop-is-open"])
    );

    // The page of the SLO lists it, with the phases of its probe.
    let own = Browser::shared().page(1920, 1080);
    own.open(&format!("http://{address}/slos/demo/shop-is-open"));
    assert!(own.texts("#outages tbody td")[3].contains("status"));
    assert_eq!(own.texts("#timing tbody th"), ["resolve", "connect", "tls", "processing", "transfer"]);
    assert!(own.text("document.querySelector('#timing .quiet').textContent").contains("half took at most"));
    demo.signal(Signal::INT);
    assert_eq!(demo.wait(SOON).code(), Some(0), "{}", demo.tail());
    for page in [page, own] {
        page.wait_for("!document.getElementById('notice').hidden");
        page.wait_for("parseInt(document.getElementById('age').textContent) >= 3");
    }
}

#[test]
fn a_server_that_is_gone_is_said_and_so_is_its_return() {
    let mut wall = Wall::showing(&team());
    let page = wall.page("/", 1920, 1080);
    page.value("document.dispatchEvent(new Event('visibilitychange'))");
    assert_eq!(page.value("document.getElementById('notice').checkVisibility()"), false);
    let address = wall.address;
    wall.stop();
    page.value("document.dispatchEvent(new Event('visibilitychange'))");
    page.wait_for("document.getElementById('notice').checkVisibility()");
    assert_eq!(page.texts("[role=alert]"), ["No answer from the server: these numbers are old"]);
    assert_eq!(page.value("document.querySelectorAll('.tile').length"), 8, "the last numbers stay");
    page.wait_for("parseInt(document.getElementById('age').textContent) >= 2");
    let _again = Wall::at(address, &team());
    page.value("document.dispatchEvent(new Event('visibilitychange'))");
    page.wait_for("!document.getElementById('notice').checkVisibility()");
}

#[test]
fn focus_scroll_and_what_was_opened_stay() {
    let wall = Wall::showing(&team());
    let page = wall.page("/slos/payments/checkout", 390, 844);
    page.value("document.querySelector('#burndown-table').open = true; scrollTo(0, 900)");
    page.value("document.querySelector('#burndown-table summary').focus({preventScroll: true})");
    let before = page.value("[scrollY, document.activeElement.nodeName]");
    page.value("document.getElementById('burndown-title').textContent = 'changed'; document.dispatchEvent(new Event('visibilitychange'))");
    page.wait_for("document.getElementById('burndown-title').textContent === 'Minutes left'");
    assert_eq!(page.value("[scrollY, document.activeElement.nodeName]"), before);
    assert_eq!(page.value("document.querySelector('#burndown-table').open"), true);
}
