//! The receivers of deploy/prometheus/alertmanager: an outage reaches Slack, PagerDuty and a mailbox, in words.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::alertmanager::Alertmanager;
use crate::support::burndown::{self, Finished};
use crate::support::listener::{Listener, Reply};
use crate::support::prometheus::Prometheus;
use crate::support::smtp::{Mail, MailServer};
use crate::support::webhook::Webhook;
use crate::support::{amtool, wait};

const RECEIVERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/alertmanager");

const SOON: Duration = Duration::from_secs(60);

/// Where the examples keep their secrets.
const SECRETS: &str = "/etc/alertmanager/secrets";

/// A budget of six minutes that a full outage burns ten times too fast, seen within seconds.
fn slo_file(url: &str) -> String {
    format!(
        "version: burndown/v1
service: shop
window: 1h
probes:
  - {{name: front, interval: 800ms, timeout: 700ms, http: {{url: '{url}'}}}}
slos:
  - {{name: front-answers, objective: 90, sli: {{probe: front}}}}
gate: {{close_at: 0m, resume_at: 1m}}
rules: {{interval: 1s, delay: 2s, lookback: 5s}}
alerting:
  runbook: https://runbooks.example.com/front
  windows:
    - {{severity: page, long: 16s, short: 4s, factor: 5}}
    - {{severity: ticket, long: 24s, short: 8s, factor: 4}}
"
    )
}

fn generate(input: &Path, output: &Path, more: &[&str]) -> Finished {
    let arguments = ["generate".as_ref(), input.as_os_str(), "--output".as_ref(), output.as_os_str()];
    burndown::run(arguments.into_iter().chain(more.iter().map(AsRef::as_ref)))
}

/// Generates Alertmanager's configuration with an example of receivers, after `change` made it lead to this machine.
#[track_caller]
fn configured(input: &Path, output: &Path, name: &str, change: impl Fn(&str) -> String) -> PathBuf {
    let text = fs::read_to_string(format!("{RECEIVERS}/{name}.yaml")).unwrap();
    fs::create_dir_all(output).unwrap();
    let receivers = output.join("receivers.yaml");
    fs::write(&receivers, change(&text)).unwrap();
    let told = ["--only", "alertmanager", "--alertmanager.board-url", "https://slo.example.com/"];
    let receivers = ["--alertmanager.receivers", receivers.to_str().unwrap()];
    let generated = generate(input, output, &[&told[..], &receivers].concat());
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    output.join("alertmanager/alertmanager.yaml")
}

/// `text` with `from` replaced, which must be there.
#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "no {from} in\n{text}");
    text.replace(from, to)
}

#[test]
fn amtool_accepts_every_example() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("slo.yaml");
    fs::write(&input, slo_file("https://localhost:9/")).unwrap();
    let mut examples: Vec<String> = fs::read_dir(RECEIVERS)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".yaml", ""))
        .collect();
    examples.sort();
    assert_eq!(examples, ["email", "pagerduty", "slack"]);
    for name in examples {
        let file = configured(&input, &directory.path().join(&name), &name, str::to_owned);
        let judged = amtool::check_config(&file);
        assert!(judged.passed && judged.output.contains("1 templates"), "{name}: {}", judged.output);
        let receiver = |severity: &str| amtool::receiver(&file, &["slo_service=shop", severity]);
        assert_eq!(
            ["severity=page", "severity=ticket", "severity=none"].map(receiver),
            ["page", "ticket", "watchdog"],
            "{name}"
        );
    }
    // What is no receiver of Alertmanager is found by amtool, and not by us.
    let wrong = |text: &str| replaced(text, "send_resolved", "send_solved");
    let file = configured(&input, &directory.path().join("wrong"), "slack", wrong);
    assert!(!amtool::check_config(&file).passed);
}

#[test]
fn receivers_that_cannot_be_meant_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("slo.yaml");
    fs::write(&input, slo_file("https://localhost:9/")).unwrap();
    let receivers = directory.path().join("receivers.yaml");
    fs::write(&receivers, "receivers: [{name: page, pagerduty_configs: [{routing_key: s3cret}]}, {name: ticket}]")
        .unwrap();
    let option = ["--alertmanager.receivers", receivers.to_str().unwrap()];
    let refused = |more: &[&str], said: &str| {
        let finished = generate(&input, &directory.path().join("out"), more);
        assert_eq!(finished.code, Some(2), "{more:?}");
        assert!(finished.stderr.contains(said) && !finished.stderr.contains("s3cret"), "{}", finished.stderr);
    };
    refused(&option, "name a file with `routing_key_file`");
    refused(&["--alertmanager.receivers", "/nowhere/at-all"], "/nowhere/at-all: No such file");
    refused(&["--alertmanager.board-url", "https://me:s3cret@slo.example.com/"], "write `--alertmanager.board-url`");
    refused(&["--alertmanager.board-url", "https://slo.example.com/", "--only", "rules"], "needs `--only`");
}

/// A shop with its prober, a Prometheus, and one Alertmanager for each example.
struct Office {
    /// Whether the shop answers as it should.
    open: Arc<AtomicBool>,
    slack: Webhook,
    pagerduty: Webhook,
    mail: MailServer,
    _directory: tempfile::TempDir,
    _programs: (Listener, crate::support::process::Process, Prometheus, [Alertmanager; 3]),
}

impl Office {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let open = Arc::new(AtomicBool::new(false));
        let shown = Arc::clone(&open);
        let status = move || if shown.load(Ordering::SeqCst) { 200 } else { 503 };
        let shop = Listener::start(move |_| Reply::text(status(), ""), |_| {});
        let input = root.join("slo.yaml");
        fs::write(&input, slo_file(&format!("http://{}/", shop.address()))).unwrap();

        let (slack, pagerduty, mail) = (Webhook::start(), Webhook::start(), MailServer::start());
        let secrets = root.join("secrets");
        fs::create_dir(&secrets).unwrap();
        for name in ["pagerduty-page", "pagerduty-ticket", "smtp-password"] {
            fs::write(secrets.join(name), format!("the-{name}")).unwrap();
        }
        for name in ["slack-page", "slack-ticket"] {
            fs::write(secrets.join(name), format!("http://{}/{name}", slack.address())).unwrap();
        }
        let here = |text: &str| replaced(text, SECRETS, secrets.to_str().unwrap());
        let alertmanagers = [
            configured(&input, &root.join("slack"), "slack", here),
            configured(&input, &root.join("pagerduty"), "pagerduty", |text| {
                let url = format!("  - url: http://{}/\n    routing_key_file", pagerduty.address());
                replaced(&here(text), "  - routing_key_file", &url)
            }),
            configured(&input, &root.join("email"), "email", |text| {
                let text = replaced(&here(text), "mail.example.com:587", &mail.address().to_string());
                replaced(&text, "smtp_require_tls: true", "smtp_require_tls: false")
            }),
        ]
        .map(|file| at_once(&file));
        let service =
            burndown::start(["serve".as_ref(), input.as_os_str(), "--web.listen-address=127.0.0.1:0".as_ref()]);
        let (service, target) = listening(service);
        let told = alertmanagers.each_ref().map(|one| one.address().to_string());
        let told = told.iter().flat_map(|address| ["--prometheus.alertmanager", address]);
        let more = ["--only", "rules,prometheus", "--prometheus.target", &target];
        let generated = generate(&input, root, &more.into_iter().chain(told).collect::<Vec<_>>());
        assert_eq!(generated.code, Some(0), "{}", generated.stderr);
        let prometheus =
            Prometheus::of_file(&root.join("prometheus/prometheus.yaml"), &["--rules.alert.resend-delay=1s"]);
        let programs = (shop, service, prometheus, alertmanagers);
        Self { open, slack, pagerduty, mail, _directory: directory, _programs: programs }
    }

    /// The first mail of a subject that begins so.
    #[track_caller]
    fn mail(&self, subject: &str) -> Mail {
        let wanted = || self.mail.mails().into_iter().find(|mail| mail.text.contains(&format!("Subject: {subject}")));
        wait::until(subject, SOON, wanted, || format!("{:#?}", self.mail.mails()))
    }
}

/// The first notification of which a part begins so.
#[track_caller]
fn first(webhook: &Webhook, pointer: &str, start: &str) -> Value {
    let begins = |one: &Value| one.pointer(pointer).and_then(Value::as_str).is_some_and(|text| text.starts_with(start));
    let wanted = || webhook.notifications().into_iter().find(begins);
    wait::until(start, SOON, wanted, || format!("{:#?}", webhook.notifications()))
}

/// Waits for the address in what a service logs, past the addresses of its targets.
fn listening(mut service: crate::support::process::Process) -> (crate::support::process::Process, String) {
    let address = service.wait_for_line("an address", SOON, |line| {
        let (_, after) = line.split_once("listening on http://")?;
        after.split('/').next().map(str::to_owned)
    });
    (service, address)
}

/// The Alertmanager of a configuration that waits for nothing.
fn at_once(file: &Path) -> Alertmanager {
    let mut text = fs::read_to_string(file).unwrap();
    for wait in ["group_wait: 10s", "group_wait: 5m"] {
        text = replaced(&text, wait, "group_wait: 1s");
    }
    fs::write(file, replaced(&text, "group_interval: 5m", "group_interval: 1s")).unwrap();
    Alertmanager::of_file(file)
}

/// A text in quoted-printable, RFC 2045.
fn decoded(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(byte) if *first == b'=' => (bytes.push(byte), rest = &after[2..]).1,
            _ => (bytes.push(*first), rest = after).1,
        }
    }
    // The headers are not in it, and may say anything.
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What everybody must be able to read of a page: how fast it burns, what is left, and where to look.
#[track_caller]
fn assert_tells(text: &str) {
    let (_, after) = text.split_once("the budget burns ").unwrap_or_else(|| panic!("no burn rate in\n{text}"));
    let rate: f64 = after.split(' ').next().unwrap().parse().unwrap();
    assert!((5.0..=10.0).contains(&rate), "{text}");
    let (before, _) = text.split_once(" of 6 minutes are left").unwrap_or_else(|| panic!("no minutes in\n{text}"));
    let minutes: f64 = before.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((0.0..=6.0).contains(&minutes), "{text}");
    for part in [
        "times as fast as 90 % over 1h allows",
        "https://runbooks.example.com/front",
        "https://slo.example.com/slos/shop/front-answers",
        "/graph?g0.expr=",
        "/#/silences/new?filter=%7Bslo_service%3D%22shop%22%2Cslo%3D%22front-answers%22%7D",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert!(!text.contains("{{") && !text.contains("<no value>"), "{text}");
}

#[test]
fn an_outage_is_told_in_words_everywhere_and_so_is_its_end() {
    let office = Office::start();
    let page = "[PAGE] shop front-answers burns its error budget too fast";
    let over = "[OVER] shop front-answers burns its error budget too fast";

    let slack = first(&office.slack, "/attachments/0/title", page)["attachments"][0].take();
    assert_eq!((&slack["title"], &slack["fallback"], &slack["color"]), (&page.into(), &page.into(), &"danger".into()));
    assert_eq!(slack["title_link"], "https://slo.example.com/slos/shop/front-answers");
    assert_tells(slack["text"].as_str().unwrap());
    assert!(slack["text"].as_str().unwrap().contains("<https://runbooks.example.com/front|Runbook> · <"), "{slack}");

    let incident = first(&office.pagerduty, "/payload/summary", page);
    let payload = &incident["payload"];
    assert_eq!(
        (&incident["event_action"], &payload["severity"]),
        (&"trigger".into(), &"critical".into()),
        "{incident}"
    );
    assert_eq!((&payload["component"], &payload["group"]), (&"front-answers".into(), &"shop".into()));
    assert_eq!(incident["routing_key"], "the-pagerduty-page");
    assert_eq!(incident["client_url"], "https://slo.example.com/slos/shop/front-answers");
    assert_tells(payload["custom_details"]["text"].as_str().unwrap());

    let mail = office.mail(page);
    assert!(mail.login.starts_with("PLAIN ") && mail.to == ["TO:<on-call@example.com>"], "{mail:#?}");
    let text = decoded(&mail.text);
    let (plain, html) = text.split_once("<!DOCTYPE html>").expect("both forms");
    assert_tells(plain);
    assert_tells(&html.replace("&#43;", "+").replace("&amp;", "&"));

    office.open.store(true, Ordering::SeqCst);
    let slack = first(&office.slack, "/attachments/0/title", over)["attachments"][0].take();
    assert_eq!(slack["color"], "good");
    assert!(slack["text"].as_str().unwrap().starts_with("Over since "), "{slack}");
    wait::until(
        "the end of the incident",
        SOON,
        || {
            office
                .pagerduty
                .notifications()
                .into_iter()
                .find(|one| one["event_action"] == "resolve" && one["dedup_key"] == incident["dedup_key"])
        },
        || format!("{:#?}", office.pagerduty.notifications()),
    );
    assert!(decoded(&office.mail(over).text).contains("Over since "));
}
