//! Debian's Chromium, driven over the DevTools protocol.
//!
//! The protocol is spoken over a pair of pipes, so that nothing listens and the browser ends with the tests, however
//! those end; the shell around it then removes its profile. All tests share one browser; each page has a context of its
//! own, with storage of its own. Nothing is resolved but 127.0.0.1.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::wait;

/// How long the browser may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs Chromium with its two pipes, and removes its profile when it has ended.
const SCRIPT: &str = r#"
timeout --kill-after=5 900 chromium --headless=new --no-sandbox --disable-gpu --remote-debugging-pipe \
  --user-data-dir="$1" --no-first-run --disable-background-networking --disable-component-update --disable-sync \
  --disable-extensions --disable-dev-shm-usage --mute-audio --hide-scrollbars --force-color-profile=srgb \
  --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1
rm -rf "$1"
"#;

/// A running browser.
pub(crate) struct Browser {
    connection: Arc<Connection>,
}

impl Browser {
    /// The browser that all tests share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Browser> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        assert!(
            Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok(),
            "cannot start chromium; it is in the Debian package chromium"
        );
        let profile = tempfile::tempdir().expect("a directory for the profile").keep();
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(profile);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let connection = Arc::new(Connection {
            to_browser: Mutex::new(child.stdin.take().expect("a pipe to the browser")),
            seen: Mutex::default(),
            more: Condvar::new(),
        });
        let (from_browser, listener) = (child.stdout.take().expect("a pipe from the browser"), Arc::clone(&connection));
        thread::spawn(move || {
            listener.listen(from_browser);
            // Nothing comes any more: it has ended, or is about to.
            child.wait()
        });
        Self { connection }
    }

    /// An empty page with storage of its own, of this size in pixels.
    pub(crate) fn page(&self, width: u32, height: u32) -> Page {
        let connection = &self.connection;
        let context = connection.call(None, "Target.createBrowserContext", &json!({"disposeOnDetach": true}));
        let context = context["browserContextId"].as_str().expect("a context").to_owned();
        let target = json!({"url": "about:blank", "browserContextId": context, "width": width, "height": height});
        let target = connection.call(None, "Target.createTarget", &target)["targetId"].clone();
        let session = connection.call(None, "Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        let session = session["sessionId"].as_str().expect("a session").to_owned();
        let page = Page { connection: Arc::clone(connection), context, session };
        for domain in ["Page", "Runtime", "Network", "Log", "Accessibility"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.resize(width, height);
        page
    }
}

/// The two pipes, and what came through them.
struct Connection {
    to_browser: Mutex<ChildStdin>,
    seen: Mutex<Seen>,
    more: Condvar,
}

#[derive(Default)]
struct Seen {
    last_id: u64,
    answers: BTreeMap<u64, Value>,
    /// Events in order, by session.
    events: BTreeMap<String, Vec<Value>>,
    ended: bool,
}

impl Connection {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, from_browser: ChildStdout) {
        for message in BufReader::new(from_browser).split(0) {
            let Some(mut message) = message.ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok()) else {
                break;
            };
            let mut seen = self.seen();
            match (message["id"].as_u64(), message["sessionId"].as_str()) {
                (Some(id), _) => drop(seen.answers.insert(id, message)),
                (None, Some(session)) => {
                    let session = session.to_owned();
                    seen.events.entry(session).or_default().push(message.take());
                }
                (None, None) => {}
            }
            self.more.notify_all();
        }
        self.seen().ended = true;
        self.more.notify_all();
    }

    #[track_caller]
    fn call(&self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        let id = {
            let mut seen = self.seen();
            seen.last_id += 1;
            seen.last_id
        };
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut to_browser = self.to_browser.lock().unwrap_or_else(PoisonError::into_inner);
        to_browser.write_all(format!("{message}\0").as_bytes()).expect("the browser is there");
        to_browser.flush().expect("the browser is there");
        drop(to_browser);
        let waiting = |seen: &mut Seen| !seen.ended && !seen.answers.contains_key(&id);
        let (mut seen, _) =
            self.more.wait_timeout_while(self.seen(), PATIENCE, waiting).unwrap_or_else(PoisonError::into_inner);
        let mut answer = seen.answers.remove(&id).unwrap_or_else(|| panic!("the browser does not answer {message}"));
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }
}

/// A page of the browser, closed when dropped.
pub(crate) struct Page {
    connection: Arc<Connection>,
    context: String,
    session: String,
}

impl Page {
    /// Calls a method of the protocol.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Value {
        self.connection.call(Some(&self.session), method, parameters)
    }

    /// Every event so far of that method.
    fn events(&self, method: &str) -> Vec<Value> {
        let seen = self.connection.seen();
        let events = seen.events.get(&self.session).into_iter().flatten();
        events.filter(|event| event["method"] == method).map(|event| event["params"].clone()).collect()
    }

    /// Opens an address and waits until everything is loaded.
    #[track_caller]
    pub(crate) fn open(&self, url: &str) {
        let loads = self.events("Page.loadEventFired").len();
        let answer = self.call("Page.navigate", &json!({"url": url}));
        assert!(answer["errorText"].is_null(), "{url}: {}", answer["errorText"]);
        let loaded = || (self.events("Page.loadEventFired").len() > loads).then_some(());
        wait::until(&format!("{url} to load"), PATIENCE, loaded, || format!("{:?}", self.problems()));
    }

    /// What an expression is worth in the page, after its promise.
    #[track_caller]
    pub(crate) fn value(&self, expression: &str) -> Value {
        let question = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", &question);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// The text of an expression.
    #[track_caller]
    pub(crate) fn text(&self, expression: &str) -> String {
        self.value(expression).as_str().unwrap_or_else(|| panic!("{expression} is no text")).to_owned()
    }

    /// The texts of all elements of a selector, in order.
    #[track_caller]
    pub(crate) fn texts(&self, selector: &str) -> Vec<String> {
        let selector = Value::from(selector);
        let texts = self.value(&format!("[...document.querySelectorAll({selector})].map(e => e.textContent.trim())"));
        texts.as_array().expect("a list").iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn wait_for(&self, expression: &str) {
        let look = || (self.value(expression) == true).then_some(());
        wait::until(expression, PATIENCE, look, || self.text("document.body.innerText"));
    }

    /// Gives the page another size.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let mobile = width < 600;
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Makes the system prefer `light` or `dark`.
    pub(crate) fn prefer(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.call("Emulation.setEmulatedMedia", &json!({"features": [feature]}));
    }

    /// Turns scripts on or off, from the next page on.
    pub(crate) fn scripts(&self, on: bool) {
        self.call("Emulation.setScriptExecutionDisabled", &json!({"value": !on}));
    }

    /// Presses and releases a key, such as `Tab` or `Enter`.
    pub(crate) fn press(&self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            " " => 32,
            _ => 0,
        };
        let text = match key {
            "Enter" => "\r",
            " " => " ",
            _ => "",
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Types a text into what has the focus.
    pub(crate) fn insert(&self, text: &str) {
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// The nodes of the accessibility tree that a screen reader would meet, as role and name.
    pub(crate) fn spoken(&self) -> Vec<(String, String)> {
        let mut tree = self.call("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].take();
        let nodes = nodes.as_array().expect("nodes").iter().filter(|node| node["ignored"] == false);
        let word = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        nodes.map(|node| (word(&node["role"]), word(&node["name"]))).collect()
    }

    /// Every request of the page so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.events("Network.requestWillBeSent");
        requests.iter().filter_map(|event| event["request"]["url"].as_str()).map(str::to_owned).collect()
    }

    /// Everything that a developer would see in red so far.
    pub(crate) fn problems(&self) -> Vec<String> {
        let entries = self.events("Log.entryAdded");
        let entries = entries.iter().map(|event| &event["entry"]).filter(|entry| entry["level"] != "info");
        let mut problems: Vec<String> = entries.map(|entry| format!("{} {}", entry["text"], entry["url"])).collect();
        problems.extend(self.events("Runtime.exceptionThrown").iter().map(ToString::to_string));
        let console = self.events("Runtime.consoleAPICalled");
        problems.extend(console.iter().filter(|call| call["type"] != "log").map(ToString::to_string));
        problems
    }

    /// What is to be seen, as a PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        let answer = self.call("Page.captureScreenshot", &json!({"format": "png", "optimizeForSpeed": false}));
        STANDARD.decode(answer["data"].as_str().expect("an image")).expect("base64")
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // After a failure the browser may be gone, and a second panic would hide the first.
        if !thread::panicking() {
            self.connection.call(None, "Target.disposeBrowserContext", &json!({"browserContextId": self.context}));
        }
    }
}

#[test]
fn a_page_says_what_it_shows_and_what_went_wrong() {
    let page = Browser::shared().page(800, 600);
    page.open("data:text/html,<h1>One</h1><p>1</p><p>2</p><script>console.error('red'); nothing()</script>");
    assert_eq!(
        (page.texts("p"), page.text("document.querySelector('h1').textContent")),
        (vec!["1".into(), "2".into()], "One".into())
    );
    assert!(page.spoken().contains(&("heading".into(), "One".into())), "{:?}", page.spoken());
    let problems = page.problems().join("\n");
    assert!(problems.contains("red") && problems.contains("nothing is not defined"), "{problems}");
    assert!(page.screenshot().starts_with(b"\x89PNG"));
    assert_eq!(page.value("innerWidth"), 800);
}
