//! The numbers of a report on random and on chosen histories, and text that means harm.

use std::sync::Arc;

use burndown::history::told::{FiredAlerts, Told};
use burndown::history::{Causes, Entry, EntryKind, Fired, Group, Groups, History, Slice, SloKey};
use burndown::report::model::{AlertSource, Report};
use burndown::report::{self, Asked, Reports};
use burndown::slo::budget;
use burndown::units::Duration;
use jiff::Timestamp;
use proptest::prelude::*;

use crate::standing::recorded::plan;

const DAY: i64 = 86_400;
const STEP: i64 = 300;

/// A Sunday, at the end of a slice.
const NOW: i64 = 1_792_933_200;

/// The budget of a week is 100.8 minutes.
const FILE: &str = "version: burndown/v1
service: shop
window: 7d
probes:
  - {name: front, interval: 1m, http: {url: http://localhost/}}
slos:
  - {name: front, objective: 99, sli: {probe: front}}
  - {name: requests, objective: 99, sli: {events: {bad: errors_total, total: requests_total}}}
";

/// The slices of both SLOs, and what else there is to tell.
#[derive(Clone, Default)]
struct Kept {
    slices: Vec<Slice>,
    causes: Causes,
    alerts: Option<FiredAlerts>,
    entries: Vec<Entry>,
}

impl History for Kept {
    fn slice(&self, _key: &SloKey) -> Duration {
        Duration::from_mins(5)
    }

    fn groups<'a>(&'a self, _key: &'a SloKey, after: i64, until: i64) -> Groups<'a> {
        let inside = self.slices.iter().filter(|slice| slice.events.end > after && slice.events.end <= until);
        Box::pin(std::future::ready(Ok(vec![Group::whole(inside.cloned().collect())])))
    }

    fn causes<'a>(&'a self, _key: &'a SloKey, _after: i64, _until: i64) -> Told<'a, Causes> {
        Box::pin(std::future::ready(Ok(self.causes.clone())))
    }

    fn alerts<'a>(&'a self, _key: &'a SloKey, _after: i64, _until: i64) -> Told<'a, Option<FiredAlerts>> {
        Box::pin(std::future::ready(Ok(self.alerts.clone())))
    }

    fn entries<'a>(&'a self, _key: &'a SloKey, _after: i64, _until: i64) -> burndown::history::audit::Entries<'a> {
        Box::pin(std::future::ready(Ok(self.entries.clone())))
    }
}

/// Slices that end now, of five runs each; `bad` says how many of which slice before the end failed.
fn history(slices: i64, bad: impl Fn(i64) -> f64) -> Kept {
    let slice = |back: i64| {
        let events = budget::Slice { end: NOW - back * STEP, bad: bad(back), total: 5.0 };
        Slice { events, failures: Default::default() }
    };
    Kept { slices: (0..slices).rev().map(slice).collect(), ..Kept::default() }
}

fn made(history: Kept, slo: &str, days: i64) -> Report {
    let asked = Asked {
        slo: Some(slo.parse().unwrap()),
        since: Timestamp::from_second(NOW - days * DAY).ok(),
        ..Asked::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let reports = Reports::new(&plan(FILE), Arc::new(history));
    runtime.block_on(reports.of(&asked, Timestamp::from_second(NOW).unwrap())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn spikes_add_up_to_what_was_spent(
        failures in prop::collection::btree_map(0i64..3_000, 1u8..6, 0..40),
        days in 1i64..10, is_probe: bool, missing in prop::collection::btree_set(0i64..3_000, 0..200),
    ) {
        let mut told = history(3_500, |back| failures.get(&back).copied().map_or(0.0, f64::from));
        told.slices.retain(|slice| !missing.contains(&((NOW - slice.events.end) / STEP)));
        let kept = told.slices.clone();
        let report = made(told, if is_probe { "front" } else { "requests" }, days);
        let slo = &report.slos[0];
        let period = &slo.period;
        let spikes: f64 = slo.spikes_of_period().map(|spike| spike.spent_in_period_seconds).sum();
        prop_assert!((spikes + period.background_seconds - period.spent_seconds).abs() < 0.1, "{:?}", slo);
        if is_probe {
            prop_assert!(period.background_seconds < 0.1, "every failed run of a probe is in a spike: {:?}", period);
        }
        // What was there, less what went, plus what came back, is what is there.
        let end = period.at_start_seconds + period.returned_seconds - period.spent_seconds;
        prop_assert!((end - slo.budget.remaining_seconds).abs() < 0.1, "{:?}", slo);
        // As many bad events as the period has, each at the same price.
        let at = kept.last().unwrap().events.end;
        let bad: f64 = kept.iter().filter(|one| one.events.end > NOW - days * DAY).map(|one| one.events.bad).sum();
        prop_assert!((period.bad - bad).abs() < 1e-6 && at <= NOW);
        let whole: f64 = slo.spikes.iter().map(|spike| spike.bad).sum();
        prop_assert!(whole + 1e-6 >= slo.spikes_of_period().map(|spike| spike.bad).sum());
        // A steady probe pays its interval.
        if is_probe && missing.is_empty() {
            prop_assert!((period.spent_seconds - bad * 60.0).abs() < 0.1, "{:?}", period);
        }
    }
}

#[test]
fn exactly_a_fifth_needs_no_postmortem_and_a_run_more_does() {
    // A window whose budget has a fifth of whole runs.
    let text = FILE.replace("window: 7d", "window: 30000m").replace("objective: 99,", "objective: 99.5,");
    let report = |bad: f64| {
        let told = history(6_500, |back| match back {
            100..106 => 5.0,
            106 => bad,
            _ => 0.0,
        });
        let asked = Asked { slo: Some("front".parse().unwrap()), ..Asked::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reports = Reports::new(&plan(&text), Arc::new(told));
        runtime.block_on(reports.of(&asked, Timestamp::from_second(NOW).unwrap())).unwrap()
    };
    // 150 minutes, of which 30 are a fifth.
    let exact = report(0.0);
    assert_eq!(exact.slos[0].budget.total_seconds, 9_000.0);
    let spike = &exact.slos[0].spikes[0];
    assert_eq!((spike.spent_seconds, spike.spent_percent, spike.needs_postmortem), (1_800.0, 20.0, false));
    assert!(!report::markdown(&exact).contains("Postmortem"));
    let more = report(1.0);
    assert!(more.slos[0].spikes[0].needs_postmortem);
    assert!(report::markdown(&more).contains("Postmortem: shop/front, "), "{}", report::markdown(&more));
}

#[test]
fn an_outage_that_is_not_over_stands_first_and_one_of_before_only_counts_what_is_of_the_period() {
    // Failing since 50 minutes; and an hour around the beginning of the day.
    let told = history(3_000, |back| if back < 10 || (282..294).contains(&back) { 1.0 } else { 0.0 });
    let report = made(told, "front", 1);
    let slo = &report.slos[0];
    let [around, now] = slo.spikes.as_slice() else { panic!("{slo:?}") };
    assert!(now.ongoing && !around.ongoing, "{slo:?}");
    assert_eq!((around.spent_seconds, around.spent_in_period_seconds, now.spent_seconds), (720.0, 360.0, 600.0));
    assert_eq!(slo.period.spent_seconds, 960.0);
    let text = report::markdown(&report);
    let first = text.lines().find(|line| line.starts_with("- ")).unwrap();
    assert!(first.contains("Not over: shop/front fails since "), "{text}");
}

#[test]
fn a_month_in_which_all_was_well_is_one_sentence() {
    let report = made(history(3_000, |_| 0.0), "front", 7);
    let text = report::markdown(&report);
    assert!(text.contains("Every gate is open, and nothing spent more than 20 % of its budget."), "{text}");
    assert!(text.ends_with("## Nothing happened\n\nNothing failed in the window of shop/front.\n"), "{text}");
}

#[test]
fn text_of_others_stays_text() {
    let hostile = "<script>alert(1)</script> | **all** [x](http://h) \u{202e}@team";
    let mut told = history(3_000, |back| if back == 20 { 5.0 } else { 0.0 });
    let entry = |kind| Entry {
        id: 1,
        at: NOW - 7_200,
        kind,
        service: "shop".to_owned(),
        slo: "front".to_owned(),
        from: NOW - 7_200,
        until: NOW,
        reason: hostile.to_owned(),
        by: hostile.to_owned(),
        authenticated: "ann".to_owned(),
        withdraws: None,
    };
    told.entries = vec![entry(EntryKind::Override), entry(EntryKind::Maintenance)];
    told.causes.reasons.insert(hostile.to_owned(), 1);
    told.causes.steps.insert(hostile.to_owned(), 1);
    let labels = [("alertname", hostile), ("severity", "page"), ("route", hostile)];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let fired = vec![Fired { labels, from: NOW - 600, until: NOW - 300 }];
    told.alerts = Some(FiredAlerts { fired, step: 60 });
    let report = made(told, "front", 7);
    assert_eq!(report.slos[0].alerts_from, AlertSource::Prometheus);
    let markdown = report::markdown(&report);
    // What is left where nothing is escaped.
    let live =
        ["\\<", "\\*", "\\[", "\\]", "\\|"].iter().fold(markdown.clone(), |text, escaped| text.replace(escaped, ""));
    for wrong in ["<", "**all", "[", "](", "://h", "\u{202e}", "@team"] {
        assert!(!live.contains(wrong), "{wrong} in {markdown}");
    }
    // Every row of every table has as many cells as its head.
    let mut cells = 0;
    for line in live.lines() {
        let found = line.matches('|').count();
        assert!(found == 0 || cells == 0 || found == cells, "{line}");
        cells = found;
    }
    let html = report::html(&report, None).unwrap();
    for wrong in ["<script", "\u{202e}", "href", "src=", "http-equiv=\"refresh"] {
        assert!(!html.contains(wrong), "{wrong} in {html}");
    }
    assert!(html.contains("&#60;script&#62;alert(1)"), "{html}");
}

#[test]
fn a_gate_that_closed_and_opened_says_when_and_with_how_much() {
    // 110 of 100.8 minutes, eight days before the end: a day later they begin to leave the window.
    let report = made(history(5_000, |back| if (2_300..2_410).contains(&back) { 1.0 } else { 0.0 }), "front", 9);
    let slo = &report.slos[0];
    let turns: Vec<_> = slo.gate_turns.iter().map(|turn| (turn.to, turn.remaining_seconds)).collect();
    use burndown::standing::model::GateAnswer::{Closed, Open};
    assert_eq!(turns.len(), 2, "{slo:?}");
    assert!(turns[0].0 == Closed && turns[0].1 <= 0.0 && turns[1].0 == Open && turns[1].1 > 0.0, "{turns:?}");
    let markdown = report::markdown(&report);
    assert!(markdown.contains(": closed with ") && markdown.contains(": opened with "), "{markdown}");
    assert_eq!(slo.alerts_from, AlertSource::Counts);
    assert!(slo.alerts.iter().any(|alert| alert.severity == "page" || alert.severity == "ticket"), "{slo:?}");
}
