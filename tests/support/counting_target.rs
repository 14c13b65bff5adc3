//! A target that works or fails as told, and counts what it answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::listener::{Listener, Reply};

/// The target. `/` answers 200 and `ok`, or 500 while it is broken.
pub(crate) struct CountingTarget {
    server: Listener,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    broken: AtomicBool,
    good: AtomicU64,
    bad: AtomicU64,
}

impl CountingTarget {
    /// A target that works.
    pub(crate) fn start() -> Self {
        let state = Arc::new(State::default());
        let (asked, told) = (Arc::clone(&state), Arc::clone(&state));
        let server = Listener::start(
            move |_| {
                if asked.broken.load(Ordering::SeqCst) {
                    Reply::text(500, "broken\n")
                } else {
                    Reply::text(200, "ok\n")
                }
            },
            move |reply| {
                let counter = if reply.status == 200 { &told.good } else { &told.bad };
                counter.fetch_add(1, Ordering::SeqCst);
            },
        );
        Self { server, state }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The address as a probe's `url`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address())
    }

    /// Makes it fail from now on.
    pub(crate) fn break_it(&self) {
        self.state.broken.store(true, Ordering::SeqCst);
    }

    /// Makes it work from now on.
    pub(crate) fn mend_it(&self) {
        self.state.broken.store(false, Ordering::SeqCst);
    }

    /// How often it answered 200.
    pub(crate) fn good(&self) -> u64 {
        self.state.good.load(Ordering::SeqCst)
    }

    /// How often it answered 500.
    pub(crate) fn bad(&self) -> u64 {
        self.state.bad.load(Ordering::SeqCst)
    }
}

#[test]
fn counts_what_it_answers() {
    let target = CountingTarget::start();
    let status = || super::http::get(target.address(), "/", &[]).unwrap().status;
    assert_eq!(status(), 200);
    target.break_it();
    assert_eq!((status(), status()), (500, 500));
    target.mend_it();
    assert_eq!(status(), 200);
    let counts = || ((target.good(), target.bad()) == (2, 2)).then_some(());
    super::wait::until("the last count", std::time::Duration::from_secs(5), counts, || target.url());
}
