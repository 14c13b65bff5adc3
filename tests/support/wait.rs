//! Waiting for something to become true, with a deadline.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks again and again until `look` finds something, and returns it.
///
/// # Panics
/// If nothing is found `within` this time, with `what` was awaited and what `explain` has to say.
#[track_caller]
pub(crate) fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Option<T>,
    explain: impl FnOnce() -> String,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {within:?} in vain for {what}\n{}", explain());
        std::thread::sleep(PAUSE);
    }
}

#[test]
fn finds_what_comes_late() {
    let mut looks = 0;
    let found = until(
        "the third look",
        Duration::from_secs(5),
        || {
            looks += 1;
            (looks == 3).then_some(looks)
        },
        String::new,
    );
    assert_eq!(found, 3);
}

#[test]
#[should_panic(expected = "in vain for a miracle\nthe log says no")]
fn gives_up_with_an_explanation() {
    until("a miracle", Duration::from_millis(60), || None::<()>, || "the log says no".into());
}
