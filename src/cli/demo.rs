//! `burndown demo`: the main job on one machine, with nothing to install.
//!
//! The target is made up; everything else is what `serve` runs. This file puts the parts together.

mod story;
mod target;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::signals::Signals;
use super::{Exit, load, output};
use crate::gate::Gates;
use crate::history::{History, Memory, Recording};
use crate::probe::outcome::{Outcome, Verdict};
use crate::probe::{Grace, ProbeKey, Prober, ProberError, Recorder};
use crate::serve::board::Board;
use crate::serve::{Daemon, Options, StartError};
use crate::slo::Plan;
use crate::spec::model::{Fleet, ProbeKind};
use crate::standing::{Standing, Standings};
use crate::units::Duration;
use story::Story;
use target::Target;

/// The SLO file of the demo, read like any other.
const FILE: &str = include_str!("../../examples/demo.yaml");

/// Two runs fall into a slice, so that none is without a run when one comes a moment late.
const SLICE: Duration = Duration::from_secs(SLICE_SECONDS.unsigned_abs());
const SLICE_SECONDS: i64 = 2;

/// The window, and as much again for what the budget was at its beginning.
const RETENTION: Duration = Duration::from_hours(2);

/// Shows the main job on this machine: a failing target, its probe, and the budget going down.
///
/// It needs no file, no network and no other program, and leaves nothing behind. Ctrl-C ends it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to show the board; port 0 has one given out.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = super::serve::listen_address)]
    listen: SocketAddr,
    /// Be the failing target alone, at this address, for a prober elsewhere.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "listen")]
    target: Option<SocketAddr>,
    /// End after this time, as in `50s`.
    #[arg(long = "for", value_name = "DURATION")]
    duration: Option<Duration>,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("the runtime, the signals or the target cannot be set up: {0}")]
    Setup(#[from] io::Error),
    #[error(transparent)]
    Prober(#[from] ProberError),
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Runs the command until it is told to stop or its time is over.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let (fleet, plan) = match read() {
        Ok(read) => read,
        Err(exit) => return exit,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(DemoError::Setup);
    let ran = runtime.and_then(|runtime| match arguments.target {
        Some(address) => runtime.block_on(be_the_target(address, arguments.duration)),
        None => runtime.block_on(show(fleet, &plan, arguments)),
    });
    ran.unwrap_or_else(|error| {
        output::messages(&format!("burndown: {error}\n"));
        Exit::Usage
    })
}

/// Is the target and nothing else.
async fn be_the_target(address: SocketAddr, duration: Option<Duration>) -> Result<Exit, DemoError> {
    let mut signals = Signals::new()?;
    let target = Target::start(address).await.map_err(|error| StartError::Listen { address, error })?;
    let told = output::results(&story::target(target.address()), Exit::Success);
    tokio::select! {
        _ = signals.next() => {}
        () = time_is_over(duration) => {}
    }
    Ok(told)
}

/// Reads the demo's file as a command reads any file.
fn read() -> Result<(Fleet, Plan), Exit> {
    load::planned_text("examples/demo.yaml", FILE).map(|planned| (planned.loaded.fleet, planned.plan))
}

/// Points every probe at the target, whose port is known only once it listens.
fn aim(fleet: &mut Fleet, target: SocketAddr) {
    for probe in fleet.services.values_mut().flat_map(|service| service.probes.values_mut()) {
        if let ProbeKind::Http(http) = &mut probe.kind {
            // Neither can fail for an `http` address.
            let _ = http.url.set_ip_host(target.ip());
            let _ = http.url.set_port(Some(target.port()));
        }
    }
}

/// Starts everything, tells the story, and ends with its summary.
async fn show(mut fleet: Fleet, plan: &Plan, arguments: &Arguments) -> Result<Exit, DemoError> {
    let mut signals = Signals::new()?;
    let target = Target::start((Ipv4Addr::LOCALHOST, 0).into()).await?;
    aim(&mut fleet, target.address());
    let history = Arc::new(Memory::new(SLICE, RETENTION));
    let gates = Gates::new(plan, Arc::clone(&history) as Arc<dyn History>);
    let standings = gates.standings().clone();
    let (watch, runs) = Watch::new();
    let options = Options {
        listen: vec![arguments.listen],
        recorders: vec![Arc::new(Recording::new(&fleet, history)), Arc::new(watch)],
        board: Some(Board::new(gates)),
        config: FILE.to_owned(),
        ..Options::default()
    };
    let daemon = Daemon::start(&fleet, Prober::system()?, options).await?;
    let mut told = output::results(&story::beginning(plan, daemon.addresses(), target.address()), Exit::Success);
    if told == Exit::Success {
        tokio::select! {
            _ = signals.next() => {}
            () = time_is_over(arguments.duration) => {}
            exit = tell(&standings, runs) => told = exit,
        }
    }
    daemon.stop(Grace::default()).await;
    Ok(output::results(&story::end(&last_look(&standings).await), told))
}

/// How things stand after the last run, whose slice would have ended in a moment.
async fn last_look(standings: &Standings) -> Vec<Standing> {
    let runs = |standings: &[Standing]| standings.iter().map(|standing| standing.state.total).sum::<f64>();
    let complete = standings.all(now()).await;
    let with_the_last = standings.all(now().saturating_add(SLICE_SECONDS)).await;
    // A slice that had only just begun holds no run yet and would count as time that was not observed.
    if runs(&with_the_last) > runs(&complete) { with_the_last } else { complete }
}

async fn time_is_over(duration: Option<Duration>) {
    match duration {
        Some(duration) => sleep(duration.to_std()).await,
        None => std::future::pending().await,
    }
}

/// Tells what happens as it happens, until nobody can read it.
async fn tell(standings: &Standings, mut runs: mpsc::UnboundedReceiver<Verdict>) -> Exit {
    let begin = Instant::now();
    let mut story = Story::default();
    let mut looks = interval(SLICE.to_std());
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let lines = tokio::select! {
            Some(verdict) = runs.recv() => story.ran(&verdict),
            _ = looks.tick() => story.looked(&standings.all(now()).await),
        };
        for line in lines {
            if let Err(exit) = output::more(&format!("{:>5} s  {line}\n", begin.elapsed().as_secs())) {
                return exit;
            }
        }
    }
}

/// Seconds of Unix time.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Passes every verdict on to the story.
struct Watch(mpsc::UnboundedSender<Verdict>);

impl Watch {
    fn new() -> (Self, mpsc::UnboundedReceiver<Verdict>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }
}

impl Recorder for Watch {
    fn record(&self, _probe: &ProbeKey, outcome: &Outcome, _started_unix_ms: i64) {
        // While the demo ends, nobody listens any more.
        let _ = self.0.send(outcome.verdict.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_free_of_problems_and_every_probe_is_aimed_at_the_target() {
        let (mut fleet, plan) = read().expect("the file is fine");
        assert_eq!(plan.slos().count(), 1);
        let target: SocketAddr = "127.0.0.1:4321".parse().expect("an address");
        aim(&mut fleet, target);
        for probe in fleet.services.values().flat_map(|service| service.probes.values()) {
            assert!(matches!(&probe.kind, ProbeKind::Http(http) if http.url.as_str() == "http://127.0.0.1:4321/"));
        }
    }
}
