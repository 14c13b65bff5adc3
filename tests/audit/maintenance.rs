//! Planned maintenance: it costs nothing net, and its pages are muted by the real Alertmanager then and not otherwise.

use std::fs;
use std::time::Duration;

use burndown::standing::model::GateAnswer;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::net::{FILE, MINUTE, START, World, numbers};
use crate::support::alertmanager::Alertmanager;
use crate::support::burndown::{run, start};
use crate::support::webhook::Webhook;
use crate::support::{amtool, http, wait};

const SOON: Duration = Duration::from_secs(20);

/// The day of the week of a moment in UTC, as files name it, and the time of day.
fn local(unix: i64) -> (String, String) {
    let time = jiff::Timestamp::from_second(unix).unwrap().to_zoned(TimeZone::UTC);
    (time.strftime("%a").to_string().to_lowercase(), time.strftime("%H:%M").to_string())
}

#[tokio::test]
async fn hours_of_every_week_cost_nothing_net_and_all_of_it_gross() {
    let begins = START + 60 * MINUTE + 60;
    let ((day, from), (_, to)) = (local(begins), local(begins + 40 * MINUTE));
    let front = "  - {name: front, objective: 90, sli: {probe: front}}\n";
    let both = FILE.replace(front, &format!("{front}  - {{name: other, objective: 50, sli: {{probe: front}}}}\n"));
    for (slos, corrected) in [("", 2_400.0), (", slos: [other]", 0.0)] {
        let hours = format!("days: [{day}], from: '{from}', to: '{to}', timezone: UTC{slos}");
        let mut world = World::of(&format!("{both}maintenance:\n  - {{name: patching, {hours}}}\n"));
        world.run(61, false);
        world.run(40, true);
        let state = world.of_front(world.now).await;
        assert_eq!(numbers(&state), [2_160.0, -240.0, corrected, corrected - 240.0], "{slos}");
        let gate = if corrected > 0.0 { GateAnswer::Open } else { GateAnswer::Closed };
        assert_eq!(state.gate.state, gate, "{slos}");
    }
}

/// A file with two SLOs whose pages are muted by these hours.
fn file(front: &str, back: &str) -> String {
    format!(
        "version: burndown/v1
service: shop
slos:
  - {{name: front, objective: 99.9, sli: {{events: {{bad: errors_total, total: requests_total}}}}}}
  - {{name: back, objective: 99.9, sli: {{events: {{bad: errors_total, total: requests_total}}}}}}
maintenance:
  - {{name: now, {front}, slos: [front]}}
  - {{name: later, {back}, slos: [back]}}
"
    )
}

/// The configuration that is generated of a file.
fn configuration(text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.yaml");
    fs::write(&path, text).unwrap();
    let arguments = ["--only", "alertmanager", "--output"].map(AsRef::as_ref);
    let generated =
        run(["generate".as_ref(), path.as_os_str()].into_iter().chain(arguments).chain([directory.path().as_os_str()]));
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    let file = directory.path().join("alertmanager/alertmanager.yaml");
    let judged = amtool::check_config(&file);
    assert!(judged.passed, "{}", judged.output);
    fs::read_to_string(file).unwrap()
}

fn page(slo: &str) -> Value {
    let labels = json!({
        "alertname": "ErrorBudgetBurn", "slo_service": "shop", "slo": slo, "severity": "page",
        "long_window": "1h", "short_window": "5m",
    });
    json!({"labels": labels})
}

#[test]
fn pages_are_muted_then_and_not_otherwise_in_the_time_of_the_place() {
    let zone = TimeZone::get("Europe/Dublin").unwrap();
    let now = jiff::Timestamp::now().to_zoned(zone);
    let day = |days: i64| now.checked_add(days.days()).unwrap().strftime("%a").to_string().to_lowercase();
    // Two days, so that midnight changes nothing, and all but the last minute of each.
    let today = format!("days: [{}, {}], from: '00:00', to: '23:59', timezone: Europe/Dublin", day(0), day(1));
    let other = format!("days: [{}], from: '00:00', to: '23:59', timezone: Europe/Dublin", day(3));
    let mut text = configuration(&file(&today, &other));
    assert!(text.contains("location: Europe/Dublin"), "{text}");
    let pager = Webhook::start();
    let empty = "- name: page\n";
    text = text.replace(empty, &format!("{empty}  webhook_configs: [{{url: 'http://{}/'}}]\n", pager.address()));
    text = text.replace("group_wait: 10s", "group_wait: 1s");
    let alertmanager = Alertmanager::configured(&text);
    alertmanager.tell(&[page("front"), page("back")]);
    pager.wait_for("firing", "ErrorBudgetBurn", &[("slo", "back")], SOON);
    std::thread::sleep(Duration::from_secs(3));
    let told: Vec<Value> = pager.alerts().iter().map(|alert| alert["labels"]["slo"].clone()).collect();
    assert_eq!(told, ["back"], "{}", alertmanager.tail());
}

#[test]
fn maintenance_that_is_planned_once_is_silenced_for_as_long() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::write(path("shop.yaml"), FILE).unwrap();
    let (file, socket, state) = (path("shop.yaml"), path("admin.sock"), path("state"));
    let arguments = [
        "serve",
        &file,
        "--web.listen-address",
        "127.0.0.1:0",
        "--web.admin-socket",
        &socket,
        "--storage.path",
        &state,
    ];
    let mut serve = start(arguments);
    serve.wait_for_line("probes", SOON, |line| line.contains("running probes").then_some(()));
    let alertmanager = Alertmanager::start(Webhook::start().address());
    let url = format!("http://{}/", alertmanager.address());
    let now = jiff::Timestamp::now().as_second();
    let moment = |unix: i64| jiff::Timestamp::from_second(unix).unwrap().to_string();
    let (from, to) = (moment(now + 5), moment(now + 3_600));
    let why = ["--reason", "new disks", "--by", "Ann"];
    let plan = |arguments: &[&str]| {
        run(["correct", "--socket", &socket, "--slo", "front"].iter().chain(arguments).chain(&why))
    };

    let past = plan(&["--from", "1h", "--alertmanager", &url]);
    assert_eq!(
        (past.code, past.stderr.as_str()),
        (Some(2), "burndown: only maintenance that is still to begin is silenced\n")
    );
    let nobody = plan(&["--from", &from, "--to", &to, "--alertmanager", "http://127.0.0.1:1/"]);
    assert!(
        nobody.code == Some(3) && nobody.stderr.contains("entry 1 was made, but its pages are not silenced"),
        "{nobody:?}"
    );
    let planned = plan(&["--from", &from, "--to", &to, "--alertmanager", &url]);
    assert_eq!(planned.code, Some(0), "{planned:?}");
    assert!(planned.stdout.starts_with("2: maintenance of shop/front is planned from "), "{planned:?}");
    let silences = http::get(alertmanager.address(), "/api/v2/silences", &[]).unwrap().json();
    let silence = &silences.as_array().unwrap()[0];
    assert_eq!(
        (&silence["createdBy"], &silence["comment"]),
        (&json!("Ann"), &json!("entry 2 of the audit: new disks"))
    );
    alertmanager.tell(&[
        page("front"),
        page("back"),
        json!({"labels": {"slo_service": "shop", "slo": "front", "severity": "ticket"}}),
    ]);
    let muted = || {
        let alerts = alertmanager.alerts();
        let is_muted = |alert: &&Value| alert["status"]["state"] == "suppressed";
        alerts
            .iter()
            .filter(is_muted)
            .map(|alert| (alert["labels"]["slo"].clone(), alert["labels"]["severity"].clone()))
            .collect::<Vec<_>>()
    };
    let found =
        wait::until("the silence", SOON, || Some(muted()).filter(|muted| !muted.is_empty()), || alertmanager.tail());
    assert_eq!(found, [(json!("front"), json!("page"))]);

    // Withdrawn, the pages are heard again, and what somebody silenced by hand is not.
    let is = |name: &str, value: &str| json!({"name": name, "value": value, "isRegex": false});
    let by_hand = json!({
        "matchers": [is("slo_service", "shop"), is("slo", "front"), is("severity", "ticket")],
        "startsAt": moment(now), "endsAt": to, "createdBy": "Ben", "comment": "entry 2 of the audit: by hand",
    });
    let json = [("Content-Type", "application/json")];
    let made = http::post(alertmanager.address(), "/api/v2/silences", &json, &by_hand.to_string()).unwrap();
    assert_eq!(made.status, 200, "{}", made.body);
    let withdraw = |entry: &str, url: &str| plan(&["--withdraw", entry, "--alertmanager", url]);
    let none = withdraw("1", &url);
    assert_eq!(none.code, Some(0), "{none:?}");
    assert_eq!(none.stderr, format!("burndown: {url} has no silence of entry 1 that could end\n"));
    let withdrawn = withdraw("2", &url);
    assert_eq!((withdrawn.code, withdrawn.stderr.as_str()), (Some(0), ""), "{withdrawn:?}");
    let is_heard = || Some(muted()).filter(|muted| *muted == [(json!("front"), json!("ticket"))]);
    wait::until("the page", SOON, is_heard, || format!("{:?} {}", muted(), alertmanager.tail()));
    let third = plan(&["--from", &to, "--to", &moment(now + 7_200)]);
    assert!(third.code == Some(0) && third.stdout.contains(": maintenance of shop/front"), "{third:?}");
    let number = third.stdout.split(':').next().unwrap().to_owned();
    let nobody = withdraw(&number, "http://127.0.0.1:1/");
    let said = format!("entry {number} is withdrawn, but its silence does not end: ");
    assert!(nobody.code == Some(3) && nobody.stderr.contains(&said), "{nobody:?}");
}
