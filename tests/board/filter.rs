//! The filter: in the address, without a new page, without losing the focus, and without scripts.

use super::wall::{Wall, team};
use crate::support::browser::Page;

const SHOWN: &str = "[...document.querySelectorAll('.tile h2 a')].map(a => a.getAttribute('href').slice(6)).join(' ')";

fn shows(page: &Page, slos: &str) {
    page.wait_for(&format!("({SHOWN}) === '{slos}'"));
}

#[test]
fn typing_filters_in_place_and_the_address_keeps_it() {
    let wall = Wall::showing(&team());
    let page = wall.page("/", 1920, 1080);
    page.value("window.same = true; document.getElementById('q').focus()");
    page.insert("PAY");
    shows(&page, "payments/checkout payments/refunds");
    assert_eq!(
        page.value("[window.same, document.activeElement.id, location.search]"),
        serde_json::json!([true, "q", "?q=PAY"])
    );
    // A word of the description, and another word.
    page.insert(" minute");
    shows(&page, "payments/refunds");
    // The address alone shows the same.
    let other = wall.page(&page.text("location.pathname + location.search"), 1920, 1080);
    shows(&other, "payments/refunds");
    assert_eq!(other.text("document.getElementById('q').value"), "PAY minute");
}

#[test]
fn states_and_services_filter_and_the_way_back_is_kept() {
    let wall = Wall::showing(&team());
    let page = wall.page("/", 1920, 1080);
    assert_eq!(page.texts(".moods a"), ["All 8", "Closed 1", "Burning 1", "Unknown 2", "Low 2", "On track 2"]);
    page.value("window.same = true; document.getElementById('mood-unknown').focus(); document.activeElement.click()");
    shows(&page, "search/suggestions mail/delivery");
    assert_eq!(
        page.value("[location.search, document.activeElement.id]"),
        serde_json::json!(["?state=unknown", "mood-unknown"])
    );
    assert_eq!(page.texts("[aria-current]"), ["Unknown 2"]);
    page.value("let s = document.getElementById('service'); s.value = 'mail'; s.dispatchEvent(new Event('input', {bubbles: true}))");
    shows(&page, "mail/delivery");
    page.value("history.back()");
    page.wait_for("location.search === ''");
    page.wait_for("document.querySelectorAll('.tile').length === 8 && document.getElementById('service').value === ''");
    assert_eq!(page.value("window.same"), true, "the page was loaded anew");
}

#[test]
fn everything_works_without_scripts() {
    let wall = Wall::showing(&team());
    let page = wall.page("/", 1920, 1080);
    page.scripts(false);
    page.open(&wall.url("/?state=low&service=search"));
    shows(&page, "search/results");
    assert_eq!(page.text("document.querySelector('noscript meta, meta[http-equiv]').httpEquiv"), "refresh");
    assert_eq!(
        page.value("document.querySelector('#filter button').checkVisibility()"),
        true,
        "nothing sends the form"
    );
    assert_eq!(page.value("document.getElementById('theme').checkVisibility()"), false, "a button that does nothing");
    page.value("document.getElementById('q').focus()");
    page.insert("nothing like it");
    page.press("Enter");
    page.wait_for("document.querySelector('.nothing') !== null");
    assert_eq!(page.text("location.search"), "?state=low&service=search&q=nothing+like+it");
    assert_eq!(page.texts(".nothing"), ["No SLO fits this filter."]);
}
