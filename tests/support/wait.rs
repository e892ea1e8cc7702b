//! Waiting in tests: for an event, with a deadline, through one helper.

use std::time::{Duration, Instant};

/// How often a condition without a notification is polled.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until `met` holds.
///
/// # Panics
/// When it does not within `timeout`; `what` and what `describe` adds say what was waited for.
pub fn wait_until(
    what: &str,
    timeout: Duration,
    mut met: impl FnMut() -> bool,
    describe: impl Fn() -> String,
) {
    let deadline = Instant::now() + timeout;
    while !met() {
        assert!(Instant::now() < deadline, "no {what} within {timeout:?}\n{}", describe());
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Lets time pass between two writes. It paces a load; nothing is waited for here.
pub fn pace(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) {
        std::thread::park_timeout(left);
    }
}
