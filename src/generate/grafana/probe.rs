//! The page of one probe, over the metrics of the probe service itself. It shows a day, since these are raw series.

use rust_decimal::Decimal;

use super::annotations::Annotations;
use super::dashboard::{Dashboard, Page};
use super::layout::{Layout, Placed};
use super::panel::{Panel, Property};
use super::query::{self, RANGE, RATE, Scope, by};
use super::target::Target;
use super::thresholds::{Mapping, Thresholds};
use super::units::Unit;
use super::variables::Variable;
use super::{Set, palette};
use crate::names::{Metric, label};
use crate::promql::build::{Expr, Operator, Series, call};
use crate::units::Duration;

/// What the page shows at first, and the longest that raw series should be read over.
const SHOWN: &str = "24h";

/// The variable for the least time between two points: several runs should fall between them.
const RESOLUTION: &str = "$resolution";

/// What can be chosen for it.
const RESOLUTIONS: [(&str, Duration); 5] = [
    ("1m", Duration::from_mins(1)),
    ("5m", Duration::from_mins(5)),
    ("15m", Duration::from_mins(15)),
    ("30m", Duration::from_mins(30)),
    ("1h", Duration::from_hours(1)),
];

/// How many runs there should be between two points.
const RUNS: u64 = 3;

/// Days before its end that a certificate is worth a ticket, as the alert has it, and that it is urgent.
const CERTIFICATE_DAYS: (f64, f64) = (14.0, 3.0);

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The page of a probe; none if no SLO counts a probe.
pub(super) fn page(set: &Set<'_>) -> Option<Dashboard> {
    let slowest = set.plans.iter().filter_map(|plan| plan.slo.sli.probe_interval()).max()?;
    let probe = Metric::ProbeTimeout.name();
    let of_service = format!("{probe}{{{}=\"$service\"}}", label::SERVICE);
    let of_probe = format!("{probe}{{{}=\"$service\",{}=\"$probe\"}}", label::SERVICE, label::PROBE);
    Some(Dashboard::from(Page {
        uid: format!("{}-probe", set.options.uid_prefix),
        title: "SLO probe".to_owned(),
        about: "One probe: whether it succeeds, how long it takes, and why it fails.",
        tags: set.tags(),
        range: SHOWN.to_owned(),
        refresh: "1m",
        variables: vec![
            set.datasource(),
            Variable::one_of("service", "Service", probe, label::SERVICE),
            Variable::one_of("probe", "Probe", &of_service, label::PROBE),
            Variable::some_of("location", "Location", &of_probe, label::LOCATION),
            Variable::choice("resolution", "Resolution", &RESOLUTIONS.map(|(word, _)| word), resolution(slowest)),
        ],
        annotations: Annotations::of(&Scope::service()),
        links: set.links(),
        panels: panels(),
    }))
}

/// The finest resolution at which there are several runs of the slowest probe between two points.
fn resolution(slowest: Duration) -> &'static str {
    let needed = slowest.times(RUNS);
    let fitting = RESOLUTIONS.iter().find(|(_, time)| *time >= needed);
    fitting.or(RESOLUTIONS.last()).map_or("5m", |(word, _)| word)
}

fn panels() -> Vec<Placed> {
    let layout = Layout::default()
        .panel(4, 4, last_run())
        .panel(4, 4, age())
        .panel(4, 4, success())
        .panel(4, 4, slow())
        .panel(4, 4, skipped())
        .panel(4, 4, certificate())
        .heading("Verdicts")
        .panel(24, 5, verdicts())
        .panel(12, 8, success_over_time())
        .panel(12, 8, failures())
        .heading("Durations")
        .panel(12, 8, quantiles())
        .panel(12, 8, heatmap())
        .panel(24, 8, phases())
        .heading("Steps of a journey")
        .panel(12, 8, step_durations())
        .panel(12, 8, step_failures());
    layout.finish()
}

/// A metric of the chosen probe.
fn metric(metric: Metric) -> Series {
    named(metric.name())
}

fn named(name: &str) -> Series {
    let (service, probe, location) = (label::SERVICE, label::PROBE, label::LOCATION);
    Series::new(format!("{name}{{{service}=\"$service\",{probe}=\"$probe\",{location}=~\"$location\"}}"))
}

/// Runs or steps that were counted in some time.
fn counted(counter: Metric, time: &'static str) -> Expr {
    call("increase", [metric(counter).range_variable(time).into()])
}

/// The share of runs that succeeded in some time.
fn succeeded(time: &'static str) -> Expr {
    let runs = query::all("sum", counted(Metric::ProbeAttempts, time));
    query::all("sum", counted(Metric::ProbeSuccesses, time)).join(Operator::Divide, runs)
}

/// A quantile of durations in some time.
fn quantile(hundredths: i64, function: &'static str, time: &'static str) -> Expr {
    let buckets = named(&format!("{}_bucket", Metric::ProbeDuration.name())).range_variable(time);
    let buckets = by("sum", &[label::LE], call(function, [buckets.into()]));
    call("histogram_quantile", [Expr::from(Decimal::new(hundredths, 2)), buckets])
}

fn last_run() -> Panel {
    Panel::stat(
        "Last run",
        "The verdict of the newest run, of the worst location. A single failure is no outage; look below for whether it \
         goes on.",
        Unit::Number,
    )
    .mappings(Mapping::verdict())
    .thresholds(Thresholds::always(palette::UNKNOWN))
    .query(Target::instant(&query::all("min", metric(Metric::ProbeSuccess).into()), "last run"))
}

fn age() -> Panel {
    let oldest = query::all("min", metric(Metric::ProbeLastRun).into());
    Panel::stat(
        "Since the last run",
        "How long ago the newest run ended, of the location that is silent for longest. Much more than the interval of \
         the probe means that it does not run: look at the probe service and its log.",
        Unit::Seconds,
    )
    .decimals(0)
    .query(Target::instant(&call("time", []).join(Operator::Subtract, oldest), "ago"))
}

fn success() -> Panel {
    Panel::stat(
        "Succeeded",
        "The share of runs that succeeded in the time that the page shows. What it means for a promise, the page of the \
         SLO says.",
        Unit::Ratio,
    )
    .decimals(2)
    .query(Target::instant(&succeeded(RANGE), "succeeded"))
}

fn slow() -> Panel {
    Panel::stat(
        "95 of 100 runs took at most",
        "The duration that 95 % of the runs in the time that the page shows stayed below. If it comes near the timeout \
         or `within`, the probe will fail before anything is down.",
        Unit::Seconds,
    )
    .decimals(2)
    .query(Target::instant(&quantile(95, "increase", RANGE), "95 %"))
}

fn skipped() -> Panel {
    Panel::stat(
        "Runs skipped",
        "Runs that did not take place or do not count, in the time that the page shows: the one before had not ended, or \
         the probe service was at fault. They say nothing of the target; run it less often, or read the log.",
        Unit::Count,
    )
    .decimals(0)
    .thresholds(Thresholds::always(palette::GOOD).then(1.0, palette::LOW))
    .query(Target::instant(&query::all("sum", counted(Metric::ProbeSkipped, RANGE)), "skipped"))
}

fn certificate() -> Panel {
    let (soon, urgent) = CERTIFICATE_DAYS;
    let left = Expr::from(metric(Metric::ProbeTlsNotAfter)).join(Operator::Subtract, call("time", []));
    let days = query::all("min", left).join(Operator::Divide, query::number(DAY));
    Panel::stat(
        "Certificate: days left",
        "Days until the first certificate that the server presents ends. Two weeks before, a ticket is opened: renew it \
         then, since users see an error page from that moment on.",
        Unit::Number,
    )
    .decimals(1)
    .no_value("no certificate")
    .thresholds(Thresholds::always(palette::SPENT).then(urgent, palette::LOW).then(soon, palette::GOOD))
    .query(Target::instant(&days, "days"))
}

fn verdicts() -> Panel {
    let worst = call("min_over_time", [metric(Metric::ProbeSuccess).range_variable(query::STEP).into()]);
    let legend = format!("run {{{{{}}}}}", label::LOCATION);
    Panel::timeline(
        "Verdicts",
        "Whether runs succeeded, by location; between two points the worst of them. One location alone points to its \
         network, all of them to the target.",
        Mapping::verdict(),
    )
    .interval("1m")
    .query(Target::over_time(&by("min", &[label::LOCATION], worst), &legend))
}

fn success_over_time() -> Panel {
    Panel::graph(
        "Succeeded over time",
        "The share of runs that succeeded. If a graph has gaps, choose a coarser resolution: there were no runs between \
         two points.",
        Unit::Ratio,
    )
    .decimals(1)
    .min(0.0)
    .max(1.0)
    .interval(RESOLUTION)
    .query(Target::over_time(&succeeded(RATE), "succeeded"))
    .series("succeeded", vec![Property::color(palette::PLAIN)])
}

fn failures() -> Panel {
    let some = by("sum", &[label::REASON], counted(Metric::ProbeFailures, RATE));
    let skipped = by("sum", &[label::REASON], counted(Metric::ProbeSkipped, RATE));
    let legend = |word: &str| format!("{word} {{{{{}}}}}", label::REASON);
    Panel::bars(
        "Failures by reason",
        "Why runs failed or were skipped. `resolve`, `connect` and `tls` point to the network, `timeout` and `too_slow` \
         to load, `status` and `body` to the application.",
        Unit::Count,
    )
    .decimals(1)
    .interval(RESOLUTION)
    .no_value("nothing failed")
    .query(Target::over_time(&some.join(Operator::Greater, query::number(0)), &legend("failed:")))
    .query(Target::over_time(&skipped.join(Operator::Greater, query::number(0)), &legend("skipped:")))
}

fn quantiles() -> Panel {
    let timeout = query::all("max", metric(Metric::ProbeTimeout).into());
    let panel = Panel::graph(
        "Durations",
        "What half, 90 % and 99 % of the runs stayed below, beside the timeout. If the upper lines rise alone, some runs \
         wait for something; if all rise, everything is slower. Quantiles are as exact as the buckets below.",
        Unit::Seconds,
    )
    .decimals(2)
    .min(0.0)
    .interval(RESOLUTION);
    [(50, "50 %"), (90, "90 %"), (99, "99 %")]
        .into_iter()
        .fold(panel, |panel, (hundredths, legend)| {
            panel.query(Target::over_time(&quantile(hundredths, "rate", RATE), legend))
        })
        .query(Target::over_time(&timeout, "timeout"))
        .series("timeout", Property::guide(palette::SPENT))
}

fn heatmap() -> Panel {
    let buckets = named(&format!("{}_bucket", Metric::ProbeDuration.name())).range_variable(RATE);
    let buckets = by("sum", &[label::LE], call("increase", [buckets.into()]));
    Panel::heatmap(
        "Runs by duration",
        "How many runs took how long. Two bands mean two kinds of answers, such as one from a cache; a new band at the \
         timeout is an outage.",
    )
    .interval(RESOLUTION)
    .query(Target::heatmap(&buckets))
}

fn phases() -> Panel {
    let phases = call("avg_over_time", [metric(Metric::ProbePhaseDuration).range_variable(RATE).into()]);
    Panel::bars(
        "Phases",
        "Where the time of a run goes. `resolve` and `connect` are the network, `tls` the handshake, `processing` the \
         application until its first byte, `transfer` the body. Ask whoever owns the phase that grew.",
        Unit::Seconds,
    )
    .decimals(3)
    .interval(RESOLUTION)
    .no_value("a journey has steps instead")
    .query(Target::over_time(&by("avg", &[label::PHASE], phases), &format!("{{{{{}}}}}", label::PHASE)))
}

fn step_durations() -> Panel {
    let steps = call("avg_over_time", [metric(Metric::StepDuration).range_variable(RATE).into()]);
    Panel::bars(
        "Durations of steps",
        "How long each step of a journey takes. The step that grew is where to look.",
        Unit::Seconds,
    )
    .decimals(1)
    .interval(RESOLUTION)
    .no_value("no journey")
    .query(Target::over_time(&by("avg", &[label::STEP], steps), &format!("{{{{{}}}}}", label::STEP)))
}

fn step_failures() -> Panel {
    let failed = by("sum", &[label::STEP, label::REASON], counted(Metric::StepFailures, RATE));
    let not_reached = by("sum", &[label::STEP], counted(Metric::StepNotReached, RATE));
    let failed_legend = format!("failed: {{{{{}}}}} {{{{{}}}}}", label::STEP, label::REASON);
    Panel::bars(
        "Steps that failed",
        "Which step failed and why, and which were not reached because of it. Repair the first that failed.",
        Unit::Count,
    )
    .decimals(1)
    .interval(RESOLUTION)
    .no_value("no step failed")
    .query(Target::over_time(&failed.join(Operator::Greater, query::number(0)), &failed_legend))
    .query(Target::over_time(
        &not_reached.join(Operator::Greater, query::number(0)),
        &format!("not reached: {{{{{}}}}}", label::STEP),
    ))
}
