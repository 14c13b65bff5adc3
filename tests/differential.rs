//! One mathematics: the same random histories through `src/slo` and through the generated rules on Prometheus's engine.
//!
//! A history is made of spells: good events, an outage, idle (observed, no events), missing (not observed); some begin
//! late. The rules run every five minutes in both tiers, so that one increment is one slice, a step later. What they
//! must record at every step, and which alerts must fire, is computed by `src/slo` alone and fed beside the increments
//! as series of its own; promtool then only compares.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use burndown::slo::budget::{self, Slice, State};
use burndown::slo::correction::{self, Correction};
use burndown::slo::gate::{self, Held, Latch, Thresholds};
use burndown::slo::window::{Pair, Tier};
use burndown::slo::{Plan, SloPlan};
use burndown::spec;
use burndown::spec::model::OnUnknown;
use burndown::units::Duration;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::support::burndown::run;
use crate::support::promtool::test_rules;

/// Steps of five minutes: a window of two days, and one more.
const STEPS: usize = 3 * 288;
const STEP: i64 = 300;

/// Histories of each SLO.
const HISTORIES: usize = 50;

/// Bad and total events of each step, where there was anything to observe.
type History = Vec<Option<(u32, u32)>>;

const SLO_FILE: &str = r"version: burndown/v1
service: shop
window: 2d
rules: {interval: 5m, delay: 5m, lookback: 15m}
gate: {close_at: 5%, resume_at: 40%, GATE}
alerting:
  windows:
    - {severity: page, long: 1h, short: 15m, factor: 14.4}
    - {severity: page, long: 6h, short: 30m, factor: 6}
    - {severity: ticket, long: 12h, short: 2h, factor: 3}
    - {severity: ticket, long: 1d, short: 6h, factor: 1}
slos:
  - name: requests
    objective: OBJECTIVE
    sli: {events: {bad: errors_total, total: requests_total, by: [history]}}
";

/// A spell: what every step of it holds, and how many steps it lasts.
fn spell() -> impl Strategy<Value = (Option<(u32, u32)>, usize)> {
    let good = (1u32..50).prop_map(|total| Some((0, total)));
    let outage = (1u32..50, 1u32..=100).prop_map(|(total, percent)| Some(((total * percent).div_ceil(100), total)));
    let what = prop_oneof![5 => good, 3 => outage, 1 => Just(Some((0, 0))), 2 => Just(None)];
    let lasting = prop_oneof![6 => 1usize..6, 4 => 6usize..60, 1 => 250usize..330];
    (what, lasting)
}

fn history() -> impl Strategy<Value = History> {
    let late = prop_oneof![3 => Just(0), 1 => 1..STEPS - 60];
    (late, prop::collection::vec(spell(), 40..80)).prop_map(|(late, spells)| {
        let steady = std::iter::repeat((Some((0, 20)), 1));
        let spells = std::iter::once((None, late)).chain(spells).chain(steady);
        spells.flat_map(|(what, lasting)| std::iter::repeat_n(what, lasting)).take(STEPS).collect()
    })
}

/// What somebody takes out of a budget, and takes back or not.
fn corrections() -> impl Strategy<Value = Vec<Correction>> {
    let steps = i64::try_from(STEPS).unwrap();
    let withdrawn = prop::option::of(0..steps * STEP);
    let one = (0..steps * STEP, 1..80 * STEP, 0..steps * STEP, withdrawn);
    let one =
        one.prop_map(|(from, length, said, withdrawn)| Correction { from, until: from + length, said, withdrawn });
    prop::collection::vec(one, 0..4)
}

/// What the rules must record at one step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) ratio: Option<f64>,
    pub(crate) remaining: Option<f64>,
    net: Option<f64>,
    /// What a service says that keeps the audit: it says so before anything is recorded.
    corrected: Option<f64>,
    pub(crate) coverage: Option<f64>,
    pub(crate) latch: Option<f64>,
    pub(crate) answer: Option<f64>,
}

/// A recorded value, and its name among the expected series.
type Part = (&'static str, fn(&Expected) -> Option<f64>);

/// The slices of a history: `lag` steps later than its increments.
fn slices(history: &History, lag: i64) -> Vec<Slice> {
    let at = |step: usize| (i64::try_from(step).unwrap() + lag) * STEP;
    let counted = history.iter().enumerate().filter_map(|(step, what)| Some((step, (*what)?)));
    counted.map(|(step, (bad, total))| Slice { end: at(step), bad: bad.into(), total: total.into() }).collect()
}

fn slice() -> Duration {
    Duration::from_mins(5)
}

/// What `src/slo` says of the slices that the slow rules see, at each of so many steps.
pub(crate) fn expected(plan: &SloPlan, slices: &[Slice], steps: usize, corrections: &[Correction]) -> Vec<Expected> {
    let window = plan.slo.window;
    let thresholds = Thresholds::of(plan);
    let mut held: Option<Held> = None;
    let steps = (0..steps).map(|step| {
        let now = i64::try_from(step).unwrap() * STEP;
        let tally = budget::tally(slices, window, slice(), now);
        let budget = budget::budget(plan.slo.objective, window, slice(), &tally, now);
        let excused = correction::in_window(slices, slice(), window, corrections, (now, now));
        let corrected = budget::spike_seconds(excused, &tally);
        let budget = budget.corrected_by(corrected);
        let mut expected = Expected { corrected: Some(corrected), ..Expected::default() };
        let Some(newest) = tally.newest else { return expected };
        // A group unseen for a day retires: it leaves every series.
        if now - newest < 86_400 {
            expected.coverage = Some(budget.coverage);
            expected.ratio = Some(budget.error_ratio);
            expected.remaining = Some(budget.remaining);
            expected.net = Some(budget.net());
            expected.answer = Some(f64::from(u8::from(plan.slo.gate.on_unknown == OnUnknown::Allow)));
        }
        if budget.state == State::Known {
            let after = gate::step(held, budget.net(), &thresholds);
            expected.latch = Some(f64::from(u8::from(after.latch == Latch::Open)));
            held = Some(after);
            expected.answer = expected.latch;
        }
        expected
    });
    steps.collect()
}

/// Whether a pair fires at every step, as `src/slo` counts its windows.
fn fires(plan: &SloPlan, pair: &Pair, history: &History) -> Vec<Option<f64>> {
    let fast = plan.ratio_windows(Tier::Fast);
    let of_window = |window: Duration| slices(history, i64::from(!fast.contains(&window)));
    let (of_long, of_short) = (of_window(pair.long), of_window(pair.short));
    let over = |slices: &[Slice], window: Duration, now: i64| {
        let tally = budget::tally(slices, window, slice(), now);
        (budget::budget(plan.slo.objective, window, slice(), &tally, now).error_ratio, tally.bad)
    };
    let threshold = budget::to_f64(pair.threshold);
    let steps = (0..STEPS).map(|step| {
        let now = i64::try_from(step).unwrap() * STEP;
        let ((long, bad), (short, _)) = (over(&of_long, pair.long, now), over(&of_short, pair.short, now));
        (long > threshold && short > threshold && bad >= 2.0).then_some(1.0)
    });
    steps.collect()
}

/// Values in promtool's notation. A series that ends is ended by a staleness marker, as the rules end theirs.
pub(crate) fn values(values: impl IntoIterator<Item = Option<f64>>) -> String {
    let mut text = String::new();
    let mut was_there = false;
    for value in values {
        match value {
            Some(value) => write!(text, "{value} ").unwrap(),
            None if was_there => text.push_str("stale "),
            None => text.push_str("_ "),
        }
        was_there = value.is_some();
    }
    text
}

/// Counts the histories in which two series differ, or only one of them is there.
pub(crate) fn differing(recorded: &str, expected: &str, by: &str) -> String {
    let (expected, on) = (format!("expected_{expected}"), format!("on ({by})"));
    format!(
        "count((abs({recorded} - {on} {expected}) > 0.000001) or {on} ({recorded} unless {on} {expected}) \
         or {on} ({expected} unless {on} {recorded})) or vector(0)"
    )
}

/// Gives the groups of the slow file names of their own and returns all names, fast before slow.
///
/// Both tiers are evaluated at the same moment here, and promtool takes groups in random order unless it is told one;
/// then a ticket's alert would now and then read the short window of the step before.
pub(crate) fn in_order(directory: &Path) -> Vec<String> {
    const GROUP: &str = "\n- name: ";
    let mut order = Vec::new();
    for (file, suffix) in [("rules/shop.fast.yaml", ""), ("rules/shop.slow.yaml", "/slow")] {
        let path = directory.join(file);
        let text = fs::read_to_string(&path).unwrap();
        let (head, groups) = text.split_once(GROUP).unwrap();
        let renamed: Vec<String> = groups
            .split(GROUP)
            .map(|group| {
                let (name, rules) = group.split_once('\n').unwrap();
                order.push(format!("{name}{suffix}"));
                format!("{name}{suffix}\n{rules}")
            })
            .collect();
        fs::write(&path, [head.to_owned()].into_iter().chain(renamed).collect::<Vec<_>>().join(GROUP)).unwrap();
    }
    order
}

/// Runs a batch of histories through rules and mathematics.
fn assert_agree(objective: &str, gate: &str, seed_skip: usize) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.yaml");
    fs::write(&file, SLO_FILE.replace("OBJECTIVE", objective).replace("GATE", gate)).unwrap();
    let finished = run([
        "generate".as_ref(),
        file.as_os_str(),
        "--only=rules".as_ref(),
        "-o".as_ref(),
        directory.path().as_os_str(),
    ]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    // The increments are fed, so their own rules, which would fill them from counters, stay out.
    let fast = directory.path().join("rules/shop.fast.yaml");
    let rules = fs::read_to_string(&fast).unwrap();
    let is_increment = |rule: &&str| {
        ["record: slo:sli_total:increase\n", "record: slo:sli_bad:increase\n"].iter().any(|head| rule.starts_with(head))
    };
    let others: Vec<&str> = rules.split("\n  - ").filter(|rule| !is_increment(rule)).collect();
    assert_eq!(rules.matches("\n  - ").count(), others.len() + 1);
    fs::write(&fast, others.join("\n  - ")).unwrap();
    let order = in_order(directory.path());
    let (plan, _) = Plan::of(&spec::load(&[file]).fleet);
    let plan = plan.slos().next().unwrap();

    let mut runner = TestRunner::deterministic();
    let mut draw = || history().new_tree(&mut runner).unwrap().current();
    let mut histories: Vec<History> = (0..seed_skip + HISTORIES).map(|_| draw()).skip(seed_skip).collect();
    let mut corrections_of: Vec<_> =
        histories.iter().map(|_| corrections().new_tree(&mut runner).unwrap().current()).collect();
    corrections_of.push(Vec::new());
    // One that never ends, so that the answer for the whole SLO is never needed.
    histories.push(vec![Some((0, 10)); STEPS]);

    let mut text = String::from("rule_files: [rules/shop.fast.yaml, rules/shop.slow.yaml]\nevaluation_interval: 5m\n");
    let _ = writeln!(text, "group_eval_order: {order:?}");
    text.push_str("tests:\n- interval: 5m\n  input_series:\n");
    let mut feed = |series: String, of: String| {
        let _ = writeln!(text, "  - {{series: '{series}', values: '{of}'}}");
    };
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for ((at, history), corrections) in histories.iter().enumerate().zip(&corrections_of) {
        let recorded = format!("{{slo_service=\"shop\",slo=\"requests\",history=\"{at}\"}}");
        let counts = |pick: fn((u32, u32)) -> u32| values(history.iter().map(|what| Some(pick((*what)?).into())));
        feed(format!("slo:sli_total:increase{recorded}"), counts(|(_, total)| total));
        feed(format!("slo:sli_bad:increase{recorded}"), counts(|(bad, _)| bad));
        let steps = expected(plan, &slices(history, 1), STEPS, corrections);
        let scraped = format!("{{slo_service=\"shop\",slo=\"requests\",slo_group_history=\"{at}\",instance=\"i:1\"}}");
        feed(format!("slo_error_budget_corrected_seconds{scraped}"), values(steps.iter().map(|step| step.corrected)));
        let own = format!("{{history=\"{at}\"}}");
        let parts: [Part; 6] = [
            ("ratio", |step| step.ratio),
            ("remaining", |step| step.remaining),
            ("net", |step| step.net),
            ("coverage", |step| step.coverage),
            ("latch", |step| step.latch),
            ("answer", |step| step.answer),
        ];
        for (name, pick) in parts {
            feed(format!("expected_{name}{own}"), values(steps.iter().map(pick)));
        }
        *seen.entry("closed").or_default() += usize::from(steps.iter().any(|step| step.latch == Some(0.0)));
        let corrected = steps.iter().any(|step| step.net > step.remaining);
        *seen.entry("corrected").or_default() += usize::from(corrected);
        let plain = expected(plan, &slices(history, 1), STEPS, &[]);
        let decides = steps.iter().zip(&plain).any(|(step, plain)| step.latch != plain.latch);
        *seen.entry("decided by the net").or_default() += usize::from(decides);
        let reopens = steps.windows(2).any(|pair| pair[0].latch == Some(0.0) && pair[1].latch == Some(1.0));
        *seen.entry("reopened").or_default() += usize::from(reopens);
        let unknown = steps.iter().any(|step| step.remaining.is_some() && step.latch.is_none());
        *seen.entry("unknown").or_default() += usize::from(unknown);
        let retired = steps.windows(2).any(|pair| pair[0].remaining.is_some() && pair[1].remaining.is_none());
        *seen.entry("retired").or_default() += usize::from(retired);
        for pair in &plan.pairs {
            let firing = fires(plan, pair, history);
            *seen.entry("fired").or_default() += usize::from(firing.iter().any(Option::is_some));
            let own = format!("{{history=\"{at}\",long_window=\"{}\"}}", pair.long);
            feed(format!("expected_firing{own}"), values(firing));
        }
    }
    for what in ["closed", "reopened", "unknown", "retired", "fired", "corrected", "decided by the net"] {
        assert!(seen[what] > 0, "no history {what}: they prove little, {seen:?}");
    }

    let firing = r#"ALERTS{alertname="ErrorBudgetBurn",alertstate="firing"}"#;
    let on = "unless on (history, long_window)";
    let checks = [
        differing("slo:sli_error:ratio_rate2d", "ratio", "history"),
        differing("slo:error_budget_remaining:seconds", "remaining", "history"),
        differing("slo:error_budget_net_remaining:seconds", "net", "history"),
        differing("slo:coverage:ratio", "coverage", "history"),
        differing("slo:deploy_gate_latch:open", "latch", "history"),
        differing("slo:deploy_gate:open", "answer", "history"),
        format!("count(({firing} {on} expected_firing) or (expected_firing {on} {firing})) or vector(0)"),
    ];
    text.push_str("  promql_expr_test:\n");
    for step in (2..STEPS).filter(|step| step % 7 == 0 || *step < 20) {
        for check in &checks {
            let _ = writeln!(
                text,
                "  - {{expr: '{check}', eval_time: {}m, exp_samples: [{{labels: '{{}}', value: 0}}]}}",
                step * 5
            );
        }
    }
    let test = directory.path().join("test.yaml");
    fs::write(&test, text).unwrap();
    let judged = test_rules(&test);
    let output: String = judged.output.lines().take(40).collect::<Vec<_>>().join("\n");
    assert!(judged.passed, "{output}");
}

#[test]
fn rules_and_mathematics_agree_where_the_unknown_holds() {
    assert_agree("99.9", "on_unknown: hold", 0);
}

#[test]
fn rules_and_mathematics_agree_where_the_unknown_is_allowed() {
    assert_agree("95", "on_unknown: allow", HISTORIES);
}

#[test]
fn rules_and_mathematics_agree_where_the_gate_opens_from_the_lowest_point() {
    assert_agree("99", "resume: from_trough", 2 * HISTORIES);
}
