//! Every way of not knowing, of letting through all the same, and of deciding between groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use burndown::gate::model::{Answer, Forecast, Reason};
use burndown::gate::{Gates, NoAnswer, Question};
use burndown::history::{Group, Groups, History, HistoryError, Slice, SloKey};
use burndown::slo::budget;
use burndown::standing::model::GateAnswer;
use burndown::units::Duration;
use jiff::Timestamp;

use crate::standing::recorded::plan;

/// 14 November 2023, midnight.
const NOW: i64 = 1_699_920_000;

const FILE: &str = "version: burndown/v1
service: shop
window: 7d
gate: {resume_at: 10m}
slos:
  - {name: requests, objective: 99, sli: {events: {bad: errors_total, total: requests_total, by: [route]}}}
changes:
  - {name: upgrade, downtime: 5m, duration: 1h}
";

/// A history that answers so, whatever it is asked.
struct Says(Result<Vec<Group>, HistoryError>);

impl History for Says {
    fn slice(&self, _key: &SloKey) -> Duration {
        Duration::from_mins(5)
    }

    fn groups<'a>(&'a self, _key: &'a SloKey, after: i64, until: i64) -> Groups<'a> {
        let inside = |slice: &Slice| slice.events.end > after && slice.events.end <= until;
        let groups = self.0.clone().map(|mut groups| {
            groups.iter_mut().for_each(|group| group.slices.retain(inside));
            groups
        });
        Box::pin(std::future::ready(groups))
    }
}

/// Seven days of slices of ten events each, without those that are none.
fn route(name: &str, bad: impl Fn(i64) -> Option<f64>) -> Group {
    let slice = |number: i64| {
        let events = budget::Slice { end: NOW - number * 300, bad: bad(number)?, total: 10.0 };
        Some(Slice { events, failures: BTreeMap::new() })
    };
    let slices = (0..7 * 288).rev().filter_map(slice).collect();
    Group { labels: BTreeMap::from([("route".to_owned(), name.to_owned())]), slices, is_cut: false, corrected: None }
}

fn answer(gate: &str, query: &str, says: Result<Vec<Group>, HistoryError>) -> Result<Answer, NoAnswer> {
    let file = FILE.replace("resume_at: 10m", &format!("resume_at: 10m{gate}"));
    let gates = Gates::new(&plan(&file), Arc::new(Says(says)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let question = Question::read(Some(query)).unwrap();
    runtime.block_on(gates.answer(&question, Timestamp::from_second(NOW).unwrap()))
}

fn good(_: i64) -> Option<f64> {
    Some(0.0)
}

/// 105 of 100.8 minutes failed, until an hour ago.
fn failed(number: i64) -> Option<f64> {
    Some(if (12..33).contains(&number) { 10.0 } else { 0.0 })
}

#[test]
fn unknown_is_not_healthy_and_says_why() {
    let key = || SloKey { service: "shop".parse().unwrap(), slo: "requests".parse().unwrap() };
    let stale = |number| (number >= 3).then_some(0.0);
    let partial = |number| (!(100..400).contains(&number)).then_some(0.0);
    for (says, reason, words) in [
        (Err(HistoryError::Unavailable("no route to host".to_owned())), Reason::Unavailable, "no route to host"),
        (Err(HistoryError::Incomplete("a store is away".to_owned())), Reason::Incomplete, "a store is away"),
        (Err(HistoryError::RulesNotLoaded(key())), Reason::RulesNotLoaded, "burndown generate"),
        (Err(HistoryError::ClockAhead { seconds: 600 }), Reason::ClockAhead, "600 seconds ahead"),
        (Err(HistoryError::NotKept(key())), Reason::NotKept, "not kept here"),
        (Ok(Vec::new()), Reason::NoData, "nothing was observed"),
        (Ok(vec![route("/", stale)]), Reason::Stale, "the newest data are from"),
        (Ok(vec![route("/", partial)]), Reason::Partial, "% of the time was observed"),
    ] {
        let holds = answer("", "", says.clone()).unwrap();
        assert_eq!((holds.decision, holds.reason, holds.reopens_at), (GateAnswer::Unknown, reason, None));
        assert!(
            holds.message.contains(words) && holds.message.ends_with("; it holds while it is unknown"),
            "{holds:?}"
        );
        let allows = answer(", on_unknown: allow", "", says.clone()).unwrap();
        assert_eq!((allows.decision, allows.reason), (GateAnswer::Open, reason));
        assert!(allows.message.ends_with("; it lets through while it is unknown"), "{allows:?}");
        let dry = answer(", dry_run: true", "", says).unwrap();
        assert_eq!(
            (dry.decision, dry.reason, dry.slos[0].gate),
            (GateAnswer::Open, Reason::DryRun, GateAnswer::Unknown)
        );
    }
}

#[test]
fn a_closed_gate_of_a_dry_run_stops_nothing() {
    let closed = || Ok(vec![route("/", failed)]);
    assert_eq!(answer("", "", closed()).unwrap().decision, GateAnswer::Closed);
    let dry = answer(", dry_run: true", "", closed()).unwrap();
    assert_eq!((dry.decision, dry.reason, dry.slos[0].gate), (GateAnswer::Open, Reason::DryRun, GateAnswer::Closed));
    assert!(dry.message.contains("dry run, which stops nothing: −4.20 of 101 minutes remain"), "{}", dry.message);
    // It lets through what is closed, not what is unknown.
    assert_eq!(answer(", on_unknown: allow", "", closed()).unwrap().decision, GateAnswer::Closed);
}

#[test]
fn the_worst_group_decides_and_is_named() {
    let stale = |number: i64| (number >= 3).then_some(0.0);
    let group = |answer: &Answer| answer.slos[0].group["route"].clone();
    let closed = answer("", "", Ok(vec![route("/", good), route("/pay", failed), route("/search", good)])).unwrap();
    assert_eq!((closed.decision, group(&closed).as_str(), closed.slos[0].groups), (GateAnswer::Closed, "/pay", 3));
    assert!(closed.message.starts_with("shop/requests{route=\"/pay\"}: −4.20 of 101 minutes"), "{}", closed.message);
    // 14.2 minutes have to come back: the first three slices of the outage, a week after it.
    let opens = NOW - 32 * 300 + 2 * 300 + 7 * 86_400;
    assert_eq!((closed.reopens_at, closed.forecast), (Some(opens), Some(Forecast::AssumesLast7DaysTraffic)));
    assert!(closed.message.ends_with("if nothing more fails and the traffic of the last 7 days repeats"));
    // Of two that are closed, the last one to open counts.
    let earlier = |number: i64| failed(number - 100);
    let both = answer("", "", Ok(vec![route("/", earlier), route("/pay", failed)])).unwrap();
    assert_eq!((both.decision, both.reopens_at), (GateAnswer::Closed, Some(opens)));

    // The others are told of as well.
    let others: Vec<_> =
        closed.slos[0].other_groups.iter().map(|group| (group.group["route"].as_str(), group.gate)).collect();
    assert_eq!(others, [("/", GateAnswer::Open), ("/search", GateAnswer::Open)]);
    let many = (0..30).map(|number| route(&format!("/{number:02}"), good)).chain([route("/pay", failed)]).collect();
    let many = answer("", "", Ok(many)).unwrap();
    assert_eq!((many.slos[0].groups, many.slos[0].other_groups.len(), group(&many).as_str()), (31, 20, "/pay"));

    // A closed one decides before one that nobody knows, which leaves the moment open.
    let both = answer("", "", Ok(vec![route("/", stale), route("/pay", failed)])).unwrap();
    assert_eq!((both.decision, group(&both).as_str(), both.reopens_at), (GateAnswer::Closed, "/pay", None));
    let unknown = answer("", "", Ok(vec![route("/", stale), route("/pay", good)])).unwrap();
    assert_eq!((unknown.decision, group(&unknown).as_str()), (GateAnswer::Unknown, "/"));
}

#[test]
fn a_change_must_fit_every_group_that_is_known() {
    // 97.5 of 100.8 minutes are spent without the gate ever closing.
    let low = |number: i64| {
        Some(if (12..31).contains(&number) {
            10.0
        } else if number == 31 {
            5.0
        } else {
            0.0
        })
    };
    let stale = |number: i64| (number >= 3).then_some(0.0);
    assert_eq!(answer("", "", Ok(vec![route("/", low)])).unwrap().decision, GateAnswer::Open);
    let short = answer("", "change=upgrade", Ok(vec![route("/", good), route("/pay", low)])).unwrap();
    assert_eq!((short.decision, short.reason), (GateAnswer::Closed, Reason::Budget));
    assert_eq!(short.slos[0].group["route"], "/pay");
    assert!(short.message.contains("3.30 may be spent and 5 are needed: "), "{}", short.message);
    let waived =
        answer(", on_unknown: allow", "change=upgrade", Ok(vec![route("/", stale), route("/pay", low)])).unwrap();
    assert_eq!((waived.reason, waived.slos[0].group["route"].as_str()), (Reason::Budget, "/pay"));
    let dry = answer(", dry_run: true", "change=upgrade", Ok(vec![route("/", low)])).unwrap();
    assert_eq!((dry.decision, dry.reason), (GateAnswer::Open, Reason::DryRun));
    // To the second, and not of a group that nobody knows.
    for (downtime, decision) in [(198, GateAnswer::Open), (199, GateAnswer::Closed)] {
        let query = format!("downtime={downtime}s&duration=1h");
        assert_eq!(answer("", &query, Ok(vec![route("/", low)])).unwrap().decision, decision, "{downtime}");
    }
    let low_and_stale = |number: i64| low(number).filter(|_| number >= 3);
    let unknown = answer(", on_unknown: allow", "change=upgrade", Ok(vec![route("/", low_and_stale)])).unwrap();
    assert_eq!((unknown.decision, unknown.reason), (GateAnswer::Open, Reason::Stale));
    let never = answer("", "downtime=2h&duration=3h", Ok(vec![route("/", good)])).unwrap();
    assert_eq!(
        (never.reason, never.reopens_at, never.change.unwrap().services[0].may_begin_at),
        (Reason::Budget, None, None)
    );
}

#[test]
fn an_open_gate_says_since_when() {
    let since = |gate: &str, groups: Vec<Group>| {
        let answer = answer(gate, "", Ok(groups)).unwrap();
        assert_eq!((answer.decision, answer.slos[0].open_since), (GateAnswer::Open, answer.open_since), "{answer:?}");
        answer.open_since.map(|since| (NOW - since) / 300)
    };
    let days = |days: i64, bad: fn(i64) -> Option<f64>| {
        let slice = |number: i64| {
            let events = budget::Slice { end: NOW - number * 300, bad: bad(number)?, total: 10.0 };
            Some(Slice { events, failures: BTreeMap::new() })
        };
        let labels = BTreeMap::from([("route".to_owned(), format!("/{days}"))]);
        Group { labels, slices: (0..days * 288).rev().filter_map(slice).collect(), is_cut: false, corrected: None }
    };
    // It began two days ago, or longer ago than a window.
    assert_eq!(since("", vec![days(2, good)]), Some(2 * 288 - 1));
    assert_eq!(since("", vec![days(10, good)]), None);
    // It was unknown for a while, which stops deployments if an unknown SLO holds.
    let away: fn(i64) -> Option<f64> = |number| (!(100..110).contains(&number)).then_some(0.0);
    assert_eq!(since("", vec![days(14, away)]), Some(99));
    assert_eq!(since(", on_unknown: allow", vec![days(14, away)]), None);
    let short: fn(i64) -> Option<f64> = |number| (!(100..102).contains(&number)).then_some(0.0);
    assert_eq!(since("", vec![days(14, short)]), None);
    // 105 of 100.8 minutes failed until a window and 50 slices ago: three slices of the outage had to leave before ten
    // minutes remained. The last group to open counts.
    let outage: fn(i64) -> Option<f64> = |number| Some(if (2066..2087).contains(&number) { 10.0 } else { 0.0 });
    assert_eq!(since("", vec![days(14, outage)]), Some(2086 - 2016 - 2));
    assert_eq!(since("", vec![days(14, away), days(13, outage)]), Some(2086 - 2016 - 2));
    // Of a history that was cut off, the first window says nothing.
    let cut = |number: i64| Group { is_cut: true, ..days(number, good) };
    assert_eq!((since("", vec![cut(8)]), since("", vec![cut(14)])), (None, None));
    // Where it is open for another reason, or closed, it is not said.
    let dry = answer(", dry_run: true", "", Ok(vec![route("/", failed)])).unwrap();
    assert_eq!((dry.decision, dry.open_since), (GateAnswer::Open, None));
    assert_eq!(since(", dry_run: true", vec![days(2, good)]), None);
    // A change may fit since another moment, which nobody knows.
    let changed = answer("", "change=upgrade", Ok(vec![days(2, good)])).unwrap();
    assert_eq!((changed.decision, changed.open_since), (GateAnswer::Open, None));
    assert_eq!(answer("", "", Ok(vec![route("/", failed)])).unwrap().open_since, None);
}

#[test]
fn what_makes_no_sense_has_no_answer() {
    let said = |query: &str| answer("", query, Ok(Vec::new())).unwrap_err().to_string();
    assert_eq!(said("slo=nothing"), "there is no SLO `nothing`");
    assert_eq!(said("slo=reqests"), "there is no SLO `reqests`; did you mean `requests`?");
    assert_eq!(
        said("service=shop&slo=request"),
        "there is no SLO `request` of the service `shop`; did you mean `requests`?"
    );
    assert_eq!(said("service=bank&slo=requests"), "there is no service `bank`");
    assert_eq!(said("service=ship"), "there is no service `ship`; did you mean `shop`?");
    assert_eq!(
        said("change=upgrad"),
        "there is no change \"upgrad\" under `changes` of the services that are asked about: they have upgrade"
    );
    assert!(said("at=2023-11-15T00:00:00Z").contains("is still to come"));
}
