//! The uplink: failures while the prober is cut off are skips, and nothing else is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burndown::probe::{Grace, Prober, Recorder, Resolver, Scheduler};
use burndown::spec::model::Fleet;
use rustls::RootCertStore;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::program::{Program, body, wait_for};
use super::{Notebook, prober};
use crate::support::target::{Act, Target, answers, refusing};

/// A file with an uplink.
fn file(uplink: &str, probes: &str) -> String {
    format!("{}uplink: {uplink}\n", super::file(probes))
}

/// A reference target that answers, or is as silent as one that cannot be reached: its queue is full, so that a
/// connection is neither accepted nor refused.
struct Gateway {
    listener: Arc<TcpListener>,
    queued: Vec<TcpStream>,
    answering: Option<AbortOnDropHandle<()>>,
}

impl Gateway {
    async fn silent() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("binds");
        let listener = Arc::new(socket.listen(0).expect("listens"));
        let mut gateway = Self { listener, queued: Vec::new(), answering: None };
        gateway.fall_silent().await;
        gateway
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("is bound")
    }

    fn answer(&mut self) {
        let listener = Arc::clone(&self.listener);
        let answering = async move { while listener.accept().await.is_ok() {} };
        self.answering = Some(AbortOnDropHandle::new(tokio::spawn(answering)));
    }

    async fn fall_silent(&mut self) {
        self.answering = None;
        let patience = Duration::from_millis(300);
        while let Ok(queued) = timeout(patience, TcpStream::connect(self.address())).await {
            self.queued.push(queued.expect("is queued"));
        }
    }
}

fn fleet(uplink: &str, probes: &str) -> Fleet {
    let loaded = burndown::spec::load_text("shop.yaml", &file(uplink, probes));
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    loaded.fleet
}

fn start(fleet: &Fleet) -> (Scheduler, Arc<Notebook>) {
    start_with(prober(RootCertStore::empty()), fleet)
}

fn start_with(prober: Prober, fleet: &Fleet) -> (Scheduler, Arc<Notebook>) {
    let notebook = Arc::new(Notebook::default());
    let recorder: Arc<dyn Recorder> = notebook.clone();
    (Scheduler::start(fleet, Arc::new(prober), recorder), notebook)
}

fn http(name: &str, time: &str, url: &str) -> String {
    format!("  - {{name: {name}, interval: {time}, timeout: {time}, http: {{url: \"{url}\"}}}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_counts_while_any_target_answers_and_is_skipped_while_none_does() {
    let good = Target::plain(answers(200, "ok")).await;
    let (bad, other, mut gateway) = (refusing().await, Gateway::silent().await, Gateway::silent().await);
    gateway.answer();
    let others = format!("\"{}\", \"{}\"", other.address(), gateway.address());
    let uplink = format!("{{targets: [{others}], timeout: 200ms}}");
    let probes =
        http("first", "100ms", &format!("http://{bad}/")) + &http("good", "100ms", good.url("http", "/").as_str());
    let (scheduler, notebook) = start(&fleet(&uplink, &probes));
    let count = |probe: &str, word: &str| notebook.times(probe, word).len();

    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(count("first", "connect") >= 5);
    assert_eq!(count("first", "uplink"), 0);

    gateway.fall_silent().await;
    // An answer of a moment ago may still hold.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (failed, skipped) = (count("first", "connect"), count("first", "uplink"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(count("first", "connect"), failed, "nothing counts while the uplink is down");
    assert!(count("first", "uplink") >= skipped + 5);
    assert_eq!((count("good", "uplink"), count("good", "connect")), (0, 0), "a success stays a success");
    assert!(count("good", "success") >= 15);

    gateway.answer();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let failed = count("first", "connect");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(count("first", "connect") >= failed + 5, "failures count again");
    scheduler.stop(Grace::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_refuses_is_there_and_names_are_looked_up_as_those_of_probes() {
    let (bad, port) = (refusing().await, refusing().await.port());
    let directory = tempfile::tempdir().expect("a directory");
    let [resolv_conf, hosts] = ["resolv.conf", "hosts"].map(|name| directory.path().join(name));
    std::fs::write(&resolv_conf, "").expect("writes");
    std::fs::write(&hosts, "127.0.0.1 gateway.invalid\n").expect("writes");
    for (target, word) in [
        (format!("127.0.0.1:{port}"), "connect"),
        (format!("gateway.invalid:{port}"), "connect"),
        (format!("nobody.invalid:{port}"), "uplink"),
        // Nobody can be at the broadcast address.
        (format!("255.255.255.255:{port}"), "uplink"),
    ] {
        let prober =
            prober(RootCertStore::empty()).resolving_by(Resolver::of_files(resolv_conf.clone(), hosts.clone()));
        let uplink = format!("{{targets: ['{target}'], timeout: 300ms}}");
        let probes = http("first", "100ms", &format!("http://{bad}/"));
        let (scheduler, notebook) = start_with(prober, &fleet(&uplink, &probes));
        tokio::time::sleep(Duration::from_secs(1)).await;
        scheduler.stop(Grace::default()).await;
        let counts = ["connect", "uplink"].map(|word| (word, notebook.times("first", word).len()));
        for (found, count) in counts {
            assert_eq!(count >= 5, found == word, "{target}: {counts:?}");
            assert_eq!(count == 0, found != word, "{target}: {counts:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_a_silent_uplink_makes_no_run_late() {
    let silent = Gateway::silent().await;
    let address = silent.address();
    let hanging = Target::plain(vec![Act::Hang]).await;
    // The run ends at its wall, just when the next is due, and the uplink is asked for 900 ms after that.
    let probes = http("first", "1s", hanging.url("http", "/").as_str());
    let (scheduler, notebook) = start(&fleet(&format!("{{targets: [\"{address}\"], timeout: 900ms}}"), &probes));
    tokio::time::sleep(Duration::from_secs(8)).await;
    let skipped = notebook.times("first", "uplink");
    assert!((4..=7).contains(&skipped.len()), "{}", skipped.len());
    assert_eq!(notebook.times("first", "overrun"), []);
    assert_eq!(notebook.times("first", "timeout"), []);
    assert!(hanging.connections() >= skipped.len());
    scheduler.stop(Grace::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_loud_when_it_acts_and_silent_unless_it_is_given() {
    let (bad, mut gateway) = (refusing().await, Gateway::silent().await);
    let probes = http("first", "200ms", &format!("http://{bad}/"));
    let without = Program::start(&probes, &[], &[]);
    let uplink = format!("{{targets: [\"{}\"], timeout: 300ms}}", gateway.address());
    let program = Program::start_file(&file(&uplink, &probes), &[], &[]);
    let gauge = "slo_probe_uplink_up{slo_service=\"shop\"}";
    let skips = "slo_probe_skipped_total{slo_service=\"shop\",probe=\"first\",reason=\"uplink\"}";
    let line = wait_for(&program.log, "the uplink is down");
    assert!(line.contains("ERROR") && line.contains("service=shop"), "{line}");
    let line = wait_for(&program.log, "skipped probe=shop/first");
    assert!(line.contains("the run had failed: connect"), "{line}");
    assert_eq!(program.value(gauge), Some(0.0));
    // A skip is shown once the history has kept it.
    let deadline = Instant::now() + Duration::from_secs(5);
    while program.value(skips) == Some(0.0) {
        assert!(Instant::now() < deadline, "no skip was ever shown");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(program.value(skips).is_some_and(|count| count >= 1.0));
    assert_eq!(program.value("slo_probe_attempts_total{slo_service=\"shop\",probe=\"first\"}"), Some(0.0));
    for path in ["/probes", "/probes/shop/first"] {
        assert!(body(&program.get(path, "")).contains("The uplink of shop is down"), "{path}");
    }
    let list = super::program::json(&program.get("/api/v1/probes", ""));
    assert_eq!(list["uplinks_down"], serde_json::json!(["shop"]));
    assert_eq!((&list["probes"][0]["state"], &list["probes"][0]["reason"]), (&"skipped".into(), &"uplink".into()));

    gateway.answer();
    wait_for(&program.log, "the uplink is back");
    assert_eq!(program.value(gauge), Some(1.0));
    let deadline = Instant::now() + Duration::from_secs(5);
    while program.value("slo_probe_attempts_total{slo_service=\"shop\",probe=\"first\"}") == Some(0.0) {
        assert!(Instant::now() < deadline, "failures never counted again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!body(&program.get("/probes", "")).contains("is down"));

    assert_eq!((without.value(gauge), without.value(skips)), (None, None));
    assert!(
        without
            .value("slo_probe_attempts_total{slo_service=\"shop\",probe=\"first\"}")
            .is_some_and(|count| count > 0.0)
    );
}
