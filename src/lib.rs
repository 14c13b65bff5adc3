//! burndown turns one SLO file into working error budgets.
//!
//! The map of the house, in the order in which data flows:
//!
//! | module | what it does | what it must not do |
//! |---|---|---|
//! | [`names`] | every metric, rule and label name, once | behave |
//! | [`units`] | durations, objectives, names: valid by construction | know of files |
//! | [`diag`] | diagnostics with code, place and help; rendered for people or as JSON | decide |
//! | [`promql`] | reads, checks and prints PromQL | know of SLOs |
//! | [`prometheus`] | the HTTP API of a Prometheus | know of SLOs |
//! | [`spec`] | files → raw → validated model | any mathematics |
//! | [`slo`] | the mathematics: budget, burn rate, windows, plan | I/O |
//! | [`generate`] | plan → rules, alerts, proofs, dashboards, routes of alerts, Kubernetes objects | read anything |
//! | [`ask`] | whether a live Prometheus suits a plan | change anything |
//! | [`backfill`] | the past of an SLO, from raw history | touch a server's storage |
//! | [`probe`] | runs probes on schedule | know of servers |
//! | [`history`] | counts per slice: in memory, in the embedded database, or in Prometheus | decide |
//! | [`standing`] | the state of every SLO, from plan and history | keep anything |
//! | [`gate`] | whether deployments go on, from standings | read files, wait |
//! | [`report`] | what a team has to know about a period, from standings | decide, know who asks |
//! | [`serve`] | metrics, pages, API, reload | probe by itself |
//! | [`cli`] | arguments and exit codes | anything else |

pub mod ask;
pub mod backfill;
pub mod cli;
pub mod diag;
pub mod gate;
pub mod generate;
pub mod history;
pub mod names;
pub mod probe;
pub mod prometheus;
pub mod promql;
pub mod report;
pub mod serve;
pub mod slo;
pub mod spec;
pub mod standing;
pub mod units;
