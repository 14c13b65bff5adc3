//! Alerts: burn rates per window pair, an empty budget, missing data, failing rules, a closed gate.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::rules::{and_known, by, fresh, series};
use super::template::{literal, literals};
use super::yaml::{Alerting, Group, Rule};
use crate::names::{Alert, Metric, Record, label};
use crate::promql::build::{Expr, Operator, Series, call, seen_over};
use crate::promql::quote;
use crate::slo::window::{Pair, RETIRED_AFTER, Tier};
use crate::slo::{SloPlan, alerting};
use crate::spec::model::{Resume, Severity, Sli, Slo};
use crate::units::{Duration, Name};

/// The annotation that says where people read what to do.
const RUNBOOK: &str = "runbook_url";

/// How long something that is nobody's outage lasts before a ticket is opened for it.
const PATIENCE: Duration = Duration::from_mins(15);

/// How far back a failing evaluation is remembered.
const RULES_WATCHED: Duration = Duration::from_mins(15);

/// How far back skipped runs are added up, and how many of them are worth a ticket.
const OVERRUNS_WATCHED: Duration = Duration::from_hours(1);
const MOST_OVERRUNS: i64 = 3;

/// How long before its end a certificate is worth a ticket: two working weeks to renew it.
const CERTIFICATE_NOTICE: Duration = Duration::from_days(14);

/// How far back a prober may have been seen that is now down.
const PROBER_SEEN: Duration = Duration::from_hours(1);

/// How long a prober may be away, for a restart or a deployment, before it is missed.
const PROBER_PATIENCE: Duration = Duration::from_mins(5);

/// The value of the label `severity` of an alert that always fires and calls nobody.
pub(super) const NOBODY: &str = "none";

/// An alert before the file has its say.
struct Draft {
    alert: Alert,
    severity: Severity,
    pending: Duration,
    expr: Expr,
    summary: String,
    description: String,
    /// Labels that only this alert has.
    own_labels: Vec<(&'static str, String)>,
}

/// The alerts of one SLO in one tier.
pub(super) fn of(plan: &SloPlan, tier: Tier) -> Vec<Alerting> {
    let mut drafts: Vec<Draft> = plan.pairs_in(tier).map(|pair| burn(plan, pair)).collect();
    if plan.budget_tier() == tier {
        drafts.extend([exhausted(plan), data_missing(plan), gate_closed(plan)]);
    }
    let identity = [(label::SERVICE, plan.slo.service.to_string()), (label::SLO, plan.slo.name.to_string())];
    drafts.into_iter().filter_map(|draft| finished(&plan.slo, draft, &identity)).collect()
}

/// The group of a service that watches its prober, the evaluation of all its other groups, and the way to people.
pub(super) fn service_group(service: &Name, plans: &[&SloPlan], tier: Tier) -> Option<Group> {
    let first = plans.first()?;
    let probed = plans.iter().any(|plan| matches!(plan.slo.sli, Sli::Probe { .. }));
    let drafts = match (tier, probed) {
        (Tier::Fast, true) => vec![prober_down(service)],
        (Tier::Fast, false) => Vec::new(),
        (Tier::Slow, true) => {
            vec![watchdog(service), rules_failing(service), probe_overrun(service), certificate_expiring(service)]
        }
        (Tier::Slow, false) => vec![watchdog(service), rules_failing(service)],
    };
    let identity = [(label::SERVICE, service.to_string())];
    let alerts = drafts.into_iter().filter_map(|draft| finished(&first.slo, draft, &identity));
    let rules = alerts.map(Rule::Alert).collect();
    Some(Group { name: format!("burndown/{service}"), interval: first.interval(tier), rules })
}

/// The alert as the file wants it, or nothing if it leaves it out.
fn finished(slo: &Slo, draft: Draft, identity: &[(&str, String)]) -> Option<Alerting> {
    let wanted = alerting::resolve(slo, draft.alert, draft.severity, draft.pending)?;
    let of_service = &slo.alerting.of_service;
    let (own, runbook) = if draft.alert.is_of_service() {
        (&of_service.labels, &of_service.runbook)
    } else {
        (&slo.labels, &slo.alerting.runbook)
    };
    let mut labels: BTreeMap<String, String> = literals(own).collect();
    let mut annotations = texts(&draft.summary, &draft.description);
    annotations.extend(runbook.iter().map(|url| (RUNBOOK.to_owned(), literal(url.as_str()))));
    labels.insert(label::SEVERITY.to_owned(), literal(wanted.severity_label));
    for options in &wanted.options {
        labels.extend(literals(&options.labels));
        // Annotations of the file are templates and stay as they are.
        annotations.extend(options.annotations.iter().map(|(name, text)| (name.to_string(), text.clone())));
    }
    let own = draft.own_labels.iter().chain(identity);
    labels.extend(own.map(|(name, value)| ((*name).to_owned(), value.clone())));
    Some(Alerting {
        alert: wanted.name,
        expr: draft.expr,
        pending: wanted.pending,
        keep_firing_for: wanted.keep_firing_for,
        labels,
        annotations,
    })
}

/// A window pair burns too fast: both windows are over the threshold, and more than one event failed.
fn burn(plan: &SloPlan, pair: &Pair) -> Draft {
    let over = |window| {
        let ratio: Expr = series(plan, Record::ErrorRatio(window)).into();
        ratio.join(Operator::Greater, Expr::from(pair.threshold))
    };
    let mut expr = over(pair.long).join(Operator::And, over(pair.short));
    if plan.counts_failures() && plan.slo.alerting.min_failures > 1 {
        let failures: Expr = series(plan, Record::BadSum(pair.long)).into();
        let least = Expr::from(Decimal::from(plan.slo.alerting.min_failures));
        expr = expr.join(Operator::And, failures.join(Operator::GreaterOrEqual, least));
    }
    Draft {
        alert: Alert::ErrorBudgetBurn,
        severity: pair.severity,
        pending: Duration::ZERO,
        expr,
        summary: format!("{} {} burns its error budget too fast", plan.slo.service, plan.slo.name),
        description: burn_text(plan, pair),
        own_labels: vec![(label::LONG_WINDOW, pair.long.to_string()), (label::SHORT_WINDOW, pair.short.to_string())],
    }
}

/// Which pair, how fast, what is left and until when.
fn burn_text(plan: &SloPlan, pair: &Pair) -> String {
    let slo = &plan.slo;
    let ratio: Expr = series(plan, Record::ErrorRatio(pair.long)).into();
    let rate = query(plan, &ratio.clone().join(Operator::Divide, Expr::from(plan.error_budget)), "%.1f");
    format!(
        "Over {long} and {short} the error ratio is above {threshold}: the budget burns {rate} times as fast as \
         {objective} % over {window} allows (this pair alerts above {factor}). {left}",
        long = pair.long,
        short = pair.short,
        threshold = percent(pair.threshold),
        objective = slo.objective,
        window = slo.window,
        factor = pair.factor.round_dp(4).normalize(),
        left = left_and_until(plan, ratio),
    )
}

/// "18.2 minutes of 43.2 are left; at this rate they last 2h 5m 0s", or that nothing is known or left.
fn left_and_until(plan: &SloPlan, ratio: Expr) -> String {
    let remaining: Expr = series(plan, Record::RemainingSeconds).into();
    let minutes = remaining.clone().join(Operator::Divide, Expr::from(Decimal::from(60)));
    let positive = remaining.clone().join(Operator::Greater, Expr::from(Decimal::ZERO));
    let until = positive.join(Operator::Divide, ratio);
    let total = (plan.budget_seconds / Decimal::from(60)).round_dp(2).normalize();
    format!(
        "{{{{ with {minutes} }}}}{{{{ . | first | value | printf \"%.1f\" }}}} of {total} minutes are left{{{{ else \
         }}}}How much of the {total} minutes is left is not known yet{{{{ end }}}}{{{{ with {until} }}}}; at this \
         rate they last {{{{ . | first | value | humanizeDuration }}}}{{{{ end }}}}.",
        minutes = template_query(plan, &minutes),
        until = template_query(plan, &until),
    )
}

/// An alert that calls nobody out of bed.
fn ticket(alert: Alert, expr: Expr, summary: String, description: String) -> Draft {
    let own_labels = Vec::new();
    Draft { alert, severity: Severity::Ticket, pending: Duration::ZERO, expr, summary, description, own_labels }
}

/// Nothing is left of the budget.
fn exhausted(plan: &SloPlan) -> Draft {
    let slo = &plan.slo;
    let remaining: Expr = series(plan, Record::RemainingSeconds).into();
    let spent = remaining.join(Operator::LessOrEqual, Expr::from(Decimal::ZERO));
    let summary = format!("{} {} has spent its error budget", slo.service, slo.name);
    let description = format!(
        "{{{{ $value | humanizeDuration }}}} of the {} over {} are left. Find out what spent it before the next change \
         spends more; it comes back as the bad minutes leave the window.",
        minutes(plan.budget_seconds),
        slo.window,
    );
    ticket(Alert::ErrorBudgetExhausted, and_known(plan, spent), summary, description)
}

/// A group that was there within a day is gone, or an SLO never had any.
fn data_missing(plan: &SloPlan) -> Draft {
    let slo = &plan.slo;
    let seen = seen_over(series(plan, Record::ObservedAt), RETIRED_AFTER);
    let gone = seen.clone().join(Operator::Unless, fresh(plan));
    let identity = [label::SERVICE.to_owned(), label::SLO.to_owned()];
    let objective: Expr = series(plan, Record::Objective).into();
    let expr = gone.join(Operator::Or, objective.join_on(Operator::Unless, &identity, seen));
    let summary = format!("{} {} has no data", slo.service, slo.name);
    let groups: String = by(plan).iter().map(|name| format!(" {name}={{{{ $labels.{name} }}}}")).collect();
    let description = format!(
        "Nothing was observed{groups} for {} or longer. Missing data is neither good nor bad: the budget stands \
         still and the gate follows on_unknown. Check that the target is up and scraped, and that its metrics have \
         the names and labels of the SLO file.",
        plan.stale_after(),
    );
    let pending = PATIENCE.max(slo.sli.probe_interval().unwrap_or_default());
    Draft { pending, ..ticket(Alert::SliDataMissing, expr, summary, description) }
}

/// The gate closed.
fn gate_closed(plan: &SloPlan) -> Draft {
    let slo = &plan.slo;
    let latch: Expr = series(plan, Record::GateLatch).into();
    let closed = latch.join(Operator::Equal, Expr::from(Decimal::ZERO));
    let summary = format!("The deployment gate of {} {} is closed", slo.service, slo.name);
    let remaining: Expr = series(plan, Record::RemainingSeconds).into();
    let left = query(plan, &remaining.join(Operator::Divide, Expr::from(Decimal::from(60))), "%.1f");
    let enough = minutes(plan.resume_at);
    let opens = match slo.gate.resume {
        Resume::AtLevel => format!("at {enough}"),
        Resume::FromTrough => format!("when {enough} have come back since the lowest point"),
    };
    let description = format!("{left} minutes of budget are left; it opens again {opens}.");
    ticket(Alert::DeployGateClosed, closed, summary, description)
}

/// It always fires. Whoever does not hear it any more has a broken path from Prometheus to people.
fn watchdog(service: &Name) -> Draft {
    let always = call("vector", [Expr::from(Decimal::ONE)]);
    let summary = format!("The alerts of {service} are on their way");
    let description = "This alert always fires. Route it to something that complains when it stops, such as a dead \
                       man's switch."
        .to_owned();
    let own_labels = vec![(label::SEVERITY, NOBODY.to_owned())];
    Draft { own_labels, ..ticket(Alert::Watchdog, always, summary, description) }
}

/// Prometheus fails to evaluate the rules of the service.
fn rules_failing(service: &Name) -> Draft {
    let groups = format!("{{rule_group=~\".*;burndown/{service}(/.*)?\"}}");
    let more = |metric: &str| {
        let counter = Series::new(format!("{metric}{groups}")).range(RULES_WATCHED);
        call("increase", [counter.into()]).join(Operator::Greater, Expr::from(Decimal::ZERO))
    };
    let missed = more("prometheus_rule_group_iterations_missed_total");
    let failed = more("prometheus_rule_evaluation_failures_total");
    let summary = format!("Prometheus fails to evaluate the SLO rules of {service}");
    let description = "Group {{ $labels.rule_group }} missed evaluations or failed. Events of a missed evaluation are \
                       lost and coverage falls. Look at the Rules page of Prometheus and at its load."
        .to_owned();
    ticket(Alert::SloRulesFailing, missed.join(Operator::Or, failed), summary, description)
}

/// A prober that was there is down, or none is left.
fn prober_down(service: &Name) -> Draft {
    let target = [label::JOB.to_owned(), label::INSTANCE.to_owned()];
    let probes = || of_service(Metric::ProbeTimeout, service);
    let up: Expr = Series::new("up").into();
    let down = up.join(Operator::Equal, Expr::from(Decimal::ZERO));
    let known = seen_over(probes(), PROBER_SEEN);
    let down = down.join_on(Operator::And, &target, known);
    // One that is down is named; only where none is known any more, nobody is.
    let gone = call("absent", [probes().into()]).join_on(Operator::Unless, &[], down.clone());
    let expr = down.join(Operator::Or, gone);
    Draft {
        alert: Alert::ProberDown,
        severity: Severity::Page,
        pending: PROBER_PATIENCE,
        expr,
        summary: format!("Nobody probes {service}"),
        description:
            "Prometheus cannot scrape the probe service{{ with $labels.instance }} at {{ . }}{{ end }}. Until \
                      it can, nothing is known of what users feel. Look at the process and at the Targets page of \
                      Prometheus."
                .to_owned(),
        own_labels: Vec::new(),
    }
}

/// Runs were skipped because the one before had not ended.
fn probe_overrun(service: &Name) -> Draft {
    let reason = format!(",{}=\"{}\"", label::REASON, label::REASON_OVERRUN);
    let skipped = Series::new(format!("{}{{{}=\"{service}\"{reason}}}", Metric::ProbeSkipped.name(), label::SERVICE));
    let lately = call("increase", [skipped.range(OVERRUNS_WATCHED).into()]);
    let expr = lately.join(Operator::GreaterOrEqual, Expr::from(Decimal::from(MOST_OVERRUNS)));
    let summary = format!("Probe {{{{ $labels.{} }}}} of {service} does not keep up", label::PROBE);
    let description = format!(
        "{{{{ $value | printf \"%.0f\" }}}} runs of the last {OVERRUNS_WATCHED} were skipped because the run before \
         had not ended. They do not count. Run it less often, or shorten its timeout or its cleanup."
    );
    ticket(Alert::ProbeOverrun, expr, summary, description)
}

/// A certificate of a probed server ends soon.
fn certificate_expiring(service: &Name) -> Draft {
    let ends: Expr = of_service(Metric::ProbeTlsNotAfter, service).into();
    let left = ends.join(Operator::Subtract, call("time", []));
    let expr = left.join(Operator::Less, Expr::from(CERTIFICATE_NOTICE.as_secs()));
    let summary = format!("A certificate that probe {{{{ $labels.{} }}}} of {service} sees ends soon", label::PROBE);
    let description =
        "It is valid for another {{ $value | humanizeDuration }}. Renew it: users see an error page from \
                       that moment on."
            .to_owned();
    ticket(Alert::CertificateExpiring, expr, summary, description)
}

/// A metric of the probes of a service.
fn of_service(metric: Metric, service: &Name) -> Series {
    Series::new(format!("{}{{{}=\"{service}\"}}", metric.name(), label::SERVICE))
}

fn texts(summary: &str, description: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("summary".to_owned(), summary.to_owned()), ("description".to_owned(), description.to_owned())])
}

/// The value of an expression for the group that alerts, in a template.
fn query(plan: &SloPlan, expr: &Expr, format: &str) -> String {
    format!(
        "{{{{ with {} }}}}{{{{ . | first | value | printf \"{format}\" }}}}{{{{ end }}}}",
        template_query(plan, expr)
    )
}

/// A template call that queries an expression, narrowed to the group that alerts.
fn template_query(plan: &SloPlan, expr: &Expr) -> String {
    let by = by(plan);
    if by.is_empty() {
        return format!("query {}", quote(&expr.flat()));
    }
    let matchers: String = by.iter().map(|name| format!(",{name}=%q")).collect();
    let values: String = by.iter().map(|name| format!(" $labels.{name}")).collect();
    let identity = super::rules::identity(plan);
    let text = expr.flat().replace('%', "%%").replace(&identity, &format!("{identity}{matchers}"));
    let times = expr.flat().matches(&identity).count();
    format!("printf {}{} | query", quote(&text), values.repeat(times))
}

/// A ratio in percent.
fn percent(ratio: Decimal) -> String {
    format!("{} %", (ratio * Decimal::ONE_HUNDRED).normalize())
}

/// Seconds of budget as people say them.
fn minutes(seconds: Decimal) -> String {
    format!("{} minutes", (seconds / Decimal::from(60)).round_dp(2).normalize())
}
