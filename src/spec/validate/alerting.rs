//! `alerting`: how alerts behave and what they carry. A file sets it for all its SLOs, and each SLO may override it field
//! by field.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::diag::{Code, Diagnostic, Span};
use crate::names::{Alert, label};
use crate::units::{AlertName, Duration, LabelName};

use super::super::keys;
use super::super::model::{
    AlertMeta, AlertOptions, AlertRule, Alerting, BurnSpeed, RuleTiming, ServiceAlerting, Severity, WindowPair,
};
use super::super::raw::Node;
use super::super::read::{Complaint, Fields, Reader, quoted};
use super::{File, gate, labels};

/// Ratios over windows up to this are evaluated by the fast group, from increments; longer ones by the slow
/// group, from 5-minute sums.
const LONGEST_FAST_WINDOW: Duration = Duration::from_hours(6);

/// The length of the sums of the slow group.
const SLICE: Duration = Duration::from_mins(5);

/// How many bad events an alert needs unless the file says otherwise.
const MIN_FAILURES: u64 = 2;

/// What the keys of `alerts` stand for.
const ALERTS: [(&str, Alert); 9] = [
    ("burn", Alert::ErrorBudgetBurn),
    ("exhausted", Alert::ErrorBudgetExhausted),
    ("data_missing", Alert::SliDataMissing),
    ("gate_closed", Alert::DeployGateClosed),
    ("rules_failing", Alert::SloRulesFailing),
    ("watchdog", Alert::Watchdog),
    ("prober_down", Alert::ProberDown),
    ("probe_overrun", Alert::ProbeOverrun),
    ("certificate_expiring", Alert::CertificateExpiring),
];

/// Whom an alert calls.
const SEVERITIES: [(&str, Severity); 2] = [("page", Severity::Page), ("ticket", Severity::Ticket)];

/// Who sets how alerts behave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A file, for all its SLOs.
    File,
    /// One SLO.
    Slo,
}

/// What one place of a file says about alerting.
#[derive(Clone, Default)]
pub(super) struct Draft {
    min_failures: Option<u64>,
    windows: Option<(Vec<WindowPair>, Span)>,
    page: OptionsDraft,
    ticket: OptionsDraft,
    runbook: Option<url::Url>,
    alerts: BTreeMap<Alert, RuleDraft>,
}

/// What one place of a file says about some alerts.
#[derive(Clone, Default)]
struct OptionsDraft {
    disable: Option<bool>,
    labels: Option<BTreeMap<LabelName, String>>,
    annotations: Option<BTreeMap<LabelName, String>>,
    pending: Option<Duration>,
    keep_firing_for: Option<Duration>,
}

/// What one place of a file says about one kind of alert.
#[derive(Clone)]
struct RuleDraft {
    name: Option<AlertName>,
    severity: Option<Severity>,
    options: OptionsDraft,
    span: Span,
}

/// Reads how alerts behave.
pub(super) fn read(reader: &mut Reader, node: &Node, rules: Option<RuleTiming>, scope: Scope) -> Draft {
    let Some(fields) = reader.fields(node, "`alerting`", &keys::ALERTING) else {
        return Draft::default();
    };
    Draft {
        min_failures: fields.get("min_failures").and_then(|node| min_failures(reader, node)),
        windows: fields.get("windows").and_then(|node| {
            let nodes = reader.filled_list(node, "`windows`")?;
            let pairs = reader.each(nodes, |reader, node| pair(reader, node, rules))?;
            Some((pairs, fields.key_span("windows").unwrap_or(node.span)))
        }),
        page: fields.get("page").and_then(|node| of_severity(reader, node, "`page`")).unwrap_or_default(),
        ticket: fields.get("ticket").and_then(|node| of_severity(reader, node, "`ticket`")).unwrap_or_default(),
        runbook: fields.get("runbook").and_then(|node| runbook(reader, node)),
        alerts: fields.get("alerts").and_then(|node| alerts(reader, node, scope)).unwrap_or_default(),
    }
}

/// The alerting of an SLO: what it says itself, else what its file says, else the usual. Also gives the place
/// of the window pairs, if there are any.
pub(super) fn combine(reader: &mut Reader, file: &File<'_>, slo: &Draft, window: Duration) -> (Alerting, Option<Span>) {
    let (labels, file) = (&file.labels, &file.alerting);
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
        runbook: slo.runbook.as_ref().or(file.runbook.as_ref()).cloned(),
        alerts: combine_alerts(&file.alerts, &slo.alerts),
        of_service: file.service_alerting(labels),
    };
    (alerting, windows.map(|(_, span)| *span))
}

fn combine_meta(file: &OptionsDraft, slo: &OptionsDraft, severity: &str) -> AlertMeta {
    let options = combine_options(file, slo);
    let mut labels = options.labels.iter();
    let renamed = labels.find(|(name, _)| name.as_str() == label::SEVERITY).map(|(_, value)| value.clone());
    AlertMeta { severity: renamed.unwrap_or_else(|| severity.to_owned()), options }
}

fn combine_options(file: &OptionsDraft, slo: &OptionsDraft) -> AlertOptions {
    AlertOptions {
        disable: slo.disable.or(file.disable).unwrap_or_default(),
        labels: slo.labels.as_ref().or(file.labels.as_ref()).cloned().unwrap_or_default(),
        annotations: slo.annotations.as_ref().or(file.annotations.as_ref()).cloned().unwrap_or_default(),
        pending: slo.pending.or(file.pending),
        keep_firing_for: slo.keep_firing_for.or(file.keep_firing_for),
    }
}

/// The alerts of an SLO that its file or itself mentions; those of the service come later.
fn combine_alerts(file: &BTreeMap<Alert, RuleDraft>, slo: &BTreeMap<Alert, RuleDraft>) -> BTreeMap<Alert, AlertRule> {
    let of_slo = ALERTS.iter().map(|(_, alert)| *alert).filter(|alert| !alert.is_of_service());
    let combined = of_slo.filter_map(|alert| Some((alert, combine_rule(file.get(&alert), slo.get(&alert))?)));
    combined.collect()
}

fn combine_rule(file: Option<&RuleDraft>, slo: Option<&RuleDraft>) -> Option<AlertRule> {
    let none = OptionsDraft::default();
    file.or(slo)?;
    Some(AlertRule {
        name: slo.and_then(|rule| rule.name.clone()).or_else(|| file.and_then(|rule| rule.name.clone())),
        severity: slo.and_then(|rule| rule.severity).or_else(|| file.and_then(|rule| rule.severity)),
        options: combine_options(file.map_or(&none, |rule| &rule.options), slo.map_or(&none, |rule| &rule.options)),
    })
}

impl Draft {
    /// What a file with these labels says of all alerts of its service.
    fn service_alerting(&self, labels: &BTreeMap<LabelName, String>) -> ServiceAlerting {
        let none = OptionsDraft::default();
        ServiceAlerting {
            labels: labels.clone(),
            page: combine_meta(&self.page, &none, "page"),
            ticket: combine_meta(&self.ticket, &none, "ticket"),
            runbook: self.runbook.clone(),
        }
    }

    /// What a file says of the alerts of its whole service, each with its place.
    pub(super) fn of_service(&self) -> impl Iterator<Item = (Alert, AlertRule, Span)> + '_ {
        let of_service = self.alerts.iter().filter(|(alert, _)| alert.is_of_service());
        of_service.filter_map(|(alert, draft)| Some((*alert, combine_rule(Some(draft), None)?, draft.span)))
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

/// What a file may say of all alerts of one severity.
fn of_severity(reader: &mut Reader, node: &Node, what: &'static str) -> Option<OptionsDraft> {
    let fields = reader.fields(node, what, &keys::OPTIONS)?;
    Some(options(reader, &fields, labels::of_severity))
}

fn options(
    reader: &mut Reader,
    fields: &Fields<'_>,
    labels: fn(&mut Reader, &Node) -> Option<BTreeMap<LabelName, String>>,
) -> OptionsDraft {
    OptionsDraft {
        disable: fields.get("disable").and_then(|node| reader.flag(node, "`disable`")),
        labels: fields.get("labels").and_then(|node| labels(reader, node)),
        annotations: fields.get("annotations").and_then(|node| labels::annotations(reader, node)),
        pending: fields.get("for").and_then(|node| reader.duration(node, "`for`")),
        keep_firing_for: fields.get("keep_firing_for").and_then(|node| reader.duration(node, "`keep_firing_for`")),
    }
}

/// What a file says of single alerts.
fn alerts(reader: &mut Reader, node: &Node, scope: Scope) -> Option<BTreeMap<Alert, RuleDraft>> {
    let fields = reader.fields(node, "`alerts`", &keys::ALERTS)?;
    let mut found = BTreeMap::new();
    for (word, alert) in ALERTS {
        let (Some(node), Some(span)) = (fields.get(word), fields.key_span(word)) else { continue };
        if scope == Scope::Slo && alert.is_of_service() {
            let message = format!("`{word}` is an alert of the whole service");
            let problem = Diagnostic::new(Code::ServiceAlert, message).at(span, "set for one SLO");
            reader.report(problem.help("set it under the `alerting` of the file"));
            continue;
        }
        found.extend(alert_rule(reader, node, alert, span).map(|rule| (alert, rule)));
    }
    report_taken(reader, &found);
    Some(found)
}

/// Reports each alert that is given the name of another one.
fn report_taken(reader: &mut Reader, rules: &BTreeMap<Alert, RuleDraft>) {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    for (alert, rule) in rules {
        let Some(name) = &rule.name else { continue };
        let is_usual = Alert::ALL.iter().any(|other| other != alert && other.name() == name.as_str());
        let other = names.insert(name.to_string(), rule.span);
        if is_usual || other.is_some() {
            let problem = Diagnostic::new(Code::DuplicateName, format!("`{name}` is the name of another alert"));
            let problem = problem.at(rule.span, "taken");
            let problem = other.into_iter().fold(problem, |problem, span| problem.also(span, "by this one"));
            reader.report(problem.help("give each alert a name of its own, so that it can be routed and silenced"));
        }
    }
}

fn alert_rule(reader: &mut Reader, node: &Node, alert: Alert, span: Span) -> Option<RuleDraft> {
    // Whom a burn-rate alert calls is said by its window pair.
    let keys = if alert == Alert::ErrorBudgetBurn { &keys::BURN_ALERT } else { &keys::ALERT };
    let fields = reader.fields(node, "the alert", keys)?;
    Some(RuleDraft {
        name: fields.get("name").and_then(|node| reader.word(node, "the name of an alert", Code::InvalidName)),
        severity: fields.get("severity").and_then(|node| reader.choice(node, "`severity`", &SEVERITIES)),
        options: options(reader, &fields, labels::plain),
        span,
    })
}

/// Where people read what to do.
fn runbook(reader: &mut Reader, node: &Node) -> Option<url::Url> {
    let text = reader.text(node, "`runbook`")?;
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    if url.is_none() {
        let message = format!("{} is not a web address", quoted(text));
        let problem = Diagnostic::new(Code::InvalidUrl, message).at(node.span, "not a web address");
        reader.report(problem.help("write an address such as `https://wiki.example.com/runbooks/checkout`"));
    }
    url
}

fn pair(reader: &mut Reader, node: &Node, rules: Option<RuleTiming>) -> Option<WindowPair> {
    let fields = reader.fields(node, "a window pair", &keys::PAIR)?;
    let severity =
        reader.require(&fields, "severity").and_then(|node| reader.choice(node, "the severity of a pair", &SEVERITIES));
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
