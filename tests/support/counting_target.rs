//! A target that works or fails as told, and counts what it answered.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::listener::{Listener, Reply};

/// The target. `/` answers 200 and `ok`, or 500 while it is broken.
pub(crate) struct CountingTarget {
    server: Listener,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    broken: AtomicBool,
    /// When each answer was sent, and whether it was 200.
    answers: Mutex<Vec<(SystemTime, bool)>>,
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
                told.answers.lock().unwrap().push((SystemTime::now(), reply.status == 200));
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
    pub(crate) fn good(&self) -> usize {
        self.times(true).len()
    }

    /// How often it answered 500.
    pub(crate) fn bad(&self) -> usize {
        self.times(false).len()
    }

    /// When it answered 200, or when it answered 500, in order.
    pub(crate) fn times(&self, good: bool) -> Vec<SystemTime> {
        let answers = self.state.answers.lock().unwrap();
        answers.iter().filter(|(_, was_good)| *was_good == good).map(|(time, _)| *time).collect()
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
