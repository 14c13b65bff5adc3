//! The timeout is a wall: once for each protocol on real sockets, each alone, within 250 ms of its time.
//!
//! The tests of this group share a lock, so that none competes with another for the processor.

use std::sync::Arc;
use std::time::Duration;

use burndown::probe::outcome::Outcome;
use rustls::RootCertStore;
use tokio::sync::Mutex;

use super::{MARGIN, run_kind, words};
use crate::support::servers::{DnsServer, Server, hang, say};
use crate::support::target::Authority;

/// Held by the test of this group that is running.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The timeout of every run here.
const WALL: Duration = Duration::from_secs(1);

fn assert_wall(outcome: &Outcome, phase: &str) {
    let expected = format!("not done within 1s, in phase {phase}");
    let (word, detail) = words(&outcome.verdict);
    assert!(word == "timeout" && detail.starts_with(&expected), "{outcome:?}");
    assert!((WALL..WALL + MARGIN).contains(&outcome.duration), "{outcome:?}");
}

/// A target that says one byte every 20 ms and never ends.
async fn trickle() -> Server {
    Server::start(|mut stream| async move {
        loop {
            say(&mut stream, "x").await;
            if stream.peek(&mut [0; 1]).now_or_never_closed() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// Whether a future is ready at once and says that the other side has closed.
trait NowOrNeverClosed {
    fn now_or_never_closed(self) -> bool;
}

impl<F: Future<Output = std::io::Result<usize>>> NowOrNeverClosed for F {
    fn now_or_never_closed(self) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        matches!(std::pin::pin!(self).poll(&mut context), std::task::Poll::Ready(Ok(0) | Err(_)))
    }
}

#[tokio::test(start_paused = true)]
async fn time_alone_ends_every_run() {
    let silent = silent().await;
    let dns = DnsServer::start(Arc::new(|_: &[u8], _| vec![])).await;
    let roots = Authority::new().roots();
    for kind in [
        format!("tcp: {{address: \"{}\", exchange: [{{expect: a}}]}}", silent.address),
        format!("tls: {{address: \"{}\"}}", silent.address),
        format!("dns: {{server: \"{}\", name: a.example}}", dns.address),
        format!("dns: {{server: \"{}\", transport: tcp, name: a.example}}", silent.address),
        format!("dns: {{server: \"{}\", transport: tls, name: a.example}}", silent.address),
        format!("grpc: {{address: \"{}\"}}", silent.address),
        format!("grpc: {{address: \"{}\", tls: true}}", silent.address),
    ] {
        let outcome = run_kind(roots.clone(), &kind).await;
        assert_eq!(words(&outcome.verdict).0, "timeout", "{kind}: {outcome:?}");
        assert!((1_000..=1_002).contains(&outcome.duration.as_millis()), "{kind}: {outcome:?}");
    }
}

async fn silent() -> Server {
    Server::start(|mut stream| async move { hang(&mut stream).await }).await
}

#[tokio::test]
async fn tcp() {
    let _alone = ALONE.lock().await;
    let (silent, trickle) = (silent().await, trickle().await);
    let outcome = run_kind(
        RootCertStore::empty(),
        &format!("tcp: {{address: \"{}\", exchange: [{{expect: a}}]}}", silent.address),
    )
    .await;
    assert_wall(&outcome, "processing");
    let outcome = run_kind(
        RootCertStore::empty(),
        &format!("tcp: {{address: \"{}\", exchange: [{{expect: a}}]}}", trickle.address),
    )
    .await;
    assert_wall(&outcome, "transfer");
}

#[tokio::test]
async fn tls() {
    let _alone = ALONE.lock().await;
    let silent = silent().await;
    let outcome = run_kind(Authority::new().roots(), &format!("tls: {{address: \"{}\"}}", silent.address)).await;
    assert_wall(&outcome, "tls");
}

#[tokio::test]
async fn dns() {
    let _alone = ALONE.lock().await;
    let silent = DnsServer::start(Arc::new(|_: &[u8], _| vec![])).await;
    let noisy = DnsServer::start(Arc::new(|_: &[u8], _| vec![b"noise".to_vec(); 1000])).await;
    let stuck = self::silent().await;
    for (address, transport, phase) in [
        (silent.address, "udp", "processing"),
        (noisy.address, "udp", "processing"),
        (stuck.address, "tcp", "processing"),
        (stuck.address, "tls", "tls"),
    ] {
        let kind = format!("dns: {{server: \"{address}\", transport: {transport}, name: a.example}}");
        assert_wall(&run_kind(Authority::new().roots(), &kind).await, phase);
    }
}

#[tokio::test]
async fn grpc() {
    let _alone = ALONE.lock().await;
    let silent = silent().await;
    let outcome = run_kind(RootCertStore::empty(), &format!("grpc: {{address: \"{}\"}}", silent.address)).await;
    assert_wall(&outcome, "processing");
}

#[tokio::test]
async fn journey() {
    let _alone = ALONE.lock().await;
    let outcome = run_kind(RootCertStore::empty(), "journey: {steps: [{name: one, run: [sleep, '9']}]}").await;
    assert_eq!(words(&outcome.verdict), ("timeout", "step `one`: `sleep` did not end within 1s"));
    assert!((WALL..WALL + MARGIN).contains(&outcome.duration), "{outcome:?}");
}

#[tokio::test]
async fn http() {
    let _alone = ALONE.lock().await;
    let silent = silent().await;
    let outcome = run_kind(RootCertStore::empty(), &format!("http: {{url: \"http://{}/\"}}", silent.address)).await;
    assert_wall(&outcome, "processing");
}
