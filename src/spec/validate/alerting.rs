//! `alerting`: how burn-rate alerts behave. A file sets it for all its SLOs, and each SLO may override it field
//! by field.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::diag::{Code, Diagnostic, Span};
use crate::names::label;
use crate::units::{Duration, LabelName};

use super::super::model::{AlertMeta, Alerting, BurnSpeed, RuleTiming, Severity, WindowPair};
use super::super::raw::Node;
use super::super::read::{Complaint, Fields, Reader, quoted};
use super::{gate, labels};

/// Ratios over windows up to this are evaluated by the fast group, from increments; longer ones by the slow
/// group, from 5-minute sums.
const LONGEST_FAST_WINDOW: Duration = Duration::from_hours(6);

/// The length of the sums of the slow group.
const SLICE: Duration = Duration::from_mins(5);

/// How many bad events an alert needs unless the file says otherwise.
const MIN_FAILURES: u64 = 2;

/// What one place of a file says about alerting.
#[derive(Clone, Default)]
pub(super) struct Draft {
    min_failures: Option<u64>,
    windows: Option<(Vec<WindowPair>, Span)>,
    page: MetaDraft,
    ticket: MetaDraft,
}

#[derive(Clone, Default)]
struct MetaDraft {
    disable: Option<bool>,
    labels: Option<BTreeMap<LabelName, String>>,
    annotations: Option<BTreeMap<LabelName, String>>,
}

/// Reads how alerts behave.
pub(super) fn read(reader: &mut Reader, node: &Node, rules: Option<RuleTiming>) -> Draft {
    let Some(fields) = reader.fields(node, "`alerting`", &["min_failures", "windows", "page", "ticket"]) else {
        return Draft::default();
    };
    Draft {
        min_failures: fields.get("min_failures").and_then(|node| min_failures(reader, node)),
        windows: fields.get("windows").and_then(|node| {
            let nodes = reader.filled_list(node, "`windows`")?;
            let pairs = reader.each(nodes, |reader, node| pair(reader, node, rules))?;
            Some((pairs, fields.key_span("windows").unwrap_or(node.span)))
        }),
        page: fields.get("page").and_then(|node| meta(reader, node, "`page`")).unwrap_or_default(),
        ticket: fields.get("ticket").and_then(|node| meta(reader, node, "`ticket`")).unwrap_or_default(),
    }
}

/// The alerting of an SLO: what it says itself, else what its file says, else the usual. Also gives the place
/// of the window pairs, if there are any.
pub(super) fn combine(reader: &mut Reader, file: &Draft, slo: &Draft, window: Duration) -> (Alerting, Option<Span>) {
    let windows = slo.windows.as_ref().or(file.windows.as_ref());
    for pair in windows.iter().flat_map(|(pairs, _)| pairs).filter(|pair| pair.long > window) {
        let message = format!("a long window of {} is longer than the SLO's window of {window}", pair.long);
        let problem = Diagnostic::new(Code::InvalidPair, message).at(pair.span, "this pair");
        reader.report(problem.help(format!("write a long window of at most `{window}`")));
    }
    let alerting = Alerting {
        min_failures: slo.min_failures.or(file.min_failures).unwrap_or(MIN_FAILURES),
        windows: windows.map(|(pairs, _)| pairs.clone()),
        page: combine_meta(&file.page, &slo.page, "page"),
        ticket: combine_meta(&file.ticket, &slo.ticket, "ticket"),
    };
    (alerting, windows.map(|(_, span)| *span))
}

fn combine_meta(file: &MetaDraft, slo: &MetaDraft, severity: &str) -> AlertMeta {
    let labels = slo.labels.as_ref().or(file.labels.as_ref()).cloned().unwrap_or_default();
    let renamed = labels.iter().find(|(name, _)| name.as_str() == label::SEVERITY).map(|(_, value)| value.clone());
    AlertMeta {
        disable: slo.disable.or(file.disable).unwrap_or_default(),
        severity: renamed.unwrap_or_else(|| severity.to_owned()),
        labels,
        annotations: slo.annotations.as_ref().or(file.annotations.as_ref()).cloned().unwrap_or_default(),
    }
}

fn min_failures(reader: &mut Reader, node: &Node) -> Option<u64> {
    let text = reader.text(node, "`min_failures`")?;
    let read = text.parse::<u64>().ok().filter(|count| (1..=1_000_000).contains(count)).ok_or_else(|| Complaint {
        message: format!("`min_failures` cannot be {}", quoted(text)),
        help: "write a whole number from 1 to 1000000".to_owned(),
    });
    reader.accept(node.span, Code::InvalidNumber, read)
}

fn meta(reader: &mut Reader, node: &Node, what: &'static str) -> Option<MetaDraft> {
    let fields = reader.fields(node, what, &["labels", "annotations", "disable"])?;
    Some(MetaDraft {
        disable: fields.get("disable").and_then(|node| reader.flag(node, "`disable`")),
        labels: fields.get("labels").and_then(|node| labels::of_alerts(reader, node)),
        annotations: fields.get("annotations").and_then(|node| labels::annotations(reader, node)),
    })
}

fn pair(reader: &mut Reader, node: &Node, rules: Option<RuleTiming>) -> Option<WindowPair> {
    let fields = reader.fields(node, "a window pair", &["severity", "long", "short", "factor", "budget"])?;
    let words = [("page", Severity::Page), ("ticket", Severity::Ticket)];
    let severity =
        reader.require(&fields, "severity").and_then(|node| reader.choice(node, "the severity of a pair", &words));
    let long = window(reader, &fields, "long", rules);
    let short = window(reader, &fields, "short", rules);
    let speed = speed(reader, &fields);
    let pair = WindowPair { severity: severity?, long: long?, short: short?, speed: speed?, span: fields.head() };
    if pair.short >= pair.long {
        let message = format!("the short window of {} is not shorter than the long one of {}", pair.short, pair.long);
        let span = fields.get("short").map_or(pair.span, |node| node.span);
        let problem = Diagnostic::new(Code::InvalidPair, message).at(span, "not shorter");
        reader.report(problem.help("write a short window of about a twelfth of the long one"));
        return None;
    }
    Some(pair)
}

/// A window of a pair, which must be a whole number of what it is summed from.
fn window(reader: &mut Reader, fields: &Fields<'_>, key: &str, rules: Option<RuleTiming>) -> Option<Duration> {
    let node = reader.require(fields, key)?;
    let window = reader.positive_duration(node, &format!("`{key}`"))?;
    let (step, source) = if window > LONGEST_FAST_WINDOW {
        (SLICE, "windows over 6h are made of 5-minute sums")
    } else {
        let Some(rules) = rules else { return Some(window) };
        (rules.interval, "windows up to 6h are made of the increments of each rule interval")
    };
    if window.is_multiple_of(step) {
        return Some(window);
    }
    let problem = Diagnostic::new(Code::InvalidPair, format!("a window of {window} is not a multiple of {step}"));
    let near = window.round_to(step);
    reader.report(problem.at(node.span, format!("not a multiple of {step}")).help(format!("write `{near}`: {source}")));
    None
}

fn speed(reader: &mut Reader, fields: &Fields<'_>) -> Option<BurnSpeed> {
    let (kind, node) = reader.one_of(fields, &["factor", "budget"])?;
    let text = reader.text(node, &format!("`{kind}`"))?;
    if kind == "factor" {
        let read = Decimal::from_str_exact(text).ok().filter(|factor| *factor > Decimal::ZERO);
        let read = read.map(|factor| factor.normalize()).ok_or_else(|| Complaint {
            message: format!("{} is not a burn-rate factor", quoted(text)),
            help: "write a number above 0, such as `14.4`".to_owned(),
        });
        return reader.accept(node.span, Code::InvalidNumber, read).map(BurnSpeed::Factor);
    }
    let read = gate::share(text).and_then(|share| {
        let help = "write a share above `0%`, such as `2%`".to_owned();
        if share.is_zero() { Err(Complaint { message: "a share of nothing".to_owned(), help }) } else { Ok(share) }
    });
    reader.accept(node.span, Code::InvalidShare, read).map(BurnSpeed::Budget)
}
