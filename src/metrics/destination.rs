//! What the status page tells of a flow's destination alongside its health: where it is, who asks,
//! and when what happened last. The sender writes, the admin port reads.
//!
//! One lock, held for a few assignments a request and never across a wait.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Instant;

use parking_lot::Mutex;

/// Where requests go, and with which identity. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The URL, with the port.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Where the credentials come from.
    pub credentials: String,
}

/// A failure that a request or a record came back with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Instant,
    /// The service's code, or ours.
    pub code: String,
    /// The words that go with it.
    pub message: String,
}

/// What is known at one moment.
#[derive(Debug, Clone, Default)]
pub struct DestinationView {
    /// When the health that was told last began; `None` if it has been well from the start.
    pub since: Option<Instant>,
    /// When the service last took every record of a request.
    pub last_success: Option<Instant>,
    /// The last failure, also if it is over.
    pub last_error: Option<LastError>,
    /// Since when each request fails in some of its records.
    pub records_fail_since: Option<Instant>,
    /// When the next request is made, if the sender waits.
    pub next_try: Option<Instant>,
    /// Since when the oldest request has had no answer.
    pub waiting_since: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    view: DestinationView,
    /// Requests without an answer, by batch.
    waiting: BTreeMap<u64, Instant>,
    /// Batches that wait for their next try.
    tries: BTreeMap<u64, Instant>,
}

/// The state of one flow's destination.
#[derive(Debug, Default)]
pub struct DestinationState {
    place: OnceLock<Place>,
    /// Consistent between any two statements, so a panic elsewhere does not spoil it.
    state: Mutex<State>,
}

impl DestinationState {
    /// Says where it is. Only the first call counts.
    pub(crate) fn set_place(&self, place: Place) {
        self.place.get_or_init(|| place);
    }

    /// Where it is, as far as that is known.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.place.get()
    }

    /// A request of a batch is made.
    pub fn on_request(&self, batch: u64, now: Instant) {
        let mut state = self.state.lock();
        state.tries.remove(&batch);
        state.waiting.insert(batch, now);
    }

    /// A request of a batch is over: a response, an error, or it is no longer awaited.
    pub(crate) fn on_end(&self, batch: u64) {
        self.state.lock().waiting.remove(&batch);
    }

    /// The service took every record of a request.
    pub fn on_success(&self, now: Instant) {
        let view = &mut self.state.lock().view;
        (view.last_success, view.records_fail_since) = (Some(now), None);
    }

    /// A request failed as a whole.
    pub(crate) fn on_error(&self, code: &str, message: &str, now: Instant) {
        let (code, message) = (code.to_owned(), message.to_owned());
        self.state.lock().view.last_error = Some(LastError { at: now, code, message });
    }

    /// A request was let in and the service did not take some of its records.
    pub(crate) fn on_record_errors(&self, code: &str, message: &str, now: Instant) {
        self.on_error(code, message, now);
        self.state.lock().view.records_fail_since.get_or_insert(now);
    }

    /// A batch makes no request before this.
    pub(crate) fn on_wait(&self, batch: u64, until: Instant) {
        self.state.lock().tries.insert(batch, until);
    }

    /// A batch is done, or given up.
    pub fn forget(&self, batch: u64) {
        let mut state = self.state.lock();
        state.waiting.remove(&batch);
        state.tries.remove(&batch);
    }

    /// Another health is told from now on.
    pub(crate) fn on_health(&self, now: Instant) {
        self.state.lock().view.since = Some(now);
    }

    /// What is known now.
    #[must_use]
    pub(crate) fn view(&self) -> DestinationView {
        let state = self.state.lock();
        DestinationView {
            next_try: state.tries.values().min().copied(),
            waiting_since: state.waiting.values().min().copied(),
            ..state.view.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_request_and_the_next_try_are_told() {
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let state = DestinationState::default();
        state.on_request(1, now);
        state.on_request(2, after(1));
        assert_eq!(state.view().waiting_since, Some(now));
        state.on_end(1);
        state.on_wait(1, after(9));
        assert_eq!(state.view().waiting_since, Some(after(1)));
        assert_eq!(state.view().next_try, Some(after(9)));
        state.on_request(1, after(9));
        assert_eq!(state.view().next_try, None, "it is made");
        state.forget(1);
        state.forget(2);
        assert_eq!(state.view().waiting_since, None);
    }

    #[test]
    fn records_that_fail_are_a_trouble_until_all_of_a_request_are_taken() {
        let now = Instant::now();
        let state = DestinationState::default();
        state.on_record_errors("SlowDown", "slower", now);
        state.on_record_errors("SlowDown", "slower", now + Duration::from_secs(1));
        assert_eq!(state.view().records_fail_since, Some(now));
        state.on_success(now + Duration::from_secs(2));
        let view = state.view();
        assert_eq!(view.records_fail_since, None);
        assert_eq!(view.last_error.map(|error| error.at), Some(now + Duration::from_secs(1)));
    }
}
