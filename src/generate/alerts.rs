//! Alerts: burn rates per window pair, an empty budget, missing data, failing rules, a closed gate.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::rules::{and_known, by, fresh, series};
use super::template::{literal, literals};
use super::yaml::{Alerting, Group, Rule};
use crate::names::{Alert, Record, label};
use crate::promql::build::{Expr, Operator, Series, call, seen_over};
use crate::promql::quote;
use crate::slo::SloPlan;
use crate::slo::window::{Pair, SLICE, Tier};
use crate::spec::model::{AlertMeta, Severity};
use crate::units::{Duration, Name};

/// How long something that is nobody's outage lasts before a ticket is opened for it.
const PATIENCE: Duration = Duration::from_mins(15);

/// How far back a failing evaluation is remembered.
const RULES_WATCHED: Duration = Duration::from_mins(15);

/// The alerts of one SLO in one tier.
pub(super) fn of(plan: &SloPlan, tier: Tier) -> Vec<Alerting> {
    let mut alerts: Vec<Alerting> = plan.pairs_in(tier).map(|pair| burn(plan, pair)).collect();
    if plan.budget_tier() == tier && plan.enabled(Severity::Ticket) {
        alerts.push(exhausted(plan));
        alerts.push(data_missing(plan));
        alerts.push(gate_closed(plan));
    }
    alerts
}

/// The group of a service that watches the evaluation of all its other groups.
pub(super) fn service_group(service: &Name, plans: &[&SloPlan]) -> Group {
    let groups = format!("{{rule_group=~\".*;burndown/{service}/.*\"}}");
    let more = |metric: &str| {
        let counter = Series::new(format!("{metric}{groups}")).range(RULES_WATCHED);
        call("increase", [counter.into()]).join(Operator::Greater, Expr::from(Decimal::ZERO))
    };
    let missed = more("prometheus_rule_group_iterations_missed_total");
    let failed = more("prometheus_rule_evaluation_failures_total");
    let mut labels = BTreeMap::from([(label::SERVICE.to_owned(), service.to_string())]);
    if let Some(plan) = plans.first() {
        labels.extend(meta_labels(plan, Severity::Ticket));
    }
    let annotations = texts(
        &format!("Prometheus fails to evaluate the SLO rules of {service}"),
        "Group {{ $labels.rule_group }} missed evaluations or failed. Events of a missed evaluation are lost and \
         coverage falls. Look at the Rules page of Prometheus and at its load.",
    );
    let alert = Alerting {
        alert: Alert::SloRulesFailing.name().to_owned(),
        expr: missed.join(Operator::Or, failed),
        pending: Duration::ZERO,
        labels,
        annotations,
    };
    Group { name: format!("burndown/{service}"), interval: SLICE, rules: vec![Rule::Alert(alert)] }
}

/// A window pair burns too fast: both windows are over the threshold, and more than one event failed.
fn burn(plan: &SloPlan, pair: &Pair) -> Alerting {
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
    let mut labels = labels(plan, pair.severity);
    labels.insert(label::LONG_WINDOW.to_owned(), pair.long.to_string());
    labels.insert(label::SHORT_WINDOW.to_owned(), pair.short.to_string());
    Alerting {
        alert: Alert::ErrorBudgetBurn.name().to_owned(),
        expr,
        pending: Duration::ZERO,
        labels,
        annotations: annotations(plan, pair.severity, burn_texts(plan, pair)),
    }
}

/// Which pair, how fast, what is left and until when.
fn burn_texts(plan: &SloPlan, pair: &Pair) -> BTreeMap<String, String> {
    let slo = &plan.slo;
    let summary = format!("{} {} burns its error budget too fast", slo.service, slo.name);
    let ratio: Expr = series(plan, Record::ErrorRatio(pair.long)).into();
    let rate = query(plan, &ratio.clone().join(Operator::Divide, Expr::from(plan.error_budget)), "%.1f");
    let description = format!(
        "Over {long} and {short} the error ratio is above {threshold}: the budget burns {rate} times as fast as \
         {objective} % over {window} allows (this pair alerts above {factor}). {left}",
        long = pair.long,
        short = pair.short,
        threshold = percent(pair.threshold),
        objective = slo.objective,
        window = slo.window,
        factor = pair.factor.round_dp(4).normalize(),
        left = left_and_until(plan, ratio),
    );
    texts(&summary, &description)
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

/// Nothing is left of the budget.
fn exhausted(plan: &SloPlan) -> Alerting {
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
    ticket(plan, Alert::ErrorBudgetExhausted, and_known(plan, spent), Duration::ZERO, &summary, &description)
}

/// A group that was there within a day is gone, or an SLO never had any.
fn data_missing(plan: &SloPlan) -> Alerting {
    let slo = &plan.slo;
    let seen = seen_over(series(plan, Record::ObservedAt), super::rules::RETIRED_AFTER);
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
    let first_run = plan.slo.sli.probe_interval().unwrap_or_default();
    ticket(plan, Alert::SliDataMissing, expr, PATIENCE.max(first_run), &summary, &description)
}

/// The gate closed.
fn gate_closed(plan: &SloPlan) -> Alerting {
    let slo = &plan.slo;
    let latch: Expr = series(plan, Record::GateLatch).into();
    let closed = latch.join(Operator::Equal, Expr::from(Decimal::ZERO));
    let summary = format!("The deployment gate of {} {} is closed", slo.service, slo.name);
    let remaining: Expr = series(plan, Record::RemainingSeconds).into();
    let left = query(plan, &remaining.join(Operator::Divide, Expr::from(Decimal::from(60))), "%.1f");
    let description = format!("{left} minutes of budget are left; it opens again at {}.", minutes(plan.resume_at));
    ticket(plan, Alert::DeployGateClosed, closed, Duration::ZERO, &summary, &description)
}

/// An alert that calls nobody out of bed.
fn ticket(plan: &SloPlan, alert: Alert, expr: Expr, pending: Duration, summary: &str, description: &str) -> Alerting {
    Alerting {
        alert: alert.name().to_owned(),
        expr,
        pending,
        labels: labels(plan, Severity::Ticket),
        annotations: annotations(plan, Severity::Ticket, texts(summary, description)),
    }
}

/// What the file says of alerts of that severity.
const fn meta(plan: &SloPlan, severity: Severity) -> &AlertMeta {
    match severity {
        Severity::Page => &plan.slo.alerting.page,
        Severity::Ticket => &plan.slo.alerting.ticket,
    }
}

fn labels(plan: &SloPlan, severity: Severity) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = literals(&plan.slo.labels).collect();
    labels.extend(meta_labels(plan, severity));
    labels.insert(label::SERVICE.to_owned(), plan.slo.service.to_string());
    labels.insert(label::SLO.to_owned(), plan.slo.name.to_string());
    labels
}

fn meta_labels(plan: &SloPlan, severity: Severity) -> BTreeMap<String, String> {
    let meta = meta(plan, severity);
    let mut labels: BTreeMap<String, String> = literals(&meta.options.labels).collect();
    labels.insert(label::SEVERITY.to_owned(), literal(&meta.severity));
    labels
}

/// The built-in annotations, overridden by those of the file, which are templates and stay as they are.
fn annotations(plan: &SloPlan, severity: Severity, mut built_in: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let of_file = meta(plan, severity).options.annotations.iter();
    built_in.extend(of_file.map(|(name, value)| (name.to_string(), value.clone())));
    built_in
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
