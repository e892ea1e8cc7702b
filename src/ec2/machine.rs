//! What is known about the machine, shared by who finds out and who uses it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::process::Facts;

/// What is known about the machine.
#[derive(Debug, Clone, Default)]
pub struct MachineFacts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Written whole or not at all.
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    facts: Option<Facts>,
    /// Somebody tried to find out, with whatever result.
    tried: bool,
}

impl MachineFacts {
    /// What is known.
    #[must_use]
    pub fn known(&self) -> Option<Facts> {
        self.0.state.lock().facts.clone()
    }

    /// Takes what was found out; `None` leaves what was known before.
    pub fn tell(&self, facts: Option<Facts>) {
        let mut state = self.0.state.lock();
        state.tried = true;
        if facts.is_some() {
            state.facts = facts;
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Waits for the first attempt to end, so that the first record has its metadata; at most
    /// this long. Not for the data path.
    pub(crate) fn wait_for_first_attempt(&self, longest: Duration) {
        let mut state = self.0.state.lock();
        self.0.changed.wait_while_for(&mut state, |state| !state.tried, longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_failed_leaves_what_was_known() {
        let machine = MachineFacts::default();
        machine.wait_for_first_attempt(Duration::ZERO);
        let facts = Facts::default();
        machine.tell(Some(Arc::clone(&facts)));
        machine.tell(None);
        machine.wait_for_first_attempt(Duration::from_hours(1));
        assert_eq!(machine.known(), Some(facts));
    }
}
