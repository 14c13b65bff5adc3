//! `burndown plan` and `/api/v1/plan`: what fits on which day, from a directory, from Prometheus and from a service.

use std::fs;
use std::time::Duration;

use burndown::gate::NoAnswer;
use burndown::gate::week::Coming;
use burndown::gate::week::model::{ChangePlan, Verdict, WaitReason};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{command, founding};
use crate::support::burndown::{Finished, command as burndown, described_by, listening, run, start};
use crate::support::http;

fn coming(days: u32, at: &str) -> Result<ChangePlan, NoAnswer> {
    let asked = Coming { service: None, days, at: None };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(founding::gates().coming(&asked, at.parse::<Timestamp>().unwrap()))
}

fn time(unix: i64) -> String {
    Timestamp::from_second(unix).unwrap().to_string()
}

#[test]
fn the_week_after_the_founding_thursday() {
    // Overspent by three minutes; ten are there again on Monday at ten past eight.
    let plan = coming(7, "2026-11-19T15:00:00Z").unwrap();
    assert_eq!((plan.verdict, plan.message.as_str()), (Verdict::Waits, "1 change has to wait"));
    let tracker = &plan.services[0];
    assert_eq!(tracker.message, "1 of 2 changes fits, if nothing more fails");
    let days: Vec<(&str, Option<f64>)> =
        tracker.days.iter().map(|day| (day.date.as_str(), day.available_seconds)).collect();
    let ten = Some(600.0);
    assert_eq!(
        days.iter().map(|(day, available)| (*day, available.map(f64::round))).collect::<Vec<_>>(),
        [("2026-11-19", None), ("2026-11-20", None), ("2026-11-23", ten), ("2026-11-24", ten), ("2026-11-25", ten)]
    );
    let proposed: Vec<_> = tracker.proposed().map(|one| (one.change.as_str(), time(one.begins_at))).collect();
    assert_eq!(proposed, [("pas-upgrade", "2026-11-23T09:00:00Z".to_owned())]);
    assert_eq!(tracker.days[2].left_seconds.map(f64::round), Some(300.0));
    let waiting = &tracker.waits[0];
    assert_eq!((waiting.change.as_str(), waiting.reason), ("migration", WaitReason::Budget));
    assert_eq!(
        waiting.message,
        "it needs 12 minutes, and at most 10.0 may be spent of app-availability; from Fri 4 Dec 09:00 UTC"
    );

    // Five more minutes return on Thursday, which are enough for the migration, but not for both.
    let plan = coming(14, "2026-11-19T15:00:00Z").unwrap();
    let waiting = &plan.services[0].waits[0];
    assert_eq!(
        (waiting.reason, waiting.may_begin_at.map(time)),
        (WaitReason::Others, Some("2026-12-04T09:00:00Z".into()))
    );
    let friday = plan.services[0].days.iter().find(|day| day.date == "2026-11-27").unwrap();
    let alone: Vec<&str> = friday.fits.iter().map(|one| one.change.as_str()).collect();
    assert_eq!((alone, friday.proposed.len()), (vec!["migration", "pas-upgrade"], 0));
    // In three weeks both fit.
    assert_eq!(coming(16, "2026-11-19T15:00:00Z").unwrap().verdict, Verdict::Fits);
}

#[test]
fn what_the_plan_proposes_the_gate_lets_through() {
    let at = "2026-11-19T15:00:00Z";
    for proposed in coming(16, at).unwrap().services[0].proposed() {
        // Alone, since nothing of it is made in that history.
        let query = format!("change={}", proposed.change);
        let answer = founding::ask(&founding::gates(), &query, proposed.begins_at);
        assert!(answer.change.unwrap().fits, "{proposed:?}");
    }
}

fn plan(arguments: &[&str]) -> Finished {
    run(["plan"].iter().chain(arguments))
}

fn described(finished: &Finished) -> Value {
    described_by("plan", &finished.stdout).0
}

#[test]
fn the_command_and_a_service_say_the_same() {
    // 40 of 36 minutes failed until ten minutes ago, and all of it is forgotten after six hours.
    let (kept, storage) = command::history();
    let directory = tempfile::tempdir().unwrap();
    let path = command::file(directory.path(), command::FILE);
    let (file, place) = (path.to_str().unwrap(), kept.path().to_str().unwrap());
    let source = [file, "--storage.path", place];
    let ask = |more: &[&str]| plan(&[&source, more].concat());

    let fits = ask(&["--days", "2"]);
    assert_eq!(fits.code, Some(0), "{fits:?}");
    assert!(fits.stdout.starts_with("shop: the change fits, if nothing more fails\n  DAY "), "{fits:?}");
    assert!(fits.stdout.contains("gate closed (front)") && fits.stdout.contains("upgrade "), "{fits:?}");
    assert!(fits.stdout.ends_with("  the file says no working hours: any time of any day of UTC is one\n"), "{fits:?}");
    let before = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(2)).to_string();
    let json = ["--at", &before, "--output", "json"];
    let own = ask(&json);
    assert_eq!(described(&own)["services"][0]["waits"], json!([]), "{own:?}");

    // A working day that nothing fits into, and what nobody knows.
    let short =
        "working_hours: {days: [mon, tue, wed, thu, fri, sat, sun], from: '09:00', to: '09:30', timezone: UTC}\n";
    command::file(directory.path(), &format!("{}{short}", command::FILE));
    let waits = ask(&["--output", "json"]);
    assert_eq!((waits.code, &described(&waits)["services"][0]["waits"][0]["reason"]), (Some(1), &json!("hours")));
    assert!(ask(&[]).stdout.contains("waits: upgrade (10 min): no working day of that time is long enough"));
    let unknown = ask(&["--at", "12h", "--output", "json"]);
    assert_eq!((unknown.code, &described(&unknown)["verdict"]), (Some(3), &json!("unknown")));
    assert!(ask(&["--at", "12h"]).stdout.starts_with("shop: nothing can be proposed: front: nothing was observed"));

    // A service over the same directory.
    command::file(directory.path(), command::FILE);
    drop(storage);
    let arguments = ["serve", file, "--web.listen-address", "127.0.0.1:0", "--storage.path", place];
    let mut process = start(arguments);
    let address = listening(&mut process, Duration::from_secs(20));
    let server = format!("http://{address}");
    let served = plan(&[&["--server", &server], json.as_slice()].concat());
    assert_eq!(served.stdout, own.stdout, "{served:?}");
    for (query, status, code) in [
        ("days=0", 400, "bad_question"),
        ("day=1", 400, "bad_question"),
        ("service=cake", 404, "unknown_slo"),
        ("at=2999-01-01T00:00:00Z", 400, "bad_question"),
    ] {
        let answer = http::get(address, &format!("/api/v1/plan?{query}"), &[]).unwrap();
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{query}");
    }
    // However long it is.
    for service in ["cake", "a-service-with-a-name-that-is-as-long-as-a-name-may-ever-be"] {
        let refused = plan(&["--server", &server, "--service", service]);
        let said = format!("burndown: there is no service `{service}`\n");
        assert_eq!((refused.code, refused.stderr), (Some(2), said));
    }
    assert_eq!(plan(&["--server", "http://127.0.0.1:1"]).code, Some(3));
}

#[test]
fn a_file_without_changes_has_no_plan() {
    let (kept, _storage) = command::history();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.yaml");
    fs::write(&path, command::FILE.split("changes:").next().unwrap()).unwrap();
    let none = plan(&[path.to_str().unwrap(), "--storage.path", kept.path().to_str().unwrap()]);
    let said = "burndown: the services that are asked about have no `changes` in their files\n";
    assert!(none.code == Some(2) && none.stderr.ends_with(said), "{none:?}");
    // Without a source it reads where a service keeps it unless it is told.
    let arguments = ["plan", path.to_str().unwrap()];
    let usual = burndown(arguments).env("STATE_DIRECTORY", kept.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&usual.stderr).ends_with(said), "{usual:?}");
    for wrong in [vec![], vec!["--server", "http://h", "--days", "0"], vec!["--server", "http://h", "x.yaml"]] {
        assert_eq!(plan(&wrong).code, Some(2), "{wrong:?}");
    }
}
