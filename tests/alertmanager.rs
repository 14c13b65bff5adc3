//! The generated configuration in amtool and in the real Alertmanager: who is told what, and what is muted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::burndown::names::{Alert, label};
use serde_json::{Value, json};

use crate::support::alertmanager::Alertmanager;
use crate::support::webhook::Webhook;
use crate::support::{amtool, burndown};

const SOON: Duration = Duration::from_secs(20);

/// Several times as long as the configuration of the tests waits before it tells anybody of a change.
const SETTLED: Duration = Duration::from_secs(4);

/// One SLO with a budget for each route, one without groups, and one whose alerts have severities of their own.
const SLOS: &str = r#"version: burndown/v1
service: shop
slos:
  - name: requests
    objective: 99.9
    sli: {events: {bad: 'http_requests_total{code=~"5.."}', total: http_requests_total, by: [route]}}
  - {name: front, objective: 99.9, sli: {events: {bad: errors_total, total: requests_total}}}
  - name: renamed
    objective: 99
    sli: {events: {bad: errors_total, total: requests_total}}
    alerting: {page: {labels: {severity: 'p"1"'}}, ticket: {labels: {severity: p3}}}
"#;

/// Generates the configuration from SLO files.
#[track_caller]
fn generate(directory: &Path, files: &[(&str, &str)]) -> PathBuf {
    let input = directory.join("in");
    fs::create_dir(&input).unwrap();
    for (name, text) in files {
        fs::write(input.join(name), text).unwrap();
    }
    let arguments = ["--only", "alertmanager", "--output"].map(AsRef::as_ref);
    let arguments =
        ["generate".as_ref(), input.as_os_str()].into_iter().chain(arguments).chain([directory.as_os_str()]);
    let generated = burndown::run(arguments);
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    directory.join("alertmanager/alertmanager.yaml")
}

#[test]
fn amtool_accepts_it_for_any_set_of_services() {
    let other = SLOS.replace("shop", "store").replace("by: [route]", "by: [handler, zone]");
    let only_tickets = "version: burndown/v1\nservice: quiet\nslos:\n  - {name: a, objective: 99, sli: {events: {bad: b, total: t}}, alerting: {page: {labels: {severity: ticket}}}}\n";
    for files in [
        &[("shop.yaml", SLOS)][..],
        &[("shop.yaml", SLOS), ("store.yaml", other.as_str())],
        &[("quiet.yaml", only_tickets)],
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = generate(directory.path(), files);
        let judged = amtool::check_config(&file);
        assert!(judged.passed, "{}\n{}", judged.output, fs::read_to_string(&file).unwrap());
    }
}

#[test]
fn severities_go_where_the_file_says() {
    let directory = tempfile::tempdir().unwrap();
    let file = generate(directory.path(), &[("shop.yaml", SLOS)]);
    let receiver = |severity: &str| {
        let labels = [format!("{}=shop", label::SERVICE), format!("{}={severity:?}", label::SEVERITY)];
        amtool::receiver(&file, &labels.each_ref().map(String::as_str))
    };
    assert_eq!(["page", "p\"1\""].map(receiver), ["page", "page"]);
    assert_eq!(["ticket", "p3", "something-new"].map(receiver), ["ticket", "ticket", "ticket"]);
    assert_eq!(receiver("none"), "watchdog");
    // An alert of somebody else is none of ours, whatever it calls itself.
    assert_eq!(amtool::receiver(&file, &["severity=page"]), "ticket");
}

#[test]
fn one_file_covers_all_services() {
    let directory = tempfile::tempdir().unwrap();
    let other = SLOS.replace("shop", "store").replace("by: [route]", "by: [handler, zone]");
    let file = generate(directory.path(), &[("shop.yaml", SLOS), ("store.yaml", &other)]);
    let text = fs::read_to_string(file).unwrap();
    let equal = "  equal:\n  - slo_service\n  - slo\n  - handler\n  - route\n  - zone\n";
    assert_eq!(text.matches("  equal:\n").count(), text.matches(equal).count(), "{text}");
    let group_by = "    - slo_service\n    - slo\n    - handler\n    - route\n    - zone\n    - severity\n";
    let watchdog = "    group_by:\n    - slo_service\n    group_wait: 0s\n";
    assert_eq!((text.matches("    group_by:\n").count(), text.matches(watchdog).count()), (4, 1), "{text}");
    assert_eq!(text.matches(group_by).count(), 3, "{text}");
}

/// The real Alertmanager with the generated configuration, its receivers filled in and its waits cut short.
struct Office {
    alertmanager: Alertmanager,
    pager: Webhook,
    tracker: Webhook,
    _directory: tempfile::TempDir,
}

impl Office {
    fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = generate(directory.path(), &[("shop.yaml", SLOS)]);
        let mut text = fs::read_to_string(file).unwrap();
        let (pager, tracker) = (Webhook::start(), Webhook::start());
        for (name, webhook) in [("page", &pager), ("ticket", &tracker)] {
            let empty = format!("- name: {name}\n");
            assert_eq!(text.matches(&empty).count(), 1, "{text}");
            let filled = format!("{empty}  webhook_configs: [{{url: 'http://{}/'}}]\n", webhook.address());
            text = text.replace(&empty, &filled);
        }
        for (wait, short) in [
            ("group_wait: 10s", "group_wait: 1s"),
            ("group_wait: 5m", "group_wait: 1s"),
            ("group_interval: 5m", "group_interval: 1s"),
        ] {
            assert!(text.contains(wait), "{text}");
            text = text.replace(wait, short);
        }
        let alertmanager = Alertmanager::configured(&text);
        Self { alertmanager, pager, tracker, _directory: directory }
    }
}

/// An alert as the rules raise it.
#[derive(Clone, Copy)]
struct Raised {
    alert: Alert,
    severity: &'static str,
    slo: &'static str,
    route: Option<&'static str>,
    windows: Option<(&'static str, &'static str)>,
}

impl Raised {
    const fn burn(severity: &'static str, slo: &'static str, windows: (&'static str, &'static str)) -> Self {
        Self { alert: Alert::ErrorBudgetBurn, severity, slo, route: None, windows: Some(windows) }
    }

    const fn ticket(alert: Alert, slo: &'static str) -> Self {
        Self { alert, severity: "ticket", slo, route: None, windows: None }
    }

    const fn of(self, route: &'static str) -> Self {
        Self { route: Some(route), ..self }
    }

    /// As Prometheus sends it.
    fn fires(self) -> Value {
        let mut labels = json!({
            label::ALERTNAME: self.alert.name(), label::SEVERITY: self.severity, label::SERVICE: "shop",
            label::SLO: self.slo, "team": "web",
        });
        if let Some(route) = self.route {
            labels["route"] = route.into();
        }
        if let Some((long, short)) = self.windows {
            labels[label::LONG_WINDOW] = long.into();
            labels[label::SHORT_WINDOW] = short.into();
        }
        json!({"labels": labels})
    }

    /// As Prometheus sends it when it is over.
    fn is_over(self) -> Value {
        let mut alert = self.fires();
        alert["startsAt"] = "2020-01-01T00:00:00Z".into();
        alert["endsAt"] = jiff::Timestamp::now().to_string().into();
        alert
    }

    /// Waits until a receiver was told of it.
    #[track_caller]
    fn reaches(self, webhook: &Webhook, status: &str) {
        let mut labels = vec![(label::SEVERITY, self.severity), (label::SLO, self.slo)];
        labels.extend(self.route.map(|route| ("route", route)));
        labels.extend(self.windows.map(|(long, _)| (label::LONG_WINDOW, long)));
        webhook.wait_for(status, self.alert.name(), &labels, SOON);
    }

    /// Whether a receiver was told of it.
    fn has_reached(self, webhook: &Webhook) -> bool {
        let labels = self.fires()["labels"].take();
        webhook.alerts().iter().any(|told| told["labels"] == labels)
    }
}

const FAST: (&str, &str) = ("1h", "5m");
const SLOW: (&str, &str) = ("6h", "30m");
const DAY: (&str, &str) = ("1d", "2h");

/// How many notifications of firing alerts came for a route.
fn pages(webhook: &Webhook, route: &str) -> usize {
    let of_route = |one: &&Value| one["groupLabels"]["route"] == route && one["status"] == "firing";
    webhook.notifications().iter().filter(of_route).count()
}

#[test]
fn a_page_mutes_its_own_ticket_and_no_other() {
    let office = Office::open();
    let page = Raised::burn("page", "requests", FAST).of("/pay");
    let muted = Raised::burn("ticket", "requests", DAY).of("/pay");
    let other_route = Raised::burn("ticket", "requests", DAY).of("/cart");
    let plain_page = Raised::burn("page", "front", SLOW);
    let plain_muted = Raised::burn("ticket", "front", DAY);
    let exhausted = Raised::ticket(Alert::ErrorBudgetExhausted, "requests").of("/pay");
    let closed = Raised::ticket(Alert::DeployGateClosed, "requests").of("/pay");
    let all = [page, muted, other_route, plain_page, plain_muted, exhausted, closed];
    office.alertmanager.tell(&all.map(Raised::fires));

    page.reaches(&office.pager, "firing");
    plain_page.reaches(&office.pager, "firing");
    for ticket in [other_route, exhausted, closed] {
        ticket.reaches(&office.tracker, "firing");
    }
    std::thread::sleep(SETTLED);
    assert!(!muted.has_reached(&office.tracker) && !plain_muted.has_reached(&office.tracker));
    let severities = |webhook: &Webhook| -> Vec<Value> {
        webhook.alerts().iter().map(|alert| alert["labels"][label::SEVERITY].clone()).collect()
    };
    assert!(severities(&office.pager).iter().all(|severity| severity == "page"));
    assert!(severities(&office.tracker).iter().all(|severity| severity == "ticket"));

    // The page is over and the ticket is not.
    office.alertmanager.tell(&[page, plain_page].map(Raised::is_over));
    page.reaches(&office.pager, "resolved");
    muted.reaches(&office.tracker, "firing");
    plain_muted.reaches(&office.tracker, "firing");
}

#[test]
fn both_page_pairs_of_an_outage_page_once() {
    let office = Office::open();
    let fast = Raised::burn("page", "requests", FAST);
    let slow = Raised::burn("page", "requests", SLOW);
    // At once for one route, one after the other for the next, and a slow burn that only the longer pair sees.
    office
        .alertmanager
        .tell(&[fast.of("/pay"), slow.of("/pay"), fast.of("/cart"), slow.of("/help")].map(Raised::fires));
    fast.of("/pay").reaches(&office.pager, "firing");
    fast.of("/cart").reaches(&office.pager, "firing");
    slow.of("/help").reaches(&office.pager, "firing");
    office.alertmanager.tell(&[slow.of("/cart").fires()]);
    std::thread::sleep(SETTLED);
    assert_eq!(["/pay", "/cart", "/help"].map(|route| pages(&office.pager, route)), [1, 1, 1]);

    // Everything is over, and each page is closed once.
    let over = [fast.of("/pay"), slow.of("/pay"), fast.of("/cart"), slow.of("/cart"), slow.of("/help")];
    office.alertmanager.tell(&over.map(Raised::is_over));
    for route in ["/pay", "/cart"] {
        fast.of(route).reaches(&office.pager, "resolved");
    }
    slow.of("/help").reaches(&office.pager, "resolved");
    std::thread::sleep(SETTLED);
    assert_eq!(["/pay", "/cart", "/help"].map(|route| pages(&office.pager, route)), [1, 1, 1]);
    assert_eq!(office.pager.notifications().len(), 6, "{:#?}", office.pager.notifications());
}
