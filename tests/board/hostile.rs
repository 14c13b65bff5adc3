//! Text of a file that would like to be markup.

use super::wall::{Promise, Wall};

/// What a description says that does not mean well: tags, quotes, a template, marks that turn the direction of text.
const HOSTILE: &str = "</p></title></desc><script>window.broken=1</script><img src=x onerror=window.broken=1>\"'`&amp;{{7*7}} \
                       \u{202e}gnp.exe\u{202c}\u{2066}\u{200f} <svg/onload=window.broken=1> ]]> --> javascript:alert(1)";

#[test]
fn text_of_a_file_stays_text_on_every_page() {
    let wall = Wall::showing(&[
        Promise::new("shop", "front").of("99.9", HOSTILE),
        Promise::new("shop", "back").of("99", HOSTILE),
    ]);
    let plain = HOSTILE.split_whitespace().collect::<Vec<_>>().join(" ");
    for (path, place) in [("/", ".description"), ("/slos/shop/front", ".description"), ("/status", "article bdi")] {
        let page = wall.page(path, 1920, 1080);
        let shown = page.texts(place)[0].split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(shown, plain, "{path}");
        let state = page.value(
            "[window.broken === undefined, document.querySelectorAll('script').length, document.querySelectorAll('img').length, \
             document.querySelectorAll('[onload], [onerror]').length]",
        );
        assert_eq!(state, serde_json::json!([true, 2, 0, 0]), "{path}");
        // The direction of the text stays its own: what follows stands where it stood.
        let isolated = format!("getComputedStyle(document.querySelector('{place}')).unicodeBidi");
        assert!(["isolate", "plaintext"].contains(&page.text(&isolated).as_str()), "{path}: {}", page.text(&isolated));
        assert!(page.problems().is_empty(), "{path}: {:?}", page.problems());
    }
}

#[test]
fn text_of_an_address_stays_text() {
    let wall = Wall::showing(&[Promise::new("shop", "front")]);
    for text in [
        "\"><script>window.broken=1</script>",
        "' onfocus=window.broken=1 autofocus x='",
        "</title><img src=x onerror=window.broken=1>",
    ] {
        let query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let page = wall.page(&format!("/?q={query}&service={query}&state={query}"), 1920, 1080);
        assert_eq!(page.text("document.getElementById('q').value"), text);
        assert_eq!(page.value("window.broken === undefined && document.querySelectorAll('script').length === 2"), true);
        assert_eq!(page.texts(".nothing"), ["No SLO fits this filter."]);
        assert!(page.problems().is_empty(), "{:?}", page.problems());
    }
}
