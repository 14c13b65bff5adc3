//! A board over a history that was made up: promises, outages, and a server that shows them.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use burndown::gate::Gates;
use burndown::history::{Event, Memory, SloKey};
use burndown::probe::outcome::Reason;
use burndown::probe::{Grace, Prober};
use burndown::serve::board::Board;
use burndown::serve::{Daemon, Options};
use burndown::slo::Plan;
use burndown::spec;
use burndown::spec::model::Fleet;
use burndown::units::Duration;
use tokio::runtime::Runtime;

use crate::support::browser::{Browser, Page};

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// The length of a slice of history, in seconds.
const SLICE: i64 = 5 * MINUTE;

/// A promise, and what became of it. Times are in seconds before now.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) service: String,
    pub(super) slo: String,
    pub(super) description: String,
    pub(super) objective: &'static str,
    /// Since when and until when it was watched; nothing if it never was.
    pub(super) watched: Option<(i64, i64)>,
    /// When an outage began, how long it lasted, how many of ten runs failed, and why.
    pub(super) outages: Vec<(i64, i64, i64, Reason)>,
}

impl Promise {
    /// 99.9 % over 30 days, kept and watched for 40.
    pub(super) fn new(service: &str, slo: &str) -> Self {
        Self {
            service: service.to_owned(),
            slo: slo.to_owned(),
            description: String::new(),
            objective: "99.9",
            watched: Some((40 * DAY, 0)),
            outages: Vec::new(),
        }
    }

    pub(super) fn of(self, objective: &'static str, description: &str) -> Self {
        Self { objective, description: description.to_owned(), ..self }
    }

    pub(super) fn watched(self, since: i64, until: i64) -> Self {
        Self { watched: Some((since, until)), ..self }
    }

    pub(super) fn never_watched(self) -> Self {
        Self { watched: None, ..self }
    }

    pub(super) fn outage(mut self, ago: i64, length: i64, failing: i64, reason: Reason) -> Self {
        self.outages.push((ago, length, failing, reason));
        self
    }

    /// The failing runs of ten that begin this long ago, and why.
    fn failing(&self, ago: i64) -> Option<(i64, Reason)> {
        let mut outages = self.outages.iter();
        outages
            .find(|(from, length, ..)| ago <= *from && ago > from - length)
            .map(|(.., failing, reason)| (*failing, *reason))
    }

    /// Records ten runs of every slice.
    fn record(&self, memory: &Memory, now: i64) {
        let Some((since, until)) = self.watched else { return };
        let key = SloKey { service: self.service.parse().expect("a name"), slo: self.slo.parse().expect("a name") };
        // Whole slices, the newest of which has just ended.
        for ago in (until..since).rev().filter(|ago| ago % SLICE == 0).map(|ago| ago + SLICE) {
            let (failing, reason) = self.failing(ago).unwrap_or((0, Reason::Status));
            for run in 0..10 {
                let event = if run < failing { Event::Bad(reason) } else { Event::Good };
                memory.record(&key, now - ago + run * SLICE / 10, event);
            }
        }
    }
}

/// The text of an SLO file with these promises, each by a probe of its own.
fn file(service: &str, promises: &[&Promise]) -> String {
    let mut text =
        format!("version: burndown/v1\nservice: {service}\nwindow: 30d\ngate: {{resume_at: 10m}}\nprobes:\n");
    for promise in promises {
        let _ = writeln!(text, "  - {{name: {}, interval: 30s, http: {{url: 'http://localhost/'}}}}", promise.slo);
    }
    text.push_str("slos:\n");
    for promise in promises {
        let description = serde_json::to_string(&promise.description).expect("a string");
        let Promise { slo, objective, .. } = promise;
        let _ = writeln!(
            text,
            "  - {{name: {slo}, objective: {objective}, description: {description}, sli: {{probe: {slo}}}{}}}",
            if *objective == "99.99" { ", gate: {resume_at: 1m}" } else { "" }
        );
    }
    text
}

/// The plan of these promises.
pub(super) fn plan(promises: &[Promise]) -> Plan {
    if promises.is_empty() {
        return Plan::default();
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut services: Vec<&str> = promises.iter().map(|promise| promise.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    for service in services {
        let own: Vec<&Promise> = promises.iter().filter(|promise| promise.service == service).collect();
        std::fs::write(directory.path().join(format!("{service}.yaml")), file(service, &own))
            .expect("it can be written");
    }
    let loaded = spec::load(&[directory.path().to_owned()]);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    Plan::of(&loaded.fleet).0
}

/// A server that shows promises and probes nothing, stopped when dropped.
pub(super) struct Wall {
    pub(super) address: SocketAddr,
    daemon: Option<Daemon>,
    runtime: Runtime,
}

impl Wall {
    pub(super) fn showing(promises: &[Promise]) -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), promises)
    }

    /// A server at this address.
    pub(super) fn at(address: SocketAddr, promises: &[Promise]) -> Self {
        let memory = Memory::new(Duration::from_secs(SLICE.unsigned_abs()), Duration::from_days(61));
        let now = jiff::Timestamp::now().as_second() / MINUTE * MINUTE;
        for promise in promises {
            promise.record(&memory, now);
        }
        let gates = Gates::new(&plan(promises), Arc::new(memory));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let options = Options { listen: vec![address], board: Some(Board::new(gates)), ..Options::default() };
        let daemon = runtime
            .block_on(async { Daemon::start(&Fleet::default(), Prober::system().expect("a prober"), options).await })
            .expect("it starts");
        Self { address: daemon.addresses()[0], daemon: Some(daemon), runtime }
    }

    /// The address of a page.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A page of the browser that shows a path.
    pub(super) fn page(&self, path: &str, width: u32, height: u32) -> Page {
        let page = Browser::shared().page(width, height);
        page.open(&self.url(path));
        page
    }

    /// Stops the server.
    pub(super) fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            self.runtime.block_on(daemon.stop(Grace::default()));
        }
    }
}

impl Drop for Wall {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The promises of a team that looks at its board in the morning: one of everything that can be the matter.
pub(super) fn team() -> Vec<Promise> {
    let new = Promise::new;
    vec![
        new("tracker", "app")
            .of("99.9", "The sign-in page of Tracker comes up within two seconds.")
            .outage(9 * DAY, 10 * MINUTE, 10, Reason::Timeout)
            .outage(3 * DAY, 5 * MINUTE, 6, Reason::Status),
        new("tracker", "canary").of("99.9", "A small app beside Tracker answers.").outage(
            20 * DAY,
            15 * MINUTE,
            4,
            Reason::Connect,
        ),
        new("tracker", "cf-push")
            .of("99", "Log in and push an app within two minutes.")
            .outage(25 * DAY, 100 * MINUTE, 10, Reason::ExitCode)
            .outage(12 * DAY, 140 * MINUTE, 9, Reason::Timeout)
            .outage(6 * DAY, 205 * MINUTE, 10, Reason::ExitCode),
        new("payments", "checkout")
            .of("99.95", "A customer can pay.")
            .outage(26 * DAY, 10 * MINUTE, 5, Reason::Status)
            .outage(2 * DAY + 4 * HOUR, 25 * MINUTE, 10, Reason::Status)
            .outage(5 * HOUR, 10 * MINUTE, 7, Reason::TooSlow),
        new("payments", "refunds").of("99", "A refund is booked within a minute.").outage(
            40 * MINUTE,
            40 * MINUTE,
            8,
            Reason::TooSlow,
        ),
        new("search", "results")
            .of("99.9", "A search finds something within 500 ms.")
            .outage(14 * DAY, 35 * MINUTE, 10, Reason::Body)
            .outage(4 * DAY, 5 * MINUTE, 2, Reason::TooSlow),
        new("search", "suggestions").of("99", "Suggestions while typing.").watched(40 * DAY, 3 * HOUR).outage(
            8 * DAY,
            HOUR,
            10,
            Reason::Timeout,
        ),
        new("mail", "delivery").of("99.99", "A message is delivered within five minutes.").never_watched(),
    ]
}

/// As many promises as asked for, of services with a dozen each; every 25th is in trouble of some kind.
pub(super) fn many(count: usize) -> Vec<Promise> {
    let promise = |number: usize| {
        let kept = Promise::new(&format!("service-{:02}", number / 12), &format!("promise-{number:03}"))
            .of("99", "What a customer of this service came for.")
            .watched(2 * DAY, 0);
        let some = i64::try_from(number % 7).expect("a few");
        match number % 25 {
            3 => kept.outage(30 * HOUR, 9 * HOUR, 10, Reason::Status),
            8 => kept.outage(50 * MINUTE, 50 * MINUTE, 6, Reason::TooSlow),
            13 if number.is_multiple_of(2) => kept.watched(2 * DAY, 5 * HOUR),
            _ if number.is_multiple_of(3) => kept.outage((5 + some) * HOUR, 10 * MINUTE, some, Reason::Timeout),
            _ => kept,
        }
    };
    (0..count).map(promise).collect()
}
