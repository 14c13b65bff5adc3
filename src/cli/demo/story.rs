//! What the demo prints: a line when something changes, and nothing else.

use std::net::SocketAddr;

use crate::probe::outcome::Verdict;
use crate::slo::{Plan, budget};
use crate::standing::model::{GateAnswer, SloState};
use crate::standing::{Standing, words};

/// The lines before anything happens.
pub(super) fn beginning(plan: &Plan, board: &[SocketAddr], target: SocketAddr) -> String {
    let mut text = "A shop on this machine that is closed now and then, and its probe, once a second.\n".to_owned();
    for plan in plan.slos() {
        let allowed = words::amount(budget::to_f64(plan.budget_seconds));
        let (objective, window) = (plan.slo.objective, plan.slo.window);
        text.push_str(&format!("  promise  {objective} % over {window}, which allows {allowed} minutes of failure\n"));
    }
    for address in board {
        text.push_str(&format!("  board    http://{address}/\n  metrics  http://{address}/metrics\n"));
    }
    text.push_str(&format!("{}Ctrl-C ends it.\n\n", self::target(target)));
    text
}

/// The line that says where the target is.
pub(super) fn target(target: SocketAddr) -> String {
    format!("  shop     http://{target}/\n")
}

/// The lines at the end.
pub(super) fn end(standings: &[Standing]) -> String {
    standings.iter().map(|standing| format!("\n{}\n", summary(&standing.state))).collect()
}

fn summary(state: &SloState) -> String {
    let percent = words::percent(state.budget.remaining_percent, 0);
    format!(
        "{} runs, {} of them failed: {}, {percent} %; gate {}",
        words::count(state.total),
        words::count(state.bad),
        left(state),
        gate(state.gate.state),
    )
}

fn left(state: &SloState) -> String {
    let left = words::minutes(state.budget.remaining_seconds);
    format!("{left} of {} minutes left", words::amount(state.budget.total_seconds))
}

fn gate(answer: GateAnswer) -> &'static str {
    match answer {
        GateAnswer::Open => "open",
        GateAnswer::Closed => "closed",
        GateAnswer::Unknown => "unknown",
    }
}

/// What was told already, so that only changes are.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Runs that failed since the last success.
    failed: u64,
    /// What was said to be left.
    left: String,
    /// Which alerts fire, in the order of the board.
    firing: Vec<bool>,
    gate: Option<GateAnswer>,
}

impl Story {
    /// A run ended.
    pub(super) fn ran(&mut self, verdict: &Verdict) -> Vec<String> {
        match verdict {
            Verdict::Failed { reason, detail } => {
                self.failed += 1;
                let first = self.failed == 1;
                first.then(|| format!("outage begins ({}): {detail}", reason.as_str())).into_iter().collect()
            }
            Verdict::Success if self.failed > 0 => {
                let failed = std::mem::take(&mut self.failed);
                vec![format!("outage over after {failed} failed runs")]
            }
            Verdict::Success | Verdict::Skipped { .. } => Vec::new(),
        }
    }

    /// Somebody looked at the board.
    pub(super) fn looked(&mut self, standings: &[Standing]) -> Vec<String> {
        standings.first().map(|standing| self.changes(&standing.state)).unwrap_or_default()
    }

    fn changes(&mut self, state: &SloState) -> Vec<String> {
        let mut lines = Vec::new();
        self.firing.resize(state.alerts.len(), false);
        for (alert, fired) in state.alerts.iter().zip(&mut self.firing) {
            if alert.firing != *fired {
                *fired = alert.firing;
                let rate = alert.long_burn_rate.map(words::rate).unwrap_or_default();
                lines.push(match alert.firing {
                    true => format!(
                        "{} fires: {rate} times too fast over {} (more than {} is an alert)",
                        alert.severity,
                        alert.long_window,
                        words::rate(alert.factor),
                    ),
                    false => format!("{} is over", alert.severity),
                });
            }
        }
        // While an outage goes on, the number changes at every look.
        let left = left(state);
        if self.failed == 0 && state.bad > 0.0 && self.left != left {
            self.left.clone_from(&left);
            lines.push(left);
        }
        if state.gate.state != GateAnswer::Unknown && self.gate.replace(state.gate.state) != Some(state.gate.state) {
            lines.push(format!("gate {}", gate(state.gate.state)));
        }
        lines
    }
}
