//! The uplink: failures while the prober is cut off are skips, and nothing else is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burndown::probe::{Grace, Recorder, Scheduler};
use burndown::spec::model::Fleet;
use rustls::RootCertStore;
use tokio::net::{TcpListener, TcpSocket};

use super::program::{Program, body, wait_for};
use super::{Notebook, prober};
use crate::support::target::{Act, Target, answers};

/// A file with an uplink.
fn file(uplink: &str, probes: &str) -> String {
    format!("{}uplink: {uplink}\n", super::file(probes))
}

/// An address that nobody else is given while it is held, and at which nobody listens yet.
struct Reserved(TcpSocket);

impl Reserved {
    fn new() -> Self {
        Self(Self::bound("127.0.0.1:0".parse().expect("an address")))
    }

    fn bound(address: SocketAddr) -> TcpSocket {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Two sockets may have the same address as long as only one of them listens.
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(address).expect("binds");
        socket
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("is bound")
    }

    fn listen(&self) -> TcpListener {
        Self::bound(self.address()).listen(64).expect("listens")
    }
}

fn fleet(uplink: &str, probes: &str) -> Fleet {
    let loaded = burndown::spec::load_text("shop.yaml", &file(uplink, probes));
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    loaded.fleet
}

fn start(fleet: &Fleet) -> (Scheduler, Arc<Notebook>) {
    let notebook = Arc::new(Notebook::default());
    let recorder: Arc<dyn Recorder> = notebook.clone();
    (Scheduler::start(fleet, Arc::new(prober(RootCertStore::empty())), recorder), notebook)
}

fn http(name: &str, time: &str, url: &str) -> String {
    format!("  - {{name: {name}, interval: {time}, timeout: {time}, http: {{url: \"{url}\"}}}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_counts_while_any_target_answers_and_is_skipped_while_none_does() {
    let good = Target::plain(answers(200, "ok")).await;
    let [bad, other, gateway] = [Reserved::new(), Reserved::new(), Reserved::new()];
    let listener = gateway.listen();
    let (bad, others) = (bad.address(), format!("\"{}\", \"{}\"", other.address(), gateway.address()));
    let uplink = format!("{{targets: [{others}], timeout: 500ms}}");
    let probes =
        http("first", "100ms", &format!("http://{bad}/")) + &http("good", "100ms", good.url("http", "/").as_str());
    let (scheduler, notebook) = start(&fleet(&uplink, &probes));
    let count = |probe: &str, word: &str| notebook.times(probe, word).len();

    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(count("first", "connect") >= 5);
    assert_eq!(count("first", "uplink"), 0);

    drop(listener);
    // An answer of a moment ago may still hold.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (failed, skipped) = (count("first", "connect"), count("first", "uplink"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(count("first", "connect"), failed, "nothing counts while the uplink is down");
    assert!(count("first", "uplink") >= skipped + 5);
    assert_eq!((count("good", "uplink"), count("good", "connect")), (0, 0), "a success stays a success");
    assert!(count("good", "success") >= 15);

    let _back = gateway.listen();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let failed = count("first", "connect");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(count("first", "connect") >= failed + 5, "failures count again");
    scheduler.stop(Grace::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_a_silent_uplink_makes_no_run_late() {
    // A queue of no length takes one connection; what comes then is neither accepted nor refused.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("binds");
    let silent = socket.listen(0).expect("listens");
    let address = silent.local_addr().expect("is bound");
    let _queued = tokio::net::TcpStream::connect(address).await.expect("the first is queued");
    let blocked = tokio::time::timeout(Duration::from_millis(300), tokio::net::TcpStream::connect(address)).await;
    assert!(blocked.is_err(), "the second waits");

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
    let [bad, gateway] = [Reserved::new(), Reserved::new()];
    let bad = bad.address();
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

    let _back = gateway.listen();
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
