//! The pages for those who use a keyboard or a screen reader.

use super::wall::{Wall, team};
use crate::support::browser::Page;

/// Roles that say nothing without a name.
const NAMED: [&str; 14] = [
    "link",
    "button",
    "combobox",
    "searchbox",
    "textbox",
    "image",
    "img",
    "heading",
    "region",
    "navigation",
    "search",
    "article",
    "columnheader",
    "rowheader",
];

const PATHS: [&str; 5] = ["/", "/status", "/slos/payments/checkout", "/slos/mail/delivery", "/?q=nothing"];

/// Where the focus is, as the words of a screen reader, and whether one sees it there.
const FOCUS: &str = "
(() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.top > -1;
  return at === document.body ? null : [at.id || at.className || at.nodeName, seen];
})()";

/// Presses Tab until the focus leaves the page, and returns where it was.
fn tabbed(page: &Page) -> Vec<String> {
    let mut order = Vec::new();
    for _ in 0..80 {
        page.press("Tab");
        let focus = page.value(FOCUS);
        let Some(name) = focus[0].as_str() else { break };
        if order.first().is_some_and(|first| first == name) {
            break;
        }
        assert_eq!(focus[1], true, "the focus on {name} cannot be seen");
        order.push(name.to_owned());
    }
    order
}

#[test]
fn everything_can_be_reached_with_the_keyboard() {
    let wall = Wall::showing(&team());
    let page = wall.page("/", 1920, 1080);
    let order = tabbed(&page);
    let beginning = [
        "skip",
        "theme",
        "mood-all",
        "mood-closed",
        "mood-burning",
        "mood-unknown",
        "mood-low",
        "mood-good",
        "service",
        "q",
    ];
    assert_eq!(order[..10], beginning);
    assert_eq!(order[10], "link-payments.checkout");
    assert_eq!(order.len(), 20, "{order:?}");
    assert_eq!(order[18..], ["A", "A"], "the report and the probes, in the footer");
    // The first stop leads past the filter.
    let page = wall.page("/", 1920, 1080);
    page.press("Tab");
    page.press("Enter");
    page.press("Tab");
    assert_eq!(page.value(FOCUS)[0], "link-payments.checkout");
    page.press("Enter");
    page.wait_for("location.pathname === '/slos/payments/checkout' && document.readyState === 'complete'");
    let order = tabbed(&page);
    assert_eq!(order[..3], ["skip", "brand", "theme"]);
    assert!(order.contains(&"SUMMARY".to_owned()), "{order:?}");
}

#[test]
fn everything_has_a_name_and_a_place() {
    let wall = Wall::showing(&team());
    for path in PATHS {
        let page = wall.page(path, 1920, 1080);
        let spoken = page.spoken();
        let nameless: Vec<_> =
            spoken.iter().filter(|(role, name)| NAMED.contains(&role.as_str()) && name.trim().is_empty()).collect();
        assert!(nameless.is_empty(), "{path}: {nameless:?}");
        for role in ["main", "banner", "contentinfo"] {
            assert!(spoken.iter().any(|(found, _)| found == role), "{path} has no {role}");
        }
        let levels = page.value("[...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.nodeName[1]))");
        let levels: Vec<u64> = levels.as_array().unwrap().iter().filter_map(serde_json::Value::as_u64).collect();
        assert_eq!((levels[0], levels.iter().filter(|level| **level == 1).count()), (1, 1), "{path}: {levels:?}");
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{path}: {levels:?}");
        let ids = page.value("(() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.length - new Set(ids).size })()");
        assert_eq!(ids, 0, "{path} has an id twice");
        assert_eq!(page.text("document.documentElement.lang"), "en");
    }
}

#[test]
fn charts_and_states_are_told_in_words() {
    let wall = Wall::showing(&team());
    let page = wall.page("/", 1920, 1080);
    let spoken = page.spoken();
    let has = |role: &str, name: &str| {
        assert!(spoken.iter().any(|(found, said)| found == role && said == name), "no {role} `{name}` in {spoken:#?}");
    };
    has("image", "Error budget of checkout over 30d: from 21.6 to −15.4 of 21.6 minutes, −15.4 at the lowest.");
    has("image", "Error budget of delivery: nothing was observed yet, 4.32 minutes are allowed.");
    has("article", "payments / checkout");
    has("link", "payments / checkout");
    has("link", "Closed 1");
    has(
        "button",
        if page.value("matchMedia('(prefers-color-scheme: dark)').matches") == true {
            "Use light colours"
        } else {
            "Use dark colours"
        },
    );
    has("searchbox", "Text");
    let page = wall.page("/slos/payments/checkout", 1920, 1080);
    let spoken = page.spoken();
    assert!(spoken.contains(&("image".to_owned(), "Burndown of checkout in minutes".to_owned())), "{spoken:#?}");
    // A table says the same as the chart, down to the same end.
    let rows = page.texts("#burndown-table tbody tr");
    assert!((20..=32).contains(&rows.len()) && rows.last().unwrap().ends_with("−15.4"), "{rows:?}");
}
