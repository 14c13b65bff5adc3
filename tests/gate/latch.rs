//! The recorded latch: where it says that a gate was open all along, the answer is that of the replay, and where it says
//! anything else, or nothing, the replay answers.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use burndown::gate::model::Answer;
use burndown::gate::{Gates, Question};
use burndown::history::{self, History, SloKey};
use burndown::prometheus::{Access, Client};
use burndown::slo::Plan;
use burndown::standing::model::GateAnswer;
use jiff::Timestamp;
use tokio::runtime::Runtime;

use crate::standing::recorded::{HOUR, KINDS, START, counters, plan, record};
use crate::support::backfill::Past;

const DAY: i64 = 86_400;

/// The gates of a plan over a Prometheus, with the history that they read.
struct Asked {
    gates: Gates,
    history: Arc<history::Prometheus>,
    runtime: Runtime,
}

impl Asked {
    fn new(plan: &Plan, address: SocketAddr) -> Self {
        let base = format!("http://{address}/").parse().unwrap();
        let client = Client::new(&base, &Access::default(), Duration::from_secs(60)).unwrap();
        let history = Arc::new(history::Prometheus::new(client, plan));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { gates: Gates::new(plan, Arc::clone(&history) as _), history, runtime }
    }

    /// Whether it was recorded that the gate was open all along.
    fn is_recorded(&self, slo: &str, at: i64) -> bool {
        let key = SloKey { service: "shop".parse().unwrap(), slo: slo.parse().unwrap() };
        self.runtime.block_on(self.history.open_groups(&key, at)).unwrap().is_some()
    }

    /// The answer by what was recorded, after it was held against that of the replay.
    fn answer(&self, query: &str, at: i64) -> Answer {
        let now = Timestamp::from_second(at).unwrap();
        let ask = |query: &str| {
            let question = Question::read(Some(query)).unwrap();
            self.runtime.block_on(self.gates.answer(&question, now)).unwrap()
        };
        let (recorded, replayed) = (ask(query), ask(&format!("{query}&explain=true")));
        assert_eq!(recorded, replayed, "{query} at {}", at - START);
        recorded
    }
}

#[test]
fn what_was_recorded_and_the_replay_give_the_same_answer() {
    let past = Past::of(&counters());
    record(&past, KINDS, START, START + 60 * HOUR);
    let prometheus = past.open();
    let asked = Asked::new(&plan(KINDS), prometheus.address());
    let (mut recorded, mut replayed, mut short) = (0, 0, 0);
    // Windows of a day are whole from the second day on; at any second of a slice.
    for (step, at) in (START + 25 * HOUR..START + 60 * HOUR).step_by(2_900).enumerate() {
        for slo in ["requests", "up", "ratio", "queried", "quick", "timed", "probed", "sliced"] {
            let answer = asked.answer(&format!("slo={slo}"), at);
            match asked.is_recorded(slo, at) {
                true => {
                    assert_eq!(
                        (answer.decision, answer.open_since),
                        (GateAnswer::Open, None),
                        "{slo} at {}",
                        at - START
                    );
                    recorded += 1;
                }
                false => replayed += 1,
            }
            // The budgets are 28.8 and 36 minutes.
            if step % 5 == 0 {
                let change = asked.answer(&format!("slo={slo}&downtime=25m&duration=1h"), at);
                short += usize::from(answer.decision == GateAnswer::Open && change.decision == GateAnswer::Closed);
            }
        }
    }
    assert!(recorded > 20 && replayed > 20 && short > 2, "{recorded} recorded, {replayed} replayed, {short} short");
}

const LONG: &str = "version: burndown/v1
service: shop
window: 90d
gate: {resume_at: 10m}
slos:
  - {name: requests, objective: 99.9, sli: {events: {bad: errors_total, total: requests_total}}}
";

/// What the rules of [`LONG`] record of a service that never failed, on the last 92 days up to `end`; the latch is what
/// `latch` says of the slices before the last one.
fn quiet(end: i64, constants: &str, latch: impl Fn(i64) -> Option<u8>) -> String {
    const LABELS: &str = "{slo_service=\"shop\",slo=\"requests\"}";
    let mut text = String::new();
    for (name, value) in [("slo:sli_total:increase5m", 10), ("slo:sli_bad:increase5m", 0)] {
        for slice in (0..92 * 288).rev() {
            let _ = writeln!(text, "{name}{LABELS} {value} {}", end - slice * 300);
        }
    }
    for slice in (0..92 * 288).rev() {
        if let Some(open) = latch(slice) {
            let _ = writeln!(text, "slo:deploy_gate_latch:open{LABELS} {open} {}", end - slice * 300);
        }
    }
    for line in constants.lines() {
        let (name, value) = line.split_once(' ').unwrap();
        let _ = writeln!(text, "{name}{LABELS} {value} {end}");
    }
    text + "# EOF\n"
}

const CONSTANTS: &str = "slo:error_budget_remaining:seconds 7776
slo:sli_observed:seconds 7776000
slo:coverage:ratio 1
slo:objective:ratio 0.999
slo:error_budget:seconds 7776
slo:deploy_gate_close_at:seconds 0
slo:deploy_gate_resume_at:seconds 600";

#[test]
fn a_window_of_ninety_days_is_answered_by_a_few_samples_if_the_latch_was_never_closed() {
    let end = START + 100 * DAY;
    let is_recorded = |constants: &str, latch: &dyn Fn(i64) -> Option<u8>| {
        let observed = format!("slo:sli_observed:timestamp_seconds {end}\n{constants}");
        let past = Past::of(&quiet(end, &observed, latch));
        let prometheus = past.open();
        let asked = Asked::new(&plan(LONG), prometheus.address());
        // Whatever was recorded, the service never failed.
        let answer = asked.answer("", end + 100);
        assert_eq!(
            (answer.decision, answer.slos[0].remaining_seconds, answer.slos[0].at),
            (GateAnswer::Open, 7_776.0, end)
        );
        // Of an evaluation that is as old as a slice, the replay has to say how old.
        assert!(!asked.is_recorded("requests", end + 300));
        asked.is_recorded("requests", end + 100)
    };
    assert!(is_recorded(CONSTANTS, &|_| Some(1)));
    // Closed for one slice 60 days ago; unknown for one; recorded only since a month.
    assert!(!is_recorded(CONSTANTS, &|slice| Some(u8::from(slice != 60 * 288))));
    assert!(!is_recorded(CONSTANTS, &|slice| (slice != 60 * 288).then_some(1)));
    assert!(!is_recorded(CONSTANTS, &|slice| (slice < 30 * 288).then_some(1)));
    // What was before the window does not matter, and what is not known now does.
    assert!(is_recorded(CONSTANTS, &|slice| Some(u8::from(slice < 90 * 288))));
    assert!(!is_recorded(CONSTANTS, &|slice| (slice > 0).then_some(1)));
    // The rules that are loaded are others.
    assert!(!is_recorded(&CONSTANTS.replace("resume_at:seconds 600", "resume_at:seconds 300"), &|_| Some(1)));
    assert!(!is_recorded(&CONSTANTS.replace("ratio 0.999", "ratio 0.99"), &|_| Some(1)));
    assert!(!is_recorded(&CONSTANTS.replace("slo:coverage:ratio 1\n", ""), &|_| Some(1)));
}
