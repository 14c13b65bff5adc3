//! How the pages look: on a wall and on a phone, light and dark, quietly, and from this host alone.

use burndown::probe::outcome::Reason;

use super::wall::{HOUR, MINUTE, Promise, Wall, many, team};
use crate::support::browser::Page;

const PATHS: [&str; 6] =
    ["/", "/?state=closed", "/status", "/slos/payments/checkout", "/slos/mail/delivery", "/slos/payments/refunds"];

/// The texts whose contrast against what is behind them is under that of WCAG 2.2, level AA.
const FAINT: &str = "
(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest('script, noscript, option, .aside, title, desc')) continue;
    const style = getComputedStyle(element);
    const color = channels(element.closest('svg') ? style.fill : style.color);
    const [one, other] = [light(color), light(behind(element))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (contrast < (large ? 3 : 4.5)) faint.push(walker.currentNode.textContent.trim() + ' ' + contrast.toFixed(2));
  }
  return faint;
})()";

/// What sticks out at the right of the page, other than in a box that scrolls by itself.
const STICKING_OUT: &str = "
[...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest('.scroll, .moods, .aside, .skip, svg')
  && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((e) => e.nodeName + '.' + e.className)";

fn nothing(page: &Page, expression: &str, what: &str) {
    assert_eq!(page.value(expression), serde_json::json!([]), "{what}");
}

#[test]
fn every_page_fits_a_wall_and_a_phone_in_light_and_dark() {
    let wall = Wall::showing(&team());
    for path in PATHS {
        for (width, height) in [(1920, 1080), (390, 844)] {
            let page = wall.page(path, width, height);
            assert_eq!(
                page.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth"),
                true,
                "{path} at {width}"
            );
            nothing(&page, STICKING_OUT, &format!("{path} at {width}"));
            for scheme in ["light", "dark"] {
                page.prefer(scheme);
                nothing(&page, FAINT, &format!("{path} in {scheme}"));
            }
        }
    }
}

#[test]
fn no_day_says_more_than_its_cell_holds() {
    let promise = Promise::new("shop", "cart").outage(70 * HOUR, 5 * MINUTE, 3, Reason::Status);
    let wall = Wall::showing(&[promise.outage(20 * HOUR, 17 * HOUR, 9, Reason::Status)]);
    for (path, word) in [("/status", "1 min 30 s"), ("/slos/shop/cart", "objective missed")] {
        for width in [1920, 390] {
            let page = wall.page(path, width, 1080);
            assert!(page.texts(".days li").iter().any(|day| day.contains(word)), "{path}");
            let wide = "[...document.querySelectorAll('.days li')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.innerText)";
            nothing(&page, wide, &format!("{path} at {width}"));
        }
    }
}

#[test]
fn what_is_too_faint_or_sticks_out_is_found() {
    let wall = Wall::showing(&team());
    let page = wall.page("/", 390, 844);
    page.value("document.querySelector('h1').insertAdjacentHTML('beforeend', '<b id=x>faint</b>')");
    page.value("let x = document.getElementById('x').style; x.color = '#999'; x.background = '#aaa'; x.marginLeft = '400px'; x.whiteSpace = 'nowrap'");
    assert_eq!(page.value(&format!("({FAINT}).length")), 1);
    assert_ne!(page.value(STICKING_OUT), serde_json::json!([]));
}

#[test]
fn the_theme_follows_the_system_until_somebody_chooses() {
    let wall = Wall::showing(&team());
    let page = wall.page("/", 1920, 1080);
    let ground = || page.text("getComputedStyle(document.body).backgroundColor");
    page.prefer("light");
    let light = ground();
    page.prefer("dark");
    let dark = ground();
    assert_ne!(light, dark);
    page.wait_for("document.getElementById('theme').ariaLabel === 'Use light colours'");
    page.value("document.getElementById('theme').click()");
    assert_eq!(ground(), light);
    assert_eq!(page.text("document.getElementById('theme').ariaLabel"), "Use dark colours");
    // It is remembered, on every page.
    page.open(&wall.url("/slos/tracker/app"));
    assert_eq!(ground(), light);
}

#[test]
fn nothing_complains_and_nothing_is_asked_of_another_host() {
    let wall = Wall::showing(&team());
    let crowd = Wall::showing(&many(60));
    for (wall, paths) in [(&wall, PATHS.as_slice()), (&crowd, &["/", "/?q=service-03"])] {
        for path in paths {
            let page = wall.page(path, 1920, 1080);
            // One refresh as well.
            page.value("document.dispatchEvent(new Event('visibilitychange'))");
            page.wait_for(
                "performance.getEntriesByType('resource').filter(e => e.initiatorType === 'fetch').length > 0",
            );
            assert!(page.problems().is_empty(), "{path}: {:?}", page.problems());
            let requests = page.requests();
            assert!(requests.len() >= 4, "{requests:?}");
            for request in requests {
                assert!(request.starts_with(&wall.url("/")), "{path} asks for {request}");
            }
        }
    }
}

#[test]
fn a_page_may_load_only_files_of_its_own_server() {
    let wall = Wall::showing(&team());
    for path in PATHS {
        let answer = crate::support::http::get(wall.address, path, &[]).unwrap();
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none';") && !policy.contains("unsafe") && !policy.contains("data:"),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        for inline in [" style=", "<style", " onclick", " onload", "javascript:"] {
            assert!(!answer.body.contains(inline), "{path} has {inline}");
        }
    }
    let page = wall.page("/", 1920, 1080);
    page.value("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.broken = true\">')");
    page.value(
        "let s = document.createElement('script'); s.textContent = 'window.broken = true'; document.body.append(s)",
    );
    assert_eq!(page.value("window.broken === undefined"), true);
    assert!(page.problems().join(" ").contains("Content Security Policy"), "{:?}", page.problems());
}
