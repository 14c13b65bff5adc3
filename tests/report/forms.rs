//! The forms of a report: each is a golden file, which a person read.

use std::fs;
use std::path::Path;

use burndown::history::EntryKind;

use super::fixture::{self, UNTIL, enter, report, time, withdraw};
use crate::support::burndown::{described_by, keys};

/// Holds a text against a golden file. `INSTA_UPDATE=always` writes it.
#[track_caller]
fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report").join(name);
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{} is not what is written now; read it, then run with INSTA_UPDATE=always\n{text}",
        path.display()
    );
}

#[test]
fn a_month_reads_as_it_was_read() {
    let (directory, _) = fixture::kept();
    for (format, name) in [("markdown", "tracker.md"), ("html", "tracker.html"), ("json", "tracker.json")] {
        let written = report(directory.path(), &["--until", UNTIL, "--format", format]);
        assert_eq!((written.code, written.stderr.as_str()), (Some(0), ""), "{format}");
        let text = written.stdout.replace(&format!("burndown {}", env!("CARGO_PKG_VERSION")), "burndown VERSION");
        assert_golden(name, &text);
        if format == "json" {
            assert_described(&written.stdout);
        }
        // The same in a file.
        let path = directory.path().join(name);
        let to_file = ["--until", UNTIL, "--format", format, "--output", path.to_str().unwrap()];
        assert_eq!(report(directory.path(), &to_file).stdout, "");
        assert_eq!(fs::read_to_string(path).unwrap(), written.stdout);
    }
}

#[test]
fn what_was_corrected_is_told_apart_and_opens_the_gate() {
    let (directory, _) = fixture::kept_and(|storage, at| {
        if at == time("2026-10-26T08:02:00Z") {
            let spike = ("2026-10-25T00:40:00Z", "2026-10-25T01:05:00Z");
            enter(storage, EntryKind::Correction, "app-availability", spike, "the prober was cut off");
        }
    });
    let written = report(directory.path(), &["--until", UNTIL]).stdout;
    for said in [
        "| tracker/app-availability | 99.9 % of 30d | 99.893 % | \u{2212}2.80 of 43.2 (22.2 net) | 34.0 | 0.00 | open |",
        "The gate decides by the net, without what was corrected.",
        "- Mon 26 Oct 08:05 GMT: opened with 22.2 minutes left",
        "minutes are left net in a week",
    ] {
        assert!(written.contains(said), "{said} is not in\n{written}");
    }
    assert!(!written.contains("Deployments stop for tracker/app-availability"), "{written}");
}

#[test]
fn an_override_is_told_for_as_long_as_it_held() {
    let app = "app-availability";
    let (directory, _) = fixture::kept_and(|storage, at| {
        if at == time("2026-10-25T10:30:00Z") {
            withdraw(storage, 2, app, ("2026-10-25T10:00:00Z", "2026-10-25T12:00:00Z"), "it is out");
        }
        if at == time("2026-10-25T14:00:00Z") {
            let hour = ("2026-10-25T14:00:00Z", "2026-10-25T15:00:00Z");
            enter(storage, EntryKind::Override, app, hour, "a slip");
            withdraw(storage, 4, app, hour, "of the hand");
        }
    });
    let written = report(directory.path(), &["--until", UNTIL]).stdout;
    let told: Vec<&str> = written.lines().filter(|line| line.contains("Override: ")).collect();
    let held = "Override: Ann had the gate of tracker/app-availability open, Sun 25 Oct 10:00–10:30 GMT, when it was withdrawn: \
                roll back the release of \\*Friday\\*";
    assert!(matches!(told.as_slice(), [one] if one.ends_with(held)), "{told:?} in\n{written}");
    // Nothing is left out of what people decided.
    for said in ["override of the gate, Sun 25 Oct 14:00–15:00 GMT", ": a slip ", "withdrawal of entry 4, "] {
        assert!(written.contains(said), "{said} is not in\n{written}");
    }
}

#[test]
fn a_gate_that_is_overridden_at_the_end_stops_nobody() {
    let (directory, _) = fixture::kept_and(|storage, at| {
        if at == time("2026-10-26T08:00:00Z") {
            let hours = ("2026-10-26T08:00:00Z", "2026-10-26T11:00:00Z");
            enter(storage, EntryKind::Override, "app-availability", hours, "the repair");
        }
    });
    let written = report(directory.path(), &["--until", UNTIL]).stdout;
    let said = "Deployments would stop for tracker/app-availability since Sun 25 Oct 01:05 GMT, were it not overridden until \
                Mon 26 Oct 11:00 GMT: \u{2212}2.80 of 43.2 minutes are left; they would go on from Thu 19 Nov 10:20 GMT if \
                nothing more fails.";
    assert!(written.contains(said), "{said} is not in\n{written}");
}

/// Holds a JSON report against the schema that the command publishes.
#[track_caller]
fn assert_described(text: &str) {
    let (report, schema) = described_by("report", text);
    assert_eq!(keys(&report["slos"][0]), keys(&schema["$defs"]["SloReport"]["properties"]));
}
