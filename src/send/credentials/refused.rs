//! Credentials that a service refuses before they end: of a role that was replaced, of a session
//! that was revoked. Whoever made them may have others.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_credential_types::Credentials;
use parking_lot::Mutex;

/// So many are remembered, the newest ones; a process has one or two for each role.
const REMEMBERED_MAX: usize = 64;

/// Those of all roles. Whoever sends adds to them, whoever asks for credentials looks at them.
#[derive(Clone, Default)]
pub(in crate::send) struct Refused(Arc<Mutex<VecDeque<String>>>);

impl Refused {
    /// A service does not take these.
    pub(in crate::send) fn add(&self, credentials: &Credentials) {
        let mut ids = self.0.lock();
        let id = credentials.access_key_id();
        if ids.iter().all(|known| known != id) {
            ids.push_back(id.to_owned());
            if ids.len() > REMEMBERED_MAX {
                ids.pop_front();
            }
        }
    }

    /// A service takes these after all, as where a clock was wrong.
    pub(in crate::send) fn remove(&self, credentials: &Credentials) {
        let mut ids = self.0.lock();
        if !ids.is_empty() {
            ids.retain(|id| id != credentials.access_key_id());
        }
    }

    /// Whether a service did not take these. Each session has a key id of its own.
    pub(super) fn has(&self, credentials: &Credentials) -> bool {
        self.0.lock().iter().any(|id| id == credentials.access_key_id())
    }
}

kinetail_base::debug_only!(Refused {});
