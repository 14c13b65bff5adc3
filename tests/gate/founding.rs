//! The scenario that the gate was made for: 99.9 % over 30 days, overspent by three minutes on a Thursday; it closes,
//! old minutes leave the window day by day, and it opens at the moment when ten minutes remain.

use std::collections::BTreeMap;
use std::sync::Arc;

use burndown::gate::model::{Answer, Forecast, Reason};
use burndown::gate::{Gates, Question};
use burndown::history::{Group, Groups, History, Slice, SloKey};
use burndown::slo::budget;
use burndown::standing::model::GateAnswer;
use burndown::units::Duration;
use jiff::Timestamp;

use crate::standing::recorded::plan;

const SLICE: i64 = 300;
const DAY: i64 = 86_400;

/// A failed run costs 12 seconds.
const FILE: &str = "version: burndown/v1
service: tracker
window: 30d
gate: {close_at: 0m, resume_at: 10m}
probes:
  - {name: app, interval: 12s, timeout: 10s, http: {url: http://localhost/}}
slos:
  - {name: app-availability, objective: 99.9, sli: {probe: app}}
changes:
  - {name: pas-upgrade, downtime: 5m, duration: 4h}
  - {name: migration, downtime: 12m, duration: 4h}
working_hours: {days: [mon, tue, wed, thu, fri], from: '09:00', to: '17:00', timezone: UTC}
";

/// When runs failed, and how many of the 25 of each slice from then on: 46.2 minutes, of which 43.2 were there.
const FAILURES: [(&str, &[u32]); 6] = [
    ("2026-10-22T08:00:00Z", &[20, 10]),
    ("2026-10-24T08:00:00Z", &[25, 10]),
    ("2026-10-27T15:00:00Z", &[25]),
    ("2026-11-03T23:00:00Z", &[25, 25]),
    ("2026-11-10T12:00:00Z", &[25, 16]),
    ("2026-11-19T14:00:00Z", &[25, 25]),
];

const CLOSES: &str = "2026-11-19T14:10:00Z";
const OPENS: &str = "2026-11-23T08:10:00Z";

fn time(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

/// Runs that never end, in slices.
struct Runs(BTreeMap<i64, u32>);

impl History for Runs {
    fn slice(&self, _key: &SloKey) -> Duration {
        Duration::from_mins(5)
    }

    fn groups<'a>(&'a self, _key: &'a SloKey, after: i64, until: i64) -> Groups<'a> {
        let ends = (after.div_euclid(SLICE) + 1..=until.div_euclid(SLICE)).map(|number| number * SLICE);
        let slice = |end: i64| {
            let bad = self.0.get(&end).copied().unwrap_or_default();
            Slice { events: budget::Slice { end, bad: bad.into(), total: 25.0 }, failures: BTreeMap::new() }
        };
        Box::pin(std::future::ready(Ok(vec![Group::whole(ends.map(slice).collect())])))
    }
}

pub(super) fn gates() -> Gates {
    let failures = FAILURES.iter().flat_map(|(start, counts)| {
        counts.iter().zip(1..).map(|(count, number)| (time(start) + number * SLICE, *count))
    });
    Gates::new(&plan(FILE), Arc::new(Runs(failures.collect())))
}

pub(super) fn ask(gates: &Gates, query: &str, at: i64) -> Answer {
    let question = Question::read(Some(query)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(gates.answer(&question, Timestamp::from_second(at).unwrap())).unwrap()
}

#[test]
fn it_closes_and_opens_at_the_moments_that_it_named_and_at_no_other() {
    let gates = gates();
    let (closes, opens) = (time(CLOSES), time(OPENS));
    let around = |moment: i64| (-3..=3).map(move |slice| moment + slice * SLICE);
    let hourly = (-48..=24 * 6).map(|hour| closes + hour * 3_600);
    let mut moments: Vec<i64> = hourly.chain(around(closes)).chain(around(opens)).collect();
    // The last second before each, too: nothing may open early.
    moments.extend([closes - 1, opens - 1]);
    for at in moments {
        let answer = ask(&gates, "", at);
        if (closes..opens).contains(&at) {
            assert_eq!((answer.decision, answer.reason), (GateAnswer::Closed, Reason::Closed), "{at}");
            assert_eq!((answer.reopens_at, answer.forecast), (Some(opens), Some(Forecast::Exact)), "{at}");
            assert_eq!((answer.slos[0].closed_since, answer.slos[0].trough_seconds), (Some(closes), Some(-180.0)));
        } else {
            assert_eq!((answer.decision, answer.reason), (GateAnswer::Open, Reason::Open), "{at}");
            assert_eq!((answer.reopens_at, answer.slos[0].closed_since), (None, None), "{at}");
        }
    }
    assert_eq!(ask(&gates, "", opens).slos[0].remaining_seconds, 600.0);
    assert_eq!(
        ask(&gates, "", closes).message,
        "tracker/app-availability: −3.00 of 43.2 minutes remain; closed since 2026-11-19 14:10:00 UTC; opens at 10 \
         minutes: 2026-11-23 08:10:00 UTC if nothing more fails"
    );
}

#[test]
fn a_change_needs_its_minutes_and_a_working_day() {
    let gates = gates();
    let (closes, opens) = (time(CLOSES), time(OPENS));
    let monday = |hour: i64| opens - 8 * 3_600 - 600 + hour * 3_600;
    let told = |change: &str, at: i64| {
        let answer = ask(&gates, &format!("change={change}"), at);
        let change = answer.change.unwrap();
        assert_eq!(change.fits, answer.decision == GateAnswer::Open);
        assert_eq!(change.services[0].may_begin_at, answer.reopens_at.or(Some(at)));
        (answer.decision, answer.reason, answer.reopens_at)
    };
    // While it is closed the day counts as well: it opens before work begins.
    assert_eq!(told("pas-upgrade", closes), (GateAnswer::Closed, Reason::Closed, Some(monday(9))));
    assert_eq!(told("pas-upgrade", opens), (GateAnswer::Closed, Reason::Hours, Some(monday(9))));
    assert_eq!(told("pas-upgrade", monday(13)), (GateAnswer::Open, Reason::Open, None));
    assert_eq!(told("pas-upgrade", monday(13) + 1), (GateAnswer::Closed, Reason::Hours, Some(monday(24 + 9))));
    // Ten minutes are there on Monday and fifteen on Thursday at 15:05, too late for four hours of that day.
    assert_eq!(told("migration", monday(10)), (GateAnswer::Closed, Reason::Budget, Some(monday(4 * 24 + 9))));
    assert_eq!(told("migration", monday(4 * 24 + 9)), (GateAnswer::Open, Reason::Open, None));

    let by_hand = ask(&gates, "downtime=12m&duration=4h", monday(10));
    assert_eq!((by_hand.reason, by_hand.change.unwrap().name), (Reason::Budget, None));
    assert_eq!(
        by_hand.message,
        "tracker/app-availability: 10.0 of 43.2 minutes remain; 10.0 may be spent and 12 are needed: 2026-11-26 15:05:00 \
         UTC if nothing more fails"
    );
    assert_eq!(ask(&gates, "", closes - DAY).change, None);
}
