//! The same numbers: what the embedded history makes of runs is what the generated rules make of them.
//!
//! Random spells of runs, failures, silence and of the service being down go through a real history on disk, opened and
//! closed as often as the service is, and as increments through the rules on Prometheus's engine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use burndown::history::{History, SloKey, Storage};
use burndown::probe::outcome::{Outcome, Phases, Reason, Verdict};
use burndown::probe::{ProbeKey, Recorder};
use burndown::slo::budget::Slice;
use burndown::slo::{Plan, SloPlan};
use burndown::spec;
use burndown::spec::model::Sli;

use crate::differential::{Expected, differing, expected, in_order, values};
use crate::support::burndown::run;
use crate::support::clock::TestClock;
use crate::support::promtool::test_rules;
use crate::support::random::Random;

const STEPS: usize = 2 * 288 + 150;
const STEP: i64 = 300;

/// A whole number of slices of Unix time, at which step 0 ends.
const BASE: i64 = 1_700_000_100;

/// Intervals of the probes in steps: as long as a slice, and longer than one.
const INTERVALS: [usize; 6] = [1, 1, 2, 3, 6, 12];

fn slo_file() -> String {
    let mut text = "version: burndown/v1\nservice: shop\nwindow: 2d\n\
         rules: {interval: 5m, delay: 5m, lookback: 15m}\n\
         gate: {close_at: 5%, resume_at: 40%, on_unknown: hold}\n\
         alerting: {page: {disable: true}, ticket: {disable: true}}\nprobes:\n"
        .to_owned();
    for (at, interval) in INTERVALS.iter().enumerate() {
        let minutes = interval * 5;
        let _ = writeln!(
            text,
            "  - {{name: p{at}, interval: {minutes}m, timeout: 10s, http: {{url: 'http://localhost/'}}}}"
        );
    }
    text.push_str("slos:\n");
    for at in 0..INTERVALS.len() {
        let _ = writeln!(text, "  - {{name: s{at}, objective: 90, sli: {{probe: p{at}}}}}");
    }
    text
}

/// Bad and all runs of a probe in one step.
type Runs = (u32, u32);

/// What happens: nothing where the service is down, else the runs of every probe.
fn events(random: &mut Random) -> Vec<Option<Vec<Runs>>> {
    let mut events = vec![None];
    while events.len() < STEPS {
        if random.happens(1, 6) {
            let longest = if random.happens(1, 8) { 300 } else { 30 };
            let down = random.between(1, longest);
            events.extend((0..down).map(|_| None));
            continue;
        }
        let up = random.between(5, 90);
        // A probe works, fails, fails now and then, or is not run at all.
        let moods: Vec<u64> = INTERVALS.iter().map(|_| random.below(8)).collect();
        for _ in 0..up {
            let step = events.len();
            let runs = INTERVALS.iter().zip(&moods).map(|(interval, mood)| {
                if !step.is_multiple_of(*interval) || *mood == 0 {
                    return (0, 0);
                }
                let total = u32::try_from(random.between(1, 3)).unwrap();
                let is_bad = *mood == 1 || (*mood == 2 && random.happens(1, 3));
                (if is_bad { total } else { 0 }, total)
            });
            events.push(Some(runs.collect()));
        }
    }
    events.truncate(STEPS);
    events
}

fn outcome(bad: bool) -> Outcome {
    let verdict = match bad {
        true => Verdict::Failed { reason: Reason::Status, detail: String::new() },
        false => Verdict::Success,
    };
    Outcome {
        verdict,
        duration: Duration::ZERO,
        phases: Phases::default(),
        tls_not_after: None,
        steps: Vec::new(),
        redirects: Vec::new(),
        excerpt: None,
    }
}

/// Records everything and returns the slices of every SLO, as the slow rules see them: a step later, from 0 on.
fn through_the_history(
    fleet: &spec::model::Fleet,
    plans: &[&SloPlan],
    events: &[Option<Vec<Runs>>],
) -> Vec<Vec<Slice>> {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::at(BASE));
    let open = || Storage::open_at(directory.path(), fleet, Arc::clone(&clock) as _).unwrap();
    let mut storage = Some(open());
    for (step, what) in events.iter().enumerate().skip(1) {
        // Runs of a step take place at its start, so that the first one of all begins a slice.
        let start = BASE + (i64::try_from(step).unwrap() - 1) * STEP;
        clock.move_to(start);
        let Some(runs) = what else {
            drop(storage.take());
            continue;
        };
        let storage = storage.get_or_insert_with(open);
        for (plan, (bad, total)) in plans.iter().zip(runs) {
            let Sli::Probe { probe, .. } = &plan.slo.sli else { panic!("only probes") };
            let key = ProbeKey { service: plan.slo.service.clone(), probe: probe.clone() };
            for run in 0..*total {
                storage.record(&key, &outcome(run < *bad), start * 1_000);
            }
        }
    }
    clock.move_to(BASE + i64::try_from(STEPS - 1).unwrap() * STEP);
    let storage = storage.unwrap_or_else(open);
    storage.flush(Duration::from_secs(10));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let read = |plan: &&SloPlan| {
        let key = SloKey::of(&plan.slo);
        assert_eq!(storage.slice(&key), burndown::units::Duration::from_mins(5));
        let groups = runtime.block_on(storage.groups(&key, 0, i64::MAX / 2)).unwrap();
        groups
            .into_iter()
            .flat_map(|group| group.slices)
            .map(|slice| Slice { end: slice.events.end - BASE + STEP, ..slice.events })
            .collect()
    };
    plans.iter().map(read).collect()
}

#[test]
fn budget_ratio_coverage_and_gate_are_those_of_the_rules() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.yaml");
    fs::write(&file, slo_file()).unwrap();
    let arguments = ["generate".as_ref(), file.as_os_str(), "--only=rules".as_ref(), "-o".as_ref()];
    let finished = run(arguments.into_iter().chain([directory.path().as_os_str()]));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    // The increments are fed, so their own rules stay out.
    let fast = directory.path().join("rules/shop.fast.yaml");
    let rules = fs::read_to_string(&fast).unwrap();
    let is_increment = |rule: &&str| {
        ["record: slo:sli_total:increase\n", "record: slo:sli_bad:increase\n"].iter().any(|head| rule.starts_with(head))
    };
    let others: Vec<&str> = rules.split("\n  - ").filter(|rule| !is_increment(rule)).collect();
    assert_eq!(rules.matches("\n  - ").count() + 1, others.len() + 2 * INTERVALS.len());
    fs::write(&fast, others.join("\n  - ")).unwrap();
    let order = in_order(directory.path());

    let fleet = spec::load(&[file]).fleet;
    let (plan, _) = Plan::of(&fleet);
    let plans: Vec<&SloPlan> = plan.slos().collect();
    let events = events(&mut Random::new(1));
    let slices = through_the_history(&fleet, &plans, &events);

    let mut text = String::from("rule_files: [rules/shop.fast.yaml, rules/shop.slow.yaml]\nevaluation_interval: 5m\n");
    let _ = writeln!(text, "group_eval_order: {order:?}\ntests:\n- interval: 5m\n  input_series:");
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, (plan, slices)) in plans.iter().zip(&slices).enumerate() {
        let own = format!("{{slo_service=\"shop\",slo=\"{}\"}}", plan.slo.name);
        let mut feed = |series: &str, of: String| {
            let _ = writeln!(text, "  - {{series: '{series}{own}', values: '{of}'}}");
        };
        let counts = |pick: fn(Runs) -> u32| values(events.iter().map(|what| Some(pick(what.as_ref()?[at]).into())));
        feed("slo:sli_total:increase", counts(|(_, total)| total));
        feed("slo:sli_bad:increase", counts(|(bad, _)| bad));
        let steps = expected(plan, slices, STEPS, &[]);
        let series = |pick: fn(&Expected) -> Option<f64>| values(steps.iter().map(pick));
        feed("expected_ratio", series(|step| step.ratio));
        feed("expected_remaining", series(|step| step.remaining));
        feed("expected_coverage", series(|step| step.coverage));
        feed("expected_latch", series(|step| step.latch));
        // An SLO of which nothing is known has an answer, too.
        feed("expected_answer", series(|step| step.answer.or(Some(0.0))));
        let mut count = |what, is_so: bool| *seen.entry(what).or_default() += usize::from(is_so);
        count("closed", steps.iter().any(|step| step.latch == Some(0.0)));
        count("open", steps.iter().any(|step| step.latch == Some(1.0)));
        count("unknown", steps.iter().any(|step| step.remaining.is_some() && step.latch.is_none()));
        count("observed without a run", slices.iter().any(|slice| slice.total == 0.0));
    }
    for what in ["closed", "open", "unknown", "observed without a run"] {
        assert!(seen[what] > 0, "nothing is {what}: {seen:?}");
    }
    let checks = [
        differing("slo:sli_error:ratio_rate2d", "ratio", "slo"),
        differing("slo:error_budget_remaining:seconds", "remaining", "slo"),
        differing("slo:coverage:ratio", "coverage", "slo"),
        differing("slo:deploy_gate_latch:open", "latch", "slo"),
        differing("slo:deploy_gate:open", "answer", "slo"),
    ];
    text.push_str("  promql_expr_test:\n");
    for step in (2..STEPS).filter(|step| step % 11 == 0 || *step < 20) {
        for check in &checks {
            let minutes = step * 5;
            let _ = writeln!(
                text,
                "  - {{expr: '{check}', eval_time: {minutes}m, exp_samples: [{{labels: '{{}}', value: 0}}]}}"
            );
        }
    }
    let test = directory.path().join("test.yaml");
    fs::write(&test, text).unwrap();
    let judged = test_rules(&test);
    let output: String = judged.output.lines().take(40).collect::<Vec<_>>().join("\n");
    assert!(judged.passed, "{output}");
}
