//! What one step captures and later steps use, over real requests and commands.

use std::fs;

use super::site::{Page, Site, page};
use super::{Yard, sh, words};

/// A step that captures `value` by its JSON pointer from a page of the site that says `{"value": …}`.
fn fetch(site: &Site) -> String {
    format!("{{name: fetch, http: {{url: \"{}\"}}, capture: {{value: {{json: /value}}}}}}", site.url("/value"))
}

/// A page with a JSON document that holds a text.
fn value_page(value: &str) -> Page {
    page("/value", &serde_json::json!({ "value": value }).to_string())
}

#[tokio::test]
async fn an_answer_fills_in_the_next_request() {
    let yard = Yard::new();
    let site = Site::start(vec![
        (
            "/login",
            200,
            "X-Token: abc def\r\nLocation: /jobs/77?x=1\r\n".to_owned(),
            r#"{"user": {"id": 42, "name": "O'Brien \"x\" & co"}} <!-- csrf=zz9 -->"#.to_owned(),
        ),
        page("/", "ok"),
    ])
    .await;
    let login = format!(
        "{{name: login, http: {{url: \"{}\", method: POST, body: 'a=$${{b}}'}}, capture: {{token: {{header: X-Token}}, \
         job: {{header: Location, regex: '/jobs/([0-9]+)'}}, csrf: {{regex: 'csrf=(\\w+)'}}, \
         name: {{regex: 'name\": \"(.*)\"\\}}'}}}}}}",
        site.url("/login")
    );
    let next = format!(
        "{{name: next, http: {{url: \"{}\", method: PUT, headers: {{Authorization: \"Bearer ${{token}}\", \
         X-Two: [\"${{job}}\", plain]}}, body: \"csrf=${{csrf}}&job=${{job}}\"}}}}",
        site.url("/jobs/${job}/a?token=${token}&csrf=${csrf}")
    );
    let json = format!(
        "{{name: json, http: {{url: \"{}\", method: POST, headers: {{Content-Type: application/json}}, \
         body: '{{\"name\": \"${{name}}\", \"job\": ${{job}}}}'}}}}",
        site.url("/json")
    );
    let form = format!(
        "{{name: form, http: {{url: \"{}\", method: POST, headers: {{Content-Type: application/x-www-form-urlencoded}}, \
         body: 'name=${{name}}'}}}}",
        site.url("/form")
    );
    let outcome = yard.calm(&[login, next, json, form].join(", "), "").await;
    assert_eq!(words(&outcome.verdict), ("success", ""));

    let requests = site.requests();
    assert!(requests[0].ends_with("\r\n\r\na=${b}"), "{}", requests[0]);
    let next = requests[1].to_lowercase();
    assert!(next.starts_with("put /jobs/77/a?token=abc%20def&csrf=zz9 http/1.1\r\n"), "{next}");
    for line in ["authorization: bearer abc def", "x-two: 77", "x-two: plain"] {
        assert!(next.contains(&format!("\r\n{line}\r\n")), "{line} in {next}");
    }
    assert!(next.ends_with("\r\n\r\ncsrf=zz9&job=77"), "{next}");
    let json = requests[2].split_once("\r\n\r\n").expect("a body").1;
    let json: serde_json::Value = serde_json::from_str(json).expect("a value stays one value");
    assert_eq!(json, serde_json::json!({"name": "O'Brien \\\"x\\\" & co", "job": 77}));
    assert!(requests[3].ends_with("\r\n\r\nname=O%27Brien%20%5C%22x%5C%22%20%26%20co"), "{}", requests[3]);
}

#[tokio::test]
async fn output_fills_in_commands_and_requests() {
    let yard = Yard::new();
    let site = Site::start(vec![page("/", "ok")]).await;
    let make = "{name: make, run: [printf, '{\"guid\": \"a b;c$d\", \"n\": 5}'], \
                capture: {guid: {json: /guid}, n: {json: /n}, all: {regex: '(?s).+'}}}";
    let keep = "{name: keep, run: [sh, -c, 'printf %s \"$1|$2|$G\" > \"$N/kept\"', x, '${guid}', 'n=${n}'], \
                env: {G: 'g=${guid}', ALL: '${all}'}}";
    let look = format!("{{name: look, http: {{url: \"{}\"}}}}", site.url("/apps/${guid}?n=${n}"));
    let outcome = yard.calm(&[make, keep, &look].join(", "), "").await;
    assert_eq!(words(&outcome.verdict), ("success", ""));
    assert_eq!(yard.read("kept"), "a b;c$d|n=5|g=a b;c$d");
    assert!(site.requests()[0].starts_with("GET /apps/a%20b%3Bc%24d?n=5 HTTP/1.1\r\n"), "{:?}", site.requests());
}

#[tokio::test]
async fn what_is_not_there_fails_the_step_that_was_to_capture_it() {
    let yard = Yard::new();
    let site = Site::start(vec![value_page(""), page("/", "<html>")]).await;
    let answer = |path: &str, capture: &str| {
        format!("{{name: one, http: {{url: \"{}\"}}, capture: {{id: {capture}}}}}", site.url(path))
    };
    let output =
        |script: &str, capture: &str| format!("{{name: one, run: [sh, -c, '{script}'], capture: {{id: {capture}}}}}");
    let uses_it = sh("two", "touch $N/two ${id}");
    for (step, word, part) in [
        (answer("/", "{json: /id}"), "capture", "step `one`: the capture `id` found no JSON"),
        (answer("/value", "{json: /id}"), "capture", "found no text, number or truth value at `/id`"),
        (answer("/value", "{json: /value}"), "capture", "the capture `id` is empty"),
        (answer("/", "{regex: 'id=(.*)'}"), "capture", "found no `id=(.*)`"),
        (answer("/", "{header: X-Id}"), "capture", "found no header `x-id`"),
        (output("echo none", "{regex: 'id=(.*)'}"), "capture", "found no `id=(.*)`"),
        (output("echo id=5 >&2", "{regex: 'id=(.*)'}"), "capture", "found no `id=(.*)`"),
        // How it ended says more than what it did not print.
        (output("exit 4", "{regex: 'id=(.*)'}"), "exit_code", "code 4"),
        (answer("/nope", "{regex: 'id=(.*)', header: X-Id}"), "capture", "found no header"),
    ] {
        let outcome = yard.calm(&[step.clone(), uses_it.clone()].join(", "), "").await;
        let (found, detail) = words(&outcome.verdict);
        assert!(found == word && detail.contains(part), "{step}: {found} ({detail})");
        assert!(outcome.steps[1].verdict.is_none() && !yard.note("two").exists(), "{step}");
    }
}

/// Everything that a target may say to get out of the place that the file gives it.
#[tokio::test]
async fn a_value_stays_where_the_file_puts_it() {
    let use_in_path = |site: &Site| format!("{{name: use, http: {{url: \"{}\"}}}}", site.url("/apps/${value}/x"));
    let use_in_header =
        |site: &Site| format!("{{name: use, http: {{url: \"{}\", headers: {{X-A: '${{value}}'}}}}}}", site.url("/h"));
    let use_as_word = |_: &Site| sh_with("use", "printf %s, \"$@\" > $N/words", "'${value}'");
    let use_behind_dashes = |_: &Site| sh_with("use", "printf %s, \"$@\" > $N/words", "--, '${value}'");
    let use_in_word = |_: &Site| sh_with("use", "printf %s, \"$@\" > $N/words", "'name=${value}'");
    type Use<'a> = &'a dyn Fn(&Site) -> String;
    let cases: [(&str, Use<'_>, &str, &str); 12] = [
        ("../../admin", &use_in_path, "success", "GET /apps/..%2F..%2Fadmin/x "),
        ("a/b?c#d", &use_in_path, "success", "GET /apps/a%2Fb%3Fc%23d/x "),
        ("%2e%2e/", &use_in_path, "success", "GET /apps/%252e%252e%2F/x "),
        ("..", &use_in_path, "capture", "the capture `value` cannot be a segment of a path"),
        (".", &use_in_path, "capture", "cannot be a segment"),
        ("a\r\nX-B: c", &use_in_header, "capture", "a capture cannot stand in the header `x-a`"),
        ("a b", &use_in_header, "success", "x-a: a b\r\n"),
        ("--all", &use_as_word, "capture", "the capture `value` would be an option of the command"),
        ("--all", &use_behind_dashes, "success", "--,--all,"),
        ("--all", &use_in_word, "success", "name=--all,"),
        ("a b 'c' $(touch x)", &use_as_word, "success", "a b 'c' $(touch x),"),
        ("*", &use_as_word, "success", "*,"),
    ];
    for (value, step, word, part) in cases {
        let yard = Yard::new();
        let site = Site::start(vec![value_page(value), page("/", "ok")]).await;
        let outcome = yard.calm(&[fetch(&site), step(&site)].join(", "), "").await;
        let (found, detail) = words(&outcome.verdict);
        assert_eq!(found, word, "{value}: {detail}");
        let written = fs::read_to_string(yard.note("words")).unwrap_or_default();
        let last = site.requests().pop().expect("a request");
        assert!(detail.contains(part) || written == part || last.contains(part), "{value}: {detail} {written} {last}");
        assert!(!detail.contains(value) || value.len() == 1 || value == "..", "{detail}");
    }
}

/// A step that runs a script with arguments.
fn sh_with(name: &str, script: &str, arguments: &str) -> String {
    format!("{{name: {name}, run: [sh, -c, '{script}', sh, {arguments}]}}")
}

#[tokio::test]
async fn cookies_are_kept_for_the_run_and_no_longer() {
    let yard = Yard::new();
    let cookies =
        "Set-Cookie: session=one; Path=/\r\nSet-Cookie: narrow=two; Path=/app\r\nSet-Cookie: safe=3; Secure\r\n";
    let site = Site::start(vec![("/login", 200, cookies.to_owned(), String::new()), page("/", "ok")]).await;
    let visit = |name: &str, url: String| format!("{{name: {name}, http: {{url: \"{url}\"}}}}");
    let steps = [
        visit("before", site.url("/app")),
        visit("login", site.url("/login")),
        visit("root", site.url("/")),
        visit("app", site.url("/app/x")),
        visit("elsewhere", site.url_by_name("/app")),
    ];
    let cleanup = visit("logout", site.url("/logout"));
    for _ in 0..2 {
        let before = site.requests().len();
        assert_eq!(words(&yard.calm(&steps.join(", "), &cleanup).await.verdict), ("success", ""));
        let cookies: Vec<String> = site.requests()[before..]
            .iter()
            .map(|request| {
                let line = request.lines().find_map(|line| line.strip_prefix("cookie: "));
                line.unwrap_or("none").to_owned()
            })
            .collect();
        assert_eq!(cookies, ["none", "none", "session=one", "narrow=two; session=one", "none", "session=one"]);
    }
}

#[tokio::test]
async fn cleanup_uses_what_was_captured_and_does_without_what_was_not() {
    let yard = Yard::new();
    let make = |text: &str| format!("{{name: make, run: [echo, {text}], capture: {{id: {{regex: 'id=(.+)'}}}}}}");
    let cleanup = [
        sh_with("delete", "echo \"$1\" >> $N/deleted", "'${id}'"),
        sh("always", "touch $N/always"),
        "{name: list, run: [echo, left=9], capture: {left: {regex: 'left=(.+)'}}}".to_owned(),
        sh_with("sweep", "echo \"$1\" >> $N/deleted", "'${left}'"),
    ]
    .join(", ");
    for (text, last, deleted) in [("id=7", "exit 1", "7\n9\n"), ("nothing", "exit 0", "9\n")] {
        let outcome = yard.calm(&[make(text), sh("last", last)].join(", "), &cleanup).await;
        assert_ne!(words(&outcome.verdict).0, "success");
        assert_eq!(yard.read("deleted"), deleted, "{text}");
        assert!(yard.note("always").exists());
        fs::remove_file(yard.note("deleted")).expect("removes");
        fs::remove_file(yard.note("always")).expect("removes");
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_takes_nothing_along() {
    let yard = Yard::new();
    let there = Site::start(vec![page("/", "ok")]).await;
    let elsewhere = format!("Location: {}\r\n", there.url_by_name("/there"));
    let login = "Set-Cookie: session=one; Path=/\r\nX-Token: abc\r\n".to_owned();
    let here = Site::start(vec![
        ("/login", 200, login, String::new()),
        ("/away", 302, elsewhere, String::new()),
        ("/around", 302, "Location: /here\r\n".to_owned(), String::new()),
        page("/", "ok"),
    ])
    .await;
    let go = |name: &str, path: &str| {
        format!(
            "{{name: {name}, http: {{url: \"{}\", redirects: 1, headers: {{X-Secret: '${{token}}', X-Plain: a}}}}}}",
            here.url(path)
        )
    };
    let login =
        format!("{{name: login, http: {{url: \"{}\"}}, capture: {{token: {{header: X-Token}}}}}}", here.url("/login"));
    let outcome = yard.calm(&[login, go("around", "/around"), go("away", "/away")].join(", "), "").await;
    assert_eq!(words(&outcome.verdict), ("success", ""));
    let carries = |request: &str| ["abc", "session=one", "x-plain: a"].map(|part| request.contains(part));
    assert_eq!(carries(&here.requests()[2]), [true; 3], "on the same host");
    assert_eq!(carries(&there.requests()[0]), [false, false, true], "{:?}", there.requests());
}
